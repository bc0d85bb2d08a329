/* agencydb exec: the statements of a file on every shard. */
#include "cli/bar.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/errand.h"
#include "cli/message.h"
#include "cli/process.h"
#include "cli/table.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "exec",
    .synopsis = "[OPTIONS] (--all | --shard NAME) MAP FILE",
    .summary = "Runs a file of SQL on the primaries of shards",
    .about =
        "FILE, or '-' for standard input, is UTF-8, of 16 MiB at most, and holds statements that\n"
        "end with a semicolon. On each shard all of them are one transaction, unless the first\n"
        "line is '-- agencydb: no-transaction' or '--no-transaction' is given: then each is one "
        "of\n"
        "its own, and the first that fails ends the work on its shard. A shard that fails does "
        "not\n"
        "stop the others. Rows are not shown: that is for 'query'. psql's backslash commands, "
        "COPY\n"
        "and BEGIN or COMMIT cannot be in the file.",
    .examples =
        "  agencydb exec --all --dry-run shardmap.yaml fix.sql\n"
        "  agencydb exec --all --keyspace core shardmap.yaml fix.sql\n"
        "  echo 'VACUUM air_reading' | agencydb exec --all --no-transaction shardmap.yaml -",
    .exits = "  0  every shard has run all of it\n"
             "  1  one has not; the others are done\n"
             "  2  the command line is wrong",
};

typedef struct exec_options {
    bool all;
    const char *keyspace;
    const char *shard;
    const char *user;
    const char *password_file;
    const char *jobs_text;
    uint64_t jobs;
    uint32_t timeout_ms;
    bool no_transaction;
    bool dry_run;
    bool json;
} exec_options_t;

/* One shard on its way. */
typedef struct leg {
    cli_errand_t errand;
    size_t done; /* statements */
    uint64_t took_ms;
    const char *state;
} leg_t;

typedef struct exec_run {
    const exec_options_t *options;
    cli_targets_t targets;
    cli_sql_file_t file;
    agdb_t *db;
    cli_bar_t bar;
    leg_t *legs;
} exec_run_t;

/* --- running ---------------------------------------------------------------------------------- */
static bool run_statements(const exec_run_t *run, leg_t *leg)
{
    size_t count = run->file.sql.count;
    bool inside = run->file.in_transaction;

    if (inside && !cli_errand_begin(&leg->errand))
        return false;
    for (leg->done = 0; leg->done < count; leg->done++)
        if (!cli_errand_run(&leg->errand, &run->file, leg->done, leg->done + 1 == count))
            return false;
    return !inside || cli_errand_commit(&leg->errand);
}

static const char *state_of(const exec_run_t *run, const leg_t *leg, bool good)
{
    if (good)
        return "done";
    if (cli_errand_is_unknown(&leg->errand))
        return "unknown";
    if (leg->done == 0 && agdb_error_outcome(leg->errand.err) == AGDB_OUTCOME_NOT_SENT)
        return "not run";
    return run->file.in_transaction ? "rolled back" : leg->done > 0 ? "stopped" : "failed";
}

static void run_leg(size_t index, void *user)
{
    exec_run_t *run = user;
    leg_t *leg = &run->legs[index];
    const cli_target_t *target = &run->targets.items[index];
    uint64_t begin = cli_now_ms();
    bool good;

    leg->errand = cli_errand_start(run->db, target, "agencydb exec", run->options->timeout_ms);
    good = run_statements(run, leg);
    leg->took_ms = cli_now_ms() - begin;
    leg->state = state_of(run, leg, good);
    cli_bar_step(&run->bar, 1, target->shard);
}

/* --- telling ---------------------------------------------------------------------------------- */
/* A transaction that was rolled back has run none. */
static size_t statements_of(const exec_run_t *run, const leg_t *leg)
{
    return run->file.in_transaction && leg->errand.err != NULL ? 0 : leg->done;
}

static void report_text(const exec_run_t *run)
{
    cli_table_t table;
    size_t i;

    cli_table_init(&table, 6);
    table.right[3] = table.right[4] = true;
    cli_table_row(&table,
                  (const char *const[]){"KEYSPACE", "SHARD", "NODE", "STATEMENTS", "MS", "STATE"});
    for (i = 0; i < run->targets.count; i++) {
        const leg_t *leg = &run->legs[i];
        const char *node = agdb_error_node(leg->errand.err);
        cli_table_row(&table,
                      (const char *const[]){
                          run->targets.items[i].keyspace, run->targets.items[i].shard,
                          leg->errand.node != NULL ? leg->errand.node
                          : node[0] != '\0'        ? node
                                                   : "-",
                          cli_format("%zu", statements_of(run, leg)),
                          cli_format("%llu", (unsigned long long)leg->took_ms), leg->state});
        if (leg->errand.err != NULL)
            cli_errand_report(&leg->errand);
    }
    cli_table_print(&table, false);
}

static void report_json(const exec_run_t *run)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    cli_json_open(&json, NULL, '[');
    for (i = 0; i < run->targets.count; i++) {
        const leg_t *leg = &run->legs[i];
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "keyspace", run->targets.items[i].keyspace);
        cli_json_text(&json, "shard", run->targets.items[i].shard);
        if (leg->errand.node != NULL)
            cli_json_text(&json, "node", leg->errand.node);
        cli_json_text(&json, "state", leg->state);
        cli_json_number(&json, "statements", statements_of(run, leg));
        cli_json_number(&json, "ms", leg->took_ms);
        if (leg->errand.err != NULL)
            cli_errand_json(&json, &leg->errand);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_print(&json);
}

static int print_dry_run(const exec_run_t *run)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    if (!run->options->json) {
        cli_sql_file_print(&run->file);
        for (i = 0; i < run->targets.count; i++)
            printf("-- would run on keyspace %s, shard %s, %s\n", run->targets.items[i].keyspace,
                   run->targets.items[i].shard,
                   run->file.in_transaction ? "in one transaction" : "each by itself");
        return cli_finish(CLI_OK);
    }
    cli_json_open(&json, NULL, '{');
    cli_json_bool(&json, "transaction", run->file.in_transaction);
    cli_sql_file_json(&json, &run->file);
    cli_json_open(&json, "targets", '[');
    for (i = 0; i < run->targets.count; i++) {
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "keyspace", run->targets.items[i].keyspace);
        cli_json_text(&json, "shard", run->targets.items[i].shard);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_close(&json);
    cli_json_print(&json);
    return cli_finish(CLI_OK);
}

/* --- the command ------------------------------------------------------------------------------ */
static int exec_all(exec_run_t *run)
{
    size_t failed = 0;
    size_t i;

    run->legs = cli_alloc(run->targets.count * sizeof *run->legs);
    cli_bar_start(&run->bar, run->targets.count);
    cli_crew(run->targets.count, run->options->jobs, run_leg, run);
    cli_bar_end(&run->bar);
    if (run->options->json)
        report_json(run);
    else
        report_text(run);
    for (i = 0; i < run->targets.count; i++) {
        failed += run->legs[i].errand.err != NULL ? 1 : 0;
        cli_errand_end(&run->legs[i].errand);
    }
    return cli_finish(failed == 0 ? CLI_OK : CLI_FAILED);
}

static int exec_map(const agdb_map_t *map, const char *map_path, const char *path,
                    const exec_options_t *options)
{
    exec_run_t run = {.options = options,
                      .targets = cli_targets_pick(map, options->keyspace, options->shard)};
    cli_client_t client = {0};
    int code;

    if (run.targets.count == 0) {
        cli_error("the map has no such keyspace or shard");
        return CLI_FAILED;
    }
    if (!cli_sql_file_read(path, options->no_transaction, &run.file))
        return CLI_FAILED;
    if (options->dry_run)
        return print_dry_run(&run);
    if (!cli_client_login(&client, options->user, options->password_file) ||
        !cli_client_open(&client, map_path, false))
        return CLI_FAILED;
    run.db = client.db;
    code = exec_all(&run);
    cli_client_close(&client);
    return code;
}

static bool check_options(exec_options_t *options)
{
    if (options->all == (options->shard != NULL)) {
        cli_error("exec: give either '--all' or '--shard NAME'");
        return false;
    }
    if (options->password_file != NULL && options->user == NULL) {
        cli_error("exec: '--password-file' goes with '--user'");
        return false;
    }
    return cli_read_jobs("exec", options->jobs_text, &options->jobs);
}

static int run(int argc, char **argv)
{
    exec_options_t options = {.timeout_ms = 600000};
    const cli_option_t table[] = {
        CLI_FLAG("all", &options.all,
                 "on every shard, of every keyspace unless '--keyspace' is given"),
        CLI_TEXT("shard", "NAME", &options.shard, "or only on shards of this name"),
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "only in this keyspace"),
        CLI_FLAG("no-transaction", &options.no_transaction,
                 "each statement by itself, such as CREATE INDEX CONCURRENTLY and VACUUM"),
        CLI_TEXT("jobs", "N", &options.jobs_text, "so many shards at once (default: 4)"),
        CLI_DURATION("timeout", &options.timeout_ms, "for all of it on one shard (default: 10m)"),
        CLI_TEXT("user", "USER", &options.user,
                 "log in as this role, such as the owner of the tables, not as the map's user"),
        CLI_TEXT("password-file", "FILE", &options.password_file,
                 "its password (default: what the map has for its own user)"),
        CLI_FLAG("dry-run", &options.dry_run, "print the statements and shards, ask no server"),
        CLI_FLAG("json", &options.json, "print one JSON array (with '--dry-run': an object)"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 2, .most = 2};
    int code = cli_args_read(&args, argc, argv);
    agdb_map_t *map;

    if (code >= 0)
        return code;
    if (!check_options(&options))
        return CLI_USAGE;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    code = exec_map(map, args.items[0], args.items[1], &options);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_exec = {&k_usage, run};
