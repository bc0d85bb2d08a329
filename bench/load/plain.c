#include "load/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OID_INT8 = 20 };

bool plain_open(plain_t *plain, const char *conninfo)
{
    *plain = (plain_t){.conn = PQconnectdb(conninfo)};
    if (PQstatus(plain->conn) == CONNECTION_OK)
        return true;
    (void)fprintf(stderr, "bench_load: %s", PQerrorMessage(plain->conn));
    return false;
}

void plain_close(plain_t *plain)
{
    PQfinish(plain->conn);
    plain->conn = NULL;
}

static bool is_right(const PGresult *res, const operation_t *op)
{
    if (op->counts_changes)
        return PQresultStatus(res) == PGRES_COMMAND_OK &&
               strcmp(PQcmdTuples((PGresult *)res), "1") == 0;
    return PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == op->rows &&
           strtoll(PQgetvalue(res, 0, 0), NULL, 10) == op->id;
}

static bool prepare(plain_t *plain, const char *name, const char *sql, unsigned statement)
{
    static const Oid types[] = {OID_INT8};
    PGresult *res = PQprepare(plain->conn, name, sql, 1, types);

    plain->prepared[statement] = PQresultStatus(res) == PGRES_COMMAND_OK;
    PQclear(res);
    return plain->prepared[statement];
}

/* `name` is NULL: without preparing it. */
static PGresult *execute(plain_t *plain, const char *name, const char *sql, unsigned statement,
                         int64_t id)
{
    static const Oid types[] = {OID_INT8};
    static const int binary[] = {1};
    static const int lengths[] = {8};
    uint64_t wire = __builtin_bswap64((uint64_t)id);
    const char *const values[] = {(const char *)&wire};

    if (name == NULL)
        return PQexecParams(plain->conn, sql, 1, types, values, lengths, binary, 0);
    if (!plain->prepared[statement] && !prepare(plain, name, sql, statement))
        return NULL;
    return PQexecPrepared(plain->conn, name, 1, values, lengths, binary, 0);
}

bool plain_run(plain_t *plain, const workload_t *work, const operation_t *op, bool unnamed,
               const char *side)
{
    PGresult *res = execute(plain, unnamed ? NULL : work->name_of[op->statement],
                            work->sql[op->statement], op->statement, op->id);
    bool right = is_right(res, op);

    if (!right)
        complain(side, PQresultStatus(res) == PGRES_TUPLES_OK ? "a wrong answer"
                                                              : PQerrorMessage(plain->conn));
    PQclear(res);
    return right;
}

bool plain_command(plain_t *plain, const char *sql, const char *answer, const char *side)
{
    PGresult *res = PQexec(plain->conn, sql);
    bool done = PQresultStatus(res) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(res), answer) == 0;

    if (!done)
        complain(side, PQresultStatus(res) == PGRES_COMMAND_OK ? PQcmdStatus(res)
                                                               : PQerrorMessage(plain->conn));
    PQclear(res);
    return done;
}

bool plain_sleep(plain_t *plain, const char *side)
{
    PGresult *res = execute(plain, "sleep", k_sleep_sql, MAX_STATEMENTS - 1, 1);
    bool right = PQresultStatus(res) == PGRES_TUPLES_OK;

    if (!right)
        complain(side, PQerrorMessage(plain->conn));
    PQclear(res);
    return right;
}
