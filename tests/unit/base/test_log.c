/* Records for the host's callbacks. */
#include "base/log.h"

#include "unit.h"

#include <stdlib.h>

typedef struct seen {
    int lines;
    int records;
    agdb_log_level_t level;
    char line[256];
    agdb_log_kind_t kind;
} seen_t;

static void keep(agdb_log_level_t level, const char *line, void *user)
{
    seen_t *seen = user;

    seen->lines++;
    seen->level = level;
    assert_true(strlen(line) < sizeof seen->line);
    memcpy(seen->line, line, strlen(line) + 1);
}

static void keep_record(const agdb_log_record_t *record, void *user)
{
    seen_t *seen = user;

    seen->records++;
    seen->kind = record->kind;
}

static void tell(const agdb__logger_t *logger, agdb_log_level_t level)
{
    agdb__log_record(logger, &(agdb_log_record_t){.struct_size = sizeof(agdb_log_record_t),
                                                  .level = level,
                                                  .kind = AGDB_LOG_SLOW,
                                                  .message = "slow"});
}

static void record_below_the_wanted_level_reaches_both_callbacks(void **state)
{
    seen_t seen = {.lines = 0};
    const agdb__logger_t logger = {keep, &seen, AGDB_LOG_WARN, keep_record, &seen};

    (void)state;
    tell(&logger, AGDB_LOG_ERROR);
    assert_int_equal(seen.lines, 1);
    assert_int_equal(seen.records, 1);
    assert_int_equal(seen.level, AGDB_LOG_ERROR);
    assert_int_equal(seen.kind, AGDB_LOG_SLOW);
    assert_string_equal(seen.line, "slow");
    tell(&logger, AGDB_LOG_WARN);
    assert_int_equal(seen.lines, 2);
}

static void record_more_detailed_than_wanted_is_dropped(void **state)
{
    seen_t seen = {.lines = 0};
    const agdb__logger_t logger = {keep, &seen, AGDB_LOG_WARN, keep_record, &seen};

    (void)state;
    tell(&logger, AGDB_LOG_INFO);
    assert_false(agdb__log_wants(&logger, AGDB_LOG_INFO));
    assert_int_equal(seen.lines + seen.records, 0);
}

static void record_for_one_callback_or_none(void **state)
{
    seen_t seen = {.lines = 0};
    const agdb__logger_t none = {NULL, NULL, AGDB_LOG_DEBUG, NULL, NULL};
    const agdb__logger_t parts = {NULL, NULL, AGDB_LOG_DEBUG, keep_record, &seen};

    (void)state;
    tell(&none, AGDB_LOG_ERROR);
    tell(NULL, AGDB_LOG_ERROR);
    tell(&parts, AGDB_LOG_ERROR);
    assert_int_equal(seen.lines, 0);
    assert_int_equal(seen.records, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_below_the_wanted_level_reaches_both_callbacks),
        cmocka_unit_test(record_more_detailed_than_wanted_is_dropped),
        cmocka_unit_test(record_for_one_callback_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
