/* Transactions on one shard: what is committed, what is not, what becomes of the connection. */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 32, TRANSFERS = 20, ACCOUNTS = 8, PATIENCE_MS = 10000 };

static agdb_t *g_db;
static agdb_t *g_judge; /* another client */
static agdb_error_t *g_err;
static agdb_tx_t *g_tx;
static char g_key[2][16]; /* of east-1, of west-1 */

static void find_key(const char *shard, char *ret, size_t size)
{
    agdb_route_info_t route = {.struct_size = sizeof route};
    unsigned i = 0;

    do {
        snprintf(ret, size, "key-%u", i++);
        assert_int_equal(agdb_route(g_db, NULL, agdb_key(ret), &route, NULL), AGDB_OK);
    } while (strcmp(route.shard, shard) != 0);
}

static int open_all(void **state)
{
    (void)state;
    g_judge = cluster_open(NULL);
    g_db = cluster_open_core("pool: { min: 1, max: 8 }\n  timeouts: { queue: 30s }", "grouping: on",
                             NULL);
    find_key("east-1", g_key[0], sizeof g_key[0]);
    find_key("west-1", g_key[1], sizeof g_key[1]);
    cluster_do(g_judge,
               AGDB_REQUEST(.shard = "east-1",
                            .sql = "CREATE TABLE account (id int PRIMARY KEY, sum int NOT NULL,"
                                   " UNIQUE (id, sum) DEFERRABLE INITIALLY DEFERRED)"));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE account"));
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM agencydb.idempotency"));
    cluster_close(g_db);
    cluster_close(g_judge);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    agdb_error_clear(&g_err);
    g_tx = NULL;
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM account"));
    cluster_do(
        g_judge,
        AGDB_REQUEST(.shard = "east-1",
                     .sql = "INSERT INTO account SELECT i, 100 FROM generate_series(1, 8) i"));
    return 0;
}

/* --- helpers -----------------------------------------------------------------------------------
 */

static void expect_sql(const char *sql, const char *want)
{
    cluster_expect(g_judge, "east-1", sql, want);
}

static void expect_sum(int id, const char *want)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SELECT sum FROM account WHERE id = %d", id);
    expect_sql(sql, want);
}

static void must(agdb_status_t st)
{
    if (st != AGDB_OK)
        fail_msg("%s %s", agdb_status_name(st), agdb_error_message(g_err));
}

#define BEGIN(...)                                                                                 \
    must(agdb_begin(g_db, AGDB_TX(.key = agdb_key(g_key[0]), __VA_ARGS__), &g_tx, &g_err))
#define IN(...) agdb_query(g_db, AGDB_REQUEST(.tx = g_tx, __VA_ARGS__), NULL, &g_err)

static void expect_in(const char *sql, const char *want)
{
    agdb_result_t *res = NULL;

    must(agdb_query(g_db, AGDB_REQUEST(.tx = g_tx, .sql = sql), &res, &g_err));
    assert_string_equal(agdb_result_text(res, 0, 0), want);
    assert_string_equal(agdb_result_shard(res), "east-1");
    agdb_result_free(res);
}

/* Nothing of a transaction is left on the client's connections. */
static void expect_clean_connections(void)
{
    cluster_wait_for_no_transaction(g_judge, "east-1");
}

/* --- the ordinary way --------------------------------------------------------------------------
 */

static void what_is_committed_is_there_and_seen_inside_before(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = sum - 7 WHERE id = $1", AGDB_PARAMS(agdb_int4(1))));
    expect_in("SELECT sum FROM account WHERE id = 1", "93");
    expect_sum(1, "100");
    must(agdb_commit(g_tx, &g_err));
    expect_sum(1, "93");
    expect_clean_connections();
}

static void commit_travels_with_the_last_statement(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    must(IN(.sql = "UPDATE account SET sum = 2 WHERE id = 2", .commit = true));
    expect_sum(1, "1");
    expect_sum(2, "2");
    assert_int_equal(IN(.sql = "SELECT 1"), AGDB_E_MISUSE);
    assert_non_null(strstr(agdb_error_message(g_err), "committed already"));
    must(agdb_commit(g_tx, &g_err)); /* says it again */
}

static void what_is_rolled_back_is_not_there(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 0"));
    agdb_rollback(g_tx);
    expect_sum(1, "100");
    BEGIN();
    agdb_rollback(g_tx); /* nothing was sent */
    BEGIN();
    must(agdb_commit(g_tx, &g_err)); /* nor here */
    agdb_rollback(NULL);
    expect_clean_connections();
}

static void a_failed_statement_leaves_only_the_way_back(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 0 WHERE id = 1"));
    assert_int_equal(IN(.sql = "INSERT INTO account VALUES (1, 1)"), AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(g_err), "23505");
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    assert_int_equal(IN(.sql = "SELECT 1"), AGDB_E_MISUSE);
    assert_non_null(strstr(agdb_error_message(g_err), "23505"));
    assert_int_equal(agdb_commit(g_tx, &g_err), AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(g_err), "23505");
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    expect_sum(1, "100");
    expect_clean_connections();
}

static void what_fails_at_its_commit_is_rolled_back(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.sql = "SET CONSTRAINTS ALL DEFERRED"));
    must(IN(.sql = "ALTER TABLE account DROP CONSTRAINT account_pkey"));
    must(IN(.sql = "INSERT INTO account VALUES (1, 100)"));
    assert_int_equal(agdb_commit(g_tx, &g_err), AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(g_err), "23505");
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    expect_sql("SELECT count(*) FROM account WHERE id = 1", "1");
    BEGIN();
    must(IN(.sql = "ALTER TABLE account DROP CONSTRAINT account_pkey"));
    assert_int_equal(IN(.sql = "INSERT INTO account VALUES (1, 100)", .commit = true),
                     AGDB_E_SERVER);
    agdb_rollback(g_tx);
    expect_sql("SELECT count(*) FROM account WHERE id = 1", "1");
    expect_clean_connections();
}

static void savepoints_are_gone_back_to(void **state)
{
    (void)state;
    BEGIN();
    must(agdb_savepoint(g_tx, "first", &g_err));
    assert_int_equal(IN(.sql = "INSERT INTO account VALUES (1, 1)"), AGDB_E_SERVER);
    must(agdb_rollback_to(g_tx, "first", &g_err));
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    must(agdb_savepoint(g_tx, "a \"quoted\" one", &g_err));
    must(IN(.sql = "UPDATE account SET sum = 2 WHERE id = 2"));
    must(agdb_rollback_to(g_tx, "a \"quoted\" one", &g_err));
    assert_int_equal(agdb_rollback_to(g_tx, "no such", &g_err), AGDB_E_INVAL);
    must(agdb_release(g_tx, "first", &g_err));
    assert_int_equal(agdb_rollback_to(g_tx, "a \"quoted\" one", &g_err), AGDB_E_INVAL);
    must(agdb_commit(g_tx, &g_err));
    expect_sum(1, "1");
    expect_sum(2, "100");
}

/* --- what the options say ----------------------------------------------------------------------
 */

static void isolation_and_access_are_the_transactions(void **state)
{
    static const char *const name[] = {"read committed", "read committed", "repeatable read",
                                       "serializable"};
    int i;

    (void)state;
    for (i = 0; i < 4; i++) {
        BEGIN(.isolation = (agdb_isolation_t)i);
        expect_in("SHOW transaction_isolation", name[i]);
        expect_in("SHOW transaction_read_only", "off");
        must(agdb_commit(g_tx, &g_err));
    }
    BEGIN(.access = AGDB_READ, .isolation = AGDB_SERIALIZABLE, .deferrable = true);
    expect_in("SHOW transaction_deferrable", "on");
    assert_int_equal(IN(.sql = "DELETE FROM account"), AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(g_err), "25006");
    agdb_rollback(g_tx);
    BEGIN();
    assert_int_equal(IN(.sql = "SELECT 1", .access = AGDB_READ), AGDB_E_INVAL);
    must(IN(.sql = "SELECT 1")); /* nothing has changed */
    agdb_rollback(g_tx);
    assert_int_equal(
        agdb_begin(g_db, AGDB_TX(.deferrable = true, .shard = "east-1"), &g_tx, &g_err),
        AGDB_E_INVAL);
    assert_int_equal(agdb_begin(g_db, AGDB_TX(.isolation = (agdb_isolation_t)9, .shard = "east-1"),
                                &g_tx, &g_err),
                     AGDB_E_INVAL);
}

static void one_snapshot_is_seen_by_all_of_a_repeatable_read(void **state)
{
    (void)state;
    BEGIN(.access = AGDB_READ, .isolation = AGDB_REPEATABLE_READ);
    expect_in("SELECT sum FROM account WHERE id = 1", "100");
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "UPDATE account SET sum = 5"));
    expect_in("SELECT sum FROM account WHERE id = 1", "100");
    must(agdb_commit(g_tx, &g_err));
}

static void another_shards_key_is_refused_and_both_are_named(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.key = agdb_key(g_key[0]), .sql = "SELECT 1"));
    assert_int_equal(IN(.key = agdb_key(g_key[1]), .sql = "SELECT 1"), AGDB_E_CROSS_SHARD);
    assert_non_null(strstr(agdb_error_message(g_err), "west-1"));
    assert_non_null(strstr(agdb_error_message(g_err), "east-1"));
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_NOT_SENT);
    must(IN(.shard = "east-1", .sql = "SELECT 1"));
    agdb_rollback(g_tx);
}

static void what_has_no_place_in_a_transaction_changes_nothing(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    assert_int_equal(IN(.sql = "COMMIT"), AGDB_E_UNSUPPORTED);
    assert_non_null(strstr(agdb_error_message(g_err), "agdb_commit"));
    assert_int_equal(IN(.sql = "SELECT $1", .nparams = 1), AGDB_E_INVAL);
    must(agdb_savepoint(g_tx, "s", &g_err));
    assert_int_equal(IN(.sql = "ROLLBACK"), AGDB_E_UNSUPPORTED);
    must(agdb_commit(g_tx, &g_err));
    expect_sum(1, "1");
    BEGIN();
    assert_int_equal(IN(.sql = "ROLLBACK"), AGDB_E_UNSUPPORTED); /* the first one */
    must(IN(.sql = "UPDATE account SET sum = 2 WHERE id = 1", .commit = true));
    must(agdb_commit(g_tx, &g_err));
    expect_sum(1, "2");
    assert_int_equal(agdb_query(g_db,
                                AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .commit = true),
                                NULL, &g_err),
                     AGDB_E_INVAL);
}

/* Prepared under names that anybody can guess. */
static void nothing_ends_a_transaction_or_lets_it_write_behind_its_back(void **state)
{
    static const char *const ends[] = {"EXECUTE agdb_commit", "EXPLAIN EXECUTE agdb_commit",
                                       "/* x */ execute agdb_chain"};
    static const char *const writes[] = {"SET TRANSACTION READ WRITE",
                                         "SET LOCAL transaction_read_only = off",
                                         "SET transaction_read_only TO 'off'"};
    const agdb_request_t *all[] = {
        AGDB_REQUEST(.sql = "UPDATE account SET sum = 0"),
        AGDB_REQUEST(.sql = "EXECUTE agdb_commit"),
    };
    int i;

    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    for (i = 0; i < 3; i++)
        assert_int_equal(IN(.sql = ends[i]), AGDB_E_UNSUPPORTED);
    agdb_rollback(g_tx);
    assert_int_equal(agdb_query_tx(g_db, AGDB_TX(.shard = "east-1"), all, 2, NULL, &g_err),
                     AGDB_E_UNSUPPORTED);
    expect_sum(1, "100");
    for (i = 0; i < 3; i++) {
        BEGIN(.access = AGDB_READ);
        assert_int_equal(IN(.sql = writes[i]), AGDB_E_UNSUPPORTED);
        must(IN(.sql = "SET LOCAL work_mem = '8MB'"));
        assert_int_equal(IN(.sql = "DELETE FROM account"), AGDB_E_SERVER);
        agdb_rollback(g_tx);
    }
    BEGIN();
    must(IN(.sql = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"));
    expect_in("SHOW transaction_isolation", "serializable");
    assert_int_equal(agdb_savepoint(g_tx, "\xff\xfe", &g_err), AGDB_E_INVAL);
    agdb_rollback(g_tx);
}

static void session_state_ends_with_its_connection(void **state)
{
    int i;

    (void)state;
    BEGIN();
    must(IN(.sql = "SET search_path TO nowhere"));
    must(IN(.sql = "SELECT pg_advisory_lock(77)", .commit = true));
    must(agdb_commit(g_tx, &g_err));
    for (i = 0; i < 8; i++) {
        char *path =
            cluster_value(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "SHOW search_path"));

        assert_null(strstr(path, "nowhere"));
        free(path);
    }
    expect_sql("SELECT pg_try_advisory_lock(77) AND pg_advisory_unlock(77)", "t");
}

/* --- time and losses ---------------------------------------------------------------------------
 */

static void a_late_statement_ends_the_transaction_and_its_locks(void **state)
{
    uint64_t start_us;

    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    start_us = agdb__now_us();
    assert_int_equal(IN(.sql = "SELECT pg_sleep(30)", .timeout_ms = 100), AGDB_E_TIMEOUT);
    assert_in_range(agdb__now_us() - start_us, 90000, 1000000);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    assert_int_equal(agdb_commit(g_tx, &g_err), AGDB_E_TIMEOUT);
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .timeout_ms = 5000,
                                     .sql = "UPDATE account SET sum = 3 WHERE id = 1"));
    expect_clean_connections();
}

static void the_transactions_time_counts_between_statements(void **state)
{
    (void)state;
    BEGIN(.timeout_ms = 50);
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    usleep(60000);
    assert_int_equal(IN(.sql = "SELECT 1"), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_NOT_SENT);
    agdb_rollback(g_tx);
    expect_sum(1, "100");
    expect_clean_connections();
}

static void kill_backends(void)
{
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1",
                                     .sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                            " WHERE state LIKE 'idle in transaction%'"));
}

static void a_lost_connection_ends_the_transaction(void **state)
{
    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    kill_backends();
    assert_int_equal(IN(.sql = "UPDATE account SET sum = 2 WHERE id = 2"), AGDB_E_LOST);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    assert_string_equal(agdb_error_shard(g_err), "east-1");
    assert_int_equal(agdb_commit(g_tx, &g_err), AGDB_E_LOST);
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    kill_backends();
    assert_int_equal(agdb_commit(g_tx, &g_err), AGDB_E_LOST); /* its COMMIT was on the way */
    expect_sum(1, "100");
}

/* --- an array ----------------------------------------------------------------------------------
 */

static void an_array_is_one_transaction(void **state)
{
    const agdb_request_t *all[] = {
        AGDB_REQUEST(.sql = "UPDATE account SET sum = sum - $1 WHERE id = 1",
                     AGDB_PARAMS(agdb_int4(30))),
        AGDB_REQUEST(.sql = "UPDATE account SET sum = sum + $1 WHERE id = 2",
                     AGDB_PARAMS(agdb_int4(30))),
        AGDB_REQUEST(.sql = "SELECT sum(sum) FROM account"),
    };
    agdb_result_t *res[3] = {NULL};
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        must(agdb_query_tx(g_db, AGDB_TX(.shard = "east-1"), all, 3, res, &g_err));
        assert_int_equal(agdb_result_affected(res[0]), 1);
        assert_string_equal(agdb_result_text(res[2], 0, 0), "800");
        agdb_result_free(res[0]);
        agdb_result_free(res[1]);
        agdb_result_free(res[2]);
    }
    expect_sum(1, "10");
    expect_sum(2, "190");
}

static void an_array_that_fails_is_not_done_and_says_where(void **state)
{
    const agdb_request_t *all[] = {
        AGDB_REQUEST(.sql = "UPDATE account SET sum = 0 WHERE id = 1"),
        AGDB_REQUEST(.sql = "INSERT INTO account VALUES (1, 1)"),
        AGDB_REQUEST(.sql = "SELECT 1"),
    };
    agdb_result_t *res[3] = {NULL};

    (void)state;
    assert_int_equal(agdb_query_tx(g_db, AGDB_TX(.shard = "east-1"), all, 3, res, &g_err),
                     AGDB_E_SERVER);
    assert_non_null(strstr(agdb_error_message(g_err), "statement 2 of 3"));
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    assert_null(res[0]);
    expect_sum(1, "100");
    assert_int_equal(agdb_query_tx(g_db, AGDB_TX(.shard = "east-1"), all, 64, res, &g_err),
                     AGDB_E_INVAL);
    all[1] = AGDB_REQUEST(.sql = "SELECT 1", .shard = "west-1");
    assert_int_equal(agdb_query_tx(g_db, AGDB_TX(.shard = "east-1"), all, 3, res, &g_err),
                     AGDB_E_CROSS_SHARD);
    assert_non_null(strstr(agdb_error_message(g_err), "statement 2 of 3"));
    all[1] = AGDB_REQUEST(.sql = "SELECT 1");
    all[2] = AGDB_REQUEST(.sql = "COMMIT");
    assert_int_equal(agdb_query_tx(g_db, AGDB_TX(.shard = "east-1"), all, 3, res, &g_err),
                     AGDB_E_UNSUPPORTED);
    assert_non_null(strstr(agdb_error_message(g_err), "statement 3 of 3"));
    expect_clean_connections();
}

static void an_array_with_a_key_happens_once(void **state)
{
    const agdb_request_t *all[] = {
        AGDB_REQUEST(.sql = "UPDATE account SET sum = sum + 1 WHERE id = 1"),
        AGDB_REQUEST(.sql = "UPDATE account SET sum = sum + 1 WHERE id = 2"),
    };
    agdb_result_t *res[2] = {NULL};
    bool replayed = true;
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        must(agdb_query_tx(
            g_db, AGDB_TX(.shard = "east-1", .idempotency_key = "array", .replayed = &replayed),
            all, 2, res, &g_err));
        assert_int_equal(replayed, i > 0);
        assert_int_equal(agdb_result_replayed(res[1]), i > 0);
        agdb_result_free(res[0]);
        agdb_result_free(res[1]);
    }
    expect_sum(1, "101");
    expect_sum(2, "101");
    assert_int_equal(agdb_query_tx(g_db, AGDB_TX(.shard = "east-1", .idempotency_key = "array"),
                                   all, 1, NULL, &g_err),
                     AGDB_E_INVAL); /* another transaction's */
    expect_clean_connections();
}

/* --- agdb_run ----------------------------------------------------------------------------------
 */

typedef struct move {
    agdb_t *db;
    int from;
    int to;
    unsigned attempts;
    agdb_status_t end;
} move_t;

static agdb_status_t transfer(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    move_t *move = user;
    agdb_result_t *res = NULL;
    int64_t sum = 0;
    agdb_status_t st =
        agdb_query(move->db,
                   AGDB_REQUEST(.tx = tx, .sql = "SELECT sum FROM account WHERE id = $1",
                                AGDB_PARAMS(agdb_int4(move->from))),
                   &res, reterr);

    move->attempts = attempt;
    if (st == AGDB_OK)
        st = agdb_result_int64(res, 0, 0, &sum, reterr);
    agdb_result_free(res);
    if (st == AGDB_OK)
        st = agdb_query(move->db,
                        AGDB_REQUEST(.tx = tx, .sql = "UPDATE account SET sum = $2 WHERE id = $1",
                                     AGDB_PARAMS(agdb_int4(move->from), agdb_int4((int)sum - 1))),
                        NULL, reterr);
    if (st == AGDB_OK)
        st = agdb_query(move->db,
                        AGDB_REQUEST(.tx = tx,
                                     .sql = "UPDATE account SET sum = sum + 1 WHERE id = $1",
                                     AGDB_PARAMS(agdb_int4(move->to)), .commit = attempt % 2 == 0),
                        NULL, reterr);
    return st == AGDB_OK ? move->end : st;
}

static void a_function_is_committed_undone_or_fails(void **state)
{
    move_t move = {.db = g_db, .from = 1, .to = 2};

    (void)state;
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1"), transfer, &move, &g_err));
    expect_sum(1, "99");
    move.end = AGDB_ROLLBACK;
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1"), transfer, &move, &g_err));
    expect_sum(1, "99");
    move.end = AGDB_E_BUSY;
    assert_int_equal(agdb_run(g_db, AGDB_TX(.shard = "east-1"), transfer, &move, &g_err),
                     AGDB_E_BUSY);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    expect_sum(1, "99");
    assert_int_equal(move.attempts, 1);
    expect_clean_connections();
}

static void a_function_with_a_key_is_run_once(void **state)
{
    move_t move = {.db = g_db, .from = 1, .to = 2};
    bool replayed = true;

    (void)state;
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1", .idempotency_key = "f", .replayed = &replayed),
                  transfer, &move, &g_err));
    assert_false(replayed);
    move.attempts = 0;
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1", .idempotency_key = "f", .replayed = &replayed),
                  transfer, &move, &g_err));
    assert_true(replayed);
    assert_int_equal(move.attempts, 0);
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1", .once = true), transfer, &move, &g_err));
    expect_sum(1, "98");
}

/* Its connection is killed on the first attempt, while nothing is committed. */
static agdb_status_t killed_once(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    agdb_status_t st = agdb_query(
        g_db, AGDB_REQUEST(.tx = tx, .sql = "UPDATE account SET sum = sum + 1 WHERE id = 1"), NULL,
        reterr);

    *(unsigned *)user = attempt;
    if (st == AGDB_OK && attempt == 1)
        kill_backends();
    if (st == AGDB_OK)
        st = agdb_query(
            g_db, AGDB_REQUEST(.tx = tx, .sql = "UPDATE account SET sum = sum + 1 WHERE id = 2"),
            NULL, reterr);
    return st;
}

static void a_function_whose_connection_is_lost_is_run_again(void **state)
{
    unsigned attempts = 0;

    (void)state;
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1"), killed_once, &attempts, &g_err));
    assert_int_equal(attempts, 2);
    expect_sum(1, "101");
    expect_sum(2, "101");
}

static agdb_status_t ends_itself(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    agdb_status_t st =
        agdb_query(g_db, AGDB_REQUEST(.tx = tx, .sql = "UPDATE account SET sum = 0 WHERE id = 1"),
                   NULL, reterr);

    (void)attempt;
    if (st != AGDB_OK)
        return st;
    if (agdb_commit(tx, user) != AGDB_E_MISUSE)
        return AGDB_E_BUSY;
    agdb_rollback(tx);
    return AGDB_OK;
}

static agdb_status_t commits_and_fails(agdb_tx_t *tx, unsigned attempt, void *user,
                                       agdb_error_t **reterr)
{
    agdb_status_t st = agdb_query(
        g_db,
        AGDB_REQUEST(.tx = tx, .sql = "UPDATE account SET sum = 77 WHERE id = 1", .commit = true),
        NULL, reterr);

    (void)attempt;
    return st == AGDB_OK ? *(agdb_status_t *)user : st;
}

static void what_is_committed_is_never_called_undone(void **state)
{
    agdb_status_t end = AGDB_E_BUSY;

    (void)state;
    assert_int_equal(agdb_run(g_db, AGDB_TX(.shard = "east-1"), commits_and_fails, &end, &g_err),
                     AGDB_E_BUSY);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_UNKNOWN);
    expect_sum(1, "77");
    end = AGDB_ROLLBACK;
    assert_int_equal(agdb_run(g_db, AGDB_TX(.shard = "east-1"), commits_and_fails, &end, &g_err),
                     AGDB_E_MISUSE);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_UNKNOWN);
}

static void a_function_may_not_commit_by_itself(void **state)
{
    agdb_error_t *inner = NULL;

    (void)state;
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1"), ends_itself, &inner, &g_err));
    assert_non_null(strstr(agdb_error_message(inner), "agdb_run commits"));
    agdb_error_free(inner);
    expect_sum(1, "100");
}

typedef struct load {
    atomic_uint attempts;
} load_t;

static void transfer_many(crew_hand_t *hand)
{
    load_t *load = hand->job;
    int i;

    for (i = 0; i < TRANSFERS; i++) {
        agdb_error_t *error = NULL;
        move_t move = {.db = g_db, .from = 1 + (int)crew_random(hand, ACCOUNTS)};

        move.to = 1 + (move.from + (int)crew_random(hand, ACCOUNTS - 1)) % ACCOUNTS;
        if (agdb_run(
                g_db,
                AGDB_TX(.shard = "east-1", .isolation = AGDB_SERIALIZABLE, .timeout_ms = 60000),
                transfer, &move, &error) != AGDB_OK)
            crew_wrong(hand, "%s", agdb_error_message(error));
        atomic_fetch_add(&load->attempts, move.attempts);
        agdb_error_free(error);
    }
}

/* Each reads and writes what the others do: only SERIALIZABLE and repetition keep the sum. */
static void transfers_of_many_threads_keep_the_sum(void **state)
{
    load_t load = {0};
    crew_t crew;

    (void)state;
    crew_start(&crew, THREADS, crew_setting("AGDB_TX_SEED", 1), transfer_many, &load);
    assert_int_equal(crew_join(&crew), 0);
    print_message("%d transfers, %u attempts\n", THREADS * TRANSFERS, load.attempts);
#ifndef __SANITIZE_THREAD__ /* there the client may be so slow that no two transactions meet */
    assert_true(load.attempts > THREADS * TRANSFERS);
#endif
    expect_sql("SELECT sum(sum) FROM account", "800");
    expect_clean_connections();
}

/* --- handles -----------------------------------------------------------------------------------
 */

static void a_client_that_is_closed_waits_for_its_transactions(void **state)
{
    agdb_t *db = cluster_open(NULL);

    (void)state;
    must(agdb_begin(db, AGDB_TX(.shard = "east-1"), &g_tx, &g_err));
    must(agdb_query(db, AGDB_REQUEST(.tx = g_tx, .sql = "UPDATE account SET sum = 9 WHERE id = 1"),
                    NULL, &g_err));
    assert_int_equal(agdb_close(db, 10), AGDB_E_TIMEOUT);
    must(agdb_query(NULL,
                    AGDB_REQUEST(.tx = g_tx, .sql = "UPDATE account SET sum = 9 WHERE id = 2"),
                    NULL, &g_err));
    must(agdb_commit(g_tx, &g_err));
    expect_sum(2, "9");
}

static void a_childs_calls_touch_nothing(void **state)
{
    int status = -1;
    pid_t pid;

    (void)state;
    BEGIN();
    must(IN(.sql = "UPDATE account SET sum = 1 WHERE id = 1"));
    pid = fork();
    if (pid == 0) {
        agdb_error_t *error = NULL;
        bool good = IN(.sql = "SELECT 1") == AGDB_E_FORKED &&
                    agdb_savepoint(g_tx, "s", NULL) == AGDB_E_FORKED &&
                    agdb_commit(g_tx, &error) == AGDB_E_FORKED;

        agdb_rollback(g_tx);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    must(agdb_commit(g_tx, &g_err));
    expect_sum(1, "1");
}

#define CASE(f) cmocka_unit_test_setup(f, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_committed_is_there_and_seen_inside_before),
        CASE(commit_travels_with_the_last_statement),
        CASE(what_is_rolled_back_is_not_there),
        CASE(a_failed_statement_leaves_only_the_way_back),
        CASE(what_fails_at_its_commit_is_rolled_back),
        CASE(savepoints_are_gone_back_to),
        CASE(isolation_and_access_are_the_transactions),
        CASE(one_snapshot_is_seen_by_all_of_a_repeatable_read),
        CASE(another_shards_key_is_refused_and_both_are_named),
        CASE(what_has_no_place_in_a_transaction_changes_nothing),
        CASE(nothing_ends_a_transaction_or_lets_it_write_behind_its_back),
        CASE(session_state_ends_with_its_connection),
        CASE(a_late_statement_ends_the_transaction_and_its_locks),
        CASE(the_transactions_time_counts_between_statements),
        CASE(a_lost_connection_ends_the_transaction),
        CASE(an_array_is_one_transaction),
        CASE(an_array_that_fails_is_not_done_and_says_where),
        CASE(an_array_with_a_key_happens_once),
        CASE(a_function_is_committed_undone_or_fails),
        CASE(a_function_with_a_key_is_run_once),
        CASE(a_function_whose_connection_is_lost_is_run_again),
        CASE(what_is_committed_is_never_called_undone),
        CASE(a_function_may_not_commit_by_itself),
        CASE(transfers_of_many_threads_keep_the_sum),
        CASE(a_client_that_is_closed_waits_for_its_transactions),
        CASE(a_childs_calls_touch_nothing),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
