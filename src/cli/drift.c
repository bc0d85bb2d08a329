/* agencydb drift: what differs between the schemas of the shards of a keyspace. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/drift_facts.h"
#include "cli/message.h"
#include "cli/targets.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "drift",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Shows where the schemas of shards differ",
    .about =
        "Compares every shard with the first one of its keyspace: tables, columns (type,\n"
        "nullability, default, identity, generated), indexes, constraints, triggers, policies,\n"
        "views, sequences, functions, types, extensions. One line for each difference. Rows,\n"
        "owners, privileges, storage settings and the order of columns are not compared; the\n"
        "schema agencydb is left out. Primaries are asked, all at once.",
    .examples = "  agencydb drift shardmap.yaml\n"
                "  agencydb drift --keyspace core --schema public --json shardmap.yaml",
    .exits = "  0  the shards of each keyspace have the same schema\n"
             "  1  they have not\n"
             "  2  a shard could not be asked, or the command line is wrong",
};

typedef struct drift_options {
    const char *keyspace;
    const char *schema;
    uint32_t timeout_ms;
    bool json;
} drift_options_t;

typedef struct drift_run {
    const drift_options_t *options;
    cli_targets_t targets;
    agdb_result_t **results; /* of each target; NULL: see errors */
    agdb_error_t **errors;
    cli_buf_t out;
    cli_json_t json;
    size_t differences;
    size_t failed;
} drift_run_t;

/* --- asking ----------------------------------------------------------------------------------- */
static void ask_all(drift_run_t *run, agdb_t *db)
{
    enum { MOST_BYTES = 1 << 30 };
    size_t count = run->targets.count;
    const char *sql = cli_drift_sql();
    const agdb_value_t schema = agdb_text(run->options->schema);
    agdb_request_t *requests = cli_alloc(count * sizeof *requests);
    const agdb_request_t **pointers = cli_alloc(count * sizeof *pointers);
    agdb_error_t *err = NULL;
    size_t i;

    run->results = cli_alloc(count * sizeof *run->results);
    run->errors = cli_alloc(count * sizeof *run->errors);
    for (i = 0; i < count; i++) {
        requests[i] = (agdb_request_t){.struct_size = sizeof *requests,
                                       .keyspace = run->targets.items[i].keyspace,
                                       .shard = run->targets.items[i].shard,
                                       .sql = sql,
                                       .params = &schema,
                                       .nparams = 1,
                                       .access = AGDB_READ,
                                       .timeout_ms = run->options->timeout_ms,
                                       .max_bytes = MOST_BYTES,
                                       .alone = true,
                                       .tag = "agencydb drift"};
        pointers[i] = &requests[i];
    }
    if (agdb_query_many(db, pointers, count, 0, run->results, run->errors, &err) != AGDB_OK &&
        agdb_error_status(err) != AGDB_E_PARTIAL)
        cli_report(err);
    agdb_error_clear(&err);
}

/* --- telling ---------------------------------------------------------------------------------- */
static void json_optional(cli_json_t *json, const char *name, const char *text)
{
    if (text != NULL)
        cli_json_text(json, name, text);
    else
        cli_json_null(json, name);
}

static void tell(drift_run_t *run, const cli_target_t *here, const cli_target_t *there,
                 const cli_difference_t *difference)
{
    char *sentence = cli_drift_sentence(difference, here->shard, there->shard);
    cli_buf_t line = {0};

    run->differences++;
    if (!run->options->json) {
        cli_buf_shown(&line, sentence, strlen(sentence));
        printf("%s\n", line.data);
        return;
    }
    cli_json_open(&run->json, NULL, '{');
    cli_json_text(&run->json, "keyspace", here->keyspace);
    cli_json_text(&run->json, "shard", here->shard);
    cli_json_text(&run->json, "reference", there->shard);
    cli_json_text(&run->json, "object", difference->object);
    cli_json_text(&run->json, "part", difference->part);
    cli_json_text(&run->json, "property", difference->property);
    json_optional(&run->json, "here", difference->here);
    json_optional(&run->json, "there", difference->there);
    cli_json_text(&run->json, "text", sentence);
    cli_json_close(&run->json);
}

/* The shards from `first` on that are of its keyspace; returns behind them. */
static size_t compare_keyspace(drift_run_t *run, size_t first)
{
    const char *keyspace = run->targets.items[first].keyspace;
    size_t before = run->differences;
    size_t reference = SIZE_MAX;
    size_t compared = 0;
    cli_facts_t there = {0};
    size_t at;
    size_t d;

    for (at = first; at < run->targets.count; at++) {
        cli_facts_t here;
        cli_differences_t list;
        if (run->targets.items[at].keyspace_at != run->targets.items[first].keyspace_at)
            break;
        if (run->results[at] == NULL)
            continue;
        compared++;
        here = cli_drift_facts(run->results[at]);
        if (reference == SIZE_MAX) {
            reference = at;
            there = here;
            continue;
        }
        list = cli_drift_compare(&here, &there);
        for (d = 0; d < list.count; d++)
            tell(run, &run->targets.items[at], &run->targets.items[reference], &list.items[d]);
    }
    if (!run->options->json)
        printf("%s: %zu shard%s, %zu difference%s\n", keyspace, compared, compared == 1 ? "" : "s",
               run->differences - before, run->differences - before == 1 ? "" : "s");
    return at;
}

static void tell_failures(drift_run_t *run)
{
    size_t i;

    for (i = 0; i < run->targets.count; i++) {
        const cli_target_t *target = &run->targets.items[i];
        if (run->results[i] != NULL)
            continue;
        run->failed++;
        cli_error("keyspace '%s', shard '%s' could not be asked:", target->keyspace, target->shard);
        cli_report(run->errors[i]);
        cli_json_open(&run->json, NULL, '{');
        cli_json_text(&run->json, "keyspace", target->keyspace);
        cli_json_text(&run->json, "shard", target->shard);
        cli_report_json(&run->json, "error", run->errors[i]);
        cli_json_close(&run->json);
    }
}

static int compare_all(drift_run_t *run)
{
    size_t at = 0;

    run->json.out = &run->out;
    cli_json_open(&run->json, NULL, '{');
    cli_json_open(&run->json, "differences", '[');
    while (at < run->targets.count)
        at = compare_keyspace(run, at);
    cli_json_close(&run->json);
    cli_json_open(&run->json, "failed", '[');
    tell_failures(run);
    cli_json_close(&run->json);
    cli_json_close(&run->json);
    if (run->options->json)
        cli_json_print(&run->json);
    return run->failed > 0 ? CLI_USAGE : run->differences > 0 ? CLI_FAILED : CLI_OK;
}

static int drift_map(const agdb_map_t *map, const char *path, const drift_options_t *options)
{
    drift_run_t run = {.options = options,
                       .targets = cli_targets_pick(map, options->keyspace, NULL)};
    cli_client_t client = {0};
    int code;
    size_t i;

    if (run.targets.count == 0) {
        cli_error("the map has no keyspace '%s'", options->keyspace);
        return CLI_USAGE;
    }
    if (!cli_client_open(&client, path, false))
        return CLI_USAGE;
    ask_all(&run, client.db);
    code = compare_all(&run);
    for (i = 0; i < run.targets.count; i++) {
        agdb_result_free(run.results[i]);
        agdb_error_clear(&run.errors[i]);
    }
    cli_client_close(&client);
    return cli_finish(code);
}

static int run(int argc, char **argv)
{
    drift_options_t options = {.timeout_ms = 30000};
    const cli_option_t table[] = {
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "only this keyspace"),
        CLI_TEXT("schema", "NAME", &options.schema, "only this schema"),
        CLI_DURATION("timeout", &options.timeout_ms, "per shard (default: 30s)"),
        CLI_FLAG("json", &options.json, "print one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);
    agdb_map_t *map;

    if (code >= 0)
        return code;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_USAGE;
    code = drift_map(map, args.items[0], &options);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_drift = {&k_usage, run};
