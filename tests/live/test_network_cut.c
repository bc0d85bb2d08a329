/* The network to a shard's only node is cut, so that packets vanish and nothing is reset: every
 * call returns in time, the node is known to be down soon, another shard's callers notice nothing,
 * and all is well again after the cut.
 *
 * A real link goes down where the machine lets us make one, else a proxy stops forwarding.
 *
 *   AGDB_CUT_CALLS    in all (10000)
 *   AGDB_CUT_CALL_MS  the deadline of each
 *   AGDB_CUT_LINK     0: the proxy in any case
 *   AGDB_CUT_SEED     the same calls again */
#include "base/clock.h"
#include "cable.h"
#include "cluster.h"
#include "crew.h"
#include "meter.h"
#include "proxy.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    THREADS = CREW_MAX,
    SLOW_ONES = 4, /* threads with something under way at any time; the others rest until the cut */
    PAUSE_MS = 20,
    BYSTANDERS = 2,
    CALL_MS = 30,
    SLACK_MS = 50,
    CONNECT_MS = 3000, /* timeouts.connect, as it is by default */
    ANSWER_MS = 1500,
    QUIET_MS = 700, /* the other shard's callers alone, to compare with */
    HEAL_MS = 60000,
    SAMPLES_MAX = 100000
};

/* The probe's time to ask again (with its jitter), to wait for an answer, and to try to connect. */
enum { KNOWN_DOWN_MS = 1250 + ANSWER_MS + CONNECT_MS };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { CALLS = 4000 };
#else
enum { CALLS = 10000 };
#endif

typedef struct bystanders {
    crew_t crew;
    atomic_uint phase; /* 0: quiet, 1: cut, 2: over */
    unsigned long count[BYSTANDERS][2];
    uint32_t took_us[BYSTANDERS][2][SAMPLES_MAX];
} bystanders_t;

typedef struct cutting {
    agdb_t *db;
    uint32_t call_ms;
    unsigned long per_thread; /* calls after the cut */
    atomic_bool cut;
    uint32_t *over_us; /* of each call after the cut; 0: within its deadline */
    atomic_ulong done;
    atomic_ulong answered;
    atomic_ulong unknown;
    bystanders_t others;
} cutting_t;

static proxy_t *g_proxy;
static cable_t *g_cable;

static void cut(bool yes)
{
    if (g_cable != NULL)
        cable_cut(g_cable, yes);
    else
        proxy_hold(g_proxy, yes);
}

/* --- callers -----------------------------------------------------------------------------------
 */

static agdb_status_t call_east(const cutting_t *c, const crew_hand_t *hand, unsigned kind,
                               uint32_t timeout_ms, agdb_error_t **error)
{
    const bool slowly = hand->number < SLOW_ONES;

    return agdb_query(
        c->db,
        AGDB_REQUEST(.shard = "east-1", .sql = slowly ? "SELECT pg_sleep(0.01)" : "SELECT 1",
                     .alone = kind % 2 == 0, .access = kind < 2 ? AGDB_WRITE : AGDB_READ_REPLICA_OK,
                     .timeout_ms = timeout_ms),
        NULL, error);
}

static void judge_failure(crew_hand_t *hand, cutting_t *c, const agdb_error_t *error)
{
    const agdb_outcome_t outcome = agdb_error_outcome(error);

    if (outcome == AGDB_OUTCOME_UNKNOWN)
        atomic_fetch_add(&c->unknown, 1);
    else if (outcome != AGDB_OUTCOME_NOT_SENT)
        crew_wrong(hand, "%s [%s]", agdb_error_message(error), agdb_outcome_name(outcome));
}

/* Until it is cut, and then so many times. */
static void call_on(crew_hand_t *hand)
{
    cutting_t *c = hand->job;
    agdb_error_t *error = NULL;
    unsigned long after = 0;

    while (after < c->per_thread) {
        bool was_cut = atomic_load(&c->cut);
        /* before, enough on a busy machine: what is under way at the cut must have come so far */
        uint32_t limit_ms = was_cut ? c->call_ms : 10 * c->call_ms;
        uint64_t limit_us = (uint64_t)limit_ms * 1000;
        uint64_t start_us = agdb__now_us();
        agdb_status_t st = call_east(c, hand, crew_random(hand, 4), limit_ms, &error);
        uint64_t took_us = agdb__now_us() - start_us;

        if (st != AGDB_OK && atomic_load(&c->cut))
            judge_failure(hand, c, error);
        if (!was_cut && !atomic_load(&c->cut)) {
            (void)poll(NULL, 0, hand->number < SLOW_ONES ? 0 : PAUSE_MS);
            continue;
        }
        atomic_fetch_add(&c->answered, st == AGDB_OK && was_cut);
        c->over_us[atomic_fetch_add(&c->done, 1)] =
            took_us > limit_us ? (uint32_t)(took_us - limit_us) : 0;
        after++;
    }
    agdb_error_clear(&error);
}

static void call_west(crew_hand_t *hand)
{
    cutting_t *c = hand->job;
    bystanders_t *b = &c->others;
    agdb_error_t *error = NULL;
    unsigned phase;

    while ((phase = atomic_load(&b->phase)) < 2) {
        unsigned long *count = &b->count[hand->number][phase];
        uint64_t start_us = agdb__now_us();

        if (agdb_query(c->db,
                       AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1", .access = AGDB_READ,
                                    .timeout_ms = 5000),
                       NULL, &error) != AGDB_OK)
            crew_wrong(hand, "the other shard: %s", agdb_error_message(error));
        if (*count < SAMPLES_MAX)
            b->took_us[hand->number][phase][(*count)++] = (uint32_t)(agdb__now_us() - start_us);
        (void)poll(NULL, 0, 1);
    }
    agdb_error_clear(&error);
}

/* --- what is known -----------------------------------------------------------------------------
 */

static void see_east(const agdb_node_info_t *node, void *user)
{
    if (strcmp(node->shard, "east-1") == 0)
        *(bool *)user = node->state == AGDB_NODE_UP;
}

/* Until the node is known to be up, or down. Returns when. */
static uint64_t wait_until_known(agdb_t *db, bool up, uint64_t ms)
{
    uint64_t end_us = agdb__after_ms(agdb__now_us(), ms);
    bool is_up = !up;

    for (;;) {
        assert_int_equal(agdb_status(db, see_east, &is_up, NULL), AGDB_OK);
        if (is_up == up)
            return agdb__now_us();
        if (agdb__now_us() >= end_us)
            fail_msg("the node is not known to be %s after %llu ms", up ? "up" : "down",
                     (unsigned long long)ms);
        (void)poll(NULL, 0, 2);
    }
}

static void expect_answer_soon(agdb_t *db)
{
    uint64_t end_us = agdb__after_ms(agdb__now_us(), HEAL_MS);
    agdb_error_t *error = NULL;

    while (agdb_query(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .timeout_ms = 200),
                      NULL, &error) != AGDB_OK)
        if (agdb__now_us() >= end_us)
            fail_msg("not well again %d ms after the cut: %s", HEAL_MS, agdb_error_message(error));
    agdb_error_clear(&error);
}

/* --- judging -----------------------------------------------------------------------------------
 */

static uint32_t others_p99(bystanders_t *b, unsigned phase)
{
    unsigned long count = 0;
    uint32_t *all = malloc(BYSTANDERS * (size_t)SAMPLES_MAX * sizeof *all);
    uint32_t p99;

    assert_non_null(all);
    for (unsigned i = 0; i < BYSTANDERS; i++) {
        memcpy(all + count, b->took_us[i][phase], b->count[i][phase] * sizeof *all);
        count += b->count[i][phase];
    }
    assert_true(count > 50);
    p99 = meter_percentile(all, count, 99);
    free(all);
    return p99;
}

static void judge(cutting_t *c, uint64_t known_us, uint64_t healed_us)
{
    const unsigned long done = atomic_load(&c->done);
    const uint64_t late_us = meter_worst_us();
    const uint32_t p99_us = meter_percentile(c->over_us, done, 99);
    const uint32_t max_us = meter_percentile(c->over_us, done, 100);
    const uint32_t quiet_us = others_p99(&c->others, 0);
    const uint32_t cut_us = others_p99(&c->others, 1);

    print_message("%lu calls of %u ms, %lu unknown; over it: p99 %u us, max %u us (a sleeping "
                  "thread: %llu us); known down after %llu ms, up %llu ms after the cut; the other "
                  "shard's p99: %u us, before %u us\n",
                  done, c->call_ms, atomic_load(&c->unknown), p99_us, max_us,
                  (unsigned long long)late_us, (unsigned long long)known_us / 1000,
                  (unsigned long long)healed_us / 1000, cut_us, quiet_us);
    assert_true(max_us <= SLACK_MS * 1000 + late_us);
    assert_true(known_us <= KNOWN_DOWN_MS * 1000 + SLACK_MS * 1000 + late_us);
    assert_true(cut_us <= 10 * quiet_us + 20000 + late_us);
    assert_true(atomic_load(&c->unknown) > 0); /* something was under way */
    /* It was cut: nothing but what had arrived before was answered. */
    assert_true(atomic_load(&c->answered) <= THREADS);
}

static agdb_t *open_db(const char *host, unsigned port)
{
    cluster_node_t west = cluster_node("core", "west-1", "primary");
    agdb_error_t *error = NULL;
    char east_at[64];
    char west_at[96];
    agdb_t *db;

    snprintf(east_at, sizeof east_at, "\"%s:%u\"", host, port);
    snprintf(west_at, sizeof west_at, "\"%s:%d\"", west.host, west.port);
    db = cluster_open_nodes("pool: { min: 4 }", east_at, west_at, NULL);
    if (agdb_wait_ready(db, AGDB_READY_ALL, 20000, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

/* `busy`: calls are under way when it is cut; else the first ones find idle connections. */
static void cut_and_judge(bool busy)
{
    uint64_t seed = crew_setting("AGDB_CUT_SEED", agdb__now_us());
    static crew_t crew;
    cutting_t *c = calloc(1, sizeof *c);
    uint64_t cut_us;
    uint64_t known_us;
    uint64_t healed_us;

    assert_non_null(c);
    print_message("AGDB_CUT_SEED=%llu, %s, %s\n", (unsigned long long)seed,
                  g_cable != NULL ? "a link" : "a proxy", busy ? "in flight" : "idle");
    c->call_ms = (uint32_t)crew_setting("AGDB_CUT_CALL_MS", CALL_MS);
    c->per_thread = crew_setting("AGDB_CUT_CALLS", CALLS) / 2 / THREADS + 1;
    c->over_us = calloc(THREADS * c->per_thread, sizeof *c->over_us);
    assert_non_null(c->over_us);
    c->db = open_db(g_cable != NULL ? cable_host(g_cable) : "127.0.0.1", proxy_port(g_proxy));
    meter_start(THREADS / 2);
    crew_start(&c->others.crew, BYSTANDERS, seed, call_west, c);
    (void)poll(NULL, 0, QUIET_MS);
    if (busy) {
        crew_start(&crew, THREADS, seed + 1, call_on, c);
        (void)poll(NULL, 0, 200);
    }
    cut(true);
    cut_us = agdb__now_us();
    atomic_store(&c->others.phase, 1);
    atomic_store(&c->cut, true);
    if (!busy)
        crew_start(&crew, THREADS, seed + 1, call_on, c);
    known_us = wait_until_known(c->db, false, 4 * (uint64_t)KNOWN_DOWN_MS) - cut_us;
    assert_int_equal(crew_join(&crew), 0);
    atomic_store(&c->others.phase, 2);
    assert_int_equal(crew_join(&c->others.crew), 0);
    meter_stop();
    cut(false);
    healed_us = agdb__now_us();
    healed_us = wait_until_known(c->db, true, HEAL_MS) - healed_us;
    expect_answer_soon(c->db);
    judge(c, known_us, healed_us);
    cluster_close(c->db);
    free(c->over_us);
    free(c);
}

static void calls_in_flight_return_in_time_when_the_network_is_cut(void **state)
{
    (void)state;
    cut_and_judge(true);
}

static void calls_on_idle_connections_return_in_time_when_the_network_is_cut(void **state)
{
    (void)state;
    cut_and_judge(false);
}

static int lay_cable(void **state)
{
    cluster_node_t east = cluster_node("core", "east-1", "primary");

    (void)state;
    if (crew_setting("AGDB_CUT_LINK", 1) != 0)
        g_cable = cable_open();
    if (g_cable != NULL)
        g_proxy = proxy_start_on(cable_take_listener(g_cable), (uint16_t)east.port, NULL, NULL);
    else
        g_proxy = proxy_start("127.0.0.1", 0, (uint16_t)east.port, NULL, NULL);
    return 0;
}

static int take_cable_away(void **state)
{
    (void)state;
    proxy_stop(g_proxy);
    cable_close(g_cable);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_in_flight_return_in_time_when_the_network_is_cut),
        cmocka_unit_test(calls_on_idle_connections_return_in_time_when_the_network_is_cut),
    };
    return cmocka_run_group_tests(tests, lay_cable, take_cable_away);
}
