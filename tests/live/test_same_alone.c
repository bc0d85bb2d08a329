/* A statement has the same answer in a crowd as alone: rows or their shape, tag, affected rows,
 * status, SQLSTATE, outcome, what it did to the tables, and what it left to those who come after.
 *
 * Each of same_alone_deeds.h is run on an idle client without groups; then on a client whose two
 * connections carry the reads and writes of 24 threads, several times over, so that what may share
 * a connection does. AGDB_SAME_RUNS says how often. */
#include "agencydb/libpq.h"
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "same_alone_deeds.h"
#include "unit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    CROWD = 24,
    MILD_RUNS = 4,
    FEW_RUNS = 2,
    CALM_RUNS = 3,
    RECORD_MAX = 1024,
    UNSENT_MAX = 10,
    NOWS = 150,
    GATHER_MS = 1,
    CALLS_EACH = 5
};

enum { RUNS = 2 };

/* What every session looks like to whoever gets it. */
#define SETTINGS                                                                                   \
    "concat_ws(' ', current_user, session_user, current_setting('search_path'),"                   \
    " current_setting('role'), current_setting('transaction_isolation'),"                          \
    " current_setting('default_transaction_isolation'), current_setting('TimeZone'),"              \
    " current_setting('work_mem'), '<' || coalesce(current_setting('agdb.test', true), '') || "    \
    "'>',"                                                                                         \
    " pg_my_temp_schema())"
#define POSSESSIONS                                                                                \
    "concat_ws(' ', (SELECT count(*) FROM pg_listening_channels()),"                               \
    " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),"     \
    " (SELECT count(*) FROM pg_prepared_statements WHERE name NOT LIKE 'agdb%'),"                  \
    " (SELECT count(*) FROM pg_cursors WHERE is_holdable))"

static const char k_clean_settings[] =
    "agency_app agency_app \"$user\", public none read committed read committed UTC 4MB <> 0";
static const char k_clean_possessions[] = "0 0 0 0";

/* --- the crowd -----------------------------------------------------------------------------------
 */

typedef struct crowd {
    agdb_t *db;
    agdb__mutex_t lock;
    agdb__cond_t called;
    bool stop;        /* under the lock */
    unsigned summons; /* under the lock: at each, everybody makes a few calls */
    crew_t crew;
} crowd_t;

static const char *text_of(const agdb_result_t *res, size_t col)
{
    const char *text = agdb_result_text(res, 0, col);

    return text != NULL ? text : "NULL";
}

static void expect_text(crew_hand_t *hand, const agdb_result_t *res, size_t col, const char *want)
{
    if (strcmp(text_of(res, col), want) != 0)
        crew_wrong(hand, "'%s', not '%s'", text_of(res, col), want);
}

/* A read that also looks at the session, or a write of a row of its own. */
static void do_little(crew_hand_t *hand, crowd_t *crowd, unsigned i)
{
    static const char read[] = "SELECT $1 || '', " SETTINGS;
    static const char look[] = "SELECT $1 || '', " POSSESSIONS;
    static const char write[] =
        "INSERT INTO same_crowd VALUES ($2, $1) ON CONFLICT (id) DO UPDATE SET nonce = "
        "excluded.nonce RETURNING nonce, " SETTINGS;
    const bool reads = hand->number % 3 != 0;
    const bool looks = reads && hand->number % 8 == 1;
    agdb_value_t params[2];
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    char nonce[32];

    snprintf(nonce, sizeof nonce, "%u-%u", hand->number, i);
    params[0] = agdb_text(nonce);
    params[1] = agdb_int4((int)hand->number);
    if (agdb_query(crowd->db,
                   AGDB_REQUEST(.shard = "east-1",
                                .sql = looks   ? look
                                       : reads ? read
                                               : write,
                                .params = params, .nparams = reads ? 1 : 2,
                                .access = reads ? AGDB_READ : AGDB_WRITE, .timeout_ms = 20000),
                   &res, &error) != AGDB_OK) {
        crew_wrong(hand, "%s", agdb_error_message(error));
    } else {
        expect_text(hand, res, 0, nonce);
        expect_text(hand, res, 1, looks ? k_clean_possessions : k_clean_settings);
    }
    agdb_result_free(res);
    agdb_error_clear(&error);
}

/* Waits for the next summons; false: for the last time. */
static bool listen_for(crowd_t *crowd, unsigned *heard)
{
    bool go_on;

    agdb__lock(&crowd->lock);
    while (!crowd->stop && *heard == crowd->summons)
        (void)agdb__cond_wait(&crowd->called, &crowd->lock, AGDB__NEVER);
    *heard = crowd->summons;
    go_on = !crowd->stop;
    agdb__unlock(&crowd->lock);
    return go_on;
}

static void mill_about(crew_hand_t *hand)
{
    crowd_t *crowd = hand->job;
    unsigned heard = 0;
    unsigned i = 0;

    while (listen_for(crowd, &heard))
        for (unsigned n = 0; n < CALLS_EACH; n++)
            do_little(hand, crowd, i++);
}

/* Makes the connections busy, for as long as a short statement takes. */
static void summon(crowd_t *crowd, bool stop)
{
    agdb__lock(&crowd->lock);
    crowd->summons++;
    crowd->stop = stop;
    agdb__cond_broadcast(&crowd->called);
    agdb__unlock(&crowd->lock);
    (void)poll(NULL, 0, GATHER_MS);
}

static agdb_t *open_client(const char *keyspace)
{
    return cluster_open_core("pool: { min: 2, max: 2 }\n  timeouts: { queue: 20s, server: 300ms }",
                             keyspace, NULL);
}

static void start_crowd(crowd_t *crowd)
{
    crowd->db = open_client("grouping: on");
    crowd->stop = false;
    crowd->summons = 0;
    assert_true(agdb__mutex_init(&crowd->lock) && agdb__cond_init(&crowd->called));
    crew_start(&crowd->crew, CROWD, 1, mill_about, crowd);
}

static unsigned end_crowd(crowd_t *crowd)
{
    unsigned wrongs;

    summon(crowd, true);
    wrongs = crew_join(&crowd->crew);
    agdb__cond_fini(&crowd->called);
    agdb__mutex_fini(&crowd->lock);
    cluster_close(crowd->db);
    return wrongs;
}

/* --- the tables ----------------------------------------------------------------------------------
 */

static void make_tables(PGconn *pg)
{
    direct_do(pg, "DROP TABLE IF EXISTS same_new, same_child, same_late, same_row, same_crowd;"
                  "DROP SEQUENCE IF EXISTS same_seq; CREATE SEQUENCE same_seq;"
                  "CREATE TABLE same_row (id int PRIMARY KEY, word text CHECK (word <> 'bad'));"
                  "CREATE TABLE same_child (row int REFERENCES same_row);"
                  "CREATE TABLE same_late (row int REFERENCES same_row"
                  " DEFERRABLE INITIALLY DEFERRED);"
                  "CREATE TABLE same_crowd (id int PRIMARY KEY, nonce text)");
    direct_do(pg, "CREATE OR REPLACE FUNCTION same_write(n int) RETURNS int LANGUAGE plpgsql AS $$"
                  " BEGIN IF n > 0 THEN INSERT INTO same_row VALUES (n, 'written'); END IF;"
                  " RETURN n; END $$");
    direct_do(pg, "CREATE OR REPLACE FUNCTION same_raise(state text) RETURNS text LANGUAGE plpgsql"
                  " AS $$ BEGIN IF state <> '' THEN RAISE EXCEPTION USING ERRCODE = state,"
                  " MESSAGE = 'raised ' || state, DETAIL = 'a detail', HINT = 'a hint'; END IF;"
                  " RETURN state; END $$");
    direct_do(pg, "CREATE OR REPLACE PROCEDURE same_call(n int) LANGUAGE plpgsql AS $$"
                  " BEGIN INSERT INTO same_row VALUES (n, 'called'); END $$;"
                  "CREATE OR REPLACE PROCEDURE same_commit(n int) LANGUAGE plpgsql AS $$"
                  " BEGIN INSERT INTO same_row VALUES (n, 'committed'); COMMIT;"
                  " INSERT INTO same_row VALUES (n + 1, 'too'); END $$");
}

static void reset_tables(PGconn *pg, const deed_t *deed)
{
    direct_do(pg, "DELETE FROM same_child; DELETE FROM same_late; DELETE FROM same_row;"
                  "INSERT INTO same_row VALUES (1, 'one'), (2, 'two'), (3, NULL);"
                  "INSERT INTO same_child VALUES (3); SELECT setval('same_seq', 7)");
    if (deed->setup != NULL)
        direct_do(pg, "%s", deed->setup);
}

static char *read_tables(PGconn *pg)
{
    return direct_text(
        pg, "SELECT concat_ws('; ', (SELECT string_agg(id || '=' || coalesce(word, "
            "'NULL'), ' ' ORDER BY id) FROM same_row), (SELECT count(*) FROM same_child),"
            " (SELECT count(*) FROM same_late), to_regclass('same_new'),"
            " to_regclass('same_index'), (SELECT last_value FROM same_seq))");
}

/* --- one run -------------------------------------------------------------------------------------
 */

typedef struct stage {
    agdb_t *db;
    PGconn *pg;
    PGconn *holder;
    crowd_t *crowd; /* NULL: alone */
} stage_t;

static agdb_status_t ask(const stage_t *stage, const deed_t *deed, agdb_access_t access,
                         const char *param, agdb_result_t **ret, agdb_error_t **reterr)
{
    const agdb_value_t value = agdb_text(param);

    return agdb_query(stage->db,
                      AGDB_REQUEST(.shard = "east-1", .sql = deed->sql, .params = &value,
                                   .nparams = param != NULL, .access = access,
                                   .timeout_ms = deed->timeout_ms != 0 ? deed->timeout_ms : 20000,
                                   .max_rows = deed->max_rows),
                      ret, reterr);
}

/* FNV-1a over all values, with their lengths and NULLs. */
static uint64_t digest(const agdb_result_t *res)
{
    uint64_t h = 14695981039346656037u;
    size_t row;
    size_t col;
    size_t i;

    for (row = 0; row < agdb_result_rows(res); row++)
        for (col = 0; col < agdb_result_cols(res); col++) {
            const char *text = agdb_result_text(res, row, col);

            h = (h ^ (text == NULL ? 256 : agdb_result_length(res, row, col))) * 1099511628211u;
            for (i = 0; text != NULL && text[i] != '\0'; i++)
                h = (h ^ (unsigned char)text[i]) * 1099511628211u;
        }
    return h;
}

static void record_answer(const agdb_result_t *res, bool shape_only, char *ret)
{
    const char *first = agdb_result_text(res, 0, 0);
    int n = snprintf(ret, RECORD_MAX, "'%s', %llu affected, %zu rows", agdb_result_tag(res),
                     (unsigned long long)agdb_result_affected(res), agdb_result_rows(res));

    for (size_t col = 0; col < agdb_result_cols(res); col++)
        n += snprintf(ret + n, RECORD_MAX - (size_t)n, ", %s %u", agdb_result_column_name(res, col),
                      agdb_result_column_oid(res, col));
    if (!shape_only)
        snprintf(ret + n, RECORD_MAX - (size_t)n, ", first %.60s, all %016llx",
                 first != NULL ? first : "NULL", (unsigned long long)digest(res));
}

/* Of a deadline the message tells how the time went. */
static void record_error(const agdb_error_t *error, bool named, char *ret)
{
    agdb_status_t st = agdb_error_status(error);
    const char *message = named || st == AGDB_E_TIMEOUT ? "" : agdb_error_message(error);

    snprintf(ret, RECORD_MAX, "%s %s, %s, %s, shard %s: %s; %s; %s; %s", agdb_status_name(st),
             agdb_error_sqlstate(error), agdb_outcome_name(agdb_error_outcome(error)),
             agdb_error_is_retriable(error) ? "retriable" : "not retriable",
             agdb_error_shard(error), message, agdb_error_field(error, AGDB_FIELD_DETAIL),
             agdb_error_field(error, AGDB_FIELD_HINT),
             agdb_error_field(error, AGDB_FIELD_CONSTRAINT));
}

static void hold_row(const stage_t *stage, unsigned ms)
{
    char sql[64];

    direct_do(stage->holder, "BEGIN; SELECT FROM same_row WHERE id = 1 FOR UPDATE");
    snprintf(sql, sizeof sql, "SELECT pg_sleep(%u.%03u); COMMIT", ms / 1000, ms % 1000);
    assert_int_equal(PQsendQuery(stage->holder, sql), 1);
}

static void wait_for_holder(const stage_t *stage)
{
    PGresult *res;

    while ((res = PQgetResult(stage->holder)) != NULL)
        PQclear(res);
}

/* A session that was closed is gone a moment later, and its locks with it. */
static void wait_for_locks(const stage_t *stage)
{
    uint64_t until_us = agdb__after_ms(agdb__now_us(), 5000);

    while (direct_number(stage->pg, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
                                    "objid BETWEEN 77 AND 80") > 0) {
        if (agdb__now_us() >= until_us)
            fail_msg("an advisory lock is still held");
        (void)poll(NULL, 0, 2);
    }
}

/* What the next callers find. False: something that does not belong to them. */
static bool is_clean(const stage_t *stage, const char *after)
{
    static const char sql[] = "SELECT " SETTINGS ", " POSSESSIONS;
    static const agdb_access_t k_access[] = {AGDB_READ, AGDB_WRITE};
    bool clean = true;

    for (size_t i = 0; i < AGDB_COUNT(k_access); i++) {
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        const char *settings;
        const char *possessions;

        if (agdb_query(stage->db,
                       AGDB_REQUEST(.shard = "east-1", .sql = sql, .access = k_access[i],
                                    .timeout_ms = 20000),
                       &res, &error) != AGDB_OK)
            fail_msg("after %s: %s", after, agdb_error_message(error));
        settings = text_of(res, 0);
        possessions = text_of(res, 1);
        if (strcmp(settings, k_clean_settings) != 0 ||
            strcmp(possessions, k_clean_possessions) != 0) {
            print_message("after %s: %s %s\n", after, settings, possessions);
            clean = false;
        }
        agdb_result_free(res);
    }
    return clean;
}

/* Runs it, and writes down what came of it. False: it has left something to the next callers. */
static bool run_deed(const stage_t *stage, const deed_t *deed, agdb_access_t access, bool crowded,
                     char *ret)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    size_t n;
    char *tables;
    bool clean;

    reset_tables(stage->pg, deed);
    if (deed->hold_ms > 0)
        hold_row(stage, deed->hold_ms);
    if (crowded)
        summon(stage->crowd, false);
    if (ask(stage, deed, access, deed->param, &res, &error) == AGDB_OK)
        record_answer(res, (deed->flags & SHAPE) != 0, ret);
    else
        record_error(error, (deed->flags & NAMED) != 0, ret);
    agdb_result_free(res);
    agdb_error_clear(&error);
    clean = is_clean(stage, deed->name);
    wait_for_holder(stage);
    if (strstr(deed->sql, "advisory") != NULL)
        wait_for_locks(stage);
    if ((deed->flags & LEAVES) != 0)
        return clean;
    tables = read_tables(stage->pg);
    n = strlen(ret);
    snprintf(ret + n, RECORD_MAX - n, " | %s", tables);
    free(tables);
    return clean;
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static char g_alone[AGDB_COUNT(k_deeds)][2][RECORD_MAX];

static agdb_access_t access_of(int i)
{
    return i == 0 ? AGDB_READ : AGDB_WRITE;
}

static bool applies(const deed_t *deed, int i)
{
    return (deed->access & (i == 0 ? R : W)) != 0;
}

static unsigned run_all_alone(stage_t *stage)
{
    unsigned wrongs = 0;

    for (size_t d = 0; d < AGDB_COUNT(k_deeds); d++)
        for (int i = 0; i < 2; i++)
            if (applies(&k_deeds[d], i))
                wrongs += !run_deed(stage, &k_deeds[d], access_of(i), false, g_alone[d][i]);
    return wrongs;
}

/* Its text succeeds first, so that it is learnt that it may share a connection. */
static void run_mildly(const stage_t *stage, const deed_t *deed, agdb_access_t access)
{
    for (int i = 0; i < MILD_RUNS && deed->mild != NULL; i++) {
        agdb_error_t *error = NULL;

        if (ask(stage, deed, access, deed->mild, NULL, &error) != AGDB_OK)
            fail_msg("%s, mildly: %s", deed->name, agdb_error_message(error));
    }
}

/* Runs it until its text is known, then in the crowd. */
static unsigned run_in_crowd(const stage_t *stage, const deed_t *deed, int i, const char *alone)
{
    bool few = (deed->flags & FEW) != 0;
    unsigned calm = few || deed->mild != NULL ? 0 : CALM_RUNS;
    unsigned runs = calm + (few ? FEW_RUNS : (unsigned)crew_setting("AGDB_SAME_RUNS", RUNS));
    char record[RECORD_MAX];
    unsigned unsent = 0;
    unsigned wrongs = 0;

    run_mildly(stage, deed, access_of(i));
    for (unsigned run = 0; run < runs; run++) {
        wrongs += !run_deed(stage, deed, access_of(i), run >= calm, record);
        if (deed->timeout_ms != 0 && strstr(record, "not sent") != NULL && unsent++ < UNSENT_MAX) {
            run--; /* its time was over in the queue: there is nothing to compare */
            continue;
        }
        if (strcmp(record, alone) != 0 && wrongs++ == 0)
            print_message("%s, %s, run %u\n  alone: %s\n  crowd: %s\n", deed->name,
                          i == 0 ? "READ" : "WRITE", run, alone, record);
    }
    return wrongs;
}

static unsigned run_all_in_crowd(stage_t *stage)
{
    unsigned wrongs = 0;

    for (size_t d = 0; d < AGDB_COUNT(k_deeds); d++)
        for (int i = 0; i < 2; i++)
            if (applies(&k_deeds[d], i))
                wrongs += run_in_crowd(stage, &k_deeds[d], i, g_alone[d][i]);
    return wrongs;
}

/* Commits are quick, so that writes may share a connection too. */
static void a_crowd_changes_no_answer(void **state)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    stage_t stage = {.pg = direct_open(&node), .holder = direct_open(&node)};
    static crowd_t crowd;
    uint64_t start_us = agdb__now_us();
    unsigned wrongs;

    (void)state;
    make_tables(stage.pg);
    direct_set_durable(stage.pg, false);
    stage.db = open_client("grouping: off");
    wrongs = run_all_alone(&stage);
    cluster_close(stage.db);
    start_crowd(&crowd);
    stage.db = crowd.db;
    stage.crowd = &crowd;
    wrongs += run_all_in_crowd(&stage);
    wrongs += end_crowd(&crowd);
    direct_set_durable(stage.pg, true);
    print_message("%zu statements, %.1f s\n", AGDB_COUNT(k_deeds),
                  (double)(agdb__now_us() - start_us) / 1e6);
    PQfinish(stage.pg);
    PQfinish(stage.holder);
    assert_int_equal(wrongs, 0);
}

/* --- time ----------------------------------------------------------------------------------------
 */

static long long wall_us(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
    return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Of a transaction that began after the call did, whoever else is in it. */
static void now_is_not_before_the_call(void **state)
{
    static crowd_t crowd;
    unsigned early = 0;

    (void)state;
    start_crowd(&crowd);
    for (int i = 0; i < NOWS; i++) {
        long long before;
        char *now;

        if (i % 4 == 0)
            summon(&crowd, false);
        before = wall_us();
        now = cluster_value(
            crowd.db, AGDB_REQUEST(.shard = "east-1",
                                   .sql = "SELECT (extract(epoch FROM now()) * 1000000)::bigint",
                                   .access = access_of(i & 1), .timeout_ms = 20000));

        early += strtoll(now, NULL, 10) < before;
        free(now);
    }
    assert_int_equal(end_crowd(&crowd), 0);
    assert_int_equal(early, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_changes_no_answer),
        cmocka_unit_test(now_is_not_before_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
