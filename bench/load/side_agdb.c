/* The library: every thread calls agdb_query on one client. */
#include "load/load.h"

#include <agencydb.h>
#include <stdio.h>

enum { READY_MS = 20000, CALL_MS = 60000, CLOSE_MS = 10000 };

static agdb_t *g_db;
static const workload_t *g_work;

static bool failed(agdb_error_t *error)
{
    complain("agdb", agdb_error_message(error));
    agdb_error_free(error);
    return false;
}

static bool side_open(const options_t *options, const workload_t *work)
{
    static const agdb_options_t k_client = {.struct_size = sizeof k_client, .service = "bench"};
    agdb_ready_t what = options->replicas > 0 ? AGDB_READY_ALL : AGDB_READY_PRIMARIES;
    agdb_error_t *error = NULL;

    g_work = work;
    if (options->map == NULL) {
        complain("agdb", "--map is missing");
        return false;
    }
    if (agdb_open(options->map, &k_client, &g_db, &error) != AGDB_OK ||
        agdb_wait_ready(g_db, what, READY_MS, &error) != AGDB_OK)
        return failed(error);
    return true;
}

static void *side_join(unsigned thread)
{
    (void)thread;
    return g_db;
}

static bool is_right(const agdb_result_t *res, const operation_t *op)
{
    int64_t id = 0;

    if (op->counts_changes)
        return agdb_result_affected(res) == 1;
    return agdb_result_rows(res) == (size_t)op->rows &&
           agdb_result_int64(res, 0, 0, &id, NULL) == AGDB_OK && id == op->id;
}

static agdb_access_t access_of(const operation_t *op)
{
    if (op->access == ACCESS_WRITE)
        return AGDB_WRITE;
    return op->access == ACCESS_READ ? AGDB_READ : AGDB_READ_REPLICA_OK;
}

static bool side_run(void *own, const operation_t *op)
{
    agdb_result_t *res = NULL;
    agdb_error_t *error = NULL;
    bool right;

    if (agdb_query(own,
                   AGDB_REQUEST(.key = agdb_key(op->key), .sql = g_work->sql[op->statement],
                                AGDB_PARAMS(agdb_int8(op->id)), .access = access_of(op),
                                .timeout_ms = CALL_MS),
                   &res, &error) != AGDB_OK)
        return failed(error);
    right = is_right(res, op);
    if (!right)
        complain("agdb", "a wrong answer");
    agdb_result_free(res);
    return right;
}

static bool side_sleep(void *own)
{
    agdb_error_t *error = NULL;

    if (agdb_query(own,
                   AGDB_REQUEST(.key = agdb_key("agency-0001"), .sql = k_sleep_sql,
                                AGDB_PARAMS(agdb_int8(1)), .access = AGDB_READ,
                                .timeout_ms = CALL_MS),
                   NULL, &error) != AGDB_OK)
        return failed(error);
    return true;
}

static void side_leave(void *own)
{
    (void)own;
}

static void side_close(void)
{
    if (agdb_close(g_db, CLOSE_MS) != AGDB_OK)
        complain("agdb", "calls were still running at the end");
    g_db = NULL;
}

const side_t k_side_agdb = {.name = "agdb",
                            .open = side_open,
                            .join = side_join,
                            .run = side_run,
                            .sleep = side_sleep,
                            .leave = side_leave,
                            .close = side_close};
