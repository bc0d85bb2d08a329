#include "exec/heap.h"

#include "base/rng.h"
#include "unit.h"

enum { MANY = 65 };

static bool is_less(const void *user, uint32_t a, uint32_t b)
{
    const uint32_t *value = user;

    return value[a] != value[b] ? value[a] < value[b] : a < b;
}

/* Takes all out, as a merge of that many shards does; each is replaced by a later one first. */
static void expect_order(size_t count)
{
    agdb__rng_t rng = {.state = count};
    uint32_t value[MANY] = {0};
    uint32_t heap[MANY];
    unsigned again[MANY];
    uint32_t last = 0;
    size_t taken = 0;
    size_t left = count;
    size_t i;

    for (i = 0; i < count; i++) {
        value[i] = (uint32_t)agdb__rng_jitter(&rng, 10);
        heap[i] = (uint32_t)i;
        again[i] = 5;
    }
    agdb__heap_make(heap, left, is_less, value);
    while (left > 0) {
        const uint32_t first = heap[0];

        assert_true(value[first] >= last);
        for (i = 0; i < left; i++)
            assert_false(is_less(value, heap[i], first));
        last = value[first];
        taken++;
        if (again[first]-- > 0)
            value[first] += (uint32_t)agdb__rng_jitter(&rng, 10);
        else
            heap[0] = heap[--left];
        agdb__heap_settle(heap, left, is_less, value);
    }
    assert_int_equal(taken, 6 * count);
}

static void the_first_is_before_all_others(void **state)
{
    size_t count;

    (void)state;
    for (count = 0; count <= MANY; count++)
        expect_order(count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_before_all_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
