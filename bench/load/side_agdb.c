/* The library: every thread calls agdb_query on one client. */
#include "load/ours.h"

static void *side_join(unsigned thread)
{
    (void)thread;
    return ours_client();
}

static bool side_run(void *own, const operation_t *op)
{
    agdb_value_t param;
    agdb_request_t request = ours_request(op, &param);
    agdb_result_t *res = NULL;
    agdb_error_t *error = NULL;
    bool right;

    if (agdb_query(own, &request, &res, &error) != AGDB_OK)
        return ours_failed(error);
    right = ours_is_right(res, op);
    agdb_result_free(res);
    return right;
}

static bool side_sleep(void *own)
{
    agdb_error_t *error = NULL;

    if (agdb_query(own,
                   AGDB_REQUEST(.key = agdb_key("agency-0001"), .sql = k_sleep_sql,
                                AGDB_PARAMS(agdb_int8(1)), .access = AGDB_READ,
                                .timeout_ms = OURS_CALL_MS),
                   NULL, &error) != AGDB_OK)
        return ours_failed(error);
    return true;
}

static void side_leave(void *own)
{
    (void)own;
}

const side_t k_side_agdb = {.name = "agdb",
                            .open = ours_open,
                            .join = side_join,
                            .run = side_run,
                            .sleep = side_sleep,
                            .leave = side_leave,
                            .close = ours_close};
