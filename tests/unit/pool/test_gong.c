#include "pool/gong.h"

#include "base/clock.h"
#include "base/sync.h"
#include "unit.h"

enum { SLEEPERS = 40 };

typedef struct sleeper {
    agdb__gongs_t *gongs;
    agdb__place_t place;
    atomic_bool called;
    atomic_bool woken;
    pthread_t thread;
} sleeper_t;

static void neighbours_share_a_gong_and_have_marks_of_their_own(void **state)
{
    agdb__gongs_t gongs;
    agdb__place_t first;
    unsigned marks = 0;
    unsigned i;

    (void)state;
    agdb__gongs_init(&gongs);
    for (i = 0; i < AGDB__GONG_MARKS; i++) {
        agdb__place_t place = agdb__gongs_place(&gongs);

        assert_int_equal(place.gong, 0);
        assert_int_equal(marks & place.mark, 0);
        marks |= place.mark;
    }
    first = agdb__gongs_place(&gongs);
    assert_int_equal(first.gong, 1);
    for (i = 1; i < AGDB__GONG_MARKS * AGDB__GONGS; i++)
        assert_in_range(agdb__gongs_place(&gongs).gong, 0, AGDB__GONGS - 1);
}

static void *sleep_until_called(void *arg)
{
    sleeper_t *s = arg;

    for (;;) {
        unsigned heard = agdb__gongs_heard(s->gongs, s->place);

        if (atomic_load_explicit(&s->called, memory_order_acquire))
            break;
        agdb__gongs_sleep(s->gongs, s->place, heard, AGDB__NEVER);
    }
    atomic_store(&s->woken, true);
    return NULL;
}

/* Again and again, so that a ring that comes while somebody is on his way to sleep is met. */
static void whoever_is_rung_for_wakes(void **state)
{
    agdb__gongs_t gongs;
    unsigned round;
    size_t i;

    (void)state;
    agdb__gongs_init(&gongs);
    for (round = 0; round < 50; round++) {
        sleeper_t s[SLEEPERS] = {0};
        agdb__ring_t ring = {{0}};

        for (i = 0; i < SLEEPERS; i++) {
            s[i] = (sleeper_t){.gongs = &gongs, .place = agdb__gongs_place(&gongs)};
            assert_true(agdb__thread_start(&s[i].thread, false, sleep_until_called, &s[i]));
        }
        for (i = 0; i < SLEEPERS; i++) {
            agdb__ring_add(&ring, s[i].place);
            atomic_store_explicit(&s[i].called, true, memory_order_release);
        }
        agdb__gongs_ring(&gongs, &ring);
        for (i = 0; i < AGDB__GONGS; i++)
            assert_int_equal(ring.marks[i], 0);
        for (i = 0; i < SLEEPERS; i++)
            pthread_join(s[i].thread, NULL);
    }
}

static void others_sleep_on(void **state)
{
    agdb__gongs_t gongs;
    sleeper_t s[2] = {0};
    size_t i;

    (void)state;
    agdb__gongs_init(&gongs);
    for (i = 0; i < 2; i++) {
        s[i] = (sleeper_t){.gongs = &gongs, .place = agdb__gongs_place(&gongs)};
        assert_true(agdb__thread_start(&s[i].thread, false, sleep_until_called, &s[i]));
    }
    atomic_store_explicit(&s[1].called, true, memory_order_release);
    agdb__gongs_ring_one(&gongs, s[1].place);
    pthread_join(s[1].thread, NULL);
    assert_false(atomic_load(&s[0].woken));
    atomic_store_explicit(&s[0].called, true, memory_order_release);
    agdb__gongs_ring_one(&gongs, s[0].place);
    pthread_join(s[0].thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_share_a_gong_and_have_marks_of_their_own),
        cmocka_unit_test(whoever_is_rung_for_wakes),
        cmocka_unit_test(others_sleep_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
