/* From a request to its shard. */
#include "client/client.h"

#include "base/error.h"
#include "map/quote.h"
#include "map/route.h"

static agdb_status_t fail_check(agdb_status_t st, agdb_error_t **reterr)
{
    agdb__error_stage(reterr, AGDB_STAGE_ROUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}

agdb_status_t agdb__client_keyspace(const agdb_t *db, const char *name, size_t *ret,
                                    agdb_error_t **reterr)
{
    int keyspace = agdb__map_keyspace(db->map, name);

    if (keyspace >= 0) {
        *ret = (size_t)keyspace;
        return AGDB_OK;
    }
    if (name == NULL)
        return fail_check(agdb__fail(reterr, AGDB_E_NO_TARGET,
                                     "the request names no keyspace, and the map no "
                                     "default_keyspace"),
                          reterr);
    return fail_check(agdb__fail(reterr, AGDB_E_INVAL, "the map has no keyspace '%s'", name),
                      reterr);
}

static agdb_status_t target_by_key(agdb_t *db, size_t keyspace, const agdb_request_t *request,
                                   size_t *ret, agdb_error_t **reterr)
{
    agdb__route_t route = agdb__map_route(db->map, keyspace, request->key);

    if (route.frozen && request->access == AGDB_WRITE) {
        agdb__map_agency_t agency = {.key = request->key.data, .key_len = request->key.len};
        char text[AGDB__KEY_TEXT];
        agdb_status_t st = agdb__fail(
            reterr, AGDB_E_FROZEN,
            "agency '%s' is frozen (writes: refuse in the map): it is being moved or is on hold",
            agdb__key_text(&agency, text));

        agdb__error_place(reterr, db->map->keyspaces[keyspace].shards[route.shard].name, NULL);
        return fail_check(st, reterr);
    }
    *ret = route.shard;
    return AGDB_OK;
}

agdb_status_t agdb__client_shard_named(const agdb_t *db, size_t keyspace, const char *name,
                                       size_t *ret, agdb_error_t **reterr)
{
    const agdb__map_keyspace_t *ks = &db->map->keyspaces[keyspace];
    int shard = agdb__map_shard(ks, name);

    if (shard < 0)
        return fail_check(
            agdb__fail(reterr, AGDB_E_INVAL, "keyspace '%s' has no shard '%s'", ks->name, name),
            reterr);
    *ret = (size_t)shard;
    return AGDB_OK;
}

static agdb_status_t target_only_shard(agdb_t *db, size_t keyspace, size_t *ret,
                                       agdb_error_t **reterr)
{
    const agdb__map_keyspace_t *ks = &db->map->keyspaces[keyspace];

    if (ks->nshards != 1)
        return fail_check(agdb__fail(reterr, AGDB_E_NO_TARGET,
                                     "keyspace '%s' has %zu shards: give .key or .shard", ks->name,
                                     ks->nshards),
                          reterr);
    *ret = 0;
    return AGDB_OK;
}

agdb_status_t agdb__client_target(agdb_t *db, const agdb_request_t *request, agdb__shard_t **ret,
                                  agdb_error_t **reterr)
{
    size_t keyspace = 0;
    size_t shard = 0;
    agdb_status_t st = agdb__client_keyspace(db, request->keyspace, &keyspace, reterr);

    if (st != AGDB_OK)
        return st;
    if (request->key.data != NULL)
        st = target_by_key(db, keyspace, request, &shard, reterr);
    else if (request->shard != NULL)
        st = agdb__client_shard_named(db, keyspace, request->shard, &shard, reterr);
    else
        st = target_only_shard(db, keyspace, &shard, reterr);
    if (st == AGDB_OK)
        *ret = agdb__topology_shard(&db->topology, keyspace, shard);
    return st;
}
