/* What a client knows of its shards and nodes at this moment: for health checks, dashboards, and
 * the person who asks why a shard has no primary. */
#ifndef AGENCYDB_STATUS_H
#define AGENCYDB_STATUS_H

#include "agencydb/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a shard takes writes. */
typedef enum agdb_shard_state {
    AGDB_SHARD_UNSEEN = 0,     /* some nodes have not been asked yet, and no primary is known */
    AGDB_SHARD_READY = 1,      /* has a primary */
    AGDB_SHARD_NO_PRIMARY = 2, /* all were asked, none is the primary: calls park */
    AGDB_SHARD_REFUSED = 3,    /* no node may be used: a person must act */
    AGDB_SHARD_SPLIT = 4       /* two primaries of one timeline: writes are refused */
} agdb_shard_state_t;

/* Whether a node can be used. */
typedef enum agdb_node_state {
    AGDB_NODE_UNSEEN = 0,  /* not asked yet */
    AGDB_NODE_DOWN = 1,    /* does not answer */
    AGDB_NODE_REFUSED = 2, /* answers; login, TLS or identity are wrong: a person must act */
    AGDB_NODE_UP = 3
} agdb_node_state_t;

/* One node. Texts are borrowed until the function that gets it returns, and never NULL. */
typedef struct agdb_node_info {
    size_t struct_size; /* of the library's struct: fields beyond it are not there */
    const char *keyspace;
    const char *shard;
    const char *region; /* "" when the map has none */
    const char *node;
    const char *zone; /* "" when the map has none */
    agdb_shard_state_t shard_state;
    uint32_t parked; /* calls that wait for the shard to have a usable node */
    agdb_node_state_t state;
    bool is_primary;   /* writes go there */
    bool is_replica;   /* reads that may be old go there */
    uint32_t timeline; /* 0: neither primary nor replica, or not known yet */
    int64_t lag_ms;    /* how old what it shows is, at most; 0 for the primary, -1: not known. Nodes
                          are asked every second, so an idle replica shows up to 1000 */
    uint32_t open;     /* connections of this process */
    uint32_t waiting;  /* calls that wait for one */
    const char *reason; /* why it is not up, or neither primary nor replica; "" */
} agdb_node_info_t;

/* Called once for each node. */
typedef void (*agdb_node_fn)(const agdb_node_info_t *node, void *user);

/* Shows every node, shard after shard in the order of their names, nodes as in the map. No I/O:
 * what the keeper last heard. `each` must not call the library for this client.
 * @param db      the client
 * @param each    not NULL
 * @param user    for it
 * @param reterr  may be NULL
 * @return AGDB_OK, AGDB_E_MISUSE, AGDB_E_CLOSING, AGDB_E_FORKED
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_status(agdb_t *db, agdb_node_fn each, void *user,
                                                agdb_error_t **reterr);

/* Writes all that a person asks about a client at this moment as one JSON object: version, process,
 * map, and older maps that calls are still on; keyspaces, shards and nodes with role, state,
 * reason, lag, timeline, latency and counters; pools; the agencies and tags that have the most
 * calls. Later versions may add members. Never SQL, parameters or passwords. No I/O.
 * @param db      the client
 * @param write   gets the text; must not call the library for this client
 * @param user    for it
 * @param reterr  may be NULL
 * @return AGDB_OK, AGDB_E_MISUSE, AGDB_E_NOMEM (nothing was written), AGDB_E_CLOSING, AGDB_E_FORKED
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_dump(agdb_t *db, agdb_text_fn write, void *user,
                                              agdb_error_t **reterr);

#ifdef __cplusplus
}
#endif
#endif
