/* The names that have the most calls, in bounded memory. */
#include "exec/ranks.h"

#include "base/rng.h"
#include "unit.h"

#include <pthread.h>
#include <stdio.h>

enum { ROWS = 16, TOP = 8, THREADS = 4, EACH = 20000 };

static const agdb__rank_t *find(const agdb__rank_t *rank, size_t n, const char *name)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (strcmp(rank[i].name, name) == 0)
            return &rank[i];
    return NULL;
}

static void note(agdb__ranks_t *ranks, const char *name, uint64_t us)
{
    agdb__ranks_note(ranks, name, strlen(name), 1, us);
}

static void few_names_are_counted_exactly(void **state)
{
    agdb__ranks_t *ranks = agdb__ranks_new(ROWS);
    agdb__rank_t top[TOP * 2];
    size_t n;
    int i;

    (void)state;
    for (i = 0; i < 30; i++)
        note(ranks, "epa", 10);
    for (i = 0; i < 3; i++)
        note(ranks, "cdc", 1000);
    n = agdb__ranks_top(ranks, top, TOP);
    assert_int_equal(n, 2);
    assert_string_equal(top[0].name, "epa");
    assert_int_equal(top[0].calls, 30);
    assert_int_equal(top[0].us, 300);
    assert_int_equal(top[1].calls, 3);
    n = agdb__ranks_top(ranks, top, 1); /* and the one with the most time of the rest */
    assert_int_equal(n, 2);
    assert_string_equal(top[1].name, "cdc");
    agdb__ranks_free(ranks);
}

/* Ten names have half of the calls, 100,000 names the other half. */
static void frequent_names_are_found_among_any_number(void **state)
{
    agdb__ranks_t *ranks = agdb__ranks_new(ROWS);
    agdb__rng_t rng = {.state = 42};
    agdb__rank_t top[20 * 2];
    char name[24];
    size_t n;
    int i;

    (void)state;
    for (i = 0; i < 200000; i++) {
        if (i % 2 == 0)
            snprintf(name, sizeof name, "often-%d", i / 2 % 10);
        else
            snprintf(name, sizeof name, "rare-%u", (unsigned)(agdb__rng_next(&rng) % 100000));
        note(ranks, name, 1);
    }
    n = agdb__ranks_top(ranks, top, 20);
    for (i = 0; i < 10; i++) {
        const agdb__rank_t *found;

        snprintf(name, sizeof name, "often-%d", i);
        found = find(top, n, name);
        if (found == NULL)
            fail_msg("%s is not among the top", name);
        assert_in_range(found->calls, 5000, 10000);
    }
    agdb__ranks_free(ranks);
}

static void long_names_are_told_apart_and_shown_by_their_beginning(void **state)
{
    char name[300];
    agdb__ranks_t *ranks = agdb__ranks_new(ROWS);
    agdb__rank_t top[TOP * 2];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    note(ranks, name, 1);
    name[sizeof name - 2] = 'y';
    note(ranks, name, 1);
    assert_int_equal(agdb__ranks_top(ranks, top, TOP), 2);
    assert_int_equal(strlen(top[0].name), AGDB__RANK_NAME);
    assert_int_equal(top[0].len, sizeof name - 1);
    assert_true(top[0].hash != top[1].hash);
    agdb__ranks_free(ranks);
}

static void *note_many(void *arg)
{
    int i;

    for (i = 0; i < EACH; i++)
        note(arg, i % 2 == 0 ? "a" : "b", 1);
    return NULL;
}

static void threads_may_meet(void **state)
{
    agdb__ranks_t *ranks = agdb__ranks_new(ROWS);
    agdb__rank_t top[TOP * 2];
    pthread_t thread[THREADS];
    size_t n = 0;
    int i;

    (void)state;
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, note_many, ranks), 0);
    for (i = 0; i < 100; i++)
        n = agdb__ranks_top(ranks, top, TOP);
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    n = agdb__ranks_top(ranks, top, TOP);
    assert_int_equal(n, 2);
    assert_in_range(top[0].calls, EACH / 2, THREADS * EACH / 2); /* those that met are not in */
    assert_in_range(top[1].calls, EACH / 2, THREADS * EACH / 2);
    agdb__ranks_free(ranks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_names_are_counted_exactly),
        cmocka_unit_test(frequent_names_are_found_among_any_number),
        cmocka_unit_test(long_names_are_told_apart_and_shown_by_their_beginning),
        cmocka_unit_test(threads_may_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
