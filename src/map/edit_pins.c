#include "map/edit_impl.h"
#include "map/route.h"

/* Pins. In the default keyspace they may be `shard: S`, in all `shards: { K: S }`. */

#define KEY_TEXT(e) agdb__edit_key_text((e)->ask->key, (char[AGDB__KEY_TEXT]){0})

static const char *keyspace_name(const agdb__edit_t *e)
{
    return e->map->keyspaces[e->keyspace].name;
}

static bool is_default(const agdb__edit_t *e)
{
    return e->map->default_keyspace == (int)e->keyspace;
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

static void pin_new_agency(agdb__edit_t *e)
{
    agdb__buf_t pin = agdb__edit_piece();

    add_pin(e, &pin);
    agdb__edit_add_agencies(e, &(agdb__agencies_t){&e->ask->key, 1, agdb__edit_keep(e, &pin)});
}

agdb_status_t agdb__edit_pin(agdb__edit_t *e)
{
    const agdb__tree_t *agency;
    agdb__route_t route;
    agdb_status_t st = agdb__edit_check_key(e, e->ask->key);
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
    agency = agdb__edit_agency(e, e->ask->key);
    if (agency != NULL)
        return pin_agency(e, agency);
    pin_new_agency(e);
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
    agdb__tree_t *agency;
    const agdb__tree_t *shards;
    agdb_status_t st = agdb__edit_check_key(e, e->ask->key);

    if (st == AGDB_OK)
        st = agdb__edit_keyspace(e);
    if (st != AGDB_OK)
        return st;
    if (!agdb__map_route(e->map, e->keyspace, e->ask->key).pinned)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "agency '%s' is not pinned in keyspace '%s'",
                          KEY_TEXT(e), keyspace_name(e));
    agency = agdb__edit_agency(e, e->ask->key);
    shards = agdb__tree_key(agency->of, "shards");
    if (shards != NULL && shards->of->count > 1)
        return drop(e, shards, keyspace_name(e));
    if (agency->of->count > 1)
        return drop(e, agency, shards != NULL ? "shards" : "shard");
    agency->is_dropped = true;
    return agdb__edit_drop_agencies(e);
}
