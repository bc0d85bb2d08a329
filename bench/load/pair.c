#include "load/pair.h"

#include "load/histogram.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 50, MAX_BLOCKS = 100000 };

typedef struct half {
    const side_t *side;
    void *own;
    histogram_t latencies;
} half_t;

static bool half_open(half_t *half, const char *name, const options_t *options,
                      const workload_t *work)
{
    half->side = side_named(name);
    if (!half->side->open(options, work))
        return false;
    half->own = half->side->join(0);
    return half->own != NULL;
}

/* One block of operations of one side; 0: one of them failed. */
static uint64_t block(half_t *half, const workload_t *work, uint64_t *seed, bool counts)
{
    uint64_t first = now_ns();
    uint64_t begin = first;
    int i;

    for (i = 0; i < BLOCK; i++) {
        operation_t op = workload_next(work, seed);
        uint64_t end;

        if (!half->side->run(half->own, &op))
            return 0;
        end = now_ns();
        if (counts)
            histogram_add(&half->latencies, end - begin);
        begin = end;
    }
    return begin - first;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Blocks next to each other in time are compared: second to first. */
static size_t alternate(half_t halves[2], const options_t *options, const workload_t *work,
                        double *ratios)
{
    uint64_t seed = now_ns() | 1;
    uint64_t warm = now_ns() + (uint64_t)(options->warm * 1e9);
    uint64_t stop = warm + (uint64_t)(options->seconds * 1e9);
    size_t count = 0;
    unsigned turn = 0;

    while (now_ns() < stop && count < MAX_BLOCKS) {
        bool counts = now_ns() >= warm;
        unsigned first = turn++ & 1;
        uint64_t took[2];

        took[first] = block(&halves[first], work, &seed, counts);
        took[1 - first] = block(&halves[1 - first], work, &seed, counts);
        if (took[0] == 0 || took[1] == 0)
            return 0;
        if (counts)
            ratios[count++] = (double)took[1] / (double)took[0];
    }
    qsort(ratios, count, sizeof *ratios, by_size);
    return count;
}

int run_pair(const options_t *options, const workload_t *work)
{
    half_t *halves = calloc(2, sizeof *halves);
    double *ratios = calloc(MAX_BLOCKS, sizeof *ratios);
    size_t count = 0;
    int i;

    if (halves == NULL || ratios == NULL)
        return 1;
    if (half_open(&halves[0], options->side, options, work) &&
        half_open(&halves[1], options->pair, options, work))
        count = alternate(halves, options, work, ratios);
    if (count > 0)
        (void)printf("{\"side\": \"%s\", \"against\": \"%s\", \"blocks\": %zu, "
                     "\"block_ratio\": %.5f, \"p50_us\": %.2f, \"against_p50_us\": %.2f}\n",
                     options->pair, options->side, count, ratios[count / 2],
                     (double)histogram_at(&halves[1].latencies, 0.5) / 1000.0,
                     (double)histogram_at(&halves[0].latencies, 0.5) / 1000.0);
    for (i = 0; i < 2; i++) {
        if (halves[i].own != NULL)
            halves[i].side->leave(halves[i].own);
        if (halves[i].own != NULL)
            halves[i].side->close();
    }
    free(ratios);
    free(halves);
    return count > 0 ? 0 : 1;
}
