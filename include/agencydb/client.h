/* The client: opens a map, runs requests. */
#ifndef AGENCYDB_CLIENT_H
#define AGENCYDB_CLIENT_H

#include "agencydb/base.h"
#include "agencydb/error.h"
#include "agencydb/log.h"
#include "agencydb/map.h"
#include "agencydb/request.h"
#include "agencydb/result.h"
#include "agencydb/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One per process and map is enough: it holds the pools. @threads any */
typedef struct agdb agdb_t;

/* Gives the password for a login. Runs on a helper thread and may block: only the connections that
 * wait for it are held up.
 * @param node  the node's name
 * @param login  the user name
 * @param buf   where to write the password, NUL-terminated
 * @param size  room in buf
 * @param user  from the options
 * Returns true, or false for "not available now" (the connection fails and is tried again). */
typedef bool (*agdb_password_fn)(const char *node, const char *login, char *buf, size_t size,
                                 void *user);

/* Zero in a field means its default. Everything is copied by agdb_open, but for the allocator. */
typedef struct agdb_options {
    size_t struct_size;  /* set it to sizeof(agdb_options_t) */
    const char *service; /* application_name of all connections; default: "agencydb". The one by
                            which the keeper asks a server has " keeper" behind it */
    agdb_log_fn log;
    void *log_user;
    agdb_log_level_t log_level; /* the most detailed level wanted; default: AGDB_LOG_INFO */
    agdb_event_fn event;
    void *event_user;
    agdb_password_fn password; /* asked when the map gives no password source */
    void *password_user;
    const agdb_allocator_t *allocator; /* must outlive the client, its results and errors */
    bool allow_unstamped;  /* use servers that `agencydb init` has not stamped (as `init` does) */
    const char *login;     /* logs in as this role instead of the map's connection.user; `password`,
                              when given, is then asked instead of the map's password source */
    const char *zone;      /* where this process runs: replicas of that zone are asked first */
    agdb_record_fn record; /* as `log`, in parts; both may be given */
    void *record_user;
    agdb_trace_begin_fn trace_begin; /* see agencydb/trace.h; both or none */
    agdb_trace_end_fn trace_end;
    void *trace_user;
    bool watch; /* agdb_open: follows the map's file, as agdb_reload does when it changes */
    const char *control; /* a path: a Unix socket there, mode 0600, for this user and root, answers
                            `agencydb ps`, `status --of` and `reload`; default: none. Its folder
                            must not be one where anybody may replace it; each client needs a path
                            of its own, and what a process that has died has left is replaced */
} agdb_options_t;

/* Loads a map and starts the keeper thread. Waits for no server and succeeds when all are down.
 * @param path     the shard map
 * @param options  may be NULL
 * @param ret      set on success; close with agdb_close
 * @param reterr   may be NULL; a bad map gives one child per mistake
 * @return AGDB_OK, AGDB_E_MAP_INVALID, AGDB_E_INVAL (options; also a control socket that cannot be
 *         made, or that somebody else listens on), AGDB_E_NOMEM, AGDB_E_UNSUPPORTED
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_open(const char *path, const agdb_options_t *options,
                                              agdb_t **ret, agdb_error_t **reterr);

/* The same for a map in memory.
 * @param text     borrowed
 * @param len      bytes
 * @param options  may be NULL
 * @param ret      set on success; close with agdb_close
 * @param reterr   may be NULL
 * @return as agdb_open
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_open_text(const char *text, size_t len,
                                                   const agdb_options_t *options, agdb_t **ret,
                                                   agdb_error_t **reterr);

/* How much agdb_wait_ready waits for. */
typedef enum agdb_ready {
    AGDB_READY_ANY = 0,       /* every shard has a usable node: primary or replica */
    AGDB_READY_PRIMARIES = 1, /* every shard has a primary */
    AGDB_READY_ALL = 2        /* every node of the map is usable */
} agdb_ready_t;

/* Waits until the servers are there. Optional: requests wait by themselves. The events of the nodes
 * that it waited for may come a moment later.
 * @param db          the client
 * @param what        how much must be there
 * @param timeout_ms  at most this long
 * @param reterr      may be NULL; one child per shard or node that is missing, with the reason
 * @return AGDB_OK, AGDB_E_TIMEOUT, AGDB_E_CLOSING, AGDB_E_FORKED, AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_wait_ready(agdb_t *db, agdb_ready_t what,
                                                    uint32_t timeout_ms, agdb_error_t **reterr);

/* Runs one request and waits for its answer, at most for its timeout. One for several shards
 * (agencydb/scatter.h) that fails has an error with a child for each shard that failed.
 * @param db       the client
 * @param request  see agdb_request_t
 * @param ret      may be NULL; set on success, free with agdb_result_free
 * @param reterr   may be NULL
 * @return AGDB_OK or any other status. AGDB_E_PARTIAL: some of several shards have failed. With
 *         AGDB_PARTIAL_OK there is a result of the others beside the error; without, this is what a
 *         write gets that other shards have done. Else the status is that of the first failure
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_query(agdb_t *db, const agdb_request_t *request,
                                               agdb_result_t **ret, agdb_error_t **reterr);

/* Where a key lives: no I/O. The texts are borrowed and stay valid until agdb_close.
 * @param db        the client
 * @param keyspace  NULL: the default one
 * @param key       1 to AGDB_KEY_MAX bytes
 * @param ret       struct_size set by the caller; filled on success
 * @param reterr    may be NULL
 * @return AGDB_OK, AGDB_E_INVAL, AGDB_E_NO_TARGET, AGDB_E_CLOSING, AGDB_E_FORKED, AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_route(agdb_t *db, const char *keyspace, agdb_bytes_t key,
                                               agdb_route_info_t *ret, agdb_error_t **reterr);

/* @param db        the client
 * @param keyspace  NULL: the default one
 * @return number of shards, in the order of their names' bytes; 0 when there is no such keyspace
 * @threads any */
AGDB_API size_t agdb_shard_count(agdb_t *db, const char *keyspace);

/* @param db        the client
 * @param keyspace  NULL: the default one
 * @param index     from 0
 * @return borrowed until agdb_close: the shard's name; NULL past the end
 * @threads any */
AGDB_API const char *agdb_shard_name(agdb_t *db, const char *keyspace, size_t index);

/* Reads the map's file again and puts it in use, if it may replace the one in use (see
 * agdb_map_may_replace). Calls that are under way end on the map that they began on; what both maps
 * say stays as it is, with its connections. A map that is refused changes nothing. Events tell of a
 * map that is in use, and of one that may not follow.
 * @param db      the client, opened by agdb_open
 * @param reterr  may be NULL; one child per mistake in the map, or per reason for its refusal
 * @return AGDB_OK (also when it is the map in use), AGDB_E_MAP_INVALID, AGDB_E_MAP_STALE,
 *         AGDB_E_INVAL (opened from a text), AGDB_E_NOMEM, AGDB_E_CLOSING, AGDB_E_FORKED,
 *         AGDB_E_MISUSE (from inside a callback)
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_reload(agdb_t *db, agdb_error_t **reterr);

/* The same with a map in memory.
 * @param db      the client
 * @param text    borrowed
 * @param len     bytes
 * @param reterr  may be NULL
 * @return as agdb_reload
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_reload_text(agdb_t *db, const char *text, size_t len,
                                                     agdb_error_t **reterr);

/* @param db  the client
 * @return epoch of the map in use; 0 when the client is closing
 * @threads any */
AGDB_API uint64_t agdb_epoch(agdb_t *db);

/* Ends the client: new and waiting calls return AGDB_E_CLOSING, running ones may end by
 * themselves. The handle is gone afterwards in any case, but in a forked child, where nothing is
 * touched. When calls are still running after timeout_ms, or loops are open, the last of them frees
 * the rest. Listeners end: their callbacks are not called any more, a running one is waited for.
 * @param db          the client; NULL is fine
 * @param timeout_ms  how long to wait for running calls
 * @return AGDB_OK, AGDB_E_TIMEOUT (calls were still running), AGDB_E_FORKED, AGDB_E_MISUSE (from
 *         inside a callback of a loop, or of this client's listeners: nothing was done)
 * @threads one */
AGDB_API agdb_status_t agdb_close(agdb_t *db, uint32_t timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
