/* agencydb init: stamps each shard with the name that the map has for it. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/message.h"
#include "cli/table.h"
#include "cli/targets.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "init",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Stamps each shard with its name, so that mixed-up hosts are noticed",
    .about =
        "Writes keyspace, shard, hash and number of slots into the table agencydb.identity on the\n"
        "primary of each shard, and lets the map's users read it. A client that finds another "
        "stamp\n"
        "than its map says does not use that server. Also makes the table of idempotency keys\n"
        "(agencydb.idempotency). Running it again changes nothing; another\n"
        "stamp is never overwritten. The role must be allowed to create a schema in the database.",
    .examples = "  agencydb init shardmap.yaml\n"
                "  agencydb init --user owner --password-file /run/secrets/owner shardmap.yaml\n"
                "  agencydb init --dry-run --shard west-1 shardmap.yaml",
    .exits = "  0  every shard is stamped (with '--dry-run': could be)\n"
             "  1  one is not; the others are\n"
             "  2  the command line is wrong",
};

typedef struct init_options {
    const char *keyspace;
    const char *shard;
    const char *user;
    const char *password_file;
    uint32_t timeout_ms;
    bool dry_run;
    bool json;
} init_options_t;

/* One shard on its way. */
typedef struct stamp {
    const agdb_map_t *map;
    agdb_t *db;
    const init_options_t *options;
    size_t keyspace_at;
    size_t shard_at;
    const char *keyspace;
    const char *shard;
    const char *node;  /* set: who answered */
    const char *state; /* set: what was done */
    agdb_error_t *err; /* set: why not */
    char *refused;     /* set: the stamp that is there is another one */
} stamp_t;

static bool ask(stamp_t *stamp, agdb_access_t access, const char *sql, const agdb_value_t *params,
                size_t nparams, agdb_result_t **ret)
{
    agdb_request_t request = AGDB_REQUEST_INIT;

    request.keyspace = stamp->keyspace;
    request.shard = stamp->shard;
    request.sql = sql;
    request.params = params;
    request.nparams = nparams;
    request.access = access;
    request.timeout_ms = stamp->options->timeout_ms;
    request.idempotent = true;
    request.tag = "agencydb init";
    agdb_error_clear(&stamp->err);
    if (agdb_query(stamp->db, &request, ret, &stamp->err) != AGDB_OK)
        return false;
    stamp->node = cli_copy(agdb_result_node(*ret));
    return true;
}

/* --- what is there ---------------------------------------------------------------------------- */
typedef enum found {
    FOUND_FAILED,  /* stamp->err says why */
    FOUND_NOTHING, /* no stamp for this keyspace */
    FOUND_SAME,
    FOUND_OTHER /* stamp->refused says which */
} found_t;

static char *text_at(const agdb_result_t *res, size_t col)
{
    const char *text = agdb_result_text(res, 0, col);

    return cli_copy(text != NULL ? text : "");
}

static found_t compare(stamp_t *stamp, const agdb_result_t *res)
{
    char *shard = text_at(res, 0);
    char *hash = text_at(res, 1);
    char *slots = text_at(res, 2);
    char *expected = cli_format("%u", agdb_map_slots(stamp->map));

    if (strcmp(shard, stamp->shard) == 0 && strcmp(hash, "xxh3_64") == 0 &&
        strcmp(slots, expected) == 0)
        return FOUND_SAME;
    stamp->refused = cli_format("it is stamped as shard '%s' of keyspace '%s' (hash %s, %s slots), "
                                "the map says shard '%s' (hash xxh3_64, %s slots); nothing was "
                                "changed",
                                shard, stamp->keyspace, hash, slots, stamp->shard, expected);
    return FOUND_OTHER;
}

/* An answer of one row that begins with true. */
static bool is_true(stamp_t *stamp, const char *sql, const agdb_value_t *params, size_t nparams)
{
    agdb_result_t *res = NULL;
    bool yes = ask(stamp, AGDB_READ, sql, params, nparams, &res) && agdb_result_rows(res) == 1 &&
               strcmp(text_at(res, 0), "t") == 0;

    agdb_result_free(res);
    return yes;
}

static found_t look(stamp_t *stamp)
{
    const agdb_value_t keyspace = agdb_text(stamp->keyspace);
    agdb_result_t *res = NULL;
    found_t found = FOUND_NOTHING;

    if (!is_true(stamp, "SELECT to_regclass('agencydb.identity') IS NOT NULL", NULL, 0))
        return stamp->err != NULL ? FOUND_FAILED : FOUND_NOTHING;
    if (!ask(stamp, AGDB_READ,
             "SELECT shard, hash, slots::text FROM agencydb.identity WHERE keyspace = $1",
             &keyspace, 1, &res))
        return FOUND_FAILED;
    if (agdb_result_rows(res) > 0)
        found = compare(stamp, res);
    agdb_result_free(res);
    return found;
}

/* Whether every user of the map may read the stamp already, and use the other table. */
static bool is_readable(stamp_t *stamp, cli_names_t users)
{
    const agdb_value_t names = agdb_text_array(users.items, users.count);

    return is_true(stamp,
                   "SELECT bool_and(has_schema_privilege(name, 'agencydb', 'USAGE')"
                   " AND has_table_privilege(name, 'agencydb.identity', 'SELECT')"
                   " AND CASE WHEN to_regclass('agencydb.idempotency') IS NULL THEN false"
                   " ELSE has_table_privilege(name, 'agencydb.idempotency', 'SELECT')"
                   " AND has_table_privilege(name, 'agencydb.idempotency', 'INSERT')"
                   " AND has_table_privilege(name, 'agencydb.idempotency', 'UPDATE')"
                   " AND has_table_privilege(name, 'agencydb.idempotency', 'DELETE') END)"
                   " FROM unnest($1::text[]) name",
                   &names, 1);
}

/* --- stamping --------------------------------------------------------------------------------- */
/* One statement, so that a shard is stamped wholly or not at all. The lock makes two that run at
 * the same time take turns; "IF NOT EXISTS" alone lets both create. */
static char *stamp_statement(const stamp_t *stamp, cli_names_t users)
{
    cli_buf_t body = {0};
    size_t i;

    cli_buf_text(&body, "BEGIN"
                        " PERFORM pg_advisory_xact_lock(hashtext('agencydb.identity'));"
                        " IF to_regnamespace('agencydb') IS NULL THEN"
                        "  CREATE SCHEMA IF NOT EXISTS agencydb;"
                        " END IF;"
                        " IF to_regclass('agencydb.identity') IS NULL THEN"
                        "  CREATE TABLE agencydb.identity (keyspace text PRIMARY KEY,"
                        "   shard text NOT NULL, hash text NOT NULL, slots int8 NOT NULL,"
                        "   stamped_at timestamptz NOT NULL DEFAULT now());"
                        " END IF;"
                        " IF to_regclass('agencydb.idempotency') IS NULL THEN"
                        "  CREATE TABLE agencydb.idempotency (agency bytea NOT NULL,"
                        "   key text NOT NULL, fingerprint int8 NOT NULL,"
                        "   at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (agency, key));"
                        "  CREATE INDEX ON agencydb.idempotency USING brin (at);"
                        " END IF;");
    cli_buf_format(&body,
                   " INSERT INTO agencydb.identity (keyspace, shard, hash, slots)"
                   " VALUES (%s, %s, 'xxh3_64', %u) ON CONFLICT (keyspace) DO NOTHING;",
                   cli_quoted(stamp->keyspace, '\''), cli_quoted(stamp->shard, '\''),
                   agdb_map_slots(stamp->map));
    for (i = 0; i < users.count; i++) {
        char *role = cli_quoted(users.items[i], '"');
        cli_buf_format(&body,
                       " IF current_user <> %s THEN"
                       "  GRANT USAGE ON SCHEMA agencydb TO %s;"
                       "  GRANT SELECT ON agencydb.identity TO %s;"
                       "  GRANT SELECT, INSERT, UPDATE, DELETE ON agencydb.idempotency TO %s;"
                       " END IF;",
                       cli_quoted(users.items[i], '\''), role, role, role);
    }
    cli_buf_text(&body, " END");
    return cli_format("DO %s", cli_quoted(body.data, '\''));
}

static void stamp_shard(stamp_t *stamp)
{
    cli_names_t users = cli_map_users(stamp->map, stamp->keyspace_at, stamp->shard_at);
    agdb_result_t *res = NULL;
    found_t found = look(stamp);

    if (found == FOUND_FAILED || found == FOUND_OTHER)
        return;
    if (found == FOUND_SAME && is_readable(stamp, users)) {
        stamp->state = "already stamped";
        return;
    }
    if (stamp->options->dry_run) {
        agdb_error_clear(&stamp->err);
        stamp->state = found == FOUND_SAME ? "would be made readable" : "would be stamped";
        return;
    }
    if (!ask(stamp, AGDB_WRITE, stamp_statement(stamp, users), NULL, 0, &res))
        return;
    agdb_result_free(res);
    /* another one may have been faster, with another map */
    if (found == FOUND_SAME)
        stamp->state = "already stamped, made readable";
    else if (look(stamp) == FOUND_SAME)
        stamp->state = "stamped";
}

/* --- the command ------------------------------------------------------------------------------ */
static const char *state_of(const stamp_t *stamp)
{
    return stamp->state != NULL ? stamp->state : stamp->refused != NULL ? "refused" : "failed";
}

static void report_text(const stamp_t *stamp, cli_table_t *table)
{
    char *where = cli_format("keyspace '%s', shard '%s'", stamp->keyspace, stamp->shard);

    cli_table_row(table,
                  (const char *const[]){stamp->keyspace, stamp->shard,
                                        stamp->node != NULL ? stamp->node : "-", state_of(stamp)});
    if (stamp->state != NULL)
        return;
    if (stamp->refused != NULL) {
        cli_error("%s: %s", where, stamp->refused);
    } else {
        cli_error("%s:", where);
        cli_report(stamp->err);
    }
}

static void report_json(const stamp_t *stamp, cli_json_t *json)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "keyspace", stamp->keyspace);
    cli_json_text(json, "shard", stamp->shard);
    if (stamp->node != NULL)
        cli_json_text(json, "node", stamp->node);
    cli_json_text(json, "state", state_of(stamp));
    if (stamp->refused != NULL)
        cli_json_text(json, "reason", stamp->refused);
    else if (stamp->state == NULL && stamp->err != NULL)
        cli_report_json(json, "error", stamp->err);
    cli_json_close(json);
}

typedef struct run_state {
    cli_table_t table;
    cli_buf_t out;
    cli_json_t json;
    size_t seen;
    size_t failed;
} run_state_t;

static void visit(const agdb_map_t *map, const cli_client_t *client, const init_options_t *options,
                  size_t keyspace, size_t shard, run_state_t *state)
{
    stamp_t stamp = {.map = map,
                     .db = client->db,
                     .options = options,
                     .keyspace_at = keyspace,
                     .shard_at = shard,
                     .keyspace = agdb_map_keyspace_name(map, keyspace),
                     .shard = agdb_map_shard_name(map, keyspace, shard)};

    if ((options->keyspace != NULL && strcmp(options->keyspace, stamp.keyspace) != 0) ||
        (options->shard != NULL && strcmp(options->shard, stamp.shard) != 0))
        return;
    stamp_shard(&stamp);
    state->seen++;
    state->failed += stamp.state == NULL ? 1 : 0;
    if (options->json)
        report_json(&stamp, &state->json);
    else
        report_text(&stamp, &state->table);
    agdb_error_clear(&stamp.err);
}

static int init_map(const agdb_map_t *map, const cli_client_t *client,
                    const init_options_t *options)
{
    run_state_t state = {0};
    size_t k;
    size_t s;

    state.json.out = &state.out;
    cli_table_init(&state.table, 4);
    cli_table_row(&state.table, (const char *const[]){"KEYSPACE", "SHARD", "NODE", "STATE"});
    cli_json_open(&state.json, NULL, '[');
    for (k = 0; k < agdb_map_keyspace_count(map); k++) {
        for (s = 0; s < agdb_map_shard_count(map, k); s++)
            visit(map, client, options, k, s, &state);
    }
    cli_json_close(&state.json);
    if (state.seen == 0) {
        cli_error("the map has no such keyspace or shard");
        return CLI_FAILED;
    }
    if (options->json)
        cli_json_print(&state.json);
    else
        cli_table_print(&state.table, false);
    return cli_finish(state.failed == 0 ? CLI_OK : CLI_FAILED);
}

static int init_path(const char *path, const init_options_t *options)
{
    cli_client_t client = {0};
    agdb_map_t *map;
    int code;

    if (!cli_client_login(&client, options->user, options->password_file))
        return CLI_FAILED;
    map = cli_load_map(path);
    if (map == NULL)
        return CLI_FAILED;
    code = CLI_FAILED;
    if (cli_client_open(&client, path, true)) {
        code = init_map(map, &client, options);
        cli_client_close(&client);
    }
    agdb_map_free(map);
    return code;
}

static int run(int argc, char **argv)
{
    init_options_t options = {.timeout_ms = 10000};
    const cli_option_t table[] = {
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "only this keyspace"),
        CLI_TEXT("shard", "NAME", &options.shard, "only shards of this name"),
        CLI_TEXT("user", "USER", &options.user,
                 "log in as this role, such as the owner of the databases, not as the map's user"),
        CLI_TEXT("password-file", "FILE", &options.password_file,
                 "its password (default: what the map has for its own user)"),
        CLI_DURATION("timeout", &options.timeout_ms, "per statement (default: 10s)"),
        CLI_FLAG("dry-run", &options.dry_run, "look only"),
        CLI_FLAG("json", &options.json, "print one JSON array"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (options.password_file != NULL && options.user == NULL) {
        cli_error("init: '--password-file' goes with '--user'");
        return CLI_USAGE;
    }
    return init_path(args.items[0], &options);
}

const cli_command_t cli_init = {&k_usage, run};
