/* A replica loses every third answer or so: reads go on at another without an error, it is left
 * alone for longer each time, and let in again; when all are like that, none is given up.
 *
 *   AGDB_FLAP_MS    how long at least (2500)
 *   AGDB_FLAP_SEED  the same losses again */
#include "base/clock.h"
#include "base/rng.h"
#include "client/client.h"
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
    THREADS = 8,
    LOST_PERCENT = 30,
    FLAP_MS = 2500,
    QUIET_MS = 500,
    BACK_MS = 20000,
    SAMPLES_MAX = 200000,
    LOOK_MS = 10,
    UNDER_WAY_MS = 100, /* what it was chosen for before it was out */
    ENOUGH = 20,
    FLAPS_MAX = 6 /* it is out for 1 s, 2 s, 4 s and so on */
};

/* --- a replica that flaps ----------------------------------------------------------------------
 */

static const char k_mark[] = "asked of a replica";

typedef struct flapper {
    proxy_t *proxy;
    agdb__rng_t rng;
    atomic_uint percent;
    atomic_ulong asked; /* flushes with statements of this test: each has one answer */
    atomic_ulong lost;
} flapper_t;

enum { NOTE_MARKED, NOTE_LOSE };

static proxy_verdict_t judge_message(void *user, const proxy_message_t *m)
{
    flapper_t *f = user;

    if (m->way == PROXY_TO_CLIENT)
        return m->note[NOTE_LOSE] != 0 ? PROXY_RESET : PROXY_PASS;
    if (m->type == 'B' && proxy_message_has(m, k_mark))
        m->note[NOTE_MARKED] = 1;
    if (m->type != 'S' || m->note[NOTE_MARKED] == 0)
        return PROXY_PASS;
    m->note[NOTE_MARKED] = 0;
    atomic_fetch_add(&f->asked, 1);
    if (agdb__rng_next(&f->rng) % 100 < atomic_load(&f->percent)) {
        m->note[NOTE_LOSE] = 1;
        atomic_fetch_add(&f->lost, 1);
    }
    return PROXY_PASS;
}

static void start_flapper(flapper_t *f, uint64_t seed)
{
    cluster_node_t replica = cluster_node("core", "east-1", "replica");

    *f = (flapper_t){.rng = {seed}};
    f->proxy = proxy_start("127.0.0.1", 0, (uint16_t)replica.port, judge_message, f);
}

/* --- readers -----------------------------------------------------------------------------------
 */

typedef struct reading {
    agdb_t *db;
    atomic_uint phase; /* 0: nothing is lost, 1: it is, 2: over */
    atomic_ulong calls[2];
    atomic_ulong errors;
    atomic_ulong by_primary;
    uint32_t *took_us[THREADS][2];
    unsigned long count[THREADS][2];
} reading_t;

static void read_once(reading_t *r, crew_hand_t *hand, agdb_error_t **error)
{
    agdb_result_t *res = NULL;
    agdb_status_t st = agdb_query(r->db,
                                  AGDB_REQUEST(.sql = "SELECT $1 || '' FROM pg_sleep(0.002)",
                                               AGDB_PARAMS(agdb_text(k_mark)),
                                               .access = AGDB_READ_REPLICA_OK, .timeout_ms = 5000),
                                  &res, error);

    if (st != AGDB_OK) {
        atomic_fetch_add(&r->errors, 1);
        if (agdb_error_status(*error) != AGDB_E_LOST)
            crew_wrong(hand, "%s", agdb_error_message(*error));
    } else if (strcmp(agdb_result_text(res, 0, 0), k_mark) != 0) {
        crew_wrong(hand, "foreign rows");
    }
    atomic_fetch_add(&r->by_primary, st == AGDB_OK && agdb_result_role(res) == AGDB_ROLE_PRIMARY);
    agdb_result_free(res);
}

static void read_on(crew_hand_t *hand)
{
    reading_t *r = hand->job;
    agdb_error_t *error = NULL;
    unsigned phase;

    while ((phase = atomic_load(&r->phase)) < 2) {
        unsigned long *count = &r->count[hand->number][phase];
        uint64_t start_us = agdb__now_us();

        read_once(r, hand, &error);
        if (*count < SAMPLES_MAX)
            r->took_us[hand->number][phase][(*count)++] = (uint32_t)(agdb__now_us() - start_us);
        atomic_fetch_add(&r->calls[phase], 1);
    }
    agdb_error_clear(&error);
}

static uint32_t p99_of(reading_t *r, unsigned phase)
{
    uint32_t *all = malloc(THREADS * (size_t)SAMPLES_MAX * sizeof *all);
    unsigned long count = 0;
    uint32_t p99;

    assert_non_null(all);
    for (unsigned i = 0; i < THREADS; i++) {
        memcpy(all + count, r->took_us[i][phase], r->count[i][phase] * sizeof *all);
        count += r->count[i][phase];
    }
    p99 = meter_percentile(all, count, 99);
    free(all);
    return p99;
}

static reading_t *start_reading(crew_t *crew, const char *nodes)
{
    reading_t *r = calloc(1, sizeof *r);

    assert_non_null(r);
    for (unsigned i = 0; i < THREADS * 2; i++) {
        r->took_us[i / 2][i % 2] = malloc(SAMPLES_MAX * sizeof(uint32_t));
        assert_non_null(r->took_us[i / 2][i % 2]);
    }
    r->db = cluster_open_nodes("pool: { max: 2 }", nodes, NULL, NULL);
    assert_int_equal(agdb_wait_ready(r->db, AGDB_READY_ALL, 20000, NULL), AGDB_OK);
    crew_start(crew, THREADS, 1, read_on, r);
    return r;
}

static void end_reading(crew_t *crew, reading_t *r)
{
    atomic_store(&r->phase, 2);
    assert_int_equal(crew_join(crew), 0);
    cluster_close(r->db);
}

static void free_reading(reading_t *r)
{
    for (unsigned i = 0; i < THREADS * 2; i++)
        free(r->took_us[i / 2][i % 2]);
    free(r);
}

/* --- looking on --------------------------------------------------------------------------------
 */

typedef struct flaps {
    unsigned outs;
    unsigned ins;             /* after an out */
    unsigned long stubbornly; /* asked although it was out for a while */
} flaps_t;

static const agdb__grade_t *grade_of(const reading_t *r, const flapper_t *f)
{
    const agdb__shard_t *shard = &r->db->topology.shards[0]->shard;
    char name[32];

    snprintf(name, sizeof name, "127.0.0.1:%u", proxy_port(f->proxy));
    for (uint32_t i = 0; i < shard->nnodes; i++)
        if (strcmp(shard->nodes[i].name, name) == 0)
            return &shard->nodes[i].grade;
    fail_msg("there is no node %s", name);
    return NULL;
}

/* For that time, and until it was let in again `ins` times. */
static flaps_t watch(flapper_t *f, const reading_t *r, uint64_t ms, unsigned ins)
{
    const agdb__grade_t *grade = grade_of(r, f);
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), ms);
    const uint64_t last_us = agdb__after_ms(end_us, BACK_MS);
    unsigned long asked = 0;
    flaps_t flaps = {0, 0, 0};
    uint64_t out_us = 0; /* since when; 0: it is not */

    while (agdb__now_us() < (flaps.ins < ins ? last_us : end_us)) {
        const unsigned long before = atomic_load(&f->asked);
        const uint64_t now_us = agdb__now_us();
        const bool out = agdb__grade_is_out(grade, now_us);

        if (out && out_us == 0) {
            flaps.outs++;
            out_us = now_us;
        } else if (out && now_us > out_us + UNDER_WAY_MS * 1000) {
            flaps.stubbornly += before - asked;
        } else if (!out) {
            flaps.ins += out_us != 0;
            out_us = 0;
        }
        asked = before;
        (void)poll(NULL, 0, LOOK_MS);
    }
    return flaps;
}

/* Returns how long it took until it answers again. */
static uint64_t wait_until_in(flapper_t *f)
{
    const uint64_t start_us = agdb__now_us();
    const unsigned long asked = atomic_load(&f->asked);

    while (atomic_load(&f->asked) < asked + ENOUGH) {
        if (agdb__now_us() > agdb__after_ms(start_us, BACK_MS))
            fail_msg("it is not let in again");
        (void)poll(NULL, 0, LOOK_MS);
    }
    return agdb__now_us() - start_us;
}

static uint64_t choose_seed(void)
{
    const uint64_t seed = crew_setting("AGDB_FLAP_SEED", agdb__now_us());

    print_message("AGDB_FLAP_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* The primary, and two replicas (the same one) behind proxies. As somebody always waits, both are
 * asked. */
static reading_t *start_all(crew_t *crew, flapper_t *f)
{
    const uint64_t seed = choose_seed();
    cluster_node_t primary = cluster_node("core", "east-1", "primary");
    char nodes[256];

    start_flapper(&f[0], seed);
    start_flapper(&f[1], seed + 1);
    snprintf(nodes, sizeof nodes, "\"127.0.0.1:%d\", \"127.0.0.1:%u\", \"127.0.0.1:%u\"",
             primary.port, proxy_port(f[0].proxy), proxy_port(f[1].proxy));
    return start_reading(crew, nodes);
}

static void a_flapping_replica_is_left_alone_and_let_in_again(void **state)
{
    const uint64_t ms = crew_setting("AGDB_FLAP_MS", FLAP_MS);
    static flapper_t f[2];
    static crew_t crew;
    unsigned long calls;
    unsigned long asked;
    uint64_t back_us;
    flaps_t flaps;
    reading_t *r;

    (void)state;
    r = start_all(&crew, f);
    flaps = watch(&f[1], r, QUIET_MS, 0);
    assert_int_equal(flaps.outs, 0);
    asked = atomic_load(&f[1].asked);
    assert_true(asked > 0);
    atomic_store(&f[1].percent, LOST_PERCENT);
    atomic_store(&r->phase, 1);
    flaps = watch(&f[1], r, ms, 1);
    asked = atomic_load(&f[1].asked) - asked;
    calls = atomic_load(&r->calls[1]);
    atomic_store(&f[1].percent, 0);
    back_us = wait_until_in(&f[1]);
    end_reading(&crew, r);
    print_message("%lu reads, %lu of %lu answers of the flapping replica lost, %lu errors; out %u "
                  "times, in again %u times, its share %.1f %%; it answers again %llu ms after it "
                  "was well; p99 %u us, before %u us\n",
                  calls, atomic_load(&f[1].lost), asked, atomic_load(&r->errors), flaps.outs,
                  flaps.ins, 100.0 * (double)asked / (double)calls,
                  (unsigned long long)back_us / 1000, p99_of(r, 1), p99_of(r, 0));
    assert_int_equal(atomic_load(&r->errors), 0);
    assert_true(flaps.outs >= 1 && flaps.ins >= 1);
    assert_true(flaps.outs <= FLAPS_MAX);
    assert_true(flaps.stubbornly <= THREADS * flaps.outs); /* what had been waiting there */
    assert_true(asked < calls / 5 + ENOUGH);
    free_reading(r);
    proxy_stop(f[0].proxy);
    proxy_stop(f[1].proxy);
}

static void when_all_replicas_flap_none_is_given_up(void **state)
{
    const uint64_t ms = crew_setting("AGDB_FLAP_MS", FLAP_MS) / 2;
    static flapper_t f[2];
    static crew_t crew;
    unsigned long calls;
    uint64_t end_us;
    reading_t *r;

    (void)state;
    r = start_all(&crew, f);
    atomic_store(&f[0].percent, LOST_PERCENT);
    atomic_store(&f[1].percent, LOST_PERCENT);
    end_us = agdb__after_ms(agdb__now_us(), ms);
    while (agdb__now_us() < end_us) {
        const unsigned long asked = atomic_load(&f[0].asked) + atomic_load(&f[1].asked);

        calls = atomic_load(&r->calls[0]);
        (void)poll(NULL, 0, 200);
        if (atomic_load(&f[0].asked) + atomic_load(&f[1].asked) == asked &&
            atomic_load(&r->calls[0]) > calls + ENOUGH)
            fail_msg("no replica is asked any more");
    }
    end_reading(&crew, r);
    calls = atomic_load(&r->calls[0]);
    print_message("%lu reads, %lu by the primary, %lu answers lost, %lu errors; p99 %u us\n", calls,
                  atomic_load(&r->by_primary), atomic_load(&f[0].lost) + atomic_load(&f[1].lost),
                  atomic_load(&r->errors), p99_of(r, 0));
    assert_true(atomic_load(&r->errors) < calls / 3);
    assert_true(atomic_load(&r->by_primary) < calls / 2);
    free_reading(r);
    proxy_stop(f[0].proxy);
    proxy_stop(f[1].proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flapping_replica_is_left_alone_and_let_in_again),
        cmocka_unit_test(when_all_replicas_flap_none_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
