/* The shard map in memory: immutable, reference-counted, with every default merged in. Made by
 * map/load.c only. Everything hangs on one arena that goes with the last reference. */
#ifndef AGDB_MAP_MODEL_H
#define AGDB_MAP_MODEL_H

#include "agencydb/map.h"
#include "map/settings.h"

#include <stdatomic.h>

enum {
    AGDB__NO_SHARD = 0xFFFF, /* in tables of shard numbers */
    AGDB__SHARDS_MAX = 4096, /* of a keyspace */
    AGDB__NODES_MAX = 32,    /* of a shard */
    AGDB__KEYSPACES_MAX = 256
};

typedef enum agdb__node_state {
    AGDB__NODE_ACTIVE = 0,
    AGDB__NODE_NO_READS = 1, /* no replica reads; may be the primary */
    AGDB__NODE_OUT = 2       /* nothing but probes */
} agdb__node_state_t;

typedef struct agdb__map_node {
    const char *name; /* for errors and labels; default: host:port */
    const char *host; /* name, address, or absolute path of a socket directory */
    uint16_t port;
    const char *zone; /* or "" */
    agdb__node_state_t state;
    bool reads_never; /* a delayed replica */
    agdb__settings_t settings;
} agdb__map_node_t;

typedef struct agdb__slot_range {
    uint32_t first;
    uint32_t last; /* inclusive */
} agdb__slot_range_t;

typedef struct agdb__map_shard {
    const char *name;
    const char *region; /* or "" */
    uint64_t generation;
    const agdb__map_node_t *nodes; /* in the order of the file */
    size_t nnodes;
    const agdb__slot_range_t *ranges; /* ascending, joined */
    size_t nranges;
} agdb__map_shard_t;

typedef struct agdb__map_keyspace {
    const char *name;
    bool grouping;                   /* `grouping: off` is false */
    bool via_pgbouncer;              /* `via: pgbouncer` */
    const agdb__map_shard_t *shards; /* by the bytes of their names */
    size_t nshards;
    const uint16_t *owner; /* slot -> shard */
} agdb__map_keyspace_t;

typedef struct agdb__map_agency {
    const unsigned char *key;
    size_t key_len;
    uint64_t hash;
    bool frozen;         /* `writes: refuse` */
    const uint16_t *pin; /* keyspace -> shard, or AGDB__NO_SHARD */
} agdb__map_agency_t;

typedef struct agdb__digest {
    uint64_t high;
    uint64_t low;
} agdb__digest_t;

struct agdb_map {
    atomic_uint refs;
    struct agdb__arena *arena;
    uint64_t epoch;
    uint64_t moved_since;  /* 0: not given */
    agdb__digest_t digest; /* XXH3, 128 bits, of the text before expansion */
    const char *file;
    uint32_t slots;
    const agdb__map_keyspace_t *keyspaces; /* by the bytes of their names */
    size_t nkeyspaces;
    int default_keyspace;               /* -1: none */
    const agdb__map_agency_t *agencies; /* by the bytes of their keys */
    size_t nagencies;
    const uint32_t *agency_index; /* open addressing by hash: agency number + 1, 0 is empty */
    uint32_t agency_mask;
};

agdb_map_t *agdb__map_ref(agdb_map_t *map);
void agdb__map_unref(agdb_map_t *map);

/* The keyspace of that name (NULL: the default one); -1: there is none. */
int agdb__map_keyspace(const agdb_map_t *map, const char *name);
/* The shard of that name; -1: there is none. */
int agdb__map_shard(const agdb__map_keyspace_t *keyspace, const char *name);

#endif
