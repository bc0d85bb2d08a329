#include "exec/fingerprint.h"

#include "unit.h"

static uint64_t of(const char *sql, const agdb_value_t *params, size_t n)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = sql;
    r.params = params;
    r.nparams = n;
    return agdb__fingerprint(&r);
}

static void it_tells_statements_and_parameters_apart(void **state)
{
    static const char *const ab[] = {"a", "b"};
    static const char *const abc[] = {"ab", NULL};
    static const int64_t numbers[] = {1, 2};
    const agdb_value_t lists[][2] = {
        {agdb_text("a"), agdb_text("b")},
        {agdb_text("b"), agdb_text("a")},
        {agdb_text("ab"), agdb_text("")},
        {agdb_text(""), agdb_text("ab")},
        {agdb_int4(1), agdb_int8(1)},
        {agdb_int8(1), agdb_int4(1)},
        {agdb_null(), agdb_text("")},
        {agdb_text(""), agdb_null()},
        {agdb_text_array(ab, 2), agdb_null()},
        {agdb_text_array(abc, 2), agdb_null()},
        {agdb_int8_array(numbers, 2), agdb_null()},
        {agdb_int8_array(numbers, 1), agdb_null()},
        {agdb_bytea("a", 1), agdb_text("b")},
    };
    uint64_t seen[AGDB_COUNT(lists) + 2];
    size_t n = 0;
    size_t i;
    size_t j;

    (void)state;
    for (i = 0; i < AGDB_COUNT(lists); i++)
        seen[n++] = of("SELECT $1, $2", lists[i], 2);
    seen[n++] = of("SELECT $1, $2", lists[0], 1);
    seen[n++] = of("SELECT $1 , $2", lists[0], 2);
    for (i = 0; i < n; i++)
        for (j = 0; j < i; j++)
            if (seen[i] == seen[j])
                fail_msg("%zu and %zu are the same", i, j);
}

/* Servers keep them: a change of this value is a change of the contract. */
static void it_is_the_same_for_ever(void **state)
{
    const agdb_value_t params[] = {agdb_text("epa"), agdb_int8(7)};

    (void)state;
    assert_true(of("INSERT INTO payment VALUES ($1, $2)", params, 2) == 0x2d006ea6e67232ffu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_statements_and_parameters_apart),
        cmocka_unit_test(it_is_the_same_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
