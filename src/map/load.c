#include "map/load.h"

#include "base/alloc.h"
#include "base/error.h"
#include "map/file.h"
#include "map/hash.h"
#include "map/load_impl.h"
#include "map/suggest.h"

#define TOP_KEYS      "agencydb|epoch|hash|default_keyspace|moved_since|defaults|keyspaces|agencies"
#define LEVEL_KEYS    AGDB__SECTION_KEYS
#define HASH_KEYS     "algorithm|slots"
#define SLOTS_ALLOWED "64|128|256|512|1024|2048|4096|8192|16384|32768|65536"

enum { FORMAT = 1, DEFAULT_SLOTS = 4096, DEFAULT_EPOCH = 1 };

static void load_format(agdb__load_t *l, const agdb__tree_t *root)
{
    agdb__tree_t *format = agdb__at(root, "agencydb");

    if (agdb__tree_key(root, "agencydb") == NULL)
        agdb__diag_error(l->diag, root->line, root->column,
                         "agencydb is missing: a map starts with `agencydb: 1`");
    else if (format != NULL)
        (void)agdb__value_word(l, format, "agencydb", "1");
}

static void load_epoch(agdb__load_t *l, const agdb__tree_t *root)
{
    agdb__tree_t *epoch = agdb__at(root, "epoch");
    agdb__tree_t *moved = agdb__at(root, "moved_since");
    bool known = true;

    l->map->epoch = DEFAULT_EPOCH;
    if (epoch != NULL)
        known = agdb__value_uint(l, epoch, "epoch", 1, INT64_MAX, &l->map->epoch);
    if (moved == NULL ||
        !agdb__value_uint(l, moved, "moved_since", 1, INT64_MAX, &l->map->moved_since) || !known)
        return;
    if (l->map->moved_since >= l->map->epoch)
        agdb__diag_error(l->diag, moved->line, moved->column,
                         "moved_since: %s is not below the epoch: it names the epoch of the map "
                         "before",
                         AGDB__SHOWN(moved));
}

static void load_hash(agdb__load_t *l, agdb__tree_t *key)
{
    agdb__tree_t *algorithm;
    agdb__tree_t *slots;
    int word;

    l->map->slots = DEFAULT_SLOTS;
    if (key == NULL || !agdb__expect_mapping(l, key->of, key, "hash"))
        return;
    agdb__check_keys(l, key->of, "hash", HASH_KEYS);
    algorithm = agdb__at(key->of, "algorithm");
    if (algorithm != NULL)
        (void)agdb__value_word(l, algorithm, "hash.algorithm", "xxh3_64");
    slots = agdb__at(key->of, "slots");
    word = slots != NULL ? agdb__value_word(l, slots, "hash.slots", SLOTS_ALLOWED) : -1;
    if (word >= 0)
        l->map->slots = 64u << word;
}

static void load_defaults(agdb__load_t *l, agdb__tree_t *key)
{
    if (key == NULL || !agdb__expect_mapping(l, key->of, key, "defaults"))
        return;
    agdb__check_keys(l, key->of, "defaults", LEVEL_KEYS);
    agdb__level_read(l, key->of, l->base);
}

static void unknown_default(agdb__load_t *l, const agdb__tree_t *node)
{
    agdb__nearest_t nearest = {.text = node->value, .len = node->value_len};
    size_t i;

    for (i = 0; i < l->map->nkeyspaces; i++)
        agdb__nearest_offer(&nearest, l->map->keyspaces[i].name, strlen(l->map->keyspaces[i].name));
    if (nearest.name != NULL && !node->is_expanded)
        agdb__diag_error(l->diag, node->line, node->column,
                         "default_keyspace: the map has no keyspace %s: did you mean '%s'?",
                         AGDB__SHOWN(node), nearest.name);
    else
        agdb__diag_error(l->diag, node->line, node->column,
                         "default_keyspace: the map has no keyspace %s", AGDB__SHOWN(node));
}

static void load_default_keyspace(agdb__load_t *l, const agdb__tree_t *root,
                                  const agdb__tree_t *keyspaces)
{
    agdb__tree_t *node = agdb__at(root, "default_keyspace");

    l->map->default_keyspace = l->map->nkeyspaces == 1 ? 0 : -1;
    if (l->map->nkeyspaces == 0)
        return;
    if (agdb__tree_key(root, "default_keyspace") == NULL) {
        if (l->map->nkeyspaces > 1)
            agdb__diag_error(l->diag, keyspaces->line, keyspaces->column,
                             "default_keyspace is missing: with %zu keyspaces the map says which "
                             "one is meant when a request names none",
                             l->map->nkeyspaces);
        return;
    }
    if (node == NULL || !agdb__value_text(l, node, "default_keyspace", 1, SIZE_MAX))
        return;
    agdb__warn_rewritten(l, node);
    l->map->default_keyspace = agdb__map_keyspace(l->map, node->value);
    if (l->map->default_keyspace < 0)
        unknown_default(l, node);
}

static void load_tree(agdb__load_t *l, agdb__tree_t *root)
{
    agdb__tree_t *keyspaces;
    agdb__tree_t *agencies;

    if (!agdb__expect_mapping(l, root, NULL, "a shard map"))
        return;
    agdb__check_keys(l, root, "the map", TOP_KEYS);
    load_format(l, root);
    load_epoch(l, root);
    load_hash(l, agdb__tree_key(root, "hash"));
    load_defaults(l, agdb__tree_key(root, "defaults"));
    keyspaces = agdb__tree_key(root, "keyspaces");
    if (keyspaces != NULL)
        agdb__load_keyspaces(l, keyspaces);
    else
        agdb__diag_error(l->diag, root->line, root->column,
                         "keyspaces is missing: add keyspaces: { NAME: { shards: { NAME: { nodes: "
                         "[ \"host:port\" ] } } } }");
    load_default_keyspace(l, root, keyspaces);
    agencies = agdb__tree_key(root, "agencies");
    if (agencies != NULL)
        agdb__load_agencies(l, agencies);
}

/* The status of the end: memory first, since remarks may be missing then. */
static agdb_status_t conclude(const agdb__load_t *l, agdb_error_t **reterr)
{
    if (agdb__arena_failed(l->arena) || agdb__arena_failed(l->scratch))
        return agdb__fail_nomem(reterr);
    return agdb__diag_status(l->diag, reterr);
}

static agdb_status_t build(agdb__load_t *l, const char *text, size_t len, agdb_error_t **reterr)
{
    agdb__tree_t *root;

    l->map = agdb__arena_alloc(l->arena, sizeof *l->map);
    l->base = agdb__arena_alloc(l->scratch, sizeof *l->base);
    if (l->map == NULL || l->base == NULL)
        return agdb__fail_nomem(reterr);
    atomic_init(&l->map->refs, 1);
    l->map->arena = l->arena;
    l->map->digest = agdb__hash_text(text, len);
    l->map->file = agdb__arena_text(l->arena, l->diag->file, strlen(l->diag->file));
    agdb__level_init(l->base);
    root = agdb__yaml_parse(l->scratch, l->diag, text, len);
    if (root != NULL)
        load_tree(l, root);
    agdb__diag_finish(l->diag);
    return conclude(l, reterr);
}

/* Hands the remarks out when there are any. */
static void hand_out(agdb_diagnostics_t *take_diag, agdb_diagnostics_t **ret_diag)
{
    if (ret_diag != NULL && take_diag != NULL && take_diag->nitems > 0)
        *ret_diag = take_diag;
    else
        agdb__diag_free(take_diag);
}

static agdb_status_t load(const char *text, size_t len, const char *path, agdb_diagnostics_t *diag,
                          agdb_map_t **ret, agdb_error_t **reterr)
{
    agdb_status_t st;
    char *folder = NULL;
    bool has_folder = agdb__file_folder(path, &folder);
    agdb__load_t l = {.diag = diag, .folder = folder};

    l.arena = agdb__arena_new();
    l.scratch = agdb__arena_new();
    l.logins.arena = l.scratch;
    if (!has_folder || l.arena == NULL || l.scratch == NULL) {
        st = agdb__fail_nomem(reterr);
        goto out;
    }
    st = build(&l, text, len, reterr);
    if (st == AGDB_OK) {
        *ret = l.map;
        l.arena = NULL; /* the map owns it now */
    }
out:
    agdb__arena_free(l.arena);
    agdb__arena_free(l.scratch);
    agdb__free(folder);
    return st;
}

agdb_status_t agdb__map_load_text(const char *text, size_t len, const char *name, agdb_map_t **ret,
                                  agdb_diagnostics_t **ret_diag, agdb_error_t **reterr)
{
    agdb_diagnostics_t *diag = agdb__diag_new(name);
    agdb_status_t st;

    if (diag == NULL)
        return agdb__fail_nomem(reterr);
    st = load(text, len, NULL, diag, ret, reterr);
    hand_out(diag, ret_diag);
    return st;
}

agdb_status_t agdb__map_load_file(const char *path, agdb_map_t **ret, agdb_diagnostics_t **ret_diag,
                                  agdb_error_t **reterr)
{
    agdb_diagnostics_t *diag = agdb__diag_new(path);
    agdb_status_t st;
    char *text = NULL;
    size_t len = 0;

    if (diag == NULL)
        return agdb__fail_nomem(reterr);
    if (agdb__file_read(path, diag, &text, &len))
        st = load(text, len, path, diag, ret, reterr);
    else
        st = agdb__diag_status(diag, reterr);
    agdb__free(text);
    hand_out(diag, ret_diag);
    return st;
}
