/* Requests that are given up at about the time when their answers come, by deadlines and by
 * agdb_cancel, on few connections that somebody always waits for: nobody gets another's rows, and
 * nobody who has time and was not cancelled is told of a cancel. Each row carries its request's
 * nonce.
 *
 *   AGDB_LATE_CALLS  of all threads together (100000 and more is a long run)
 *   AGDB_LATE_SEED   the same calls again */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CALLERS = 8,
    LOOPERS = 4,
    THREADS = CALLERS + LOOPERS,
    WINDOW = 8, /* requests that a loop has under way */
    CONNECTIONS = 4,
    PATIENCE_MS = 60000,
    LATEST_MS = 500,
    PIDS = 1 << 22
};

#if defined(__SANITIZE_THREAD__)
enum { CALLS = 6000 };
#elif defined(__SANITIZE_ADDRESS__)
enum { CALLS = 10000 };
#else
enum { CALLS = 20000 };
#endif

typedef struct late {
    agdb_t *db;
    unsigned long per_thread;
    atomic_ulong answers;
    atomic_ulong written;
    atomic_ulong timeouts;
    atomic_ulong cancels;
    atomic_ulong hit; /* timeouts and cancels of what was on a server */
    atomic_uint backends;
    atomic_uchar seen[PIDS / 8]; /* their process numbers, a bit each */
} late_t;

/* One request, from its making to its end. */
typedef struct request {
    late_t *late;
    crew_hand_t *hand;
    char nonce[32];
    const char *sql;
    agdb_access_t access;
    int32_t sleep_ms;
    uint32_t timeout_ms;
    bool short_of_time;
    bool cancelled;
    bool over;
    uint64_t id;
    uint64_t cancel_us; /* when to cancel it; 0: never */
} request_t;

/* --- what is asked -----------------------------------------------------------------------------
 */

static const char k_read[] = "SELECT $1 || '', pg_backend_pid(), $2::int";
static const char k_sleep[] = "SELECT $1 || '', pg_backend_pid(), pg_sleep($2::int / 1000.0)";
static const char k_write[] = "INSERT INTO late_cancel (nonce, n) VALUES ($1, $2::int)"
                              " RETURNING nonce, pg_backend_pid()";

/* Mostly a few milliseconds, so that many end in one moment; now and then much longer. */
static unsigned random_ms(crew_hand_t *hand)
{
    return crew_random(hand, 150) == 0 ? 1 + crew_random(hand, LATEST_MS)
                                       : 1 + crew_random(hand, 5);
}

static request_t make_request(late_t *late, crew_hand_t *hand, unsigned long number)
{
    const unsigned kind = crew_random(hand, 20);
    request_t r = {
        .late = late, .hand = hand, .sql = k_read, .access = AGDB_READ, .timeout_ms = PATIENCE_MS};

    snprintf(r.nonce, sizeof r.nonce, "n%u_%lu", hand->number, number);
    if (kind == 0) {
        r.sql = k_write;
        r.access = AGDB_WRITE;
    } else if (kind <= 4) { /* its deadline comes with its answer */
        r.sleep_ms = (int32_t)random_ms(hand);
        r.timeout_ms = (uint32_t)r.sleep_ms + crew_random(hand, 2);
        r.short_of_time = true;
        r.sql = k_sleep;
    } else if (kind == 5) {
        r.timeout_ms = 1;
        r.short_of_time = true;
    }
    return r;
}

static agdb_request_t request_of(const request_t *r, agdb_value_t value[2])
{
    agdb_request_t request = AGDB_REQUEST_INIT;

    value[0] = agdb_text(r->nonce);
    value[1] = agdb_int4(r->sleep_ms);
    request.shard = "east-1";
    request.sql = r->sql;
    request.params = value;
    request.nparams = 2;
    request.access = r->access;
    request.timeout_ms = r->timeout_ms;
    return request;
}

/* --- what is answered --------------------------------------------------------------------------
 */

static void see_backend(late_t *late, const char *text)
{
    const unsigned long pid = strtoul(text, NULL, 10) % PIDS;
    const unsigned char bit = (unsigned char)(1u << pid % 8);

    if ((atomic_fetch_or(&late->seen[pid / 8], bit) & bit) == 0)
        atomic_fetch_add(&late->backends, 1);
}

static void judge_answer(const request_t *r, const agdb_result_t *res)
{
    const char *nonce = agdb_result_text(res, 0, 0);

    atomic_fetch_add(&r->late->answers, 1);
    if (agdb_result_rows(res) != 1 || nonce == NULL || strcmp(nonce, r->nonce) != 0)
        crew_wrong(r->hand, "FOREIGN: %s got the rows of '%s'", r->nonce,
                   nonce != NULL ? nonce : "");
    else
        see_backend(r->late, agdb_result_text(res, 0, 1));
    if (r->access == AGDB_WRITE)
        atomic_fetch_add(&r->late->written, 1);
}

static void judge(const request_t *r, agdb_status_t status, const agdb_result_t *res,
                  const agdb_error_t *error)
{
    late_t *late = r->late;

    if (status == AGDB_OK) {
        judge_answer(r, res);
        return;
    }
    if (status == AGDB_E_TIMEOUT && r->short_of_time)
        atomic_fetch_add(&late->timeouts, 1);
    else if (status == AGDB_E_CANCELLED && r->cancelled)
        atomic_fetch_add(&late->cancels, 1);
    else
        crew_wrong(r->hand, "FOREIGN: %s got %s (%s)", r->nonce, agdb_error_message(error),
                   agdb_error_sqlstate(error));
    if (agdb_error_outcome(error) == AGDB_OUTCOME_UNKNOWN)
        atomic_fetch_add(&late->hit, 1);
}

/* --- callers that wait -------------------------------------------------------------------------
 */

static void call_on(late_t *late, crew_hand_t *hand)
{
    agdb_error_t *error = NULL;

    for (unsigned long i = 0; i < late->per_thread; i++) {
        request_t r = make_request(late, hand, i);
        agdb_result_t *res = NULL;
        agdb_value_t value[2];
        agdb_request_t request = request_of(&r, value);
        agdb_status_t st = agdb_query(late->db, &request, &res, &error);

        judge(&r, st, res, error);
        agdb_result_free(res);
    }
    agdb_error_clear(&error);
}

/* --- callers with a loop -----------------------------------------------------------------------
 */

static void done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    request_t *r = user;

    judge(r, status, result, error);
    r->over = true;
    agdb_result_free(result);
    agdb_error_free(error);
}

static void submit(agdb_loop_t *loop, request_t *r)
{
    agdb_error_t *error = NULL;
    agdb_value_t value[2];
    agdb_request_t request = request_of(r, value);

    if (r->access != AGDB_WRITE && crew_random(r->hand, 3) == 0)
        r->cancel_us =
            agdb__now_us() + (uint64_t)1000 * (random_ms(r->hand) - 1) + crew_random(r->hand, 1000);
    if (agdb_submit(loop, &request, done, r, &r->id, &error) != AGDB_OK) {
        crew_wrong(r->hand, "%s", agdb_error_message(error));
        r->over = true;
    }
    agdb_error_free(error);
}

static void cancel_what_is_due(agdb_loop_t *loop, request_t *window)
{
    const uint64_t now_us = agdb__now_us();

    for (unsigned i = 0; i < WINDOW; i++)
        if (!window[i].over && window[i].cancel_us != 0 && now_us >= window[i].cancel_us) {
            window[i].cancelled = true;
            window[i].cancel_us = 0;
            (void)agdb_cancel(loop, window[i].id);
        }
}

static void loop_on(late_t *late, crew_hand_t *hand)
{
    request_t window[WINDOW] = {0};
    agdb_error_t *error = NULL;
    agdb_loop_t *loop = NULL;
    unsigned long number = 0;
    unsigned i;

    if (agdb_loop_open(late->db, NULL, &loop, &error) != AGDB_OK) {
        crew_wrong(hand, "%s", agdb_error_message(error));
        agdb_error_free(error);
        return;
    }
    for (i = 0; i < WINDOW; i++)
        window[i].over = true;
    while (number < late->per_thread || agdb_loop_outstanding(loop) > 0) {
        struct pollfd p = {.fd = agdb_loop_fd(loop), .events = POLLIN};

        for (i = 0; i < WINDOW && number < late->per_thread; i++)
            if (window[i].over) {
                window[i] = make_request(late, hand, number++);
                submit(loop, &window[i]);
            }
        if (poll(&p, 1, 1) == 1 && agdb_loop_dispatch(loop, NULL) != AGDB_OK)
            crew_wrong(hand, "it did not dispatch");
        cancel_what_is_due(loop, window);
    }
    if (agdb_loop_close(loop) != AGDB_OK)
        crew_wrong(hand, "the loop did not close");
}

static void work(crew_hand_t *hand)
{
    if (hand->number < CALLERS)
        call_on(hand->job, hand);
    else
        loop_on(hand->job, hand);
}

/* --- the test ----------------------------------------------------------------------------------
 */

/* How many of the connections that a request was given up on served others afterwards. */
static double reused(const late_t *late)
{
    const double hit = (double)atomic_load(&late->hit);
    const double replaced = (double)atomic_load(&late->backends) - CONNECTIONS;

    return hit == 0 || replaced < 0 ? 100 : replaced > hit ? 0 : 100 * (hit - replaced) / hit;
}

static void late_cancels_hit_nobody_else(void **state)
{
    uint64_t seed = crew_setting("AGDB_LATE_SEED", agdb__now_us());
    unsigned long calls = crew_setting("AGDB_LATE_CALLS", CALLS);
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *pg = direct_open(&node);
    late_t *late = calloc(1, sizeof *late);
    static crew_t crew;
    uint64_t start_us;
    unsigned wrongs;

    (void)state;
    assert_non_null(late);
    print_message("AGDB_LATE_SEED=%llu\n", (unsigned long long)seed);
    direct_do(pg, "DROP TABLE IF EXISTS late_cancel; CREATE TABLE late_cancel (nonce text, n int)");
    late->per_thread = calls / THREADS;
    late->db = cluster_open_core("pool: { max: 4 }\n  timeouts: { queue: 60s }", "", NULL);
    start_us = agdb__now_us();
    crew_start(&crew, THREADS, seed, work, late);
    wrongs = crew_join(&crew);
    start_us = agdb__now_us() - start_us;
    cluster_close(late->db);
    print_message("%lu calls in %.1f s: FOREIGN %u; %lu answers, %lu timeouts, %lu cancels, of "
                  "these %lu on a server; %u backends: %.1f %% of those connections used again\n",
                  THREADS * late->per_thread, (double)start_us / 1e6, wrongs,
                  atomic_load(&late->answers), atomic_load(&late->timeouts),
                  atomic_load(&late->cancels), atomic_load(&late->hit),
                  atomic_load(&late->backends), reused(late));
    assert_int_equal(wrongs, 0);
    assert_int_equal(direct_number(pg, "SELECT count(*) FROM late_cancel"),
                     atomic_load(&late->written));
    assert_int_equal(direct_number(pg, "SELECT count(DISTINCT nonce) FROM late_cancel"),
                     atomic_load(&late->written));
    /* both happened, often, and both ways */
    assert_true(atomic_load(&late->timeouts) >= calls / 100);
    assert_true(atomic_load(&late->cancels) >= calls / 200);
    assert_true(atomic_load(&late->hit) >= calls / 200);
    direct_do(pg, "DROP TABLE late_cancel");
    PQfinish(pg);
    free(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(late_cancels_hit_nobody_else)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
