/* What is known of statements on a pool's node (pool/learn.h), for who sends them. @threads any */
#ifndef AGDB_POOL_KNOWN_H
#define AGDB_POOL_KNOWN_H

#include "pool/learn.h"
#include "pool/pool.h"

/* NULL: it never rides, or not as things are (grouping is off; a write where commits wait). */
agdb__learnt_t *agdb__pool_learnt(agdb__pool_t *pool, const agdb__statement_t *statement);
/* agdb__learn_is_short, _may_ride, _is_excluded, _work_us and _way_us of this pool's. */
bool agdb__pool_is_short(agdb__pool_t *pool, agdb__learnt_t *learnt);
bool agdb__pool_lets_ride(agdb__pool_t *pool, agdb__learnt_t *learnt);
bool agdb__pool_excludes(const agdb__pool_t *pool, const agdb__learnt_t *learnt);
uint64_t agdb__pool_work_us(const agdb__pool_t *pool, const agdb__learnt_t *learnt, bool least);
uint64_t agdb__pool_way_us(const agdb__pool_t *pool);

#endif
