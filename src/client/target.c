/* From a request to its shard. */
#include "client/client.h"

#include "base/alloc.h"
#include "base/error.h"
#include "map/quote.h"
#include "map/route.h"

agdb_status_t agdb__client_keyspace(const agdb__edition_t *edition, const char *name, size_t *ret,
                                    agdb_error_t **reterr)
{
    int keyspace = agdb__map_keyspace(edition->map, name);

    if (keyspace >= 0) {
        *ret = (size_t)keyspace;
        return AGDB_OK;
    }
    if (name == NULL)
        return agdb__not_sent(agdb__fail(reterr, AGDB_E_NO_TARGET,
                                         "the request names no keyspace, and the map no "
                                         "default_keyspace"),
                              AGDB_STAGE_ROUTE, reterr);
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_INVAL, "the map has no keyspace '%s'", name),
                          AGDB_STAGE_ROUTE, reterr);
}

static agdb_status_t target_by_key(const agdb__edition_t *edition, size_t keyspace,
                                   agdb_bytes_t key, agdb_access_t access, size_t *ret,
                                   agdb_error_t **reterr)
{
    agdb__route_t route = agdb__map_route(edition->map, keyspace, key);

    if (route.frozen && access == AGDB_WRITE) {
        agdb__map_agency_t agency = {.key = key.data, .key_len = key.len};
        char text[AGDB__KEY_TEXT];
        agdb_status_t st = agdb__fail(
            reterr, AGDB_E_FROZEN,
            "agency '%s' is frozen (writes: refuse in the map): it is being moved or is on hold",
            agdb__key_text(&agency, text));

        agdb__error_place(reterr, edition->map->keyspaces[keyspace].shards[route.shard].name, NULL);
        return agdb__not_sent(st, AGDB_STAGE_ROUTE, reterr);
    }
    *ret = route.shard;
    return AGDB_OK;
}

agdb_status_t agdb__client_shard_named(const agdb__edition_t *edition, size_t keyspace,
                                       const char *name, size_t *ret, agdb_error_t **reterr)
{
    const agdb__map_keyspace_t *ks = &edition->map->keyspaces[keyspace];
    int shard = agdb__map_shard(ks, name);

    if (shard < 0)
        return agdb__not_sent(
            agdb__fail(reterr, AGDB_E_INVAL, "keyspace '%s' has no shard '%s'", ks->name, name),
            AGDB_STAGE_ROUTE, reterr);
    *ret = (size_t)shard;
    return AGDB_OK;
}

static agdb_status_t target_only_shard(const agdb__edition_t *edition, size_t keyspace, size_t *ret,
                                       agdb_error_t **reterr)
{
    const agdb__map_keyspace_t *ks = &edition->map->keyspaces[keyspace];

    if (ks->nshards != 1)
        return agdb__not_sent(agdb__fail(reterr, AGDB_E_NO_TARGET,
                                         "keyspace '%s' has %zu shards: give .key or .shard",
                                         ks->name, ks->nshards),
                              AGDB_STAGE_ROUTE, reterr);
    *ret = 0;
    return AGDB_OK;
}

agdb_status_t agdb__client_target(const agdb__edition_t *edition, const agdb_request_t *request,
                                  agdb__shard_t **ret, agdb_error_t **reterr)
{
    size_t keyspace = 0;
    size_t shard = 0;
    agdb_status_t st = agdb__client_keyspace(edition, request->keyspace, &keyspace, reterr);

    if (st != AGDB_OK)
        return st;
    if (request->key.data != NULL)
        st = target_by_key(edition, keyspace, request->key, request->access, &shard, reterr);
    else if (request->shard != NULL)
        st = agdb__client_shard_named(edition, keyspace, request->shard, &shard, reterr);
    else
        st = target_only_shard(edition, keyspace, &shard, reterr);
    if (st == AGDB_OK)
        *ret = agdb__layout_shard(&edition->layout, keyspace, shard);
    return st;
}

/* --- several -----------------------------------------------------------------------------------
 */

/* Shards of a keyspace, by their numbers. */
typedef struct marked {
    size_t keyspace;
    bool *is_wanted;
    size_t *shard_of; /* of each of the request's keys */
    size_t count;
} marked_t;

static void mark(marked_t *m, size_t shard)
{
    m->count += m->is_wanted[shard] ? 0 : 1;
    m->is_wanted[shard] = true;
}

static agdb_status_t mark_keys(const agdb__edition_t *edition, const agdb_request_t *request,
                               marked_t *m, agdb_error_t **reterr)
{
    size_t i;

    for (i = 0; i < request->nkeys; i++) {
        agdb_status_t st = target_by_key(edition, m->keyspace, request->keys[i], request->access,
                                         &m->shard_of[i], reterr);

        if (st != AGDB_OK)
            return st;
        mark(m, m->shard_of[i]);
    }
    return AGDB_OK;
}

static agdb_status_t mark_region(const agdb__edition_t *edition, const agdb_request_t *request,
                                 marked_t *m, agdb_error_t **reterr)
{
    const agdb__map_keyspace_t *ks = &edition->map->keyspaces[m->keyspace];
    size_t i;

    for (i = 0; i < ks->nshards; i++)
        if (request->region == NULL || strcmp(ks->shards[i].region, request->region) == 0)
            mark(m, i);
    if (m->count > 0)
        return AGDB_OK;
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_INVAL,
                                     "keyspace '%s' has no shard of region '%s'", ks->name,
                                     request->region),
                          AGDB_STAGE_ROUTE, reterr);
}

static agdb_status_t mark_shards(const agdb__edition_t *edition, const agdb_request_t *request,
                                 marked_t *m, agdb_error_t **reterr)
{
    size_t shard = 0;
    agdb_status_t st;

    if (request->keys != NULL)
        return mark_keys(edition, request, m, reterr);
    if (request->region != NULL || request->scope == AGDB_ALL)
        return mark_region(edition, request, m, reterr);
    if (request->key.data != NULL)
        st = target_by_key(edition, m->keyspace, request->key, request->access, &shard, reterr);
    else if (request->shard != NULL)
        st = agdb__client_shard_named(edition, m->keyspace, request->shard, &shard, reterr);
    else
        st = target_only_shard(edition, m->keyspace, &shard, reterr);
    if (st == AGDB_OK)
        mark(m, shard);
    return st;
}

/* One block: the shards, and the keys' places among them. */
static agdb_status_t list_targets(const agdb__edition_t *edition, const agdb_request_t *request,
                                  const marked_t *m, agdb__targets_t *ret, agdb_error_t **reterr)
{
    const size_t nshards = edition->map->keyspaces[m->keyspace].nshards;
    uint32_t *number = agdb__calloc(nshards, sizeof *number);
    agdb__shard_t **shards =
        agdb__malloc(m->count * sizeof *shards + request->nkeys * sizeof(uint32_t));
    uint32_t *place;
    size_t i;

    if (number == NULL || shards == NULL) {
        agdb__free(number);
        agdb__free(shards);
        return agdb__fail_nomem(reterr);
    }
    *ret = (agdb__targets_t){.shards = shards};
    for (i = 0; i < nshards; i++) {
        if (!m->is_wanted[i])
            continue;
        number[i] = (uint32_t)ret->count;
        shards[ret->count++] = agdb__layout_shard(&edition->layout, m->keyspace, i);
    }
    place = (uint32_t *)(void *)(shards + ret->count);
    for (i = 0; i < request->nkeys; i++)
        place[i] = number[m->shard_of[i]];
    ret->place = request->keys != NULL ? place : NULL;
    agdb__free(number);
    return AGDB_OK;
}

agdb_status_t agdb__client_targets(const agdb__edition_t *edition, const agdb_request_t *request,
                                   agdb__targets_t *ret, agdb_error_t **reterr)
{
    marked_t m = {.count = 0};
    agdb_status_t st = agdb__client_keyspace(edition, request->keyspace, &m.keyspace, reterr);

    if (st != AGDB_OK)
        return st;
    m.is_wanted = agdb__calloc(edition->map->keyspaces[m.keyspace].nshards, sizeof *m.is_wanted);
    m.shard_of = agdb__calloc(request->nkeys + 1, sizeof *m.shard_of);
    if (m.is_wanted == NULL || m.shard_of == NULL)
        st = agdb__fail_nomem(reterr);
    if (st == AGDB_OK)
        st = mark_shards(edition, request, &m, reterr);
    if (st == AGDB_OK)
        st = list_targets(edition, request, &m, ret, reterr);
    agdb__free(m.is_wanted);
    agdb__free(m.shard_of);
    return st;
}
