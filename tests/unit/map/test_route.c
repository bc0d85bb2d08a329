/* Key -> pin or slot -> shard, on models that are built by hand. */
#include "map/route.h"

#include "map/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SLOTS = 64, INDEX_SIZE = 8, CORE = 0, NOTIFICATION = 1, EAST = 0, WEST = 1 };

#define NOWHERE                                                                                    \
    {                                                                                              \
        AGDB__NO_SHARD, AGDB__NO_SHARD                                                             \
    }

/* Two keyspaces; in core, even slots belong to east and odd ones to west. */
typedef struct model {
    uint16_t core_owner[SLOTS];
    uint16_t notification_owner[SLOTS];
    agdb__map_keyspace_t keyspace[2];
    agdb__map_agency_t agency[4];
    uint16_t pin[4][2];
    uint32_t index[INDEX_SIZE];
    agdb_map_t map;
} model_t;

static void add_agency(model_t *m, const void *key, size_t len, bool frozen, const uint16_t pin[2])
{
    size_t n = m->map.nagencies++;
    uint64_t hash = agdb__hash_key(key, len);
    size_t at = hash % INDEX_SIZE;

    memcpy(m->pin[n], pin, sizeof m->pin[n]);
    m->agency[n] = (agdb__map_agency_t){
        .key = key, .key_len = len, .hash = hash, .frozen = frozen, .pin = m->pin[n]};
    while (m->index[at] != 0)
        at = (at + 1) % INDEX_SIZE;
    m->index[at] = (uint32_t)n + 1;
}

static model_t *model_new(void)
{
    model_t *m = calloc(1, sizeof *m);
    uint16_t i;

    assert_non_null(m);
    for (i = 0; i < SLOTS; i++)
        m->core_owner[i] = i % 2 == 0 ? EAST : WEST;
    m->keyspace[CORE] = (agdb__map_keyspace_t){.nshards = 2, .owner = m->core_owner};
    m->keyspace[NOTIFICATION] =
        (agdb__map_keyspace_t){.nshards = 1, .owner = m->notification_owner};
    m->map.slots = SLOTS;
    m->map.keyspaces = m->keyspace;
    m->map.nkeyspaces = 2;
    m->map.agencies = m->agency;
    m->map.agency_index = m->index;
    m->map.agency_mask = INDEX_SIZE - 1;
    return m;
}

static int setup(void **state)
{
    *state = model_new();
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void route_key_without_line_goes_to_the_owner_of_its_slot(void **state)
{
    model_t *m = *state;
    size_t seen[2] = {0, 0};
    uint16_t i;

    for (i = 0; i < 200; i++) {
        agdb_bytes_t key = agdb_bytes(&i, sizeof i);
        agdb__route_t r = agdb__map_route(&m->map, CORE, key);
        assert_int_equal(r.hash, agdb__hash_key(&i, sizeof i));
        assert_int_equal(r.slot, r.hash % SLOTS);
        assert_int_equal(r.shard, r.slot % 2);
        assert_false(r.pinned);
        assert_false(r.frozen);
        seen[r.shard]++;
    }
    assert_true(seen[EAST] > 50 && seen[WEST] > 50);
}

static void route_pinned_key_goes_to_its_pin_whatever_its_slot(void **state)
{
    model_t *m = *state;
    agdb__route_t by_slot = agdb__map_route(&m->map, CORE, agdb_key("fema"));
    uint16_t other = by_slot.shard == EAST ? WEST : EAST;
    agdb__route_t r;

    add_agency(m, "fema", 4, false, (const uint16_t[]){other, AGDB__NO_SHARD});
    r = agdb__map_route(&m->map, CORE, agdb_key("fema"));
    assert_int_equal(r.shard, other);
    assert_true(r.pinned);
    assert_false(r.frozen);
    assert_int_equal(r.slot, by_slot.slot);
    assert_int_equal(r.hash, by_slot.hash);
}

static void route_pin_in_one_keyspace_leaves_the_other_alone(void **state)
{
    model_t *m = *state;
    agdb__route_t r;

    add_agency(m, "fema", 4, false, (const uint16_t[]){WEST, AGDB__NO_SHARD});
    r = agdb__map_route(&m->map, NOTIFICATION, agdb_key("fema"));
    assert_int_equal(r.shard, 0);
    assert_false(r.pinned);
}

static void route_frozen_key_keeps_its_slot(void **state)
{
    model_t *m = *state;
    agdb__route_t before = agdb__map_route(&m->map, CORE, agdb_key("epa"));
    agdb__route_t r;

    add_agency(m, "epa", 3, true, (const uint16_t[])NOWHERE);
    r = agdb__map_route(&m->map, CORE, agdb_key("epa"));
    assert_true(r.frozen);
    assert_false(r.pinned);
    assert_int_equal(r.shard, before.shard);
}

static void route_compares_exact_bytes(void **state)
{
    model_t *m = *state;

    add_agency(m, "epa", 3, true, (const uint16_t[])NOWHERE);
    assert_false(agdb__map_route(&m->map, CORE, agdb_key("EPA")).frozen);
    assert_false(agdb__map_route(&m->map, CORE, agdb_key("ep")).frozen);
    assert_false(agdb__map_route(&m->map, CORE, agdb_bytes("epa\0", 4)).frozen);
    assert_true(agdb__map_route(&m->map, CORE, agdb_bytes("epa\0", 3)).frozen);
}

static void route_key_with_nul_inside_finds_its_line(void **state)
{
    model_t *m = *state;

    add_agency(m, "a\0b", 3, true, (const uint16_t[])NOWHERE);
    assert_true(agdb__map_route(&m->map, CORE, agdb_bytes("a\0b", 3)).frozen);
    assert_false(agdb__map_route(&m->map, CORE, agdb_bytes("a\0c", 3)).frozen);
    assert_false(agdb__map_route(&m->map, CORE, agdb_key("a")).frozen);
}

/* Two keys whose places in the index collide: the second is found behind the first, and a third
 * key of the same place is not found at all. */
static void route_colliding_places_are_probed_in_line(void **state)
{
    static unsigned char key[3];
    model_t *m = *state;
    size_t found = 0;
    unsigned c;

    for (c = 0; c < 256 && found < 3; c++) {
        unsigned char byte = (unsigned char)c;
        if (agdb__hash_key(&byte, 1) % INDEX_SIZE == INDEX_SIZE - 1)
            key[found++] = byte;
    }
    assert_int_equal(found, 3);
    add_agency(m, &key[0], 1, false, (const uint16_t[]){EAST, AGDB__NO_SHARD});
    add_agency(m, &key[1], 1, true, (const uint16_t[]){WEST, AGDB__NO_SHARD});
    assert_int_equal(agdb__map_route(&m->map, CORE, agdb_bytes(&key[0], 1)).shard, EAST);
    assert_false(agdb__map_route(&m->map, CORE, agdb_bytes(&key[0], 1)).frozen);
    assert_int_equal(agdb__map_route(&m->map, CORE, agdb_bytes(&key[1], 1)).shard, WEST);
    assert_true(agdb__map_route(&m->map, CORE, agdb_bytes(&key[1], 1)).frozen);
    assert_false(agdb__map_route(&m->map, CORE, agdb_bytes(&key[2], 1)).pinned);
}

/* Equal hashes do not make equal keys. */
static void route_equal_hash_of_another_key_is_not_a_match(void **state)
{
    model_t *m = *state;

    add_agency(m, "epa", 3, true, (const uint16_t[])NOWHERE);
    m->agency[0].key = (const unsigned char *)"cdc";
    assert_false(agdb__map_route(&m->map, CORE, agdb_key("epa")).frozen);
    m->agency[0].key = (const unsigned char *)"epa2";
    m->agency[0].key_len = 4;
    assert_false(agdb__map_route(&m->map, CORE, agdb_key("epa")).frozen);
}

static void route_without_agencies_needs_no_index(void **state)
{
    model_t *m = *state;

    m->map.agency_index = NULL;
    m->map.agencies = NULL;
    assert_false(agdb__map_route(&m->map, CORE, agdb_key("epa")).pinned);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(route_key_without_line_goes_to_the_owner_of_its_slot),
        TEST(route_pinned_key_goes_to_its_pin_whatever_its_slot),
        TEST(route_pin_in_one_keyspace_leaves_the_other_alone),
        TEST(route_frozen_key_keeps_its_slot),
        TEST(route_compares_exact_bytes),
        TEST(route_key_with_nul_inside_finds_its_line),
        TEST(route_colliding_places_are_probed_in_line),
        TEST(route_equal_hash_of_another_key_is_not_a_match),
        TEST(route_without_agencies_needs_no_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
