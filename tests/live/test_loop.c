/* Requests on an event loop: agdb_loop_t, agdb_submit. */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOPS = 3, CALLERS = 8, WINDOW = 64, ROWS = 4000 };

/* What a callback heard. */
typedef struct heard {
    unsigned calls;
    agdb_status_t status;
    agdb_outcome_t outcome;
    char text[64];
    char message[256];
} heard_t;

static void done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    heard_t *heard = user;

    heard->calls++;
    heard->status = status;
    heard->outcome = agdb_error_outcome(error);
    snprintf(heard->message, sizeof heard->message, "%s", agdb_error_message(error));
    if (result != NULL && agdb_result_rows(result) > 0 && agdb_result_text(result, 0, 0) != NULL)
        snprintf(heard->text, sizeof heard->text, "%s", agdb_result_text(result, 0, 0));
    agdb_result_free(result);
    agdb_error_free(error);
}

static agdb_loop_t *open_loop(agdb_t *db, uint32_t max)
{
    agdb_loop_options_t options = {.struct_size = sizeof options, .max_outstanding = max};
    agdb_error_t *error = NULL;
    agdb_loop_t *loop = NULL;

    if (agdb_loop_open(db, &options, &loop, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return loop;
}

static uint64_t submit(agdb_loop_t *loop, const char *sql, agdb_access_t access,
                       uint32_t timeout_ms, heard_t *heard)
{
    agdb_error_t *error = NULL;
    uint64_t id = 0;

    if (agdb_submit(
            loop,
            AGDB_REQUEST(.shard = "east-1", .sql = sql, .access = access, .timeout_ms = timeout_ms),
            done, heard, &id, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    assert_int_not_equal(id, 0);
    return id;
}

/* As an event loop of somebody else's does it. */
static void dispatch_when_readable(agdb_loop_t *loop, int ms)
{
    struct pollfd p = {.fd = agdb_loop_fd(loop), .events = POLLIN};

    if (poll(&p, 1, ms) == 1)
        assert_int_equal(agdb_loop_dispatch(loop, NULL), AGDB_OK);
}

static void wait_for(agdb_loop_t *loop, const heard_t *heard, uint64_t ms)
{
    uint64_t until = agdb__after_ms(agdb__now_us(), ms);

    while (heard->calls == 0 && agdb__now_us() < until)
        dispatch_when_readable(loop, 10);
    assert_int_equal(heard->calls, 1);
}

static void a_submitted_request_is_answered(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    heard_t heard = {0};
    int wakes = 0;
    int i;

    (void)state;
    submit(loop, "SELECT 'hello'", AGDB_READ, 5000, &heard);
    assert_int_equal(heard.calls, 0);
    assert_int_equal(agdb_loop_outstanding(loop), 1);
    wait_for(loop, &heard, 5000);
    assert_int_equal(heard.status, AGDB_OK);
    assert_string_equal(heard.text, "hello");
    assert_int_equal(agdb_loop_outstanding(loop), 0);
    for (i = 0; i < 10; i++) { /* nothing to do: it is not readable, but maybe once */
        struct pollfd p = {.fd = agdb_loop_fd(loop), .events = POLLIN};

        wakes += poll(&p, 1, 5);
        assert_int_equal(agdb_loop_dispatch(loop, NULL), AGDB_OK);
    }
    assert_in_range(wakes, 0, 1);
    assert_int_equal(agdb_loop_run(loop, 1000, NULL), AGDB_OK);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

static void run_waits_until_nothing_is_outstanding(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    agdb_error_t *error = NULL;
    heard_t slow = {0};
    heard_t fast[20] = {{0}};
    size_t i;

    (void)state;
    submit(loop, "SELECT pg_sleep(3)", AGDB_READ, 30000, &slow);
    for (i = 0; i < 20; i++)
        submit(loop, "SELECT 1", AGDB_READ, 30000, &fast[i]);
    do
        assert_int_equal(agdb_loop_run(loop, 50, &error), AGDB_E_TIMEOUT);
    while (agdb_loop_outstanding(loop) > 1);
    for (i = 0; i < 20; i++)
        assert_int_equal(fast[i].status + (int)fast[i].calls, 1);
    assert_int_equal(agdb_loop_run(loop, 30000, &error), AGDB_OK);
    assert_int_equal(slow.calls, 1);
    agdb_error_clear(&error);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

static void errors_are_told_to_their_callbacks(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    agdb_error_t *error = NULL;
    heard_t heard[3] = {{0}};

    (void)state;
    submit(loop, "SELECT 1 / 0", AGDB_READ, 5000, &heard[0]);
    submit(loop, "CREATE TABLE not_by_a_read ()", AGDB_READ, 5000, &heard[1]);
    submit(loop, "SELECT 1", AGDB_READ, 5000, &heard[2]);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.shard = "east-1"), done, NULL, NULL, &error),
                     AGDB_E_INVAL);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.sql = "SELECT 1"), done, NULL, NULL, &error),
                     AGDB_E_NO_TARGET);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.key = agdb_key("nara"), .sql = "SELECT 1"),
                                 done, NULL, NULL, &error),
                     AGDB_E_FROZEN);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.sql = "SELECT 1"), NULL, NULL, NULL, &error),
                     AGDB_E_MISUSE);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_clear(&error);
    assert_int_equal(agdb_loop_run(loop, 5000, NULL), AGDB_OK);
    assert_int_equal(heard[0].status, AGDB_E_SERVER);
    assert_non_null(strstr(heard[0].message, "22012"));
    assert_int_equal(heard[1].status, AGDB_E_SERVER);
    assert_int_equal(heard[2].status, AGDB_OK);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

static void deadlines_hold(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    int round;

    (void)state;
    for (round = 0; round < 5; round++) {
        heard_t heard = {0};
        heard_t first = {0};
        uint64_t start;

        submit(loop, "SELECT 1", AGDB_READ, 5000, &first); /* so that there is a connection */
        wait_for(loop, &first, 5000);
        start = agdb__now_us();
        submit(loop, "SELECT pg_sleep(3)", AGDB_READ, 100, &heard);
        wait_for(loop, &heard, 5000);
        assert_in_range(agdb__now_us() - start, 100000, 150000);
        assert_int_equal(heard.status, AGDB_E_TIMEOUT);
        if (heard.outcome != AGDB_OUTCOME_UNKNOWN) /* on a slow machine: not connected in time */
            assert_int_equal(heard.outcome, AGDB_OUTCOME_NOT_SENT);
    }
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

static void cancelled_requests_hear_of_it(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    heard_t flying = {0};
    heard_t queued[20] = {{0}};
    heard_t last = {0};
    uint64_t id[20];
    uint64_t first;
    size_t i;

    (void)state;
    first = submit(loop, "SELECT pg_sleep(0.2)", AGDB_WRITE, 5000, &flying);
    for (i = 0; i < 20; i++)
        id[i] = submit(loop, "SELECT pg_sleep(0.2)", AGDB_WRITE, 5000, &queued[i]);
    for (i = 0; i < 3; i++)
        dispatch_when_readable(loop, 20);
    assert_true(agdb_cancel(loop, first));
    assert_true(agdb_cancel(loop, id[19])); /* behind more than there are connections */
    assert_int_equal(flying.calls, 0);
    wait_for(loop, &flying, 1000);
    wait_for(loop, &queued[19], 1000);
    assert_int_equal(flying.status, AGDB_E_CANCELLED);
    assert_int_equal(flying.outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(queued[19].status, AGDB_E_CANCELLED);
    assert_int_equal(queued[19].outcome, AGDB_OUTCOME_NOT_SENT);
    assert_false(agdb_cancel(loop, first));
    assert_false(agdb_cancel(loop, 0));
    assert_int_equal(agdb_loop_run(loop, 10000, NULL), AGDB_OK);
    for (i = 0; i < 19; i++)
        assert_int_equal(queued[i].status, AGDB_OK);
    submit(loop, "SELECT 'fine'", AGDB_READ, 5000, &last); /* not the answer of another */
    wait_for(loop, &last, 5000);
    assert_string_equal(last.text, "fine");
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

static void too_many_at_once_are_busy(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 10);
    agdb_error_t *error = NULL;
    heard_t heard[11] = {{0}};
    size_t i;

    (void)state;
    for (i = 0; i < 10; i++)
        submit(loop, "SELECT 1", AGDB_READ, 5000, &heard[i]);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"), done,
                                 &heard[10], NULL, &error),
                     AGDB_E_BUSY);
    assert_true(agdb_error_is_retriable(error));
    agdb_error_clear(&error);
    assert_int_equal(agdb_loop_run(loop, 5000, NULL), AGDB_OK);
    assert_int_equal(heard[10].calls, 0);
    submit(loop, "SELECT 1", AGDB_READ, 5000, &heard[10]);
    assert_int_equal(agdb_loop_run(loop, 5000, NULL), AGDB_OK);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

/* --- callbacks ---------------------------------------------------------------------------------
 */

typedef struct inside {
    agdb_t *db;
    agdb_loop_t *loop;
    agdb_loop_t *other;
    unsigned depth;
    unsigned calls;
    uint64_t victim;
    heard_t heard;
} inside_t;

static void submit_the_next(void *user, agdb_status_t status, agdb_result_t *result,
                            agdb_error_t *error)
{
    inside_t *in = user;

    assert_int_equal(status, AGDB_OK);
    agdb_result_free(result);
    agdb_error_free(error);
    in->calls++;
    if (in->calls == 1)
        assert_true(agdb_cancel(in->loop, in->victim));
    if (in->depth-- > 0)
        assert_int_equal(agdb_submit(in->loop,
                                     AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1",
                                                  .access = AGDB_READ_REPLICA_OK),
                                     submit_the_next, in, NULL, NULL),
                         AGDB_OK);
}

static void callbacks_submit_and_cancel(void **state)
{
    agdb_t *db = cluster_open(NULL);
    inside_t in = {.db = db, .loop = open_loop(db, 0), .depth = 200};

    (void)state;
    in.victim = submit(in.loop, "SELECT pg_sleep(2)", AGDB_READ, 5000, &in.heard);
    assert_int_equal(agdb_submit(in.loop, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"),
                                 submit_the_next, &in, NULL, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_loop_run(in.loop, 10000, NULL), AGDB_OK);
    assert_int_equal(in.calls, 201);
    assert_int_equal(in.heard.calls, 1);
    assert_int_equal(in.heard.status, AGDB_E_CANCELLED);
    assert_int_equal(agdb_loop_close(in.loop), AGDB_OK);
    cluster_close(db);
}

static void misuse(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    const agdb_request_t *request = AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1");
    inside_t *in = user;
    agdb_error_t *err = NULL;

    agdb_result_free(result);
    agdb_error_free(error);
    in->calls++;
    assert_int_equal(status, AGDB_OK);
    assert_int_equal(agdb_query(in->db, request, NULL, &err), AGDB_E_MISUSE);
    assert_int_equal(agdb_error_outcome(err), AGDB_OUTCOME_NOT_SENT);
    result = NULL;
    assert_int_equal(agdb_query_many(in->db, &request, 1, 0, &result, NULL, &err), AGDB_E_MISUSE);
    assert_int_equal(agdb_wait_ready(in->db, AGDB_READY_ANY, 1, &err), AGDB_E_MISUSE);
    assert_int_equal(agdb_close(in->db, 1), AGDB_E_MISUSE);
    assert_int_equal(agdb_loop_dispatch(in->loop, &err), AGDB_E_MISUSE);
    assert_int_equal(agdb_loop_run(in->loop, 1, &err), AGDB_E_MISUSE);
    assert_int_equal(agdb_loop_run(in->other, 1, &err), AGDB_E_MISUSE);
    assert_int_equal(agdb_loop_close(in->loop), AGDB_E_MISUSE);
    assert_int_equal(agdb_submit(in->other, request, done, &in->heard, NULL, &err), AGDB_OK);
    assert_int_equal(agdb_loop_dispatch(in->other, &err), AGDB_OK);
    agdb_error_clear(&err);
}

static void waiting_in_a_callback_is_misuse(void **state)
{
    agdb_t *db = cluster_open(NULL);
    inside_t in = {.db = db, .loop = open_loop(db, 0), .other = open_loop(db, 0)};

    (void)state;
    assert_int_equal(agdb_submit(in.loop, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"),
                                 misuse, &in, NULL, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_loop_run(in.loop, 5000, NULL), AGDB_OK);
    assert_int_equal(in.calls, 1);
    assert_int_equal(agdb_loop_run(in.other, 5000, NULL), AGDB_OK);
    assert_int_equal(in.heard.status + (int)in.heard.calls, 1);
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1")); /* outside again */
    assert_int_equal(agdb_loop_close(in.other), AGDB_OK);
    assert_int_equal(agdb_loop_close(in.loop), AGDB_OK);
    assert_int_equal(agdb_loop_dispatch(NULL, NULL), AGDB_E_MISUSE);
    assert_int_equal(agdb_loop_close(NULL), AGDB_OK);
    cluster_close(db);
}

static void submit_is_refused(void *user, agdb_status_t status, agdb_result_t *result,
                              agdb_error_t *error)
{
    inside_t *in = user;

    assert_int_equal(agdb_submit(in->loop, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"), done,
                                 &in->heard, NULL, NULL),
                     AGDB_E_CLOSING);
    done(&in->heard, status, result, error);
}

static void closing_a_loop_ends_what_is_outstanding(void **state)
{
    agdb_t *db = cluster_open(NULL);
    inside_t in = {.db = db, .loop = open_loop(db, 0)};
    heard_t heard[30] = {{0}};
    uint64_t start;
    size_t i;

    (void)state;
    for (i = 0; i < 30; i++)
        submit(in.loop, "SELECT pg_sleep(3)", AGDB_WRITE, 10000, &heard[i]);
    assert_int_equal(agdb_submit(in.loop,
                                 AGDB_REQUEST(.shard = "east-1", .sql = "SELECT pg_sleep(3)"),
                                 submit_is_refused, &in, NULL, NULL),
                     AGDB_OK);
    for (i = 0; i < 3; i++)
        dispatch_when_readable(in.loop, 20);
    start = agdb__now_us();
    assert_int_equal(agdb_loop_close(in.loop), AGDB_OK);
    assert_true(agdb__now_us() - start < 500000);
    for (i = 0; i < 30; i++) {
        assert_int_equal(heard[i].calls, 1);
        assert_int_equal(heard[i].status, AGDB_E_CLOSING);
    }
    assert_int_equal(heard[0].outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(heard[29].outcome, AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(in.heard.calls, 1);
    cluster_close(db);
}

static void a_client_may_close_before_its_loops(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    agdb_loop_t *idle = open_loop(db, 0);
    agdb_error_t *error = NULL;
    heard_t heard[2] = {{0}};
    uint64_t start;

    (void)state;
    submit(loop, "SELECT pg_sleep(3)", AGDB_WRITE, 10000, &heard[0]);
    dispatch_when_readable(loop, 100);
    submit(loop, "SELECT 1", AGDB_WRITE, 10000, &heard[1]);
    start = agdb__now_us();
    assert_int_equal(agdb_close(db, 200), AGDB_E_TIMEOUT);
    assert_true(agdb__now_us() - start < 400000);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"), done,
                                 NULL, NULL, &error),
                     AGDB_E_CLOSING);
    wait_for(loop, &heard[0], 1000); /* its descriptor says that there is something to do */
    wait_for(loop, &heard[1], 1000);
    assert_int_equal(heard[0].status, AGDB_E_CLOSING);
    assert_int_equal(heard[0].outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(heard[1].status, AGDB_E_CLOSING);
    assert_int_equal(agdb_loop_dispatch(idle, NULL), AGDB_OK);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    assert_int_equal(agdb_loop_close(idle), AGDB_OK); /* the last one: the client goes, too */
    agdb_error_clear(&error);
    (void)poll(NULL, 0, 50);
}

static int use_in_child(agdb_t *db, agdb_loop_t *loop, uint64_t id)
{
    agdb_loop_t *other = NULL;

    if (agdb_submit(loop, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"), done, NULL, NULL,
                    NULL) != AGDB_E_FORKED)
        return 1;
    if (agdb_loop_dispatch(loop, NULL) != AGDB_E_FORKED)
        return 2;
    if (agdb_loop_run(loop, 100, NULL) != AGDB_E_FORKED)
        return 3;
    if (agdb_cancel(loop, id) || agdb_loop_outstanding(loop) != 0 || agdb_loop_fd(loop) != -1)
        return 4;
    if (agdb_loop_open(db, NULL, &other, NULL) != AGDB_E_FORKED)
        return 5;
    return agdb_loop_close(loop) == AGDB_E_FORKED ? 0 : 6;
}

static void a_forked_child_touches_nothing(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    heard_t heard = {0};
    uint64_t id = submit(loop, "SELECT pg_sleep(0.2), 'mine'", AGDB_WRITE, 5000, &heard);
    int status = 0;
    pid_t pid;

    (void)state;
    dispatch_when_readable(loop, 100);
    pid = fork();
    if (pid == 0)
        _exit(use_in_child(db, loop, id));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    wait_for(loop, &heard, 5000);
    assert_int_equal(heard.status, AGDB_OK);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

/* --- load --------------------------------------------------------------------------------------
 */

typedef struct worker {
    agdb_t *db;
    agdb_loop_t *loop;
    unsigned number;
    unsigned sent;
    unsigned ok;
    unsigned late;
    bool kills; /* backends are ended meanwhile, or the machine is too slow: some may be late */
    char wrong[256];
    pthread_t thread;
} worker_t;

typedef struct row {
    worker_t *worker;
    char nonce[32];
} row_t;

static void note_wrong(worker_t *w, const char *what, const char *detail)
{
    if (w->wrong[0] == '\0')
        snprintf(w->wrong, sizeof w->wrong, "%s: %s", what, detail);
}

static void submit_row(worker_t *w, row_t *row);

static void take_row(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    row_t *row = user;
    worker_t *w = row->worker;

    if (status == AGDB_OK && strcmp(agdb_result_text(result, 0, 0), row->nonce) == 0)
        w->ok++;
    else if (status == AGDB_OK)
        note_wrong(w, "a foreign row", agdb_result_text(result, 0, 0));
    else if (w->kills && (status == AGDB_E_LOST || status == AGDB_E_TIMEOUT))
        w->late++;
    else
        note_wrong(w, "a foreign error", agdb_error_message(error));
    agdb_result_free(result);
    agdb_error_free(error);
    if (w->sent < ROWS)
        submit_row(w, row);
}

static void submit_row(worker_t *w, row_t *row)
{
    bool writes = w->sent % 16 == 5;
    agdb_error_t *error = NULL;

    snprintf(row->nonce, sizeof row->nonce, "%u-%u", w->number, w->sent++);
    if (agdb_submit(w->loop,
                    AGDB_REQUEST(.shard = "east-1",
                                 .sql = writes ? "SELECT 'x' || $1" : "SELECT $1 || ''",
                                 AGDB_PARAMS(agdb_text(row->nonce)),
                                 .access = writes ? AGDB_WRITE : AGDB_READ, .timeout_ms = 20000),
                    take_row, row, NULL, &error) != AGDB_OK)
        note_wrong(w, "submit", agdb_error_message(error));
    if (writes) { /* its row comes back with an x */
        memmove(row->nonce + 1, row->nonce, strlen(row->nonce) + 1);
        row->nonce[0] = 'x';
    }
    agdb_error_clear(&error);
}

static void *run_loop(void *arg)
{
    worker_t *w = arg;
    row_t row[WINDOW];
    size_t i;

    w->loop = open_loop(w->db, 0);
    for (i = 0; i < WINDOW; i++) {
        row[i].worker = w;
        submit_row(w, &row[i]);
    }
    if (w->number % 2 == 0)
        while (agdb_loop_outstanding(w->loop) > 0)
            dispatch_when_readable(w->loop, 100);
    else
        assert_int_equal(agdb_loop_run(w->loop, 60000, NULL), AGDB_OK);
    assert_int_equal(agdb_loop_close(w->loop), AGDB_OK);
    return NULL;
}

static void *call_blocking(void *arg)
{
    worker_t *w = arg;
    agdb_error_t *error = NULL;
    unsigned i;

    for (i = 0; i < ROWS / 4; i++) {
        agdb_result_t *res = NULL;
        char nonce[32];

        snprintf(nonce, sizeof nonce, "b%u-%u", w->number, i);
        if (agdb_query(w->db,
                       AGDB_REQUEST(.shard = "east-1", .sql = "SELECT $1 || ''",
                                    AGDB_PARAMS(agdb_text(nonce)), .access = AGDB_READ,
                                    .timeout_ms = 20000),
                       &res, &error) != AGDB_OK) {
            if (w->kills && agdb_error_status(error) == AGDB_E_TIMEOUT)
                w->late++;
            else
                note_wrong(w, "a foreign error", agdb_error_message(error));
        } else if (strcmp(agdb_result_text(res, 0, 0), nonce) != 0) {
            note_wrong(w, "a foreign row", agdb_result_text(res, 0, 0));
        } else {
            w->ok++;
        }
        agdb_result_free(res);
    }
    agdb_error_clear(&error);
    return NULL;
}

static void terminate_backends(agdb_t *db)
{
    int i;

    for (i = 0; i < 15; i++) {
        cluster_do(db, AGDB_REQUEST(.shard = "east-1",
                                    .sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                           " WHERE application_name = 'loops' AND"
                                           " pid <> pg_backend_pid() ORDER BY random() LIMIT 2",
                                    .timeout_ms = 10000));
        (void)poll(NULL, 0, 20);
    }
}

static void run_load(bool kills)
{
    agdb_options_t options = {.struct_size = sizeof options, .service = "loops"};
    agdb_t *db = cluster_open(&options);
    agdb_t *other = cluster_open(NULL);
    worker_t w[LOOPS + CALLERS];
    unsigned ok = 0;
    unsigned late = 0;
    unsigned i;

    for (i = 0; i < LOOPS + CALLERS; i++) {
        w[i] = (worker_t){.db = db, .number = i, .kills = kills};
        assert_true(
            agdb__thread_start(&w[i].thread, false, i < LOOPS ? run_loop : call_blocking, &w[i]));
    }
    if (kills)
        terminate_backends(other);
    for (i = 0; i < LOOPS + CALLERS; i++) {
        pthread_join(w[i].thread, NULL);
        ok += w[i].ok;
        late += w[i].late;
    }
    print_message("%u answers, %u lost or late\n", ok, late);
    cluster_close(other);
    cluster_close(db);
    for (i = 0; i < LOOPS + CALLERS; i++)
        if (w[i].wrong[0] != '\0')
            fail_msg("%u: %s", i, w[i].wrong);
    assert_int_equal(ok + late, LOOPS * ROWS + CALLERS * (ROWS / 4));
    assert_true(kills || late == 0);
}

static void loops_beside_waiting_callers_get_their_own_rows(void **state)
{
    (void)state;
    run_load(false);
}

static void ended_backends_cost_no_foreign_row(void **state)
{
    (void)state;
    run_load(true);
}

static void an_idle_loop_holds_no_connection(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_loop_t *loop = open_loop(db, 0);
    heard_t heard[40] = {{0}};
    pthread_t thread[CALLERS];
    worker_t w[CALLERS];
    unsigned i;

    (void)state;
    for (i = 0; i < 40; i++)
        submit(loop, "SELECT pg_sleep(0.01)", AGDB_WRITE, 10000, &heard[i]);
    assert_int_equal(agdb_loop_run(loop, 10000, NULL), AGDB_OK);
    for (i = 0; i < CALLERS; i++) { /* would wait in vain if the loop kept what it had */
        w[i] = (worker_t){.db = db, .number = i, .kills = true};
        assert_true(agdb__thread_start(&thread[i], false, call_blocking, &w[i]));
    }
    for (i = 0; i < CALLERS; i++) {
        pthread_join(thread[i], NULL);
        if (w[i].wrong[0] != '\0')
            fail_msg("%s", w[i].wrong);
        assert_true(w[i].ok >= ROWS / 4 - 10);
    }
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_submitted_request_is_answered),
        cmocka_unit_test(run_waits_until_nothing_is_outstanding),
        cmocka_unit_test(errors_are_told_to_their_callbacks),
        cmocka_unit_test(deadlines_hold),
        cmocka_unit_test(cancelled_requests_hear_of_it),
        cmocka_unit_test(too_many_at_once_are_busy),
        cmocka_unit_test(callbacks_submit_and_cancel),
        cmocka_unit_test(waiting_in_a_callback_is_misuse),
        cmocka_unit_test(closing_a_loop_ends_what_is_outstanding),
        cmocka_unit_test(a_client_may_close_before_its_loops),
        cmocka_unit_test(a_forked_child_touches_nothing),
        cmocka_unit_test(loops_beside_waiting_callers_get_their_own_rows),
        cmocka_unit_test(ended_backends_cost_no_foreign_row),
        cmocka_unit_test(an_idle_loop_holds_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
