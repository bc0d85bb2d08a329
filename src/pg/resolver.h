/* Slow preparations of a connection on a few detached helper threads: name look-up and fetching the
 * password. Both can hang for ever, so nothing ever joins or waits for a helper; a job is shared by
 * reference count and outlives whoever asked. One name, file or login that hangs holds up its own
 * jobs only; jobs that nobody wants any more are dropped. */
#ifndef AGDB_PG_RESOLVER_H
#define AGDB_PG_RESOLVER_H

#include "pg/login.h"

typedef struct agdb__resolver agdb__resolver_t; /* @threads any */
typedef struct agdb__resolve agdb__resolve_t;   /* one job. @threads one */

/* `wake` is called on a helper thread when jobs are done; it must not block. */
agdb__resolver_t *agdb__resolver_new(void (*wake)(void *user), void *user);
/* No `wake` is called after this has returned. Helpers that hang keep their own memory. */
void agdb__resolver_free(agdb__resolver_t *resolver);

/* Copies what it needs of the login (but for the callback's user pointer). NULL: no memory. */
agdb__resolve_t *agdb__resolve_start(agdb__resolver_t *resolver, const agdb__login_t *login);
bool agdb__resolve_is_done(const agdb__resolve_t *job);
/* After it is done: the outcome. On success *ret_addresses numeric addresses, at most 8, borrowed
 * from the job, and the password ("" when there is none). A socket directory has one address, "".
 */
agdb_status_t agdb__resolve_result(const agdb__resolve_t *job, const char *const **ret_addresses,
                                   size_t *ret_count, const char **ret_password,
                                   agdb_error_t **reterr);
/* Lets go of a job, done or not. Wipes the password with the last reference. */
void agdb__resolve_release(agdb__resolve_t *job);

#endif
