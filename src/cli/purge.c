/* agencydb purge: removes idempotency keys that nobody can ask for any more. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/message.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>

/* Rows of one statement: short transactions, so that writers and replicas are not held up. */
enum { BATCH = 10000, DAY_MS = 24 * 60 * 60 * 1000 };

static const cli_usage_t k_usage = {
    .name = "purge",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Removes old idempotency keys from all shards",
    .about =
        "A write with an idempotency key leaves a row in agencydb.idempotency. This command\n"
        "removes those that are older than the map's idempotency.keep, or as '--keep' says, in\n"
        "batches of 10000. A caller that sends a write again after its key is gone makes it happen "
        "again:\n"
        "keep keys for longer than any caller keeps trying.",
    .examples = "  agencydb purge shardmap.yaml\n"
                "  agencydb purge --keep 7d --shard west-1 shardmap.yaml",
    .exits = "  0  old keys are gone from every shard\n"
             "  1  one shard failed; the others are done\n"
             "  2  the command line is wrong",
};

typedef struct purge_options {
    const char *keyspace;
    const char *shard;
    uint32_t keep_ms; /* 0: as the map says */
    uint32_t timeout_ms;
    bool json;
} purge_options_t;

typedef struct purge_run {
    const purge_options_t *options;
    agdb_t *db;
    cli_table_t table;
    cli_buf_t out;
    cli_json_t json;
    size_t seen;
    size_t failed;
} purge_run_t;

/* One batch; false: *ret_err says why not. */
static bool remove_batch(const purge_run_t *run, const char *keyspace, const char *shard,
                         uint32_t keep_ms, uint64_t *ret_count, agdb_error_t **ret_err)
{
    char *seconds = cli_format("%u", (unsigned)(keep_ms / 1000));
    const agdb_value_t params[] = {agdb_typed(AGDB_OID_FLOAT8, seconds), agdb_int8(BATCH)};
    agdb_request_t request = AGDB_REQUEST_INIT;
    agdb_result_t *res = NULL;

    request.keyspace = keyspace;
    request.shard = shard;
    request.sql = "DELETE FROM agencydb.idempotency WHERE ctid = ANY (ARRAY(SELECT ctid"
                  " FROM agencydb.idempotency WHERE at < now() - make_interval(secs => $1)"
                  " LIMIT $2))";
    request.params = params;
    request.nparams = 2;
    request.timeout_ms = run->options->timeout_ms;
    request.idempotent = true;
    request.tag = "agencydb purge";
    if (agdb_query(run->db, &request, &res, ret_err) != AGDB_OK)
        return false;
    *ret_count = agdb_result_affected(res);
    agdb_result_free(res);
    return true;
}

static void purge_shard(purge_run_t *run, const char *keyspace, const char *shard, uint32_t keep_ms)
{
    agdb_error_t *err = NULL;
    uint64_t total = 0;
    uint64_t count = BATCH;
    bool good = true;

    while (good && count == BATCH) {
        good = remove_batch(run, keyspace, shard, keep_ms, &count, &err);
        total += good ? count : 0;
    }
    run->seen++;
    run->failed += good ? 0 : 1;
    if (run->options->json) {
        cli_json_open(&run->json, NULL, '{');
        cli_json_text(&run->json, "keyspace", keyspace);
        cli_json_text(&run->json, "shard", shard);
        cli_json_number(&run->json, "removed", total);
        if (!good)
            cli_report_json(&run->json, "error", err);
        cli_json_close(&run->json);
    } else {
        cli_table_row(
            &run->table,
            (const char *const[]){keyspace, shard, cli_format("%llu", (unsigned long long)total)});
        if (!good)
            cli_report(err);
    }
    agdb_error_clear(&err);
}

static uint32_t keep_of(const agdb_map_t *map, size_t keyspace, size_t shard,
                        const purge_options_t *options)
{
    const char *text = cli_node_setting(map, keyspace, shard, 0, "idempotency.keep");

    if (options->keep_ms != 0)
        return options->keep_ms;
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : DAY_MS;
}

static bool is_wanted(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

static int purge_map(const agdb_map_t *map, purge_run_t *run)
{
    size_t k;
    size_t s;

    run->json.out = &run->out;
    cli_table_init(&run->table, 3);
    cli_table_row(&run->table, (const char *const[]){"KEYSPACE", "SHARD", "REMOVED"});
    cli_json_open(&run->json, NULL, '[');
    for (k = 0; k < agdb_map_keyspace_count(map); k++)
        for (s = 0; s < agdb_map_shard_count(map, k); s++) {
            const char *keyspace = agdb_map_keyspace_name(map, k);
            const char *shard = agdb_map_shard_name(map, k, s);

            if (is_wanted(run->options->keyspace, keyspace) &&
                is_wanted(run->options->shard, shard))
                purge_shard(run, keyspace, shard, keep_of(map, k, s, run->options));
        }
    cli_json_close(&run->json);
    if (run->seen == 0) {
        cli_error("the map has no such keyspace or shard");
        return CLI_FAILED;
    }
    if (run->options->json)
        cli_json_print(&run->json);
    else
        cli_table_print(&run->table, false);
    return cli_finish(run->failed == 0 ? CLI_OK : CLI_FAILED);
}

static int purge_path(const char *path, const purge_options_t *options)
{
    purge_run_t run = {.options = options};
    cli_client_t client = {0};
    agdb_map_t *map = cli_load_map(path);
    int code = CLI_FAILED;

    if (map == NULL)
        return CLI_FAILED;
    if (cli_client_open(&client, path, false)) {
        run.db = client.db;
        code = purge_map(map, &run);
        cli_client_close(&client);
    }
    agdb_map_free(map);
    return code;
}

static int run(int argc, char **argv)
{
    purge_options_t options = {.timeout_ms = 30000};
    const cli_option_t table[] = {
        CLI_DURATION("keep", &options.keep_ms, "keys that are younger stay (default: the map's)"),
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "only this keyspace"),
        CLI_TEXT("shard", "NAME", &options.shard, "only shards of this name"),
        CLI_DURATION("timeout", &options.timeout_ms, "per batch (default: 30s)"),
        CLI_FLAG("json", &options.json, "print one JSON array"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (options.keep_ms != 0 && options.keep_ms < DAY_MS) {
        cli_error("purge: '--keep' is 24h at least: younger keys may still be asked for");
        return CLI_USAGE;
    }
    return purge_path(args.items[0], &options);
}

const cli_command_t cli_purge = {&k_usage, run};
