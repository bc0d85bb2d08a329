/* Maps for tests, from text. */
#ifndef AGDB_TESTS_MAP_TEST_H
#define AGDB_TESTS_MAP_TEST_H

#include "unit.h"

#include "base/error.h"
#include "map/diag.h"
#include "map/load.h"

#include <stdio.h>

/* A valid map from text. */
static inline agdb_map_t *good_map(const char *text)
{
    agdb_map_t *map = NULL;
    agdb_error_t *error = NULL;

    if (agdb__map_load_text(text, strlen(text), "test", &map, NULL, &error) != AGDB_OK)
        fail_msg("%s", error->message);
    return map;
}

static inline agdb_map_t *good_file(const char *path)
{
    agdb_map_t *map = NULL;
    agdb_error_t *error = NULL;

    if (agdb__map_load_file(path, &map, NULL, &error) != AGDB_OK)
        fail_msg("%s", error->message);
    return map;
}

/* A map whose only core shard has one node, written as `node`. */
static inline agdb_map_t *map_with_node(const char *node)
{
    char text[2048];

    snprintf(text, sizeof text,
             "agencydb: 1\nkeyspaces:\n  core:\n    shards:\n      main:\n        nodes:\n"
             "          - %s\n",
             node);
    return good_map(text);
}

/* Loads a text that has exactly one mistake, and compares what is said about it. */
static inline void assert_refused(const char *text, const char *expected)
{
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    char said[1200] = "";

    assert_int_equal(agdb__map_load_text(text, strlen(text), "test", &map, &diag, NULL),
                     AGDB_E_MAP_INVALID);
    assert_null(map);
    assert_non_null(diag);
    assert_int_equal(diag->nitems, 1);
    snprintf(said, sizeof said, "%u:%u: %s", diag->item[0].line, diag->item[0].column,
             diag->item[0].text);
    assert_string_equal(said, expected);
    agdb__diag_free(diag);
}

#endif
