/* faults_load MAP LEDGER SEED PAUSE_US KIND=THREADS...: threads that read and write through one
 * client while others do things to its servers. Each line on its input is answered with a line of
 * JSON: what has happened since the last one. At the end of the input all stop.
 *
 * Each write of a kind inserts its number into the table of that name (session reads look for such
 * a number). LEDGER gets a line for it: the number, what its caller was told (A: acknowledged, F:
 * failed, U: unknown), the kind, and the node that acknowledged it.
 *
 * A session is made for each write. Its text waits for a while, then a read of another session with
 * that text has to show the row; every other one goes through a second client, which has seen
 * another part of what happened. */
#include "base/clock.h"
#include "crew.h"
#include "exec/session.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALL_MS = 40000, READY_MS = 30000, AFTER_ERROR_US = 20000 };

/* Tokens that a thread keeps for later; at first they fill up. */
enum { KEPT = 64, TOKEN_MAX = 96 };

typedef struct kept {
    int64_t op; /* 0: none */
    char token[TOKEN_MAX];
} kept_t;

static agdb_t *g_db;
static agdb_t *g_other; /* for every other session read */
static FILE *g_ledger;
static atomic_bool g_over;
static unsigned g_pause_us;
static unsigned g_threads;
static kind_t g_kind[CREW_MAX];
static atomic_uint g_timeline; /* the newest that a write was told */

static const char *const k_insert[READ] = {
    "INSERT INTO plain (id) VALUES ($1)",
    "INSERT INTO idempotent (id) VALUES ($1) ON CONFLICT DO NOTHING",
    "INSERT INTO keyed (id) VALUES ($1)",
    "INSERT INTO run (id) VALUES ($1)",
    "INSERT INTO session (id) VALUES ($1)",
};

static char fate_of(const answer_t *a)
{
    if (a->status == AGDB_OK)
        return 'A';
    return agdb_error_outcome(a->error) == AGDB_OUTCOME_UNKNOWN ? 'U' : 'F';
}

static void note(crew_hand_t *hand, int64_t op, const answer_t *a)
{
    tally_answer(hand->number, a);
    flockfile(g_ledger);
    fprintf(g_ledger, "%lld %c %s %s\n", (long long)op, fate_of(a), tally_name(a->kind),
            a->status == AGDB_OK && a->res != NULL ? agdb_result_node(a->res) : "-");
    funlockfile(g_ledger);
}

static void rest(crew_hand_t *hand, agdb_status_t status)
{
    if (status != AGDB_OK)
        usleep(AFTER_ERROR_US);
    else if (g_pause_us > 0)
        usleep(crew_random(hand, 2 * g_pause_us));
}

static agdb_status_t write_one(crew_hand_t *hand, int64_t op, agdb_session_t *session)
{
    answer_t a = {.kind = g_kind[hand->number], .start_us = agdb__now_us()};
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    char key[32];

    snprintf(key, sizeof key, "%lld", (long long)op);
    a.status = agdb_query(g_db,
                          AGDB_REQUEST(.sql = k_insert[a.kind], AGDB_PARAMS(agdb_int8(op)),
                                       .timeout_ms = CALL_MS, .idempotent = a.kind == IDEMPOTENT,
                                       .idempotency_key = a.kind == KEYED ? key : NULL,
                                       .session = session),
                          &res, &error);
    a.res = res;
    a.error = error;
    note(hand, op, &a);
    agdb_result_free(res);
    agdb_error_free(error);
    return a.status;
}

/* One transaction: its row, and a look at it. */
typedef struct one_run {
    int64_t op;
    agdb_result_t *res; /* of the last attempt */
} one_run_t;

static agdb_status_t run_one(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    one_run_t *run = user;
    agdb_status_t st = agdb_query(
        g_db, AGDB_REQUEST(.tx = tx, .sql = k_insert[RUN], AGDB_PARAMS(agdb_int8(run->op))), NULL,
        reterr);

    (void)attempt;
    agdb_result_free(run->res);
    run->res = NULL;
    if (st == AGDB_OK)
        st = agdb_query(g_db,
                        AGDB_REQUEST(.tx = tx, .sql = "SELECT 1 FROM run WHERE id = $1",
                                     AGDB_PARAMS(agdb_int8(run->op))),
                        &run->res, reterr);
    if (st == AGDB_OK && agdb_result_rows(run->res) != 1)
        return AGDB_E_MISUSE; /* it did not see its own row once */
    return st;
}

static agdb_status_t run_and_note(crew_hand_t *hand, int64_t op)
{
    answer_t a = {.kind = RUN, .start_us = agdb__now_us()};
    agdb_error_t *error = NULL;
    one_run_t run = {.op = op};
    bool replayed = false;

    a.status = agdb_run(g_db, AGDB_TX(.timeout_ms = CALL_MS, .once = true, .replayed = &replayed),
                        run_one, &run, &error);
    a.res = replayed ? NULL : run.res; /* of an attempt whose end was not known then */
    a.error = error;
    note(hand, op, &a);
    agdb_result_free(run.res);
    agdb_error_free(error);
    return a.status;
}

static int64_t first_op(const crew_hand_t *hand)
{
    return (int64_t)(hand->number + 1) * 1000000000;
}

static void write_on(crew_hand_t *hand)
{
    int64_t op = first_op(hand);

    while (!atomic_load(&g_over))
        rest(hand,
             g_kind[hand->number] == RUN ? run_and_note(hand, ++op) : write_one(hand, ++op, NULL));
}

/* --- sessions ----------------------------------------------------------------------------------
 */

/* 0: the token says no position. */
static unsigned timeline_of(agdb_session_t *session)
{
    return session->token.count == 1 ? session->token.entry[0].at.timeline : 0;
}

static void keep(crew_hand_t *hand, kept_t *kept, int64_t op, agdb_session_t *session)
{
    unsigned newest = atomic_load(&g_timeline);
    const unsigned timeline = timeline_of(session);

    while (timeline > newest && !atomic_compare_exchange_weak(&g_timeline, &newest, timeline))
        continue;
    kept->op = op;
    if (agdb_session_text(session, kept->token, sizeof kept->token) >= sizeof kept->token)
        crew_wrong(hand, "a long token: %s", kept->token);
}

static void write_and_keep(crew_hand_t *hand, kept_t *kept, int64_t op)
{
    agdb_session_t *session = NULL;
    agdb_status_t st;

    if (agdb_session_new(&session, NULL) != AGDB_OK) {
        crew_wrong(hand, "no session");
        return;
    }
    st = write_one(hand, op, session);
    if (st == AGDB_OK)
        keep(hand, kept, op, session);
    rest(hand, st);
    agdb_session_free(session);
}

static void ask(crew_hand_t *hand, const kept_t *kept, agdb_session_t *session)
{
    agdb_t *db = crew_random(hand, 2) == 0 ? g_db : g_other;
    answer_t a = {.kind = READ_SESSION, .start_us = agdb__now_us()};
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    a.crossed = timeline_of(session) < atomic_load(&g_timeline);
    a.status = agdb_query(
        db,
        AGDB_REQUEST(.sql = "SELECT 1 FROM session WHERE id = $1", AGDB_PARAMS(agdb_int8(kept->op)),
                     .access = AGDB_READ_SESSION, .session = session, .timeout_ms = CALL_MS),
        &res, &error);
    a.res = res;
    a.error = error;
    a.stale = a.status == AGDB_OK && agdb_result_rows(res) != 1;
    if (a.stale)
        fprintf(stderr, "faults_load: %s did not show %lld to the bearer of %s\n",
                agdb_result_node(res), (long long)kept->op, kept->token);
    tally_answer(hand->number, &a);
    agdb_result_free(res);
    agdb_error_free(error);
}

static void read_kept(crew_hand_t *hand, kept_t *kept)
{
    agdb_session_t *session = NULL;

    if (agdb_session_new(&session, NULL) != AGDB_OK ||
        agdb_session_merge(session, kept->token, strlen(kept->token), NULL) != AGDB_OK)
        crew_wrong(hand, "the token '%s' is refused", kept->token);
    else
        ask(hand, kept, session);
    kept->op = 0;
    agdb_session_free(session);
}

static void write_and_read_on(crew_hand_t *hand)
{
    kept_t kept[KEPT] = {{0}};
    int64_t op = first_op(hand);

    while (!atomic_load(&g_over)) {
        kept_t *k = &kept[crew_random(hand, KEPT)];

        if (k->op != 0)
            read_kept(hand, k);
        write_and_keep(hand, k, ++op);
    }
}

/* --- reads -------------------------------------------------------------------------------------
 */

static void read_on(crew_hand_t *hand)
{
    while (!atomic_load(&g_over)) {
        answer_t a = {.kind = g_kind[hand->number], .start_us = agdb__now_us()};
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;

        a.status =
            agdb_query(g_db,
                       AGDB_REQUEST(.sql = "SELECT max(id) FROM idempotent",
                                    .access = a.kind == READ ? AGDB_READ : AGDB_READ_REPLICA_OK,
                                    .timeout_ms = CALL_MS),
                       &res, &error);
        a.res = res;
        a.error = error;
        tally_answer(hand->number, &a);
        agdb_result_free(res);
        agdb_error_free(error);
        rest(hand, a.status);
    }
}

static void work(crew_hand_t *hand)
{
    if (g_kind[hand->number] == SESSION)
        write_and_read_on(hand);
    else if (g_kind[hand->number] < READ)
        write_on(hand);
    else
        read_on(hand);
}

/* --- the command -------------------------------------------------------------------------------
 */

static bool take_kind(const char *arg)
{
    const char *number = strchr(arg, '=');
    unsigned long count;
    int kind = 0;

    if (number == NULL)
        return false;
    while (kind < READ_SESSION && strncmp(arg, tally_name((kind_t)kind), strcspn(arg, "=")) != 0)
        kind++;
    count = strtoul(number + 1, NULL, 10);
    if (kind == READ_SESSION || strlen(tally_name((kind_t)kind)) != strcspn(arg, "="))
        return false;
    for (; count > 0 && g_threads < CREW_MAX; count--)
        g_kind[g_threads++] = (kind_t)kind;
    return count == 0;
}

static agdb_t *open_map(const char *map, agdb_event_fn event)
{
    agdb_options_t options = {
        .struct_size = sizeof options, .service = "faults_load", .event = event};
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    if (agdb_open(map, &options, &db, &error) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_ALL, READY_MS, &error) != AGDB_OK) {
        fprintf(stderr, "faults_load: %s\n", agdb_error_message(error));
        exit(1);
    }
    return db;
}

int main(int argc, char **argv)
{
    static crew_t crew;
    char line[64];
    unsigned wrongs;
    bool good = argc > 5;
    int i;

    for (i = 5; i < argc && good; i++)
        good = take_kind(argv[i]);
    if (!good) {
        fprintf(stderr, "usage: faults_load MAP LEDGER SEED PAUSE_US KIND=THREADS...\n");
        return 2;
    }
    g_pause_us = (unsigned)strtoul(argv[4], NULL, 10);
    g_ledger = fopen(argv[2], "we");
    if (g_ledger == NULL || !tally_open()) {
        perror(argv[2]);
        return 1;
    }
    g_db = open_map(argv[1], tally_event);
    for (i = 0; i < (int)g_threads && g_other == NULL; i++)
        if (g_kind[i] == SESSION)
            g_other = open_map(argv[1], NULL);
    crew_start(&crew, g_threads, strtoull(argv[3], NULL, 10), work, NULL);
    while (fgets(line, sizeof line, stdin) != NULL)
        tally_report(g_threads);
    atomic_store(&g_over, true);
    wrongs = crew_join(&crew);
    (void)agdb_close(g_db, 10000);
    (void)agdb_close(g_other, 10000);
    return fclose(g_ledger) == 0 && wrongs == 0 ? 0 : 1;
}
