/* The Prometheus text format, one metric after the other, each with its help and type from
 * api/metrics.def. */
#ifndef AGDB_API_METRICS_TEXT_H
#define AGDB_API_METRICS_TEXT_H

#include "agencydb/map.h"
#include "base/buf.h"
#include "base/histogram.h"

typedef enum agdb__metric {
#define METRIC(id, name, type, unit, labels, meaning) AGDB__METRIC_##id,
#include "api/metrics.def"
#undef METRIC
    AGDB__METRICS
} agdb__metric_t;

enum { AGDB__METRIC_LABELS = 5 };

typedef struct agdb__metrics {
    agdb_text_fn write;
    void *user;
    const agdb_allocator_t *outer; /* the caller's */
    agdb__buf_t buf;
    agdb__metric_t metric;
    bool failed;
} agdb__metrics_t;

void agdb__metrics_init(agdb__metrics_t *m, agdb_text_fn write, void *user,
                        const agdb_allocator_t *outer);
/* False: memory was out, something is missing. */
bool agdb__metrics_end(agdb__metrics_t *m);

/* What follows is of this metric. */
void agdb__metrics_begin(agdb__metrics_t *m, agdb__metric_t metric);

/* The values of its labels, in their order; at least as many as it has. */
typedef struct agdb__labels {
    const char *value[AGDB__METRIC_LABELS];
} agdb__labels_t;

/* One sample of a counter or gauge. */
void agdb__metrics_put(agdb__metrics_t *m, double number, const agdb__labels_t *labels);
#define agdb__metrics_number(m, number, ...)                                                       \
    agdb__metrics_put(m, number, &(agdb__labels_t){{__VA_ARGS__}})

/* A histogram of microseconds, or of sizes. */
void agdb__metrics_histogram(agdb__metrics_t *m, const agdb__counted_t *counted, bool is_time,
                             const agdb__labels_t *labels);
#define agdb__metrics_seconds(m, counted, ...)                                                     \
    agdb__metrics_histogram(m, counted, true, &(agdb__labels_t){{__VA_ARGS__}})
#define agdb__metrics_sizes(m, counted, ...)                                                       \
    agdb__metrics_histogram(m, counted, false, &(agdb__labels_t){{__VA_ARGS__}})

#endif
