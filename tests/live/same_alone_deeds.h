/* What test_same_alone.c runs: see there. The tables are made by its make_tables(). */
#ifndef AGDB_TESTS_SAME_ALONE_DEEDS_H
#define AGDB_TESTS_SAME_ALONE_DEEDS_H

#include <stdint.h>

enum { R = 1, W = 2, RW = R | W };

enum {
    SHAPE = 1,  /* its values differ from run to run: rows, columns and types count */
    FEW = 2,    /* takes time: run it less often */
    LEAVES = 4, /* what it does to the tables depends on when it is given up */
    NAMED = 8   /* its error's message names what differs from run to run */
};

typedef struct deed {
    const char *name;
    const char *sql;
    unsigned access;
    unsigned flags;
    const char *param; /* NULL: it has none */
    const char *mild;  /* a parameter that does no harm: it is run with it first, so that its text
                          is known to be short and harmless; NULL: it is so by itself */
    const char *setup; /* run directly before */
    unsigned hold_ms;  /* somebody else has row 1 of same_row for so long */
    uint32_t timeout_ms;
    uint64_t max_rows;
} deed_t;

#define DEED(name_, access_, sql_) .name = (name_), .access = (access_), .sql = (sql_)

static const deed_t k_deeds[] = {
    /* answers of every form */
    {DEED("one row", RW, "SELECT id, word FROM same_row WHERE id = $1"), .param = "1"},
    {DEED("NULLs", RW, "SELECT NULL::int AS n, id, word FROM same_row ORDER BY id")},
    {DEED("no rows", RW, "SELECT * FROM same_row WHERE id = -1")},
    {DEED("no columns", RW, "SELECT FROM same_row")},
    {DEED("many rows", RW, "SELECT g, repeat('x', 50) FROM generate_series(1, 2000) g")},
    {DEED("VALUES", RW, "VALUES (1, 'a'), (2, NULL)")},
    {DEED("TABLE", RW, "TABLE same_row")},
    {DEED("WITH", RW, "WITH w AS (SELECT $1 AS a) SELECT a FROM w"), .param = "x"},
    {DEED("in parentheses", RW, "(SELECT 1) UNION ALL (SELECT 2)")},
    {DEED("SHOW", RW, "SHOW server_encoding")},
    {DEED("EXPLAIN", RW, "EXPLAIN (COSTS OFF) SELECT 1")},
    {DEED("EXPLAIN ANALYZE of a write", RW,
          "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE same_row SET word = 'x'")},
    {DEED("over max_rows", RW, "SELECT generate_series(1, $1::int)"), .param = "100", .mild = "1",
     .max_rows = 10},
    {DEED("0.05 s", RW, "SELECT pg_sleep($1::float8)"), .flags = FEW, .param = "0.05", .mild = "0"},
    {DEED("statement_timeout", R, "SELECT 1, pg_sleep($1::float8)"), .flags = FEW, .param = "3",
     .mild = "0"},
    {DEED("deadline", RW, "SELECT 2, pg_sleep($1::float8)"), .flags = FEW, .param = "0.4",
     .mild = "0", .timeout_ms = 150},

    /* its own transaction */
    {DEED("txid", RW, "SELECT txid_current() > 0, txid_current() = txid_current()")},
    {DEED("no txid of others", RW, "SELECT pg_current_xact_id_if_assigned() IS NULL")},
    {DEED("now", RW, "SELECT now() = now(), clock_timestamp() >= now(), now()::date"),
     .flags = SHAPE},
    {DEED("isolation", RW,
          "SELECT current_setting('transaction_isolation'), "
          "current_setting('transaction_deferrable')")},
    {DEED("mode", RW, "SELECT current_setting('transaction_read_only')")},

    /* writes */
    {DEED("INSERT", RW, "INSERT INTO same_row VALUES ($1::int, 'new')"), .param = "9"},
    {DEED("INSERT RETURNING", RW, "INSERT INTO same_row VALUES (9, $1) RETURNING id, word"),
     .param = "nine"},
    {DEED("INSERT ON CONFLICT DO UPDATE", RW,
          "INSERT INTO same_row VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET word = excluded.word "
          "|| same_row.word RETURNING word"),
     .param = "up-"},
    {DEED("INSERT ON CONFLICT DO NOTHING", W,
          "INSERT INTO same_row VALUES (1, $1) ON CONFLICT DO NOTHING RETURNING id"),
     .param = "x"},
    {DEED("UPDATE", RW, "UPDATE same_row SET word = $1 WHERE id < 3"), .param = "both"},
    {DEED("UPDATE RETURNING", W, "UPDATE same_row SET word = $1 WHERE id = 2 RETURNING *"),
     .param = "second"},
    {DEED("UPDATE of no row", W, "UPDATE same_row SET word = $1 WHERE id = -1"), .param = "x"},
    {DEED("DELETE RETURNING", RW, "DELETE FROM same_row WHERE id = $1::int RETURNING word"),
     .param = "2"},
    {DEED("MERGE", RW,
          "MERGE INTO same_row t USING (VALUES (1, $1), (8, $1)) AS s (id, word) ON t.id = s.id "
          "WHEN MATCHED THEN UPDATE SET word = s.word WHEN NOT MATCHED THEN INSERT VALUES (s.id, "
          "s.word)"),
     .param = "merged"},
    {DEED("CTE that writes", RW,
          "WITH w AS (INSERT INTO same_row VALUES ($1::int, 'cte') RETURNING id) SELECT id FROM w"),
     .param = "9"},
    {DEED("function that writes", RW, "SELECT same_write($1::int)"), .param = "9", .mild = "0"},
    {DEED("FOR UPDATE", RW, "SELECT id FROM same_row WHERE id = $1::int FOR UPDATE"), .param = "1"},
    {DEED("lastval of nobody", RW, "SELECT lastval()")},
    {DEED("currval of nobody", RW, "SELECT currval('same_seq')")},
    {DEED("nextval", RW, "SELECT nextval('same_seq')")},
    {DEED("nextval, currval, lastval", W,
          "SELECT nextval('same_seq'), currval('same_seq'), lastval()")},
    {DEED("NOTIFY", RW, "NOTIFY same_channel, 'x'")},
    {DEED("pg_notify", RW, "SELECT pg_notify('same_channel', $1)"), .param = "x"},

    /* errors of its own */
    {DEED("syntax error", RW, "SELECT FROM WHERE")},
    {DEED("unknown first word", RW, "SELEC 1")},
    {DEED("unknown table", RW, "SELECT * FROM same_absent")},
    {DEED("unknown column", RW, "SELECT absent FROM same_row")},
    {DEED("unknown function", RW, "SELECT same_absent($1)"), .param = "1"},
    {DEED("division by zero", RW, "SELECT 1 / $1::int"), .param = "0", .mild = "1"},
    {DEED("division by zero in a write", W, "UPDATE same_row SET word = 1 / $1::int"), .param = "0",
     .mild = "1"},
    {DEED("parameter of another type", RW, "SELECT word FROM same_row WHERE id = $1"),
     .param = "one", .mild = "1"},
    {DEED("parameter of another type in a write", W, "DELETE FROM same_row WHERE id = $1"),
     .param = "one", .mild = "-1"},
    {DEED("bad literal", RW, "SELECT $1::text::uuid"), .param = "no-uuid",
     .mild = "12345678-9abc-def0-1234-56789abcdef0"},
    {DEED("too few parameters", RW, "SELECT $1::int, $2::int"), .flags = NAMED, .param = "1"},
    {DEED("two statements", RW, "SELECT 1; SELECT 2")},
    {DEED("two writes", W, "DELETE FROM same_row; DELETE FROM same_child")},
    {DEED("nothing", RW, ";")},
    {DEED("unique violation", W, "INSERT INTO same_row SELECT $1::int WHERE $1::int > 0"),
     .param = "1", .mild = "0"},
    {DEED("check violation", W, "UPDATE same_row SET word = $1 WHERE id = 1"), .param = "bad",
     .mild = "good"},
    {DEED("NOT NULL violation", W, "UPDATE same_row SET id = nullif(id, $1::int)"), .param = "2",
     .mild = "0"},
    {DEED("foreign key violation", W, "INSERT INTO same_child SELECT $1::int WHERE $1::int > 0"),
     .param = "99", .mild = "0"},
    {DEED("deferred foreign key violation", W,
          "INSERT INTO same_late SELECT $1::int WHERE $1::int > 0"),
     .param = "99", .mild = "0"},
    {DEED("state of its own", RW, "SELECT same_raise($1)"), .param = "U0001", .mild = ""},
    {DEED("40001", RW, "SELECT same_raise($1), 1"), .flags = FEW, .param = "40001", .mild = ""},
    {DEED("40001 in a write", W, "UPDATE same_row SET word = same_raise($1)"), .flags = FEW,
     .param = "40001", .mild = ""},
    {DEED("40P01", RW, "SELECT same_raise($1), 2"), .flags = FEW, .param = "40P01", .mild = ""},
    {DEED("55P03", RW, "SELECT same_raise($1), 3"), .param = "55P03", .mild = ""},
    {DEED("55P03 in a write", W, "UPDATE same_row SET word = same_raise($1), id = id"),
     .param = "55P03", .mild = ""},
    {DEED("57014", RW, "SELECT same_raise($1), 4"), .param = "57014", .mild = ""},
    {DEED("25001", RW, "SELECT same_raise($1), 5"), .param = "25001", .mild = ""},
    {DEED("2D000", RW, "SELECT same_raise($1), 6"), .param = "2D000", .mild = ""},
    {DEED("25P01", RW, "SELECT same_raise($1), 7"), .param = "25P01", .mild = ""},
    {DEED("26000", RW, "SELECT same_raise($1), 8"), .param = "26000", .mild = ""},
    {DEED("0A000", RW, "SELECT same_raise($1), 9"), .param = "0A000", .mild = ""},
    {DEED("25P02", RW, "SELECT same_raise($1), 10"), .param = "25P02", .mild = ""},
    {DEED("40003", RW, "SELECT same_raise($1), 11"), .flags = FEW, .param = "40003", .mild = ""},
    {DEED("57P01", RW, "SELECT same_raise($1), 12"), .param = "57P01", .mild = ""},
    {DEED("53300", RW, "SELECT same_raise($1), 13"), .param = "53300", .mild = ""},

    /* locks */
    {DEED("waits for a lock", W, "UPDATE same_row SET word = $1 WHERE id = 1"), .flags = FEW,
     .param = "mine", .hold_ms = 100},
    {DEED("waits for a lock too long", W, "UPDATE same_row SET word = $1, id = id WHERE id = 1"),
     .flags = FEW | LEAVES, .param = "late", .hold_ms = 400, .timeout_ms = 200},
    {DEED("NOWAIT", W, "SELECT id FROM same_row WHERE id = $1::int FOR UPDATE NOWAIT"),
     .flags = FEW, .param = "1", .mild = "2", .hold_ms = 100},
    {DEED("SKIP LOCKED", W, "SELECT id FROM same_row WHERE id = $1::int FOR UPDATE SKIP LOCKED"),
     .flags = FEW, .param = "1", .mild = "2", .hold_ms = 100},
    {DEED("LOCK", RW, "LOCK TABLE same_child IN ACCESS SHARE MODE")},
    {DEED("advisory lock", RW, "SELECT pg_advisory_lock(77)")},
    {DEED("advisory lock of a transaction", RW, "SELECT pg_advisory_xact_lock(78)")},
    {DEED("advisory lock, tried", RW, "SELECT pg_try_advisory_lock(79)")},
    {DEED("advisory lock of a transaction, tried", RW, "SELECT pg_try_advisory_xact_lock(80)")},
    {DEED("advisory unlock", RW, "SELECT pg_advisory_unlock_all()")},

    /* the session's state */
    {DEED("set_config", RW, "SELECT set_config('agdb.test', 'poison', false)"), .flags = FEW},
    {DEED("set_config local", RW, "SELECT set_config('agdb.test', 'poison', true)"), .flags = FEW},
    {DEED("set_config of a role", RW, "SELECT set_config('role', 'none', false)"), .flags = FEW},
    {DEED("set_config of the path", RW, "SELECT set_config('search_path', 'pg_catalog', false)"),
     .flags = FEW},
    {DEED("set_config by UPDATE", W,
          "UPDATE same_row SET word = set_config('agdb.test', 'poison', false)"),
     .flags = FEW},
    {DEED("SET", RW, "SET agdb.test = 'poison'"), .flags = FEW},
    {DEED("SET LOCAL", RW, "SET LOCAL agdb.test = 'poison'"), .flags = FEW},
    {DEED("SET search_path", RW, "SET search_path = pg_catalog"), .flags = FEW},
    {DEED("SET TimeZone", RW, "SET TIME ZONE 'Asia/Tokyo'"), .flags = FEW},
    {DEED("SET TRANSACTION", RW, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), .flags = FEW},
    {DEED("SET SESSION CHARACTERISTICS", RW,
          "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
     .flags = FEW},
    {DEED("SET CONSTRAINTS", RW, "SET CONSTRAINTS ALL IMMEDIATE"), .flags = FEW},
    {DEED("RESET", RW, "RESET agdb.test"), .flags = FEW},
    {DEED("LISTEN", RW, "LISTEN same_channel"), .flags = FEW},
    {DEED("UNLISTEN", RW, "UNLISTEN *"), .flags = FEW},
    {DEED("CREATE TEMP TABLE", RW, "CREATE TEMP TABLE same_temp (a int)"), .flags = FEW},
    {DEED("CREATE TEMP TABLE AS", RW, "CREATE TEMPORARY TABLE same_temp AS SELECT 1 AS a"),
     .flags = FEW},
    {DEED("SELECT INTO TEMP", RW, "SELECT 1 AS a INTO TEMP same_temp"), .flags = FEW},
    {DEED("PREPARE", RW, "PREPARE same_statement AS SELECT 1"), .flags = FEW},
    {DEED("EXECUTE", RW, "EXECUTE same_statement"), .flags = FEW},
    {DEED("DEALLOCATE", RW, "DEALLOCATE ALL"), .flags = FEW},
    {DEED("DECLARE WITH HOLD", RW, "DECLARE same_cursor CURSOR WITH HOLD FOR SELECT 1"),
     .flags = FEW},
    {DEED("FETCH", RW, "FETCH 1 FROM same_cursor"), .flags = FEW},
    {DEED("DISCARD", RW, "DISCARD ALL"), .flags = FEW},
    {DEED("DISCARD TEMP", RW, "DISCARD TEMP"), .flags = FEW},

    /* what ends transactions, or must not be in one */
    {DEED("BEGIN", RW, "BEGIN"), .flags = FEW},
    {DEED("START TRANSACTION", RW, "START TRANSACTION"), .flags = FEW},
    {DEED("COMMIT", RW, "COMMIT"), .flags = FEW},
    {DEED("ROLLBACK", RW, "ROLLBACK"), .flags = FEW},
    {DEED("SAVEPOINT", RW, "SAVEPOINT same_point"), .flags = FEW},
    {DEED("PREPARE TRANSACTION", RW, "PREPARE TRANSACTION 'same'"), .flags = FEW},
    {DEED("COPY", RW, "COPY same_row TO STDOUT"), .flags = FEW},
    {DEED("DO", RW, "DO $$ BEGIN INSERT INTO same_row VALUES (9, 'done'); END $$"), .flags = FEW},
    {DEED("CALL", RW, "CALL same_call($1::int)"), .flags = FEW, .param = "9"},
    {DEED("CALL that commits", RW, "CALL same_commit($1::int)"), .flags = FEW, .param = "9"},
    {DEED("CREATE TABLE", RW, "CREATE TABLE same_new (a int)"), .flags = FEW,
     .setup = "DROP TABLE IF EXISTS same_new"},
    {DEED("DROP TABLE", RW, "DROP TABLE same_new"), .flags = FEW,
     .setup = "CREATE TABLE IF NOT EXISTS same_new (a int)"},
    {DEED("TRUNCATE", RW, "TRUNCATE same_child"), .flags = FEW},
    {DEED("CREATE INDEX CONCURRENTLY", RW,
          "CREATE INDEX CONCURRENTLY same_index ON same_row (word)"),
     .flags = FEW, .setup = "DROP INDEX IF EXISTS same_index"},
    {DEED("DROP INDEX CONCURRENTLY", RW, "DROP INDEX CONCURRENTLY same_index"), .flags = FEW,
     .setup = "CREATE INDEX IF NOT EXISTS same_index ON same_row (word)"},
    {DEED("VACUUM", RW, "VACUUM same_row"), .flags = FEW},
    {DEED("ANALYZE", RW, "ANALYZE same_row"), .flags = FEW},
};

#endif
