/* Many threads, few connections, both shards, reads and writes, errors on purpose: each call gets
 * its own rows or its own error, and the servers hold what the callers were told, once.
 *
 * Every write is an operation of a ledger; at the end the servers are read past the library:
 * LOST (acknowledged, not there), GHOST (failed or never tried, there), DUP (there twice), FOREIGN
 * (rows, errors or places of another call) are 0. UNKNOWN belongs to calls that had too little time
 * only.
 *
 *   AGDB_STORM_CALLS  of all threads together (10000000 is a long run; memory is a byte a call)
 *   AGDB_STORM_SEED   the same calls again
 *   AGDB_STORM_SYNC   on or off only: synchronous_commit, else half of the calls with each */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "ledger.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    THREADS = 64,
    SHARDS = 2,
    ROWS = 100,
    VARIANTS = 128, /* texts that come and go: a new one may share connections, until it fails */
    SELDOM = 300,   /* one in so many fails, of the texts that stay */
    OFTEN = 6,      /* and of those that come and go */
    PATIENCE_MS = 60000,
    HURRY_MS = 1,
    SLEEP_MS = 100
};

#if defined(__SANITIZE_THREAD__)
enum { CALLS = 12000 };
#elif defined(__SANITIZE_ADDRESS__)
enum { CALLS = 24000 };
#else
enum { CALLS = 60000 };
#endif

static const char *const k_keys[] = {"epa", "cdc", "fema", "noaa", "usgs", "nih", "fda", "usda"};
static const char *const k_shards[SHARDS] = {"east-1", "west-1"};

/* Where an agency lives. */
typedef struct home {
    agdb_bytes_t key;
    unsigned shard;
} home_t;

/* What one thread has done. */
typedef struct mine {
    unsigned long done;
    unsigned long answered;
    unsigned long errors; /* on purpose */
    unsigned long late;
    size_t next_op;
    size_t kept_op[SHARDS]; /* an acknowledged one of storm_once; 0: none */
    unsigned long long counted[SHARDS];
} mine_t;

typedef struct storm {
    agdb_t *db;
    home_t home[AGDB_COUNT(k_keys)];
    unsigned long per_thread;
    ledger_t ledger;
    mine_t mine[THREADS];
} storm_t;

typedef struct call {
    storm_t *storm;
    crew_hand_t *hand;
    mine_t *mine;
    const home_t *home;
    char nonce[32];
    bool short_of_time;
    uint32_t timeout_ms;
    agdb_status_t status;
    agdb_result_t *res;
    agdb_error_t *error;
} call_t;

enum table { ONCE, TWICE };

static void ask(call_t *c, agdb_request_t request)
{
    request.key = c->home->key;
    request.timeout_ms = c->timeout_ms;
    c->status = agdb_query(c->storm->db, &request, &c->res, &c->error);
}

#define ASK(c, ...) ask(c, *AGDB_REQUEST(__VA_ARGS__))

/* --- judging an answer ---------------------------------------------------------------------------
 */

static void wrong(call_t *c, const char *what)
{
    const char *text = agdb_result_text(c->res, 0, 0);

    crew_wrong(c->hand, "%s %s: %s %s %s '%s'", c->nonce, what, agdb_status_name(c->status),
               agdb_error_sqlstate(c->error), agdb_error_message(c->error),
               text != NULL ? text : "");
}

/* True: it ran out of time, as it may. */
static bool is_late(call_t *c)
{
    if (c->status != AGDB_E_TIMEOUT || !c->short_of_time)
        return false;
    c->mine->late++;
    return true;
}

static void expect_row(call_t *c, const char *first, const char *second)
{
    const char *one = agdb_result_text(c->res, 0, 0);
    const char *two = agdb_result_text(c->res, 0, 1);

    if (is_late(c))
        return;
    c->mine->answered++;
    if (c->status != AGDB_OK)
        wrong(c, "failed");
    else if (agdb_result_rows(c->res) != 1 || one == NULL || strcmp(one, first) != 0 ||
             two == NULL || strcmp(two, second) != 0)
        wrong(c, "got foreign rows");
    else if (strcmp(agdb_result_shard(c->res), k_shards[c->home->shard]) != 0)
        wrong(c, "was answered by another shard");
}

/* Its own error: the state, and a text that nobody else's can have. */
static void expect_error(call_t *c, const char *sqlstate, const char *text)
{
    if (is_late(c))
        return;
    c->mine->errors++;
    if (c->status != AGDB_E_SERVER || strcmp(agdb_error_sqlstate(c->error), sqlstate) != 0 ||
        agdb_error_outcome(c->error) != AGDB_OUTCOME_REJECTED)
        wrong(c, "was to fail otherwise");
    else if (strstr(agdb_error_message(c->error), text) == NULL &&
             strstr(agdb_error_field(c->error, AGDB_FIELD_DETAIL), text) == NULL)
        wrong(c, "got a foreign error");
}

/* --- reads ---------------------------------------------------------------------------------------
 */

static void body_of(const call_t *c, unsigned row, char ret[32])
{
    snprintf(ret, 32, "%s/%u", k_shards[c->home->shard], row);
}

static void read_row(call_t *c)
{
    static const char sql[] = "SELECT $1 || '', body FROM storm_row WHERE id = $2";
    unsigned row = crew_random(c->hand, ROWS);
    char body[32];

    body_of(c, row, body);
    if (!c->short_of_time && crew_random(c->hand, SELDOM) == 0) {
        ASK(c, .sql = sql, AGDB_PARAMS(agdb_text("x"), agdb_text(c->nonce)), .access = AGDB_READ);
        expect_error(c, "22P02", c->nonce);
        return;
    }
    ASK(c, .sql = sql, AGDB_PARAMS(agdb_text(c->nonce), agdb_int4((int)row)), .access = AGDB_READ);
    expect_row(c, c->nonce, body);
}

/* What is done to make a statement fail, and how that looks. */
typedef enum harm { HARM_NONE, HARM_DIVIDE, HARM_VALUE, HARM_RAISE, HARM_CONFLICT, HARMS } harm_t;

static harm_t choose_harm(call_t *c, unsigned one_in)
{
    if (crew_random(c->hand, one_in) != 0)
        return HARM_NONE;
    if (crew_random(c->hand, 16) == 0) /* it is tried again, which takes its time */
        return HARM_CONFLICT;
    return HARM_DIVIDE + crew_random(c->hand, HARM_CONFLICT - HARM_DIVIDE);
}

static const char *raised_by(harm_t harm)
{
    return harm == HARM_RAISE ? "U0001" : harm == HARM_CONFLICT ? "40001" : "";
}

static void read_with(call_t *c, const char *comment, harm_t harm)
{
    unsigned row = crew_random(c->hand, ROWS);
    char sql[256];
    char body[32];

    body_of(c, row, body);
    snprintf(sql, sizeof sql,
             "%sSELECT $1 || '', body, 100 / $3, $4::text::bigint, storm_check($1, $5)"
             " FROM storm_row WHERE id = $2",
             comment);
    ASK(c, .sql = sql,
        AGDB_PARAMS(agdb_text(c->nonce), agdb_int4((int)row), agdb_int4(harm != HARM_DIVIDE),
                    agdb_text(harm == HARM_VALUE ? c->nonce : "7"), agdb_text(raised_by(harm))),
        .access = AGDB_READ);
    if (harm == HARM_NONE)
        expect_row(c, c->nonce, body);
    else if (harm == HARM_DIVIDE)
        expect_error(c, "22012", "division by zero");
    else
        expect_error(c, harm == HARM_VALUE ? "22P02" : raised_by(harm), c->nonce);
}

static void read_rich(call_t *c)
{
    read_with(c, "", choose_harm(c, SELDOM));
}

/* All threads use the same one at about the same time. */
static void make_variant(const call_t *c, char ret[32])
{
    snprintf(ret, 32, "/* %lu */ ", c->mine->done * VARIANTS / c->storm->per_thread);
}

static void read_variant(call_t *c)
{
    char comment[32];

    make_variant(c, comment);
    read_with(c, comment, choose_harm(c, OFTEN));
}

static void read_unknown_column(call_t *c)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SELECT storm_column_%u_", c->hand->number);
    ASK(c, .sql = sql, .access = AGDB_READ);
    expect_error(c, "42703", sql + sizeof "SELECT");
}

static void read_too_late(call_t *c)
{
    c->short_of_time = true;
    c->timeout_ms = SLEEP_MS;
    ASK(c, .sql = "SELECT $1 || '', pg_sleep(0.3)", AGDB_PARAMS(agdb_text(c->nonce)),
        .access = AGDB_READ);
    if (!is_late(c))
        wrong(c, "was to be late");
}

static void read_in_a_hurry(call_t *c)
{
    c->short_of_time = true;
    c->timeout_ms = HURRY_MS;
    read_row(c);
}

/* --- writes --------------------------------------------------------------------------------------
 */

static size_t take_op(call_t *c)
{
    return c->mine->next_op++;
}

static void note(call_t *c, size_t op, enum table table)
{
    bool unknown = agdb_error_outcome(c->error) == AGDB_OUTCOME_UNKNOWN;

    if (unknown && !c->short_of_time)
        wrong(c, "had time enough, and is unknown");
    ledger_note(&c->storm->ledger, op,
                c->status == AGDB_OK ? LEDGER_ACKNOWLEDGED
                : unknown            ? LEDGER_UNKNOWN
                                     : LEDGER_FAILED,
                c->home->shard * 2 + table);
}

static void write_again(call_t *c, const char *sql)
{
    size_t op = c->mine->kept_op[c->home->shard];
    char text[32];

    snprintf(text, sizeof text, "(op)=(%zu)", op);
    ASK(c, .sql = sql, AGDB_PARAMS(agdb_int8((int64_t)op), agdb_text(c->nonce)));
    expect_error(c, "23505", text);
}

static void write_once_with(call_t *c, const char *comment, bool again)
{
    char sql[128];
    char text[32];
    size_t op;

    snprintf(sql, sizeof sql,
             "%sINSERT INTO storm_once (op, nonce) VALUES ($1, $2) RETURNING op, nonce", comment);
    if (again && c->mine->kept_op[c->home->shard] != 0) {
        write_again(c, sql);
        return;
    }
    op = take_op(c);
    snprintf(text, sizeof text, "%zu", op);
    ASK(c, .sql = sql, AGDB_PARAMS(agdb_int8((int64_t)op), agdb_text(c->nonce)));
    expect_row(c, text, c->nonce);
    note(c, op, ONCE);
    if (c->status == AGDB_OK)
        c->mine->kept_op[c->home->shard] = op;
}

static void write_once(call_t *c)
{
    write_once_with(c, "", !c->short_of_time && crew_random(c->hand, SELDOM) == 0);
}

static void write_with(call_t *c, const char *comment, harm_t harm)
{
    size_t op = take_op(c);
    char sql[256];
    char value[40];
    char text[32];

    snprintf(sql, sizeof sql,
             "%sINSERT INTO storm_twice (op, nonce)"
             " VALUES ($1 + 0 * (100 / $3), storm_check($2, $4)) RETURNING op, nonce",
             comment);
    snprintf(value, sizeof value, "%s%s", harm == HARM_VALUE ? "bad " : "", c->nonce);
    snprintf(text, sizeof text, "%zu", op);
    ASK(c, .sql = sql,
        AGDB_PARAMS(agdb_int8((int64_t)op), agdb_text(value), agdb_int4(harm != HARM_DIVIDE),
                    agdb_text(raised_by(harm))));
    if (harm == HARM_NONE)
        expect_row(c, text, c->nonce);
    else if (harm == HARM_DIVIDE)
        expect_error(c, "22012", "division by zero");
    else
        expect_error(c, harm == HARM_VALUE ? "23514" : raised_by(harm), c->nonce);
    note(c, op, TWICE);
}

static void write_rich(call_t *c)
{
    write_with(c, "", choose_harm(c, SELDOM));
}

static void write_variant(call_t *c)
{
    char comment[32];

    make_variant(c, comment);
    if (crew_random(c->hand, 2) == 0)
        write_once_with(c, comment, crew_random(c->hand, OFTEN) == 0);
    else
        write_with(c, comment, choose_harm(c, OFTEN));
}

/* Fails once with 40001, then succeeds: the library repeats it by itself. */
static void write_flaky(call_t *c)
{
    size_t op = take_op(c);
    char text[32];

    snprintf(text, sizeof text, "%zu", op);
    ASK(c,
        .sql = "INSERT INTO storm_twice (op, nonce) VALUES ($1, storm_flaky($2, $3))"
               " RETURNING op, nonce",
        AGDB_PARAMS(agdb_int8((int64_t)op), agdb_text(c->nonce), agdb_int4((int)c->hand->number)));
    expect_row(c, text, c->nonce);
    note(c, op, TWICE);
}

/* A row of the thread's own: each call finds what the one before has left. */
static void write_count(call_t *c)
{
    const unsigned shard = c->home->shard;
    unsigned long long count;

    ASK(c, .sql = "UPDATE storm_count SET n = n + 1, nonce = $2 WHERE id = $1 RETURNING nonce, n",
        AGDB_PARAMS(agdb_int4((int)c->hand->number), agdb_text(c->nonce)));
    if (c->status != AGDB_OK) {
        wrong(c, "did not count");
        return;
    }
    count = strtoull(agdb_result_text(c->res, 0, 1), NULL, 10);
    if (strcmp(agdb_result_text(c->res, 0, 0), c->nonce) != 0 ||
        count != ++c->mine->counted[shard] || agdb_result_affected(c->res) != 1)
        wrong(c, "counted wrongly");
    c->mine->answered++;
}

static void write_too_late(call_t *c)
{
    size_t op = take_op(c);

    c->short_of_time = true;
    c->timeout_ms = SLEEP_MS;
    ASK(c, .sql = "INSERT INTO storm_twice (op, nonce) SELECT $1, $2 FROM pg_sleep(0.3)",
        AGDB_PARAMS(agdb_int8((int64_t)op), agdb_text(c->nonce)));
    if (!is_late(c))
        wrong(c, "was to be late");
    note(c, op, TWICE);
}

static void write_in_a_hurry(call_t *c)
{
    c->short_of_time = true;
    c->timeout_ms = HURRY_MS;
    write_once(c);
}

/* --- the storm -----------------------------------------------------------------------------------
 */

/* Of 10000 calls: about 500 errors, and one that is too slow for its deadline. */
static const struct {
    unsigned share;
    void (*make)(call_t *c);
} k_mix[] = {
    {4296, read_row},   {900, read_rich},     {900, read_variant},   {150, read_unknown_column},
    {1500, write_once}, {900, write_rich},    {700, write_variant},  {600, write_count},
    {50, write_flaky},  {2, read_in_a_hurry}, {2, write_in_a_hurry},
};

static void (*choose(crew_hand_t *hand))(call_t *c)
{
    unsigned at = crew_random(hand, 10000);
    size_t i;

    if (crew_random(hand, 10000) == 0)
        return crew_random(hand, 2) == 0 ? read_too_late : write_too_late;
    for (i = 0; i + 1 < AGDB_COUNT(k_mix) && at >= k_mix[i].share; i++)
        at -= k_mix[i].share;
    return k_mix[i].make;
}

static void call_on(crew_hand_t *hand)
{
    storm_t *storm = hand->job;
    mine_t *mine = &storm->mine[hand->number];

    mine->next_op = hand->number * storm->per_thread + 1;
    for (mine->done = 0; mine->done < storm->per_thread; mine->done++) {
        call_t c = {.storm = storm,
                    .hand = hand,
                    .mine = mine,
                    .home = &storm->home[crew_random(hand, AGDB_COUNT(k_keys))],
                    .timeout_ms = PATIENCE_MS};

        snprintf(c.nonce, sizeof c.nonce, "n%u_%lu", hand->number, mine->done);
        choose(hand)(&c);
        agdb_result_free(c.res);
        agdb_error_clear(&c.error);
    }
}

static void find_homes(storm_t *storm)
{
    agdb_route_info_t info = {.struct_size = sizeof info};
    unsigned on_west = 0;
    size_t i;

    for (i = 0; i < AGDB_COUNT(k_keys); i++) {
        storm->home[i].key = agdb_key(k_keys[i]);
        assert_int_equal(agdb_route(storm->db, NULL, storm->home[i].key, &info, NULL), AGDB_OK);
        storm->home[i].shard = strcmp(info.shard, k_shards[1]) == 0;
        on_west += storm->home[i].shard;
    }
    assert_true(on_west > 0 && on_west < AGDB_COUNT(k_keys));
}

static void make_tables(PGconn *pg, unsigned shard)
{
    direct_do(pg, "DROP TABLE IF EXISTS storm_row, storm_once, storm_twice, storm_count;"
                  "CREATE TABLE storm_once (op bigint PRIMARY KEY, nonce text);"
                  "CREATE TABLE storm_twice (op bigint, nonce text CHECK (nonce NOT LIKE 'bad%%'));"
                  "CREATE TABLE storm_count (id int PRIMARY KEY, n bigint, nonce text);"
                  "CREATE TABLE storm_row (id int PRIMARY KEY, body text)");
    direct_do(pg, "INSERT INTO storm_row SELECT g, '%s/' || g FROM generate_series(0, %d) g",
              k_shards[shard], ROWS - 1);
    direct_do(pg, "INSERT INTO storm_count SELECT g, 0, '' FROM generate_series(0, %d) g",
              THREADS - 1);
    direct_do(pg, "CREATE OR REPLACE FUNCTION storm_check(nonce text, state text) RETURNS text"
                  " LANGUAGE plpgsql AS $$ BEGIN IF state <> '' THEN"
                  " RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'raised for ' || nonce;"
                  " END IF; RETURN nonce; END $$");
    direct_do(pg,
              "CREATE OR REPLACE FUNCTION storm_flaky(nonce text, thread int) RETURNS text"
              " LANGUAGE plpgsql AS $$ BEGIN RETURN storm_check(nonce, CASE"
              " nextval('storm_turn_' || thread) %% 2 WHEN 1 THEN '40001' ELSE '' END); END $$");
    for (unsigned i = 0; i < THREADS; i++)
        direct_do(pg, "DROP SEQUENCE IF EXISTS storm_turn_%u; CREATE SEQUENCE storm_turn_%u", i, i);
}

/* --- the truth -----------------------------------------------------------------------------------
 */

typedef struct reader {
    ledger_t *ledger;
    unsigned place;
} reader_t;

static void see(void *user, long long op)
{
    reader_t *r = user;

    ledger_see(r->ledger, op, r->place);
}

/* What was given up may still be running. */
static void wait_until_idle(PGconn *pg)
{
    uint64_t until_us = agdb__after_ms(agdb__now_us(), 10000);

    while (direct_number(pg, "SELECT count(*) FROM pg_stat_activity"
                             " WHERE application_name = 'storm' AND state <> 'idle'") > 0) {
        assert_true(agdb__now_us() < until_us);
        (void)poll(NULL, 0, 10);
    }
}

/* Returns how many counters are not what their threads have counted. */
static unsigned read_shard(storm_t *storm, PGconn *pg, unsigned shard)
{
    unsigned off = 0;
    unsigned i;

    direct_stream(pg, "SELECT op FROM storm_once", see,
                  &(reader_t){&storm->ledger, shard * 2 + ONCE});
    direct_stream(pg, "SELECT op FROM storm_twice", see,
                  &(reader_t){&storm->ledger, shard * 2 + TWICE});
    for (i = 0; i < THREADS; i++)
        off += direct_number(pg, "SELECT n FROM storm_count WHERE id = %u", i) !=
               (long long)storm->mine[i].counted[shard];
    return off;
}

static void judge(const storm_t *storm, unsigned wrongs, unsigned off, uint64_t took_us)
{
    ledger_verdict_t v = ledger_judge(&storm->ledger);
    unsigned long calls = THREADS * storm->per_thread;
    unsigned long answered = 0;
    unsigned long errors = 0;
    unsigned long late = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        answered += storm->mine[i].answered;
        errors += storm->mine[i].errors;
        late += storm->mine[i].late;
    }
    print_message("%lu calls in %.1f s (%.0f/s): %lu answers, %lu errors on purpose, %lu late; "
                  "writes: %lu acknowledged, %lu failed; LOST %lu GHOST %lu DUP %lu FOREIGN %lu "
                  "UNKNOWN %lu (%lu happened)\n",
                  calls, (double)took_us / 1e6, (double)calls * 1e6 / (double)took_us, answered,
                  errors, late, v.acknowledged, v.failed, v.lost, v.ghost, v.dup,
                  v.foreign + wrongs, v.unknown, v.happened);
    assert_int_equal(v.lost, 0);
    assert_int_equal(v.ghost, 0);
    assert_int_equal(v.dup, 0);
    assert_int_equal(v.foreign + wrongs, 0);
    assert_int_equal(off, 0);
    assert_true(errors >= calls / 40); /* the storm was one */
    assert_true(v.acknowledged >= calls / 4);
}

static void run_storm(bool durable, unsigned long calls)
{
    agdb_options_t options = {.struct_size = sizeof options, .service = "storm"};
    uint64_t seed = crew_setting("AGDB_STORM_SEED", agdb__now_us());
    storm_t *storm = calloc(1, sizeof *storm);
    PGconn *pg[SHARDS];
    static crew_t crew;
    uint64_t start_us;
    unsigned wrongs;
    unsigned off = 0;
    unsigned i;

    assert_non_null(storm);
    print_message("AGDB_STORM_SEED=%llu, synchronous_commit %s\n", (unsigned long long)seed,
                  durable ? "on" : "off");
    for (i = 0; i < SHARDS; i++) {
        cluster_node_t node = cluster_node("core", k_shards[i], "primary");

        pg[i] = direct_open(&node);
        make_tables(pg[i], i);
        direct_set_durable(pg[i], durable);
    }
    storm->per_thread = calls / THREADS;
    ledger_open(&storm->ledger, THREADS * storm->per_thread + 1);
    storm->db = cluster_open_core("pool: { max: 4 }\n  timeouts: { queue: 60s }", "", &options);
    find_homes(storm);
    start_us = agdb__now_us();
    crew_start(&crew, THREADS, seed, call_on, storm);
    wrongs = crew_join(&crew);
    start_us = agdb__now_us() - start_us;
    cluster_close(storm->db);
    for (i = 0; i < SHARDS; i++) {
        wait_until_idle(pg[i]);
        off += read_shard(storm, pg[i], i);
        direct_set_durable(pg[i], true);
        PQfinish(pg[i]);
    }
    judge(storm, wrongs, off, start_us);
    ledger_close(&storm->ledger);
    free(storm);
}

/* The calls of a test: half of all, or all when the other is not wanted. */
static unsigned long share_of_calls(const char *sync)
{
    unsigned long calls = crew_setting("AGDB_STORM_CALLS", CALLS);
    const char *only = getenv("AGDB_STORM_SYNC");

    if (only == NULL || *only == '\0')
        return calls / 2;
    return strcmp(only, sync) == 0 ? calls : 0;
}

static void everybody_gets_their_own_and_durable_writes_happen_once(void **state)
{
    unsigned long calls = share_of_calls("on");

    (void)state;
    if (calls > 0)
        run_storm(true, calls);
}

static void everybody_gets_their_own_and_quick_writes_happen_once(void **state)
{
    unsigned long calls = share_of_calls("off");

    (void)state;
    if (calls > 0)
        run_storm(false, calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_gets_their_own_and_durable_writes_happen_once),
        cmocka_unit_test(everybody_gets_their_own_and_quick_writes_happen_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
