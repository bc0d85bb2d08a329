/* The rows of a stream. libpq gives them one by one when it is told to ahead of the first result of
 * the command (PQsetSingleRowMode), which in a pipeline means: behind the last result of the
 * command before it. It keeps what it has read of the socket, some 16 KiB or one row if that is
 * larger, and reads no more until it is asked for more. */
#include "pg/conn_impl.h"

#include <libpq-fe.h>

static bool ask_for_rows(agdb__conn_t *conn)
{
    if (PQsetSingleRowMode(conn->pg) != 1 && !conn->skipping) {
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_EXECUTE, "the rows cannot be had one by one");
        return false;
    }
    conn->single_rows = true;
    return true;
}

bool agdb__conn_stream_goes_on(agdb__conn_t *conn)
{
    if (!conn->streaming)
        return true;
    if (conn->row != NULL)
        return false;
    return conn->single_rows || conn->step[conn->at_step].kind != AGDB__STEP_ANSWER ||
           ask_for_rows(conn);
}

/* What came while the socket was read is not in the estimate of conn_receive.c: this is exact. */
static bool is_too_big(agdb__conn_t *conn, const PGresult *row)
{
    const uint64_t bytes = PQresultMemorySize(row);
    const uint64_t max_bytes = conn->member[0].max_bytes;

    if (max_bytes == 0 || bytes <= max_bytes)
        return false;
    agdb__conn_die(conn, AGDB_E_TOO_BIG, AGDB_STAGE_EXECUTE,
                   "a row of %llu bytes is over max_bytes (%llu)", (unsigned long long)bytes,
                   (unsigned long long)max_bytes);
    return true;
}

bool agdb__conn_keep_row(agdb__conn_t *conn, agdb__step_t step, PGresult *take_row)
{
    if (!conn->streaming || step.kind != AGDB__STEP_ANSWER ||
        PQresultStatus(take_row) != PGRES_SINGLE_TUPLE)
        return false;
    if (conn->dropping || is_too_big(conn, take_row))
        PQclear(take_row);
    else
        conn->row = take_row;
    conn->arrived = 0;
    return true;
}

struct pg_result *agdb__conn_take_row(agdb__conn_t *conn)
{
    struct pg_result *row;

    if (conn->row == NULL && conn->streaming && conn->state == AGDB__CONN_IN_FLIGHT)
        agdb__conn_drain(conn);
    row = conn->row;
    conn->row = NULL;
    return row;
}

void agdb__conn_drop_rows(agdb__conn_t *conn)
{
    PQclear(conn->row);
    conn->row = NULL;
    conn->dropping = true;
}
