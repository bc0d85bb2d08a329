#include "api/metrics_text.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

typedef enum type { COUNTER, GAUGE, HISTOGRAM } type_t;

static const struct {
    const char *name;
    type_t type;
    const char *labels; /* with spaces between them */
    const char *meaning;
} k_metric[AGDB__METRICS] = {
#define METRIC(id, name, type, unit, labels, meaning) {name, type, labels, meaning},
#include "api/metrics.def"
#undef METRIC
};

/* FLUSH: pieces of about that size. Of the histograms' powers of two those are written that tell
 * something: times from 64 us to 17 s, sizes to 64. */
enum { FLUSH = 4096, TIME_FIRST = 6, TIME_LAST = 24, SIZE_LAST = 6 };

void agdb__metrics_init(agdb__metrics_t *m, agdb_text_fn write, void *user,
                        const agdb_allocator_t *outer)
{
    *m = (agdb__metrics_t){.write = write, .user = user, .outer = outer};
    agdb__buf_init(&m->buf, SIZE_MAX / 2);
}

static void flush(agdb__metrics_t *m)
{
    const agdb_allocator_t *inner;

    if (m->buf.failed)
        m->failed = true;
    if (m->buf.len > 0 && !m->failed) {
        inner = agdb__alloc_enter(m->outer);
        m->write(m->buf.data, m->buf.len, m->user);
        (void)agdb__alloc_enter(inner);
    }
    m->buf.len = 0;
}

bool agdb__metrics_end(agdb__metrics_t *m)
{
    flush(m);
    agdb__buf_fini(&m->buf);
    return !m->failed;
}

void agdb__metrics_begin(agdb__metrics_t *m, agdb__metric_t metric)
{
    static const char *const type[] = {"counter", "gauge", "histogram"};

    m->metric = metric;
    agdb__buf_printf(&m->buf, "# HELP %s %s\n# TYPE %s %s\n", k_metric[metric].name,
                     k_metric[metric].meaning, k_metric[metric].name, type[k_metric[metric].type]);
}

/* As the format wants it. */
static void put_value(agdb__buf_t *b, const char *value)
{
    for (; *value != '\0'; value++)
        if (*value == '\\' || *value == '"')
            agdb__buf_printf(b, "\\%c", *value);
        else if (*value == '\n')
            agdb__buf_text(b, "\\n");
        else
            agdb__buf_add(b, value, 1);
}

static void put_labels(agdb__metrics_t *m, const agdb__labels_t *labels, const char *le)
{
    const char *name = k_metric[m->metric].labels;
    agdb__buf_t *b = &m->buf;
    const char *before = "{";
    size_t i;

    for (i = 0; *name != '\0' && labels->value[i] != NULL; i++) {
        const size_t len = strcspn(name, " ");

        agdb__buf_printf(b, "%s%.*s=\"", before, (int)len, name);
        put_value(b, labels->value[i]);
        agdb__buf_text(b, "\"");
        before = ",";
        name += len + (name[len] == ' ');
    }
    if (le != NULL)
        agdb__buf_printf(b, "%sle=\"%s\"", before, le);
    if (le != NULL || i > 0)
        agdb__buf_text(b, "}");
}

/* Counts, or seconds to the microsecond. Not by printf's %g: the host's locale may have it write a
 * comma. */
static const char *number_text(double number, char buf[32])
{
    uint64_t whole = (uint64_t)number;
    uint64_t millionths = (uint64_t)((number - (double)whole) * 1e6 + 0.5);
    size_t len;

    whole += millionths / 1000000;
    snprintf(buf, 32, "%llu.%06llu", (unsigned long long)whole,
             (unsigned long long)(millionths % 1000000));
    len = strlen(buf);
    while (buf[len - 1] == '0')
        len--;
    buf[buf[len - 1] == '.' ? len - 1 : len] = '\0';
    return buf;
}

static void put_line(agdb__metrics_t *m, const char *suffix, const agdb__labels_t *labels,
                     const char *le, double number)
{
    char text[32];

    agdb__buf_printf(&m->buf, "%s%s", k_metric[m->metric].name, suffix);
    put_labels(m, labels, le);
    agdb__buf_printf(&m->buf, " %s\n", number_text(number, text));
    if (m->buf.len >= FLUSH)
        flush(m);
}

void agdb__metrics_put(agdb__metrics_t *m, double number, const agdb__labels_t *labels)
{
    put_line(m, "", labels, NULL, number);
}

void agdb__metrics_histogram(agdb__metrics_t *m, const agdb__counted_t *counted, bool is_time,
                             const agdb__labels_t *labels)
{
    const unsigned first = is_time ? TIME_FIRST : 0;
    const unsigned last = is_time ? TIME_LAST : SIZE_LAST;
    uint64_t below = 0;
    char le[32];
    unsigned i;

    for (i = 0; i <= last; i++) {
        below += counted->bucket[i];
        if (i < first)
            continue;
        put_line(m, "_bucket", labels,
                 number_text((double)((uint64_t)1 << i) / (is_time ? 1e6 : 1), le), (double)below);
    }
    put_line(m, "_bucket", labels, "+Inf", (double)counted->count);
    put_line(m, "_sum", labels, NULL, (double)counted->sum / (is_time ? 1e6 : 1));
    put_line(m, "_count", labels, NULL, (double)counted->count);
}
