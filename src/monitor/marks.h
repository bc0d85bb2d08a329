/* How far a shard's nodes have come, as the keeper last heard it: it writes, callers whose reads
 * must be fresh look here. */
#ifndef AGDB_MONITOR_MARKS_H
#define AGDB_MONITOR_MARKS_H

#include "base/sync.h"
#include "monitor/fresh.h"
#include "monitor/samples.h"
#include "monitor/view.h"

/* A node that failed a guard is not asked for as much again for so long: the guard's way there and
 * back, and what may be replayed meanwhile. */
enum { AGDB__BEHIND_US = 5000 };

typedef struct agdb__mark {
    uint64_t lsn;
    uint32_t timeline;
    uint64_t lacks; /* what it had not replayed when it last failed a guard */
    uint64_t lacks_until_us;
} agdb__mark_t;

typedef struct agdb__marks {
    agdb__mutex_t lock;
    agdb__position_t history; /* lsn: unused. Under the lock, as are those below */
    agdb__samples_t samples;
    uint32_t nnodes;
    agdb__mark_t node[AGDB__VIEW_NODES_MAX];
} agdb__marks_t;

bool agdb__marks_init(agdb__marks_t *marks, uint32_t nnodes);
void agdb__marks_fini(agdb__marks_t *marks);

/* The keeper's: the shard's system identifier and newest timeline; where node `i` is (timeline 0:
 * it does not answer); where the primary was when it was asked. */
void agdb__marks_set_history(agdb__marks_t *marks, uint64_t system_identifier, uint32_t timeline);
void agdb__marks_set_node(agdb__marks_t *marks, uint32_t i, uint32_t timeline, uint64_t lsn);
void agdb__marks_add_sample(agdb__marks_t *marks, uint32_t timeline, uint64_t lsn, uint64_t at_us);

/* Another shard's history and samples, but not where its nodes are. The other is locked, this one
 * is new. */
void agdb__marks_inherit(agdb__marks_t *marks, agdb__marks_t *from);

/* Below: @threads any */
agdb__fresh_t agdb__marks_fresh(agdb__marks_t *marks, const agdb__position_t *need,
                                uint32_t replicas, uint64_t now_us);
/* Whether the position is still one of the shard's newest history. */
bool agdb__marks_are_of(agdb__marks_t *marks, const agdb__position_t *need);
/* agdb__samples_join. */
agdb__join_t agdb__marks_join(agdb__marks_t *marks, agdb__join_t before, uint64_t lsn,
                              uint64_t now_us, uint64_t age_us);
/* The position that shows the shard as it was at most `age_us` ago. False: nobody can know. */
bool agdb__marks_bound(agdb__marks_t *marks, uint64_t age_us, uint64_t now_us,
                       agdb__position_t *ret);
/* Node `i` has failed a guard: it had not replayed `lsn`. */
void agdb__marks_fell_behind(agdb__marks_t *marks, uint32_t i, uint64_t lsn, uint64_t now_us);
/* Of node `i`; 0: not known. */
uint32_t agdb__marks_timeline(agdb__marks_t *marks, uint32_t i);
/* How old what node `i` shows may be; AGDB__LAG_UNKNOWN. */
uint64_t agdb__marks_lag_us(agdb__marks_t *marks, uint32_t i, uint64_t now_us);

#endif
