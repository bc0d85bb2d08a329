#include "map/tree.h"

#include "map/hash.h"

#include <stdlib.h>

enum { FIRST_ROOM = 32 };

struct agdb__set_entry {
    uint64_t hash;
    const void *key;
    size_t len;
    void *item; /* NULL: free */
};

agdb__tree_t *agdb__tree_key(const agdb__tree_t *mapping, const char *name)
{
    size_t len = strlen(name);
    agdb__tree_t *key;

    for (key = mapping->first; key != NULL; key = key->next)
        if (key->len == len && memcmp(key->text, name, len) == 0)
            return key;
    return NULL;
}

size_t agdb__tree_end(const agdb__tree_t *child)
{
    return child->of != NULL && child->of->end > child->end ? child->of->end : child->end;
}

static int by_bytes(const void *a, const void *b)
{
    const agdb__tree_t *x = *(agdb__tree_t *const *)a;
    const agdb__tree_t *y = *(agdb__tree_t *const *)b;
    int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

    if (order != 0)
        return order;
    return x->len < y->len ? -1 : x->len > y->len;
}

agdb__tree_t **agdb__tree_sorted(agdb__arena_t *arena, const agdb__tree_t *mapping)
{
    agdb__tree_t **sorted = agdb__arena_array(arena, mapping->count + 1, sizeof(agdb__tree_t *));
    agdb__tree_t *key;
    size_t n = 0;

    if (sorted == NULL)
        return NULL;
    for (key = mapping->first; key != NULL; key = key->next)
        sorted[n++] = key;
    qsort(sorted, n, sizeof(agdb__tree_t *), by_bytes);
    return sorted;
}

static struct agdb__set_entry *find(const agdb__set_t *set, uint64_t hash, const void *key,
                                    size_t len)
{
    size_t at = (size_t)hash & (set->room - 1);

    while (set->entry[at].item != NULL) {
        const struct agdb__set_entry *e = &set->entry[at];
        if (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0)
            break;
        at = (at + 1) & (set->room - 1);
    }
    return &set->entry[at];
}

static bool grow(agdb__set_t *set)
{
    agdb__set_t bigger = {.arena = set->arena, .count = set->count};
    size_t i;

    bigger.room = set->room == 0 ? FIRST_ROOM : set->room * 2;
    bigger.entry = agdb__arena_array(set->arena, bigger.room, sizeof *bigger.entry);
    if (bigger.entry == NULL)
        return false;
    for (i = 0; i < set->room; i++) {
        const struct agdb__set_entry *e = &set->entry[i];
        if (e->item != NULL)
            *find(&bigger, e->hash, e->key, e->len) = *e;
    }
    *set = bigger;
    return true;
}

void *agdb__set_put(agdb__set_t *set, const void *key, size_t len, void *item)
{
    uint64_t hash = agdb__hash_key(key, len);
    struct agdb__set_entry *e;

    if (set->count >= set->room / 2 && !grow(set))
        return NULL;
    e = find(set, hash, key, len);
    if (e->item != NULL)
        return e->item;
    *e = (struct agdb__set_entry){hash, key, len, item};
    set->count++;
    return NULL;
}
