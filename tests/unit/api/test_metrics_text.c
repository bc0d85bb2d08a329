/* The text format: every metric with its help, type and labels; values as Prometheus reads them. */
#include "api/metrics_text.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 1 << 16 };

typedef struct page {
    char text[TEXT_MAX];
    size_t len;
    unsigned pieces;
} page_t;

static void take(const char *text, size_t len, void *user)
{
    page_t *page = user;

    assert_true(page->len + len < sizeof page->text);
    memcpy(page->text + page->len, text, len);
    page->text[page->len += len] = '\0';
    page->pieces++;
}

static page_t *begin(agdb__metrics_t *m)
{
    static page_t page;

    page = (page_t){.len = 0};
    agdb__metrics_init(m, take, &page, NULL);
    return &page;
}

static const struct {
    const char *name;
    const char *type;
    const char *labels;
    const char *meaning;
} k_metric[] = {
#define METRIC(id, name, type, unit, labels, meaning) {name, #type, labels, meaning},
#include "api/metrics.def"
#undef METRIC
};

static const char *lower(const char *type)
{
    return strcmp(type, "COUNTER") == 0 ? "counter"
           : strcmp(type, "GAUGE") == 0 ? "gauge"
                                        : "histogram";
}

/* `{keyspace="0",shard="1"}` */
static void labels_of(size_t metric, char *ret, size_t size)
{
    const char *name = k_metric[metric].labels;
    size_t len = 0;
    int i;

    ret[0] = '\0';
    for (i = 0; *name != '\0'; i++) {
        const size_t n = strcspn(name, " ");

        len += (size_t)snprintf(ret + len, size - len, "%s%.*s=\"%d\"", i == 0 ? "{" : ",", (int)n,
                                name, i);
        name += n + (name[n] == ' ');
    }
    if (len > 0)
        snprintf(ret + len, size - len, "}");
}

static void every_metric_has_help_type_and_its_labels(void **state)
{
    static const agdb__labels_t labels = {{"0", "1", "2", "3", "4"}};
    agdb__metrics_t m;
    char want[2048];
    char shown[256];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB__METRICS; i++) {
        page_t *page = begin(&m);

        agdb__metrics_begin(&m, (agdb__metric_t)i);
        agdb__metrics_put(&m, 7, &labels);
        assert_true(agdb__metrics_end(&m));
        labels_of(i, shown, sizeof shown);
        snprintf(want, sizeof want, "# HELP %s %s\n# TYPE %s %s\n%s%s 7\n", k_metric[i].name,
                 k_metric[i].meaning, k_metric[i].name, lower(k_metric[i].type), k_metric[i].name,
                 shown);
        assert_string_equal(page->text, want);
    }
}

static void values_of_labels_are_escaped(void **state)
{
    agdb__metrics_t m;
    page_t *page = begin(&m);

    (void)state;
    agdb__metrics_begin(&m, AGDB__METRIC_TAG_CALLS);
    agdb__metrics_number(&m, 1, "a \"b\" \\ c\nd");
    assert_true(agdb__metrics_end(&m));
    assert_non_null(strstr(page->text, "{tag=\"a \\\"b\\\" \\\\ c\\nd\"} 1\n"));
}

static double value(const page_t *page, const char *sample)
{
    const char *at = strstr(page->text, sample);

    if (at == NULL)
        fail_msg("no %s in:\n%s", sample, page->text);
    return strtod(at + strlen(sample), NULL);
}

/* Also where a comma is the decimal point. */
static void histograms_add_up(void **state)
{
    agdb__metrics_t m;
    page_t *page = begin(&m);
    agdb__counted_t counted = {.count = 4, .sum = 30000150};

    (void)state;
    counted.bucket[0] = 1;  /* 1 us */
    counted.bucket[7] = 2;  /* to 128 us */
    counted.bucket[25] = 1; /* to 33 s: over what is shown */
    agdb__metrics_begin(&m, AGDB__METRIC_WAIT);
    agdb__metrics_seconds(&m, &counted, "k", "s", "n");
    assert_true(agdb__metrics_end(&m));
#define WAIT_OF "{keyspace=\"k\",shard=\"s\",node=\"n\""
    assert_float_equal(value(page, "agdb_wait_seconds_bucket" WAIT_OF ",le=\"0.000064\"}"), 1, 0);
    assert_float_equal(value(page, "agdb_wait_seconds_bucket" WAIT_OF ",le=\"0.000128\"}"), 3, 0);
    assert_float_equal(value(page, "agdb_wait_seconds_bucket" WAIT_OF ",le=\"16.777216\"}"), 3, 0);
    assert_float_equal(value(page, "agdb_wait_seconds_bucket" WAIT_OF ",le=\"+Inf\"}"), 4, 0);
    assert_float_equal(value(page, "agdb_wait_seconds_count" WAIT_OF "}"), 4, 0);
    assert_non_null(strstr(page->text, "agdb_wait_seconds_sum" WAIT_OF "} 30.00015\n"));
}

static void sizes_are_no_seconds(void **state)
{
    agdb__metrics_t m;
    page_t *page = begin(&m);
    agdb__counted_t counted = {.count = 3, .sum = 34};

    (void)state;
    counted.bucket[0] = 2;
    counted.bucket[5] = 1;
    agdb__metrics_begin(&m, AGDB__METRIC_GROUPS);
    agdb__metrics_sizes(&m, &counted, "n", "d", "l", "read");
    assert_true(agdb__metrics_end(&m));
#define GROUP_OF "{node=\"n\",database=\"d\",login=\"l\",kind=\"read\""
    assert_float_equal(value(page, "agdb_group_statements_bucket" GROUP_OF ",le=\"1\"}"), 2, 0);
    assert_float_equal(value(page, "agdb_group_statements_bucket" GROUP_OF ",le=\"32\"}"), 3, 0);
    assert_float_equal(value(page, "agdb_group_statements_sum" GROUP_OF "}"), 34, 0);
}

static void large_counters_stay_exact(void **state)
{
    agdb__metrics_t m;
    page_t *page = begin(&m);

    (void)state;
    agdb__metrics_begin(&m, AGDB__METRIC_RELOADS);
    agdb__metrics_number(&m, 123456789012345.0, NULL);
    assert_true(agdb__metrics_end(&m));
    assert_non_null(strstr(page->text, "agdb_map_reloads_total 123456789012345\n"));
}

static void long_pages_come_in_pieces(void **state)
{
    agdb__metrics_t m;
    page_t *page = begin(&m);
    int i;

    (void)state;
    agdb__metrics_begin(&m, AGDB__METRIC_NODE_UP);
    for (i = 0; i < 500; i++)
        agdb__metrics_number(&m, 1, "k", "s", "n");
    assert_true(agdb__metrics_end(&m));
    assert_true(page->pieces > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_has_help_type_and_its_labels),
        cmocka_unit_test(values_of_labels_are_escaped),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(sizes_are_no_seconds),
        cmocka_unit_test(large_counters_stay_exact),
        cmocka_unit_test(long_pages_come_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
