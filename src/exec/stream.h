/* A read whose rows are handed out as they come, from one shard or merged from several.
 *
 *   new      the request is copied
 *   start    all shards' connections are claimed, in the order of the shards, which is the same for
 *            everybody, so that streams do not wait for each other in a circle; then all are sent
 *   next     rows, until the end or a failure; each call has its own deadline
 *   free     connections go back; what is under way is left to the keeper, which cancels it
 *
 * An attempt that fails is repeated as any read is, as long as no row of what is under way is with
 * the caller: then all of that is begun anew, connections first. Afterwards a failure ends the
 * stream. */
#ifndef AGDB_EXEC_STREAM_H
#define AGDB_EXEC_STREAM_H

#include "agencydb/scatter.h"
#include "exec/shard.h"

typedef struct agdb__stream agdb__stream_t;

enum { AGDB__STREAM_ROWS_MAX = 1 << 24 };

/* One of the shards, and what it is asked; borrowed by agdb__stream_new, which copies nothing. */
typedef struct agdb__source {
    agdb__shard_t *shard;
    const agdb_request_t *request;
} agdb__source_t;

/* `sources` in the order of the shards; their requests and the merge outlive the stream. NULL: no
 * memory. */
agdb__stream_t *agdb__stream_new(const agdb__source_t *sources, size_t count,
                                 const agdb_merge_t *merge, uint64_t now_us);
void agdb__stream_free(agdb__stream_t *stream);

/* Ahead of start: its cursors have this fingerprint, and so has `cursor` (copied; NULL: none),
 * which all rows have to be behind. AGDB_E_INVAL, AGDB_E_UNSUPPORTED, AGDB_E_NOMEM. */
agdb_status_t agdb__stream_begin_behind(agdb__stream_t *stream, uint64_t fingerprint,
                                        const agdb_cursor_t *cursor, agdb_error_t **reterr);
/* The place behind the last row that was given, as a text. */
agdb_status_t agdb__stream_cursor(const agdb__stream_t *stream, char *buf, size_t size,
                                  agdb_error_t **reterr);

/* Once, ahead of next. Waits at most until the deadline. */
agdb_status_t agdb__stream_start(agdb__stream_t *stream, uint64_t start_us, uint64_t deadline_us,
                                 agdb_error_t **reterr);
/* Waits for a row at most until the deadline, and gives it with those that have come by then, up to
 * `rows`; *ret is NULL at the end. A failure ends the stream, and is told again. */
agdb_status_t agdb__stream_next(agdb__stream_t *stream, size_t rows, uint64_t start_us,
                                uint64_t deadline_us, agdb_result_t **ret, agdb_error_t **reterr);
/* Ends the stream with that failure. */
void agdb__stream_fail(agdb__stream_t *stream, const agdb_error_t *error);

#endif
