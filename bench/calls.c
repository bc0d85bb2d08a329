/* bench_calls agdb MAP N | raw CONNINFO N: N point reads by one thread, each inside measured_call,
 * for a tool that counts the instructions of that function. */
#include <agencydb.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM = 50, READY_MS = 60000, OID_INT8 = 20 };

static const char k_sql[] = "SELECT id, payload FROM bench_row WHERE id = $1";

static agdb_t *g_db;
static PGconn *g_conn;

bool measured_call(int64_t id);

static bool call_agdb(int64_t id)
{
    agdb_result_t *res = NULL;
    bool right = agdb_query(g_db,
                            AGDB_REQUEST(.key = agdb_key("agency-0001"), .sql = k_sql,
                                         AGDB_PARAMS(agdb_int8(id)), .access = AGDB_READ,
                                         .timeout_ms = READY_MS, .tag = "bench.row"),
                            &res, NULL) == AGDB_OK &&
                 agdb_result_rows(res) == 1;

    agdb_result_free(res);
    return right;
}

static bool call_raw(int64_t id)
{
    static const int binary[] = {1};
    static const int lengths[] = {8};
    uint64_t wire = __builtin_bswap64((uint64_t)id);
    const char *const values[] = {(const char *)&wire};
    PGresult *res = PQexecPrepared(g_conn, "s0", 1, values, lengths, binary, 0);
    bool right = PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1;

    PQclear(res);
    return right;
}

__attribute__((noinline)) bool measured_call(int64_t id)
{
    return g_db != NULL ? call_agdb(id) : call_raw(id);
}

static bool open_agdb(const char *map)
{
    agdb_error_t *error = NULL;
    bool open = agdb_open(map, NULL, &g_db, &error) == AGDB_OK &&
                agdb_wait_ready(g_db, AGDB_READY_PRIMARIES, READY_MS, &error) == AGDB_OK;

    if (!open)
        fprintf(stderr, "bench_calls: %s\n", agdb_error_message(error));
    agdb_error_free(error);
    return open;
}

static bool open_raw(const char *conninfo)
{
    static const Oid types[] = {OID_INT8};
    PGresult *res;
    bool open;

    g_conn = PQconnectdb(conninfo);
    res = PQprepare(g_conn, "s0", k_sql, 1, types);
    open = PQresultStatus(res) == PGRES_COMMAND_OK;
    if (!open)
        fprintf(stderr, "bench_calls: %s", PQerrorMessage(g_conn));
    PQclear(res);
    return open;
}

int main(int argc, char **argv)
{
    bool right;
    long count;
    long i;

    if (argc != 4) {
        fprintf(stderr, "usage: bench_calls agdb|raw MAP|CONNINFO N\n");
        return 2;
    }
    right = strcmp(argv[1], "agdb") == 0 ? open_agdb(argv[2]) : open_raw(argv[2]);
    count = strtol(argv[3], NULL, 10) + WARM;
    for (i = 0; right && i < count; i++)
        right = measured_call(1 + i % 100);
    (void)agdb_close(g_db, 5000);
    PQfinish(g_conn);
    return right ? 0 : 1;
}
