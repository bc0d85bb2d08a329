#include "map/edit_impl.h"

/* Holds of agencies' writes: `writes: refuse`, the only thing that `writes` can say. */

static const agdb_bytes_t *asked_keys(const agdb__edit_t *e)
{
    return e->ask->nkeys > 0 ? e->ask->keys : &e->ask->key;
}

static size_t asked_count(const agdb__edit_t *e)
{
    return e->ask->nkeys > 0 ? e->ask->nkeys : 1;
}

static agdb_status_t check_keys(agdb__edit_t *e)
{
    agdb_status_t st = AGDB_OK;
    size_t i;

    for (i = 0; i < asked_count(e) && st == AGDB_OK; i++)
        st = agdb__edit_check_key(e, asked_keys(e)[i]);
    return st;
}

/* The asked keys, each once. NULL when memory is out. */
static agdb_bytes_t *distinct_keys(agdb__edit_t *e, size_t *ret_count)
{
    agdb__set_t seen = {.arena = e->arena};
    agdb_bytes_t *distinct = agdb__arena_array(e->arena, asked_count(e), sizeof *distinct);
    size_t i;

    *ret_count = 0;
    for (i = 0; distinct != NULL && i < asked_count(e); i++) {
        const agdb_bytes_t key = asked_keys(e)[i];
        if (agdb__set_put(&seen, key.data, key.len, &distinct[i]) == NULL)
            distinct[(*ret_count)++] = key;
    }
    return distinct;
}

/* --- freeze ------------------------------------------------------------------------------------
 */

static const char *hold(agdb__edit_t *e)
{
    agdb__buf_t text = agdb__edit_piece();

    agdb__entry_key(&text, "writes", e->json);
    agdb__entry_word(&text, "refuse", e->json);
    return agdb__edit_keep(e, &text);
}

agdb_status_t agdb__edit_freeze(agdb__edit_t *e)
{
    const agdb_status_t st = check_keys(e);
    agdb__agencies_t fresh = {.says = hold(e)};
    size_t count;
    size_t i;
    agdb_bytes_t *keys;

    if (st != AGDB_OK)
        return st;
    keys = distinct_keys(e, &count);
    for (i = 0; i < count; i++) {
        const agdb__tree_t *agency = agdb__edit_agency(e, keys[i]);
        if (agency == NULL)
            keys[fresh.count++] = keys[i];
        else if (agdb__tree_key(agency->of, "writes") == NULL)
            agdb__layout_add(&e->layout, agency->of, NULL, fresh.says);
    }
    fresh.key = keys;
    agdb__edit_add_agencies(e, &fresh);
    return AGDB_OK;
}

/* --- thaw --------------------------------------------------------------------------------------
 */

/* An agency of which nothing else is said is only marked. */
static agdb_status_t thaw(agdb__edit_t *e, agdb_bytes_t key, bool *ret_marked)
{
    agdb__tree_t *agency = agdb__edit_agency(e, key);
    agdb__tree_t *writes = agency != NULL ? agdb__tree_key(agency->of, "writes") : NULL;

    if (writes == NULL)
        return AGDB_OK;
    if (agency->of->count > 1) {
        writes->is_dropped = true;
        return agdb__edit_drop(e, agency);
    }
    agency->is_dropped = true;
    *ret_marked = true;
    return AGDB_OK;
}

agdb_status_t agdb__edit_thaw(agdb__edit_t *e)
{
    agdb_status_t st = check_keys(e);
    const agdb_bytes_t *keys;
    bool marked = false;
    size_t count;
    size_t i;

    if (st != AGDB_OK)
        return st;
    keys = distinct_keys(e, &count);
    for (i = 0; i < count && st == AGDB_OK; i++)
        st = thaw(e, keys[i], &marked);
    return st == AGDB_OK && marked ? agdb__edit_drop_agencies(e) : st;
}
