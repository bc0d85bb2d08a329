/* Who sends a statement, in a comment behind it. */
#include "pg/comment.h"

#include "unit.h"

typedef struct row {
    const char *sql;
    const char *tag;
    const char *want;
} row_t;

static void comment_names_call_site_and_service(void **state)
{
    static const row_t rows[] = {
        {"SELECT 1", "site.list",
         "SELECT 1 /*action='site.list',application='api%201',db_driver='libagencydb'*/"},
        {"SELECT 1", "a*/; DROP TABLE x --'",
         "SELECT 1 "
         "/*action='a%2A%2F%3B%20DROP%20TABLE%20x%20--%27',application='api%201',db_driver="
         "'libagencydb'*/"},
        {"SELECT 1", "\xc3\xa9",
         "SELECT 1 /*action='%C3%A9',application='api%201',db_driver='libagencydb'*/"},
        {"SELECT 1 /* mine */", "t", "SELECT 1 /* mine */"},
        {"SELECT 1 -- mine", "t",
         "SELECT 1 -- mine\n/*action='t',application='api%201',db_driver='libagencydb'*/"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__buf_t out;

        agdb__buf_init(&out, 4096);
        agdb__comment(&out, rows[i].sql, rows[i].tag, "api 1");
        assert_string_equal(out.data, rows[i].want);
        agdb__buf_fini(&out);
    }
}

static void comment_epoch_has_room_for_every_number(void **state)
{
    char text[AGDB__COMMENT_EPOCH];

    (void)state;
    agdb__comment_epoch(text, 12);
    assert_string_equal(text, "/*epoch='12'*/ ");
    agdb__comment_epoch(text, UINT64_MAX);
    assert_string_equal(text, "/*epoch='18446744073709551615'*/ ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comment_names_call_site_and_service),
        cmocka_unit_test(comment_epoch_has_room_for_every_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
