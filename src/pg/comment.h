/* A comment behind a statement that says who sends it, in sqlcommenter's format
 * (https://google.github.io/sqlcommenter/spec/): for pg_stat_activity, logs, and the database's
 * administrator. It holds no value of a request, so that a statement has one text per call site.
 * Pure. */
#ifndef AGDB_PG_COMMENT_H
#define AGDB_PG_COMMENT_H

#include "base/buf.h"

/* Adds the statement with its comment to `out`; a statement that has a comment already is added as
 * it is, as the format asks for. */
void agdb__comment(agdb__buf_t *out, const char *sql, const char *tag, const char *service);

enum { AGDB__COMMENT_EPOCH = 40 };

/* epoch='12', by which a keeper's question says which map its process has in use. It stands in
 * front of the question: pg_stat_activity shows the beginning of a statement only. */
void agdb__comment_epoch(char buf[AGDB__COMMENT_EPOCH], uint64_t epoch);

#endif
