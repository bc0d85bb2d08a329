#include "pg/rows.h"

#include <libpq-fe.h>
#include <string.h>

/* PGRESULT_DATA_BLOCKSIZE of libpq, and what it keeps for each value besides its bytes. */
enum { BLOCK = 2048, PER_VALUE = 32 };

size_t agdb__rows_count(const PGresult *rows)
{
    return (size_t)PQntuples(rows);
}

size_t agdb__rows_cols(const PGresult *rows)
{
    return (size_t)PQnfields(rows);
}

const char *agdb__rows_column_name(const PGresult *rows, size_t col)
{
    return PQfname(rows, (int)col);
}

uint32_t agdb__rows_column_oid(const PGresult *rows, size_t col)
{
    return PQftype(rows, (int)col);
}

bool agdb__rows_are_selected(const PGresult *rows)
{
    return PQresultStatus(rows) == PGRES_TUPLES_OK &&
           strncmp(PQcmdStatus((PGresult *)rows), "SELECT", 6) == 0;
}

int agdb__rows_column(const PGresult *rows, const char *name)
{
    const int cols = PQnfields(rows);
    int i;

    for (i = 0; i < cols; i++)
        if (strcmp(PQfname(rows, i), name) == 0)
            return i;
    return -1;
}

const char *agdb__rows_value(const PGresult *row, size_t col, size_t *ret_len)
{
    *ret_len = 0;
    if (PQgetisnull(row, 0, (int)col) != 0)
        return NULL;
    *ret_len = (size_t)PQgetlength(row, 0, (int)col);
    return PQgetvalue(row, 0, (int)col);
}

PGresult *agdb__rows_like(const PGresult *row)
{
    return PQcopyResult(row, PG_COPYRES_ATTRS);
}

bool agdb__rows_add(PGresult *rows, const PGresult *row)
{
    const int cols = PQnfields(row);
    const int at = PQntuples(rows);
    int i;

    for (i = 0; i < cols; i++) {
        const bool null = PQgetisnull(row, 0, i) != 0;

        /* its declaration lacks a const */
        if (PQsetvalue(rows, at, i, null ? NULL : PQgetvalue(row, 0, i),
                       null ? -1 : PQgetlength(row, 0, i)) == 0)
            return false;
    }
    return true;
}

size_t agdb__rows_bytes(const PGresult *rows)
{
    return PQresultMemorySize(rows);
}

size_t agdb__rows_cost(const PGresult *row)
{
    const int cols = PQnfields(row);
    size_t cost = BLOCK;
    int i;

    for (i = 0; i < cols; i++)
        cost += PER_VALUE + (size_t)PQgetlength(row, 0, i);
    return cost;
}
