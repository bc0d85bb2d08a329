#include "map/edit.h"

#include "map/edit_impl.h"
#include "map/load.h"
#include "map/suggest.h"

#include <stdio.h>

enum { PIECE_MAX = 2 * AGDB__MAP_BYTES_MAX };

/* --- finding -----------------------------------------------------------------------------------
 */

/* A keyspace and a shard both begin with their name. */
static agdb_status_t unknown(agdb__edit_t *e, const char *what, const char *name,
                             const agdb__nearest_t *nearest)
{
    if (nearest->name != NULL)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "%s '%s': did you mean '%s'?", what,
                          AGDB__Q(name, strlen(name)), nearest->name);
    return agdb__fail(e->reterr, AGDB_E_INVAL, "%s '%s'", what, AGDB__Q(name, strlen(name)));
}

static agdb_status_t unknown_keyspace(agdb__edit_t *e, const char *name)
{
    agdb__nearest_t nearest = {.text = name, .len = strlen(name)};
    size_t i;

    for (i = 0; i < e->map->nkeyspaces; i++)
        agdb__nearest_offer(&nearest, e->map->keyspaces[i].name, strlen(e->map->keyspaces[i].name));
    return unknown(e, "the map has no keyspace", name, &nearest);
}

const agdb__tree_t *agdb__edit_shards(const agdb__edit_t *e, size_t keyspace)
{
    const agdb__tree_t *all = agdb__tree_key(e->root, "keyspaces");
    const agdb__tree_t *one = agdb__tree_key(all->of, e->map->keyspaces[keyspace].name);

    return agdb__tree_key(one->of, "shards");
}

agdb_status_t agdb__edit_keyspace(agdb__edit_t *e)
{
    const int found = agdb__map_keyspace(e->map, e->ask->keyspace);

    if (found < 0)
        return unknown_keyspace(e, e->ask->keyspace);
    e->keyspace = (size_t)found;
    e->shards_key = agdb__edit_shards(e, e->keyspace);
    return AGDB_OK;
}

int agdb__edit_shard(agdb__edit_t *e, const char *name)
{
    const agdb__map_keyspace_t *keyspace = &e->map->keyspaces[e->keyspace];
    const int found = agdb__map_shard(keyspace, name);
    agdb__nearest_t nearest = {.text = name, .len = strlen(name)};
    char what[96];
    size_t i;

    if (found >= 0)
        return found;
    for (i = 0; i < keyspace->nshards; i++)
        agdb__nearest_offer(&nearest, keyspace->shards[i].name, strlen(keyspace->shards[i].name));
    snprintf(what, sizeof what, "keyspace '%s' has no shard", keyspace->name);
    (void)unknown(e, what, name, &nearest);
    return -1;
}

const agdb__tree_t *agdb__edit_shard_key(const agdb__edit_t *e, size_t shard)
{
    return agdb__tree_key(e->shards_key->of, e->map->keyspaces[e->keyspace].shards[shard].name);
}

/* --- saying ------------------------------------------------------------------------------------
 */

agdb__buf_t agdb__edit_piece(void)
{
    agdb__buf_t piece;

    agdb__buf_init(&piece, PIECE_MAX);
    return piece;
}

const char *agdb__edit_keep(agdb__edit_t *e, agdb__buf_t *take)
{
    const char *text = NULL;

    if (!take->failed)
        text = agdb__arena_text(e->arena, take->data != NULL ? take->data : "", take->len);
    else
        (void)agdb__arena_array(e->arena, SIZE_MAX, SIZE_MAX); /* it remembers */
    agdb__buf_fini(take);
    return text != NULL ? text : "";
}

static agdb_status_t set(agdb__edit_t *e, const agdb__tree_t *scalar, const char *raw,
                         const char *plain)
{
    if (strchr(scalar->text, '$') != NULL)
        return agdb__fail(e->reterr, AGDB_E_UNSUPPORTED,
                          "line %u: '%s' comes from the environment: change it there, or write the "
                          "value itself",
                          scalar->line, AGDB__Q(scalar->text, scalar->len));
    agdb__layout_replace(&e->layout, scalar, raw, plain);
    return AGDB_OK;
}

agdb_status_t agdb__edit_set_text(agdb__edit_t *e, const agdb__tree_t *scalar, const char *text)
{
    agdb__buf_t plain = agdb__edit_piece();

    agdb__entry_text(&plain, text, strlen(text), e->json);
    return set(e, scalar, text, agdb__edit_keep(e, &plain));
}

agdb_status_t agdb__edit_set_word(agdb__edit_t *e, const agdb__tree_t *scalar, const char *word)
{
    agdb__buf_t plain = agdb__edit_piece();
    agdb__buf_t quoted = agdb__edit_piece();

    agdb__entry_word(&plain, word, e->json);
    agdb__buf_text(&quoted, word);
    word = agdb__edit_keep(e, &quoted);
    return set(e, scalar, word, agdb__edit_keep(e, &plain));
}

agdb_status_t agdb__edit_drop(agdb__edit_t *e, const agdb__tree_t *key)
{
    if (agdb__layout_drop(&e->layout, key))
        return AGDB_OK;
    return agdb__fail(e->reterr, AGDB_E_UNSUPPORTED,
                      "line %u: '%s' is written in a form that cannot be edited here: give each of "
                      "its entries a line of its own",
                      key->line, AGDB__Q(key->text, key->len));
}

/* --- epoch and moved_since ---------------------------------------------------------------------
 */

/* A line that is missing, behind the one that it belongs to. */
static void add_number(agdb__edit_t *e, const agdb__tree_t *after, const char *name,
                       uint64_t number)
{
    agdb__buf_t line = agdb__edit_piece();

    agdb__entry_key(&line, name, e->json);
    agdb__buf_printf(&line, "%llu", (unsigned long long)number);
    agdb__layout_add(&e->layout, e->root, after, agdb__edit_keep(e, &line));
}

static agdb_status_t set_number(agdb__edit_t *e, const agdb__tree_t *key, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return agdb__edit_set_word(e, key->of, text);
}

static agdb_status_t raise_epoch(agdb__edit_t *e)
{
    const agdb__tree_t *epoch = agdb__tree_key(e->root, "epoch");
    const agdb__tree_t *moved = agdb__tree_key(e->root, "moved_since");
    const agdb__tree_t *after = epoch != NULL ? epoch : agdb__tree_key(e->root, "agencydb");
    agdb_status_t st = AGDB_OK;

    if (e->map->epoch >= INT64_MAX)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "epoch %llu is the last one",
                          (unsigned long long)e->map->epoch);
    if (epoch != NULL)
        st = set_number(e, epoch, e->map->epoch + 1);
    else
        add_number(e, after, "epoch", e->map->epoch + 1);
    if (!e->ask->moved || st != AGDB_OK)
        return st;
    if (moved != NULL)
        return set_number(e, moved, e->map->epoch);
    add_number(e, after, "moved_since", e->map->epoch);
    return AGDB_OK;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static agdb_status_t dispatch(agdb__edit_t *e)
{
    switch (e->ask->kind) {
    case AGDB_EDIT_BUMP:
        return AGDB_OK;
    case AGDB_EDIT_ADD_SHARD:
        return agdb__edit_add_shard(e);
    case AGDB_EDIT_ADD_NODE:
        return agdb__edit_add_node(e);
    case AGDB_EDIT_PIN:
        return agdb__edit_pin(e);
    case AGDB_EDIT_UNPIN:
        return agdb__edit_unpin(e);
    case AGDB_EDIT_NODE_STATE:
        return agdb__edit_node_state(e);
    case AGDB_EDIT_SPLIT:
        return agdb__edit_split(e);
    case AGDB_EDIT_FREEZE:
        return agdb__edit_freeze(e);
    case AGDB_EDIT_THAW:
        return agdb__edit_thaw(e);
    }
    return agdb__fail(e->reterr, AGDB_E_INVAL, "there is no edit of kind %d", (int)e->ask->kind);
}

static agdb_status_t edit(agdb__edit_t *e, agdb__buf_t *out)
{
    agdb_status_t st = dispatch(e);

    if (st == AGDB_OK && !e->is_raised &&
        (e->layout.splices.count > 0 || e->ask->kind == AGDB_EDIT_BUMP))
        st = raise_epoch(e);
    if (agdb__arena_failed(e->arena))
        return agdb__fail_nomem(e->reterr);
    if (st != AGDB_OK)
        return st;
    agdb__splice_apply(&e->layout.splices, e->layout.text, e->layout.len, out);
    return out->failed ? agdb__fail_nomem(e->reterr) : AGDB_OK;
}

static bool is_json(const agdb__tree_t *root)
{
    return root->is_flow && root->first != NULL && root->first->quoted;
}

/* The map is valid: its tree is made again, for the places of what stands in it. */
static agdb_status_t edit_valid(const agdb__edit_text_t *old, agdb__edit_t *e, agdb__buf_t *out)
{
    agdb_diagnostics_t *diag = agdb__diag_new(old->name);
    agdb_status_t st;

    e->arena = agdb__arena_new();
    if (diag != NULL && e->arena != NULL)
        e->root = agdb__yaml_parse(e->arena, diag, old->text, old->len);
    if (e->root == NULL) {
        st = agdb__fail_nomem(e->reterr);
    } else {
        e->json = is_json(e->root);
        e->layout = (agdb__layout_t){old->text, old->len, {.arena = e->arena}};
        st = edit(e, out);
    }
    agdb__diag_free(diag);
    agdb__arena_free(e->arena);
    return st;
}

static agdb_status_t edit_once(const agdb__edit_text_t *old, const agdb_map_edit_t *ask,
                               bool is_raised, agdb__buf_t *out, agdb_diagnostics_t **ret_diag,
                               agdb_error_t **reterr)
{
    agdb__edit_t e = {.ask = ask, .is_raised = is_raised, .reterr = reterr};
    agdb_map_t *map = NULL;
    agdb_status_t st = agdb__map_load_text(old->text, old->len, old->name, &map, ret_diag, reterr);

    if (st != AGDB_OK)
        return st;
    e.map = map;
    st = edit_valid(old, &e, out);
    agdb__map_unref(map);
    return st;
}

/* One after the other, so that neither has to know what becomes of the lines beside its own. The
 * agency says where it is by then, and does not disappear. */
static agdb_status_t pin_and_thaw(const agdb__edit_text_t *old, const agdb_map_edit_t *pin,
                                  agdb__buf_t *out, agdb_diagnostics_t **ret_diag,
                                  agdb_error_t **reterr)
{
    const agdb_map_edit_t thaw = {.kind = AGDB_EDIT_THAW, .key = pin->key, .moved = pin->moved};
    agdb__buf_t pinned = agdb__edit_piece();
    agdb_status_t st = edit_once(old, pin, false, &pinned, ret_diag, reterr);

    if (st == AGDB_OK) {
        const agdb__edit_text_t between = {pinned.data, pinned.len, old->name};
        const bool same = pinned.len == old->len && memcmp(pinned.data, old->text, old->len) == 0;
        st = edit_once(&between, &thaw, !same, out, NULL, reterr);
    }
    agdb__buf_fini(&pinned);
    return st;
}

agdb_status_t agdb__map_edit(const agdb__edit_text_t *old, const agdb_map_edit_t *ask,
                             agdb__buf_t *out, agdb_diagnostics_t **ret_diag, agdb_error_t **reterr)
{
    if (ask->kind == AGDB_EDIT_PIN && ask->thaw)
        return pin_and_thaw(old, ask, out, ret_diag, reterr);
    return edit_once(old, ask, false, out, ret_diag, reterr);
}
