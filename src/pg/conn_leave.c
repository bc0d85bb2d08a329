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
    return conn->work == AGDB__WORK_TX ? !conn->rolling_back : conn->nmembers == 1;
}

static bool is_cancelled(const agdb__member_t *member)
{
    static const char query_canceled[] = "57014";

    return member->answer != NULL && member->answer_is_error &&
           strcmp(agdb__conn_sqlstate(member->answer), query_canceled) == 0;
}

bool agdb__conn_forget(agdb__conn_t *conn)
{
    const bool alone = conn->work == AGDB__WORK_TX || conn->nmembers == 1;
    bool cancelled = false;
    size_t i;

    for (i = 0; alone && i < conn->nmembers; i++)
        cancelled = cancelled || is_cancelled(&conn->member[i]);
    agdb__conn_drop_members(conn);
    return cancelled;
}

void agdb__conn_set_deadline(agdb__conn_t *conn, uint64_t deadline_us)
{
    conn->deadline_us = deadline_us;
}
