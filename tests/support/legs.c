#include "legs.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

void legs_make(size_t count)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *pg = direct_open_admin(&node);
    size_t i;

    for (i = 0; i < count; i++)
        if (direct_number(pg, "SELECT count(*) FROM pg_database WHERE datname = 's%zu'", i) == 0)
            direct_do(pg, "CREATE DATABASE s%zu OWNER %s", i, cluster_env("AGDB_TEST_USER"));
    PQfinish(pg);
}

PGconn *legs_direct(size_t leg)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    char name[16];

    snprintf(name, sizeof name, "s%zu", leg);
    return direct_open_database(&node, name);
}

void legs_do(size_t count, const char *sql)
{
    size_t i;

    for (i = 0; i < count; i++) {
        PGconn *pg = legs_direct(i);

        direct_do(pg, "%s", sql);
        PQfinish(pg);
    }
}

agdb_t *legs_open_moved(size_t count, const char *defaults, size_t leg, int port,
                        const agdb_allocator_t *allocator)
{
    const agdb_options_t options = {
        .struct_size = sizeof options, .allow_unstamped = true, .allocator = allocator};
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    char text[8192];
    size_t len;
    size_t i;

    legs_make(count);
    len = (size_t)snprintf(text, sizeof text,
                           "agencydb: 1\nepoch: 1\n"
                           "defaults:\n  connection: { user: %s, password_file: %s,"
                           " sslmode: disable, insecure: true }\n  %s\n"
                           "keyspaces:\n  core:\n    shards:\n",
                           cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_PASSWORD_FILE"),
                           defaults);
    for (i = 0; i < count; i++)
        len += (size_t)snprintf(
            text + len, sizeof text - len,
            "      s%zu: { region: %s, slots: [%zu-%zu],"
            " nodes: [ { name: n%zu, host: %s, port: %d, connection: { dbname: s%zu } } ] }\n",
            i, i % 2 == 0 ? "east" : "west", i * 4096 / count, (i + 1) * 4096 / count - 1, i,
            node.host, i == leg ? port : node.port, i);
    if (agdb_open_text(text, strlen(text), &options, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

agdb_t *legs_open(size_t count, const char *defaults)
{
    agdb_t *db = legs_open_moved(count, defaults, count, 0, NULL);
    agdb_error_t *error = NULL;

    if (agdb_wait_ready(db, AGDB_READY_ALL, 20000, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}
