#include "monitor/choose.h"

#include "unit.h"

/* Which replicas would do. */
#define NONE 0u
#define ALL  UINT32_MAX

/* All cost the same. */
static const uint64_t k_same[AGDB__VIEW_NODES_MAX];

static void writes_and_reads_go_to_the_primary_or_wait(void **state)
{
    static const struct {
        agdb__view_t view;
        uint32_t replicas;
        uint32_t tried;
        agdb__choice_kind_t kind;
        uint8_t node;
    } rows[] = {
        {{AGDB__SHARD_READY, 1, 5}, NONE, 0, AGDB__CHOOSE_NODE, 1},
        {{AGDB__SHARD_READY, 1, 5}, NONE, 0, AGDB__CHOOSE_NODE, 1},
        {{AGDB__SHARD_READY, 1, 5}, NONE, 2, AGDB__CHOOSE_PARK, AGDB__NO_NODE},
        {{AGDB__SHARD_UNSEEN, AGDB__NO_NODE, 1}, NONE, 0, AGDB__CHOOSE_PARK, AGDB__NO_NODE},
        {{AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 1}, NONE, 0, AGDB__CHOOSE_PARK, AGDB__NO_NODE},
        {{AGDB__SHARD_SPLIT, AGDB__NO_NODE, 4}, NONE, 0, AGDB__CHOOSE_SPLIT, AGDB__NO_NODE},
        {{AGDB__SHARD_REFUSED, AGDB__NO_NODE, 0}, NONE, 0, AGDB__CHOOSE_REFUSED, AGDB__NO_NODE},
        {{AGDB__SHARD_READY, 0, 4}, ALL, 0, AGDB__CHOOSE_NODE, 2},
        {{AGDB__SHARD_READY, 0, 4}, ALL, 4, AGDB__CHOOSE_NODE, 0},
        {{AGDB__SHARD_READY, 0, 0}, ALL, 0, AGDB__CHOOSE_NODE, 0},
        {{AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 8}, ALL, 0, AGDB__CHOOSE_NODE, 3},
        {{AGDB__SHARD_SPLIT, AGDB__NO_NODE, 8}, ALL, 0, AGDB__CHOOSE_NODE, 3},
        {{AGDB__SHARD_READY, 0, 6}, 4, 0, AGDB__CHOOSE_NODE, 2}, /* only one is fresh enough */
        {{AGDB__SHARD_READY, 0, 2}, 4, 0, AGDB__CHOOSE_NODE, 0}, /* and it is not there */
        {{AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 8}, ALL, 8, AGDB__CHOOSE_PARK, AGDB__NO_NODE},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__choice_t c =
            agdb__choose(rows[i].view, rows[i].replicas, rows[i].tried, k_same, 12345);

        if (c.kind != rows[i].kind || c.node != rows[i].node)
            fail_msg("row %zu: kind %d node %d", i, (int)c.kind, c.node);
    }
}

static void replica_reads_are_spread(void **state)
{
    agdb__view_t view = {AGDB__SHARD_READY, 0, 0x16}; /* replicas 1, 2, 4 */
    unsigned hits[5] = {0};
    unsigned i;

    (void)state;
    for (i = 0; i < 300; i++)
        hits[agdb__choose(view, ALL, 0, k_same, i).node]++;
    assert_int_equal(hits[1], 100);
    assert_int_equal(hits[2], 100);
    assert_int_equal(hits[4], 100);
}

static void the_cheaper_of_two_is_taken(void **state)
{
    agdb__view_t view = {AGDB__SHARD_READY, 0, 0x16}; /* replicas 1, 2, 4 */
    const uint64_t cost[AGDB__VIEW_NODES_MAX] = {0, 50, 10, 0, 100};
    unsigned hits[5] = {0};
    unsigned i;

    (void)state;
    for (i = 0; i < 600; i++)
        hits[agdb__choose(view, ALL, 0, cost, i).node]++;
    assert_int_equal(hits[4], 0); /* dearer than either other */
    assert_int_equal(hits[2], 400);
    assert_int_equal(hits[1], 200);
}

static void those_that_cost_about_the_same_share(void **state)
{
    agdb__view_t view = {AGDB__SHARD_READY, 0, 0x6}; /* replicas 1, 2 */
    uint64_t cost[AGDB__VIEW_NODES_MAX] = {0, 30, 20};
    unsigned hits[3] = {0};
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++)
        hits[agdb__choose(view, ALL, 0, cost, i).node]++;
    assert_int_equal(hits[1], 50);
    cost[1] = 31;
    assert_int_equal(agdb__choose(view, ALL, 0, cost, 0).node, 2);
    assert_int_equal(agdb__choose(view, ALL, 0, cost, 1).node, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_go_to_the_primary_or_wait),
        cmocka_unit_test(replica_reads_are_spread),
        cmocka_unit_test(the_cheaper_of_two_is_taken),
        cmocka_unit_test(those_that_cost_about_the_same_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
