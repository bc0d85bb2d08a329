/* What a client sees of its nodes, pools and callers at this moment, for all who show it:
 * agdb_status, agdb_metrics, agdb_dump. */
#ifndef AGDB_API_LOOK_H
#define AGDB_API_LOOK_H

#include "agencydb/status.h"
#include "client/client.h"
#include "map/quote.h"

/* A node in its shard. */
typedef struct agdb__look {
    agdb__view_t view;
    agdb__health_t health;
    bool is_primary;
    bool is_replica;
    uint32_t timeline; /* 0: neither primary nor replica, or not known yet */
    uint64_t lag_us;   /* 0 of the primary; AGDB__LAG_UNKNOWN */
} agdb__look_t;

agdb__look_t agdb__look_at(agdb__shard_entry_t *entry, uint32_t i);
uint32_t agdb__look_parked(agdb__shard_entry_t *entry);
/* How long no primary could be written to; 0: one can. */
uint64_t agdb__look_without_us(const agdb__shard_entry_t *entry, uint64_t now_us);

agdb_shard_state_t agdb__look_shard_state(agdb__shard_state_t state);
agdb_node_state_t agdb__look_node_state(agdb__health_t health);
/* "ready", "no-primary", ... */
const char *agdb__look_shard_word(agdb_shard_state_t state);
const char *agdb__look_node_word(agdb_node_state_t state);

/* Each pool of a map once; several shards may share one. */
typedef void (*agdb__pool_fn)(const agdb__endpoint_t *endpoint, const agdb__pool_gauges_t *gauges,
                              void *user);
void agdb__each_pool(const agdb__layout_t *layout, agdb__pool_fn each, void *user);

/* Accounts begin here. */
agdb__shard_account_t *agdb__first_shard(agdb_t *db);
agdb__pool_account_t *agdb__first_pool(agdb_t *db);

enum { AGDB__RANK_TEXT = AGDB__KEY_TEXT + 16 };

/* The name of an agency or a tag as a map spells it: what is no text in hex. What is cut short (not
 * inside a character) ends with its hash: two that begin alike would be one sample twice, which
 * Prometheus does not take. */
const char *agdb__rank_text(const agdb__rank_t *rank, char buf[AGDB__RANK_TEXT]);

#endif
