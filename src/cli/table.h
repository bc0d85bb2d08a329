/* Aligned tables for people. */
#ifndef AGDB_CLI_TABLE_H
#define AGDB_CLI_TABLE_H

#include "cli/text.h"

typedef struct cli_table {
    size_t columns;
    bool *right;  /* per column: numbers stand on the right */
    char **cells; /* row by row; the first row is the head */
    size_t count;
} cli_table_t;

void cli_table_init(cli_table_t *table, size_t columns);
/* The next cell. Control characters are shown as \n, \t, \xHH. */
void cli_table_add(cli_table_t *table, const char *text, size_t len);
void cli_table_text(cli_table_t *table, const char *text);
/* A cell for each column. */
void cli_table_row(cli_table_t *table, const char *const *texts);
/* Prints head, a rule when `ruled`, and rows. */
void cli_table_print(const cli_table_t *table, bool ruled);

#endif
