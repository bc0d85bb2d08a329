#include "crew.h"

#include "base/sync.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static void *begin(void *arg)
{
    crew_hand_t *hand = arg;

    hand->work(hand);
    return NULL;
}

void crew_start(crew_t *crew, unsigned count, uint64_t seed, void (*work)(crew_hand_t *hand),
                void *job)
{
    unsigned i;

    assert_true(count <= CREW_MAX);
    crew->count = count;
    for (i = 0; i < count; i++) {
        crew->hand[i] =
            (crew_hand_t){.number = i, .rng = {seed * 1000003 + i}, .job = job, .work = work};
        assert_true(agdb__thread_start(&crew->hand[i].thread, false, begin, &crew->hand[i]));
    }
}

unsigned crew_join(crew_t *crew)
{
    unsigned wrongs = 0;
    unsigned i;

    for (i = 0; i < crew->count; i++)
        pthread_join(crew->hand[i].thread, NULL);
    for (i = 0; i < crew->count; i++) {
        wrongs += crew->hand[i].wrongs;
        if (crew->hand[i].wrongs > 0)
            print_message("thread %u: %s\n", i, crew->hand[i].wrong);
    }
    return wrongs;
}

unsigned crew_random(crew_hand_t *hand, unsigned limit)
{
    return (unsigned)(agdb__rng_next(&hand->rng) % limit);
}

void crew_wrong(crew_hand_t *hand, const char *format, ...)
{
    va_list args;

    if (hand->wrongs++ > 0)
        return;
    va_start(args, format);
    vsnprintf(hand->wrong, sizeof hand->wrong, format, args);
    va_end(args);
}

void crew_raise(atomic_ullong *worst, unsigned long long value)
{
    unsigned long long seen = atomic_load(worst);

    while (seen < value && !atomic_compare_exchange_weak(worst, &seen, value))
        continue;
}

uint64_t crew_setting(const char *name, uint64_t other)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : other;
}
