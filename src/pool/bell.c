#include "pool/bell.h"

void agdb__bells_init(agdb__bells_t *bells)
{
    size_t i;

    for (i = 0; i < AGDB__BELLS; i++)
        atomic_init(&bells->bell[i].rung, 0);
    atomic_init(&bells->places, 0);
}

agdb__place_t agdb__bells_place(agdb__bells_t *bells)
{
    unsigned n = atomic_fetch_add_explicit(&bells->places, 1, memory_order_relaxed);

    return (agdb__place_t){n / AGDB__BELL_MARKS % AGDB__BELLS, 1u << n % AGDB__BELL_MARKS};
}

unsigned agdb__bells_heard(agdb__bells_t *bells, agdb__place_t place)
{
    return atomic_load_explicit(&bells->bell[place.bell].rung, memory_order_acquire);
}

void agdb__bells_sleep(agdb__bells_t *bells, agdb__place_t place, unsigned heard, uint64_t until_us)
{
    agdb__wait_word(&bells->bell[place.bell].rung, heard, place.mark, until_us);
}

static void ring(agdb__bells_t *bells, unsigned bell, unsigned marks)
{
    atomic_fetch_add_explicit(&bells->bell[bell].rung, 1, memory_order_release);
    agdb__wake_word(&bells->bell[bell].rung, marks);
}

void agdb__bells_ring(agdb__bells_t *bells, agdb__ring_t *who)
{
    unsigned i;

    for (i = 0; i < AGDB__BELLS; i++)
        if (who->marks[i] != 0) {
            ring(bells, i, who->marks[i]);
            who->marks[i] = 0;
        }
}

void agdb__bells_ring_one(agdb__bells_t *bells, agdb__place_t place)
{
    ring(bells, place.bell, place.mark);
}
