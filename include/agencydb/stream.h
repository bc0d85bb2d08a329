/* Reads of any size: the rows come in batches, and memory is bounded by a batch.
 *
 *     agdb_stream_t *stream = NULL;
 *     agdb_result_t *batch = NULL;
 *     agdb_status_t st = agdb_stream_open(db, AGDB_REQUEST(.key = agdb_key("epa"),
 *                                         .sql = "SELECT * FROM reading", .access = AGDB_READ),
 *                                         &stream, &err);
 *
 *     while (st == AGDB_OK && (st = agdb_stream_next(stream, 0, &batch, &err)) == AGDB_OK &&
 *            batch != NULL) {
 *         for (size_t i = 0; i < agdb_result_rows(batch); i++)
 *             use(agdb_result_text(batch, i, 0));
 *         agdb_result_free(batch);
 *     }
 *     if (st != AGDB_OK)
 *         complain(agdb_error_message(err));      // the rows so far are not all
 *     (void)agdb_stream_close(stream);
 *
 * What is not taken is not read from the server either: a slow caller slows it down. Meanwhile a
 * connection of each shard belongs to the stream, and the server keeps its snapshot: a stream that
 * stands still for long costs what an open transaction costs. On a replica the server may end it
 * (40001, max_standby_streaming_delay).
 *
 * Several shards (agencydb/scatter.h) are asked at once. AGDB_ORDERED merges their rows as they
 * come, AGDB_CONCAT gives one shard's after the other's; agdb_result_row_shard() tells each row's
 * shard. AGDB_COMBINE and AGDB_PARTIAL_OK are refused: a sum needs all rows, and the end of a
 * stream says that it was complete. Each shard shows a snapshot of its own. */
#ifndef AGENCYDB_STREAM_H
#define AGENCYDB_STREAM_H

#include "agencydb/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An open stream holds its client: see agdb_stream_close. @threads one */
typedef struct agdb_stream agdb_stream_t;

/* Rows of a batch, when nothing else is said. */
#define AGDB_STREAM_ROWS 1000u

/* Takes the connections it needs, shard after shard, and sends the statement; its answer is waited
 * for by agdb_stream_next.
 * @param db       the client
 * @param request  as for agdb_query; copied, but for its session, which must not be freed before
 * the stream is closed. It has to be a read: a write that nobody takes to its end would be undone.
 * Here are timeout_ms  for this call, and for each agdb_stream_next anew: the time between them
 * does not count, nor does the map's timeouts.server max_rows    of the whole stream; one more is
 * AGDB_E_TOO_BIG max_bytes   of a batch, which is made smaller; a row over it is AGDB_E_TOO_BIG
 * @param ret      set on success; close with agdb_stream_close
 * @param reterr   may be NULL
 * @return AGDB_OK; AGDB_E_UNSUPPORTED (a write, AGDB_COMBINE, AGDB_PARTIAL_OK, a cursor without
 *         order); AGDB_E_INVAL (the cursor is of a request with another order, keyspace, and tag
 * or, without a tag, statement); as agdb_query
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_stream_open(agdb_t *db, const agdb_request_t *request,
                                                     agdb_stream_t **ret, agdb_error_t **reterr);

/* Waits for the next row, and gives it with those that have come by then. Until the first row is
 * given, what fails is repeated as with agdb_query; later a failure is the end of the stream: an
 * error that says after how many rows, and which every further call gets again. Rows that came
 * before it have been given before.
 * @param stream   the stream
 * @param rows     at most so many, AGDB_STREAM_ROWS for 0; fewer do not mean the end
 * @param ret      set to a result of one row or more, to be freed as any; or to NULL: there are no
 *                 more, all of them were given
 * @param reterr   may be NULL
 * @return AGDB_OK, or any other status. AGDB_E_TIMEOUT: no row came in time; AGDB_E_LOST: the
 * server is gone; AGDB_E_MERGE: a shard's rows are not in the order that the merge says
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_stream_next(agdb_stream_t *stream, size_t rows,
                                                     agdb_result_t **ret, agdb_error_t **reterr);

/* Ends the stream, at its end or before: does not wait. What is under way at a server is cancelled
 * there, and the connection used again when that is certain, or closed. Close the streams of a
 * client before the client: when the client was closed first, agdb_close has returned
 * AGDB_E_TIMEOUT, agdb_stream_next returns AGDB_E_CLOSING, and the client goes with its last
 * stream.
 * @param stream  NULL is fine
 * @return AGDB_OK; AGDB_E_FORKED (in a child of the process that opened it: nothing was touched)
 * @threads one */
AGDB_API agdb_status_t agdb_stream_close(agdb_stream_t *stream);

/* --- cursors: going on where a stream has ended, also in another process -------------------------
 *
 * A cursor is a text: the last row's values of the columns of an AGDB_ORDERED merge. The statement
 * takes them as parameters and asks for what is behind them; the library changes no SQL, and checks
 * that the rows which come are behind the cursor.
 *
 *     const char *sql = "SELECT at, id, v FROM reading WHERE $1::timestamptz IS NULL"
 *                       " OR (at, id) > ($1, $2::bigint) ORDER BY at, id LIMIT 100";
 *     agdb_cursor_t *from = NULL;
 *     char to[AGDB_CURSOR_TEXT_MAX];
 *
 *     agdb_cursor_read(text, strlen(text), &from, &err);           // "" is the beginning
 *     agdb_stream_open(db, AGDB_REQUEST(.scope = AGDB_ALL, .merge = &by_at_and_id, .sql = sql,
 *                                       .access = AGDB_READ, .cursor = from,
 *                                       AGDB_PARAMS(agdb_cursor_value(from, 0),
 *                                                   agdb_cursor_value(from, 1))),
 *                      &stream, &err);
 *     ...                                                          // 100 rows: .limit of the merge
 *     agdb_stream_cursor(stream, to, sizeof to, &err);
 *
 * The columns of the order together have to be unique and not NULL: of equal rows those behind the
 * cursor would be left out. */

/* Room that a cursor's text needs at most, the NUL included. */
#define AGDB_CURSOR_TEXT_MAX 4096

/* The place behind the last row that was given, also after a failure and at the end.
 * @param stream  of an AGDB_ORDERED merge
 * @param buf     receives printable ASCII without spaces, quotes or commas, and a NUL: "" when no
 *                row was given and the stream had no cursor of its own, else that one
 * @param size    room in buf; AGDB_CURSOR_TEXT_MAX is always enough
 * @param reterr  may be NULL
 * @return AGDB_OK; AGDB_E_TOO_BIG (no room in buf, or the values are longer than a cursor may be),
 *         AGDB_E_UNSUPPORTED (the stream has no order), AGDB_E_MISUSE, AGDB_E_FORKED
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_stream_cursor(const agdb_stream_t *stream, char *buf,
                                                       size_t size, agdb_error_t **reterr);

/* Reads a cursor. The text may come from anywhere: what is no cursor is refused. It is not signed:
 * whoever can send one can name any place in the rows that the statement shows, as with any other
 * parameter; what a caller may see is for the statement's own conditions to say.
 * @param text    of agdb_stream_cursor; may be NULL when len is 0
 * @param len     bytes; 0 is the beginning
 * @param ret     set on success, to NULL for the beginning; free with agdb_cursor_free
 * @param reterr  may be NULL
 * @return AGDB_OK, AGDB_E_INVAL, AGDB_E_NOMEM, AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_cursor_read(const char *text, size_t len,
                                                     agdb_cursor_t **ret, agdb_error_t **reterr);

/* One of its values, as a parameter without a type: the statement has to cast it ($1::date) where
 * the server cannot infer it.
 * @param cursor  NULL, the beginning, has NULLs only
 * @param index   of the column of the merge's order, from 0
 * @return borrowed from the cursor: the value; SQL NULL past the end
 * @threads any */
AGDB_API agdb_value_t agdb_cursor_value(const agdb_cursor_t *cursor, size_t index);

/* @param cursor  owned by the caller until now; NULL is fine
 * @threads one */
AGDB_API void agdb_cursor_free(agdb_cursor_t *cursor);

#ifdef __cplusplus
}
#endif
#endif
