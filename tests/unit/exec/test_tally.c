/* Whose calls are ranked: the first ones and the slow ones each, of the rest a sample. */
#include "exec/tally.h"

#include "base/alloc.h"
#include "unit.h"

enum { ROWS = 16, TOP = 4, MANY = 300000, FAST_US = 100 };

static agdb__shard_tally_t *tally_new(void)
{
    agdb__shard_tally_t *tally = agdb__calloc(1, sizeof *tally);

    assert_non_null(tally);
    tally->agencies = agdb__ranks_new(ROWS);
    tally->tags = agdb__ranks_new(ROWS);
    assert_non_null(tally->agencies);
    assert_non_null(tally->tags);
    return tally;
}

static void tally_free(agdb__shard_tally_t *tally)
{
    agdb__ranks_free(tally->agencies);
    agdb__ranks_free(tally->tags);
    agdb__free(tally);
}

static void note(agdb__shard_tally_t *tally, const char *agency, const char *tag, uint64_t us)
{
    agdb__tally_whose(tally, agdb_bytes(agency, strlen(agency)), tag, us);
}

static agdb__rank_t rank_of(agdb__ranks_t *ranks, const char *name)
{
    agdb__rank_t top[TOP * 2];
    const size_t n = agdb__ranks_top(ranks, top, TOP);
    size_t i;

    for (i = 0; i < n; i++)
        if (strcmp(top[i].name, name) == 0)
            return top[i];
    return (agdb__rank_t){.calls = 0};
}

static void first_calls_are_ranked_one_by_one(void **state)
{
    agdb__shard_tally_t *tally = tally_new();
    int i;

    (void)state;
    for (i = 0; i < AGDB__RANKED_FIRST; i++)
        note(tally, i % 4 == 0 ? "epa" : "cdc", i % 2 == 0 ? "list" : NULL, FAST_US);
    assert_int_equal(rank_of(tally->agencies, "epa").calls, AGDB__RANKED_FIRST / 4);
    assert_int_equal(rank_of(tally->agencies, "cdc").calls, AGDB__RANKED_FIRST * 3 / 4);
    assert_int_equal(rank_of(tally->tags, "list").calls, AGDB__RANKED_FIRST / 2);
    assert_int_equal(rank_of(tally->tags, "list").us, AGDB__RANKED_FIRST / 2 * FAST_US);
    tally_free(tally);
}

/* The two in turn: a sample of each n-th call would see one of them only. */
static void later_calls_are_ranked_by_a_fair_sample(void **state)
{
    agdb__shard_tally_t *tally = tally_new();
    agdb__rank_t epa;
    agdb__rank_t cdc;
    int i;

    (void)state;
    for (i = 0; i < MANY; i++)
        note(tally, i % 2 == 0 ? "epa" : "cdc", "list", FAST_US);
    epa = rank_of(tally->agencies, "epa");
    cdc = rank_of(tally->agencies, "cdc");
    assert_in_range(epa.calls, MANY / 2 * 0.96, MANY / 2 * 1.04);
    assert_in_range(cdc.calls, MANY / 2 * 0.96, MANY / 2 * 1.04);
    assert_int_equal(epa.us, epa.calls * FAST_US);
    assert_int_equal(rank_of(tally->tags, "list").calls, epa.calls + cdc.calls);
    tally_free(tally);
}

static void slow_calls_are_ranked_each(void **state)
{
    agdb__shard_tally_t *tally = tally_new();
    int i;

    (void)state;
    for (i = 0; i < 2 * AGDB__RANKED_FIRST; i++)
        note(tally, "epa", "report", AGDB__RANKED_SLOW_US);
    assert_int_equal(rank_of(tally->tags, "report").calls, 2 * AGDB__RANKED_FIRST);
    tally_free(tally);
}

static void waits_are_told_from_none(void **state)
{
    agdb__node_tally_t *tally = agdb__calloc(1, sizeof *tally);
    agdb__counted_t counted;

    (void)state;
    assert_non_null(tally);
    agdb__tally_ok(tally, AGDB_READ, 300, 0);
    agdb__tally_ok(tally, AGDB_WRITE, 300, AGDB__WAIT_COUNTS_US - 1);
    agdb__tally_ok(tally, AGDB_WRITE, 300, 1000);
    agdb__tally_wait(tally, &counted);
    assert_int_equal(counted.count, 3);
    assert_int_equal(counted.bucket[0], 2);
    assert_int_equal(counted.sum, 1000);
    agdb__tally_execute(tally, AGDB_WRITE, &counted);
    assert_int_equal(counted.count, 2);
    assert_int_equal(counted.sum, 600);
    agdb__free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_calls_are_ranked_one_by_one), /* this thread's first ones */
        cmocka_unit_test(later_calls_are_ranked_by_a_fair_sample),
        cmocka_unit_test(slow_calls_are_ranked_each),
        cmocka_unit_test(waits_are_told_from_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
