#include "map/load_impl.h"

#include "map/hash.h"
#include "map/suggest.h"
#include "map/text.h"

#include <stdio.h>
#include <stdlib.h>

#define AGENCY_KEYS "shard|shards|writes"

enum { WHAT_SIZE = AGDB__QUOTE_SIZE + 32 };

/* --- keys --------------------------------------------------------------------------------------
 */

static bool read_hex(agdb__load_t *l, const agdb__tree_t *key, const char *digits, size_t n,
                     agdb__map_agency_t *ret)
{
    unsigned char *bytes = agdb__arena_alloc(l->arena, n / 2 + 1);
    bool ok = n % 2 == 0;
    size_t i;

    if (bytes == NULL)
        return false;
    for (i = 0; ok && i < n; i += 2) {
        int high = agdb__text_hex(digits[i]);
        int low = agdb__text_hex(digits[i + 1]);
        ok = high >= 0 && low >= 0;
        bytes[i / 2] = ok ? (unsigned char)(high * 16 + low) : 0;
    }
    if (!ok) {
        agdb__diag_error(l->diag, key->line, key->column,
                         "agency key '%s': hex: is followed by two hex digits for each byte",
                         AGDB__Q(key->text, key->len));
        return false;
    }
    ret->key = bytes;
    ret->key_len = n / 2;
    return true;
}

static bool read_key(agdb__load_t *l, agdb__tree_t *key, agdb__map_agency_t *ret)
{
    if (key->len >= 4 && memcmp(key->text, "hex:", 4) == 0) {
        if (!read_hex(l, key, key->text + 4, key->len - 4, ret))
            return false;
    } else if (!agdb__text_is_printable(key->text, key->len)) {
        agdb__diag_error(l->diag, key->line, key->column,
                         "agency key '%s' is not plain text: write it as hex:...",
                         AGDB__Q(key->text, key->len));
        return false;
    } else {
        ret->key = (const unsigned char *)agdb__arena_text(l->arena, key->text, key->len);
        ret->key_len = key->len;
        agdb__warn_rewritten(l, key);
        if (strstr(key->text, "${") != NULL)
            agdb__diag_warn(l->diag, key->line, key->column,
                            "variables in keys are not expanded: '%s' is taken as it stands",
                            AGDB__Q(key->text, key->len));
    }
    if (ret->key_len < 1 || ret->key_len > AGDB_KEY_MAX) {
        agdb__diag_error(l->diag, key->line, key->column,
                         "agency key '%s' has %zu bytes: 1 to %d are possible",
                         AGDB__Q(key->text, key->len), ret->key_len, AGDB_KEY_MAX);
        return false;
    }
    return ret->key != NULL;
}

/* --- pins --------------------------------------------------------------------------------------
 */

static void unknown_shard(agdb__load_t *l, const agdb__tree_t *node,
                          const agdb__map_keyspace_t *keyspace)
{
    agdb__nearest_t nearest = {.text = node->value, .len = node->value_len};
    size_t i;

    for (i = 0; i < keyspace->nshards; i++)
        agdb__nearest_offer(&nearest, keyspace->shards[i].name, strlen(keyspace->shards[i].name));
    if (nearest.name != NULL && !node->is_expanded)
        agdb__diag_error(l->diag, node->line, node->column,
                         "keyspace '%s' has no shard %s: did you mean '%s'?", keyspace->name,
                         AGDB__SHOWN(node), nearest.name);
    else
        agdb__diag_error(l->diag, node->line, node->column, "keyspace '%s' has no shard %s",
                         keyspace->name, AGDB__SHOWN(node));
}

static void read_pin(agdb__load_t *l, agdb__tree_t *node, size_t keyspace, uint16_t *pin)
{
    const agdb__map_keyspace_t *k = &l->map->keyspaces[keyspace];
    int shard;

    if (k->nshards == 0 || !agdb__value_text(l, node, "shard", 1, SIZE_MAX))
        return;
    shard = agdb__map_shard(k, node->value);
    if (shard >= 0)
        pin[keyspace] = (uint16_t)shard;
    else if (agdb__diag_has_room(l->diag))
        unknown_shard(l, node, k);
    else
        l->diag->nerrors++, l->diag->nunshown++;
    agdb__warn_rewritten(l, node);
}

static void unknown_keyspace(agdb__load_t *l, const agdb__tree_t *key)
{
    agdb__nearest_t nearest = {.text = key->text, .len = key->len};
    size_t i;

    for (i = 0; i < l->map->nkeyspaces; i++)
        agdb__nearest_offer(&nearest, l->map->keyspaces[i].name, strlen(l->map->keyspaces[i].name));
    if (nearest.name != NULL)
        agdb__diag_error(l->diag, key->line, key->column,
                         "the map has no keyspace '%s': did you mean '%s'?",
                         AGDB__Q(key->text, key->len), nearest.name);
    else
        agdb__diag_error(l->diag, key->line, key->column, "the map has no keyspace '%s'",
                         AGDB__Q(key->text, key->len));
}

static void read_pins(agdb__load_t *l, const agdb__tree_t *shards_key, uint16_t *pin)
{
    agdb__tree_t *key;

    if (!agdb__expect_mapping(l, shards_key->of, shards_key, "shards"))
        return;
    if (shards_key->of->count == 0)
        agdb__diag_error(l->diag, shards_key->line, shards_key->column,
                         "shards is empty: write KEYSPACE: SHARD, or remove it");
    for (key = shards_key->of->first; key != NULL; key = key->next) {
        int keyspace = agdb__map_keyspace(l->map, key->text);
        if (keyspace < 0)
            unknown_keyspace(l, key);
        else if (key->of != NULL)
            read_pin(l, key->of, (size_t)keyspace, pin);
    }
}

static const uint16_t *keep_pins(agdb__load_t *l, size_t size)
{
    uint16_t *pins = agdb__arena_alloc(l->arena, size);

    if (pins != NULL && size > 0)
        memcpy(pins, l->pins, size);
    return pins;
}

static void read_agency(agdb__load_t *l, agdb__tree_t *key, const char *what,
                        agdb__map_agency_t *ret)
{
    const agdb__tree_t *shard = agdb__tree_key(key->of, "shard");
    const agdb__tree_t *shards = agdb__tree_key(key->of, "shards");
    agdb__tree_t *writes = agdb__at(key->of, "writes");
    const size_t size = l->map->nkeyspaces * sizeof *l->pins;
    size_t i;

    agdb__check_keys(l, key->of, what, AGENCY_KEYS);
    if (key->of->count == 0)
        agdb__diag_error(l->diag, key->line, key->column,
                         "%s says nothing: add shard, shards or writes, or remove it", what);
    if (writes != NULL)
        ret->frozen = agdb__value_word(l, writes, "writes", "refuse") == 0;
    for (i = 0; i < l->map->nkeyspaces; i++)
        l->pins[i] = AGDB__NO_SHARD;
    if (shard != NULL && shards != NULL)
        agdb__diag_error(l->diag, shards->line, shards->column,
                         "%s has shard on line %u already: use shard for the default keyspace, or "
                         "shards for all",
                         what, shard->line);
    else if (shards != NULL)
        read_pins(l, shards, l->pins);
    else if (shard != NULL && shard->of != NULL && l->map->default_keyspace >= 0)
        read_pin(l, shard->of, (size_t)l->map->default_keyspace, l->pins);
    if (l->last_pins == NULL || memcmp(l->last_pins, l->pins, size) != 0)
        l->last_pins = keep_pins(l, size);
    ret->pin = l->last_pins;
}

/* --- all of them -------------------------------------------------------------------------------
 */

static int by_key(const void *a, const void *b)
{
    const agdb__map_agency_t *x = a;
    const agdb__map_agency_t *y = b;
    int order = memcmp(x->key, y->key, x->key_len < y->key_len ? x->key_len : y->key_len);

    if (order != 0)
        return order;
    return x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

static void build_index(agdb__load_t *l, const agdb__map_agency_t *agencies, size_t n)
{
    uint32_t room = 4;
    uint32_t *index;
    size_t i;

    while (room < n * 2)
        room *= 2;
    index = agdb__arena_array(l->arena, room, sizeof *index);
    if (index == NULL)
        return;
    for (i = 0; i < n; i++) {
        uint32_t at = (uint32_t)agencies[i].hash & (room - 1);
        while (index[at] != 0)
            at = (at + 1) & (room - 1);
        index[at] = (uint32_t)i + 1;
    }
    l->map->agency_index = index;
    l->map->agency_mask = room - 1;
}

static size_t read_all(agdb__load_t *l, const agdb__tree_t *mapping, agdb__map_agency_t *agencies)
{
    agdb__set_t seen = {.arena = l->scratch};
    char what[WHAT_SIZE];
    agdb__tree_t *key;
    size_t n = 0;

    for (key = mapping->first; key != NULL; key = key->next) {
        agdb__map_agency_t *a = &agencies[n];
        const agdb__tree_t *earlier;
        snprintf(what, sizeof what, "agency '%s'", AGDB__Q(key->text, key->len));
        *a = (agdb__map_agency_t){0};
        if (!read_key(l, key, a))
            continue;
        a->hash = agdb__hash_key(a->key, a->key_len);
        earlier = agdb__set_put(&seen, a->key, a->key_len, key);
        if (earlier != NULL)
            agdb__diag_error(l->diag, key->line, key->column,
                             "%s has the bytes of the key on line %u: keep one of the two", what,
                             earlier->line);
        if (agdb__expect_mapping(l, key->of, key, what))
            read_agency(l, key, what, a);
        n++;
    }
    return n;
}

void agdb__load_agencies(agdb__load_t *l, agdb__tree_t *key)
{
    agdb__map_agency_t *agencies;
    size_t n;

    if (!agdb__expect_mapping(l, key->of, key, "agencies"))
        return;
    agencies = agdb__arena_array(l->arena, key->of->count + 1, sizeof *agencies);
    l->pins = agdb__arena_array(l->scratch, l->map->nkeyspaces + 1, sizeof *l->pins);
    if (agencies == NULL || l->pins == NULL)
        return;
    n = read_all(l, key->of, agencies);
    if (l->diag->nerrors > 0)
        return;
    qsort(agencies, n, sizeof *agencies, by_key);
    build_index(l, agencies, n);
    l->map->agencies = agencies;
    l->map->nagencies = n;
}
