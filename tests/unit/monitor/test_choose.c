#include "monitor/choose.h"

#include "unit.h"

static void writes_and_reads_go_to_the_primary_or_wait(void **state)
{
    static const struct {
        agdb__view_t view;
        agdb_access_t access;
        uint32_t tried;
        agdb__choice_kind_t kind;
        uint8_t node;
    } rows[] = {
        {{AGDB__SHARD_READY, 1, 5}, AGDB_WRITE, 0, AGDB__CHOOSE_NODE, 1},
        {{AGDB__SHARD_READY, 1, 5}, AGDB_READ, 0, AGDB__CHOOSE_NODE, 1},
        {{AGDB__SHARD_READY, 1, 5}, AGDB_WRITE, 2, AGDB__CHOOSE_PARK, AGDB__NO_NODE},
        {{AGDB__SHARD_UNSEEN, AGDB__NO_NODE, 1}, AGDB_WRITE, 0, AGDB__CHOOSE_PARK, AGDB__NO_NODE},
        {{AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 1},
         AGDB_READ,
         0,
         AGDB__CHOOSE_PARK,
         AGDB__NO_NODE},
        {{AGDB__SHARD_SPLIT, AGDB__NO_NODE, 4}, AGDB_WRITE, 0, AGDB__CHOOSE_SPLIT, AGDB__NO_NODE},
        {{AGDB__SHARD_REFUSED, AGDB__NO_NODE, 0},
         AGDB_WRITE,
         0,
         AGDB__CHOOSE_REFUSED,
         AGDB__NO_NODE},
        {{AGDB__SHARD_READY, 0, 4}, AGDB_READ_REPLICA_OK, 0, AGDB__CHOOSE_NODE, 2},
        {{AGDB__SHARD_READY, 0, 4}, AGDB_READ_REPLICA_OK, 4, AGDB__CHOOSE_NODE, 0},
        {{AGDB__SHARD_READY, 0, 0}, AGDB_READ_REPLICA_OK, 0, AGDB__CHOOSE_NODE, 0},
        {{AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 8}, AGDB_READ_REPLICA_OK, 0, AGDB__CHOOSE_NODE, 3},
        {{AGDB__SHARD_SPLIT, AGDB__NO_NODE, 8}, AGDB_READ_REPLICA_OK, 0, AGDB__CHOOSE_NODE, 3},
        {{AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 8},
         AGDB_READ_REPLICA_OK,
         8,
         AGDB__CHOOSE_PARK,
         AGDB__NO_NODE},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__choice_t c = agdb__choose(rows[i].view, rows[i].access, rows[i].tried, 12345);

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
        hits[agdb__choose(view, AGDB_READ_REPLICA_OK, 0, i).node]++;
    assert_int_equal(hits[1], 100);
    assert_int_equal(hits[2], 100);
    assert_int_equal(hits[4], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_go_to_the_primary_or_wait),
        cmocka_unit_test(replica_reads_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
