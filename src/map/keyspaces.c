#include "map/load_impl.h"

#include <stdio.h>

#define KEYSPACE_KEYS "shards|grouping|via|" AGDB__SECTION_KEYS
#define SHARD_KEYS    "region|slots|nodes|generation|" AGDB__SECTION_KEYS

enum { WHAT_SIZE = AGDB__QUOTE_SIZE + 32 };

static const char *what_of(char buf[WHAT_SIZE], const char *kind, const agdb__tree_t *key)
{
    snprintf(buf, WHAT_SIZE, "%s '%s'", kind, AGDB__Q(key->text, key->len));
    return buf;
}

static void read_shard(agdb__load_t *l, agdb__tree_t *key, const agdb__level_t *around,
                       agdb__set_t *endpoints, agdb__map_shard_t *ret)
{
    char what[WHAT_SIZE];
    agdb__level_t level = *around;
    agdb__tree_t *region;
    agdb__tree_t *generation;

    ret->region = "";
    ret->name = agdb__key_name(l, key, "shard");
    if (ret->name == NULL) /* remarked on; other remarks may still speak of it */
        ret->name = key->text;
    if (!agdb__expect_mapping(l, key->of, key, what_of(what, "shard", key)))
        return;
    agdb__check_keys(l, key->of, what, SHARD_KEYS);
    region = agdb__at(key->of, "region");
    if (region != NULL) {
        const char *name = agdb__value_name(l, region, "region");
        ret->region = name != NULL ? name : "";
    }
    generation = agdb__at(key->of, "generation");
    if (generation != NULL)
        (void)agdb__value_uint(l, generation, "generation", 0, INT64_MAX, &ret->generation);
    agdb__level_read(l, key->of, &level);
    if (agdb__tree_key(key->of, "nodes") == NULL)
        agdb__diag_error(l->diag, key->line, key->column,
                         "%s has no nodes: add nodes: [ \"host:port\" ]", what);
    agdb__load_nodes(l, key, &level, endpoints, ret);
}

static void read_shards(agdb__load_t *l, agdb__tree_t *keyspace_key, const char *what,
                        const agdb__level_t *level, agdb__map_keyspace_t *ret)
{
    agdb__tree_t *key = agdb__tree_key(keyspace_key->of, "shards");
    agdb__set_t endpoints = {.arena = l->scratch};
    agdb__tree_t **sorted;
    agdb__map_shard_t *shards;
    size_t i;

    if (key == NULL) {
        agdb__diag_error(l->diag, keyspace_key->line, keyspace_key->column,
                         "%s has no shards: add shards: { NAME: { nodes: [ \"host:port\" ] } }",
                         what);
        return;
    }
    if (!agdb__expect_mapping(l, key->of, key, "shards"))
        return;
    if (key->of->count == 0 || key->of->count > AGDB__SHARDS_MAX) {
        agdb__diag_error(l->diag, key->line, key->column, "%s has %zu shards: 1 to %d are possible",
                         what, key->of->count, AGDB__SHARDS_MAX);
        return;
    }
    sorted = agdb__tree_sorted(l->scratch, key->of);
    shards = agdb__arena_array(l->arena, key->of->count, sizeof *shards);
    if (sorted == NULL || shards == NULL)
        return;
    for (i = 0; i < key->of->count; i++)
        read_shard(l, sorted[i], level, &endpoints, &shards[i]);
    ret->shards = shards;
    ret->nshards = key->of->count;
    agdb__load_slots(l, key, sorted, shards, ret);
}

static void read_keyspace(agdb__load_t *l, agdb__tree_t *key, agdb__map_keyspace_t *ret)
{
    char what[WHAT_SIZE];
    agdb__level_t level = *l->base;
    agdb__tree_t *grouping;
    agdb__tree_t *via;

    ret->grouping = true;
    ret->name = agdb__key_name(l, key, "keyspace");
    if (ret->name == NULL) /* remarked on; other remarks may still speak of it */
        ret->name = key->text;
    if (!agdb__expect_mapping(l, key->of, key, what_of(what, "keyspace", key)))
        return;
    agdb__check_keys(l, key->of, what, KEYSPACE_KEYS);
    grouping = agdb__at(key->of, "grouping");
    if (grouping != NULL) /* YAML tools rewrite off as false: both are the same here */
        ret->grouping = agdb__value_word(l, grouping, "grouping", "on|off|true|false") % 2 == 0;
    via = agdb__at(key->of, "via");
    if (via != NULL)
        ret->via_pgbouncer = agdb__value_word(l, via, "via", "pgbouncer") == 0;
    l->via_pgbouncer = ret->via_pgbouncer;
    agdb__level_read(l, key->of, &level);
    read_shards(l, key, what, &level, ret);
}

void agdb__load_keyspaces(agdb__load_t *l, agdb__tree_t *key)
{
    agdb__tree_t **sorted;
    agdb__map_keyspace_t *keyspaces;
    size_t i;

    if (!agdb__expect_mapping(l, key->of, key, "keyspaces"))
        return;
    if (key->of->count == 0 || key->of->count > AGDB__KEYSPACES_MAX) {
        agdb__diag_error(l->diag, key->line, key->column,
                         "the map has %zu keyspaces: 1 to %d are possible", key->of->count,
                         AGDB__KEYSPACES_MAX);
        return;
    }
    sorted = agdb__tree_sorted(l->scratch, key->of);
    keyspaces = agdb__arena_array(l->arena, key->of->count, sizeof *keyspaces);
    if (sorted == NULL || keyspaces == NULL)
        return;
    for (i = 0; i < key->of->count; i++)
        read_keyspace(l, sorted[i], &keyspaces[i]);
    l->map->keyspaces = keyspaces;
    l->map->nkeyspaces = key->of->count;
}
