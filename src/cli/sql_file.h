/* A file of SQL statements: read, split and judged. */
#ifndef AGDB_CLI_SQL_FILE_H
#define AGDB_CLI_SQL_FILE_H

#include "cli/json.h"
#include "cli/sql_split.h"

typedef struct cli_sql_file {
    const char *path; /* as messages call it */
    char *text;
    size_t len;
    cli_sql_t sql;
    bool in_transaction; /* all of it is one; else each statement is one of its own */
} cli_sql_file_t;

/* Reads a file of up to 16 MiB; "-" is standard input. With `no_transaction`, or when its first
 * line says so, it is run without one. False: its mistake was said, as FILE:LINE:COLUMN where it
 * has a place. */
bool cli_sql_file_read(const char *path, bool no_transaction, cli_sql_file_t *ret);

/* Prints its statements with their lines. */
void cli_sql_file_print(const cli_sql_file_t *file);
/* The same as an array of a JSON object. */
void cli_sql_file_json(cli_json_t *json, const cli_sql_file_t *file);

#endif
