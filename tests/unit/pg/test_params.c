#include "pg/params.h"

#include "base/alloc.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

static void *refuse(size_t size, void *user)
{
    (void)size;
    (*(int *)user)++;
    return NULL;
}

static void release_nothing(void *block, void *user)
{
    (void)block;
    (void)user;
}

static void init_text_travels_untyped_in_text_format(void **state)
{
    const char raw[3] = {'e', 'p', 'a'}; /* no NUL behind it */
    const agdb_value_t v[] = {agdb_text_n(raw, 3), agdb_text(""), agdb_text(NULL),
                              agdb_typed(1082, "2026-11-23")};
    agdb__params_t p;

    (void)state;
    assert_int_equal(agdb__params_init(&p, v, 4, NULL), AGDB_OK);
    assert_int_equal(p.count, 4);
    assert_string_equal(p.values[0], "epa");
    assert_int_equal(p.types[0], 0);
    assert_int_equal(p.formats[0], 0);
    assert_string_equal(p.values[1], "");
    assert_null(p.values[2]);
    assert_string_equal(p.values[3], "2026-11-23");
    assert_int_equal(p.types[3], 1082);
    agdb__params_fini(&p);
}

static void init_numbers_travel_in_binary(void **state)
{
    const unsigned char uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const agdb_value_t v[] = {agdb_int4(-2),    agdb_int8(258),  agdb_bool(true),
                              agdb_float8(1.0), agdb_uuid(uuid), agdb_bytea("a\0b", 3)};
    static const int len[] = {4, 8, 1, 8, 16, 3};
    static const unsigned type[] = {23, 20, 16, 701, 2950, 17};
    agdb__params_t p;
    size_t i;

    (void)state;
    assert_int_equal(agdb__params_init(&p, v, 6, NULL), AGDB_OK);
    for (i = 0; i < 6; i++) {
        assert_int_equal(p.formats[i], 1);
        assert_int_equal(p.lengths[i], len[i]);
        assert_int_equal(p.types[i], type[i]);
    }
    assert_memory_equal(p.values[0], "\xff\xff\xff\xfe", 4);
    assert_memory_equal(p.values[1], "\0\0\0\0\0\0\1\2", 8);
    assert_memory_equal(p.values[3], "\x3f\xf0\0\0\0\0\0\0", 8);
    assert_memory_equal(p.values[4], uuid, 16);
    assert_memory_equal(p.values[5], "a\0b", 3);
    agdb__params_fini(&p);
}

static void init_arrays_travel_in_binary(void **state)
{
    static const char text_image[] = "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\2\0\0\0\1"
                                     "\0\0\0\2ab\xff\xff\xff\xff";
    static const char int_image[] = "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\2\0\0\0\1"
                                    "\0\0\0\10\xff\xff\xff\xff\xff\xff\xff\xff"
                                    "\0\0\0\10\0\0\0\0\0\0\0\7";
    static const char empty_image[] = "\0\0\0\0\0\0\0\0\0\0\0\x19";
    const char *const items[] = {"ab", NULL};
    const int64_t numbers[] = {-1, 7};
    const agdb_value_t v[] = {agdb_text_array(items, 2), agdb_int8_array(numbers, 2),
                              agdb_text_array(NULL, 0)};
    agdb__params_t p;

    (void)state;
    assert_int_equal(agdb__params_init(&p, v, 3, NULL), AGDB_OK);
    assert_int_equal(p.lengths[0], sizeof text_image - 1);
    assert_memory_equal(p.values[0], text_image, sizeof text_image - 1);
    assert_int_equal(p.lengths[1], sizeof int_image - 1);
    assert_memory_equal(p.values[1], int_image, sizeof int_image - 1);
    assert_int_equal(p.lengths[2], sizeof empty_image - 1);
    assert_memory_equal(p.values[2], empty_image, sizeof empty_image - 1);
    assert_int_equal(p.types[0], 1009);
    assert_int_equal(p.types[1], 1016);
    agdb__params_fini(&p);
}

static void init_sixteen_small_parameters_need_no_memory(void **state)
{
    int calls = 0;
    const agdb_allocator_t none = {refuse, NULL, release_nothing, &calls};
    const agdb_allocator_t *before;
    agdb_value_t v[17];
    agdb__params_t p;
    size_t i;

    (void)state;
    for (i = 0; i < 17; i++)
        v[i] = agdb_text("agency");
    before = agdb__alloc_enter(&none);
    assert_int_equal(agdb__params_init(&p, v, 16, NULL), AGDB_OK);
    agdb__params_fini(&p);
    assert_int_equal(calls, 0);
    assert_int_equal(agdb__params_init(&p, v, 17, NULL), AGDB_E_NOMEM);
    assert_int_equal(calls, 1);
    (void)agdb__alloc_enter(before);
    assert_int_equal(agdb__params_init(&p, v, 17, NULL), AGDB_OK);
    for (i = 0; i < 17; i++)
        assert_string_equal(p.values[i], "agency");
    agdb__params_fini(&p);
}

static void init_long_text_is_copied_whole(void **state)
{
    static char text[AGDB__PARAMS_SCRATCH * 4];
    agdb_value_t v[2];
    agdb__params_t p;

    (void)state;
    memset(text, 'x', sizeof text);
    v[0] = agdb_text("before");
    v[1] = agdb_text_n(text, sizeof text);
    assert_int_equal(agdb__params_init(&p, v, 2, NULL), AGDB_OK);
    assert_string_equal(p.values[0], "before");
    assert_int_equal(strlen(p.values[1]), sizeof text);
    agdb__params_fini(&p);
}

static void expect_invalid(const agdb_value_t *v, size_t count, const char *part)
{
    agdb_error_t *error = NULL;
    agdb__params_t p;

    assert_int_equal(agdb__params_init(&p, v, count, &error), AGDB_E_INVAL);
    if (strstr(error->message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error->message);
    agdb__error_free(error);
}

static void init_what_cannot_be_sent_is_refused(void **state)
{
    agdb_value_t v[2] = {agdb_int4(1), agdb_text_n("a\0b", 3)};

    (void)state;
    expect_invalid(v, 2, "$2: text with a NUL byte");
    expect_invalid(v, 65536, "65535");
    expect_invalid(NULL, 1, "none are given");
    v[1] = agdb_text_n(NULL, 3);
    expect_invalid(v, 2, "$2 has a length but no data");
    v[1] = agdb_bytea("", (size_t)2 << 30);
    expect_invalid(v, 2, "$2 is over 1 GiB");
    v[1] = agdb_null();
    v[1].kind = 77;
    expect_invalid(v, 2, "$2 is not a valid value");
    v[1] = agdb_int4(1);
    v[1].len = 17;
    expect_invalid(v, 2, "$2 is not a valid value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_text_travels_untyped_in_text_format),
        cmocka_unit_test(init_numbers_travel_in_binary),
        cmocka_unit_test(init_arrays_travel_in_binary),
        cmocka_unit_test(init_sixteen_small_parameters_need_no_memory),
        cmocka_unit_test(init_long_text_is_copied_whole),
        cmocka_unit_test(init_what_cannot_be_sent_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
