#include "load/census.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

/* The client's probe asks for the server's role; it carries no requests. */
static const char k_sql[] =
    "SELECT count(*), count(*) FILTER (WHERE clock_timestamp() - query_start < '100 ms')"
    " FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
    " AND query NOT LIKE '%pg_is_in_recovery%'";

static PGconn *g_conn;

bool census_open(const char *conninfo)
{
    g_conn = PQconnectdb(conninfo);
    if (PQstatus(g_conn) == CONNECTION_OK)
        return true;
    (void)fprintf(stderr, "bench_load: census: %s", PQerrorMessage(g_conn));
    return false;
}

bool census_take(census_t *census)
{
    PGresult *res = PQexec(g_conn, k_sql);

    census->taken = PQresultStatus(res) == PGRES_TUPLES_OK;
    if (census->taken) {
        census->open = (int)strtol(PQgetvalue(res, 0, 0), NULL, 10);
        census->used = (int)strtol(PQgetvalue(res, 0, 1), NULL, 10);
    } else {
        (void)fprintf(stderr, "bench_load: census: %s", PQerrorMessage(g_conn));
    }
    PQclear(res);
    return census->taken;
}

void census_close(void)
{
    PQfinish(g_conn);
    g_conn = NULL;
}
