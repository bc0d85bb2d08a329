/* agencydb/base.h: statuses and versions. */
#include "agencydb/base.h"

#include "agencydb/version.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct row {
    int value;
    const char *name;
    const char *text;
} row_t;

static const row_t k_rows[] = {
#define ROW(name, value, text) {value, #name, text},
    AGDB_STATUS_MAP(ROW)
#undef ROW
};
enum { ROWS = sizeof k_rows / sizeof k_rows[0] };

/* Values are fixed for life: this list is written by hand, and new statuses are appended. */
static void status_values_stay_as_they_were(void **state)
{
    static const char *const name[] = {
        "NOMEM",       "INVAL",      "MISUSE",      "MAP_INVALID", "MAP_STALE", "NO_TARGET",
        "CROSS_SHARD", "NO_PRIMARY", "SPLIT_BRAIN", "WRONG_SHARD", "NOT_FRESH", "FROZEN",
        "BUSY",        "TIMEOUT",    "CONNECT",     "AUTH",        "TLS",       "SERVER",
        "LOST",        "TOO_BIG",    "TYPE",        "NULL",        "MERGE",     "PARTIAL",
        "CLOSING",     "FORKED",     "CANCELLED",   "UNSUPPORTED"};
    int i;

    (void)state;
    for (i = 0; i < (int)(sizeof name / sizeof name[0]); i++)
        assert_string_equal(agdb_status_name((agdb_status_t)(-1 - i)), name[i]);
    assert_true(ROWS >= sizeof name / sizeof name[0]);
}

static void statuses_are_unique_and_negative(void **state)
{
    size_t i;
    size_t j;

    (void)state;
    for (i = 0; i < ROWS; i++) {
        assert_true(k_rows[i].value < 0 && k_rows[i].value > AGDB_E__MIN);
        for (j = 0; j < i; j++) {
            assert_int_not_equal(k_rows[i].value, k_rows[j].value);
            assert_string_not_equal(k_rows[i].name, k_rows[j].name);
            assert_string_not_equal(k_rows[i].text, k_rows[j].text);
        }
    }
}

static void status_name_and_text_follow_the_list(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ROWS; i++) {
        agdb_status_t status = (agdb_status_t)k_rows[i].value;
        size_t len = strlen(k_rows[i].text);
        assert_string_equal(agdb_status_name(status), k_rows[i].name);
        assert_string_equal(agdb_status_text(status), k_rows[i].text);
        assert_true(len > 0 && k_rows[i].text[len - 1] != '.');
    }
    assert_string_equal(agdb_status_name(AGDB_OK), "OK");
    assert_string_equal(agdb_status_text(AGDB_OK), "success");
}

static void numbers_that_are_no_status_have_a_name_too(void **state)
{
    static const int number[] = {2, -999, AGDB_E__MIN};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof number / sizeof number[0]; i++) {
        agdb_status_t status = AGDB_OK;
        memcpy(&status, &number[i], sizeof status);
        assert_string_equal(agdb_status_name(status), "UNKNOWN");
        assert_string_equal(agdb_status_text(status), "no known status");
    }
}

static void versions_of_header_and_library_agree(void **state)
{
    char text[32];
    int n = agdb_version_number();

    (void)state;
    assert_int_equal(n, AGDB_VERSION_NUMBER);
    assert_string_equal(agdb_version(), AGDB_VERSION);
    snprintf(text, sizeof text, "%d.%d.%d", n / 10000, n / 100 % 100, n % 100);
    assert_string_equal(agdb_version(), text);
}

static void key_of_null_is_no_key(void **state)
{
    agdb_bytes_t key = agdb_key(NULL);

    (void)state;
    assert_int_equal(key.len, 0);
    key = agdb_key("epa");
    assert_int_equal(key.len, 3);
    key = agdb_bytes("e\0a", 3);
    assert_int_equal(key.len, 3);
    assert_memory_equal(key.data, "e\0a", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_values_stay_as_they_were),
        cmocka_unit_test(statuses_are_unique_and_negative),
        cmocka_unit_test(status_name_and_text_follow_the_list),
        cmocka_unit_test(numbers_that_are_no_status_have_a_name_too),
        cmocka_unit_test(versions_of_header_and_library_agree),
        cmocka_unit_test(key_of_null_is_no_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
