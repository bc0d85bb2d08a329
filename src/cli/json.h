/* Writes JSON into a buffer: commas, escapes and indentation are its business. Bytes that are not
 * UTF-8 become U+FFFD. */
#ifndef AGDB_CLI_JSON_H
#define AGDB_CLI_JSON_H

#include "cli/text.h"

enum { CLI_JSON_DEPTH = 32 };

/* Starts as zeroes but for `out`. With `compact` all is on one line. */
typedef struct cli_json {
    cli_buf_t *out;
    bool compact;
    unsigned depth;
    char close[CLI_JSON_DEPTH];
    bool filled[CLI_JSON_DEPTH];
} cli_json_t;

/* `name` is NULL for elements of an array and at the top. `bracket` is '{' or '['. */
void cli_json_open(cli_json_t *json, const char *name, char bracket);
void cli_json_close(cli_json_t *json);
void cli_json_text(cli_json_t *json, const char *name, const char *text);
void cli_json_text_n(cli_json_t *json, const char *name, const char *text, size_t len);
void cli_json_number(cli_json_t *json, const char *name, uint64_t number);
/* A number that is written as it is. */
void cli_json_word(cli_json_t *json, const char *name, const char *word);
void cli_json_bool(cli_json_t *json, const char *name, bool truth);
void cli_json_null(cli_json_t *json, const char *name);

/* Prints the buffer and a line end, and empties it. */
void cli_json_print(cli_json_t *json);

#endif
