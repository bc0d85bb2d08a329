/* Who is connected to servers, from pg_stat_activity. */
#ifndef AGDB_CLI_SESSIONS_H
#define AGDB_CLI_SESSIONS_H

#include "cli/sight.h"

/* NULL in state and host: this login may not see it. */
typedef struct cli_session {
    int64_t pid;
    const char *service; /* application_name, without what keepers add; "" when it has none */
    const char *user;
    const char *dbname;
    const char *host;  /* "local" for a Unix socket */
    const char *state; /* active, idle, idle in transaction, ... */
    const char *wait_type;
    const char *wait;
    int64_t transaction_ms;  /* since it began; -1: none */
    int64_t state_ms;        /* in this state */
    const char *statement;   /* its first words; of an idle one the last */
    const char *tag;         /* of a sqlcommenter comment; NULL: none */
    const int64_t *blockers; /* pids that it waits for; ends with 0 */
    int64_t waiting_ms;      /* for a lock; -1: it does not */
    bool is_keeper;          /* by which a service asks the server for its role */
    int64_t epoch;           /* of a keeper: of the map that it says is in use; -1: not known */
} cli_session_t;

typedef struct cli_sessions {
    const char *fault; /* why they are not known; NULL: they are */
    cli_session_t *items;
    size_t count;
} cli_sessions_t;

/* For each node but those that `skip` says; sessions of inspecting commands are left out. */
cli_sessions_t *cli_sessions_gather(cli_inspect_t *inspect, const bool *skip);
/* Skips nodes that do not answer and, of several nodes of one server, all but the first that does:
 * its sessions are the server's. */
bool *cli_sessions_skip(const cli_nodes_t *nodes, const cli_sight_t *sights);
/* Whether the map's services use this database of the node's server. */
bool cli_session_is_of(const cli_session_t *session, const cli_nodes_t *nodes, const char *where);
bool cli_session_is_in(const cli_session_t *session, const char *state);
/* "3 ms", "2.1 s", "4 min", "3 h", "2 d"; "-" for a negative one */
char *cli_span_text(int64_t ms);

#endif
