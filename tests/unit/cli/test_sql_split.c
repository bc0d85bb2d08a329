/* Where statements begin and end, and what is refused. */
#include "cli/sql_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 6 };

typedef struct row {
    const char *text;
    const char *statements[MOST]; /* ends with NULL */
} row_t;

static void split_text(const char *text, cli_sql_t *sql)
{
    if (!cli_sql_split(text, strlen(text), sql))
        fail_msg("%s\n%u:%u: %s", text, sql->mistake_at.line, sql->mistake_at.column, sql->mistake);
}

static void split_ends_statements_where_psql_does(void **state)
{
    static const row_t rows[] = {
        {"", {NULL}},
        {" \n\t ; ;; -- only this\n/* and this */ ;", {NULL}},
        {"SELECT 1", {"SELECT 1"}},
        {"SELECT 1;\nSELECT 2 ;", {"SELECT 1", "SELECT 2"}},
        {"SELECT ';' ; SELECT 2", {"SELECT ';'", "SELECT 2"}},
        {"SELECT 'it''s;' ; SELECT 2", {"SELECT 'it''s;'", "SELECT 2"}},
        {"SELECT '\\'; SELECT 2", {"SELECT '\\'", "SELECT 2"}},
        {"SELECT E'\\';' ; SELECT 2", {"SELECT E'\\';'", "SELECT 2"}},
        {"SELECT e'\\\\'; SELECT 2", {"SELECT e'\\\\'", "SELECT 2"}},
        {"SELECT e'a' -- x'\n  '\\';b'; SELECT 2", {"SELECT e'a' -- x'\n  '\\';b'", "SELECT 2"}},
        {"SELECT e'a' '\\'; SELECT 2", {"SELECT e'a' '\\'", "SELECT 2"}},
        {"SELECT fine'\\'; SELECT 2", {"SELECT fine'\\'", "SELECT 2"}},
        {"SELECT U&'\\0041;', B'01', x'f' ;", {"SELECT U&'\\0041;', B'01', x'f'"}},
        {"SELECT \"a;\"\"b;'\" ; SELECT 2", {"SELECT \"a;\"\"b;'\"", "SELECT 2"}},
        {"SELECT $$a;'b$$ ; SELECT 2", {"SELECT $$a;'b$$", "SELECT 2"}},
        {"DO $x$ a; $y$; $x $x$ ; SELECT 2", {"DO $x$ a; $y$; $x $x$", "SELECT 2"}},
        {"DO $$a;$x$;$$;SELECT 2", {"DO $$a;$x$;$$", "SELECT 2"}},
        {"DO $\xc3\xa4$;$\xc3\xa4$;SELECT 2", {"DO $\xc3\xa4$;$\xc3\xa4$", "SELECT 2"}},
        {"SELECT $1;SELECT $2", {"SELECT $1", "SELECT $2"}},
        {"SELECT a$b$;SELECT c$b$", {"SELECT a$b$", "SELECT c$b$"}},
        {"SELECT 1$a$;$a$;SELECT 2", {"SELECT 1$a$;$a$", "SELECT 2"}},
        {"SELECT 1 -- a;'\n+ 2; SELECT 2", {"SELECT 1 -- a;'\n+ 2", "SELECT 2"}},
        {"SELECT 1 -- a;\r+ 2; SELECT 2", {"SELECT 1 -- a;\r+ 2", "SELECT 2"}},
        {"SELECT 1 /* a;' /* b; */ ; */ + 2; SELECT 2",
         {"SELECT 1 /* a;' /* b; */ ; */ + 2", "SELECT 2"}},
        {"SELECT 1 </* ; */ 2;", {"SELECT 1 </* ; */ 2"}},
        {"-- first\nSELECT 1 -- last\n;", {"SELECT 1"}},
        {"SELECT (1;2); SELECT 2", {"SELECT (1;2)", "SELECT 2"}},
        {"SELECT 1); SELECT 2", {"SELECT 1)", "SELECT 2"}},
        {"CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b); SELECT 2",
         {"CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)", "SELECT 2"}},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 2",
         {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 2"}},
        {"create or replace procedure p() begin atomic select case when a then 1 end; end; SELECT "
         "2",
         {"create or replace procedure p() begin atomic select case when a then 1 end; end",
          "SELECT 2"}},
        {"CREATE FUNCTION f(a int DEFAULT (CASE WHEN true THEN 1 END)) BEGIN ATOMIC END; SELECT 2",
         {"CREATE FUNCTION f(a int DEFAULT (CASE WHEN true THEN 1 END)) BEGIN ATOMIC END",
          "SELECT 2"}},
        {"CREATE TABLE begin (a int); SELECT 2", {"CREATE TABLE begin (a int)", "SELECT 2"}},
        {"CREATE FUNCTION \"begin\"() AS $$;$$; SELECT 2",
         {"CREATE FUNCTION \"begin\"() AS $$;$$", "SELECT 2"}},
        {"SELECT '\\d'; SELECT $$\n\\d$$ -- \\d\n", {"SELECT '\\d'", "SELECT $$\n\\d$$"}},
        {"\xef\xbb\xbfSELECT 1;", {"SELECT 1"}},
        {"SELECT '\xc3\xa4;\xf0\x9f\x98\x80';", {"SELECT '\xc3\xa4;\xf0\x9f\x98\x80'"}},
        {"CREATE TABLE copy (from_stdin int);", {"CREATE TABLE copy (from_stdin int)"}},
    };
    size_t r;
    size_t i;

    (void)state;
    for (r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        cli_sql_t sql;
        split_text(rows[r].text, &sql);
        for (i = 0; i < sql.count && rows[r].statements[i] != NULL; i++)
            assert_string_equal(sql.items[i].text, rows[r].statements[i]);
        if (i != sql.count || rows[r].statements[i] != NULL)
            fail_msg("%zu statements in: %s", sql.count, rows[r].text);
    }
}

static void split_refuses_what_cannot_run_and_says_where(void **state)
{
    static const struct {
        const char *text;
        size_t len; /* 0: to the NUL */
        unsigned line;
        unsigned column;
        const char *mistake;
    } rows[] = {
        {"SELECT 1;\n  SELECT 'a", 0, 2, 10, "string"},
        {"SELECT E'a\\'", 0, 1, 9, "string"},
        {"SELECT\n\"a", 0, 2, 1, "quoted name"},
        {"DO $a$ $b$", 0, 1, 4, "$a$"},
        {"SELECT 1 /* /* */\n", 0, 1, 10, "*/"},
        {"SELECT 1;\nSELECT (2;\n(3)", 0, 2, 8, "parenthesis"},
        {"CREATE FUNCTION f()\nBEGIN ATOMIC SELECT 1;", 0, 2, 1, "END"},
        {"SELECT 1;\n\\d x\n", 0, 2, 1, "psql"},
        {"SELECT 1 \\gx", 0, 1, 10, "psql"},
        {"SELECT 1;\nCOPY t FROM STDIN;\n'1\n\\.\n", 0, 2, 1, "COPY"},
        {"copy t to stdout", 0, 1, 1, "COPY"},
        {"SELECT 1;\0SELECT 2", 18, 1, 10, "NUL"},
        {"SELECT '\xc3\xa4\xff'", 0, 1, 10, "UTF-8"},
        {"SELECT '\xed\xa0\x80'", 0, 1, 9, "UTF-8"},
        {"SELECT 1;\r\nSELECT '\xc3\xa4' \\d", 0, 2, 12, "psql"},
        {"\xef\xbb\xbf\\d", 0, 1, 1, "psql"},
        {"SELECT 1;\rSELECT '", 0, 2, 8, "string"},
        {"SELECT 1;\n-- agencydb: no-transaction\n", 0, 2, 1, "first line"},
        {"-- agencydb: no-transactions\n", 0, 1, 1, "'no-transactions' is unknown"},
    };
    size_t r;

    (void)state;
    for (r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        cli_sql_t sql;
        size_t len = rows[r].len != 0 ? rows[r].len : strlen(rows[r].text);
        if (cli_sql_split(rows[r].text, len, &sql))
            fail_msg("accepted: %s", rows[r].text);
        if (strstr(sql.mistake, rows[r].mistake) == NULL)
            fail_msg("%s: %s", rows[r].text, sql.mistake);
        if (sql.mistake_at.line != rows[r].line || sql.mistake_at.column != rows[r].column)
            fail_msg("%s: %u:%u", rows[r].text, sql.mistake_at.line, sql.mistake_at.column);
    }
}

static void split_reads_the_remark_of_the_first_line(void **state)
{
    static const struct {
        const char *text;
        bool found;
    } rows[] = {
        {"-- agencydb: no-transaction\nVACUUM;", true},
        {"\xef\xbb\xbf--agencydb:no-transaction  \r\nVACUUM;", true},
        {"-- agencydb is a library\nSELECT 1;", false},
        {"SELECT '\n-- agencydb: no-transaction';", false},
        {"/* -- agencydb: no-transaction */", false},
    };
    size_t r;

    (void)state;
    for (r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        cli_sql_t sql;
        split_text(rows[r].text, &sql);
        assert_int_equal(sql.no_transaction, rows[r].found);
    }
}

static void judge_refuses_what_the_mode_cannot_keep(void **state)
{
    static const struct {
        const char *text;
        bool inside;  /* fine in a transaction */
        bool outside; /* fine without */
    } rows[] = {
        {"SELECT 1; DELETE FROM a", true, true},
        {"SELECT 1;\nBEGIN", false, false},
        {"SELECT 1;\nSTART TRANSACTION", false, false},
        {"SELECT 1;\ncommit", false, false},
        {"SELECT 1;\nEND", false, false},
        {"SELECT 1;\nROLLBACK TO a", false, false},
        {"SELECT 1;\nABORT", false, false},
        {"SELECT 1;\nSAVEPOINT a", false, false},
        {"SELECT 1;\nRELEASE a", false, false},
        {"SELECT 1;\n/* x */ PREPARE /* y */ TRANSACTION 'a'", false, false},
        {"PREPARE transactions AS SELECT 1", true, true},
        {"SELECT 1;\nSET lock_timeout = 1", true, false},
        {"SELECT 1;\nRESET lock_timeout", true, false},
        {"DO $$ BEGIN COMMIT; END $$; CREATE TABLE begin (commit int)", true, true},
    };
    size_t r;

    (void)state;
    for (r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        cli_sql_t sql;
        split_text(rows[r].text, &sql);
        assert_int_equal(cli_sql_judge(&sql, true), rows[r].inside);
        if (!rows[r].inside)
            assert_int_equal(sql.mistake_at.line, 2);
        assert_int_equal(cli_sql_judge(&sql, false), rows[r].outside);
        if (!rows[r].outside)
            assert_int_equal(sql.mistake_at.line, 2);
    }
}

static void locate_counts_characters_and_lines(void **state)
{
    cli_sql_t sql;
    cli_place_in_t at;

    (void)state;
    split_text("SELECT 1;\n  SELECT '\xc3\xa4\xc3\xa4', x\r\n  FROM y;", &sql);
    at = cli_sql_locate(&sql.items[1], 1);
    assert_int_equal(at.line * 100 + at.column, 203);
    at = cli_sql_locate(&sql.items[1], 14); /* x */
    assert_int_equal(at.line * 100 + at.column, 216);
    at = cli_sql_locate(&sql.items[1], 19); /* FROM */
    assert_int_equal(at.line * 100 + at.column, 303);
    at = cli_sql_locate(&sql.items[1], 9999);
    assert_int_equal(at.line * 100 + at.column, 309);
}

/* --- at random -------------------------------------------------------------------------------- */
static uint64_t s_seed;

static size_t draw(size_t below)
{
    s_seed ^= s_seed << 13;
    s_seed ^= s_seed >> 7;
    s_seed ^= s_seed << 17;
    return (size_t)(s_seed % below);
}

/* Pieces that may stand anywhere between the first and the last word of a statement. E strings have
 * something behind them that keeps them from going on in the next string. */
static const char *const k_pieces[] = {
    " ",           "\n",          "\t",
    "\r\n",        "'a;b'",       "''",
    "'''; '''",    "E'\\'; ' ||", "E'x\\\\' ||",
    "\"a;\"",      "\"\"\";\"",   "$$;'$$",
    "$q$;$$;$q$",  "$1",          "a$b$",
    "(;)",         "(a;(';)'))",  "/* ; /* ' */ */",
    "-- ;'\"$$\n", "BEGIN",       "CASE",
    "END",         "7",           "1e5",
    "\xc3\xa4",    "[1]",         "::text",
    "U&'\\;'",     "+ - * / <",   "'\\'",
    ")",           "B'1'",        "\xf0\x9f\x98\x80",
};
static const char *const k_between[] = {" ", "\n", "\r\n", "-- ;'\n", "/* ';$$ */", ";", "\t"};

static void add_pieces(cli_buf_t *buf, const char *const *pieces, size_t count, size_t most)
{
    size_t n = draw(most);

    while (n-- > 0) {
        cli_buf_text(buf, pieces[draw(count)]);
        cli_buf_text(buf, " ");
    }
}

/* The place of text[offset], counted from the beginning. */
static cli_place_in_t place_of(const char *text, size_t offset)
{
    cli_place_in_t place = {1, 1};
    size_t i;

    for (i = 0; i < offset; i++) {
        if (text[i] == '\n')
            place = (cli_place_in_t){place.line + 1, 1};
        else if (((unsigned char)text[i + 1] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

static void split_of_random_pieces_finds_every_statement(void **state)
{
    enum { ROUNDS = 20000, STATEMENTS = 5 };
    size_t round;
    size_t i;

    (void)state;
    s_seed = 20261126;
    for (round = 0; round < ROUNDS; round++) {
        cli_buf_t text = {0};
        cli_buf_t expected[STATEMENTS] = {0};
        size_t starts[STATEMENTS];
        cli_sql_t sql;

        for (i = 0; i < STATEMENTS; i++) {
            add_pieces(&text, k_between, sizeof k_between / sizeof k_between[0], 4);
            cli_buf_text(&expected[i], "SELECT ");
            add_pieces(&expected[i], k_pieces, sizeof k_pieces / sizeof k_pieces[0], 9);
            cli_buf_text(&expected[i], "x");
            starts[i] = text.len;
            cli_buf_text(&text, expected[i].data);
            cli_buf_text(&text, ";");
        }
        split_text(text.data, &sql);
        assert_int_equal(sql.count, STATEMENTS);
        for (i = 0; i < STATEMENTS; i++) {
            cli_place_in_t place = place_of(text.data, starts[i]);
            assert_string_equal(sql.items[i].text, expected[i].data);
            assert_int_equal(sql.items[i].at.line, place.line);
            assert_int_equal(sql.items[i].at.column, place.column);
        }
    }
}

/* Nothing is read behind the end, and every mistake has a place in the text. */
static void split_of_any_bytes_and_of_cut_text_ends(void **state)
{
    static const char k_bytes[] = "'\"$$aeE\\();;/*--\n\r \xc3\xa4";
    enum { ROUNDS = 20000, LONGEST = 24 };
    size_t round;
    size_t i;

    (void)state;
    s_seed = 77;
    for (round = 0; round < ROUNDS; round++) {
        size_t len = draw(LONGEST);
        char *text = malloc(len + 1); /* exactly so long, for the address sanitizer */
        cli_sql_t sql;

        assert_non_null(text);
        for (i = 0; i < len; i++)
            text[i] = k_bytes[draw(sizeof k_bytes - 1)];
        text = realloc(text, len > 0 ? len : 1);
        assert_non_null(text);
        if (!cli_sql_split(text, len, &sql)) {
            assert_non_null(sql.mistake);
            assert_in_range(sql.mistake_at.line, 1, len + 1);
            assert_in_range(sql.mistake_at.column, 1, len + 1);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_ends_statements_where_psql_does),
        cmocka_unit_test(split_refuses_what_cannot_run_and_says_where),
        cmocka_unit_test(split_reads_the_remark_of_the_first_line),
        cmocka_unit_test(judge_refuses_what_the_mode_cannot_keep),
        cmocka_unit_test(locate_counts_characters_and_lines),
        cmocka_unit_test(split_of_random_pieces_finds_every_statement),
        cmocka_unit_test(split_of_any_bytes_and_of_cut_text_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
