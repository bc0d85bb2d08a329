/* Which lines of a text became others: few, far apart, as edits make them. */
#ifndef AGDB_CLI_LINES_H
#define AGDB_CLI_LINES_H

#include <stddef.h>

/* Lines with their line breaks. */
typedef struct cli_hunk {
    size_t old_line; /* the first one, from 1; of none: where they would be */
    size_t old_count;
    const char *old;
    size_t old_len; /* bytes */
    size_t now_line;
    size_t now_count;
    const char *now;
    size_t now_len;
} cli_hunk_t;

typedef void (*cli_hunk_fn)(const cli_hunk_t *hunk, void *user);

typedef struct cli_text_span {
    const char *text;
    size_t len;
} cli_span_t;

/* Every line stands in a hunk or is the same in both. */
void cli_lines_compare(cli_span_t old, cli_span_t now, cli_hunk_fn fn, void *user);

/* Prints what differs as `diff -U0` does. */
void cli_lines_print(const char *name, cli_span_t old, cli_span_t now);

#endif
