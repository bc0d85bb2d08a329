/* Transactions of two rows, in every way that there is, whose connections are reset or muted around
 * their COMMIT, whose servers' sessions are terminated, and whose callers run out of time. Each
 * caller is told the truth, and never is one of the rows there without the other.
 *
 * Every transaction is an operation of a ledger for each table; at the end the tables are read past
 * the library: LOST, GHOST, DUP, FOREIGN and PARTIAL are 0. With an idempotency key or `once`
 * nobody is left without an answer who had the time to wait for it.
 *
 *   AGDB_TX_KILLS_CALLS    of all threads together (1000000 is a long run)
 *   AGDB_TX_KILLS_ONE_IN   so many meet a fault of the proxy's, each
 *   AGDB_TX_KILLS_KILL_MS  at most so long between two terminated sessions of a shard
 *   AGDB_TX_KILLS_SEED     the same calls and faults again
 *   AGDB_TX_KILLS_SYNC     on or off only: synchronous_commit, else half of the calls with each */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "ledger.h"
#include "proxy.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    THREADS = 24,
    SHARDS = 2,
    TABLES = 2,
    BATCH = 8, /* at once on a loop */
    ONE_IN = 8,
    HURRIED_ONE_IN = 16,
    HURRY_MS = 12, /* or less */
    CALL_MS = 60000,
    KILL_MS = 400
};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { CALLS = 4000, MUTE_MS = 600 };
#else
enum { CALLS = 6000, MUTE_MS = 200 };
#endif

typedef enum way {
    STEPWISE,    /* COMMIT by itself */
    RIDING,      /* COMMIT with the last statement */
    ARRAY,       /* agdb_query_tx */
    ARRAY_KEYED, /* with an idempotency key */
    RUN,         /* agdb_run */
    RUN_ONCE,
    LOOP, /* agdb_submit_tx */
    LOOP_KEYED,
    LOOP_STEPWISE, /* agdb_submit, agdb_submit, agdb_submit_commit */
    WAYS
} way_t;

typedef enum fate {
    KEPT,
    ROW_RESET, /* at the second row */
    ROW_MUTE,
    COMMIT_RESET, /* it does not arrive */
    COMMIT_MUTE,
    SYNC_MUTE,    /* it arrives, the Sync that makes the server answer does not */
    ANSWER_RESET, /* it is executed */
    ANSWER_MUTE,
    FATES
} fate_t;

static const char *const k_way[WAYS] = {"statement by statement",
                                        "COMMIT with the last",
                                        "agdb_query_tx",
                                        "agdb_query_tx with a key",
                                        "agdb_run",
                                        "agdb_run once",
                                        "agdb_submit_tx",
                                        "agdb_submit_tx with a key",
                                        "agdb_submit, _commit"};
static const char *const k_shard[SHARDS] = {"east-1", "west-1"};
static const char *const k_sql[TABLES] = {"INSERT INTO tx_kill_a (op, mark) VALUES ($1, $2)",
                                          "INSERT INTO tx_kill_b (op, mark) VALUES ($1, $2)"};

typedef struct counts {
    unsigned long late;     /* ran out of time */
    unsigned long again;    /* resolved by asking again */
    unsigned long replayed; /* repeated or asked again: it had happened */
} counts_t;

typedef struct killer {
    struct kills *kills;
    PGconn *pg;
    agdb__rng_t rng;
    pthread_t thread;
    unsigned long killed[4]; /* else, at work, between the statements, idle */
} killer_t;

typedef struct kills {
    agdb_t *db;
    proxy_t *proxy[SHARDS];
    unsigned long per_thread;
    unsigned one_in;
    uint64_t kill_ms;
    ledger_t ledger[TABLES][WAYS];
    atomic_uchar *sent; /* how often the proxy has seen each operation */
    atomic_ulong struck[WAYS][FATES];
    counts_t counts[THREADS][WAYS];
    killer_t killer[SHARDS];
    atomic_bool over;
} kills_t;

/* --- the proxy's judge -------------------------------------------------------------------------
 */

/* A row as the proxy meets it: "tx kill N of way W fate F, table T". */
static const char k_mark[] = "tx kill ";

enum { NOTE_FATE, NOTE_SYNCS }; /* of the connection; Syncs that have no answer yet */
enum { FATE = 15, COMMIT_SENT = 16, WAY = 8 }; /* in NOTE_FATE; the way is shifted so far */

static fate_t fate_of(const proxy_message_t *m)
{
    return (fate_t)(m->note[NOTE_FATE] & FATE);
}

static proxy_verdict_t strike(kills_t *k, const proxy_message_t *m, proxy_verdict_t verdict)
{
    atomic_fetch_add(&k->struck[m->note[NOTE_FATE] >> WAY][fate_of(m)], 1);
    m->note[NOTE_FATE] = KEPT; /* no message of the connection is judged any more */
    return verdict;
}

/* Its fate is the connection's until the next transaction. */
static proxy_verdict_t judge_row(kills_t *k, const proxy_message_t *m, const char *mark)
{
    unsigned long n = 0;
    unsigned way = 0;
    unsigned fate = 0;
    unsigned table = 0;
    char text[64] = "";

    memcpy(text, mark, agdb__min_us(sizeof text - 1, (size_t)(m->body + m->size - mark)));
    if (sscanf(text, "tx kill %lu of way %u fate %u, table %u", &n, &way, &fate, &table) != 4)
        return PROXY_RESET;
    if (table == 0)
        m->note[NOTE_FATE] =
            way << WAY | (atomic_fetch_add(&k->sent[n], 1) == 0 ? fate : (unsigned)KEPT);
    else if (fate_of(m) == ROW_RESET)
        return strike(k, m, PROXY_RESET);
    else if (fate_of(m) == ROW_MUTE)
        return strike(k, m, PROXY_MUTE);
    return PROXY_PASS;
}

static proxy_verdict_t judge_commit(kills_t *k, const proxy_message_t *m)
{
    if (fate_of(m) == COMMIT_RESET)
        return strike(k, m, PROXY_RESET);
    if (fate_of(m) == COMMIT_MUTE)
        return strike(k, m, PROXY_MUTE);
    m->note[NOTE_FATE] |= COMMIT_SENT;
    return PROXY_PASS;
}

static proxy_verdict_t judge_request(kills_t *k, const proxy_message_t *m)
{
    const char *mark = m->type == 'B' ? memmem(m->body, m->size, k_mark, strlen(k_mark)) : NULL;

    if (mark != NULL)
        return judge_row(k, m, mark);
    if (m->type == 'B' && proxy_message_has(m, "agdb_commit"))
        return judge_commit(k, m);
    if (m->type == 'S' && fate_of(m) == SYNC_MUTE && (m->note[NOTE_FATE] & COMMIT_SENT) != 0)
        return strike(k, m, PROXY_MUTE);
    m->note[NOTE_SYNCS] += m->type == 'S' || m->type == 'Q';
    return PROXY_PASS;
}

/* It is lost when all of it is there: then the COMMIT is behind the server. */
static proxy_verdict_t judge_answer(kills_t *k, const proxy_message_t *m)
{
    const fate_t fate = fate_of(m);

    if (m->type == 'Z' && m->note[NOTE_SYNCS] > 0)
        m->note[NOTE_SYNCS]--;
    if ((fate != ANSWER_RESET && fate != ANSWER_MUTE) || (m->note[NOTE_FATE] & COMMIT_SENT) == 0)
        return PROXY_PASS;
    if (m->type != 'Z' || m->note[NOTE_SYNCS] > 0)
        return PROXY_SWALLOW;
    return strike(k, m, fate == ANSWER_RESET ? PROXY_RESET : PROXY_MUTE);
}

static proxy_verdict_t judge_message(void *user, const proxy_message_t *m)
{
    return m->way == PROXY_TO_SERVER ? judge_request(user, m) : judge_answer(user, m);
}

/* --- the ways ----------------------------------------------------------------------------------
 */

typedef struct call {
    kills_t *kills;
    crew_hand_t *hand;
    agdb_loop_t *loop;
    agdb_session_t *session; /* NULL: none */
    size_t n;
    way_t way;
    fate_t fate;
    unsigned shard;
    unsigned step;
    uint32_t timeout_ms;
    char mark[TABLES][64];
    char key[32]; /* "": none */
    agdb_tx_t *tx;
    bool over; /* of one on a loop */
    bool replayed;
    agdb_status_t status;
    agdb_error_t *error;
} call_t;

#define ROW(c, i)                                                                                  \
    .sql = k_sql[i],                                                                               \
    AGDB_PARAMS(agdb_int8((int64_t)((c)->n * WAYS + (c)->way)), agdb_text((c)->mark[i]))

static agdb_tx_options_t options_of(call_t *c)
{
    agdb_tx_options_t options = AGDB_TX_INIT;

    options.shard = k_shard[c->shard];
    options.timeout_ms = c->timeout_ms;
    options.session = c->session;
    options.once = c->way == RUN_ONCE;
    options.idempotency_key = c->key[0] != '\0' ? c->key : NULL;
    return options;
}

static agdb_status_t insert_both(call_t *c, agdb_tx_t *tx, bool commit, agdb_error_t **reterr)
{
    agdb_status_t st = agdb_query(c->kills->db, AGDB_REQUEST(.tx = tx, ROW(c, 0)), NULL, reterr);

    if (st == AGDB_OK)
        st = agdb_query(c->kills->db, AGDB_REQUEST(.tx = tx, ROW(c, 1), .commit = commit), NULL,
                        reterr);
    return st;
}

static void make_steps(call_t *c)
{
    const agdb_tx_options_t options = options_of(c);
    agdb_tx_t *tx = NULL;

    c->status = agdb_begin(c->kills->db, &options, &tx, &c->error);
    if (c->status == AGDB_OK)
        c->status = insert_both(c, tx, c->way == RIDING, &c->error);
    if (c->status == AGDB_OK)
        c->status = agdb_commit(tx, &c->error);
    else
        agdb_rollback(tx);
}

static void make_array(call_t *c)
{
    const agdb_request_t *both[] = {AGDB_REQUEST(ROW(c, 0)), AGDB_REQUEST(ROW(c, 1))};
    agdb_tx_options_t options = options_of(c);

    options.replayed = &c->replayed;
    c->status = agdb_query_tx(c->kills->db, &options, both, TABLES, NULL, &c->error);
}

static agdb_status_t run_both(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    call_t *c = user;

    return insert_both(c, tx, (c->n + attempt) % 2 == 0, reterr);
}

static void make_run(call_t *c)
{
    const agdb_tx_options_t options = options_of(c);

    c->status = agdb_run(c->kills->db, &options, run_both, c, &c->error);
}

static void end_on_loop(call_t *c, agdb_status_t status, agdb_error_t *error)
{
    c->over = true;
    c->status = status;
    agdb_error_free(c->error);
    c->error = error;
}

static void array_done(void *user, agdb_status_t status, agdb_result_t **results, size_t count,
                       agdb_error_t *error)
{
    call_t *c = user;

    c->replayed = status == AGDB_OK && count > 0 && agdb_result_replayed(results[0]);
    end_on_loop(c, status, error);
}

static void make_on_loop(call_t *c)
{
    const agdb_request_t *both[] = {AGDB_REQUEST(ROW(c, 0)), AGDB_REQUEST(ROW(c, 1))};
    const agdb_tx_options_t options = options_of(c);

    c->status = agdb_submit_tx(c->loop, &options, both, TABLES, array_done, c, NULL, &c->error);
    c->over = c->status != AGDB_OK;
}

static void step_done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    call_t *c = user;
    const bool was_commit = c->step == TABLES + 1;

    agdb_result_free(result);
    if (status == AGDB_OK && !was_commit) {
        status = c->step == TABLES
                     ? agdb_submit_commit(c->loop, c->tx, step_done, c, NULL, &error)
                     : agdb_submit(c->loop, AGDB_REQUEST(.tx = c->tx, ROW(c, c->step)), step_done,
                                   c, NULL, &error);
        c->step++;
        if (status == AGDB_OK)
            return;
    }
    if (!was_commit)
        agdb_rollback(c->tx);
    end_on_loop(c, status, error);
}

static void make_steps_on_loop(call_t *c)
{
    const agdb_tx_options_t options = options_of(c);

    c->step = 0;
    c->status = agdb_begin(c->kills->db, &options, &c->tx, &c->error);
    c->over = c->status != AGDB_OK;
    if (!c->over)
        step_done(c, AGDB_OK, NULL, NULL);
}

static void (*const k_make[WAYS])(call_t *c) = {make_steps,   make_steps,   make_array,
                                                make_array,   make_run,     make_run,
                                                make_on_loop, make_on_loop, make_steps_on_loop};

/* --- what they were told -----------------------------------------------------------------------
 */

static bool is_mute(fate_t fate)
{
    return fate == ROW_MUTE || fate == COMMIT_MUTE || fate == SYNC_MUTE || fate == ANSWER_MUTE;
}

static bool is_unknown(const call_t *c)
{
    return c->status != AGDB_OK && agdb_error_outcome(c->error) == AGDB_OUTCOME_UNKNOWN;
}

static void wrong(const call_t *c, const char *what)
{
    crew_wrong(c->hand, "%s fate %d, %u ms: %s: %s (%s)", c->mark[0], (int)c->fate, c->timeout_ms,
               what, agdb_error_message(c->error), agdb_outcome_name(agdb_error_outcome(c->error)));
}

/* Runs what was submitted. */
static void run_loop(call_t *calls, size_t count)
{
    size_t i;

    if (agdb_loop_run(calls[0].loop, 2 * CALL_MS, NULL) != AGDB_OK)
        wrong(&calls[0], "the loop does not end");
    for (i = 0; i < count; i++)
        if (calls[i].way >= LOOP && !calls[i].over)
            wrong(&calls[i], "its callback was not called");
}

/* With its key, when all faults are behind it. */
static void ask_again(call_t *c, counts_t *counts)
{
    atomic_store(&c->kills->sent[c->n], 1);
    c->timeout_ms = CALL_MS;
    k_make[c->way](c);
    run_loop(c, 1);
    if (c->status != AGDB_OK) {
        wrong(c, "asked again, it was not resolved");
        return;
    }
    counts->again++;
}

static void conclude(call_t *c)
{
    counts_t *counts = &c->kills->counts[c->hand->number][c->way];
    const bool has_time = c->timeout_ms == CALL_MS;
    ledger_fate_t told;
    unsigned i;

    counts->late += c->status == AGDB_E_TIMEOUT;
    if (c->status != AGDB_OK && has_time && (c->key[0] != '\0' || c->way == RUN_ONCE))
        wrong(c, "there was time to resolve it");
    if (c->status != AGDB_OK && agdb_error_outcome(c->error) == AGDB_OUTCOME_NONE)
        wrong(c, "it was not told what became of it");
    if (c->status != AGDB_OK && c->key[0] != '\0')
        ask_again(c, counts);
    counts->replayed += c->status == AGDB_OK && c->replayed;
    told = c->status == AGDB_OK ? LEDGER_ACKNOWLEDGED
           : is_unknown(c)      ? LEDGER_UNKNOWN
                                : LEDGER_FAILED;
    for (i = 0; i < TABLES; i++)
        ledger_note(&c->kills->ledger[i][c->way], c->n, told, c->shard);
    agdb_error_clear(&c->error);
}

/* --- the callers -------------------------------------------------------------------------------
 */

static void prepare(call_t *c, const call_t *as, size_t n, way_t way)
{
    crew_hand_t *hand = as->hand;
    unsigned i;

    *c = *as;
    c->n = n;
    c->way = way;
    c->shard = crew_random(hand, SHARDS);
    if (crew_random(hand, c->kills->one_in) == 0)
        c->fate = (fate_t)(KEPT + 1 + crew_random(hand, FATES - 1));
    c->timeout_ms = is_mute(c->fate) ? MUTE_MS : CALL_MS;
    if (crew_random(hand, HURRIED_ONE_IN) == 0)
        c->timeout_ms = 1 + crew_random(hand, HURRY_MS);
    if (crew_random(hand, 4) != 0)
        c->session = NULL;
    if (way == ARRAY_KEYED || way == LOOP_KEYED)
        snprintf(c->key, sizeof c->key, "key %zu", n);
    for (i = 0; i < TABLES; i++)
        snprintf(c->mark[i], sizeof c->mark[i], "%s%zu of way %u fate %u, table %u", k_mark, n,
                 (unsigned)way, (unsigned)c->fate, i);
}

static size_t call_some(const call_t *as, size_t first, size_t limit)
{
    way_t way = (way_t)crew_random(as->hand, WAYS);
    call_t calls[BATCH];
    size_t count = 1;
    size_t i;

    if (way >= LOOP && crew_random(as->hand, BATCH) == 0) /* of one, else as often as the others */
        count = limit < BATCH ? limit : BATCH;
    for (i = 0; i < count; i++) {
        prepare(&calls[i], as, first + i,
                count == 1 ? way : (way_t)(LOOP + crew_random(as->hand, WAYS - LOOP)));
        k_make[calls[i].way](&calls[i]);
    }
    run_loop(calls, count);
    for (i = 0; i < count; i++)
        conclude(&calls[i]);
    return count;
}

static void call_on(crew_hand_t *hand)
{
    kills_t *k = hand->job;
    call_t as = {.kills = k, .hand = hand};
    size_t done = 0;

    if (agdb_loop_open(k->db, NULL, &as.loop, NULL) != AGDB_OK ||
        agdb_session_new(&as.session, NULL) != AGDB_OK) {
        crew_wrong(hand, "no loop, no session");
        return;
    }
    while (done < k->per_thread)
        done += call_some(&as, hand->number * k->per_thread + done + 1, k->per_thread - done);
    if (agdb_loop_close(as.loop) != AGDB_OK)
        crew_wrong(hand, "the loop could not be closed");
    agdb_session_free(as.session);
}

/* --- who terminates sessions -------------------------------------------------------------------
 */

/* Only those that have had a transaction: without its monitor's a server would not be up. */
static void *kill_on(void *arg)
{
    killer_t *killer = arg;

    while (!atomic_load(&killer->kills->over)) {
        long long what = direct_number(
            killer->pg,
            "SELECT CASE WHEN NOT pg_terminate_backend(pid) THEN 0 WHEN state = 'active' THEN 1"
            " WHEN state LIKE 'idle in transaction%%' THEN 2 ELSE 3 END FROM pg_stat_activity"
            " WHERE application_name = 'tx kills' AND query ~ 'tx_kill|idempotency|COMMIT'"
            " ORDER BY (state = 'idle' AND random() < 0.8), random() LIMIT 1");

        killer->killed[what & 3]++;
        (void)poll(NULL, 0, (int)(agdb__rng_next(&killer->rng) % killer->kills->kill_ms));
    }
    return NULL;
}

/* --- the truth ---------------------------------------------------------------------------------
 */

typedef struct reader {
    kills_t *kills;
    unsigned table;
    unsigned shard;
} reader_t;

static void see(void *user, long long op)
{
    const reader_t *r = user;

    ledger_see(&r->kills->ledger[r->table][(unsigned long long)op % WAYS], op / WAYS, r->shard);
}

static void wait_until_gone(PGconn *pg)
{
    uint64_t until_us = agdb__after_ms(agdb__now_us(), 20000);

    while (direct_number(pg, "SELECT count(*) FROM pg_stat_activity"
                             " WHERE application_name = 'tx kills'") > 0) {
        assert_true(agdb__now_us() < until_us);
        (void)poll(NULL, 0, 10);
    }
}

typedef struct verdict {
    unsigned long partial; /* one row without the other */
    unsigned long foreign; /* rows that are not what their operation has written */
} verdict_t;

static void read_shard(kills_t *k, PGconn *pg, unsigned shard, verdict_t *found)
{
    reader_t reader = {.kills = k, .shard = shard};

    wait_until_gone(pg);
    direct_stream(pg, "SELECT op FROM tx_kill_a", see, &reader);
    reader.table = 1;
    direct_stream(pg, "SELECT op FROM tx_kill_b", see, &reader);
    found->partial += (unsigned long)direct_number(
        pg, "SELECT count(*) FROM tx_kill_a a FULL JOIN tx_kill_b b USING (op)"
            " WHERE a.op IS NULL OR b.op IS NULL");
    found->foreign += (unsigned long)direct_number(
        pg,
        "SELECT count(*) FROM (SELECT op, mark, 0 AS t FROM tx_kill_a"
        " UNION ALL SELECT op, mark, 1 FROM tx_kill_b) r"
        " WHERE mark NOT LIKE 'tx kill ' || op / %d || ' of way ' || op %% %d || ' fate _, table '"
        " || t",
        (int)WAYS, (int)WAYS);
}

static bool is_plain(way_t way)
{
    return way != ARRAY_KEYED && way != RUN_ONCE && way != LOOP_KEYED;
}

static counts_t sum_of(const kills_t *k, way_t way)
{
    counts_t all = {0};
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        all.late += k->counts[i][way].late;
        all.again += k->counts[i][way].again;
        all.replayed += k->counts[i][way].replayed;
    }
    return all;
}

static unsigned long struck_of(kills_t *k, way_t way, fate_t fate)
{
    return atomic_load(&k->struck[way][fate]);
}

static unsigned long struck_in(kills_t *k, way_t way)
{
    unsigned long sum = 0;
    unsigned fate;

    for (fate = KEPT + 1; fate < FATES; fate++)
        sum += struck_of(k, way, (fate_t)fate);
    return sum;
}

static unsigned long struck_by(kills_t *k, fate_t fate)
{
    unsigned long sum = 0;
    unsigned way;

    for (way = 0; way < WAYS; way++)
        sum += struck_of(k, (way_t)way, fate);
    return sum;
}

typedef struct totals {
    unsigned long failed;
    unsigned long late;
    unsigned long again;
    unsigned long unknown;
    unsigned long happened;
    unsigned long replayed;
} totals_t;

static void judge_way(kills_t *k, way_t way, totals_t *all)
{
    const ledger_verdict_t v = ledger_judge(&k->ledger[0][way]);
    const ledger_verdict_t w = ledger_judge(&k->ledger[1][way]);
    const counts_t counts = sum_of(k, way);

    print_message("%-25s %lu acknowledged, %lu failed, %lu unknown (%lu happened), %lu late, %lu "
                  "asked again, %lu replayed; row lost %lu/%lu, COMMIT %lu/%lu/%lu, answer "
                  "%lu/%lu; LOST %lu GHOST %lu DUP %lu FOREIGN %lu\n",
                  k_way[way], v.acknowledged, v.failed, v.unknown, v.happened, counts.late,
                  counts.again, counts.replayed, struck_of(k, way, ROW_RESET),
                  struck_of(k, way, ROW_MUTE), struck_of(k, way, COMMIT_RESET),
                  struck_of(k, way, COMMIT_MUTE), struck_of(k, way, SYNC_MUTE),
                  struck_of(k, way, ANSWER_RESET), struck_of(k, way, ANSWER_MUTE), v.lost + w.lost,
                  v.ghost + w.ghost, v.dup + w.dup, v.foreign + w.foreign);
    assert_int_equal(v.lost + v.ghost + v.dup + v.foreign, 0);
    assert_int_equal(w.lost + w.ghost + w.dup + w.foreign, 0);
    assert_int_equal(v.happened, w.happened);
    /* the faults were there */
    assert_true(v.acknowledged > 0 && struck_in(k, way) >= 3);
    if (is_plain(way))
        assert_true(v.unknown > 0);
    else if (way != RUN_ONCE)
        assert_true(v.unknown + v.failed == 0);
    all->failed += v.failed;
    all->late += counts.late;
    all->again += counts.again;
    all->unknown += v.unknown;
    all->happened += v.happened;
    all->replayed += counts.replayed;
}

static void judge(kills_t *k, verdict_t found, uint64_t took_us)
{
    unsigned long killed[4] = {0};
    totals_t all = {0};
    unsigned i;

    for (i = 0; i < AGDB_COUNT(killed); i++)
        killed[i] = k->killer[0].killed[i] + k->killer[1].killed[i];
    print_message("%lu transactions in %.1f s; sessions terminated: %lu at work, %lu between "
                  "statements, %lu idle; PARTIAL %lu FOREIGN %lu\n",
                  THREADS * k->per_thread, (double)took_us / 1e6, killed[1], killed[2], killed[3],
                  found.partial, found.foreign);
    for (i = 0; i < WAYS; i++)
        judge_way(k, (way_t)i, &all);
    for (i = KEPT + 1; i < FATES; i++)
        assert_true(struck_by(k, (fate_t)i) >= 5);
    assert_true(all.failed >= 10 && all.late >= 10 && all.again >= 5);
    assert_true(all.happened >= 10 && all.unknown >= all.happened + 10 && all.replayed >= 3);
    assert_int_equal(found.partial, 0);
    assert_int_equal(found.foreign, 0);
    assert_true(killed[1] > 0 && killed[2] > 0 && killed[3] > 0);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static kills_t *new_kills(unsigned long calls)
{
    const size_t size = THREADS * (calls / THREADS) + 1;
    kills_t *k = calloc(1, sizeof *k);
    unsigned i;

    assert_non_null(k);
    k->per_thread = calls / THREADS;
    k->one_in = (unsigned)crew_setting("AGDB_TX_KILLS_ONE_IN", ONE_IN);
    k->kill_ms = crew_setting("AGDB_TX_KILLS_KILL_MS", KILL_MS);
    k->sent = calloc(size, sizeof *k->sent);
    assert_non_null(k->sent);
    for (i = 0; i < TABLES * WAYS; i++)
        ledger_open(&k->ledger[i / WAYS][i % WAYS], size);
    return k;
}

static void free_kills(kills_t *k)
{
    unsigned i;

    for (i = 0; i < TABLES * WAYS; i++)
        ledger_close(&k->ledger[i / WAYS][i % WAYS]);
    free(k->sent);
    free(k);
}

static void open_shard(kills_t *k, unsigned shard, bool durable, char *ret_at, size_t size)
{
    const cluster_node_t node = cluster_node("core", k_shard[shard], "primary");
    PGconn *pg = direct_open(&node);

    direct_do(pg, "DROP TABLE IF EXISTS tx_kill_a, tx_kill_b;"
                  "CREATE TABLE tx_kill_a (op bigint, mark text);"
                  "CREATE TABLE tx_kill_b (op bigint, mark text);"
                  "DELETE FROM agencydb.idempotency");
    direct_set_durable(pg, durable);
    k->killer[shard].pg = pg;
    k->proxy[shard] = proxy_start("127.0.0.1", 0, (uint16_t)node.port, judge_message, k);
    snprintf(ret_at, size, "\"127.0.0.1:%u\"", proxy_port(k->proxy[shard]));
}

static void open_client(kills_t *k, bool durable)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "tx kills"};
    char at[SHARDS][64];
    unsigned i;

    for (i = 0; i < SHARDS; i++)
        open_shard(k, i, durable, at[i], sizeof at[i]);
    k->db =
        cluster_open_nodes("pool: { max: 8 }\n  timeouts: { queue: 60s }", at[0], at[1], &options);
    assert_int_equal(agdb_wait_ready(k->db, AGDB_READY_ALL, 20000, NULL), AGDB_OK);
}

static void close_shard(kills_t *k, unsigned shard, verdict_t *found)
{
    PGconn *pg = k->killer[shard].pg;

    proxy_stop(k->proxy[shard]);
    read_shard(k, pg, shard, found);
    direct_set_durable(pg, true);
    direct_do(pg, "DROP TABLE tx_kill_a, tx_kill_b; DELETE FROM agencydb.idempotency");
    PQfinish(pg);
}

static unsigned run_crew(kills_t *k, uint64_t seed)
{
    static crew_t crew;
    unsigned wrongs;
    unsigned i;

    for (i = 0; i < SHARDS; i++) {
        k->killer[i].kills = k;
        k->killer[i].rng = (agdb__rng_t){seed + i};
        assert_true(agdb__thread_start(&k->killer[i].thread, false, kill_on, &k->killer[i]));
    }
    crew_start(&crew, THREADS, seed, call_on, k);
    wrongs = crew_join(&crew);
    atomic_store(&k->over, true);
    for (i = 0; i < SHARDS; i++)
        pthread_join(k->killer[i].thread, NULL);
    return wrongs;
}

static void kill_transactions(bool durable, unsigned long calls)
{
    const uint64_t seed = crew_setting("AGDB_TX_KILLS_SEED", agdb__now_us());
    kills_t *k = new_kills(calls);
    verdict_t found = {0};
    uint64_t start_us;
    unsigned wrongs;
    unsigned i;

    print_message("AGDB_TX_KILLS_SEED=%llu, synchronous_commit %s\n", (unsigned long long)seed,
                  durable ? "on" : "off");
    open_client(k, durable);
    start_us = agdb__now_us();
    wrongs = run_crew(k, seed);
    start_us = agdb__now_us() - start_us;
    cluster_close(k->db);
    for (i = 0; i < SHARDS; i++)
        close_shard(k, i, &found);
    judge(k, found, start_us);
    assert_int_equal(wrongs, 0);
    free_kills(k);
}

/* The calls of a test: half of all, or all when the other is not wanted. */
static unsigned long share_of_calls(const char *sync)
{
    unsigned long calls = crew_setting("AGDB_TX_KILLS_CALLS", CALLS);
    const char *only = getenv("AGDB_TX_KILLS_SYNC");

    if (only == NULL || *only == '\0')
        return calls / 2;
    return strcmp(only, sync) == 0 ? calls : 0;
}

static void durable_transactions_are_whole_and_told_truly(void **state)
{
    unsigned long calls = share_of_calls("on");

    (void)state;
    if (calls > 0)
        kill_transactions(true, calls);
}

static void quick_transactions_are_whole_and_told_truly(void **state)
{
    unsigned long calls = share_of_calls("off");

    (void)state;
    if (calls > 0)
        kill_transactions(false, calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durable_transactions_are_whole_and_told_truly),
        cmocka_unit_test(quick_transactions_are_whole_and_told_truly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
