/* Splits the text of a file into SQL statements where psql splits it: at a semicolon outside of
 * strings, quoted names, $tag$ bodies, comments, parentheses and BEGIN ATOMIC ... END bodies.
 * Strings are read by the rules of standard_conforming_strings = on. What cannot run on shards is
 * refused with its place: psql's backslash commands, COPY, and transaction control.
 *
 * `-- agencydb: no-transaction` as the first line is remembered; elsewhere it is a mistake. */
#ifndef AGDB_CLI_SQL_SPLIT_H
#define AGDB_CLI_SQL_SPLIT_H

#include "cli/text.h"

/* Where something stands in a file: line and character from 1; a byte order mark does not count. */
typedef struct cli_place_in {
    unsigned line;
    unsigned column;
} cli_place_in_t;

typedef enum cli_sql_kind {
    CLI_SQL_PLAIN,
    CLI_SQL_TRANSACTION, /* BEGIN, COMMIT, SAVEPOINT, ... */
    CLI_SQL_SETTING      /* SET, RESET: lasts as long as its session, or its transaction */
} cli_sql_kind_t;

typedef struct cli_sql_statement {
    char *text; /* from its first token to its last; comments inside stay */
    cli_place_in_t at;
    cli_sql_kind_t kind;
} cli_sql_statement_t;

typedef struct cli_sql {
    cli_sql_statement_t *items;
    size_t count;
    bool no_transaction; /* the first line says so */
    char *mistake;       /* what is wrong, and what would be right; NULL: nothing */
    cli_place_in_t mistake_at;
} cli_sql_t;

/* Fills `ret`. False: ret->mistake. The text may hold NUL bytes, which are a mistake. */
bool cli_sql_split(const char *text, size_t len, cli_sql_t *ret);

/* Whether its statements can run one by one in one transaction, or without. False: sql->mistake. */
bool cli_sql_judge(cli_sql_t *sql, bool in_transaction);

/* Where a character of a statement (from 1, as servers count) stands in its file. */
cli_place_in_t cli_sql_locate(const cli_sql_statement_t *statement, size_t position);

#endif
