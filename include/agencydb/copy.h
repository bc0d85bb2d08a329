/* Bulk load and unload with COPY: rows go to their shards by their agency keys, and come back shard
 * after shard.
 *
 *     agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;
 *     o.table = "air_reading";
 *     o.format = AGDB_COPY_CSV;
 *     o.header = true;                                    // names the columns
 *     o.key_column = "agency";
 *     agdb_copy_in_open(db, &o, &copy, &err);
 *     while ((n = fread(buf, 1, sizeof buf, f)) > 0 && st == AGDB_OK)
 *         st = agdb_copy_in_write(copy, buf, n, &err);    // cut anywhere: rows are found
 *     agdb_copy_in_finish(copy, &report, &err);           // or agdb_copy_in_abort
 *
 * Nothing is atomic over shards. Each shard gets its rows in the order of the input, in
 * transactions of `commit_every` rows. When a shard fails, its open transaction is rolled back, its
 * later rows are not sent, and the other shards go on; agdb_copy_in_finish returns AGDB_E_PARTIAL,
 * and the report says for each shard up to which row of the input everything is committed.
 *
 * To resume, run the same input again, from its beginning, with `.resume` set to the text of
 * agdb_copy_report_resume: for each shard the rows that are committed are passed over, and checked
 * to end where they ended then. What comes behind them may have been corrected meanwhile. When the
 * answer to a commit was lost, the text names its transaction; agdb_copy_in_finish asks the server
 * what became of it, and so does the next run if the server was not there. */
#ifndef AGENCYDB_COPY_H
#define AGENCYDB_COPY_H

#include "agencydb/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As the server's COPY has them. */
typedef enum agdb_copy_format {
    AGDB_COPY_TEXT = 0,  /* a row a line, backslash escapes, \N is NULL */
    AGDB_COPY_CSV = 1,   /* quotes, which may hold line ends */
    AGDB_COPY_BINARY = 2 /* header, rows, trailer */
} agdb_copy_format_t;

/* How far it is. */
typedef struct agdb_copy_progress {
    size_t struct_size;
    uint64_t rows;      /* in: found in the input; out: given to the sink */
    uint64_t bytes;     /* the same */
    uint64_t committed; /* in: rows, over all shards */
    const char *shard;  /* out: whose rows are coming; in: NULL */
    uint32_t shards;    /* out: done; in: all that rows may go to */
    uint32_t failed;    /* in: shards that have failed */
} agdb_copy_progress_t;

/* Hears of it now and then, from inside the call that makes the progress. A call of the library
 * that waits is AGDB_E_MISUSE in it.
 * @param progress  borrowed
 * @param user      from the options
 * Returns false to stop: the call returns AGDB_E_CANCELLED; inside agdb_copy_in_finish what is not
 * committed yet is rolled back. */
typedef bool (*agdb_copy_progress_fn)(const agdb_copy_progress_t *progress, void *user);

/* Zero in a field means its default. All pointers are borrowed until the call returns. */
typedef struct agdb_copy_options {
    size_t struct_size;         /* set by AGDB_COPY_OPTIONS_INIT */
    const char *keyspace;       /* NULL: the map's default_keyspace */
    const char *shard;          /* in: every row goes there, whatever its key; out: this one */
    agdb_bytes_t key;           /* out: the shard of this agency. Out with neither: all shards */
    const char *schema;         /* of the table; NULL: as search_path finds it */
    const char *table;          /* names are quoted here: give them as they are */
    const char *const *columns; /* in the order of the fields. NULL: the header's names when there
                                   is one, else all columns of the table */
    size_t ncolumns;
    const char *query; /* out: instead of a table; one statement that reads */
    agdb_copy_format_t format;
    char delimiter;        /* default: a tab, in CSV a comma */
    char quote;            /* CSV; default: " */
    char escape;           /* CSV; default: as `quote` */
    const char *null_text; /* default: \N, in CSV an empty value without quotes */
    bool header;           /* text, CSV: the first line has names */
    const char
        *key_column;    /* in: the field with the agency key, one of `columns` or of the header */
    uint32_t key_index; /* in: or its number, from 1. With neither (and no `shard`) rows come by
                           agdb_copy_in_row, which says their key. In binary format the field's
                           bytes are the key: its column has to be of a text type */
    uint64_t commit_every; /* in: rows of a transaction of one shard; default:
                              AGDB_COPY_COMMIT_EVERY. Connections go to other callers in between */
    size_t buffer_bytes;   /* in: of each shard, at most; default: AGDB_COPY_BUFFER */
    uint32_t timeout_ms;   /* a shard that makes no progress for so long has failed; default:
                              AGDB_COPY_TIMEOUT_MS */
    bool stop_on_failure;  /* in: when a shard has failed agdb_copy_in_write takes nothing more */
    const char *resume;    /* in: of an earlier run of the same input */
    agdb_access_t access;  /* out: default: the primary. AGDB_READ_REPLICA_OK: a replica */
    agdb_copy_progress_fn progress;
    void *progress_user;
    agdb_session_t *session; /* in: advanced behind what is committed, when it is finished or
                                aborted; it lives until then */
} agdb_copy_options_t;

#define AGDB_COPY_COMMIT_EVERY 10000u
#define AGDB_COPY_BUFFER       (128u << 10)
#define AGDB_COPY_TIMEOUT_MS   30000u

/* Options with their size set.
 * @return the options
 * @threads any */
static inline agdb_copy_options_t agdb_copy_options_init(void)
{
    agdb_copy_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    return options;
}
#define AGDB_COPY_OPTIONS_INIT agdb_copy_options_init()

/* What became of a copy, shard for shard. Owned by the caller. @threads frozen */
typedef struct agdb_copy_report agdb_copy_report_t;

/* Of one shard. */
typedef struct agdb_copy_shard {
    size_t struct_size; /* set it to sizeof(agdb_copy_shard_t) */
    const char *shard;  /* borrowed from the report, as all here */
    uint64_t rows;      /* in: of the input that are its; out: given to the sink */
    uint64_t skipped;   /* in: of these, committed by an earlier run, by `.resume` */
    uint64_t sent;      /* in: of these, sent to the server */
    uint64_t committed; /* in: of those, certainly committed. What is left of `rows` is not */
    uint64_t unknown;   /* in: sent, and it is not known whether they are committed */
    uint64_t stored; /* in: of `committed`, as the server counts: less where a trigger drops rows */
    uint64_t
        upto_row; /* in: of the input, from 1: all rows of the shard up to it are committed, by
                     this run or earlier ones; 0: none. Behind it none is, but `unknown` ones */
    uint64_t upto_byte;        /* in: of the input, where that row ends */
    agdb_status_t status;      /* AGDB_OK, or why it failed */
    const agdb_error_t *error; /* NULL, or the same with all that is known */
} agdb_copy_shard_t;

/* @param report  may be NULL
 * @return rows found in the input, without a header; out: rows given to the sink
 * @threads any */
AGDB_API uint64_t agdb_copy_report_rows(const agdb_copy_report_t *report);

/* @param report  may be NULL
 * @return bytes of the input up to the end of the last row; out: given to the sink
 * @threads any */
AGDB_API uint64_t agdb_copy_report_bytes(const agdb_copy_report_t *report);

/* @param report  may be NULL
 * @return how many shards it tells of: in the order of their names
 * @threads any */
AGDB_API size_t agdb_copy_report_count(const agdb_copy_report_t *report);

/* @param report  may be NULL
 * @param index   from 0
 * @param ret     struct_size set by the caller; filled when there is such a shard
 * @return whether there is
 * @threads any */
AGDB_API bool agdb_copy_report_shard(const agdb_copy_report_t *report, size_t index,
                                     agdb_copy_shard_t *ret);

/* What `.resume` takes: a line for each shard with rows committed, such as `east-1 12000 734112`
 * (row and byte of the input). A commit whose outcome is unknown adds ` or 13000 799872` and its
 * transaction: where the server cannot tell any more (after a failover) the next run is refused,
 * and a person has to look, and to leave only the pair that is right.
 * @param report  may be NULL
 * @return borrowed from the report; "" for NULL, and for out
 * @threads any */
AGDB_API const char *agdb_copy_report_resume(const agdb_copy_report_t *report);

/* Frees a report. NULL is fine.
 * @param report  owned by the caller until now
 * @threads any */
AGDB_API void agdb_copy_report_free(agdb_copy_report_t *report);

/* Rows on their way to their shards. Between two calls it holds a connection of each shard that has
 * an open transaction. @threads one */
typedef struct agdb_copy agdb_copy_t;

/* Begins a load. Nothing is sent yet. The client cannot be closed before it is finished or aborted
 * (as with agdb_loop_t).
 * @param db       the client
 * @param options  what, where to, how
 * @param ret      set on success; ends with agdb_copy_in_finish or agdb_copy_in_abort
 * @param reterr   may be NULL
 * @return AGDB_OK, AGDB_E_INVAL, AGDB_E_NO_TARGET, AGDB_E_NOMEM, AGDB_E_CLOSING, AGDB_E_FORKED,
 *         AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_copy_in_open(agdb_t *db,
                                                      const agdb_copy_options_t *options,
                                                      agdb_copy_t **ret, agdb_error_t **reterr);

/* Takes more of the input, cut anywhere. Waits only when the buffer of a row's shard is full, or a
 * shard's commit is due and others wait for its connection. After an error the input stands still:
 * the same error again, until it is finished or aborted.
 * @param copy    the load
 * @param data    borrowed
 * @param len     bytes
 * @param reterr  may be NULL
 * @return AGDB_OK, also when a shard has failed (see `stop_on_failure`). AGDB_E_INVAL: the input is
 *         not as it should be; the error says which row and byte. AGDB_E_FROZEN: so is a row's
 *         agency. AGDB_E_PARTIAL (stop_on_failure), AGDB_E_CANCELLED (by the progress callback),
 *         AGDB_E_NOMEM, AGDB_E_CLOSING, AGDB_E_FORKED, AGDB_E_MISUSE
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_copy_in_write(agdb_copy_t *copy, const void *data,
                                                       size_t len, agdb_error_t **reterr);

/* Takes one row whose key is given beside it. For copies without key column and shard. In binary
 * format the stream's header and trailer are left out.
 * @param copy    the load
 * @param key     1 to AGDB_KEY_MAX bytes
 * @param row     borrowed; with or without a line end
 * @param len     bytes
 * @param reterr  may be NULL
 * @return as agdb_copy_in_write
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_copy_in_row(agdb_copy_t *copy, agdb_bytes_t key,
                                                     const void *row, size_t len,
                                                     agdb_error_t **reterr);

/* Ends a load: commits what was written (up to the row before an error of the input, if there was
 * one). The handle is gone afterwards in any case, but for AGDB_E_FORKED and AGDB_E_MISUSE. Takes
 * at most twice `timeout_ms` from the last progress on.
 * @param copy        the load
 * @param ret_report  may be NULL; set to a report also on failure (NULL without memory, or when
 *                    nothing was done)
 * @param reterr      may be NULL
 * @return AGDB_OK: every row is committed. AGDB_E_PARTIAL: a child for each shard that failed, and
 *         perhaps one for the input. Else the only shard's error, or the input's
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_copy_in_finish(agdb_copy_t *copy,
                                                        agdb_copy_report_t **ret_report,
                                                        agdb_error_t **reterr);

/* Ends a load at what is committed: open transactions are rolled back, and their connections given
 * back, or closed when that takes over a second. The handle is gone, but for AGDB_E_FORKED and
 * AGDB_E_MISUSE.
 * @param copy        the load; NULL is fine
 * @param ret_report  may be NULL; as in agdb_copy_in_finish
 * @return AGDB_OK, AGDB_E_FORKED, AGDB_E_MISUSE
 * @threads one */
AGDB_API agdb_status_t agdb_copy_in_abort(agdb_copy_t *copy, agdb_copy_report_t **ret_report);

/* Takes rows of a copy out: several whole ones at a time (of a very long one a part). A call of the
 * library that waits is AGDB_E_MISUSE in it.
 * @param data  borrowed
 * @param len   bytes
 * @param user  from the call
 * Returns false to stop: the copy ends with AGDB_E_CANCELLED. */
typedef bool (*agdb_copy_sink_fn)(const void *data, size_t len, void *user);

/* Gives the rows of a table or a query to `sink`: one stream, shard after shard in the order of
 * their names, with one header (and in binary one trailer). Each shard's rows are of one moment,
 * not those of all. The map's timeouts.server does not count.
 * @param db          the client
 * @param options     what, and from where
 * @param sink        takes the rows, on this thread
 * @param user        for sink
 * @param ret_report  may be NULL; set to a report also on failure (NULL without memory)
 * @param reterr      may be NULL
 * @return AGDB_OK: the sink has had all of it. Else it has had a part at most, and the error says
 *         which shard failed: AGDB_E_CANCELLED (by a callback), or any other status
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_copy_out(agdb_t *db, const agdb_copy_options_t *options,
                                                  agdb_copy_sink_fn sink, void *user,
                                                  agdb_copy_report_t **ret_report,
                                                  agdb_error_t **reterr);

#ifdef __cplusplus
}
#endif
#endif
