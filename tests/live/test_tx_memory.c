/* Memory that is out in the middle of transactions and loads, at each allocation in turn: what is
 * told is what has happened, nothing is lost, and the next call finds everything in order. */
#include "base/clock.h"
#include "cluster.h"
#include "miser.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { POINTS_MAX = 3000, PATIENCE_MS = 20000, QUICK_MS = 5000 };

static agdb_t *g_db;
static agdb_t *g_judge; /* another client */
static agdb_loop_t *g_loop;

/* What the caller of one operation was told. */
typedef struct told {
    bool over;
    agdb_status_t status;
    agdb_outcome_t outcome;
} told_t;

typedef told_t (*operation_fn)(int id);

static told_t told_of(agdb_status_t status, agdb_error_t *take_error)
{
    told_t told = {true, status, agdb_error_outcome(take_error)};

    agdb_error_free(take_error);
    return told;
}

#define INSERT(ID)                                                                                 \
    .sql = "INSERT INTO scarce VALUES ($1)", .params = (const agdb_value_t[]){agdb_int4(ID)},      \
    .nparams = 1

/* --- operations: each makes two rows of its number, or none --------------------------------------
 */

static told_t statement_by_statement(int id)
{
    agdb_error_t *error = NULL;
    agdb_tx_t *tx = NULL;
    agdb_status_t st = agdb_begin(g_db, AGDB_TX(.shard = "east-1"), &tx, &error);

    if (st != AGDB_OK)
        return told_of(st, error);
    st = agdb_query(g_db, AGDB_REQUEST(.tx = tx, INSERT(id)), NULL, &error);
    if (st == AGDB_OK)
        st = agdb_savepoint(tx, "before", &error);
    if (st == AGDB_OK)
        st = agdb_query(g_db, AGDB_REQUEST(.tx = tx, .sql = "DELETE FROM scarce"), NULL, &error);
    if (st == AGDB_OK)
        st = agdb_rollback_to(tx, "before", &error);
    if (st == AGDB_OK)
        st = agdb_query(g_db, AGDB_REQUEST(.tx = tx, INSERT(id)), NULL, &error);
    if (st != AGDB_OK) {
        agdb_rollback(tx); /* whatever it was: nothing is committed */
        (void)told_of(st, error);
        return (told_t){true, st, AGDB_OUTCOME_REJECTED};
    }
    st = agdb_commit(tx, &error);
    return told_of(st, error);
}

static told_t as_an_array(int id)
{
    const agdb_request_t *const all[] = {AGDB_REQUEST(INSERT(id)), AGDB_REQUEST(INSERT(id))};
    agdb_result_t *res[2] = {NULL, NULL};
    agdb_error_t *error = NULL;
    char key[24];
    agdb_status_t st;

    snprintf(key, sizeof key, "scarce %d", id);
    st = agdb_query_tx(g_db, AGDB_TX(.shard = "east-1", .idempotency_key = key), all, 2, res,
                       &error);
    assert_true((res[0] != NULL) == (st == AGDB_OK));
    agdb_result_free(res[0]);
    agdb_result_free(res[1]);
    return told_of(st, error);
}

static agdb_status_t insert_twice(agdb_tx_t *tx, unsigned attempt, void *user,
                                  agdb_error_t **reterr)
{
    const int id = *(const int *)user;
    agdb_status_t st = agdb_query(g_db, AGDB_REQUEST(.tx = tx, INSERT(id)), NULL, reterr);

    (void)attempt;
    if (st == AGDB_OK)
        st = agdb_query(g_db, AGDB_REQUEST(.tx = tx, INSERT(id), .commit = true), NULL, reterr);
    return st;
}

static told_t as_a_function(int id)
{
    agdb_error_t *error = NULL;
    agdb_status_t st =
        agdb_run(g_db, AGDB_TX(.shard = "east-1", .once = true), insert_twice, &id, &error);

    return told_of(st, error);
}

static void array_done(void *user, agdb_status_t status, agdb_result_t **results, size_t count,
                       agdb_error_t *error)
{
    assert_int_equal(count, 2);
    assert_true((results[0] != NULL) == (status == AGDB_OK));
    *(told_t *)user = told_of(status, error);
}

static told_t on_a_loop(int id)
{
    const agdb_request_t *const all[] = {AGDB_REQUEST(INSERT(id)), AGDB_REQUEST(INSERT(id))};
    agdb_error_t *error = NULL;
    told_t told = {0};
    agdb_status_t st =
        agdb_submit_tx(g_loop, AGDB_TX(.shard = "east-1"), all, 2, array_done, &told, NULL, &error);

    if (st != AGDB_OK)
        return told_of(st, error);
    while (!told.over && agdb_loop_run(g_loop, PATIENCE_MS, NULL) != AGDB_E_TIMEOUT)
        continue;
    assert_true(told.over);
    return told;
}

static told_t as_a_load(int id)
{
    agdb_copy_options_t options = AGDB_COPY_OPTIONS_INIT;
    agdb_error_t *error = NULL;
    agdb_copy_t *copy = NULL;
    char rows[32];
    agdb_status_t st;

    snprintf(rows, sizeof rows, "%d\n%d\n", id, id);
    options.table = "scarce";
    options.shard = "east-1";
    st = agdb_copy_in_open(g_db, &options, &copy, &error);
    if (st != AGDB_OK)
        return told_of(st, error);
    st = agdb_copy_in_write(copy, rows, strlen(rows), &error);
    if (st != AGDB_OK) {
        assert_int_equal(agdb_copy_in_abort(copy, NULL), AGDB_OK);
        (void)told_of(st, error);
        return (told_t){true, st, AGDB_OUTCOME_REJECTED};
    }
    st = agdb_copy_in_finish(copy, NULL, &error);
    return told_of(st, error);
}

/* --- the sweep -----------------------------------------------------------------------------------
 */

static int rows_of(int id)
{
    char *count =
        cluster_value(g_judge, AGDB_REQUEST(.shard = "east-1", .access = AGDB_READ,
                                            .sql = "SELECT count(*) FROM scarce WHERE id = $1",
                                            AGDB_PARAMS(agdb_int4(id))));
    const int n = atoi(count);

    free(count);
    return n;
}

static void judge(long point, int id, told_t told)
{
    const int rows = rows_of(id);

    if (rows != 0 && rows != 2)
        fail_msg("%ld: a part of it is there", point);
    if (told.status == AGDB_OK ? rows != 2 : rows == 2 && told.outcome != AGDB_OUTCOME_UNKNOWN)
        fail_msg("%ld: %s, %s, and %d rows", point, agdb_status_name(told.status),
                 agdb_outcome_name(told.outcome), rows);
    if (told.status != AGDB_OK && told.status != AGDB_E_NOMEM && told.status != AGDB_E_LOST &&
        told.status != AGDB_E_TIMEOUT)
        fail_msg("%ld: %s", point, agdb_status_name(told.status));
}

/* Until nothing is refused any more. */
static void sweep(const char *name, operation_fn run, long least, bool once)
{
    static int id;
    long point = 0;
    bool refused = true;

    for (; refused && point < POINTS_MAX; point++) {
        const uint64_t start_us = agdb__now_us();
        told_t told;

        miser_begin(point, once);
        told = run(++id);
        assert_true(agdb__now_us() - start_us < QUICK_MS * 1000); /* nobody tries on and on */
        refused = miser_end();
        judge(point, id, told);
        if (!refused)
            assert_int_equal(told.status, AGDB_OK);
        told = run(++id); /* and the next one finds everything in order */
        assert_int_equal(told.status, AGDB_OK);
        judge(point, id, told);
    }
    print_message("%s: %ld places, %s\n", name, point - 1, once ? "once" : "from there on");
    assert_in_range(point, least + 1, POINTS_MAX - 1);
}

static void each_allocation_may_fail(void **state)
{
    static const struct {
        const char *name;
        operation_fn run;
        long least; /* places, so that it is known to have looked */
    } all[] = {
        {"statement by statement", statement_by_statement, 3},
        {"as an array", as_an_array, 3},
        {"as a function", as_a_function, 0}, /* all of it is on the stack */
        {"on a loop", on_a_loop, 3},
        {"as a load", as_a_load, 3},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(all); i++) {
        assert_int_equal(all[i].run(-1 - (int)i).status, AGDB_OK); /* warm */
        sweep(all[i].name, all[i].run, all[i].least, true);
        sweep(all[i].name, all[i].run, all[i].least, false);
    }
}

static int open_all(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .allocator = &k_miser};

    (void)state;
    g_judge = cluster_open(NULL);
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "CREATE TABLE scarce (id int)"));
    g_db = cluster_open_core("pool: { min: 1, max: 2 }\n  timeouts: { queue: 20s, call: 20s }", "",
                             &options);
    return agdb_loop_open(g_db, NULL, &g_loop, NULL) == AGDB_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    assert_int_equal(agdb_loop_close(g_loop), AGDB_OK);
    cluster_close(g_db);
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE scarce"));
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM agencydb.idempotency"));
    cluster_close(g_judge);
    assert_int_equal(miser_live(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, open_all, close_all);
}
