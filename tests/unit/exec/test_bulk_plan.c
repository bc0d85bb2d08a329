/* Options of copies: what goes together, and the statement that comes of it. */
#include "exec/bulk_plan.h"

#include "base/alloc.h"
#include "base/error.h"
#include "unit.h"

static agdb_copy_options_t of_table(void)
{
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;

    o.table = "t";
    return o;
}

static const char *const k_names[] = {"a", "b\"c"};

static void expect_in(agdb_copy_options_t o, const char *sql)
{
    char *got;

    assert_int_equal(agdb__bulk_check_in(&o, NULL), AGDB_OK);
    got = agdb__bulk_sql_in(&o, o.columns, o.ncolumns);
    assert_string_equal(got, sql);
    agdb__free(got);
}

static void statements_quote_every_name(void **state)
{
    agdb_copy_options_t o = of_table();

    (void)state;
    expect_in(o, "COPY \"t\" FROM STDIN WITH (FORMAT text, DELIMITER '\t', NULL '\\N')");
    o.schema = "s";
    o.table = "x\"; DROP TABLE y; --";
    o.columns = k_names;
    o.ncolumns = 2;
    o.key_column = "b\"c";
    o.format = AGDB_COPY_CSV;
    o.quote = '\'';
    o.null_text = "n\"";
    expect_in(o, "COPY \"s\".\"x\"\"; DROP TABLE y; --\" (\"a\", \"b\"\"c\") FROM STDIN"
                 " WITH (FORMAT csv, DELIMITER ',', NULL 'n\"', QUOTE '''', ESCAPE '''')");
    o = of_table();
    o.format = AGDB_COPY_BINARY;
    expect_in(o, "COPY \"t\" FROM STDIN WITH (FORMAT binary)");
}

static void out_takes_a_query_or_a_table(void **state)
{
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;
    char *sql;

    (void)state;
    o.query = "SELECT 1 -- one";
    o.format = AGDB_COPY_CSV;
    o.header = true;
    assert_int_equal(agdb__bulk_check_out(&o, NULL), AGDB_OK);
    sql = agdb__bulk_sql_out(&o, true);
    assert_string_equal(sql, "COPY (SELECT 1 -- one\n) TO STDOUT WITH (FORMAT csv, DELIMITER ',',"
                             " NULL '', QUOTE '\"', ESCAPE '\"', HEADER true)");
    agdb__free(sql);
    sql = agdb__bulk_sql_out(&o, false);
    assert_null(strstr(sql, "HEADER"));
    agdb__free(sql);
}

typedef void (*spoil_fn)(agdb_copy_options_t *o);

#define SPOIL(name, what)                                                                          \
    static void name(agdb_copy_options_t *o)                                                       \
    {                                                                                              \
        what;                                                                                      \
    }
SPOIL(no_table, o->table = NULL)
SPOIL(empty_schema, o->schema = "")
SPOIL(count_without_columns, o->ncolumns = 2)
SPOIL(two_keys, o->key_column = "a"; o->key_index = 1)
SPOIL(key_of_nothing, o->key_column = "a")
SPOIL(key_not_there, o->key_column = "z"; o->columns = k_names; o->ncolumns = 2)
SPOIL(key_behind, o->key_index = 3; o->columns = k_names; o->ncolumns = 2)
SPOIL(shard_and_key, o->shard = "s"; o->key_index = 1)
SPOIL(query_in, o->query = "SELECT 1")
SPOIL(quote_in_text, o->quote = '"')
SPOIL(binary_header, o->format = AGDB_COPY_BINARY; o->header = true)
SPOIL(binary_null, o->format = AGDB_COPY_BINARY; o->null_text = "")
SPOIL(letter, o->delimiter = 'x')
SPOIL(backslash, o->delimiter = '\\')
SPOIL(line_end, o->delimiter = '\n')
SPOIL(same_signs, o->format = AGDB_COPY_CSV; o->delimiter = '"')
SPOIL(null_with_delimiter, o->null_text = "a\tb")
SPOIL(null_with_line_end, o->null_text = "a\n")
SPOIL(format, o->format = (agdb_copy_format_t)7)
SPOIL(not_ascii, o->format = AGDB_COPY_CSV; o->quote = (char)0xe4)

static void what_does_not_go_together_is_refused(void **state)
{
    static const spoil_fn spoils[] = {
        no_table,      empty_schema,        count_without_columns,
        two_keys,      key_of_nothing,      key_not_there,
        key_behind,    shard_and_key,       query_in,
        quote_in_text, binary_header,       binary_null,
        letter,        backslash,           line_end,
        same_signs,    null_with_delimiter, null_with_line_end,
        format,        not_ascii,
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(spoils); i++) {
        agdb_copy_options_t o = of_table();
        agdb_error_t *error = NULL;

        spoils[i](&o);
        if (agdb__bulk_check_in(&o, &error) != AGDB_E_INVAL)
            fail_msg("number %zu passes", i);
        assert_non_null(error);
        agdb__error_free(error);
    }
}

SPOIL(out_key_column, o->key_column = "a")
SPOIL(out_resume, o->resume = "")
SPOIL(out_commit, o->commit_every = 1)
SPOIL(out_both, o->query = "SELECT 1")
SPOIL(out_session, o->access = AGDB_READ_SESSION)
SPOIL(out_two_targets, o->shard = "s"; o->key = agdb_key("k"))
SPOIL(out_empty_key, o->key = agdb_key(""))

static void out_refuses_what_is_of_in(void **state)
{
    static const spoil_fn spoils[] = {out_key_column, out_resume,      out_commit,   out_both,
                                      out_session,    out_two_targets, out_empty_key};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(spoils); i++) {
        agdb_copy_options_t o = of_table();

        spoils[i](&o);
        if (agdb__bulk_check_out(&o, NULL) != AGDB_E_INVAL)
            fail_msg("number %zu passes", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_quote_every_name),
        cmocka_unit_test(out_takes_a_query_or_a_table),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(out_refuses_what_is_of_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
