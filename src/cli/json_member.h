/* Members of objects in JSON that was read, forgiving to readers: one that is not there is an empty
 * text, 0 and an array of nothing. */
#ifndef AGDB_CLI_JSON_MEMBER_H
#define AGDB_CLI_JSON_MEMBER_H

#include "cli/text.h"

#include <jansson.h>

/* A string's text, a whole number's digits, a fraction with three of its digits, else "". */
const char *cli_json_string(const json_t *object, const char *name);
/* A whole number, else 0. */
uint64_t cli_json_whole(const json_t *object, const char *name);
bool cli_json_truth(const json_t *object, const char *name);

#endif
