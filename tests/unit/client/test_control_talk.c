/* Lines that come on the control socket, answers that go, and time that goes by. */
#include "client/control_talk.h"

#include "base/error.h"
#include "unit.h"

enum { SECOND_US = 1000000 };

static agdb__control_ask_t hear(agdb__talk_t *talk, const char *text)
{
    return agdb__talk_hear(talk, text, strlen(text), 0);
}

/* What it says, and that nothing more comes. */
static void says(agdb__talk_t *talk, const char *want)
{
    const char *at = NULL;
    size_t len = agdb__talk_rest(talk, &at);

    assert_int_equal(len, strlen(want));
    assert_memory_equal(at, want, len);
    agdb__talk_sent(talk, len, 0);
    assert_int_equal(talk->state, AGDB__TALK_OVER);
}

static void hear_each_request(void **state)
{
    static const struct {
        const char *line;
        agdb__control_ask_t ask;
    } rows[] = {{"dump\n", AGDB__CONTROL_DUMP},
                {"metrics\n", AGDB__CONTROL_METRICS},
                {"status\r\n", AGDB__CONTROL_STATUS},
                {"reload\n", AGDB__CONTROL_RELOAD},
                {"version\n", AGDB__CONTROL_VERSION}};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__talk_t talk;

        agdb__talk_begin(&talk, 0);
        assert_int_equal(hear(&talk, rows[i].line), rows[i].ask);
        assert_int_equal(talk.state, AGDB__TALK_LISTENS);
        agdb__buf_text(agdb__talk_ok(&talk), "text\n");
        agdb__talk_speak(&talk, 0);
        says(&talk, "ok\ntext\n");
    }
}

static void hear_a_line_byte_by_byte(void **state)
{
    static const char line[] = "status\n";
    agdb__talk_t talk;
    size_t i;

    (void)state;
    agdb__talk_begin(&talk, 0);
    for (i = 0; i + 2 < sizeof line; i++)
        assert_int_equal(agdb__talk_hear(&talk, &line[i], 1, 0), AGDB__CONTROL_NOTHING);
    assert_int_equal(agdb__talk_hear(&talk, &line[i], 1, 0), AGDB__CONTROL_STATUS);
    agdb__talk_end(&talk);
}

static void hear_what_is_no_request_is_an_error(void **state)
{
    static const char no_such[] =
        "error no such request: say dump, metrics, status, reload or version\n";
    static const char *const bad[] = {
        "\n", "dum\n", "dumps\n", "DUMP\n", " dump\n", "dump \n", "GET / HTTP/1.1\r\n", "\r\n"};
    agdb__talk_t talk;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(bad); i++) {
        agdb__talk_begin(&talk, 0);
        assert_int_equal(hear(&talk, bad[i]), AGDB__CONTROL_NOTHING);
        says(&talk, no_such);
    }
    agdb__talk_begin(&talk, 0);
    assert_int_equal(agdb__talk_hear(&talk, "dump\0\n", 6, 0), AGDB__CONTROL_NOTHING);
    says(&talk, no_such);
    agdb__talk_begin(&talk, 0);
    assert_int_equal(hear(&talk, "dump\ndump\n"), AGDB__CONTROL_NOTHING);
    says(&talk, "error one request for each connection\n");
}

static void hear_more_than_a_line_may_have_is_an_error(void **state)
{
    char long_line[4 * AGDB__TALK_LINE];
    agdb__talk_t talk;

    (void)state;
    memset(long_line, 'x', sizeof long_line);
    agdb__talk_begin(&talk, 0);
    assert_int_equal(agdb__talk_hear(&talk, long_line, sizeof long_line, 0), AGDB__CONTROL_NOTHING);
    says(&talk, "error the request is too long: say dump, metrics, status, reload or version\n");
    agdb__talk_begin(&talk, 0);
    assert_int_equal(agdb__talk_hear(&talk, long_line, AGDB__TALK_LINE - 1, 0),
                     AGDB__CONTROL_NOTHING);
    assert_int_equal(talk.state, AGDB__TALK_LISTENS);
    assert_int_equal(agdb__talk_hear(&talk, long_line, 1, 0), AGDB__CONTROL_NOTHING);
    assert_int_equal(talk.state, AGDB__TALK_SPEAKS);
    agdb__talk_end(&talk);
}

static void hear_the_end_before_the_line_ends(void **state)
{
    agdb__talk_t talk;

    (void)state;
    agdb__talk_begin(&talk, 0);
    assert_int_equal(agdb__talk_hear(&talk, "", 0, 0), AGDB__CONTROL_NOTHING);
    assert_int_equal(talk.state, AGDB__TALK_OVER);
    agdb__talk_begin(&talk, 0);
    assert_int_equal(hear(&talk, "dump"), AGDB__CONTROL_NOTHING);
    assert_int_equal(agdb__talk_hear(&talk, "", 0, 0), AGDB__CONTROL_NOTHING);
    says(&talk, "error the request has no end of its line\n");
}

static void fail_says_one_line_and_one_for_each_part(void **state)
{
    agdb_error_t *error = NULL;
    agdb_error_t *part = NULL;
    agdb__talk_t talk;

    (void)state;
    (void)agdb__fail(&error, AGDB_E_MAP_INVALID, "two\nmistakes");
    (void)agdb__fail(&part, AGDB_E_MAP_INVALID, "line 1: a\tb");
    agdb__error_add_child(&error, part);
    agdb__talk_begin(&talk, 0);
    agdb__talk_fail_with(&talk, error, 0);
    says(&talk, "error two mistakes\nline 1: a b\n");
    agdb__error_free(error);
}

static void answers_go_in_pieces(void **state)
{
    const char *at = NULL;
    agdb__talk_t talk;

    (void)state;
    agdb__talk_begin(&talk, 0);
    assert_int_equal(agdb__talk_rest(&talk, &at), 0);
    agdb__buf_text(agdb__talk_ok(&talk), "abc");
    agdb__talk_speak(&talk, 0);
    agdb__talk_sent(&talk, 4, 0);
    assert_int_equal(agdb__talk_rest(&talk, &at), 2);
    assert_memory_equal(at, "bc", 2);
    agdb__talk_sent(&talk, 2, 0);
    assert_int_equal(talk.state, AGDB__TALK_OVER);
}

static void an_answer_that_is_too_long_is_an_error(void **state)
{
    static char piece[1 << 20];
    agdb__talk_t talk;
    agdb__buf_t *out;
    size_t i;

    (void)state;
    memset(piece, 'x', sizeof piece);
    agdb__talk_begin(&talk, 0);
    out = agdb__talk_ok(&talk);
    for (i = 0; i <= AGDB__TALK_ANSWER / sizeof piece; i++)
        agdb__buf_add(out, piece, sizeof piece);
    agdb__talk_speak(&talk, 0);
    says(&talk, "error out of memory, or the answer is over 16 MiB\n");
}

static void time_ends_what_does_not_go_on(void **state)
{
    agdb__talk_t talk;
    const char *at = NULL;

    (void)state;
    agdb__talk_begin(&talk, SECOND_US);
    agdb__talk_look(&talk, 4 * SECOND_US - 1);
    assert_int_equal(talk.state, AGDB__TALK_LISTENS);
    agdb__talk_look(&talk, 4 * SECOND_US);
    assert_int_equal(talk.state, AGDB__TALK_SPEAKS);
    assert_true(agdb__talk_rest(&talk, &at) > 0);
    assert_memory_equal(at, "error no request came within 3 s\n", 33);
    agdb__talk_look(&talk, 7 * SECOND_US - 1);
    assert_int_equal(talk.state, AGDB__TALK_SPEAKS);
    agdb__talk_look(&talk, 7 * SECOND_US);
    assert_int_equal(talk.state, AGDB__TALK_OVER);
    agdb__talk_begin(&talk, 0);
    assert_int_equal(hear(&talk, "reload\n"), AGDB__CONTROL_RELOAD);
    agdb__talk_wait(&talk, SECOND_US);
    agdb__talk_look(&talk, 31 * SECOND_US - 1);
    assert_int_equal(talk.state, AGDB__TALK_WAITS);
    agdb__talk_look(&talk, 31 * SECOND_US);
    says(&talk, "error the map's file could not be read within 30 s\n");
}

static void who_reads_on_has_time_but_not_for_ever(void **state)
{
    agdb__talk_t talk;
    uint64_t second;

    (void)state;
    agdb__talk_begin(&talk, 0);
    agdb__buf_printf(agdb__talk_ok(&talk), "%0100d", 0);
    agdb__talk_speak(&talk, 0);
    for (second = 2; second < 30; second += 2) {
        agdb__talk_look(&talk, second * SECOND_US);
        assert_int_equal(talk.state, AGDB__TALK_SPEAKS);
        agdb__talk_sent(&talk, 1, second * SECOND_US);
    }
    agdb__talk_look(&talk, 30 * SECOND_US);
    assert_int_equal(talk.state, AGDB__TALK_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hear_each_request),
        cmocka_unit_test(hear_a_line_byte_by_byte),
        cmocka_unit_test(hear_what_is_no_request_is_an_error),
        cmocka_unit_test(hear_more_than_a_line_may_have_is_an_error),
        cmocka_unit_test(hear_the_end_before_the_line_ends),
        cmocka_unit_test(fail_says_one_line_and_one_for_each_part),
        cmocka_unit_test(answers_go_in_pieces),
        cmocka_unit_test(an_answer_that_is_too_long_is_an_error),
        cmocka_unit_test(time_ends_what_does_not_go_on),
        cmocka_unit_test(who_reads_on_has_time_but_not_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
