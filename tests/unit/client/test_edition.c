/* Who is inside which map. */
#include "client/edition.h"

#include "base/alloc.h"
#include "base/error.h"
#include "map/load.h"
#include "unit.h"

#include <stdio.h>

enum { READERS = 4, PUBLICATIONS = 2000 };

static agdb_map_t *load(unsigned epoch)
{
    agdb_map_t *map = NULL;
    char text[256];

    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: %u\ndefaults: { connection: { user: a, dbname: b } }\n"
             "keyspaces: { core: { shards: { a: { nodes: [ 127.0.0.1 ] } } } }\n",
             epoch);
    assert_int_equal(agdb__map_load_text(text, strlen(text), "test", &map, NULL, NULL), AGDB_OK);
    return map;
}

/* The layout's shards have nothing to do with it. */
static void publish(agdb__editions_t *editions, unsigned epoch)
{
    const agdb__layout_t none = {.nshards = 0};

    assert_int_equal(agdb__editions_publish(editions, load(epoch), &none, epoch, NULL), AGDB_OK);
}

static size_t blocks(const agdb__editions_t *editions)
{
    const agdb__edition_t *edition;
    size_t n = 0;

    for (edition = editions->all; edition != NULL; edition = edition->next)
        n++;
    return n;
}

static void who_is_inside_stays_with_the_map_that_was_entered(void **state)
{
    agdb__editions_t editions;
    agdb__edition_t *first;
    agdb__edition_t *second;

    (void)state;
    assert_true(agdb__editions_init(&editions));
    publish(&editions, 1);
    first = agdb__editions_enter(&editions);
    publish(&editions, 2);
    second = agdb__editions_enter(&editions);
    assert_int_equal(first->map->epoch, 1);
    assert_int_equal(second->map->epoch, 2);
    assert_true(agdb__editions_sweep(&editions));
    assert_int_equal(first->map->epoch, 1);
    agdb__edition_leave(first);
    assert_false(agdb__editions_sweep(&editions));
    assert_null(first->map);
    assert_int_equal(second->map->epoch, 2);
    publish(&editions, 3); /* in the first's block */
    assert_int_equal(blocks(&editions), 2);
    agdb__edition_leave(second);
    assert_false(agdb__editions_sweep(&editions));
    agdb__editions_fini(&editions);
}

static void a_list_of_them_says_who_is_inside_and_since_when(void **state)
{
    agdb__edition_facts_t facts[4];
    agdb__editions_t editions;
    agdb__edition_t *first;

    (void)state;
    assert_true(agdb__editions_init(&editions));
    publish(&editions, 1); /* at the time 1, and so on */
    first = agdb__editions_enter(&editions);
    publish(&editions, 2);
    assert_int_equal(agdb__editions_list(&editions, facts, AGDB_COUNT(facts)), 2);
    assert_int_equal(facts[0].epoch, 2);
    assert_int_equal(facts[0].since_us, 2);
    assert_int_equal(facts[0].until_us, 0);
    assert_int_equal(facts[0].inside, 0);
    assert_int_equal(facts[1].epoch, 1);
    assert_int_equal(facts[1].until_us, 2);
    assert_int_equal(facts[1].inside, 1);
    facts[1].epoch = 77;
    assert_int_equal(agdb__editions_list(&editions, facts, 1), 2);
    assert_int_equal(facts[1].epoch, 77);
    agdb__edition_leave(first);
    assert_false(agdb__editions_sweep(&editions));
    assert_int_equal(agdb__editions_list(&editions, facts, AGDB_COUNT(facts)), 1);
    agdb__editions_fini(&editions);
}

static void nobody_enters_once_they_are_closed(void **state)
{
    const agdb__layout_t none = {.nshards = 0};
    agdb__editions_t editions;
    agdb__edition_t *inside;
    agdb_map_t *map = load(2);

    (void)state;
    assert_true(agdb__editions_init(&editions));
    publish(&editions, 1);
    inside = agdb__editions_enter(&editions);
    agdb__editions_close(&editions);
    assert_null(agdb__editions_enter(&editions));
    assert_int_equal(agdb__editions_publish(&editions, map, &none, 2, NULL), AGDB_E_CLOSING);
    agdb__map_unref(map);
    assert_true(agdb__editions_sweep(&editions));
    agdb__edition_leave(inside);
    assert_false(agdb__editions_sweep(&editions));
    agdb__editions_fini(&editions);
}

static void the_next_look_is_later_the_longer_somebody_stays(void **state)
{
    agdb__editions_t editions;
    agdb__edition_t *inside;

    (void)state;
    assert_true(agdb__editions_init(&editions));
    publish(&editions, 1);
    assert_int_equal(agdb__editions_next_us(&editions, 1000), UINT64_MAX);
    inside = agdb__editions_enter(&editions);
    publish(&editions, 2);
    assert_in_range(agdb__editions_next_us(&editions, 2), 3, 10000);
    assert_int_equal(agdb__editions_next_us(&editions, 3600000000), 3601000000);
    agdb__edition_leave(inside);
    agdb__editions_close(&editions);
    assert_false(agdb__editions_sweep(&editions));
    agdb__editions_fini(&editions);
}

/* --- threads ------------------------------------------------------------------------------------
 */

typedef struct reader {
    pthread_t thread;
    agdb__editions_t *editions;
    unsigned went_back; /* to an older map than one that was seen */
} reader_t;

static void *enter_and_leave(void *arg)
{
    reader_t *reader = arg;
    agdb__edition_t *edition;
    uint64_t last = 0;

    while ((edition = agdb__editions_enter(reader->editions)) != NULL) {
        const uint64_t epoch = edition->map->epoch;

        reader->went_back += epoch < last;
        last = epoch;
        agdb__edition_leave(edition);
    }
    return NULL;
}

static void readers_always_find_a_whole_map(void **state)
{
    agdb__editions_t editions;
    reader_t reader[READERS];
    unsigned i;

    (void)state;
    assert_true(agdb__editions_init(&editions));
    publish(&editions, 1);
    for (i = 0; i < READERS; i++) {
        reader[i] = (reader_t){.editions = &editions};
        assert_int_equal(pthread_create(&reader[i].thread, NULL, enter_and_leave, &reader[i]), 0);
    }
    for (i = 2; i < PUBLICATIONS; i++) {
        publish(&editions, i);
        (void)agdb__editions_sweep(&editions);
    }
    agdb__editions_close(&editions);
    for (i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(reader[i].thread, NULL), 0);
        assert_int_equal(reader[i].went_back, 0);
    }
    assert_false(agdb__editions_sweep(&editions));
    assert_in_range(blocks(&editions), 1, READERS + 2); /* used again and again */
    agdb__editions_fini(&editions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_inside_stays_with_the_map_that_was_entered),
        cmocka_unit_test(a_list_of_them_says_who_is_inside_and_since_when),
        cmocka_unit_test(nobody_enters_once_they_are_closed),
        cmocka_unit_test(the_next_look_is_later_the_longer_somebody_stays),
        cmocka_unit_test(readers_always_find_a_whole_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
