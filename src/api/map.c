/* agencydb/map.h */
#include "agencydb/map.h"

#include "api/border.h"
#include "base/buf.h"
#include "base/error.h"
#include "map/diag.h"
#include "map/diff.h"
#include "map/edit.h"
#include "map/load.h"
#include "map/replace.h"
#include "map/route.h"
#include "map/setting.h"
#include "map/write.h"

#include <stdio.h>

/* Before the first growth of agdb_route_info_t: what every caller knows. */
#define ROUTE_INFO_MIN (offsetof(agdb_route_info_t, shard) + sizeof(const char *))

agdb_status_t agdb_map_load(const char *path, agdb_map_t **ret, agdb_diagnostics_t **ret_diag,
                            agdb_error_t **reterr)
{
    if (path == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "a path and a place for the map are needed");
    return agdb__map_load_file(path, ret, ret_diag, reterr);
}

agdb_status_t agdb_map_parse(const char *text, size_t len, const char *name, agdb_map_t **ret,
                             agdb_diagnostics_t **ret_diag, agdb_error_t **reterr)
{
    if ((text == NULL && len > 0) || ret == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "a text and a place for the map are needed");
    return agdb__map_load_text(text != NULL ? text : "", len, name != NULL ? name : "map", ret,
                               ret_diag, reterr);
}

void agdb_map_free(agdb_map_t *map)
{
    agdb__map_unref(map);
}

size_t agdb_diagnostics_count(const agdb_diagnostics_t *diag)
{
    return diag != NULL ? diag->nitems : 0;
}

const agdb_diagnostic_t *agdb_diagnostics_at(const agdb_diagnostics_t *diag, size_t index)
{
    return diag != NULL && index < diag->nitems ? &diag->item[index] : NULL;
}

void agdb_diagnostics_free(agdb_diagnostics_t *diag)
{
    agdb__diag_free(diag);
}

static agdb_status_t check_route(const agdb_map_t *map, agdb_bytes_t key,
                                 const agdb_route_info_t *ret, agdb_error_t **reterr)
{
    if (map == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "a map and a place for the route are needed");
    if (ret->struct_size < ROUTE_INFO_MIN)
        return agdb__fail(reterr, AGDB_E_INVAL, "struct_size of agdb_route_info_t is not set");
    if (key.data == NULL || key.len < 1 || key.len > AGDB_KEY_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL, "an agency key has 1 to %d bytes, and not %zu",
                          AGDB_KEY_MAX, key.data != NULL ? key.len : 0);
    return AGDB_OK;
}

agdb_status_t agdb_map_route(const agdb_map_t *map, const char *keyspace, agdb_bytes_t key,
                             agdb_route_info_t *ret, agdb_error_t **reterr)
{
    agdb_status_t st = check_route(map, key, ret, reterr);
    agdb__route_t route;
    int k;

    if (st != AGDB_OK)
        return st;
    k = agdb__map_keyspace(map, keyspace);
    if (k < 0 && keyspace == NULL)
        return agdb__fail(reterr, AGDB_E_NO_TARGET, "the map has no default keyspace: name one");
    if (k < 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "the map has no keyspace '%s'",
                          AGDB__Q(keyspace, strlen(keyspace)));
    route = agdb__map_route(map, (size_t)k, key);
    ret->hash = route.hash;
    ret->slot = route.slot;
    ret->pinned = route.pinned;
    ret->frozen = route.frozen;
    ret->keyspace = map->keyspaces[k].name;
    ret->shard = map->keyspaces[k].shards[route.shard].name;
    return AGDB_OK;
}

uint64_t agdb_map_epoch(const agdb_map_t *map)
{
    return map != NULL ? map->epoch : 0;
}

uint32_t agdb_map_slots(const agdb_map_t *map)
{
    return map != NULL ? map->slots : 0;
}

size_t agdb_map_keyspace_count(const agdb_map_t *map)
{
    return map != NULL ? map->nkeyspaces : 0;
}

static const agdb__map_keyspace_t *keyspace_at(const agdb_map_t *map, size_t keyspace)
{
    return map != NULL && keyspace < map->nkeyspaces ? &map->keyspaces[keyspace] : NULL;
}

static const agdb__map_shard_t *shard_at(const agdb_map_t *map, size_t keyspace, size_t shard)
{
    const agdb__map_keyspace_t *k = keyspace_at(map, keyspace);

    return k != NULL && shard < k->nshards ? &k->shards[shard] : NULL;
}

const char *agdb_map_keyspace_name(const agdb_map_t *map, size_t keyspace)
{
    const agdb__map_keyspace_t *k = keyspace_at(map, keyspace);

    return k != NULL ? k->name : NULL;
}

int agdb_map_default_keyspace(const agdb_map_t *map)
{
    return map != NULL ? map->default_keyspace : -1;
}

size_t agdb_map_shard_count(const agdb_map_t *map, size_t keyspace)
{
    const agdb__map_keyspace_t *k = keyspace_at(map, keyspace);

    return k != NULL ? k->nshards : 0;
}

const char *agdb_map_shard_name(const agdb_map_t *map, size_t keyspace, size_t shard)
{
    const agdb__map_shard_t *s = shard_at(map, keyspace, shard);

    return s != NULL ? s->name : NULL;
}

const char *agdb_map_shard_region(const agdb_map_t *map, size_t keyspace, size_t shard)
{
    const agdb__map_shard_t *s = shard_at(map, keyspace, shard);

    return s != NULL ? s->region : NULL;
}

int agdb_map_slot_owner(const agdb_map_t *map, size_t keyspace, uint32_t slot)
{
    const agdb__map_keyspace_t *k = keyspace_at(map, keyspace);

    return k != NULL && slot < map->slots ? (int)k->owner[slot] : -1;
}

size_t agdb_map_agency_count(const agdb_map_t *map)
{
    return map != NULL ? map->nagencies : 0;
}

bool agdb_map_agency_key(const agdb_map_t *map, size_t agency, agdb_bytes_t *ret)
{
    if (map == NULL || agency >= map->nagencies || ret == NULL)
        return false;
    *ret = agdb_bytes(map->agencies[agency].key, map->agencies[agency].key_len);
    return true;
}

size_t agdb_map_node_count(const agdb_map_t *map, size_t keyspace, size_t shard)
{
    const agdb__map_shard_t *s = shard_at(map, keyspace, shard);

    return s != NULL ? s->nnodes : 0;
}

int agdb_map_node_setting(const agdb_map_t *map, size_t keyspace, size_t shard, size_t node,
                          const char *name, char *buf, size_t size)
{
    const agdb__map_shard_t *s = shard_at(map, keyspace, shard);
    char number[AGDB__SETTING_NUMBER];
    const char *text = NULL;

    if (s == NULL || node >= s->nnodes || name == NULL || (buf == NULL && size > 0))
        return -1;
    if (strcmp(name, "via") == 0) /* of the keyspace: the same for all of its nodes */
        text = map->keyspaces[keyspace].via_pgbouncer ? "pgbouncer" : NULL;
    else if (!agdb__node_setting(&s->nodes[node], name, &text, number))
        return -1;
    return snprintf(buf, size, "%s", text != NULL ? text : "");
}

agdb_status_t agdb_map_write(const agdb_map_t *map, agdb_map_format_t format,
                             agdb_map_rewrite_fn rewrite, agdb_text_fn write, void *user,
                             agdb_error_t **reterr)
{
    agdb__buf_t text;
    agdb_status_t st;

    if (map == NULL || write == NULL || (format != AGDB_MAP_YAML && format != AGDB_MAP_JSON))
        return agdb__fail(reterr, AGDB_E_INVAL, "a map, a format and a function are needed");
    agdb__buf_init(&text, AGDB__WRITE_CEILING);
    st = agdb__map_write(map, format, rewrite, user, &text, reterr);
    if (st == AGDB_OK)
        write(text.data, text.len, user);
    agdb__buf_fini(&text);
    return st;
}

agdb_status_t agdb_map_may_replace(const agdb_map_t *current, const agdb_map_t *next,
                                   agdb_error_t **reterr)
{
    if (current == NULL || next == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "two maps are needed");
    return agdb__map_may_replace(current, next, reterr);
}

agdb_status_t agdb_map_diff(const agdb_map_t *current, const agdb_map_t *next, bool json,
                            agdb_text_fn write, void *user, agdb_error_t **reterr)
{
    agdb__buf_t text;
    agdb_status_t st = AGDB_OK;

    if (current == NULL || next == NULL || write == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "two maps and a function are needed");
    agdb__buf_init(&text, AGDB__WRITE_CEILING);
    agdb__map_diff(current, next, json, &text);
    if (text.failed)
        st = agdb__fail_nomem(reterr);
    else if (text.len > 0)
        write(text.data, text.len, user);
    agdb__buf_fini(&text);
    return st;
}

/* Before the first growth of agdb_map_edit_t: what every caller knows. */
#define MAP_EDIT_MIN (offsetof(agdb_map_edit_t, share_of) + sizeof(uint32_t))

agdb_status_t agdb_map_edit(const char *text, size_t len, const char *name,
                            const agdb_map_edit_t *edit, agdb_text_fn write, void *user,
                            agdb_diagnostics_t **ret_diag, agdb_error_t **reterr)
{
    const agdb__edit_text_t old = {text != NULL ? text : "", len, name != NULL ? name : "map"};
    agdb_map_edit_t ours;
    agdb__buf_t out;
    agdb_status_t st;

    if ((text == NULL && len > 0) || edit == NULL || write == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "a text, an edit and a function are needed");
    if (edit->struct_size < MAP_EDIT_MIN || (edit->nodes == NULL && edit->nnodes > 0))
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "struct_size of agdb_map_edit_t is not set, or its nodes are NULL");
    st = agdb__border_copy(&ours, sizeof ours, edit, edit->struct_size, "map edit", reterr);
    if (st == AGDB_OK && ours.keys == NULL && ours.nkeys > 0)
        st = agdb__fail(reterr, AGDB_E_INVAL, "the keys of agdb_map_edit_t are NULL");
    if (st != AGDB_OK)
        return st;
    agdb__buf_init(&out, AGDB__WRITE_CEILING);
    st = agdb__map_edit(&old, &ours, &out, ret_diag, reterr);
    if (st == AGDB_OK)
        write(out.data != NULL ? out.data : "", out.len, user);
    agdb__buf_fini(&out);
    return st;
}
