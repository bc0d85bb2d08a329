/* Connections whose caller has left while the server was at work: stepped on by somebody else until
 * they are of use again. */
#include "pg/conn_impl.h"

#include <libpq-fe.h>
#include <string.h>

bool agdb__conn_can_be_left(const agdb__conn_t *conn)
{
    return conn->state == AGDB__CONN_IN_FLIGHT && conn->flushed && !conn->dirty &&
           !conn->login->pgbouncer && PQbackendPID(conn->pg) == conn->hello.process;
}

bool agdb__conn_is_alone(const agdb__conn_t *conn)
{
    return conn->nmembers == 1;
}

bool agdb__conn_forget(agdb__conn_t *conn)
{
    static const char query_canceled[] = "57014";
    const agdb__member_t *member = &conn->member[0];
    const bool cancelled = conn->nmembers == 1 && member->answer != NULL &&
                           member->answer_is_error &&
                           strcmp(agdb__conn_sqlstate(member->answer), query_canceled) == 0;

    agdb__conn_drop_members(conn);
    return cancelled;
}

void agdb__conn_set_deadline(agdb__conn_t *conn, uint64_t deadline_us)
{
    conn->deadline_us = deadline_us;
}
