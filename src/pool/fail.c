/* Errors of those who get no connection. */
#include "pool/pool_impl.h"

#include "base/error.h"

agdb_status_t agdb__pool_fail_closing(agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
    agdb__error_stage(reterr, AGDB_STAGE_QUEUE);
    return AGDB_E_CLOSING;
}

agdb_status_t agdb__pool_fail_fallen(agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_NO_PRIMARY, "is not the primary any more");
    agdb__error_stage(reterr, AGDB_STAGE_PARK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return AGDB_E_NO_PRIMARY;
}

/* Says which stage used up the time: a queue before busy connections, or none that came to be. */
agdb_status_t agdb__pool_fail_timeout(agdb__pool_t *pool, uint64_t waited_us, agdb_error_t **reterr)
{
    unsigned open = atomic_load_explicit(&pool->open, memory_order_relaxed);
    agdb_stage_t stage = (agdb_stage_t)atomic_load_explicit(&pool->stage, memory_order_relaxed);

    if (open > 0) {
        agdb__fail(reterr, AGDB_E_TIMEOUT, "no free connection in %llu ms (%u of %u busy)",
                   (unsigned long long)(waited_us / 1000), open, pool->limits.max);
        agdb__error_stage(reterr, AGDB_STAGE_QUEUE);
        agdb__error_retriable(reterr, true, 0);
        return AGDB_E_TIMEOUT;
    }
    agdb__fail(reterr, AGDB_E_TIMEOUT, "no connection in %llu ms (still %s)",
               (unsigned long long)(waited_us / 1000),
               stage == AGDB_STAGE_RESOLVE ? "resolving the name" : "connecting");
    agdb__error_stage(reterr, stage == AGDB_STAGE_RESOLVE ? stage : AGDB_STAGE_CONNECT);
    agdb__error_retriable(reterr, true, 0);
    return AGDB_E_TIMEOUT;
}
