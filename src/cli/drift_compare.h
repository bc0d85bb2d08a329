/* What differs between the schemas of two shards. Pure. */
#ifndef AGDB_CLI_DRIFT_COMPARE_H
#define AGDB_CLI_DRIFT_COMPARE_H

#include "cli/text.h"

/* One thing that is true of a schema: "of public.air_reading, column pm25, the default: 0". The
 * part is "" for the object itself, the property "" for what an object or part is. An object and a
 * part have such a fact always, and before their others. Texts are borrowed. */
typedef struct cli_fact {
    const char *object;
    const char *part;
    const char *property;
    const char *value;
} cli_fact_t;

/* In the order of object, part and property by their bytes, each once. */
typedef struct cli_facts {
    cli_fact_t *items;
    size_t count;
} cli_facts_t;

typedef struct cli_difference {
    const char *object;
    const char *part;
    const char *property;
    const char *here;  /* NULL: it is not there */
    const char *there; /* in what it is compared with */
} cli_difference_t;

typedef struct cli_differences {
    cli_difference_t *items;
    size_t count;
} cli_differences_t;

/* Of an object or a part that one side does not have, no more is said than that. */
cli_differences_t cli_drift_compare(const cli_facts_t *here, const cli_facts_t *there);

/* "west-1: public.air_reading: column pm25 is integer, east-1 has numeric(6,2)" */
char *cli_drift_sentence(const cli_difference_t *difference, const char *here, const char *there);

#endif
