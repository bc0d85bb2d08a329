#include "meter.h"

#include "base/clock.h"
#include "base/sync.h"
#include "crew.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SLEEP_MS = 20 };

static atomic_bool s_metering;
static atomic_ullong s_worst_us;
static unsigned s_threads;
static pthread_t s_thread[METER_MAX];

static void *sleep_on(void *arg)
{
    (void)arg;
    while (atomic_load(&s_metering)) {
        uint64_t due_us = agdb__after_ms(agdb__now_us(), SLEEP_MS);
        uint64_t now_us;

        (void)poll(NULL, 0, SLEEP_MS);
        now_us = agdb__now_us();
        if (now_us > due_us)
            crew_raise(&s_worst_us, now_us - due_us);
    }
    return NULL;
}

void meter_start(unsigned threads)
{
    assert_true(threads <= METER_MAX);
    atomic_store(&s_worst_us, 0);
    atomic_store(&s_metering, true);
    for (s_threads = 0; s_threads < threads; s_threads++)
        assert_true(agdb__thread_start(&s_thread[s_threads], false, sleep_on, NULL));
}

uint64_t meter_worst_us(void)
{
    return atomic_load(&s_worst_us);
}

void meter_stop(void)
{
    atomic_store(&s_metering, false);
    while (s_threads > 0)
        pthread_join(s_thread[--s_threads], NULL);
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

uint32_t meter_percentile(uint32_t *value, unsigned long count, double percent)
{
    unsigned long at = (unsigned long)((double)count * percent / 100);

    if (count == 0)
        return 0;
    qsort(value, count, sizeof *value, compare);
    return value[at < count ? at : count - 1];
}
