/* Reads JSON: what a running process shows of itself. Forgiving to readers: a member that is not
 * there is a null, which is an empty text, 0 and an array of nothing. */
#ifndef AGDB_CLI_JSON_READ_H
#define AGDB_CLI_JSON_READ_H

#include "cli/text.h"

enum { CLI_JSON_NESTING = 64 };

typedef enum cli_json_kind {
    CLI_JSON_NULL = 0,
    CLI_JSON_BOOL,
    CLI_JSON_NUMBER,
    CLI_JSON_STRING,
    CLI_JSON_ARRAY,
    CLI_JSON_OBJECT
} cli_json_kind_t;

typedef struct cli_json_value {
    cli_json_kind_t kind;
    bool truth;
    const char *name;             /* as a member of an object, else NULL */
    const char *text;             /* of a string; of a number, as it stands there */
    struct cli_json_value *items; /* of an array or an object */
    size_t count;
} cli_json_value_t;

/* NULL: it is not one value of JSON. */
const cli_json_value_t *cli_json_read(const char *text, size_t len);

/* The member of that name; never NULL. */
const cli_json_value_t *cli_json_get(const cli_json_value_t *object, const char *name);
/* Of a member: a string's or a number's text, else "". */
const char *cli_json_string(const cli_json_value_t *object, const char *name);
bool cli_json_truth(const cli_json_value_t *object, const char *name);
/* Of a member: a whole number, else 0. */
uint64_t cli_json_whole(const cli_json_value_t *object, const char *name);

#endif
