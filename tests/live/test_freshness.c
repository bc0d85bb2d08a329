/* Read your writes between two processes: one writes and passes its session's text on, the other
 * reads with it some time later, while the replicas' replay stops and goes on at random. No read
 * may miss the write; and replicas have to answer most of those that they can.
 *
 *   AGDB_FRESH_PAIRS    write-then-read pairs (default 4000)
 *   AGDB_FRESH_HOLD_MS  replay stands still for up to so long (default 300)
 *   AGDB_FRESH_LATER_MS reads come up to so long after the write (default 400)
 *   AGDB_FRESH_SEED     for the same pauses again */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "exec/session.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pairs of a writing and a reading thread, half of them for each shard; the rows that each has. */
enum {
    LINES = 16,
    ROWS = 64,
    PIPE_BYTES = 1 << 20,
    CALL_MS = 20000,
    READY_MS = 20000,
    FOLLOWS_MS = 2000
};

/* A session of one shard is short. */
typedef struct message {
    uint64_t due_us;
    int64_t id;
    int64_t v;
    char token[96];
} message_t;

typedef struct count {
    uint64_t pairs;
    uint64_t stale;
    uint64_t by_replica;
    uint64_t possible; /* the replica had it already when the read began */
    uint64_t failed;
} count_t;

static uint64_t g_pairs;
static uint64_t g_hold_ms;
static uint64_t g_later_ms;
static uint64_t g_seed;
static int g_pipe[LINES][2];
static atomic_bool g_over;
static agdb_t *g_db;
static count_t g_count[LINES];

static const char *shard_of(unsigned line)
{
    return line % 2 == 0 ? "east-1" : "west-1";
}

/* --- the writing process ------------------------------------------------------------------------
 */

static void write_on(crew_hand_t *hand)
{
    const unsigned line = hand->number;
    agdb_session_t *session = NULL;
    uint64_t n;

    if (agdb_session_new(&session, NULL) != AGDB_OK) {
        crew_wrong(hand, "no session");
        return;
    }
    for (n = 0; n < g_pairs / LINES; n++) {
        message_t m = {.id = line * ROWS + (int64_t)(n % ROWS), .v = (int64_t)n + 1};
        agdb_error_t *error = NULL;

        if (agdb_query(g_db,
                       AGDB_REQUEST(.shard = shard_of(line),
                                    .sql = "UPDATE fresh SET v = $2 WHERE id = $1",
                                    AGDB_PARAMS(agdb_int8(m.id), agdb_int8(m.v)),
                                    .session = session, .timeout_ms = CALL_MS),
                       NULL, &error) != AGDB_OK) {
            crew_wrong(hand, "%s", agdb_error_message(error));
            agdb_error_clear(&error);
            break;
        }
        if (agdb_session_text(session, m.token, sizeof m.token) >= sizeof m.token)
            crew_wrong(hand, "a long token: %s", m.token);
        /* the same for all of a line, so that its reads come in order */
        m.due_us = agdb__now_us() + g_later_ms * 1000 * line / (LINES - 1);
        if (write(g_pipe[line][1], &m, sizeof m) != (ssize_t)sizeof m)
            crew_wrong(hand, "the pipe is broken");
    }
    close(g_pipe[line][1]);
    agdb_session_free(session);
}

/* One shard's replica. */
static void hold_up(crew_hand_t *hand)
{
    cluster_node_t node = cluster_node("core", shard_of(hand->number), "replica");
    PGconn *pg = direct_open_admin(&node);

    while (!atomic_load(&g_over)) {
        direct_do(pg, "SELECT pg_wal_replay_pause()");
        usleep(1000 * crew_random(hand, (unsigned)g_hold_ms + 1));
        direct_do(pg, "SELECT pg_wal_replay_resume()");
        usleep(1000 * crew_random(hand, (unsigned)g_hold_ms / 4 + 1));
    }
    PQfinish(pg);
}

/* --- the reading process ------------------------------------------------------------------------
 */

static uint64_t replayed(PGconn *pg)
{
    return (uint64_t)direct_number(pg, "SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn");
}

static bool read_one(const message_t *m, unsigned line, agdb_session_t *session, count_t *count)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    int64_t v = 0;

    if (agdb_query(g_db,
                   AGDB_REQUEST(.shard = shard_of(line), .sql = "SELECT v FROM fresh WHERE id = $1",
                                AGDB_PARAMS(agdb_int8(m->id)), .access = AGDB_READ_SESSION,
                                .session = session, .timeout_ms = CALL_MS),
                   &res, &error) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(error));
        agdb_error_clear(&error);
        return false;
    }
    if (agdb_result_rows(res) != 1 || agdb_result_int64(res, 0, 0, &v, NULL) != AGDB_OK || v < m->v)
        count->stale++;
    if (agdb_result_role(res) == AGDB_ROLE_REPLICA)
        count->by_replica++;
    agdb_result_free(res);
    return true;
}

static uint64_t lsn_of(agdb_session_t *session)
{
    return session->token.count == 1 ? session->token.entry[0].at.lsn : 0;
}

static void read_on(crew_hand_t *hand)
{
    const unsigned line = hand->number;
    cluster_node_t node = cluster_node("core", shard_of(line), "replica");
    PGconn *pg = direct_open_admin(&node);
    count_t *count = &g_count[line];
    message_t m;

    while (read(g_pipe[line][0], &m, sizeof m) == (ssize_t)sizeof m) {
        agdb_session_t *session = NULL;
        uint64_t now_us = agdb__now_us();

        if (m.due_us > now_us)
            usleep((useconds_t)(m.due_us - now_us));
        if (agdb_session_new(&session, NULL) != AGDB_OK ||
            agdb_session_merge(session, m.token, strlen(m.token), NULL) != AGDB_OK) {
            crew_wrong(hand, "the token '%s' is refused", m.token);
            break;
        }
        count->possible += replayed(pg) >= lsn_of(session);
        count->failed += !read_one(&m, line, session, count);
        count->pairs++;
        agdb_session_free(session);
    }
    PQfinish(pg);
}

static void count_followers(const agdb_node_info_t *node, void *user)
{
    *(unsigned *)user += node->is_replica && node->lag_ms >= 0 && node->lag_ms < FOLLOWS_MS;
}

/* Replicas that were restarted a moment ago answer no reads before they have been seen caught up.
 */
static bool wait_for_replicas(void)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), READY_MS);
    unsigned followers = 0;

    while (followers < 2 && agdb__now_us() < end_us) {
        followers = 0;
        if (agdb_status(g_db, count_followers, &followers, NULL) != AGDB_OK)
            return false;
        usleep(10000);
    }
    return followers == 2;
}

/* Never returns: the exit status says whether all was well. */
static void be_the_reader(int report)
{
    count_t sum = {0};
    crew_t crew;
    unsigned i;

    for (i = 0; i < LINES; i++)
        close(g_pipe[i][1]);
    g_db = cluster_open(NULL);
    if (agdb_wait_ready(g_db, AGDB_READY_ALL, READY_MS, NULL) != AGDB_OK || !wait_for_replicas())
        _exit(3);
    crew_start(&crew, LINES, g_seed, read_on, NULL);
    if (crew_join(&crew) != 0)
        _exit(4);
    cluster_close(g_db);
    for (i = 0; i < LINES; i++) {
        sum.pairs += g_count[i].pairs;
        sum.stale += g_count[i].stale;
        sum.by_replica += g_count[i].by_replica;
        sum.possible += g_count[i].possible;
        sum.failed += g_count[i].failed;
    }
    _exit(write(report, &sum, sizeof sum) == (ssize_t)sizeof sum ? 0 : 5);
}

/* --- both ---------------------------------------------------------------------------------------
 */

static void make_rows(void)
{
    unsigned line;

    for (line = 0; line < 2; line++) {
        cluster_do(g_db,
                   AGDB_REQUEST(.shard = shard_of(line),
                                .sql = "CREATE TABLE fresh (id bigint PRIMARY KEY, v bigint)"));
        cluster_do(g_db, AGDB_REQUEST(.shard = shard_of(line),
                                      .sql = "INSERT INTO fresh SELECT g, 0 FROM "
                                             "generate_series(0, $1) g",
                                      AGDB_PARAMS(agdb_int8(LINES * ROWS))));
    }
}

static void drop_rows(void)
{
    unsigned line;

    for (line = 0; line < 2; line++)
        cluster_do(g_db, AGDB_REQUEST(.shard = shard_of(line), .sql = "DROP TABLE fresh"));
}

static void no_read_of_another_process_misses_a_write(void **state)
{
    static crew_t writers;
    static crew_t holders;
    count_t sum = {0};
    unsigned wrongs;
    int status = 0;
    int report[2];
    pid_t reader;
    unsigned i;

    (void)state;
    assert_int_equal(pipe(report), 0);
    for (i = 0; i < LINES; i++) {
        assert_int_equal(pipe(g_pipe[i]), 0);
        (void)fcntl(g_pipe[i][1], F_SETPIPE_SZ, PIPE_BYTES);
    }
    reader = fork();
    assert_true(reader >= 0);
    if (reader == 0)
        be_the_reader(report[1]);
    close(report[1]);
    g_db = cluster_open(NULL);
    make_rows();
    crew_start(&holders, 2, g_seed, hold_up, NULL);
    crew_start(&writers, LINES, g_seed, write_on, NULL);
    wrongs = crew_join(&writers);
    assert_int_equal(read(report[0], &sum, sizeof sum), sizeof sum);
    assert_int_equal(waitpid(reader, &status, 0), reader);
    atomic_store(&g_over, true);
    wrongs += crew_join(&holders);
    drop_rows();
    cluster_close(g_db);
    print_message("%llu pairs, seed %llu: %llu stale, %llu failed; replicas answered %llu, had it "
                  "when asked %llu (%.2f)\n",
                  (unsigned long long)sum.pairs, (unsigned long long)g_seed,
                  (unsigned long long)sum.stale, (unsigned long long)sum.failed,
                  (unsigned long long)sum.by_replica, (unsigned long long)sum.possible,
                  (double)sum.by_replica / (double)(sum.possible > 0 ? sum.possible : 1));
    assert_int_equal(wrongs, 0);
    assert_int_equal(status, 0);
    assert_int_equal(sum.pairs, g_pairs / LINES * LINES);
    assert_int_equal(sum.stale + sum.failed, 0);
    assert_true((double)sum.by_replica >= 0.8 * (double)sum.possible);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_read_of_another_process_misses_a_write),
    };

    g_pairs = crew_setting("AGDB_FRESH_PAIRS", 4000);
    g_hold_ms = crew_setting("AGDB_FRESH_HOLD_MS", 300);
    g_later_ms = crew_setting("AGDB_FRESH_LATER_MS", 400);
    g_seed = crew_setting("AGDB_FRESH_SEED", agdb__now_us());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
