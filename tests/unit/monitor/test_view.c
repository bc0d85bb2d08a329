#include "monitor/view.h"

#include "unit.h"

#define UP   AGDB__HEALTH_UP
#define DOWN AGDB__HEALTH_DOWN
#define REF  AGDB__HEALTH_REFUSED

static void views_follow_the_observations(void **state)
{
    static const struct {
        const char *what;
        agdb__observation_t node[3];
        uint32_t count;
        agdb__view_memory_t memory;
        agdb__shard_state_t state;
        uint8_t primary;
        uint32_t replicas;
    } rows[] = {
        {"nothing asked yet", {{0}}, 1, {0, 0}, AGDB__SHARD_UNSEEN, AGDB__NO_NODE, 0},
        {"one primary", {{UP, false, 1, 7, 0, 0}}, 1, {0, 0}, AGDB__SHARD_READY, 0, 0},
        {"primary and replica",
         {{UP, true, 1, 7, 0, 0}, {UP, false, 1, 7, 0, 0}},
         2,
         {0, 0},
         AGDB__SHARD_READY,
         1,
         1},
        {"replica only, primary down",
         {{DOWN, 0, 0, 0, 0, 0}, {UP, true, 1, 7, 0, 0}},
         2,
         {1, 7},
         AGDB__SHARD_NO_PRIMARY,
         AGDB__NO_NODE,
         2},
        {"replica only, the other not asked yet",
         {{0}, {UP, true, 1, 7, 0, 0}},
         2,
         {0, 0},
         AGDB__SHARD_UNSEEN,
         AGDB__NO_NODE,
         2},
        {"higher timeline wins",
         {{UP, false, 1, 7, 0, 0}, {UP, false, 2, 7, 0, 0}},
         2,
         {1, 7},
         AGDB__SHARD_READY,
         1,
         0},
        {"behind the memory: no primary",
         {{UP, false, 1, 7, 0, 0}, {DOWN, 0, 0, 0, 0, 0}},
         2,
         {2, 7},
         AGDB__SHARD_NO_PRIMARY,
         AGDB__NO_NODE,
         0},
        {"another system identifier: not used at all",
         {{UP, false, 3, 8, 0, 0}, {UP, true, 1, 8, 0, 0}},
         2,
         {1, 7},
         AGDB__SHARD_NO_PRIMARY,
         AGDB__NO_NODE,
         0},
        {"tie",
         {{UP, false, 2, 7, 0, 0}, {UP, false, 2, 7, 0, 0}, {UP, true, 2, 7, 0, 0}},
         3,
         {1, 7},
         AGDB__SHARD_SPLIT,
         AGDB__NO_NODE,
         4},
        {"tie below a winner is no tie",
         {{UP, false, 2, 7, 0, 0}, {UP, false, 2, 7, 0, 0}, {UP, false, 3, 7, 0, 0}},
         3,
         {1, 7},
         AGDB__SHARD_READY,
         2,
         0},
        {"all refused", {{REF, 0, 0, 0, 0, 0}}, 1, {0, 0}, AGDB__SHARD_REFUSED, AGDB__NO_NODE, 0},
        {"one refused, one down",
         {{REF, 0, 0, 0, 0, 0}, {DOWN, 0, 0, 0, 0, 0}},
         2,
         {0, 0},
         AGDB__SHARD_NO_PRIMARY,
         AGDB__NO_NODE,
         0},
        {"no-reads: primary yes, replica no",
         {{UP, false, 1, 7, true, 0}, {UP, true, 1, 7, true, 0}},
         2,
         {0, 0},
         AGDB__SHARD_READY,
         0,
         0},
        {"out: not used",
         {{UP, false, 1, 7, 0, true}, {UP, true, 1, 7, 0, true}},
         2,
         {0, 0},
         AGDB__SHARD_REFUSED,
         AGDB__NO_NODE,
         0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__view_memory_t memory = rows[i].memory;
        agdb__view_t v = agdb__view_compute(rows[i].node, rows[i].count, &memory);

        if (v.state != rows[i].state || v.primary != rows[i].primary ||
            v.replicas != rows[i].replicas)
            fail_msg("%s: state %d primary %d replicas %x", rows[i].what, (int)v.state, v.primary,
                     v.replicas);
    }
}

static void memory_rises_with_the_primary(void **state)
{
    agdb__observation_t node[2] = {{.health = UP, .timeline = 4, .system_identifier = 7},
                                   {.health = UP, .in_recovery = true, .system_identifier = 7}};
    agdb__view_memory_t memory = {0};

    (void)state;
    (void)agdb__view_compute(node, 2, &memory);
    assert_int_equal(memory.timeline, 4);
    assert_int_equal(memory.system_identifier, 7);
    node[1].in_recovery = false; /* promoted */
    node[1].timeline = 5;
    assert_int_equal(agdb__view_compute(node, 2, &memory).primary, 1);
    node[1].health = DOWN; /* the old one is alone again: it stays out */
    assert_int_equal(agdb__view_compute(node, 2, &memory).state, AGDB__SHARD_NO_PRIMARY);
}

static void leavers_are_those_who_lost_what_they_were_chosen_for(void **state)
{
    static const struct {
        agdb__view_t before;
        agdb__view_t now;
        uint32_t leavers;
    } rows[] = {
        {{AGDB__SHARD_READY, 0, 2}, {AGDB__SHARD_READY, 0, 2}, 0},
        {{AGDB__SHARD_READY, 0, 2}, {AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 2}, 1},
        {{AGDB__SHARD_READY, 0, 2}, {AGDB__SHARD_READY, 0, 0}, 2},
        {{AGDB__SHARD_READY, 0, 2}, {AGDB__SHARD_READY, 1, 1}, 1}, /* promoted, demoted */
        {{AGDB__SHARD_READY, 31, 6}, {AGDB__SHARD_UNSEEN, AGDB__NO_NODE, 0}, 0x80000006u},
        {{AGDB__SHARD_UNSEEN, AGDB__NO_NODE, 0}, {AGDB__SHARD_READY, 0, 2}, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++)
        assert_int_equal(agdb__view_leavers(rows[i].before, rows[i].now), rows[i].leavers);
}

static void pack_and_unpack_keep_everything(void **state)
{
    agdb__view_t v = {AGDB__SHARD_SPLIT, 31, 0x80000001u};
    agdb__view_t w = agdb__view_unpack(agdb__view_pack(v));

    (void)state;
    assert_int_equal(w.state, v.state);
    assert_int_equal(w.primary, v.primary);
    assert_int_equal(w.replicas, v.replicas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_follow_the_observations),
        cmocka_unit_test(memory_rises_with_the_primary),
        cmocka_unit_test(leavers_are_those_who_lost_what_they_were_chosen_for),
        cmocka_unit_test(pack_and_unpack_keep_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
