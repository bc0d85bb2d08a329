#include "map/moves.h"

#include "map/route.h"

typedef int (*compare_fn)(const void *left, const void *right, size_t i, size_t j);

static void pair(const void *left, size_t nleft, const void *right, size_t nright,
                 compare_fn compare, agdb__pair_fn fn, void *user)
{
    size_t i = 0;
    size_t j = 0;

    while (i < nleft || j < nright) {
        int order = i == nleft ? 1 : j == nright ? -1 : compare(left, right, i, j);
        fn(order <= 0 ? (int)i : -1, order >= 0 ? (int)j : -1, user);
        i += order <= 0;
        j += order >= 0;
    }
}

static int compare_keyspaces(const void *left, const void *right, size_t i, size_t j)
{
    return strcmp(((const agdb_map_t *)left)->keyspaces[i].name,
                  ((const agdb_map_t *)right)->keyspaces[j].name);
}

static int compare_shards(const void *left, const void *right, size_t i, size_t j)
{
    return strcmp(((const agdb__map_keyspace_t *)left)->shards[i].name,
                  ((const agdb__map_keyspace_t *)right)->shards[j].name);
}

static int compare_agencies(const void *left, const void *right, size_t i, size_t j)
{
    const agdb__map_agency_t *a = &((const agdb_map_t *)left)->agencies[i];
    const agdb__map_agency_t *b = &((const agdb_map_t *)right)->agencies[j];
    int order = memcmp(a->key, b->key, a->key_len < b->key_len ? a->key_len : b->key_len);

    if (order != 0)
        return order;
    return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

void agdb__pair_keyspaces(const agdb_map_t *current, const agdb_map_t *next, agdb__pair_fn fn,
                          void *user)
{
    pair(current, current->nkeyspaces, next, next->nkeyspaces, compare_keyspaces, fn, user);
}

void agdb__pair_shards(const agdb__map_keyspace_t *current, const agdb__map_keyspace_t *next,
                       agdb__pair_fn fn, void *user)
{
    pair(current, current->nshards, next, next->nshards, compare_shards, fn, user);
}

void agdb__pair_agencies(const agdb_map_t *current, const agdb_map_t *next, agdb__pair_fn fn,
                         void *user)
{
    pair(current, current->nagencies, next, next->nagencies, compare_agencies, fn, user);
}

/* --- moves -------------------------------------------------------------------------------------
 */

typedef struct walk {
    const agdb_map_t *current;
    const agdb_map_t *next;
    size_t left; /* keyspace in each */
    size_t right;
    agdb__move_fn fn;
    void *user;
} walk_t;

static void move_slots(const walk_t *w)
{
    const agdb__map_keyspace_t *a = &w->current->keyspaces[w->left];
    const agdb__map_keyspace_t *b = &w->next->keyspaces[w->right];
    uint32_t slot = 0;

    while (slot < w->current->slots) {
        uint32_t first = slot;
        agdb__move_t move = {.keyspace = a->name, .first = first};
        while (slot < w->current->slots && a->owner[slot] == a->owner[first] &&
               b->owner[slot] == b->owner[first])
            slot++;
        move.last = slot - 1;
        move.from = a->shards[a->owner[first]].name;
        move.to = b->shards[b->owner[first]].name;
        if (strcmp(move.from, move.to) != 0)
            w->fn(&move, w->user);
    }
}

static bool has_pin(const agdb_map_t *map, int agency, size_t keyspace)
{
    return agency >= 0 && map->agencies[agency].pin[keyspace] != AGDB__NO_SHARD;
}

static void move_agency(int left, int right, void *user)
{
    const walk_t *w = user;
    const agdb__map_agency_t *agency =
        left >= 0 ? &w->current->agencies[left] : &w->next->agencies[right];
    const agdb_bytes_t key = {agency->key, agency->key_len};
    const agdb__map_keyspace_t *a = &w->current->keyspaces[w->left];
    const agdb__map_keyspace_t *b = &w->next->keyspaces[w->right];
    agdb__move_t move = {.keyspace = a->name, .agency = agency};

    if (!has_pin(w->current, left, w->left) && !has_pin(w->next, right, w->right))
        return;
    move.from = a->shards[agdb__map_route(w->current, w->left, key).shard].name;
    move.to = b->shards[agdb__map_route(w->next, w->right, key).shard].name;
    if (strcmp(move.from, move.to) != 0)
        w->fn(&move, w->user);
}

static void move_keyspace(int left, int right, void *user)
{
    walk_t *w = user;

    if (left < 0 || right < 0 || w->current->slots != w->next->slots)
        return;
    w->left = (size_t)left;
    w->right = (size_t)right;
    move_slots(w);
    agdb__pair_agencies(w->current, w->next, move_agency, w);
}

void agdb__map_moves(const agdb_map_t *current, const agdb_map_t *next, agdb__move_fn fn,
                     void *user)
{
    walk_t walk = {.current = current, .next = next, .fn = fn, .user = user};

    agdb__pair_keyspaces(current, next, move_keyspace, &walk);
}
