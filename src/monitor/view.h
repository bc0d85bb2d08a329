/* What a shard looks like, from what its nodes said. Pure. */
#ifndef AGDB_MONITOR_VIEW_H
#define AGDB_MONITOR_VIEW_H

#include "agencydb/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { AGDB__VIEW_NODES_MAX = 32, AGDB__NO_NODE = 0xFF };

typedef enum agdb__health {
    AGDB__HEALTH_UNSEEN = 0, /* not asked yet */
    AGDB__HEALTH_DOWN,       /* does not answer; may come back by itself */
    AGDB__HEALTH_REFUSED,    /* answers, but login, TLS or identity are wrong: a person must act */
    AGDB__HEALTH_UP
} agdb__health_t;

/* What is known of one node. */
typedef struct agdb__observation {
    agdb__health_t health;
    bool in_recovery;
    uint32_t timeline;
    uint64_t system_identifier;
    bool no_reads; /* as a replica: by the map (`state: no-reads`, `reads: never`), or because it
                      has not caught up since it came (back) */
    bool out;      /* from the map: `state: out` */
} agdb__observation_t;

/* What a shard remembers, so that a server that slept through a failover is not believed. */
typedef struct agdb__view_memory {
    uint32_t timeline;          /* highest of a primary ever seen; 0: none yet */
    uint64_t system_identifier; /* of the first primary seen; 0: none yet */
} agdb__view_memory_t;

/* A server of another cluster than the shard's. */
static inline bool agdb__view_is_foreign(const agdb__observation_t *node,
                                         const agdb__view_memory_t *memory)
{
    return memory->system_identifier != 0 && node->system_identifier != memory->system_identifier;
}

typedef enum agdb__shard_state {
    AGDB__SHARD_UNSEEN = 0, /* some node has not been asked yet, and no primary is known */
    AGDB__SHARD_READY,      /* there is a primary */
    AGDB__SHARD_NO_PRIMARY, /* all were asked: none is a primary; that may pass */
    AGDB__SHARD_REFUSED,    /* no node may be used, and waiting will not help */
    AGDB__SHARD_SPLIT       /* two primaries with the same timeline */
} agdb__shard_state_t;

typedef struct agdb__view {
    agdb__shard_state_t state;
    uint8_t primary;   /* AGDB__NO_NODE: none */
    uint32_t replicas; /* bit per node: may answer reads */
} agdb__view_t;

/* Primary is the node that says it is one, with the highest timeline; one that is behind the
 * memory, or whose system identifier is another, is none. Updates the memory. */
agdb__view_t agdb__view_compute(const agdb__observation_t *nodes, uint32_t count,
                                agdb__view_memory_t *memory);

/* Nodes, a bit each, that are no longer what the view before had them for: not the primary any
 * more, or neither replica nor primary. Who waits for one of them waits in vain. Pure. */
uint32_t agdb__view_leavers(agdb__view_t before, agdb__view_t now);

/* A view in one word, for atomic publication. */
uint64_t agdb__view_pack(agdb__view_t view);
agdb__view_t agdb__view_unpack(uint64_t word);

#endif
