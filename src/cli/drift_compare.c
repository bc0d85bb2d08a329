#include "cli/drift_compare.h"

static int compare_places(const cli_fact_t *a, const cli_fact_t *b)
{
    int order = strcmp(a->object, b->object);

    if (order == 0)
        order = strcmp(a->part, b->part);
    return order != 0 ? order : strcmp(a->property, b->property);
}

/* Behind all facts of the object, or the part of it, whose first fact is at `at`. */
static size_t skip_rest(const cli_facts_t *facts, size_t at)
{
    const cli_fact_t *first = &facts->items[at];
    bool whole = first->part[0] == '\0';

    if (first->property[0] != '\0')
        return at + 1;
    while (at < facts->count && strcmp(facts->items[at].object, first->object) == 0 &&
           (whole || strcmp(facts->items[at].part, first->part) == 0))
        at++;
    return at;
}

static void add(cli_differences_t *list, const cli_fact_t *here, const cli_fact_t *there)
{
    const cli_fact_t *any = here != NULL ? here : there;

    list->items = cli_grow(list->items, list->count, sizeof *list->items);
    list->items[list->count++] = (cli_difference_t){.object = any->object,
                                                    .part = any->part,
                                                    .property = any->property,
                                                    .here = here != NULL ? here->value : NULL,
                                                    .there = there != NULL ? there->value : NULL};
}

cli_differences_t cli_drift_compare(const cli_facts_t *here, const cli_facts_t *there)
{
    cli_differences_t list = {0};
    size_t h = 0;
    size_t t = 0;

    while (h < here->count || t < there->count) {
        int order = h == here->count    ? 1
                    : t == there->count ? -1
                                        : compare_places(&here->items[h], &there->items[t]);
        if (order < 0) {
            add(&list, &here->items[h], NULL);
            h = skip_rest(here, h);
        } else if (order > 0) {
            add(&list, NULL, &there->items[t]);
            t = skip_rest(there, t);
        } else {
            if (strcmp(here->items[h].value, there->items[t].value) != 0)
                add(&list, &here->items[h], &there->items[t]);
            h++;
            t++;
        }
    }
    return list;
}

char *cli_drift_sentence(const cli_difference_t *difference, const char *here, const char *there)
{
    cli_buf_t out = {0};

    cli_buf_format(&out, "%s: %s", here, difference->object);
    if (difference->property[0] != '\0')
        cli_buf_format(&out, ": %s%s%s", difference->property,
                       difference->part[0] != '\0' ? " of " : "", difference->part);
    else if (difference->part[0] != '\0')
        cli_buf_format(&out, ": %s", difference->part);
    cli_buf_format(&out, " is %s, %s has %s",
                   difference->here != NULL          ? difference->here
                   : difference->property[0] != '\0' ? "none"
                                                     : "missing",
                   there, difference->there != NULL ? difference->there : "none");
    return out.data;
}
