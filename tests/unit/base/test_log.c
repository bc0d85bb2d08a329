/* Lines for the host's callback. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct seen {
    int lines;
    agdb_log_level_t level;
    char line[2048];
} seen_t;

static void keep(agdb_log_level_t level, const char *line, void *user)
{
    seen_t *seen = user;

    seen->lines++;
    seen->level = level;
    assert_true(strlen(line) < sizeof seen->line);
    memcpy(seen->line, line, strlen(line) + 1);
}

static void log_below_the_wanted_level_reaches_the_callback(void **state)
{
    static seen_t seen;
    agdb__logger_t logger = {keep, &seen, AGDB_LOG_WARN};

    (void)state;
    agdb__log(&logger, AGDB_LOG_ERROR, "node '%s' is %s", "db1", "down");
    assert_int_equal(seen.lines, 1);
    assert_int_equal(seen.level, AGDB_LOG_ERROR);
    assert_string_equal(seen.line, "node 'db1' is down");
    agdb__log(&logger, AGDB_LOG_WARN, "x");
    assert_int_equal(seen.lines, 2);
}

static void log_more_detailed_than_wanted_is_dropped(void **state)
{
    static seen_t seen;
    agdb__logger_t logger = {keep, &seen, AGDB_LOG_WARN};

    (void)state;
    agdb__log(&logger, AGDB_LOG_INFO, "x");
    agdb__log(&logger, AGDB_LOG_DEBUG, "x");
    assert_int_equal(seen.lines, 0);
}

static void log_without_callback_does_nothing(void **state)
{
    agdb__logger_t logger = {NULL, NULL, AGDB_LOG_DEBUG};

    (void)state;
    agdb__log(&logger, AGDB_LOG_ERROR, "x");
    agdb__log(NULL, AGDB_LOG_ERROR, "x");
}

static void log_of_long_text_is_cut(void **state)
{
    static seen_t seen;
    agdb__logger_t logger = {keep, &seen, AGDB_LOG_DEBUG};

    (void)state;
    agdb__log(&logger, AGDB_LOG_INFO, "%5000s", "x");
    assert_int_equal(seen.lines, 1);
    assert_int_equal(strlen(seen.line), 1023);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_below_the_wanted_level_reaches_the_callback),
        cmocka_unit_test(log_more_detailed_than_wanted_is_dropped),
        cmocka_unit_test(log_without_callback_does_nothing),
        cmocka_unit_test(log_of_long_text_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
