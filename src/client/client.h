/* The client: owns the editions of the map, the topology and the keeper thread.
 *
 * Life: opened -> running (calls enter and leave an edition) -> closed. After the close the keeper
 * lives until the last call has left and the last loop is closed, frees everything and ends. */
#ifndef AGDB_CLIENT_CLIENT_H
#define AGDB_CLIENT_CLIENT_H

#include "agencydb/client.h"
#include "base/log.h"
#include "client/control.h"
#include "client/edition.h"
#include "client/listening.h"
#include "client/reload.h"
#include "client/sentry.h"
#include "exec/scatter.h"

/* Outlives the client, for the one who waits for its end. */
typedef struct agdb__ending {
    agdb__mutex_t lock;
    agdb__cond_t cond;
    bool done;
    unsigned refs;
} agdb__ending_t;

struct agdb {
    unsigned fork_generation;
    uint64_t opened_us;
    const agdb_allocator_t *allocator;
    agdb__gate_t gate; /* loops are inside; closed with the client */
    agdb__editions_t editions;
    agdb__topology_t topology; /* the keeper's */
    agdb__reload_t reload;
    agdb__sentry_t sentry; /* the keeper's */

    agdb__resolver_t *resolver;
    agdb__logger_t logger;
    agdb_event_fn event;
    void *event_user;
    agdb_trace_begin_fn trace_begin; /* NULL: nothing is followed */
    agdb_trace_end_fn trace_end;
    void *trace_user;
    uint64_t event_sequence; /* the keeper's */
    agdb__topology_env_t env;
    agdb__names_t names; /* the keeper's */
    agdb__books_t books;
    char *service;
    char *login;
    char *zone;
    char *path; /* of the map; NULL: it was a text */

    agdb__mutex_t loops_lock;
    bool has_loops_lock;
    agdb__watchers_t loops; /* under it: told when the client closes */

    agdb__listening_t listening;
    agdb__control_t *control; /* the keeper's; NULL: there is none */

    pthread_t keeper;
    int wake_fd;
    atomic_bool woken;       /* the keeper will look: no need to write to wake_fd */
    agdb__pollset_t pollset; /* the keeper's */
    agdb__ending_t *ending;
};

/* What a client is opened with. */
typedef struct agdb__opening {
    agdb_map_t *map;
    const char *path;              /* that it was read from; NULL: from a text */
    const agdb_options_t *options; /* complete: a copy of ours */
    agdb__control_show_fn show;    /* for `options->control` */
} agdb__opening_t;

/* Takes the reference to the map, also on failure. */
agdb_status_t agdb__client_open(const agdb__opening_t *opening, agdb_t **ret,
                                agdb_error_t **reterr);
/* Not in a forked child. */
agdb_status_t agdb__client_close(agdb_t *db, uint64_t deadline_us);

/* `w` is told when the client closes, and when another map is in use. Its owner is inside the gate
 * or an edition until it is removed. */
void agdb__client_watch(agdb_t *db, agdb__watcher_t *w);
void agdb__client_unwatch(agdb_t *db, agdb__watcher_t *w);
void agdb__client_tell_watchers(agdb_t *db);

/* Routes a checked request to its shard, or says why not: unknown keyspace or shard, no target, a
 * bad key, a frozen agency. */
agdb_status_t agdb__client_target(const agdb__edition_t *edition, const agdb_request_t *request,
                                  agdb__shard_t **ret, agdb_error_t **reterr);

/* The same for a request that may be for several shards. *ret is freed with
 * agdb__free(ret->shards), which holds the rest, too. */
agdb_status_t agdb__client_targets(const agdb__edition_t *edition, const agdb_request_t *request,
                                   agdb__targets_t *ret, agdb_error_t **reterr);
/* The parts of it: a keyspace (NULL: the default one), one of its shards by name, one by key. */
agdb_status_t agdb__client_keyspace(const agdb__edition_t *edition, const char *name, size_t *ret,
                                    agdb_error_t **reterr);
agdb_status_t agdb__client_shard_named(const agdb__edition_t *edition, size_t keyspace,
                                       const char *name, size_t *ret, agdb_error_t **reterr);

agdb_status_t agdb__client_wait_ready(const agdb__edition_t *edition, agdb_ready_t what,
                                      uint64_t deadline_us, agdb_error_t **reterr);

#endif
