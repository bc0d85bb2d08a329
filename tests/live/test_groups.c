/* Many callers share few connections: each gets its own rows and errors, whatever the others do. */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 24, CALLS = 1500 };

typedef enum mix { MIX_PLAIN, MIX_ERRORS, MIX_SHORT_DEADLINES, MIX_SETTINGS, MIX_KILLS } mix_t;

typedef struct caller {
    agdb_t *db;
    mix_t mix;
    unsigned number;
    unsigned seed;
    unsigned ok;
    unsigned failed;
    unsigned late;
    unsigned grouped; /* answers that came with others */
    char wrong[256];  /* what was not as it should be */
    pthread_t thread;
} caller_t;

static void note_wrong(caller_t *c, const char *what, const char *detail)
{
    if (c->wrong[0] == '\0')
        snprintf(c->wrong, sizeof c->wrong, "%s: %s", what, detail);
}

static void note_timing(caller_t *c, const agdb_result_t *res)
{
    agdb_timing_t t = {.struct_size = sizeof t};

    agdb_result_timing(res, &t);
    c->grouped += t.group > 1;
    if (t.park_us + t.earlier_us + t.queue_us + t.connect_us + t.exec_us != t.total_us ||
        t.group == 0)
        note_wrong(c, "parts of its time", "are not the whole");
}

/* A row that carries the caller's own number back. */
static void read_nonce(caller_t *c, unsigned i)
{
    static const char *const sql[] = {"SELECT $1 || ''", "SELECT 'x' || $1",
                                      "SELECT $1 || '', generate_series(1, 3)",
                                      "SELECT upper($1), count(*) FROM pg_am"};
    int shape = rand_r(&c->seed) % 4;
    bool hurried = c->mix == MIX_SHORT_DEADLINES && rand_r(&c->seed) % 8 == 0;
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    char nonce[32];
    char want[40];
    agdb_status_t st;

    snprintf(nonce, sizeof nonce, "%u-%u", c->number, i);
    snprintf(want, sizeof want, "%s%s", shape == 1 ? "x" : "", nonce);
    st =
        agdb_query(c->db,
                   AGDB_REQUEST(.shard = "east-1", .sql = sql[shape], AGDB_PARAMS(agdb_text(nonce)),
                                .access = AGDB_READ, .timeout_ms = hurried ? 1 : 20000),
                   &res, &error);
    if (st == AGDB_OK) {
        c->ok++;
        note_timing(c, res);
        if (strcmp(agdb_result_text(res, 0, 0), want) != 0)
            note_wrong(c, "foreign row", agdb_result_text(res, 0, 0));
        if (agdb_result_rows(res) != (shape == 2 ? 3u : 1u))
            note_wrong(c, "foreign rows", sql[shape]);
    } else if (st == AGDB_E_TIMEOUT &&
               (hurried ||
                (c->mix == MIX_KILLS && agdb_error_outcome(error) == AGDB_OUTCOME_NOT_SENT))) {
        c->late++;
    } else {
        note_wrong(c, "foreign error", agdb_error_message(error));
    }
    agdb_result_free(res);
    agdb_error_clear(&error);
}

static void read_error(caller_t *c)
{
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb_query(c->db,
                                  AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1 / $1",
                                               AGDB_PARAMS(agdb_int4(0)), .access = AGDB_READ,
                                               .timeout_ms = 20000),
                                  NULL, &error);

    if (st != AGDB_E_SERVER || strcmp(agdb_error_sqlstate(error), "22012") != 0)
        note_wrong(c, "no division by zero", agdb_error_message(error));
    c->failed++;
    agdb_error_clear(&error);
}

static void read_setting(caller_t *c, bool change)
{
    const char *sql = change ? "SELECT set_config('agdb.test', 'poison', false)"
                             : "SELECT coalesce(current_setting('agdb.test', true), '')";
    char *value = cluster_value(c->db, AGDB_REQUEST(.shard = "east-1", .sql = sql,
                                                    .access = AGDB_READ, .timeout_ms = 20000));

    if (!change && value[0] != '\0')
        note_wrong(c, "a setting of another caller", value);
    free(value);
}

static void *call(void *arg)
{
    caller_t *c = arg;
    unsigned i;

    for (i = 0; i < CALLS; i++) {
        if (c->mix == MIX_ERRORS && rand_r(&c->seed) % 20 == 0)
            read_error(c);
        else if (c->mix == MIX_SETTINGS && rand_r(&c->seed) % 4 == 0)
            read_setting(c, c->number == 0 && i % 100 == 0);
        else
            read_nonce(c, i);
    }
    return NULL;
}

static void terminate_backends(agdb_t *db)
{
    int i;

    for (i = 0; i < 20; i++) {
        cluster_do(db, AGDB_REQUEST(.shard = "east-1",
                                    .sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                           " WHERE application_name = 'groups' AND"
                                           " pid <> pg_backend_pid() ORDER BY random() LIMIT 2",
                                    .timeout_ms = 10000));
        (void)poll(NULL, 0, 20);
    }
}

static void run_mix(mix_t mix)
{
    agdb_options_t options = {.struct_size = sizeof options, .service = "groups"};
    agdb_t *db = cluster_open(&options);
    agdb_t *other = cluster_open(NULL);
    caller_t c[THREADS];
    unsigned ok = 0;
    unsigned failed = 0;
    unsigned late = 0;
    unsigned grouped = 0;
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        c[i] = (caller_t){.db = db, .mix = mix, .number = i, .seed = i + 1};
        assert_true(agdb__thread_start(&c[i].thread, false, call, &c[i]));
    }
    if (mix == MIX_KILLS)
        terminate_backends(other);
    for (i = 0; i < THREADS; i++) {
        pthread_join(c[i].thread, NULL);
        ok += c[i].ok;
        failed += c[i].failed;
        late += c[i].late;
        grouped += c[i].grouped;
    }
    print_message("%u answers, %u of them in groups, %u errors, %u late\n", ok, grouped, failed,
                  late);
    cluster_close(other);
    cluster_close(db);
    for (i = 0; i < THREADS; i++)
        if (c[i].wrong[0] != '\0')
            fail_msg("caller %u: %s", i, c[i].wrong);
    assert_true(grouped > 0);
}

static void callers_get_their_own_rows(void **state)
{
    (void)state;
    run_mix(MIX_PLAIN);
}

static void an_error_is_its_callers_alone(void **state)
{
    (void)state;
    run_mix(MIX_ERRORS);
}

static void callers_that_leave_early_do_not_disturb(void **state)
{
    (void)state;
    run_mix(MIX_SHORT_DEADLINES);
}

static void a_setting_does_not_reach_the_others(void **state)
{
    (void)state;
    run_mix(MIX_SETTINGS);
}

static void ended_backends_cost_no_answer(void **state)
{
    (void)state;
    run_mix(MIX_KILLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_get_their_own_rows),
        cmocka_unit_test(an_error_is_its_callers_alone),
        cmocka_unit_test(callers_that_leave_early_do_not_disturb),
        cmocka_unit_test(a_setting_does_not_reach_the_others),
        cmocka_unit_test(ended_backends_cost_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
