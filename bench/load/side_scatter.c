/* The library: every thread asks all shards of the map at once. Each answers with the row. */
#include "load/ours.h"

static void *side_join(unsigned thread)
{
    (void)thread;
    return ours_client();
}

static bool is_right(const agdb_result_t *res, const operation_t *op)
{
    size_t i;

    if (agdb_result_leg_count(res) != agdb_shard_count(ours_client(), NULL))
        return false;
    for (i = 0; i < agdb_result_leg_count(res); i++)
        if (!ours_is_right(agdb_result_leg(res, i), op))
            return false;
    return true;
}

static bool side_run(void *own, const operation_t *op)
{
    agdb_value_t param;
    agdb_request_t request = ours_request(op, &param);
    agdb_result_t *res = NULL;
    agdb_error_t *error = NULL;
    bool right;

    request.key = agdb_key(NULL);
    request.scope = AGDB_ALL;
    if (agdb_query(own, &request, &res, &error) != AGDB_OK)
        return ours_failed(error);
    right = is_right(res, op);
    agdb_result_free(res);
    return right;
}

static void side_leave(void *own)
{
    (void)own;
}

const side_t k_side_scatter = {.name = "scatter",
                               .open = ours_open,
                               .join = side_join,
                               .run = side_run,
                               .leave = side_leave,
                               .close = ours_close};
