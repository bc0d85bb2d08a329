#include "exec/copy.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static void a_copy_shares_nothing_with_the_request(void **state)
{
    char sql[] = "SELECT $1";
    char text[] = "epa";
    char bytes[] = {1, 0, 2};
    char item[] = "first";
    const char *items[] = {item, NULL, ""};
    int64_t numbers[] = {1, -2};
    agdb_value_t params[] = {agdb_text(text),
                             agdb_bytea(bytes, 3),
                             agdb_text_array(items, 3),
                             agdb_int8_array(numbers, 2),
                             agdb_int4(7),
                             agdb_null(),
                             agdb_text_n("", 0),
                             agdb_text_array(NULL, 0)};
    agdb_request_t request = AGDB_REQUEST_INIT;
    char key[] = "epa";
    char tag[] = "site.list";
    agdb_request_t copy;
    const char *const *texts;
    size_t size;
    char *block;

    (void)state;
    request.key = agdb_bytes(key, 3);
    request.tag = tag;
    request.sql = sql;
    request.params = params;
    request.nparams = AGDB_COUNT(params);
    request.timeout_ms = 9;
    size = agdb__copy_size(&request);
    block = malloc(size + 8);
    memset(block, 'x', size + 8);
    agdb__copy_request(&request, block, &copy);
    assert_memory_equal(block + size, "xxxxxxxx", 8); /* not a byte more */
    memset(key, '?', sizeof key - 1);
    memset(tag, '?', sizeof tag - 1);
    memset(sql, '?', sizeof sql - 1);
    memset(text, '?', sizeof text - 1);
    memset(bytes, '?', sizeof bytes);
    memset(item, '?', sizeof item - 1);
    memset(items, 0, sizeof items);
    memset(numbers, 0, sizeof numbers);
    memset(params, 0, sizeof params);
    assert_string_equal(copy.sql, "SELECT $1");
    assert_int_equal(copy.key.len, 3);
    assert_memory_equal(copy.key.data, "epa", 3);
    assert_string_equal(copy.tag, "site.list");
    assert_int_equal(copy.timeout_ms, 9);
    assert_int_equal(copy.params[0].len, 3);
    assert_memory_equal(copy.params[0].data, "epa", 3);
    assert_memory_equal(copy.params[1].data, "\1\0\2", 3);
    texts = copy.params[2].data;
    assert_string_equal(texts[0], "first");
    assert_null(texts[1]);
    assert_string_equal(texts[2], "");
    assert_int_equal(((const int64_t *)copy.params[3].data)[1], -2);
    assert_int_equal(copy.params[4].inline_bytes[3], 7);
    assert_int_equal(copy.params[5].kind, AGDB_VALUE_NULL);
    assert_int_equal(copy.params[6].len, 0);
    free(block);
}

static void a_request_without_parameters_is_its_statement(void **state)
{
    agdb_request_t request = AGDB_REQUEST_INIT;
    agdb_request_t copy;
    int64_t block[4];

    (void)state;
    request.sql = "SELECT 12345678";
    assert_int_equal(agdb__copy_size(&request), 16);
    agdb__copy_request(&request, block, &copy);
    assert_string_equal(copy.sql, "SELECT 12345678");
    assert_int_equal(copy.nparams, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_shares_nothing_with_the_request),
        cmocka_unit_test(a_request_without_parameters_is_its_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
