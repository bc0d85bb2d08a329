/* Host names that are not answered for long, are not there, or lead elsewhere later: no caller is
 * kept beyond its deadline, nobody with another name is held up, and the new address is used.
 *
 *   AGDB_NAMES_STALL_MS  how long a name is not answered (3000; 10000 is a long run) */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "meter.h"
#include "proxy.h"
#include "unit.h"

#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, CALL_MS = 100, SLACK_MS = 50, STALL_MS = 3000, SOON_MS = 5000 };

/* --- the names ---------------------------------------------------------------------------------
 */

static atomic_ullong g_stalled_until_us;
static atomic_bool g_absent;
static atomic_uint g_moving_to; /* 127.0.0.x */

/* Stands before the C library's. */
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    union {
        void *object;
        int (*function)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    } next = {dlsym(RTLD_NEXT, "getaddrinfo")};
    char address[32] = "127.0.0.1";

    if (host == NULL || strstr(host, ".test") == NULL)
        return next.function(host, service, hints, ret);
    if (strcmp(host, "absent.test") == 0 && atomic_load(&g_absent))
        return EAI_NONAME;
    while (strcmp(host, "stalled.test") == 0 && agdb__now_us() < atomic_load(&g_stalled_until_us))
        (void)poll(NULL, 0, 5);
    if (strcmp(host, "moving.test") == 0)
        snprintf(address, sizeof address, "127.0.0.%u", atomic_load(&g_moving_to));
    return next.function(address, service, hints, ret);
}

static agdb_t *open_name(const char *name, unsigned port)
{
    char at[96];

    snprintf(at, sizeof at, "\"%s:%u\"", name, port);
    return cluster_open_nodes("timeouts: { connect: 1s }", at, NULL, NULL);
}

/* --- calls -------------------------------------------------------------------------------------
 */

typedef struct calling {
    agdb_t *db;
    atomic_bool over;
    atomic_bool there; /* the name is: a call may be sent, and late */
    atomic_ulong calls;
    atomic_ulong answers;
    atomic_ullong worst_us; /* beyond a call's deadline, or of an answer */
} calling_t;

/* Until it is over: each fails in time, and was not sent. */
static void fail_on(crew_hand_t *hand)
{
    calling_t *c = hand->job;
    agdb_error_t *error = NULL;

    while (!atomic_load(&c->over)) {
        uint64_t start_us = agdb__now_us();
        agdb_status_t st =
            agdb_query(c->db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = CALL_MS), NULL, &error);
        uint64_t took_us = agdb__now_us() - start_us;

        if (took_us > CALL_MS * 1000)
            crew_raise(&c->worst_us, took_us - CALL_MS * 1000);
        atomic_fetch_add(&c->calls, 1);
        atomic_fetch_add(&c->answers, st == AGDB_OK);
        if (st != AGDB_OK && agdb_error_outcome(error) != AGDB_OUTCOME_NOT_SENT &&
            !atomic_load(&c->there))
            crew_wrong(hand, "%s [%s]", agdb_error_message(error),
                       agdb_outcome_name(agdb_error_outcome(error)));
        if (st != AGDB_OK && took_us < 1000)
            (void)poll(NULL, 0, 2); /* refused at once */
    }
    agdb_error_clear(&error);
}

static void succeed_on(crew_hand_t *hand)
{
    calling_t *c = hand->job;
    agdb_error_t *error = NULL;

    while (!atomic_load(&c->over)) {
        uint64_t start_us = agdb__now_us();

        if (agdb_query(c->db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = 5000), NULL, &error) !=
            AGDB_OK)
            crew_wrong(hand, "%s", agdb_error_message(error));
        crew_raise(&c->worst_us, agdb__now_us() - start_us);
        atomic_fetch_add(&c->answers, 1);
        (void)poll(NULL, 0, 5);
    }
    agdb_error_clear(&error);
}

/* Until a call is answered, by the server at that port. Returns how long it took. */
static uint64_t wait_for_answer(agdb_t *db, int port, uint64_t ms)
{
    uint64_t start_us = agdb__now_us();
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    while (agdb_query(db,
                      AGDB_REQUEST(.sql = "SELECT inet_server_port()", .access = AGDB_READ,
                                   .timeout_ms = CALL_MS),
                      &res, &error) != AGDB_OK) {
        if (agdb__now_us() > agdb__after_ms(start_us, ms))
            fail_msg("%s", agdb_error_message(error));
        (void)poll(NULL, 0, 2);
    }
    assert_int_equal(strtol(agdb_result_text(res, 0, 0), NULL, 10), port);
    agdb_result_free(res);
    agdb_error_clear(&error);
    return agdb__now_us() - start_us;
}

static int port_of(const char *shard)
{
    return cluster_node("core", shard, "primary").port;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void a_name_that_is_not_answered_holds_nobody_up(void **state)
{
    const uint64_t stall_ms = crew_setting("AGDB_NAMES_STALL_MS", STALL_MS);
    calling_t stalled = {0};
    calling_t others = {0};
    static crew_t crew;
    static crew_t others_crew;
    uint64_t answered_us;

    (void)state;
    atomic_store(&g_stalled_until_us, agdb__after_ms(agdb__now_us(), stall_ms));
    stalled.db = open_name("stalled.test", (unsigned)port_of("east-1"));
    others.db = open_name("there.test", (unsigned)port_of("east-1"));
    assert_int_equal(agdb_wait_ready(others.db, AGDB_READY_ALL, 20000, NULL), AGDB_OK);
    meter_start(THREADS);
    crew_start(&crew, THREADS, 1, fail_on, &stalled);
    crew_start(&others_crew, 1, 1, succeed_on, &others);
    while (agdb__now_us() + 100000 < atomic_load(&g_stalled_until_us))
        (void)poll(NULL, 0, 5);
    assert_int_equal(atomic_load(&stalled.answers), 0);
    atomic_store(&stalled.there, true); /* soon */
    while (agdb__now_us() < atomic_load(&g_stalled_until_us))
        (void)poll(NULL, 0, 5);
    answered_us = wait_for_answer(stalled.db, port_of("east-1"), SOON_MS);
    atomic_store(&stalled.over, true);
    atomic_store(&others.over, true);
    assert_int_equal(crew_join(&crew) + crew_join(&others_crew), 0);
    meter_stop();
    print_message(
        "stalled for %llu ms: %lu calls, %llu us over their %d ms at most (a sleeping "
        "thread: %llu us); answered %llu ms after it; another name's worst call %llu us\n",
        (unsigned long long)stall_ms, atomic_load(&stalled.calls), atomic_load(&stalled.worst_us),
        CALL_MS, (unsigned long long)meter_worst_us(), (unsigned long long)answered_us / 1000,
        atomic_load(&others.worst_us));
    assert_true(atomic_load(&stalled.calls) >= THREADS * stall_ms / CALL_MS / 2);
    assert_true(atomic_load(&stalled.worst_us) <= SLACK_MS * 1000 + meter_worst_us());
    assert_true(atomic_load(&others.worst_us) < 500000 + meter_worst_us());
    assert_true(atomic_load(&others.answers) > 0);
    cluster_close(stalled.db);
    cluster_close(others.db);
}

static void a_name_that_is_not_there_is_found_when_it_is(void **state)
{
    calling_t absent = {0};
    agdb_error_t *error = NULL;
    static crew_t crew;
    uint64_t found_us;

    (void)state;
    atomic_store(&g_absent, true);
    absent.db = open_name("absent.test", (unsigned)port_of("east-1"));
    meter_start(THREADS);
    crew_start(&crew, THREADS, 1, fail_on, &absent);
    (void)poll(NULL, 0, 700);
    assert_int_equal(atomic_load(&absent.answers), 0);
    assert_int_not_equal(
        agdb_query(absent.db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = CALL_MS), NULL, &error),
        AGDB_OK);
    if (strstr(agdb_error_message(error), "absent.test") == NULL)
        fail_msg("it does not say which: %s", agdb_error_message(error));
    agdb_error_clear(&error);
    atomic_store(&absent.there, true);
    atomic_store(&g_absent, false);
    found_us = wait_for_answer(absent.db, port_of("east-1"), SOON_MS);
    atomic_store(&absent.over, true);
    assert_int_equal(crew_join(&crew), 0);
    meter_stop();
    print_message("%lu calls, %llu us over their %d ms at most (a sleeping thread: %llu us); "
                  "answered %llu ms after the name was there\n",
                  atomic_load(&absent.calls), atomic_load(&absent.worst_us), CALL_MS,
                  (unsigned long long)meter_worst_us(), (unsigned long long)found_us / 1000);
    assert_true(atomic_load(&absent.worst_us) <= SLACK_MS * 1000 + meter_worst_us());
    cluster_close(absent.db);
}

static void a_name_that_leads_elsewhere_is_followed_but_not_to_another_shard(void **state)
{
    const int east = port_of("east-1");
    proxy_t *first = proxy_start("127.0.0.1", 0, (uint16_t)east, NULL, NULL);
    const uint16_t port = proxy_port(first);
    proxy_t *second = proxy_start("127.0.0.2", port, (uint16_t)east, NULL, NULL);
    proxy_t *stranger = proxy_start("127.0.0.3", port, (uint16_t)port_of("west-1"), NULL, NULL);
    uint64_t end_us;
    uint64_t moved_us;
    uint64_t back_us;
    agdb_t *db;

    (void)state;
    atomic_store(&g_moving_to, 1);
    db = open_name("moving.test", port);
    (void)wait_for_answer(db, east, 20000);
    atomic_store(&g_moving_to, 2);
    (void)wait_for_answer(db, east, 0); /* a new address takes no connection away */
    assert_int_equal(proxy_accepted(second), 0);
    proxy_stop(first);
    moved_us = wait_for_answer(db, east, SOON_MS);
    assert_true(proxy_accepted(second) > 0);

    atomic_store(&g_moving_to, 3);
    proxy_stop(second);
    for (end_us = agdb__after_ms(agdb__now_us(), 1000); agdb__now_us() < end_us;) {
        agdb_error_t *error = NULL;
        agdb_status_t st =
            agdb_query(db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = CALL_MS), NULL, &error);

        assert_int_not_equal(st, AGDB_OK);
        assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
        agdb_error_clear(&error);
        (void)poll(NULL, 0, 2);
    }
    assert_true(proxy_accepted(stranger) > 0); /* it was seen, and refused */
    second = proxy_start("127.0.0.2", port, (uint16_t)east, NULL, NULL);
    atomic_store(&g_moving_to, 2);
    back_us = wait_for_answer(db, east, 2 * SOON_MS);
    print_message("the new address answered after %llu ms, after another shard's after %llu ms\n",
                  (unsigned long long)moved_us / 1000, (unsigned long long)back_us / 1000);
    cluster_close(db);
    proxy_stop(second);
    proxy_stop(stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_not_answered_holds_nobody_up),
        cmocka_unit_test(a_name_that_is_not_there_is_found_when_it_is),
        cmocka_unit_test(a_name_that_leads_elsewhere_is_followed_but_not_to_another_shard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
