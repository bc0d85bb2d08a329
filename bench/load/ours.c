#include "load/ours.h"

enum { READY_MS = 20000, CLOSE_MS = 10000 };

static struct {
    agdb_t *db;
    const workload_t *work;
    unsigned sides; /* that have it open */
} g_ours;

bool ours_failed(agdb_error_t *error)
{
    complain("agdb", agdb_error_message(error));
    agdb_error_free(error);
    return false;
}

bool ours_open(const options_t *options, const workload_t *work)
{
    static const agdb_options_t k_client = {.struct_size = sizeof k_client, .service = "bench"};
    agdb_ready_t what = options->replicas > 0 ? AGDB_READY_ALL : AGDB_READY_PRIMARIES;
    agdb_error_t *error = NULL;

    g_ours.work = work;
    if (g_ours.sides++ > 0)
        return true;
    if (options->map == NULL) {
        complain("agdb", "--map is missing");
        return false;
    }
    if (agdb_open(options->map, &k_client, &g_ours.db, &error) != AGDB_OK ||
        agdb_wait_ready(g_ours.db, what, READY_MS, &error) != AGDB_OK)
        return ours_failed(error);
    return true;
}

void ours_close(void)
{
    if (--g_ours.sides > 0)
        return;
    if (agdb_close(g_ours.db, CLOSE_MS) != AGDB_OK)
        complain("agdb", "calls were still running at the end");
    g_ours.db = NULL;
}

agdb_t *ours_client(void)
{
    return g_ours.db;
}

const workload_t *ours_work(void)
{
    return g_ours.work;
}

static bool has_row(const agdb_result_t *res, const operation_t *op)
{
    int64_t id = 0;

    if (op->counts_changes)
        return agdb_result_affected(res) == 1;
    return agdb_result_rows(res) == (size_t)op->rows &&
           agdb_result_int64(res, 0, 0, &id, NULL) == AGDB_OK && id == op->id;
}

bool ours_is_right(const agdb_result_t *res, const operation_t *op)
{
    if (has_row(res, op))
        return true;
    complain("agdb", "a wrong answer");
    return false;
}

static agdb_access_t access_of(const operation_t *op)
{
    if (op->access == ACCESS_WRITE)
        return AGDB_WRITE;
    return op->access == ACCESS_READ ? AGDB_READ : AGDB_READ_REPLICA_OK;
}

agdb_request_t ours_request(const operation_t *op, agdb_value_t *param)
{
    *param = agdb_int8(op->id);
    return (agdb_request_t){.struct_size = sizeof(agdb_request_t),
                            .key = agdb_key(op->key),
                            .sql = g_ours.work->sql[op->statement],
                            .params = param,
                            .nparams = 1,
                            .access = access_of(op),
                            .timeout_ms = OURS_CALL_MS};
}
