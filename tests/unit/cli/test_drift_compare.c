/* What is said of two schemas that differ. */
#include "cli/drift_compare.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void expect(cli_facts_t here, cli_facts_t there, const char *const *sentences, size_t count)
{
    cli_differences_t list = cli_drift_compare(&here, &there);
    size_t i;

    for (i = 0; i < list.count && i < count; i++)
        assert_string_equal(cli_drift_sentence(&list.items[i], "west", "east"), sentences[i]);
    assert_int_equal(list.count, count);
}

static cli_fact_t k_here[] = {
    {"public.a", "", "", "a table"},
    {"public.a", "column x", "", "integer"},
    {"public.a", "column x", "default", "0"},
    {"public.a", "column y", "", "text"},
    {"public.a", "column y", "nullability", "NOT NULL"},
    {"public.only_here", "", "", "a view"},
    {"public.only_here", "column x", "", "text"},
    {"public.z", "", "", "a table"},
};

static cli_fact_t k_there[] = {
    {"public.a", "", "", "a table"},
    {"public.a", "", "row security", "enabled"},
    {"public.a", "column x", "", "numeric(6,2)"},
    {"public.a", "column x", "default", "1"},
    {"public.a", "column x", "identity", "ALWAYS"},
    {"public.a", "column z", "", "text"},
    {"public.a", "column z", "default", "''"},
    {"public.z", "", "", "a view"},
};

static void compare_says_each_difference_once(void **state)
{
    static const char *const sentences[] = {
        "west: public.a: row security is none, east has enabled",
        "west: public.a: column x is integer, east has numeric(6,2)",
        "west: public.a: default of column x is 0, east has 1",
        "west: public.a: identity of column x is none, east has ALWAYS",
        "west: public.a: column y is text, east has none",
        "west: public.a: column z is missing, east has text",
        "west: public.only_here is a view, east has none",
        "west: public.z is a table, east has a view",
    };

    (void)state;
    expect((cli_facts_t){k_here, COUNT(k_here)}, (cli_facts_t){k_there, COUNT(k_there)}, sentences,
           COUNT(sentences));
}

static void compare_of_the_same_says_nothing(void **state)
{
    (void)state;
    expect((cli_facts_t){k_here, COUNT(k_here)}, (cli_facts_t){k_here, COUNT(k_here)}, NULL, 0);
    expect((cli_facts_t){NULL, 0}, (cli_facts_t){NULL, 0}, NULL, 0);
}

static void compare_with_an_empty_schema_names_objects_only(void **state)
{
    static const char *const missing[] = {
        "west: public.a is missing, east has a table",
        "west: public.only_here is missing, east has a view",
        "west: public.z is missing, east has a table",
    };
    static const char *const extra[] = {
        "west: public.a is a table, east has none",
        "west: public.only_here is a view, east has none",
        "west: public.z is a table, east has none",
    };

    (void)state;
    expect((cli_facts_t){NULL, 0}, (cli_facts_t){k_here, COUNT(k_here)}, missing, COUNT(missing));
    expect((cli_facts_t){k_here, COUNT(k_here)}, (cli_facts_t){NULL, 0}, extra, COUNT(extra));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_says_each_difference_once),
        cmocka_unit_test(compare_of_the_same_says_nothing),
        cmocka_unit_test(compare_with_an_empty_schema_names_objects_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
