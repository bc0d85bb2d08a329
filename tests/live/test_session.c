/* Reads that must see what their session wrote, and reads that may be old up to a bound: on a real
 * replica whose replay is paused and goes on. */
#include "base/clock.h"
#include "cluster.h"
#include "direct.h"
#include "exec/session.h"
#include "unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, JOIN_US = 2500000 };

static agdb_t *g_db;
static PGconn *g_replica; /* of east-1, as superuser */
static agdb_session_t *g_session;
static const char k_key[] = "fema"; /* pinned to east-1 */

static void run(agdb_t *db, const char *sql, agdb_session_t *session)
{
    cluster_do(db, AGDB_REQUEST(.key = agdb_key(k_key), .sql = sql, .session = session));
}

/* Something that the replica will say. */
static void wait_until(const char *condition)
{
    uint64_t end_us = agdb__now_us() + PATIENCE_MS * 1000;

    while (direct_number(g_replica, "SELECT (%s)::int", condition) != 1) {
        if (agdb__now_us() > end_us)
            fail_msg("the replica does not say: %s", condition);
        usleep(1000);
    }
}

static void pause_replay(void)
{
    direct_do(g_replica, "SELECT pg_wal_replay_pause()");
    wait_until("pg_get_wal_replay_pause_state() = 'paused'");
}

static void resume_replay(void)
{
    direct_do(g_replica, "SELECT pg_wal_replay_resume()");
}

static int open_all(void **state)
{
    cluster_node_t replica = cluster_node("core", "east-1", "replica");

    (void)state;
    g_db = cluster_open(NULL);
    if (agdb_wait_ready(g_db, AGDB_READY_ALL, PATIENCE_MS, NULL) != AGDB_OK)
        return -1;
    g_replica = direct_open_admin(&replica);
    run(g_db, "CREATE TABLE note (id bigint PRIMARY KEY, v bigint NOT NULL)", NULL);
    wait_until("to_regclass('note') IS NOT NULL");
    usleep(JOIN_US); /* until the client has seen it caught up: from then on lag does not matter */
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    run(g_db, "DROP TABLE note", NULL);
    PQfinish(g_replica);
    cluster_close(g_db);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    wait_until("NOT EXISTS (SELECT FROM note)");
    return agdb_session_new(&g_session, NULL) == AGDB_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    resume_replay();
    direct_do(g_replica, "ALTER SYSTEM RESET recovery_min_apply_delay");
    direct_do(g_replica, "SELECT pg_reload_conf()");
    agdb_session_free(g_session);
    g_session = NULL;
    run(g_db, "DELETE FROM note", NULL);
    return 0;
}

typedef struct seen {
    bool by_replica;
    bool found;
    int64_t v;
} seen_t;

static seen_t look(agdb_t *db, const agdb_request_t *request)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    seen_t seen = {0};

    if (agdb_query(db, request, &res, &error) != AGDB_OK)
        fail_msg("%s: %s", request->sql, agdb_error_message(error));
    seen.by_replica = agdb_result_role(res) == AGDB_ROLE_REPLICA;
    seen.found = agdb_result_rows(res) > 0;
    if (seen.found)
        assert_int_equal(agdb_result_int64(res, 0, 0, &seen.v, NULL), AGDB_OK);
    agdb_result_free(res);
    return seen;
}

static seen_t look_with(agdb_t *db, agdb_access_t access, agdb_session_t *session)
{
    return look(db, AGDB_REQUEST(.key = agdb_key(k_key), .sql = "SELECT v FROM note WHERE id = 1",
                                 .access = access, .session = session));
}

/* Until a replica answers the session's read, which must always be right. */
static void wait_for_replica(agdb_t *db, agdb_session_t *session, int64_t v)
{
    uint64_t end_us = agdb__now_us() + PATIENCE_MS * 1000;
    seen_t seen;

    do {
        seen = look_with(db, AGDB_READ_SESSION, session);
        assert_true(seen.found);
        assert_int_equal(seen.v, v);
        if (agdb__now_us() > end_us)
            fail_msg("no replica has answered in %d ms", PATIENCE_MS);
    } while (!seen.by_replica);
}

static void a_session_sees_its_writes_while_replay_is_paused(void **state)
{
    seen_t seen;

    (void)state;
    pause_replay();
    run(g_db, "INSERT INTO note VALUES (1, 10)", g_session);
    seen = look_with(g_db, AGDB_READ_REPLICA_OK, NULL);
    assert_true(seen.by_replica);
    assert_false(seen.found);
    seen = look_with(g_db, AGDB_READ_SESSION, g_session);
    assert_false(seen.by_replica);
    assert_true(seen.found);
    run(g_db, "UPDATE note SET v = 11 WHERE id = 1", g_session);
    seen = look_with(g_db, AGDB_READ_SESSION, g_session);
    assert_int_equal(seen.v, 11);
    resume_replay();
    wait_for_replica(g_db, g_session, 11);
}

static void a_session_that_wrote_nothing_reads_from_the_replica(void **state)
{
    (void)state;
    pause_replay();
    run(g_db, "INSERT INTO note VALUES (1, 10)", NULL); /* of somebody else */
    assert_false(look_with(g_db, AGDB_READ_SESSION, g_session).found);
}

static void a_token_goes_to_another_client_as_text(void **state)
{
    char text[AGDB_SESSION_TEXT_MAX];
    agdb_session_t *there = NULL;
    agdb_t *other = cluster_open(NULL);
    seen_t seen;

    (void)state;
    assert_int_equal(agdb_wait_ready(other, AGDB_READY_ALL, PATIENCE_MS, NULL), AGDB_OK);
    pause_replay();
    run(g_db, "INSERT INTO note VALUES (1, 10)", g_session);
    assert_true(agdb_session_text(g_session, text, sizeof text) < sizeof text);
    assert_int_equal(agdb_session_new(&there, NULL), AGDB_OK);
    assert_false(look_with(other, AGDB_READ_SESSION, there).found);
    assert_int_equal(agdb_session_merge(there, text, strlen(text), NULL), AGDB_OK);
    seen = look_with(other, AGDB_READ_SESSION, there);
    assert_true(seen.found);
    assert_false(seen.by_replica);
    resume_replay();
    wait_for_replica(other, there, 10);
    agdb_session_free(there);
    cluster_close(other);
}

static void other_writes_and_other_shards_do_not_hold_a_session_up(void **state)
{
    (void)state;
    run(g_db, "INSERT INTO note VALUES (1, 10)", g_session);
    wait_for_replica(g_db, g_session, 10);
    pause_replay();
    run(g_db, "INSERT INTO note VALUES (2, 20)", NULL);
    assert_true(look_with(g_db, AGDB_READ_SESSION, g_session).by_replica);
}

static void writes_of_many_and_failed_ones_count(void **state)
{
    const agdb_request_t *requests[] = {
        AGDB_REQUEST(.key = agdb_key(k_key), .sql = "INSERT INTO note VALUES (1, 10)",
                     .session = g_session),
        AGDB_REQUEST(.key = agdb_key(k_key), .sql = "INSERT INTO note VALUES (2, 1 / 0)",
                     .session = g_session),
    };
    agdb_result_t *results[2] = {0};
    agdb_error_t *errors[2] = {0};
    seen_t seen;

    (void)state;
    pause_replay();
    assert_int_equal(agdb_query_many(g_db, requests, 2, PATIENCE_MS, results, errors, NULL),
                     AGDB_E_PARTIAL);
    assert_null(errors[0]);
    assert_string_equal(agdb_error_sqlstate(errors[1]), "22012"); /* the statement's own */
    agdb_error_clear(&errors[1]);
    agdb_result_free(results[0]);
    seen = look_with(g_db, AGDB_READ_SESSION, g_session);
    assert_true(seen.found);
    assert_false(seen.by_replica);
}

/* --- transactions ---------------------------------------------------------------------------- */

static void expect_ok(agdb_status_t st, const agdb_error_t *error)
{
    if (st != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
}

/* In one round trip, or with a COMMIT of its own. */
static void write_in_transaction(int64_t v, bool along)
{
    agdb_error_t *error = NULL;
    agdb_tx_t *tx = NULL;

    expect_ok(agdb_begin(g_db, AGDB_TX(.key = agdb_key(k_key), .session = g_session), &tx, &error),
              error);
    expect_ok(agdb_query(g_db,
                         AGDB_REQUEST(.tx = tx, .commit = along,
                                      .sql = "INSERT INTO note VALUES (1, $1)"
                                             " ON CONFLICT (id) DO UPDATE SET v = excluded.v",
                                      AGDB_PARAMS(agdb_int8(v))),
                         NULL, &error),
              error);
    expect_ok(agdb_commit(tx, &error), error);
}

/* A read-only transaction at this isolation. */
static seen_t look_in_transaction(agdb_isolation_t isolation)
{
    agdb_error_t *error = NULL;
    agdb_tx_t *tx = NULL;
    seen_t seen;

    expect_ok(agdb_begin(g_db,
                         AGDB_TX(.key = agdb_key(k_key), .access = AGDB_READ_SESSION,
                                 .session = g_session, .isolation = isolation),
                         &tx, &error),
              error);
    seen = look(g_db, AGDB_REQUEST(.tx = tx, .sql = "SELECT v FROM note WHERE id = 1"));
    expect_ok(agdb_commit(tx, &error), error);
    return seen;
}

static void a_transactions_commit_advances_its_session(void **state)
{
    int64_t v;

    (void)state;
    pause_replay();
    for (v = 1; v <= 4; v++) {
        seen_t seen;

        write_in_transaction(v, v % 2 == 0);
        seen = look_with(g_db, AGDB_READ_SESSION, g_session);
        assert_false(seen.by_replica);
        assert_int_equal(seen.v, v);
    }
    resume_replay();
    wait_for_replica(g_db, g_session, 4);
}

/* The guard must not share the reads' snapshot: in REPEATABLE READ it would be taken too early. */
static void a_transaction_that_reads_sees_what_its_session_wrote(void **state)
{
    static const agdb_isolation_t all[] = {AGDB_ISOLATION_DEFAULT, AGDB_REPEATABLE_READ,
                                           AGDB_SERIALIZABLE};
    unsigned by_replica = 0;
    int64_t v;

    (void)state;
    for (v = 1; v <= 150; v++) {
        seen_t seen;

        if (v % 20 == 0)
            pause_replay();
        write_in_transaction(v, true);
        if (v % 3 == 0)
            usleep(2000);
        seen = look_in_transaction(all[v % 3]);
        assert_true(seen.found);
        assert_int_equal(seen.v, v);
        by_replica += seen.by_replica;
        if (v % 20 == 0)
            resume_replay();
    }
    print_message("%u of 150 by the replica\n", by_replica);
    assert_in_range(by_replica, 1, 100); /* SERIALIZABLE never is */
}

static void a_load_advances_its_session(void **state)
{
    static const char row[] = "1\t77\n";
    agdb_copy_options_t options = AGDB_COPY_OPTIONS_INIT;
    agdb_error_t *error = NULL;
    agdb_copy_t *copy = NULL;
    seen_t seen;

    (void)state;
    pause_replay();
    options.table = "note";
    options.shard = "east-1";
    options.session = g_session;
    expect_ok(agdb_copy_in_open(g_db, &options, &copy, &error), error);
    expect_ok(agdb_copy_in_write(copy, row, sizeof row - 1, &error), error);
    expect_ok(agdb_copy_in_finish(copy, NULL, &error), error);
    seen = look_with(g_db, AGDB_READ_SESSION, g_session);
    assert_false(seen.by_replica);
    assert_int_equal(seen.v, 77);
    resume_replay();
    wait_for_replica(g_db, g_session, 77); /* which knows its position */
}

static void a_division_by_zero_of_the_caller_is_not_taken_for_a_guard(void **state)
{
    agdb_error_t *error = NULL;
    agdb_status_t st;

    (void)state;
    pause_replay();
    run(g_db, "INSERT INTO note VALUES (1, 0)", g_session);
    st = agdb_query(g_db,
                    AGDB_REQUEST(.key = agdb_key(k_key), .sql = "SELECT 1 / v FROM note",
                                 .access = AGDB_READ_SESSION, .session = g_session),
                    NULL, &error);
    assert_int_equal(st, AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(error), "22012");
    agdb_error_clear(&error);
}

static seen_t look_bounded(uint32_t max_lag_ms)
{
    return look(g_db, AGDB_REQUEST(.key = agdb_key(k_key), .sql = "SELECT v FROM note WHERE id = 1",
                                   .access = AGDB_READ_BOUNDED, .max_lag_ms = max_lag_ms));
}

static void a_bounded_read_leaves_a_replica_that_lags_too_much(void **state)
{
    uint64_t end_us = agdb__now_us() + PATIENCE_MS * 1000;

    (void)state;
    run(g_db, "INSERT INTO note VALUES (1, 10)", NULL);
    wait_until("EXISTS (SELECT FROM note)");
    while (!look_bounded(3000).by_replica)
        assert_true(agdb__now_us() < end_us);
    pause_replay();
    run(g_db, "UPDATE note SET v = 11 WHERE id = 1", NULL);
    usleep(3500000);
    assert_true(look_with(g_db, AGDB_READ_REPLICA_OK, NULL).v == 10);
    assert_false(look_bounded(3000).by_replica);
    assert_int_equal(look_bounded(3000).v, 11);
    assert_true(look_bounded(60000).by_replica); /* so old it may be */
}

/* Somebody has seen a newer primary than this client: what it has for the primary is none any more.
 */
static void a_token_of_a_newer_history_is_not_read_on_an_old_primary(void **state)
{
    agdb_error_t *error = NULL;
    uint64_t start_us;

    (void)state;
    run(g_db, "INSERT INTO note VALUES (1, 10)", g_session);
    g_session->token.entry[0].at.timeline++;
    start_us = agdb__now_us();
    assert_int_equal(agdb_query(g_db,
                                AGDB_REQUEST(.key = agdb_key(k_key), .sql = "SELECT v FROM note",
                                             .access = AGDB_READ_SESSION, .session = g_session,
                                             .timeout_ms = 300),
                                NULL, &error),
                     AGDB_E_NOT_FRESH);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    assert_in_range(agdb__now_us() - start_us, 250000, 350000);
    agdb_error_clear(&error);
}

typedef struct nodes_seen {
    int64_t replica_lag_ms;
    unsigned primaries;
    unsigned replicas;
    unsigned others;
} nodes_seen_t;

static void see_node(const agdb_node_info_t *node, void *user)
{
    nodes_seen_t *seen = user;

    assert_int_equal(node->struct_size, sizeof *node);
    seen->primaries += node->is_primary;
    seen->replicas += node->is_replica;
    seen->others += !node->is_primary && !node->is_replica;
    assert_int_equal(node->state, AGDB_NODE_UP);
    assert_int_equal(node->shard_state, AGDB_SHARD_READY);
    if (node->is_primary)
        assert_int_equal(node->lag_ms, 0);
    if (strcmp(node->shard, "east-1") == 0 && node->is_replica)
        seen->replica_lag_ms = node->lag_ms;
}

static nodes_seen_t see_nodes(void)
{
    nodes_seen_t seen = {0};

    assert_int_equal(agdb_status(g_db, see_node, &seen, NULL), AGDB_OK);
    return seen;
}

/* After it the log's next free byte lies behind a header that no replica counts. */
static void an_idle_primary_that_has_switched_its_segment_makes_no_lag(void **state)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *primary = direct_open_admin(&node);
    nodes_seen_t seen;

    (void)state;
    direct_do(primary, "SELECT pg_switch_wal()");
    PQfinish(primary);
    usleep(3000000);
    seen = see_nodes();
    assert_in_range(seen.replica_lag_ms, 0, 2500);
    assert_true(look_bounded(2500).by_replica);
    run(g_db, "INSERT INTO note VALUES (1, 10)", g_session);
    wait_for_replica(g_db, g_session, 10);
}

static void status_shows_each_node_and_its_lag(void **state)
{
    nodes_seen_t seen = see_nodes();

    (void)state;
    assert_int_equal(seen.primaries, 3);
    assert_int_equal(seen.replicas, 2);
    assert_int_equal(seen.others, 0);
    pause_replay();
    run(g_db, "INSERT INTO note VALUES (1, 10)", NULL);
    usleep(3500000);
    seen = see_nodes();
    assert_in_range(seen.replica_lag_ms, 1500, 6000);
    assert_int_equal(agdb_status(g_db, NULL, NULL, NULL), AGDB_E_MISUSE);
}

typedef struct lags_heard {
    atomic_uint lags;
    atomic_uint caught_up;
} lags_heard_t;

static void hear_lags(const agdb_event_t *event, void *user)
{
    lags_heard_t *heard = user;

    if (strcmp(agdb_event_shard(event), "east-1") != 0)
        return;
    if (agdb_event_type(event) == AGDB_EVENT_NODE_LAGS) {
        assert_non_null(strstr(agdb_event_text(event), "replicas.max_lag is 3000 ms"));
        atomic_fetch_add(&heard->lags, 1);
    }
    if (agdb_event_type(event) == AGDB_EVENT_NODE_CAUGHT_UP)
        atomic_fetch_add(&heard->caught_up, 1);
}

static void wait_for_count(atomic_uint *count, unsigned n)
{
    uint64_t end_us = agdb__now_us() + PATIENCE_MS * 1000;

    while (atomic_load(count) != n) {
        assert_true(agdb__now_us() < end_us);
        usleep(10000);
    }
}

static void a_replica_behind_its_limit_is_told_once_and_so_is_its_return(void **state)
{
    lags_heard_t heard = {0};
    agdb_options_t options = {
        .struct_size = sizeof options, .event = hear_lags, .event_user = &heard};
    agdb_t *db = cluster_open_edited("max_lag: 30s", "max_lag: 3s", &options);

    (void)state;
    usleep(1500000);
    assert_int_equal(atomic_load(&heard.lags), 0); /* idle is not late */
    pause_replay();
    run(g_db, "INSERT INTO note VALUES (1, 10)", NULL);
    wait_for_count(&heard.lags, 1);
    usleep(1500000);
    assert_int_equal(atomic_load(&heard.lags), 1);
    assert_int_equal(atomic_load(&heard.caught_up), 0);
    resume_replay();
    wait_for_count(&heard.caught_up, 1);
    cluster_close(db);
}

static void make_restartpoint(void)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *primary = direct_open_admin(&node);
    char replayed[96];
    char *lsn;

    direct_do(primary, "CHECKPOINT");
    lsn = direct_text(primary, "SELECT pg_current_wal_lsn()");
    snprintf(replayed, sizeof replayed, "pg_last_wal_replay_lsn() >= '%s'", lsn);
    free(lsn);
    PQfinish(primary);
    wait_until(replayed);
    direct_do(g_replica, "CHECKPOINT");
}

static atomic_uint g_joined;

static void count_joined(const agdb_event_t *event, void *user)
{
    (void)user;
    if (agdb_event_type(event) == AGDB_EVENT_NODE_JOINED)
        atomic_fetch_add(&g_joined, 1);
}

static void find_reason(const agdb_node_info_t *node, void *user)
{
    if (strstr(node->reason, "has not caught up") != NULL)
        *(bool *)user = true;
}

/* It is up at once, with what it had when it left. */
static void a_replica_that_comes_back_answers_when_it_has_caught_up(void **state)
{
    cluster_node_t replica = cluster_node("core", "east-1", "replica");
    agdb_options_t options = {.struct_size = sizeof options, .event = count_joined};
    agdb_t *db = cluster_open(&options);
    uint64_t end_us;
    bool told = false;
    int i;

    (void)state;
    make_restartpoint(); /* where it begins again: what was before must be there at once */
    direct_do(g_replica, "ALTER SYSTEM SET recovery_min_apply_delay = '10min'");
    PQfinish(g_replica);
    cluster_signal(&replica, SIGKILL);
    run(db, "INSERT INTO note VALUES (1, 10)", NULL);
    usleep(3500000); /* more than it may lag when it joins */
    cluster_start(&replica);
    g_replica = direct_open_admin(&replica);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, PATIENCE_MS, NULL), AGDB_OK);
    for (i = 0; i < 30; i++) {
        assert_false(look_with(db, AGDB_READ_REPLICA_OK, NULL).by_replica);
        usleep(50000);
    }
    assert_int_equal(agdb_status(db, find_reason, &told, NULL), AGDB_OK);
    assert_true(told);
    assert_int_equal(atomic_load(&g_joined), 0);
    direct_do(g_replica, "ALTER SYSTEM RESET recovery_min_apply_delay");
    direct_do(g_replica, "SELECT pg_reload_conf()");
    end_us = agdb__now_us() + PATIENCE_MS * 1000;
    while (!look_with(db, AGDB_READ_REPLICA_OK, NULL).by_replica)
        assert_true(agdb__now_us() < end_us);
    assert_int_equal(look_with(db, AGDB_READ_REPLICA_OK, NULL).v, 10);
    cluster_close(db);
    assert_int_equal(atomic_load(&g_joined), 1);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    assert_int_equal(agdb_query(g_db,
                                AGDB_REQUEST(.key = agdb_key(k_key), .sql = "SELECT 1",
                                             .access = AGDB_READ_SESSION),
                                NULL, NULL),
                     AGDB_E_INVAL);
    assert_int_equal(agdb_query(g_db,
                                AGDB_REQUEST(.key = agdb_key(k_key), .sql = "SELECT 1",
                                             .access = AGDB_READ_BOUNDED),
                                NULL, NULL),
                     AGDB_E_INVAL);
    assert_int_equal(agdb_query(g_db,
                                AGDB_REQUEST(.key = agdb_key(k_key), .sql = "SELECT 1",
                                             .access = AGDB_READ, .max_lag_ms = 5),
                                NULL, NULL),
                     AGDB_E_INVAL);
    assert_int_equal(agdb_session_merge(g_session, "a1;nonsense", 11, NULL), AGDB_E_INVAL);
    assert_int_equal(agdb_session_merge(NULL, "a1", 2, NULL), AGDB_E_MISUSE);
    assert_int_equal(agdb_session_new(NULL, NULL), AGDB_E_MISUSE);
    agdb_session_free(NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_session_sees_its_writes_while_replay_is_paused),
        CASE(a_session_that_wrote_nothing_reads_from_the_replica),
        CASE(a_token_goes_to_another_client_as_text),
        CASE(other_writes_and_other_shards_do_not_hold_a_session_up),
        CASE(writes_of_many_and_failed_ones_count),
        CASE(a_transactions_commit_advances_its_session),
        CASE(a_transaction_that_reads_sees_what_its_session_wrote),
        CASE(a_load_advances_its_session),
        CASE(a_division_by_zero_of_the_caller_is_not_taken_for_a_guard),
        CASE(a_bounded_read_leaves_a_replica_that_lags_too_much),
        CASE(a_token_of_a_newer_history_is_not_read_on_an_old_primary),
        CASE(an_idle_primary_that_has_switched_its_segment_makes_no_lag),
        CASE(status_shows_each_node_and_its_lag),
        CASE(a_replica_behind_its_limit_is_told_once_and_so_is_its_return),
        CASE(a_replica_that_comes_back_answers_when_it_has_caught_up),
        CASE(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
