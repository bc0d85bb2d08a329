/* The workloads. */
#include "load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISTINCT = 200 };

const char k_sleep_sql[] = "SELECT $1::bigint AS id, pg_sleep(1)";

static const char k_read[] = "SELECT id, payload FROM bench_row WHERE id = $1";
static const char k_write[] = "UPDATE bench_row SET n = n + 1 WHERE id = $1";
static const char k_slow[] = "SELECT $1::bigint AS id, pg_sleep(0.002)";

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static bool add(workload_t *work, const char *sql)
{
    work->sql[work->statements] = strdup(sql);
    return work->sql[work->statements++] != NULL;
}

static bool add_distinct(workload_t *work)
{
    char sql[128];
    int i;

    for (i = 0; i < DISTINCT; i++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT id, payload, %d AS variant FROM bench_row WHERE id = $1", i);
        if (!add(work, sql))
            return false;
    }
    return true;
}

bool workload_init(workload_t *work, const options_t *options)
{
    char sql[128];
    int i;

    *work = (workload_t){.name = options->work, .rows = options->rows, .limit = options->limit};
    for (i = 0; i < AGENCIES; i++)
        (void)snprintf(work->key[i], KEY_ROOM, "agency-%04d", i);
    for (i = 0; i < MAX_STATEMENTS; i++)
        (void)snprintf(work->name_of[i], sizeof work->name_of[i], "s%d", i);
    if (options->read_sql != NULL)
        return add(work, options->read_sql);
    if (strcmp(work->name, "read") == 0)
        return add(work, k_read);
    if (strcmp(work->name, "write") == 0)
        return add(work, k_write);
    if (strcmp(work->name, "slow") == 0)
        return add(work, k_slow);
    if (strcmp(work->name, "distinct") == 0)
        return add_distinct(work);
    if (strcmp(work->name, "app") == 0 || strcmp(work->name, "transaction") == 0)
        return add(work, k_read) && add(work, k_write);
    if (strcmp(work->name, "rows") == 0) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT id, payload FROM bench_row WHERE id >= $1 ORDER BY id LIMIT %u",
                       work->limit);
        return add(work, sql);
    }
    (void)fprintf(stderr, "bench_load: no workload '%s'\n", work->name);
    return false;
}

void workload_fini(workload_t *work)
{
    while (work->statements > 0)
        free(work->sql[--work->statements]);
}

static void set_statement(const workload_t *work, unsigned statement, operation_t *op)
{
    op->statement = statement;
    op->counts_changes = work->sql[statement][0] == 'U';
    if (op->counts_changes)
        op->access = ACCESS_WRITE;
}

static operation_t make(const workload_t *work, unsigned statement, uint64_t *seed)
{
    bool is_rows = strcmp(work->name, "rows") == 0;
    int64_t choice = is_rows ? work->rows - (int64_t)work->limit + 1 : work->rows;
    operation_t op = {.access = ACCESS_READ, .rows = 1};

    op.id = 1 + (int64_t)(next_random(seed) % (uint64_t)choice);
    if (is_rows)
        op.rows = (int)work->limit;
    set_statement(work, statement, &op);
    op.key = work->key[op.id % AGENCIES];
    return op;
}

operation_t workload_prime(const workload_t *work, unsigned statement, uint64_t *seed)
{
    return make(work, statement, seed);
}

void workload_steps(const workload_t *work, const operation_t *op, operation_t steps[STEPS])
{
    unsigned i;

    for (i = 0; i < STEPS; i++) {
        steps[i] = *op;
        set_statement(work, i == 1 ? work->statements - 1 : 0, &steps[i]);
    }
}

/* Of ten operations of the application eight are reads that may go to a replica, one is a read of
 * the newest rows, one writes. */
static operation_t next_of_app(const workload_t *work, uint64_t *seed)
{
    uint64_t dice = next_random(seed) % 10;
    operation_t op = make(work, dice == 9 ? 1 : 0, seed);

    if (dice < 8)
        op.access = ACCESS_REPLICA;
    return op;
}

operation_t workload_next(const workload_t *work, uint64_t *seed)
{
    unsigned statement = 0;

    if (strcmp(work->name, "app") == 0)
        return next_of_app(work, seed);
    if (work->statements > 1)
        statement = (unsigned)(next_random(seed) % work->statements);
    return make(work, statement, seed);
}
