#include "map/edit_impl.h"
#include "map/hash.h"
#include "map/quote.h"
#include "map/route.h"
#include "map/text.h"

/* Pins. In the default keyspace they may be `shard: S`, in all `shards: { K: S }`. */

enum { STEP = 2 };

static agdb_status_t check_key(agdb__edit_t *e)
{
    const agdb_bytes_t key = e->ask->key;

    if (key.data != NULL && key.len >= 1 && key.len <= AGDB_KEY_MAX)
        return AGDB_OK;
    return agdb__fail(e->reterr, AGDB_E_INVAL, "an agency key has 1 to %d bytes, and not %zu",
                      AGDB_KEY_MAX, key.data != NULL ? key.len : 0);
}

/* As a map writes it. */
static const char *key_text(const agdb__edit_t *e, char buf[AGDB__KEY_TEXT])
{
    const agdb__map_agency_t agency = {.key = e->ask->key.data, .key_len = e->ask->key.len};

    return agdb__key_text(&agency, buf);
}

#define KEY_TEXT(e) key_text((e), (char[AGDB__KEY_TEXT]){0})

static const char *keyspace_name(const agdb__edit_t *e)
{
    return e->map->keyspaces[e->keyspace].name;
}

static bool is_default(const agdb__edit_t *e)
{
    return e->map->default_keyspace == (int)e->keyspace;
}

static bool is_key(const agdb__tree_t *key, agdb_bytes_t bytes)
{
    const unsigned char *byte = bytes.data;
    size_t i;

    if (key->len < 4 || memcmp(key->text, "hex:", 4) != 0)
        return key->len == bytes.len && memcmp(key->text, bytes.data, bytes.len) == 0;
    if (key->len != 4 + 2 * bytes.len)
        return false;
    for (i = 0; i < bytes.len; i++)
        if (agdb__text_hex(key->text[4 + 2 * i]) != byte[i] >> 4 ||
            agdb__text_hex(key->text[5 + 2 * i]) != (byte[i] & 15))
            return false;
    return true;
}

/* The agency's key in the map; NULL: the map does not speak of it. */
static const agdb__tree_t *find_agency(const agdb__edit_t *e)
{
    const agdb__tree_t *agencies = agdb__tree_key(e->root, "agencies");
    const agdb__tree_t *key = agencies != NULL ? agencies->of->first : NULL;

    while (key != NULL && !is_key(key, e->ask->key))
        key = key->next;
    return key;
}

/* --- pin ---------------------------------------------------------------------------------------
 */

/* "keyspace: shard" */
static void add_pair(const agdb__edit_t *e, agdb__buf_t *out)
{
    agdb__entry_key(out, keyspace_name(e), e->json);
    agdb__entry_text(out, e->ask->shard, strlen(e->ask->shard), e->json);
}

/* "shard: west-1", or "shards: { events: west-1 }" */
static void add_pin(const agdb__edit_t *e, agdb__buf_t *out)
{
    if (is_default(e)) {
        agdb__entry_key(out, "shard", e->json);
        agdb__entry_text(out, e->ask->shard, strlen(e->ask->shard), e->json);
        return;
    }
    agdb__entry_key(out, "shards", e->json);
    agdb__buf_text(out, "{ ");
    add_pair(e, out);
    agdb__buf_text(out, " }");
}

/* The agency with its pin, like the one before it; NULL: there is none. */
static void add_agency(const agdb__edit_t *e, agdb__buf_t *out, const agdb__tree_t *like)
{
    const char *text = KEY_TEXT(e);

    agdb__entry_text(out, text, strlen(text), e->json);
    if (like != NULL && !like->of->is_flow) {
        agdb__buf_printf(out, ":\n%*s", (int)(like->of->column - like->column), "");
        add_pin(e, out);
        return;
    }
    agdb__buf_text(out, ": { ");
    add_pin(e, out);
    agdb__buf_text(out, " }");
}

static void add_section(agdb__edit_t *e)
{
    const agdb__tree_t *keyspaces = agdb__tree_key(e->root, "keyspaces");
    const size_t step = keyspaces->of->is_flow ? STEP : keyspaces->of->column - keyspaces->column;
    agdb__buf_t text = agdb__edit_piece();

    if (!e->root->is_flow && agdb__layout_is_apart(&e->layout, e->root->last))
        agdb__buf_text(&text, "\n");
    if (e->root->is_flow) {
        agdb__entry_key(&text, "agencies", e->json);
        agdb__buf_text(&text, "{ ");
        add_agency(e, &text, NULL);
        agdb__buf_text(&text, " }");
    } else {
        agdb__buf_printf(&text, "agencies:\n%*s", (int)step, "");
        add_agency(e, &text, NULL);
    }
    agdb__layout_add(&e->layout, e->root, NULL, agdb__edit_keep(e, &text));
}

/* A pin of the default keyspace in short becomes one among several. */
static agdb_status_t make_several(agdb__edit_t *e, const agdb__tree_t *shard)
{
    const agdb__map_keyspace_t *usual = &e->map->keyspaces[e->map->default_keyspace];
    agdb__buf_t before = agdb__edit_piece();
    agdb__buf_t behind = agdb__edit_piece();

    agdb__buf_text(&before, "{ ");
    agdb__entry_key(&before, usual->name, e->json);
    agdb__buf_text(&behind, ", ");
    add_pair(e, &behind);
    agdb__buf_text(&behind, " }");
    agdb__layout_replace(&e->layout, shard, "shards", "shards");
    agdb__splice(&e->layout.splices, shard->of->begin, shard->of->begin,
                 agdb__edit_keep(e, &before));
    agdb__splice(&e->layout.splices, shard->of->end, shard->of->end, agdb__edit_keep(e, &behind));
    return AGDB_OK;
}

static agdb_status_t pin_agency(agdb__edit_t *e, const agdb__tree_t *agency)
{
    const agdb__tree_t *shard = agdb__tree_key(agency->of, "shard");
    const agdb__tree_t *shards = agdb__tree_key(agency->of, "shards");
    const agdb__tree_t *pin = shards != NULL ? agdb__tree_key(shards->of, keyspace_name(e)) : NULL;
    agdb__buf_t entry = agdb__edit_piece();

    if (pin != NULL)
        return agdb__edit_set_text(e, pin->of, e->ask->shard);
    if (shard != NULL && is_default(e))
        return agdb__edit_set_text(e, shard->of, e->ask->shard);
    if (shard != NULL)
        return make_several(e, shard);
    if (shards != NULL)
        add_pair(e, &entry);
    else
        add_pin(e, &entry);
    agdb__layout_add(&e->layout, shards != NULL ? shards->of : agency->of, NULL,
                     agdb__edit_keep(e, &entry));
    return AGDB_OK;
}

agdb_status_t agdb__edit_pin(agdb__edit_t *e)
{
    const agdb__tree_t *agencies = agdb__tree_key(e->root, "agencies");
    const agdb__tree_t *agency;
    agdb__buf_t entry = agdb__edit_piece();
    agdb__route_t route;
    agdb_status_t st = check_key(e);
    int shard;

    if (st == AGDB_OK)
        st = agdb__edit_keyspace(e);
    if (st == AGDB_OK && e->ask->shard == NULL)
        st = agdb__fail(e->reterr, AGDB_E_INVAL, "a shard is needed, where the agency is to be");
    if (st != AGDB_OK)
        return st;
    shard = agdb__edit_shard(e, e->ask->shard);
    if (shard < 0)
        return AGDB_E_INVAL;
    route = agdb__map_route(e->map, e->keyspace, e->ask->key);
    if (route.pinned && route.shard == (uint32_t)shard)
        return AGDB_OK;
    agency = find_agency(e);
    if (agency != NULL)
        return pin_agency(e, agency);
    if (agencies == NULL) {
        add_section(e);
        return AGDB_OK;
    }
    add_agency(e, &entry, agencies->of->last);
    agdb__layout_add(&e->layout, agencies->of, NULL, agdb__edit_keep(e, &entry));
    return AGDB_OK;
}

/* --- unpin -------------------------------------------------------------------------------------
 */

/* Takes `child` out of what stands behind `key`. */
static agdb_status_t drop(agdb__edit_t *e, const agdb__tree_t *key, const char *child)
{
    agdb__tree_key(key->of, child)->is_dropped = true;
    return agdb__edit_drop(e, key);
}

/* What would be left empty goes, too. */
agdb_status_t agdb__edit_unpin(agdb__edit_t *e)
{
    const agdb__tree_t *agency;
    const agdb__tree_t *shards;
    agdb_status_t st = check_key(e);

    if (st == AGDB_OK)
        st = agdb__edit_keyspace(e);
    if (st != AGDB_OK)
        return st;
    if (!agdb__map_route(e->map, e->keyspace, e->ask->key).pinned)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "agency '%s' is not pinned in keyspace '%s'",
                          KEY_TEXT(e), keyspace_name(e));
    agency = find_agency(e);
    shards = agdb__tree_key(agency->of, "shards");
    if (shards != NULL && shards->of->count > 1)
        return drop(e, shards, keyspace_name(e));
    if (agency->of->count > 1)
        return drop(e, agency, shards != NULL ? "shards" : "shard");
    return drop(e, agdb__tree_key(e->root, "agencies"), agency->text);
}
