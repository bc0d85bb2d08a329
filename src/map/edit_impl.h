/* What the kinds of edits share. Nothing outside of map/ includes this. */
#ifndef AGDB_MAP_EDIT_IMPL_H
#define AGDB_MAP_EDIT_IMPL_H

#include "base/error.h"
#include "map/diag.h"
#include "map/edit.h"
#include "map/entry.h"
#include "map/layout.h"
#include "map/quote.h"

typedef struct agdb__edit {
    const agdb_map_edit_t *ask;
    const agdb_map_t *map;
    agdb__arena_t *arena;
    const agdb__tree_t *root;
    agdb__layout_t layout;
    bool json;                      /* the file is JSON, and is to stay so */
    bool is_raised;                 /* the text has the new epoch already */
    size_t keyspace;                /* see agdb__edit_keyspace */
    const agdb__tree_t *shards_key; /* of the keyspace */
    agdb_error_t **reterr;
} agdb__edit_t;

/* --- edit.c: finding and saying --------------------------------------------------------------- */

/* Sets keyspace and shards_key from what is asked; fails when there is none of that name. */
agdb_status_t agdb__edit_keyspace(agdb__edit_t *e);
/* The key `shards` of a keyspace of the map. */
const agdb__tree_t *agdb__edit_shards(const agdb__edit_t *e, size_t keyspace);
/* The shard's number within the keyspace; -1 after an error. */
int agdb__edit_shard(agdb__edit_t *e, const char *name);
const agdb__tree_t *agdb__edit_shard_key(const agdb__edit_t *e, size_t shard);

/* A buffer for a new piece of text, and what was written into it, which then lives as long as the
 * edit. */
agdb__buf_t agdb__edit_piece(void);
const char *agdb__edit_keep(agdb__edit_t *e, agdb__buf_t *take);

/* Another text, or number or fixed word, for the scalar behind a key. */
agdb_status_t agdb__edit_set_text(agdb__edit_t *e, const agdb__tree_t *scalar, const char *text);
agdb_status_t agdb__edit_set_word(agdb__edit_t *e, const agdb__tree_t *scalar, const char *word);
/* Takes out the marked children of what stands behind `key`. */
agdb_status_t agdb__edit_drop(agdb__edit_t *e, const agdb__tree_t *key);

/* --- edit_agencies.c: the section `agencies:` ------------------------------------------------- */

agdb_status_t agdb__edit_check_key(agdb__edit_t *e, agdb_bytes_t key);
/* A key as a map writes it. */
const char *agdb__edit_key_text(agdb_bytes_t key, char buf[AGDB__KEY_TEXT]);
/* The agency's key in the map; NULL: the map does not speak of it. */
agdb__tree_t *agdb__edit_agency(const agdb__edit_t *e, agdb_bytes_t key);

/* Agencies of which the map does not speak yet. */
typedef struct agdb__agencies {
    const agdb_bytes_t *key;
    size_t count;
    const char *says; /* of each: "shard: west-1". Lives as long as the edit */
} agdb__agencies_t;

/* In the form of those beside them; with the section when it is not there. */
void agdb__edit_add_agencies(agdb__edit_t *e, const agdb__agencies_t *add);
/* Takes out the marked ones, and a section that nothing is left in. */
agdb_status_t agdb__edit_drop_agencies(agdb__edit_t *e);

/* --- the kinds ---------------------------------------------------------------------------------
 */

agdb_status_t agdb__edit_add_shard(agdb__edit_t *e);
agdb_status_t agdb__edit_add_node(agdb__edit_t *e);
agdb_status_t agdb__edit_node_state(agdb__edit_t *e);
agdb_status_t agdb__edit_pin(agdb__edit_t *e);
agdb_status_t agdb__edit_unpin(agdb__edit_t *e);
agdb_status_t agdb__edit_split(agdb__edit_t *e);
agdb_status_t agdb__edit_freeze(agdb__edit_t *e);
agdb_status_t agdb__edit_thaw(agdb__edit_t *e);

/* Adds a shard that owns these slots to the keyspace (edit_shards.c). */
agdb_status_t agdb__edit_new_shard(agdb__edit_t *e, const char *name, const bool *owned);
/* Makes a shard's list say that it owns these: it only loses slots, or only gains some
 * (edit_slots.c). */
agdb_status_t agdb__edit_set_slots(agdb__edit_t *e, size_t shard, const bool *owned);
/* A new set with the slots that a shard owns; an empty one for -1. NULL after an error. */
bool *agdb__edit_owned(agdb__edit_t *e, int shard);

#endif
