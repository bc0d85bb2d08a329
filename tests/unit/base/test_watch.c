#include "base/watch.h"

#include "unit.h"

static unsigned g_told[3];

static void tell(void *user)
{
    ++*(unsigned *)user;
}

static void watchers_are_told_until_they_are_removed(void **state)
{
    agdb__watchers_t all = {0};
    agdb__watcher_t w[3];
    size_t victim;
    size_t i;

    (void)state;
    for (victim = 0; victim < 3; victim++) {
        for (i = 0; i < 3; i++) {
            g_told[i] = 0;
            w[i] = (agdb__watcher_t){.tell = tell, .user = &g_told[i]};
            agdb__watchers_add(&all, &w[i]);
            agdb__watchers_add(&all, &w[i]); /* once is enough */
        }
        agdb__watchers_tell(&all);
        agdb__watchers_remove(&all, &w[victim]);
        agdb__watchers_remove(&all, &w[victim]);
        agdb__watchers_tell(&all);
        for (i = 0; i < 3; i++) {
            assert_int_equal(g_told[i], i == victim ? 1 : 2);
            agdb__watchers_remove(&all, &w[i]);
        }
        assert_null(all.head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(watchers_are_told_until_they_are_removed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
