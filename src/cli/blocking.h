/* Who holds up whom on one server. Pure. */
#ifndef AGDB_CLI_BLOCKING_H
#define AGDB_CLI_BLOCKING_H

#include "cli/sessions.h"

/* One session that waits for no lock, and those that wait for it, at once or through others. */
typedef struct cli_block {
    int64_t pid;               /* 0: no process, a prepared transaction */
    const cli_session_t *root; /* NULL: none of a client that may be seen */
    size_t waiting;
    int64_t longest_ms; /* of those that wait; -1: not known */
} cli_block_t;

typedef struct cli_blocks {
    cli_block_t *items; /* who holds up most comes first */
    size_t count;
} cli_blocks_t;

/* Whether it waits for a lock that another session holds. */
bool cli_session_waits(const cli_session_t *session);
cli_blocks_t cli_blocks_of(const cli_sessions_t *sessions);
/* "foundation-api, pid 812, idle in transaction for 12.0 s" */
char *cli_session_text(const cli_session_t *session);

#endif
