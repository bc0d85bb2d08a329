/* The map of a sizing. As in the shipped maps hosts are variables with a loopback default, here one
 * address for each server, so that it loads, and boots locally, before there are any servers. */
#include "cli/sizing.h"

typedef unsigned long long ull;

typedef struct shard_name {
    const char *keyspace; /* "core" */
    const char *suffix;   /* "-01"; "" */
    const char *variable; /* "DB_CORE_01" */
    uint64_t number;      /* from 1, of all */
} shard_name_t;

static void add_head(const cli_sizing_t *s, cli_buf_t *out)
{
    cli_buf_text(out, "agencydb: 1\nepoch: 1\n");
    cli_buf_format(out, "hash: { algorithm: xxh3_64, slots: %llu } # for life\n", (ull)s->slots);
    if (s->tier == CLI_TIER_LARGE)
        cli_buf_text(out, "default_keyspace: core\n");
    cli_buf_text(out,
                 "\n"
                 "defaults:\n"
                 "  connection:\n"
                 "    user: agency_app\n"
                 "    dbname: agency\n"
                 "    # On other machines than this one TLS has to be checked:\n"
                 "    #   sslmode: verify-full\n"
                 "    #   sslrootcert: /etc/agencydb/ca.crt\n"
                 "    sslmode: \"${DB_SSLMODE:-prefer}\"\n"
                 "    password_file: \"${AGENCYDB_PASSWORD_FILE:-.secrets/agency.password}\"\n");
    cli_buf_format(out, "  pool: { min: 1, max: %llu }\n", (ull)s->pool_max);
}

static void add_node(const cli_sizing_t *s, const shard_name_t *name, uint64_t node, cli_buf_t *out)
{
    char letter = (char)('a' + node);
    char zone = (char)('a' + node % 3);

    cli_buf_format(out,
                   "          - { name: %s%s%s%c, host: \"${%s%c:-127.%llu.%llu.%llu}\"%s, zone: "
                   "%c }\n",
                   name->keyspace, name->suffix, name->suffix[0] != '\0' ? "" : "-", letter,
                   name->variable, (char)('A' + node), (ull)(name->number / 256),
                   (ull)(name->number % 256), (ull)(node + 1), s->bouncer ? ", port: 6432" : "",
                   zone);
}

static void add_nodes(const cli_sizing_t *s, const shard_name_t *name, uint64_t replicas,
                      cli_buf_t *out)
{
    uint64_t node;

    cli_buf_text(out, "        nodes:\n");
    for (node = 0; node <= replicas; node++)
        add_node(s, name, node, out);
}

static void add_core(const cli_sizing_t *s, cli_buf_t *out)
{
    int digits = (int)strlen(cli_format("%llu", (ull)s->shards));
    uint64_t i;

    for (i = 0; i < s->shards; i++) {
        shard_name_t name = {.keyspace = "core", .number = i + 1};
        /* names are ordered by their bytes: with as many digits that is the order of the slots */
        name.suffix = cli_format("-%0*llu", digits, (ull)(i + 1));
        name.variable = cli_format("DB_CORE_%0*llu", digits, (ull)(i + 1));
        cli_buf_format(out, "      core%s:\n        slots: [%llu-%llu]\n", name.suffix,
                       (ull)(i * s->shard_slots), (ull)((i + 1) * s->shard_slots - 1));
        add_nodes(s, &name, s->replicas, out);
    }
}

static void add_keyspace(const cli_sizing_t *s, const char *name, cli_buf_t *out)
{
    cli_buf_format(out, "  %s:\n", name);
    if (s->bouncer)
        cli_buf_text(out, "    via: pgbouncer\n");
}

void cli_sizing_map(const cli_sizing_t *sizing, cli_buf_t *out)
{
    const shard_name_t main_name = {"main", "", "DB_MAIN_", 1};
    const shard_name_t notification = {"notification", "-1", "DB_NOTIFICATION_1",
                                       sizing->shards + 1};

    add_head(sizing, out);
    cli_buf_text(out, "\nkeyspaces:\n");
    add_keyspace(sizing, "core", out);
    if (sizing->tier != CLI_TIER_LARGE) {
        cli_buf_text(out, "    shards:\n      main:\n");
        add_nodes(sizing, &main_name, sizing->replicas, out);
        return;
    }
    cli_buf_text(out, "    shards:\n");
    add_core(sizing, out);
    cli_buf_text(out, "\n");
    add_keyspace(sizing, "notification", out);
    cli_buf_text(out, "    connection: { dbname: notification }\n    shards:\n"
                      "      notification-1:\n");
    add_nodes(sizing, &notification, sizing->notification_servers - 1, out);
}
