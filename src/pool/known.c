#include "pool/known.h"

#include "pool/pool_impl.h"

agdb__learnt_t *agdb__pool_learnt(agdb__pool_t *pool, const agdb__statement_t *statement)
{
    if (!pool->limits.grouping)
        return NULL;
    if (!statement->read_only && !atomic_load_explicit(&pool->cheap_commits, memory_order_relaxed))
        return NULL;
    return agdb__learn_find(&pool->learn, statement->hash ^ !statement->read_only);
}

bool agdb__pool_is_short(agdb__pool_t *pool, agdb__learnt_t *learnt)
{
    return agdb__learn_is_short(&pool->learn, learnt);
}

bool agdb__pool_lets_ride(agdb__pool_t *pool, agdb__learnt_t *learnt)
{
    return agdb__learn_may_ride(&pool->learn, learnt);
}

bool agdb__pool_excludes(const agdb__pool_t *pool, const agdb__learnt_t *learnt)
{
    return agdb__learn_is_excluded(&pool->learn, learnt);
}

uint64_t agdb__pool_work_us(const agdb__pool_t *pool, const agdb__learnt_t *learnt, bool least)
{
    return agdb__learn_work_us(&pool->learn, learnt, least);
}

uint64_t agdb__pool_way_us(const agdb__pool_t *pool)
{
    return agdb__learn_way_us(&pool->learn);
}
