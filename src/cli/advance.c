/* For each file: begin a transaction, take the lock of the shard's keyspace, read what is recorded,
 * decide, apply one file, commit. So two runs at once take turns, and each sees what the other did.
 *
 * A file that is a transaction, and its record, are in that one. One that is not runs on other
 * connections while that transaction, which does nothing more, keeps the lock: its record says
 * `started` before its first statement and `done` behind its last. */
#include "cli/advance.h"

#include "cli/process.h"

static const char k_tag[] = "agencydb migrate";

static bool take_checksums(cli_advance_t *advance, cli_march_t *march)
{
    const char **sums = cli_alloc((march->migrations.count + 1) * sizeof *sums);
    bool summed;
    size_t i;

    pthread_mutex_lock(&march->lock);
    summed = march->summed;
    pthread_mutex_unlock(&march->lock);
    /* the first few shards compute them at the same time: none waits for one that is down */
    if (summed)
        return true;
    if (!cli_ledger_checksums(&advance->errand, &march->migrations, sums))
        return false;
    pthread_mutex_lock(&march->lock);
    for (i = 0; i < march->migrations.count && !march->summed; i++)
        march->migrations.items[i].checksum = sums[i];
    march->summed = true;
    pthread_mutex_unlock(&march->lock);
    return true;
}

static bool read_steps(cli_advance_t *advance, const cli_march_t *march)
{
    cli_records_t records;

    if (!cli_ledger_read(&advance->errand, &records))
        return false;
    advance->steps = cli_steps_of(&march->migrations, records.items, records.count);
    advance->seen = true;
    return true;
}

static bool is_stopped(const cli_advance_t *advance, const cli_march_t *march)
{
    size_t i;

    for (i = 0; i < advance->steps.count; i++)
        if (cli_step_stops(&advance->steps.items[i], march->out_of_order))
            return true;
    return false;
}

/* --- one file --------------------------------------------------------------------------------- */
static bool apply_inside(cli_errand_t *errand, const cli_migration_t *migration)
{
    size_t count = migration->file.sql.count;
    size_t i;

    /* first the record: the file may leave another role or search path behind */
    if (!cli_ledger_add(errand, migration, true))
        return false;
    for (i = 0; i < count; i++)
        if (!cli_errand_run(errand, &migration->file, i, i + 1 == count))
            return false;
    return cli_errand_commit(errand);
}

static bool run_alone(cli_errand_t *errand, const cli_migration_t *migration)
{
    size_t count = migration->file.sql.count;
    size_t i;

    for (i = 0; i < count; i++)
        if (!cli_errand_run(errand, &migration->file, i, false) ||
            !cli_ledger_count(errand, migration, i + 1)) {
            errand->advice =
                cli_format("%zu of its %zu statements are known to be done; %s", i, count,
                           cli_migration_remedy(migration->number, errand->target->shard));
            return false;
        }
    return true;
}

static bool apply_alone(cli_errand_t *errand, const cli_migration_t *migration)
{
    agdb_tx_t *lock = errand->tx;
    bool good;

    /* It is idle for long. Also, the SELECT before kept its snapshot until this: CREATE INDEX
     * CONCURRENTLY would wait for the end of that. */
    if (!cli_errand_ask(errand, "SET LOCAL idle_in_transaction_session_timeout = 0", NULL, 0, false,
                        NULL))
        return false;
    errand->tx = NULL;
    good = cli_ledger_add(errand, migration, false) && run_alone(errand, migration);
    agdb_rollback(lock);
    return good;
}

static bool apply(cli_advance_t *advance, cli_march_t *march, const cli_migration_t *migration)
{
    uint64_t begin = cli_now_ms();
    char *text = cli_format("%s: %s", advance->errand.target->shard, migration->name);

    cli_bar_step(&march->bar, 0, text);
    advance->failed = migration;
    if (migration->file.in_transaction ? !apply_inside(&advance->errand, migration)
                                       : !apply_alone(&advance->errand, migration))
        return false;
    advance->failed = NULL;
    advance->applied = cli_grow(advance->applied, advance->napplied, sizeof *advance->applied);
    advance->applied[advance->napplied++] = (cli_applied_t){migration, cli_now_ms() - begin};
    cli_bar_step(&march->bar, 1, text);
    return true;
}

/* --- one shard -------------------------------------------------------------------------------- */
/* One file, or none. `*ret_more`: there may be another. False: errand.err says why. */
static bool go_one(cli_advance_t *advance, cli_march_t *march, bool *ret_more)
{
    cli_errand_t *errand = &advance->errand;
    bool first = !advance->seen;
    const cli_step_t *next;

    *ret_more = false;
    if (!cli_errand_begin(errand) || !cli_ledger_lock(errand) || !read_steps(advance, march))
        return false;
    if (first)
        cli_bar_step(&march->bar, cli_steps_count(&advance->steps, CLI_STEP_APPLIED),
                     errand->target->shard);
    if (is_stopped(advance, march)) {
        advance->state = CLI_ADVANCE_REFUSED;
        return true;
    }
    next = cli_steps_next(&advance->steps);
    *ret_more = next != NULL;
    return next == NULL || apply(advance, march, next->migration);
}

static void start(cli_advance_t *advance, const cli_march_t *march, const cli_target_t *target)
{
    advance->errand = cli_errand_start(march->db, target, k_tag, march->timeout_ms);
}

/* Ends an errand; its error stays. */
static void settle(cli_advance_t *advance, bool good)
{
    if (advance->errand.node != NULL)
        advance->node = advance->errand.node;
    if (good)
        cli_errand_end(&advance->errand);
    else
        advance->state =
            cli_errand_is_unknown(&advance->errand) ? CLI_ADVANCE_UNKNOWN : CLI_ADVANCE_FAILED;
    agdb_rollback(advance->errand.tx);
    advance->errand.tx = NULL;
}

void cli_advance_look(cli_advance_t *advance, cli_march_t *march, const cli_target_t *target)
{
    bool good;

    start(advance, march, target);
    good = take_checksums(advance, march) && read_steps(advance, march);
    if (good && is_stopped(advance, march))
        advance->state = CLI_ADVANCE_REFUSED;
    settle(advance, good);
    cli_bar_step(&march->bar, march->migrations.count, target->shard);
}

void cli_advance_run(cli_advance_t *advance, cli_march_t *march, const cli_target_t *target)
{
    cli_names_t users = cli_map_users(march->map, target->keyspace_at, target->shard_at);
    bool more = true;
    bool good;

    start(advance, march, target);
    good = take_checksums(advance, march) && cli_ledger_make(&advance->errand, users);
    settle(advance, good);
    while (good && more) {
        start(advance, march, target);
        good = go_one(advance, march, &more);
        settle(advance, good);
    }
}
