/* The life of a connection:
 *
 *   RESOLVING     A helper thread looks up the host name and fetches the password. There is no
 *                 socket. Ends with addresses (CONNECTING) or without (DEAD).
 *   CONNECTING    libpq goes through TCP, TLS and login. With several addresses each gets an equal
 *                 share of the time that is left, and the next one begins in this same state. A
 *                 refused login ends it at once: another address is the same server.
 *   INTRODUCING   Logged in, in pipeline mode from here on. The server is asked for its role, its
 *                 position and its identity; one that is not the expected one ends in DEAD.
 *   READY         Nothing pending, no transaction open. The only state that takes a statement, or
 *                 gathers a group of them.
 *   IN_FLIGHT     A statement, a group or the keeper's probe was sent. The results are read until
 *                 the Sync that ends them; then READY. Anything that was not expected: DEAD.
 *   DEAD          For good. The reason is kept for whoever asks; the socket is closed.
 *
 * Every state has a deadline, AGDB__NEVER in READY and for statements (whose owner keeps time).
 * Past it: DEAD. */
#include "pg/conn_fsm.h"

#include <assert.h>

#define MAY(state) (1u << AGDB__CONN_##state)

static const unsigned k_next[AGDB__CONN_STATES] = {
    [AGDB__CONN_RESOLVING] = MAY(CONNECTING) | MAY(DEAD),
    [AGDB__CONN_CONNECTING] = MAY(CONNECTING) | MAY(INTRODUCING) | MAY(DEAD),
    [AGDB__CONN_INTRODUCING] = MAY(READY) | MAY(DEAD),
    [AGDB__CONN_READY] = MAY(IN_FLIGHT) | MAY(DEAD),
    [AGDB__CONN_IN_FLIGHT] = MAY(READY) | MAY(DEAD),
    [AGDB__CONN_DEAD] = 0,
};

static const char *const k_name[AGDB__CONN_STATES] = {"resolving", "connecting", "introducing",
                                                      "ready",     "in flight",  "dead"};

bool agdb__conn_may_go(agdb__conn_state_t from, agdb__conn_state_t to)
{
    if ((unsigned)from >= AGDB__CONN_STATES || (unsigned)to >= AGDB__CONN_STATES)
        return false;
    return (k_next[from] & (1u << to)) != 0;
}

const char *agdb__conn_state_name(agdb__conn_state_t state)
{
    return (unsigned)state < AGDB__CONN_STATES ? k_name[state] : "";
}

void agdb__conn_go(agdb__conn_state_t *state, agdb__conn_state_t to)
{
    const bool may = agdb__conn_may_go(*state, to);

    assert(may);
    *state = may ? to : AGDB__CONN_DEAD;
}
