#include "pool/gong.h"

void agdb__gongs_init(agdb__gongs_t *gongs)
{
    size_t i;

    for (i = 0; i < AGDB__GONGS; i++)
        atomic_init(&gongs->gong[i].rung, 0);
    atomic_init(&gongs->places, 0);
}

agdb__place_t agdb__gongs_place(agdb__gongs_t *gongs)
{
    unsigned n = atomic_fetch_add_explicit(&gongs->places, 1, memory_order_relaxed);

    return (agdb__place_t){n / AGDB__GONG_MARKS % AGDB__GONGS, 1u << n % AGDB__GONG_MARKS};
}

unsigned agdb__gongs_heard(agdb__gongs_t *gongs, agdb__place_t place)
{
    return atomic_load_explicit(&gongs->gong[place.gong].rung, memory_order_acquire);
}

void agdb__gongs_sleep(agdb__gongs_t *gongs, agdb__place_t place, unsigned heard, uint64_t until_us)
{
    agdb__wait_word(&gongs->gong[place.gong].rung, heard, place.mark, until_us);
}

static void ring(agdb__gongs_t *gongs, unsigned gong, unsigned marks)
{
    atomic_fetch_add_explicit(&gongs->gong[gong].rung, 1, memory_order_release);
    agdb__wake_word(&gongs->gong[gong].rung, marks);
}

void agdb__gongs_ring(agdb__gongs_t *gongs, agdb__ring_t *who)
{
    unsigned i;

    for (i = 0; i < AGDB__GONGS; i++)
        if (who->marks[i] != 0) {
            ring(gongs, i, who->marks[i]);
            who->marks[i] = 0;
        }
}

void agdb__gongs_ring_one(agdb__gongs_t *gongs, agdb__place_t place)
{
    ring(gongs, place.gong, place.mark);
}
