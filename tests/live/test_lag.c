/* The lag that agdb_status shows is how old what a replica shows may be, at most: compared with how
 * old it is, by a row that is changed on the primary all the time. A replica that is cut
 * off is never said to be up to date, one of an idle primary never said to be far behind.
 *
 *   AGDB_LAG_MS  how long each state is looked at (1200) */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "meter.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOK_MS = 1200,
    EVERY_MS = 50,
    /* Both servers are asked every second, with a jitter of a quarter. */
    COARSE_MS = 2500,
    SLACK_MS = 300,
    EXACT_MS = 2,
    BEATS_MAX = 100000,
    PATIENCE_MS = 20000
};

static agdb_t *g_db;
static PGconn *g_replica; /* of east-1, as superuser */
static cluster_node_t g_primary_node;
static char *g_follow; /* the statement that lets it follow its primary again */

/* --- the row that changes ----------------------------------------------------------------------
 */

/* A number that counts up on the primary, and when each was begun and committed: what the replica
 * shows is as old as the number after it. */
static struct {
    crew_t crew;
    atomic_bool over;
    atomic_uint begun;
    atomic_uint committed;
    atomic_ullong begin_us[BEATS_MAX];
    atomic_ullong commit_us[BEATS_MAX];
} g_beat;

static void beat_on(crew_hand_t *hand)
{
    PGconn *pg = direct_open(&g_primary_node);
    unsigned n = atomic_load(&g_beat.committed);

    (void)hand;
    while (!atomic_load(&g_beat.over) && ++n < BEATS_MAX) {
        atomic_store(&g_beat.begin_us[n], agdb__now_us());
        atomic_store(&g_beat.begun, n);
        direct_do(pg, "UPDATE lag_beat SET n = %u", n);
        atomic_store(&g_beat.commit_us[n], agdb__now_us());
        atomic_store(&g_beat.committed, n);
        (void)poll(NULL, 0, 10);
    }
    PQfinish(pg);
}

static int start_beat(void **state)
{
    (void)state;
    atomic_store(&g_beat.over, false);
    crew_start(&g_beat.crew, 1, 1, beat_on, NULL);
    (void)poll(NULL, 0, 200);
    return 0;
}

static unsigned shown(void)
{
    return (unsigned)direct_number(g_replica, "SELECT n FROM lag_beat");
}

/* How old a replica that shows `n` is at that time: at least, and at most. */
static long long least_age_ms(unsigned n, uint64_t now_us)
{
    if (atomic_load(&g_beat.committed) <= n)
        return 0;
    return ((long long)now_us - (long long)atomic_load(&g_beat.commit_us[n + 1])) / 1000;
}

static long long most_age_ms(unsigned n, uint64_t now_us)
{
    if (atomic_load(&g_beat.begun) <= n)
        return 0;
    return ((long long)now_us - (long long)atomic_load(&g_beat.begin_us[n + 1])) / 1000;
}

/* --- what is said ------------------------------------------------------------------------------
 */

static void take_lag(const agdb_node_info_t *node, void *user)
{
    if (strcmp(node->shard, "east-1") == 0 && !node->is_primary)
        *(int64_t *)user = node->lag_ms;
}

/* -1: not known. */
static long long said_ms(void)
{
    int64_t lag_ms = -2;

    assert_int_equal(agdb_status(g_db, take_lag, &lag_ms, NULL), AGDB_OK);
    assert_int_not_equal(lag_ms, -2);
    return lag_ms;
}

static uint64_t look_until_us(void)
{
    return agdb__after_ms(agdb__now_us(), crew_setting("AGDB_LAG_MS", LOOK_MS));
}

static void wait_until_small(void)
{
    uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);
    long long said = said_ms();

    while (said < 0 || said > COARSE_MS / 2) {
        if (agdb__now_us() > end_us)
            fail_msg("the lag is %lld ms still", said);
        (void)poll(NULL, 0, 10);
        said = said_ms();
    }
}

/* What is said must lie between what it is, and what a question every second can tell. Prints the
 * worst difference. */
static void compare_for_a_while(const char *what)
{
    const uint64_t end_us = look_until_us();
    const long long slack_ms = SLACK_MS + (long long)(meter_worst_us() / 1000);
    long long worst = 0;
    long long last = 0;

    while (agdb__now_us() < end_us) {
        const unsigned before = shown();
        const uint64_t from_us = agdb__now_us();
        const long long said = said_ms();
        const long long most = most_age_ms(before, agdb__now_us());
        const long long least = least_age_ms(shown(), from_us);

        if (said < 0)
            fail_msg("%s: the lag is not known", what);
        if (said < least - EXACT_MS || said > most + COARSE_MS + slack_ms)
            fail_msg("%s: a lag of %lld ms, and it is %lld to %lld ms", what, said, least, most);
        worst = said - least > worst ? said - least : worst;
        worst = least - said > worst ? least - said : worst;
        last = least;
        (void)poll(NULL, 0, EVERY_MS);
    }
    print_message("%s: worst error %lld ms, with a lag of %lld ms at the end\n", what, worst, last);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void an_idle_primary_makes_no_lag(void **state)
{
    const uint64_t end_us = look_until_us();
    const long long slack_ms = SLACK_MS + (long long)(meter_worst_us() / 1000);
    long long worst = 0;

    (void)state;
    while (agdb__now_us() < end_us) {
        const long long said = said_ms();

        if (said < 0 || said > COARSE_MS + slack_ms)
            fail_msg("an idle primary, and a lag of %lld ms", said);
        if (said > worst)
            worst = said;
        (void)poll(NULL, 0, 10);
    }
    print_message("idle: worst error %lld ms\n", worst);
}

static void a_replica_that_follows_is_said_to(void **state)
{
    (void)state;
    compare_for_a_while("following");
}

static void a_paused_replay_is_told_as_it_grows(void **state)
{
    (void)state;
    direct_do(g_replica, "SELECT pg_wal_replay_pause()");
    compare_for_a_while("replay paused");
}

static void a_replica_that_receives_nothing_is_told_as_it_grows(void **state)
{
    (void)state;
    direct_do(g_replica, "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
    direct_do(g_replica, "SELECT pg_reload_conf()");
    while (direct_number(g_replica, "SELECT count(*) FROM pg_stat_wal_receiver") > 0)
        (void)poll(NULL, 0, 10);
    compare_for_a_while("receiver killed");
}

/* Also after a test that failed. */
static int follow_again(void **state)
{
    (void)state;
    direct_do(g_replica, "%s", g_follow);
    direct_do(g_replica, "SELECT pg_reload_conf(), pg_wal_replay_resume()");
    wait_until_small();
    atomic_store(&g_beat.over, true);
    return crew_join(&g_beat.crew) == 0 ? 0 : -1;
}

/* Nobody can tell what the primary would have by now: the lag is not known, or grows with the time
 * since it last answered. */
static void a_replica_whose_primary_is_down_is_not_said_to_be_up_to_date(void **state)
{
    uint64_t down_us;
    uint64_t end_us;
    bool unknown = false;

    (void)state;
    cluster_signal(&g_primary_node, SIGKILL);
    down_us = agdb__now_us();
    end_us = look_until_us();
    while (agdb__now_us() < end_us) {
        const long long since = (long long)((agdb__now_us() - down_us) / 1000);
        const long long said = said_ms();

        if (said >= 0 && said < since)
            fail_msg("the primary is down for %lld ms, and the lag is said to be %lld ms", since,
                     said);
        unknown = unknown || said < 0;
        (void)poll(NULL, 0, 10);
    }
    print_message("primary down: the lag %s\n", unknown ? "was not known" : "grew with the time");
    cluster_start(&g_primary_node);
    assert_int_equal(agdb_wait_ready(g_db, AGDB_READY_ALL, PATIENCE_MS, NULL), AGDB_OK);
    wait_until_small();
}

static int open_all(void **state)
{
    cluster_node_t replica = cluster_node("core", "east-1", "replica");
    PGconn *primary;

    (void)state;
    g_primary_node = cluster_node("core", "east-1", "primary");
    primary = direct_open(&g_primary_node);
    direct_do(primary, "DROP TABLE IF EXISTS lag_beat;"
                       "CREATE TABLE lag_beat AS SELECT 0 AS n");
    PQfinish(primary);
    g_replica = direct_open_admin(&replica);
    g_follow = direct_text(g_replica, "SELECT format('ALTER SYSTEM SET primary_conninfo = %%L',"
                                      " current_setting('primary_conninfo'))");
    g_db = cluster_open(NULL);
    meter_start(1);
    wait_until_small();
    return 0;
}

static int close_all(void **state)
{
    PGconn *primary = direct_open(&g_primary_node);

    (void)state;
    meter_stop();
    cluster_close(g_db);
    PQfinish(g_replica);
    free(g_follow);
    direct_do(primary, "DROP TABLE lag_beat");
    PQfinish(primary);
    return 0;
}

#define BEATING(f) cmocka_unit_test_setup_teardown(f, start_beat, follow_again)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_primary_makes_no_lag),
        BEATING(a_replica_that_follows_is_said_to),
        BEATING(a_paused_replay_is_told_as_it_grows),
        BEATING(a_replica_that_receives_nothing_is_told_as_it_grows),
        cmocka_unit_test(a_replica_whose_primary_is_down_is_not_said_to_be_up_to_date),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
