/* Writes whose request or whose answer is lost on the way, silently or with a reset. A plain one is
 * told "unknown" and never sent again; one with an idempotency key is resolved: by the library when
 * there is time, else by asking again. The server is then read past the library.
 *
 *   AGDB_LOST_CALLS  of all threads together
 *   AGDB_LOST_SEED   the same calls again */
#include "base/clock.h"
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

enum { THREADS = 8, CALL_MS = 20000, MUTE_MS = 200, AGAIN_MS = 20000 };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { CALLS = 320 };
#else
enum { CALLS = 400 };
#endif

typedef enum fate { KEPT, REQUEST_RESET, REQUEST_MUTE, ANSWER_RESET, ANSWER_MUTE, FATES } fate_t;

typedef struct counts {
    unsigned long lost; /* that something was lost of */
    unsigned long unknown;
    unsigned long itself; /* resolved by the library */
    unsigned long again;  /* by asking again */
    unsigned long replayed;
} counts_t;

typedef struct losing {
    agdb_t *db;
    unsigned long per_thread;
    ledger_t ledger;
    atomic_uchar *sent; /* how often the proxy has seen each operation */
    counts_t plain[THREADS];
    counts_t keyed[THREADS];
} losing_t;

/* An operation as the proxy meets it: it reads the parameter off the wire. */
static const char k_mark[] = "fate of op ";

/* --- the proxy's judge -------------------------------------------------------------------------
 */

enum { NOTE_LOSS, NOTE_SYNCS }; /* what is to become of the answer; Syncs that have no answer yet */

static proxy_verdict_t judge_request(losing_t *l, const proxy_message_t *m)
{
    const char *mark = m->type == 'B' ? memmem(m->body, m->size, k_mark, strlen(k_mark)) : NULL;
    unsigned long op;
    char *end;
    fate_t fate;

    m->note[NOTE_SYNCS] += m->type == 'S' || m->type == 'Q';
    if (mark == NULL)
        return PROXY_PASS;
    op = strtoul(mark + strlen(k_mark), &end, 10);
    fate = (fate_t)(*end - 'A');
    if (atomic_fetch_add(&l->sent[op], 1) > 0)
        return PROXY_PASS; /* once is enough */
    if (fate == REQUEST_RESET)
        return PROXY_RESET;
    if (fate == REQUEST_MUTE)
        return PROXY_MUTE;
    if (fate != KEPT)
        m->note[NOTE_LOSS] = fate;
    return PROXY_PASS;
}

/* It is lost when all of it is there: then the write has happened. */
static proxy_verdict_t judge_answer(const proxy_message_t *m)
{
    if (m->type == 'Z' && m->note[NOTE_SYNCS] > 0)
        m->note[NOTE_SYNCS]--;
    if (m->note[NOTE_LOSS] == KEPT)
        return PROXY_PASS;
    if (m->type != 'Z' || m->note[NOTE_SYNCS] > 0)
        return PROXY_SWALLOW;
    return m->note[NOTE_LOSS] == ANSWER_RESET ? PROXY_RESET : PROXY_MUTE;
}

static proxy_verdict_t judge_message(void *user, const proxy_message_t *m)
{
    return m->way == PROXY_TO_SERVER ? judge_request(user, m) : judge_answer(m);
}

/* --- calls -------------------------------------------------------------------------------------
 */

typedef struct call {
    losing_t *losing;
    crew_hand_t *hand;
    size_t op;
    fate_t fate;
    char mark[48];
    char key[32]; /* "": a plain write */
    agdb_status_t status;
    agdb_result_t *res;
    agdb_error_t *error;
} call_t;

static void send_it(call_t *c, uint32_t timeout_ms)
{
    agdb_result_free(c->res);
    c->res = NULL;
    c->status = agdb_query(c->losing->db,
                           AGDB_REQUEST(.shard = "east-1",
                                        .sql = "INSERT INTO lost_reply (op, mark) VALUES ($1, $2)",
                                        AGDB_PARAMS(agdb_int8((int64_t)c->op), agdb_text(c->mark)),
                                        .timeout_ms = timeout_ms,
                                        .idempotency_key = c->key[0] != '\0' ? c->key : NULL),
                           &c->res, &c->error);
}

static bool is_mute(fate_t fate)
{
    return fate == REQUEST_MUTE || fate == ANSWER_MUTE;
}

/* It may have run out of time, or met a connection that was lost for another, on its way there. */
static bool was_lost(const call_t *c)
{
    return c->fate != KEPT && atomic_load(&c->losing->sent[c->op]) > 0;
}

static bool is_unknown(const call_t *c)
{
    return c->status != AGDB_OK && agdb_error_outcome(c->error) == AGDB_OUTCOME_UNKNOWN;
}

static void wrong(const call_t *c, const char *what)
{
    crew_wrong(c->hand, "op %zu, fate %d: %s: %s", c->op, (int)c->fate, what,
               c->status != AGDB_OK ? agdb_error_message(c->error) : "it succeeded");
}

static void write_plain(call_t *c)
{
    counts_t *counts = &c->losing->plain[c->hand->number];

    send_it(c, is_mute(c->fate) ? MUTE_MS : CALL_MS);
    counts->lost += was_lost(c);
    counts->unknown += is_unknown(c);
    if (was_lost(c) && !is_unknown(c))
        wrong(c, "its outcome is unknown");
    if (is_unknown(c) && atomic_load(&c->losing->sent[c->op]) > 1)
        wrong(c, "it was sent again");
    ledger_note(&c->losing->ledger, c->op,
                c->status == AGDB_OK ? LEDGER_ACKNOWLEDGED
                : is_unknown(c)      ? LEDGER_UNKNOWN
                                     : LEDGER_FAILED,
                0);
}

static void write_keyed(call_t *c)
{
    counts_t *counts = &c->losing->keyed[c->hand->number];
    bool lost;

    snprintf(c->key, sizeof c->key, "lost %zu", c->op);
    send_it(c, is_mute(c->fate) ? MUTE_MS : CALL_MS);
    lost = was_lost(c);
    counts->lost += lost;
    counts->itself += lost && c->status == AGDB_OK;
    counts->unknown += is_unknown(c);
    if (c->status != AGDB_OK && c->fate != KEPT && !is_mute(c->fate))
        wrong(c, "there was time to resolve it");
    if (c->status != AGDB_OK) {
        atomic_store(&c->losing->sent[c->op], 1); /* what has not left is not lost any more */
        send_it(c, AGAIN_MS);
        counts->again += lost && c->status == AGDB_OK;
    }
    if (c->status != AGDB_OK)
        wrong(c, "it was not resolved");
    counts->replayed += agdb_result_replayed(c->res);
    ledger_note(&c->losing->ledger, c->op,
                c->status == AGDB_OK ? LEDGER_ACKNOWLEDGED : LEDGER_UNKNOWN, 0);
}

static void write_on(crew_hand_t *hand)
{
    losing_t *l = hand->job;

    for (unsigned long i = 0; i < l->per_thread; i++) {
        call_t c = {.losing = l, .hand = hand, .op = hand->number * l->per_thread + i + 1};

        if (crew_random(hand, 3) == 0)
            c.fate = (fate_t)(KEPT + 1 + crew_random(hand, FATES - 1));
        snprintf(c.mark, sizeof c.mark, "%s%zu%c", k_mark, c.op, 'A' + (int)c.fate);
        if (crew_random(hand, 2) == 0)
            write_keyed(&c);
        else
            write_plain(&c);
        agdb_result_free(c.res);
        agdb_error_free(c.error);
    }
}

/* --- the truth ---------------------------------------------------------------------------------
 */

static void see(void *user, long long op)
{
    ledger_see(user, op, 0);
}

static void wait_until_gone(PGconn *pg)
{
    uint64_t until_us = agdb__after_ms(agdb__now_us(), 10000);

    while (direct_number(pg, "SELECT count(*) FROM pg_stat_activity"
                             " WHERE application_name = 'lost replies'") > 0) {
        assert_true(agdb__now_us() < until_us);
        (void)poll(NULL, 0, 10);
    }
}

static counts_t sum(const counts_t *of_thread)
{
    counts_t all = {0};

    for (unsigned i = 0; i < THREADS; i++) {
        all.lost += of_thread[i].lost;
        all.unknown += of_thread[i].unknown;
        all.itself += of_thread[i].itself;
        all.again += of_thread[i].again;
        all.replayed += of_thread[i].replayed;
    }
    return all;
}

static void judge(const losing_t *l)
{
    const ledger_verdict_t v = ledger_judge(&l->ledger);
    const counts_t plain = sum(l->plain);
    const counts_t keyed = sum(l->keyed);

    print_message("plain: %lu lost, %lu unknown, of which %lu happened, 0 sent again; with a key: "
                  "%lu lost, resolved %lu/%lu (%lu by itself, %lu by asking again; %lu had "
                  "happened); LOST %lu GHOST %lu DUP %lu FOREIGN %lu\n",
                  plain.lost, plain.unknown, v.happened, keyed.lost, keyed.itself + keyed.again,
                  keyed.itself + keyed.unknown, keyed.itself, keyed.again, keyed.replayed, v.lost,
                  v.ghost, v.dup, v.foreign);
    assert_int_equal(v.lost + v.ghost + v.dup + v.foreign, 0);
    /* each of them came about */
    assert_true(plain.lost > 0 && keyed.itself > 0 && keyed.again > 0 && keyed.replayed > 0);
    assert_true(v.happened > 0 && v.unknown > v.happened);
}

static void lose_replies(bool durable)
{
    agdb_options_t options = {.struct_size = sizeof options, .service = "lost replies"};
    uint64_t seed = crew_setting("AGDB_LOST_SEED", agdb__now_us());
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *pg = direct_open(&node);
    losing_t *l = calloc(1, sizeof *l);
    static crew_t crew;
    proxy_t *proxy;
    unsigned wrongs;
    char at[64];

    assert_non_null(l);
    print_message("AGDB_LOST_SEED=%llu, synchronous_commit %s\n", (unsigned long long)seed,
                  durable ? "on" : "off");
    l->per_thread = crew_setting("AGDB_LOST_CALLS", CALLS) / 2 / THREADS;
    ledger_open(&l->ledger, THREADS * l->per_thread + 1);
    l->sent = calloc(THREADS * l->per_thread + 1, sizeof *l->sent);
    assert_non_null(l->sent);
    direct_do(pg, "DROP TABLE IF EXISTS lost_reply; CREATE TABLE lost_reply (op bigint, mark text);"
                  "DELETE FROM agencydb.idempotency");
    direct_set_durable(pg, durable);
    proxy = proxy_start("127.0.0.1", 0, (uint16_t)node.port, judge_message, l);
    snprintf(at, sizeof at, "\"127.0.0.1:%u\"", proxy_port(proxy));
    l->db = cluster_open_nodes("pool: { max: 6 }\n  timeouts: { queue: 60s }", at, NULL, &options);
    assert_int_equal(agdb_wait_ready(l->db, AGDB_READY_ALL, 20000, NULL), AGDB_OK);
    crew_start(&crew, THREADS, seed, write_on, l);
    wrongs = crew_join(&crew);
    cluster_close(l->db);
    proxy_stop(proxy);
    wait_until_gone(pg);
    direct_stream(pg, "SELECT op FROM lost_reply", see, &l->ledger);
    direct_set_durable(pg, true);
    direct_do(pg, "DROP TABLE lost_reply; DELETE FROM agencydb.idempotency");
    PQfinish(pg);
    assert_int_equal(wrongs, 0);
    judge(l);
    ledger_close(&l->ledger);
    free(l->sent);
    free(l);
}

static void lost_replies_of_durable_writes_are_unknown_or_resolved(void **state)
{
    (void)state;
    lose_replies(true);
}

static void lost_replies_of_quick_writes_are_unknown_or_resolved(void **state)
{
    (void)state;
    lose_replies(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_replies_of_durable_writes_are_unknown_or_resolved),
        cmocka_unit_test(lost_replies_of_quick_writes_are_unknown_or_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
