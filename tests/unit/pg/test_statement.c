#include "pg/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include <stdio.h>

#define P AGDB__ST_PLAIN
#define A AGDB__ST_ALONE
#define S AGDB__ST_SESSION
#define R AGDB__ST_REFUSED

static const struct {
    agdb__statement_class_t kind;
    const char *sql;
} k_rows[] = {
    {P, "SELECT 1"},
    {P, "select 1;"},
    {P, "  \n\t SeLeCt 1"},
    {P, "/* a */ SELECT 1"},
    {P, "/* a /* nested */ BEGIN */ SELECT 1"},
    {P, "-- BEGIN\nSELECT 1"},
    {P, "-- a\r-- b\n/**/SELECT 1"},
    {P, "(SELECT 1)"},
    {P, "((SELECT 1) UNION (SELECT 2))"},
    {P, "/* c */ ( /* d */ SELECT 1)"},
    {P, "VALUES (1), (2)"},
    {P, "TABLE air_reading"},
    {P, "WITH a AS (SELECT 1) SELECT * FROM a"},
    {P, "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a"},
    {P, "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 2) DELETE FROM t"},
    {P, "INSERT INTO t VALUES ($1)"},
    {P, "INSERT INTO temp VALUES ($1)"},
    {P, "WITH x AS (SELECT 1) INSERT INTO temp SELECT * FROM x"},
    {P, "UPDATE t SET a = 1"},
    {P, "DELETE FROM t"},
    {P, "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE"},
    {P, "MERGE INTO temp USING s ON true WHEN MATCHED THEN DELETE"},
    {P, "NOTIFY alerts, 'x'"},
    {P, "SHOW TimeZone"},
    {P, "EXPLAIN SELECT 1"},
    {P, "EXPLAIN (ANALYZE) UPDATE t SET a = 1"},
    {P, "SELECT nextval('s')"},
    {P, "SELECT pg_notify('a', 'b')"},
    {P, "SELECT my_set_config(1)"},
    {P, "SELECT set_config2(1)"},
    {P, "SELECT set_config$(1)"},
    {P, "SELECT 1 -- set_config"},
    {P, "SELECT 1 /* pg_advisory_lock */"},
    {P, "SELECT 1 /* a /* b */ set_config */ , 2"},
    {P, "SELECT '-- text', 1"},
    {P, "SELECT 'load; discard; listen'"},
    {P, "SELECT $$create temp$$"},
    {P, "SELECT temp, temporary FROM weather"},
    {P, "SELECT a INTO b FROM c"},
    {P, "SELECT 1e5, 0x1F, $1"},
    {P, "SELECT E'it\\'s' || 'fine'"},
    {P, "SELECT * FROM t FOR UPDATE"},
    {P, "SELECT \"select\" FROM \"set\""},
    {A, "SELECT pg_advisory_xact_lock(1)"},
    {A, "SELECT pg_try_advisory_xact_lock_shared(1)"},
    {A, "WITH a AS (SELECT lo_open($1, 262144)) SELECT * FROM a"},
    {A, "SELECT * FROM dblink('c', 'SELECT 1') AS t(a int)"},
    {A, "SELECT pg_export_snapshot()"},
    {P, "SELECT local, lob FROM t"},
    {S, "SELECT lo_open($1, 1), set_config('a.b', 'c', true)"},
    {A, "CREATE TABLE t (a int)"},
    {A, "CREATE INDEX CONCURRENTLY i ON t (a)"},
    {A, "CREATE UNLOGGED TABLE t ()"},
    {A, "CREATE OR REPLACE VIEW v AS SELECT 1"},
    {A, "CREATE TABLE temp (a int)"},
    {A, "ALTER TABLE t ADD b int"},
    {A, "DROP TABLE t"},
    {A, "TRUNCATE t"},
    {A, "VACUUM t"},
    {A, "ANALYZE t"},
    {A, "REINDEX TABLE t"},
    {A, "CLUSTER t"},
    {A, "REFRESH MATERIALIZED VIEW v"},
    {A, "GRANT SELECT ON t TO PUBLIC"},
    {A, "REVOKE ALL ON t FROM PUBLIC"},
    {A, "COMMENT ON TABLE t IS 'x'"},
    {A, "CHECKPOINT"},
    {A, "LOCK TABLE t"},
    {S, "SET TimeZone = 'UTC'"},
    {S, "SET LOCAL a.b = 1"},
    {S, "RESET ALL"},
    {S, "DO $$ BEGIN NULL; END $$"},
    {S, "CALL p()"},
    {S, "PREPARE a AS SELECT 1"},
    {S, "EXECUTE a"},
    {S, "DEALLOCATE ALL"},
    {S, "DISCARD ALL"},
    {S, "LOAD 'auto_explain'"},
    {S, "DECLARE c CURSOR WITH HOLD FOR SELECT 1"},
    {S, "CREATE TEMP TABLE t ()"},
    {S, "CREATE TEMPORARY TABLE t ()"},
    {S, "create /* x */ temp table t ()"},
    {S, "CREATE LOCAL TEMP TABLE t ()"},
    {S, "CREATE GLOBAL TEMPORARY TABLE t ()"},
    {S, "CREATE OR REPLACE TEMP VIEW v AS SELECT 1"},
    {S, "CREATE TEMP SEQUENCE s"},
    {S, "CREATE TABLE pg_temp.t ()"},
    {S, "SELECT 1 INTO TEMP t"},
    {S, "SELECT 1 INTO LOCAL TEMPORARY TABLE t"},
    {S, "WITH a AS (SELECT 1) SELECT * INTO TEMP t FROM a"},
    {S, "EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1"},
    {S, "EXPLAIN ANALYZE EXECUTE a"},
    {S, "SELECT set_config('a.b', '1', false)"},
    {S, "SELECT SET_CONFIG('a.b', '1', false)"},
    {S, "SELECT pg_catalog.set_config('a.b', '1', false)"},
    {S, "SELECT \"set_config\"('a.b', '1', false)"},
    {S, "SELECT U&\"set\\005fconfig\"('a.b', '1', false)"},
    {S, "SELECT '--', set_config('a.b', '1', false)"},
    {S, "SELECT '/*', set_config('a.b', '1', false)"},
    {S, "SELECT E'\\'--', set_config('a.b', '1', false)"},
    {S, "SELECT 'it''s -- ', set_config('a.b', '1', false)"},
    {S, "SELECT $x$ -- $x$, set_config('a.b', '1', false)"},
    {S, "SELECT $$/*$$, set_config('a.b', '1', false)"},
    {S, "SELECT query_to_xml('select set_config(1)', true, true, '')"},
    {S, "SELECT $$set_config$$"},
    {S, "WITH a AS (SELECT pg_advisory_lock(1)) SELECT * FROM a"},
    {S, "SELECT pg_try_advisory_lock(1)"},
    {S, "SELECT pg_advisory_lock_shared(1)"},
    {S, "SELECT pg_advisory_unlock_all()"},
    {S, "SELECT setseed(0.5)"},
    {S, "UPDATE t SET a = set_config('x.y', 'z', false)"},
    {S, "SELECT dblink_connect('x')"},
    {S, "SELCT 1"},
    {S, "\"select\" 1"},
    {S, "'select'"},
    {S, "1"},
    {R, "BEGIN"},
    {R, "/* x */ begin"},
    {R, "START TRANSACTION"},
    {R, "COMMIT"},
    {R, "END"},
    {R, "ROLLBACK"},
    {R, "ABORT"},
    {R, "SAVEPOINT a"},
    {R, "RELEASE a"},
    {R, "PREPARE TRANSACTION 'a'"},
    {R, "COMMIT PREPARED 'a'"},
    {R, "COPY t FROM STDIN"},
    {R, "COPY (SELECT 1) TO STDOUT"},
    {R, "LISTEN a"},
    {R, "UNLISTEN *"},
    {R, "FETCH c"},
    {R, "MOVE c"},
    {R, "CLOSE c"},
    {R, ""},
    {R, "  -- nothing"},
    {R, "/* not closed"},
    {R, ";"},
};

static void classify_each_statement_as_the_table_says(void **state)
{
    size_t i;
    int wrong = 0;

    (void)state;
    for (i = 0; i < sizeof k_rows / sizeof k_rows[0]; i++) {
        agdb__statement_class_t kind = agdb__statement_classify(k_rows[i].sql);
        if (kind != k_rows[i].kind) {
            print_error("'%s' is %d, not %d\n", k_rows[i].sql, (int)kind, (int)k_rows[i].kind);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void refuse_each_refused_statement_with_its_reason(void **state)
{
    static const struct {
        const char *sql;
        const char *part;
    } rows[] = {{"BEGIN", "transaction control"},
                {"PREPARE TRANSACTION 'a'", "transaction control"},
                {"COPY t FROM STDIN", "COPY"},
                {"listen x", "NOTIFY"},
                {"fetch c", "LIMIT"},
                {" ", "empty"}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_non_null(strstr(agdb__statement_refusal(rows[i].sql), rows[i].part));
}

/* Whatever is cut off, the classifier ends inside the text. */
static void classify_every_prefix_stays_inside_the_text(void **state)
{
    char copy[256];
    size_t i;
    size_t n;

    (void)state;
    for (i = 0; i < sizeof k_rows / sizeof k_rows[0]; i++) {
        for (n = 0; n <= strlen(k_rows[i].sql); n++) {
            memset(copy, '\'', sizeof copy); /* not NUL behind the end */
            memcpy(copy, k_rows[i].sql, n);
            copy[n] = '\0';
            assert_in_range(agdb__statement_classify(copy), AGDB__ST_PLAIN, AGDB__ST_REFUSED);
        }
    }
}

static void hash_differs_for_texts_that_differ_little(void **state)
{
    static const char text[] = "SELECT name, kind FROM agencies WHERE code = $1";
    const size_t len = sizeof text - 1;
    const uint64_t whole = agdb__statement_hash(text, len);
    char copy[sizeof text];
    size_t i;

    (void)state;
    assert_true(whole != 0);
    for (i = 0; i < len; i++) {
        memcpy(copy, text, sizeof text);
        assert_true(agdb__statement_hash(copy, len) == whole); /* of the bytes, not the address */
        assert_true(agdb__statement_hash(text, i) != whole);
        copy[i] ^= 1;
        assert_true(agdb__statement_hash(copy, len) != whole);
    }
    memset(copy, 0, sizeof copy);
    for (i = 0; i < 32; i++) /* never "not computed"; and the length counts */
        assert_true(agdb__statement_hash(copy, i) != 0 &&
                    agdb__statement_hash(copy, i) != agdb__statement_hash(copy, i + 1));
}

/* A table of 256 buckets gets numbered texts spread over it. */
static void hash_of_numbered_texts_spreads_over_buckets(void **state)
{
    unsigned count[256] = {0};
    char text[64];
    int i;

    (void)state;
    for (i = 0; i < 256 * 16; i++) {
        int n = snprintf(text, sizeof text, "SELECT %d FROM agencies WHERE code = $1", i);
        count[agdb__statement_hash(text, (size_t)n) % 256]++;
    }
    for (i = 0; i < 256; i++)
        assert_in_range(count[i], 1, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classify_each_statement_as_the_table_says),
        cmocka_unit_test(refuse_each_refused_statement_with_its_reason),
        cmocka_unit_test(classify_every_prefix_stays_inside_the_text),
        cmocka_unit_test(hash_differs_for_texts_that_differ_little),
        cmocka_unit_test(hash_of_numbered_texts_spreads_over_buckets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
