#include "direct.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 4096 };

static void read_password(char *ret, size_t size)
{
    FILE *file = fopen(cluster_env("AGDB_TEST_PASSWORD_FILE"), "re");

    assert_non_null(file);
    assert_non_null(fgets(ret, (int)size, file));
    fclose(file);
    ret[strcspn(ret, "\n")] = '\0';
}

static void ignore_notice(void *user, const PGresult *notice)
{
    (void)user;
    (void)notice;
}

static const char *database_of(const cluster_node_t *node)
{
    return strcmp(node->keyspace, "core") == 0 ? cluster_env("AGDB_TEST_DBNAME") : node->keyspace;
}

/* `how`: the keyword of `secret`. */
static PGconn *open_as(const cluster_node_t *node, const char *database, const char *host,
                       const char *user, const char *how, const char *secret)
{
    char port[16];
    const char *const keys[] = {
        "host", "port", "user", how, "dbname", "sslmode", "application_name", NULL};
    const char *const values[] = {host, port, user, secret, database, "disable", "direct", NULL};
    PGconn *pg;

    snprintf(port, sizeof port, "%d", node->port);
    pg = PQconnectdbParams(keys, values, 0);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s: %s", node->name, PQerrorMessage(pg));
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    return pg;
}

PGconn *direct_open(const cluster_node_t *node)
{
    return direct_open_database(node, database_of(node));
}

PGconn *direct_open_database(const cluster_node_t *node, const char *database)
{
    char password[256];

    read_password(password, sizeof password);
    return open_as(node, database, node->host, cluster_env("AGDB_TEST_USER"), "password", password);
}

PGconn *direct_open_admin(const cluster_node_t *node)
{
    return open_as(node, database_of(node), node->socket, cluster_env("AGDB_TEST_ADMIN"),
                   "passfile", cluster_env("AGDB_TEST_PGPASS"));
}

static PGresult *run(PGconn *pg, const char *format, va_list args) AGDB_PRINTF(2, 0);

static PGresult *run(PGconn *pg, const char *format, va_list args)
{
    char sql[SQL_MAX];
    PGresult *res;
    int n = vsnprintf(sql, sizeof sql, format, args);

    assert_true(n >= 0 && n < SQL_MAX);
    res = PQexec(pg, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    return res;
}

void direct_do(PGconn *pg, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    PQclear(run(pg, format, args));
    va_end(args);
}

static char *first_value(PGresult *take_res)
{
    char *copy = strdup(PQntuples(take_res) > 0 ? PQgetvalue(take_res, 0, 0) : "");

    assert_non_null(copy);
    PQclear(take_res);
    return copy;
}

char *direct_text(PGconn *pg, const char *format, ...)
{
    char *value;
    va_list args;

    va_start(args, format);
    value = first_value(run(pg, format, args));
    va_end(args);
    return value;
}

long long direct_number(PGconn *pg, const char *format, ...)
{
    char *value;
    long long number;
    va_list args;

    va_start(args, format);
    value = first_value(run(pg, format, args));
    va_end(args);
    number = strtoll(value, NULL, 10);
    free(value);
    return number;
}

void direct_stream(PGconn *pg, const char *sql, void (*take)(void *user, long long value),
                   void *user)
{
    PGresult *res;

    if (PQsendQuery(pg, sql) != 1 || PQsetSingleRowMode(pg) != 1)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    while ((res = PQgetResult(pg)) != NULL) {
        if (PQresultStatus(res) != PGRES_SINGLE_TUPLE && PQresultStatus(res) != PGRES_TUPLES_OK)
            fail_msg("%s: %s", sql, PQerrorMessage(pg));
        if (PQntuples(res) == 1)
            take(user, strtoll(PQgetvalue(res, 0, 0), NULL, 10));
        PQclear(res);
    }
}

void direct_set_durable(PGconn *pg, bool durable)
{
    direct_do(pg, "ALTER ROLE %s SET synchronous_commit = %s", cluster_env("AGDB_TEST_USER"),
              durable ? "DEFAULT" : "off");
}
