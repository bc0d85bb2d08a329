/* agencydb migrate: numbered SQL files, applied once to every shard of a keyspace. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/message.h"
#include "cli/migrate_report.h"
#include "cli/table.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "migrate",
    .synopsis = "[OPTIONS] MAP DIR",
    .summary = "Applies numbered SQL files, each once, to every shard of a keyspace",
    .about =
        "DIR holds files such as 0001_create_air_reading.sql, in UTF-8, of 16 MiB at most each.\n"
        "They are applied in the order of their numbers; gaps are fine. Each file is one\n"
        "transaction together with its record (file and SHA-256) in the table agencydb.migration,\n"
        "so it happens once or not at all. A shard that fails keeps its place, the others go on;\n"
        "the next run goes on from there. Runs at the same time take turns on each shard.\n"
        "\n"
        "Statements that cannot be in a transaction, such as CREATE INDEX CONCURRENTLY, are in a\n"
        "file whose first line is '-- agencydb: no-transaction'. When such a file is interrupted,\n"
        "the shard is refused until somebody has looked and says '--finished' or '--again'.\n"
        "\n"
        "A keyspace that is 'via: pgbouncer' can be looked at only: to apply files give this "
        "command a\n"
        "map that names the servers.\n"
        "\n"
        "The role must be allowed to do what the files do, and to create a table in the schema\n"
        "agencydb; the role of the services needs no such rights when '--user' names another one.",
    .examples = "  agencydb migrate --status shardmap.yaml migrations\n"
                "  agencydb migrate --keyspace core shardmap.yaml migrations/core\n"
                "  agencydb migrate --user owner --password-file /run/secrets/owner shardmap.yaml "
                "migrations",
    .exits =
        "  0  every shard has every file (with '--dry-run', '--status': nothing is in the way)\n"
        "  1  one has not; the others are done\n"
        "  2  the command line is wrong",
};

typedef struct migrate_options {
    const char *keyspace;
    const char *shard;
    const char *user;
    const char *password_file;
    const char *jobs_text;
    const char *finished;
    const char *again;
    uint64_t jobs;
    uint64_t number; /* of --finished, --again */
    uint32_t timeout_ms;
    bool out_of_order;
    bool dry_run;
    bool status;
    bool json;
} migrate_options_t;

typedef struct migrate_run {
    const migrate_options_t *options;
    cli_targets_t targets;
    cli_march_t march;
    cli_advance_t *advances;
} migrate_run_t;

/* --- applying, looking ------------------------------------------------------------------------ */
static void visit(size_t index, void *user)
{
    migrate_run_t *run = user;

    if (run->options->dry_run || run->options->status)
        cli_advance_look(&run->advances[index], &run->march, &run->targets.items[index]);
    else
        cli_advance_run(&run->advances[index], &run->march, &run->targets.items[index]);
}

static int visit_all(migrate_run_t *run)
{
    const migrate_options_t *options = run->options;
    size_t count = run->targets.count;
    cli_migrate_report_t report = {.mode = options->status    ? CLI_MIGRATE_STATUS
                                           : options->dry_run ? CLI_MIGRATE_DRY_RUN
                                                              : CLI_MIGRATE_RUN,
                                   .targets = &run->targets,
                                   .migrations = &run->march.migrations,
                                   .out_of_order = options->out_of_order};
    size_t failed = 0;
    size_t i;

    run->advances = cli_alloc(count * sizeof *run->advances);
    report.advances = run->advances;
    cli_bar_start(&run->march.bar, count * run->march.migrations.count);
    cli_crew(count, options->jobs, visit, run);
    cli_bar_end(&run->march.bar);
    if (options->json)
        cli_migrate_json(&report);
    else
        cli_migrate_text(&report);
    for (i = 0; i < count; i++) {
        failed += run->advances[i].state != CLI_ADVANCE_DONE ? 1 : 0;
        cli_errand_end(&run->advances[i].errand);
    }
    return cli_finish(failed == 0 ? CLI_OK : CLI_FAILED);
}

/* --- interrupted files ------------------------------------------------------------------------ */
/* Says on each shard that the file was finished by hand, or that it is to be run again. */
static int mark_all(migrate_run_t *run)
{
    const migrate_options_t *options = run->options;
    bool finished = options->finished != NULL;
    size_t failed = 0;
    size_t marked = 0;
    cli_table_t table;
    size_t i;

    cli_table_init(&table, 3);
    cli_table_row(&table, (const char *const[]){"KEYSPACE", "SHARD", "STATE"});
    for (i = 0; i < run->targets.count; i++) {
        const cli_target_t *target = &run->targets.items[i];
        cli_errand_t errand =
            cli_errand_start(run->march.db, target, "agencydb migrate", options->timeout_ms);
        bool was = false;
        bool good = cli_ledger_mark(&errand, options->number, finished, &was);
        if (!good)
            cli_errand_report(&errand);
        failed += good ? 0 : 1;
        marked += was ? 1 : 0;
        cli_table_row(&table, (const char *const[]){target->keyspace, target->shard,
                                                    !good      ? "failed"
                                                    : !was     ? "was not interrupted"
                                                    : finished ? "recorded as done"
                                                               : "will run again"});
        cli_errand_end(&errand);
    }
    cli_table_print(&table, false);
    if (marked == 0 && failed == 0)
        cli_error("migration %llu was interrupted on none of these shards",
                  (unsigned long long)options->number);
    return cli_finish(failed == 0 && marked > 0 ? CLI_OK : CLI_FAILED);
}

/* --- sessions of its own ---------------------------------------------------------------------- */
/* The lock that keeps runs apart, the connections beside it, and much of what files hold (DO, SET,
 * temporary tables) need sessions, and a PgBouncer gives transactions. Part of it would work there;
 * which part would be found out in the middle. */
static bool has_sessions(const migrate_run_t *run)
{
    const cli_target_t *target = &run->targets.items[0]; /* all are of one keyspace */
    const char *via =
        cli_node_setting(run->march.map, target->keyspace_at, target->shard_at, 0, "via");

    if (via == NULL || via[0] == '\0' || run->options->dry_run || run->options->status)
        return true;
    cli_error(
        "keyspace '%s' is 'via: %s': files are applied in sessions on the servers themselves, "
        "which a PgBouncer does not give: run this with a map that names the servers and has "
        "no 'via'; nothing was done ('--status' and '--dry-run' work)",
        target->keyspace, via);
    return false;
}

/* --- what a file without a transaction needs -------------------------------------------------- */
static bool has_file_without_transaction(const cli_migrations_t *migrations)
{
    size_t i;

    for (i = 0; i < migrations->count; i++)
        if (!migrations->items[i].file.in_transaction)
            return true;
    return false;
}

/* Such a file has one connection, and the lock another. */
static bool has_room(const migrate_run_t *run)
{
    size_t i;

    if (!has_file_without_transaction(&run->march.migrations))
        return true;
    for (i = 0; i < run->targets.count; i++) {
        const cli_target_t *target = &run->targets.items[i];
        const char *most =
            cli_node_setting(run->march.map, target->keyspace_at, target->shard_at, 0, "pool.max");
        if (most == NULL || strcmp(most, "1") != 0)
            continue;
        cli_error("keyspace '%s', shard '%s': a file without a transaction needs two connections, "
                  "the map allows one: raise pool.max",
                  target->keyspace, target->shard);
        return false;
    }
    return true;
}

/* --- the command ------------------------------------------------------------------------------ */
static int migrate_map(migrate_run_t *run, const char *map_path, const char *folder)
{
    const migrate_options_t *options = run->options;
    cli_client_t client = {0};
    int code;

    if (!cli_migrations_read(folder, &run->march.migrations) || !has_sessions(run) ||
        !has_room(run) || !cli_client_login(&client, options->user, options->password_file) ||
        !cli_client_open(&client, map_path, false))
        return CLI_FAILED;
    run->march.db = client.db;
    code = options->finished != NULL || options->again != NULL ? mark_all(run) : visit_all(run);
    cli_client_close(&client);
    return code;
}

static bool pick_targets(const agdb_map_t *map, migrate_run_t *run)
{
    const char *keyspace = run->options->keyspace;

    if (keyspace == NULL && agdb_map_keyspace_count(map) > 1) {
        cli_error("migrate: the map has several keyspaces, whose tables differ: say which one with "
                  "'--keyspace NAME'");
        return false;
    }
    run->targets = cli_targets_pick(map, keyspace, run->options->shard);
    if (run->targets.count == 0)
        cli_error("migrate: the map has no such keyspace or shard");
    return run->targets.count > 0;
}

static bool check_options(migrate_options_t *options)
{
    const char *number = options->finished != NULL ? options->finished : options->again;

    if (options->dry_run + options->status + (options->finished != NULL) +
            (options->again != NULL) >
        1) {
        cli_error(
            "migrate: '--dry-run', '--status', '--finished' and '--again' exclude each other");
        return false;
    }
    if (options->password_file != NULL && options->user == NULL) {
        cli_error("migrate: '--password-file' goes with '--user'");
        return false;
    }
    if (number != NULL && !cli_number(number, INT64_MAX, &options->number)) {
        cli_error("migrate: '%s' is not the number of a migration", number);
        return false;
    }
    return cli_read_jobs("migrate", options->jobs_text, &options->jobs);
}

static int run(int argc, char **argv)
{
    migrate_options_t options = {.timeout_ms = 600000};
    const cli_option_t table[] = {
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "which keyspace, when the map has several"),
        CLI_TEXT("shard", "NAME", &options.shard, "only this shard"),
        CLI_FLAG("status", &options.status, "show which files each shard has; changes nothing"),
        CLI_FLAG("dry-run", &options.dry_run, "show what would be applied; changes nothing"),
        CLI_FLAG("out-of-order", &options.out_of_order,
                 "also apply a new file whose number is below one that is applied"),
        CLI_TEXT("finished", "NUMBER", &options.finished,
                 "record that this interrupted file was finished by hand"),
        CLI_TEXT("again", "NUMBER", &options.again,
                 "forget that this interrupted file was begun: it will run again as a whole"),
        CLI_TEXT("jobs", "N", &options.jobs_text, "so many shards at once (default: 4)"),
        CLI_DURATION("timeout", &options.timeout_ms,
                     "for each file on each shard, with the wait for another run (default: 10m)"),
        CLI_TEXT("user", "USER", &options.user,
                 "log in as this role, such as the owner of the tables, not as the map's user"),
        CLI_TEXT("password-file", "FILE", &options.password_file,
                 "its password (default: what the map has for its own user)"),
        CLI_FLAG("json", &options.json, "print one JSON array"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 2, .most = 2};
    int code = cli_args_read(&args, argc, argv);
    migrate_run_t state = {.options = &options, .march = {.lock = PTHREAD_MUTEX_INITIALIZER}};
    agdb_map_t *map;

    if (code >= 0)
        return code;
    if (!check_options(&options))
        return CLI_USAGE;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    state.march.map = map;
    state.march.timeout_ms = options.timeout_ms;
    state.march.out_of_order = options.out_of_order;
    code = CLI_USAGE;
    if (pick_targets(map, &state))
        code = migrate_map(&state, args.items[0], args.items[1]);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_migrate = {&k_usage, run};
