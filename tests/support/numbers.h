/* Streams whose rows are numbered in their first column, from 1: each row that comes is checked, so
 * that none can be missing, doubled, or another's. */
#ifndef AGDB_TESTS_NUMBERS_H
#define AGDB_TESTS_NUMBERS_H

#include "agencydb.h"

/* $1 rows. In FROM the server would first make all of them. */
#define NUMBERS "SELECT generate_series(1, $1::int) AS g"
/* $2 rows, in their order (which the merge checks), behind $1: as pages by cursor ask for them. So
 * wide that what lies between server and client are not all of them; ORDER BY would sort their
 * width before the first one comes. */
#define NUMBERS_BEHIND                                                                             \
    "SELECT g, repeat('x', 600) FROM generate_series(1, $2::int) g WHERE g > coalesce($1::int, 0)"
enum { NUMBERS_MANY = 60000 };

/* Fails the test when it cannot be opened. */
agdb_stream_t *numbers_open(agdb_t *db, const agdb_request_t *request);
/* A batch; NULL at the end. Fails the test when there is an error. */
agdb_result_t *numbers_next(agdb_stream_t *stream, size_t rows);
/* Rows up to `most`, which have to be numbers from `after` + 1 on; returns the last. Ends at the
 * end, or at the failure that it gives. */
int64_t numbers_take(agdb_stream_t *stream, int64_t after, int64_t most, agdb_error_t **ret_error);
/* All of them, and then the stream stays at its end. Returns the last. */
int64_t numbers_take_all(agdb_stream_t *stream);
/* Closes it, too. */
void numbers_expect_all(agdb_stream_t *stream, int64_t count);
/* The role that gave the rows taken last. */
agdb_role_t numbers_role(void);

/* The rest of `count` rows by NUMBERS_BEHIND behind the place where `stream` has come to; that one
 * is closed. `request` says who is asked. */
void numbers_expect_rest(agdb_t *db, const agdb_request_t *request, agdb_stream_t *stream,
                         int64_t after, int64_t count);
/* A stream by NUMBERS_BEHIND from a cursor's text, "" for the beginning. */
agdb_stream_t *numbers_open_behind(agdb_t *db, const agdb_request_t *request, const char *cursor,
                                   int64_t count);

#endif
