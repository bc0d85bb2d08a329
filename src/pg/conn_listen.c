/* A connection that listens: LISTEN and UNLISTEN, a sign of life, and what the server says unasked.
 *
 * libpq 15 takes notifications out of the stream in every state of a pipeline, idle or not, and
 * keeps them until PQnotifies. They are handed on after each read, so that they do not pile up. */
#include "pg/conn_impl.h"

#include "base/error.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/socket.h>

/* Reads per call: a flood of one server does not keep its owner from the others. */
enum { HEAR_READS = 8, NAME_MAX_BYTES = 63, SQL_SIZE = 2 * NAME_MAX_BYTES + 16 };

/* The name in quotes: it means exactly these bytes. */
static void write_sql(const agdb__channel_wish_t *wish, char buf[SQL_SIZE])
{
    size_t len = (size_t)snprintf(buf, SQL_SIZE, "%s \"", wish->listen ? "LISTEN" : "UNLISTEN");
    const char *c;

    for (c = wish->channel; *c != '\0' && len < SQL_SIZE - 4; c++) {
        if (*c == '"')
            buf[len++] = '"';
        buf[len++] = *c;
    }
    buf[len++] = '"';
    buf[len] = '\0';
}

/* Each has a Sync of its own: one that is refused takes no other along. */
static bool queue_wish(agdb__conn_t *conn, const agdb__channel_wish_t *wish, bool first)
{
    char sql[SQL_SIZE];

    if (!first)
        (void)agdb__conn_add_member(conn, 0, 0);
    write_sql(wish, sql);
    return agdb__conn_queue_sql(conn, sql, AGDB__STEP_ANSWER) && agdb__conn_queue_sync(conn);
}

/* The process that answers is not the one that was logged in to: it may be another's tomorrow. */
static agdb_status_t die_pooled(agdb__conn_t *conn)
{
    agdb__conn_die(conn, AGDB_E_UNSUPPORTED, AGDB_STAGE_EXECUTE,
                   "a pooler stands between: LISTEN needs a session of its own, name the server "
                   "itself in the map");
    return AGDB_E_UNSUPPORTED;
}

agdb_status_t agdb__conn_listen(agdb__conn_t *conn, const agdb__channel_wish_t *wish, size_t count,
                                uint64_t deadline_us)
{
    size_t i;

    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering || count == 0 ||
        count > AGDB__GROUP_MAX)
        return AGDB_E_MISUSE;
    if (PQbackendPID(conn->pg) != conn->hello.process)
        return die_pooled(conn);
    agdb__conn_begin_work(conn, AGDB__WORK_LISTEN);
    conn->read_only = false;
    for (i = 0; i < count; i++)
        if (!queue_wish(conn, &wish[i], i == 0))
            return agdb__conn_die_unsent(conn);
    agdb__conn_go_in_flight(conn);
    conn->deadline_us = deadline_us;
    return AGDB_OK;
}

agdb_status_t agdb__conn_listened(agdb__conn_t *conn, size_t i, agdb_error_t **reterr)
{
    if (conn->state != AGDB__CONN_READY || conn->work != AGDB__WORK_LISTEN || i >= conn->nmembers ||
        conn->member[i].answer == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "there is no answer to receive");
    if (conn->member[i].answer_is_error)
        return agdb__conn_server_error(conn, conn->member[i].answer, reterr);
    return AGDB_OK;
}

agdb_status_t agdb__conn_ping(agdb__conn_t *conn, uint64_t deadline_us)
{
    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering)
        return AGDB_E_MISUSE;
    if (!agdb__conn_queue_way(conn))
        return AGDB_E_LOST;
    agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
    conn->deadline_us = deadline_us;
    return AGDB_OK;
}

/* PQnotifies also parses what has been read. */
static size_t hand_on(agdb__conn_t *conn, agdb__notified_fn each, void *user)
{
    PGnotify *notify;
    size_t count = 0;

    while ((notify = PQnotifies(conn->pg)) != NULL) {
        each(user, notify->relname, notify->extra, notify->be_pid);
        PQfreemem(notify);
        count++;
    }
    return count;
}

/* What was heard before the end counts. */
static void end(agdb__conn_t *conn)
{
    char text[256];

    if (conn->farewell)
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_EXECUTE, "the server ended the connection");
    else
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_EXECUTE, "connection lost: %s",
                       agdb__conn_pq_message(conn, text, sizeof text));
}

/* False: nothing more has come. */
static bool hear_once(agdb__conn_t *conn, agdb__notified_fn each, void *user, size_t *count)
{
    char byte;
    const ssize_t n = recv(PQsocket(conn->pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    int rc;

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return false;
    rc = PQconsumeInput(conn->pg);
    *count += hand_on(conn, each, user);
    if (rc == 1 && n > 0 && PQstatus(conn->pg) == CONNECTION_OK && !conn->farewell)
        return true;
    end(conn);
    return false;
}

size_t agdb__conn_hear(agdb__conn_t *conn, agdb__notified_fn each, void *user)
{
    size_t count = 0;
    int i;

    if (conn->state != AGDB__CONN_READY && conn->state != AGDB__CONN_IN_FLIGHT)
        return 0;
    count = hand_on(conn, each, user); /* what was read with an answer */
    for (i = 0; conn->state == AGDB__CONN_READY && i < HEAR_READS; i++)
        if (!hear_once(conn, each, user, &count))
            break;
    return count;
}
