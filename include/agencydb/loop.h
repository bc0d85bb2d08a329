/* Many requests at once from one thread: all of them and wait (agdb_query_many), or each with a
 * callback on an event loop (agdb_loop_t, agdb_submit). */
#ifndef AGENCYDB_LOOP_H
#define AGENCYDB_LOOP_H

#include "agencydb/tx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs several requests side by side and waits for all of them. They are sorted by shard and node,
 * and short ones share connections. Requests of one call have no order among each other: two writes
 * of which the second needs the first are two calls. When it returns nothing of the caller's is
 * referenced any more.
 * @param db          the client
 * @param requests    array of `count` pointers; each may name another agency, shard or keyspace.
 *                    Its timeout_ms counts from the beginning of this call
 * @param count       how many; 0 is fine
 * @param timeout_ms  for all of it; 0: each has its own only
 * @param results     array of `count`; each is set to the request's result, or NULL (one of
 *                    AGDB_PARTIAL_OK may have a result beside its error); free each
 * @param errors      array of `count`, or NULL; each is NULL or an error to be freed (an earlier
 *                    error there is replaced)
 * @param reterr      may be NULL: what is wrong with the call, or how many requests failed and why
 *                    the first did
 * @return AGDB_OK: every request succeeded. AGDB_E_PARTIAL: some did not, see `errors`; every
 *         request has a result or has failed. AGDB_E_MISUSE, AGDB_E_NOMEM, AGDB_E_CLOSING,
 *         AGDB_E_FORKED: nothing was sent
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_query_many(agdb_t *db,
                                                    const agdb_request_t *const *requests,
                                                    size_t count, uint32_t timeout_ms,
                                                    agdb_result_t **results, agdb_error_t **errors,
                                                    agdb_error_t **reterr);

/* Runs submitted requests for one event loop. Several loops may use one client, each from its own
 * thread, beside blocking calls. It takes connections from the pools' `max` as it needs them, and
 * gives them back when it is idle or somebody else waits for one. @threads one */
typedef struct agdb_loop agdb_loop_t;

/* Zero in a field means its default. */
typedef struct agdb_loop_options {
    size_t struct_size;       /* set it to sizeof(agdb_loop_options_t) */
    uint32_t max_outstanding; /* more at once is AGDB_E_BUSY; default: AGDB_LOOP_OUTSTANDING */
} agdb_loop_options_t;

#define AGDB_LOOP_OUTSTANDING 10000u

/* What became of a submitted request. Runs only inside agdb_loop_dispatch, agdb_loop_run and
 * agdb_loop_close, exactly once for each request, with no lock held. It may submit and cancel; a
 * blocking call of the library, or agdb_loop_dispatch, run or close of this loop, is AGDB_E_MISUSE
 * in it.
 * @param user    from agdb_submit
 * @param status  AGDB_OK, or why it failed
 * @param result  owned by the callback when status is AGDB_OK: free it; else NULL, but with
 *                AGDB_E_PARTIAL of an AGDB_PARTIAL_OK request: what came
 * @param error   owned by the callback when status is not AGDB_OK: free it; else NULL */
typedef void (*agdb_done_fn)(void *user, agdb_status_t status, agdb_result_t *result,
                             agdb_error_t *error);

/* @param db       the client; it outlives the loop
 * @param options  may be NULL
 * @param ret      set on success; close with agdb_loop_close
 * @param reterr   may be NULL
 * @return AGDB_OK, AGDB_E_INVAL, AGDB_E_NOMEM, AGDB_E_CLOSING, AGDB_E_FORKED, AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_loop_open(agdb_t *db, const agdb_loop_options_t *options,
                                                   agdb_loop_t **ret, agdb_error_t **reterr);

/* Runs one request; `done` hears of it later, never from inside this call. The request is copied,
 * but for its session, which must not be freed before `done` is called.
 * @param loop     the loop
 * @param request  as for agdb_query; its time begins now
 * @param done     called once, unless agdb_submit fails
 * @param user     for done
 * @param ret_id   may be NULL; set on success: the request's number, for agdb_cancel; never 0
 * @param reterr   may be NULL
 * @return AGDB_OK; AGDB_E_BUSY (max_outstanding: dispatch first), AGDB_E_INVAL, AGDB_E_NO_TARGET,
 *         AGDB_E_FROZEN, AGDB_E_NOMEM, AGDB_E_CLOSING, AGDB_E_FORKED, AGDB_E_MISUSE: nothing was
 *         sent and `done` is not called
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_submit(agdb_loop_t *loop, const agdb_request_t *request,
                                                agdb_done_fn done, void *user, uint64_t *ret_id,
                                                agdb_error_t **reterr);

/* What became of agdb_submit_tx; as agdb_done_fn.
 * @param user     from agdb_submit_tx
 * @param status   AGDB_OK, or why it failed
 * @param results  of each statement when status is AGDB_OK, else all NULL. The array is the loop's;
 *                 what the callback wants to keep it takes out and sets to NULL, and frees later
 * @param count    how many
 * @param error    owned by the callback when status is not AGDB_OK: free it; else NULL */
typedef void (*agdb_tx_done_fn)(void *user, agdb_status_t status, agdb_result_t **results,
                                size_t count, agdb_error_t *error);

/* agdb_submit with a request that has a `.tx` runs it in that transaction. One at a time: the next
 * one is submitted from its callback or later, and no other call on the handle is allowed
 * meanwhile but agdb_rollback, which gives it up. agdb_begin and agdb_rollback do not wait, and may
 * be called in callbacks.
 *
 * Commits, as agdb_commit does: the handle is gone when `done` is called.
 * @param loop    the loop, of the same client
 * @param tx      the transaction
 * @param done    called once, unless this fails; without a result
 * @param user    for done
 * @param ret_id  may be NULL; as for agdb_submit
 * @param reterr  may be NULL
 * @return AGDB_OK; AGDB_E_BUSY, AGDB_E_NOMEM, AGDB_E_CLOSING, AGDB_E_FORKED, AGDB_E_MISUSE: nothing
 *         was sent, and the handle is still the caller's
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_submit_commit(agdb_loop_t *loop, agdb_tx_t *tx,
                                                       agdb_done_fn done, void *user,
                                                       uint64_t *ret_id, agdb_error_t **reterr);

/* Runs several statements as one transaction in one round trip, as agdb_query_tx does. Everything
 * is copied but for the session.
 * @param loop      the loop
 * @param options   see agdb_tx_options_t; `replayed` is not set, the results say it
 * @param requests  array of `count` pointers
 * @param count     1 to AGDB_TX_STATEMENTS
 * @param done      called once, unless this fails
 * @param user      for done
 * @param ret_id    may be NULL; as for agdb_submit
 * @param reterr    may be NULL
 * @return as agdb_submit
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_submit_tx(agdb_loop_t *loop,
                                                   const agdb_tx_options_t *options,
                                                   const agdb_request_t *const *requests,
                                                   size_t count, agdb_tx_done_fn done, void *user,
                                                   uint64_t *ret_id, agdb_error_t **reterr);

/* Gives a request up: its callback gets AGDB_E_CANCELLED, in the next dispatch at the latest, with
 * the outcome not sent or unknown, of a transaction without its COMMIT rejected. What runs alone on
 * a server is cancelled there, soon afterwards; what shares a connection is not, and is over soon.
 * A write that was sent may happen all the same.
 * @param loop  the loop
 * @param id    from agdb_submit
 * @return whether it was still outstanding
 * @threads one */
AGDB_API bool agdb_cancel(agdb_loop_t *loop, uint64_t id);

/* A descriptor that is readable when agdb_loop_dispatch has something to do, deadlines included
 * (and now and then when it has not): for poll, epoll, libuv and others, level-triggered. Borrowed:
 * neither read nor close it.
 * @param loop  the loop
 * @return the descriptor, the same for the loop's whole life; -1 in a forked child
 * @threads one */
AGDB_API int agdb_loop_fd(const agdb_loop_t *loop);

/* Does what can be done without waiting, and runs the callbacks that are due.
 * @param loop    the loop
 * @param reterr  may be NULL
 * @return AGDB_OK, AGDB_E_MISUSE (from inside a callback), AGDB_E_FORKED
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_loop_dispatch(agdb_loop_t *loop, agdb_error_t **reterr);

/* Dispatches until nothing is outstanding.
 * @param loop        the loop
 * @param timeout_ms  at most this long
 * @param reterr      may be NULL
 * @return AGDB_OK; AGDB_E_TIMEOUT: some are outstanding still, and go on; AGDB_E_MISUSE,
 *         AGDB_E_FORKED
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_loop_run(agdb_loop_t *loop, uint32_t timeout_ms,
                                                  agdb_error_t **reterr);

/* @param loop  the loop
 * @return how many submitted requests have not had their callback yet
 * @threads one */
AGDB_API size_t agdb_loop_outstanding(const agdb_loop_t *loop);

/* Ends the loop: before it returns, the callback of every outstanding request runs: with its answer
 * if that is there, else with AGDB_E_CLOSING. Close the loops of a client before the client. When
 * the client was closed first, agdb_close has returned AGDB_E_TIMEOUT, agdb_submit returns
 * AGDB_E_CLOSING, callbacks get it in the next dispatch, and the client goes with its last loop.
 * @param loop  NULL is fine
 * @return AGDB_OK; AGDB_E_MISUSE (from inside a callback: nothing was done), AGDB_E_FORKED (nothing
 *         was touched)
 * @threads one */
AGDB_API agdb_status_t agdb_loop_close(agdb_loop_t *loop);

#ifdef __cplusplus
}
#endif
#endif
