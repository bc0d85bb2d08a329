#include "client/control.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/client.h"
#include "client/control_file.h"
#include "client/keeper.h"
#include "client/lookout.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Further ones wait to be accepted. PAUSE: when no more can be accepted, for want of descriptors;
 * PIECE: that one of them may take in one turn. */
enum { CONNECTIONS = 8, PAUSE_MS = 200, PIECE = 256 << 10, DRAIN = 64 << 10 };

typedef struct connection {
    agdb__talk_t talk; /* over: the place is free */
    int fd;
    bool in_look; /* the look under way began after it was asked for */
} connection_t;

struct agdb__control {
    agdb__control_file_t file;
    agdb__control_show_fn show;
    connection_t connection[CONNECTIONS];
    agdb__lookout_t *lookout; /* under way, for all who wait */
    uint64_t pause_us;
};

agdb_status_t agdb__control_open(const char *path, agdb__control_show_fn show,
                                 agdb__control_t **ret, agdb_error_t **reterr)
{
    agdb__control_t *c = agdb__calloc(1, sizeof *c);
    agdb_status_t st;

    if (c == NULL)
        return agdb__fail_nomem(reterr);
    c->show = show;
    st = agdb__control_file_open(path, &c->file, reterr);
    if (st == AGDB_OK)
        *ret = c;
    else
        agdb__free(c);
    return st;
}

/* --- connections -------------------------------------------------------------------------------
 */

static bool is_free(const connection_t *conn)
{
    return conn->talk.state == AGDB__TALK_OVER;
}

/* What was not read would make the other end lose the answer; a child that was forked has the same
 * socket open. */
static void hang_up(connection_t *conn)
{
    char waste[4096];
    size_t left = DRAIN / sizeof waste;

    agdb__talk_end(&conn->talk);
    while (left-- > 0 && recv(conn->fd, waste, sizeof waste, MSG_DONTWAIT) > 0)
        continue;
    (void)shutdown(conn->fd, SHUT_RDWR);
    close(conn->fd);
}

static void answer(agdb_t *db, connection_t *conn, agdb__control_ask_t ask, uint64_t now_us)
{
    switch (ask) {
    case AGDB__CONTROL_NOTHING:
        break;
    case AGDB__CONTROL_RELOAD:
        conn->in_look = false;
        if (db->path != NULL)
            agdb__talk_wait(&conn->talk, now_us);
        else
            agdb__talk_fail(&conn->talk,
                            "the map was given as a text, so there is no file to read it from",
                            now_us);
        break;
    case AGDB__CONTROL_DUMP:
    case AGDB__CONTROL_METRICS:
    case AGDB__CONTROL_STATUS:
    case AGDB__CONTROL_VERSION:
        db->control->show(db, ask, agdb__talk_ok(&conn->talk));
        agdb__talk_speak(&conn->talk, now_us);
        break;
    }
}

static void listen_to(agdb_t *db, connection_t *conn, uint64_t now_us)
{
    char data[AGDB__TALK_LINE];
    ssize_t n = 1;

    while (conn->talk.state == AGDB__TALK_LISTENS && n > 0) {
        n = recv(conn->fd, data, sizeof data, MSG_DONTWAIT);
        if (n >= 0)
            answer(db, conn, agdb__talk_hear(&conn->talk, data, (size_t)n, now_us), now_us);
        else if (errno != EAGAIN && errno != EINTR)
            agdb__talk_end(&conn->talk);
    }
}

static void speak_to(connection_t *conn, uint64_t now_us)
{
    size_t budget = PIECE;
    const char *at = NULL;
    size_t rest;

    while (budget > 0 && (rest = agdb__talk_rest(&conn->talk, &at)) > 0) {
        const ssize_t n =
            send(conn->fd, at, rest < budget ? rest : budget, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                agdb__talk_end(&conn->talk);
            return;
        }
        agdb__talk_sent(&conn->talk, (size_t)n, now_us);
        budget -= (size_t)n;
    }
}

static void step(agdb_t *db, connection_t *conn, uint64_t now_us)
{
    if (is_free(conn))
        return;
    listen_to(db, conn, now_us);
    agdb__talk_look(&conn->talk, now_us);
    speak_to(conn, now_us);
    if (is_free(conn))
        hang_up(conn);
}

/* --- who comes ---------------------------------------------------------------------------------
 */

static connection_t *free_place(agdb__control_t *c)
{
    size_t i;

    for (i = 0; i < CONNECTIONS; i++)
        if (is_free(&c->connection[i]))
            return &c->connection[i];
    return NULL;
}

/* False: nobody is there, or none can be let in now. */
static bool let_in(agdb__control_t *c, connection_t *conn, uint64_t now_us)
{
    const int fd = accept4(c->file.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            c->pause_us = agdb__after_ms(now_us, PAUSE_MS);
        return false;
    }
    conn->fd = fd;
    agdb__talk_begin(&conn->talk, now_us);
    if (!agdb__control_file_admits(&c->file, fd))
        agdb__talk_fail(&conn->talk, "this socket is for the user of its process and for root",
                        now_us);
    return true;
}

static void let_all_in(agdb_t *db, uint64_t now_us)
{
    agdb__control_t *c = db->control;
    connection_t *conn;

    while (now_us >= c->pause_us && (conn = free_place(c)) != NULL && let_in(c, conn, now_us))
        step(db, conn, now_us);
}

/* --- the map's file ----------------------------------------------------------------------------
 */

static void tell_epoch(agdb_t *db, connection_t *conn, uint64_t before, uint64_t now_us)
{
    const uint64_t epoch =
        atomic_load_explicit(&db->editions.current, memory_order_relaxed)->map->epoch;
    agdb__buf_t *out = agdb__talk_ok(&conn->talk);

    if (epoch != before)
        agdb__buf_printf(out, "epoch %llu is in use, after epoch %llu\n", (unsigned long long)epoch,
                         (unsigned long long)before);
    else
        agdb__buf_printf(out, "epoch %llu is in use, as before\n", (unsigned long long)epoch);
    agdb__talk_speak(&conn->talk, now_us);
}

/* All who wait for this look are told the same. */
static void end_look(agdb_t *db, uint64_t now_us)
{
    agdb__control_t *c = db->control;
    const uint64_t before =
        atomic_load_explicit(&db->editions.current, memory_order_relaxed)->map->epoch;
    agdb_error_t *error = NULL;
    agdb__sight_t sight;
    size_t i;

    if (c->lookout == NULL || !agdb__lookout_take(c->lookout, &sight))
        return;
    agdb__lookout_release(c->lookout);
    c->lookout = NULL;
    (void)agdb__reload_sight(db, &sight, &error);
    agdb__sight_fini(&sight);
    for (i = 0; i < CONNECTIONS; i++) {
        connection_t *conn = &c->connection[i];

        if (conn->talk.state != AGDB__TALK_WAITS || !conn->in_look)
            continue;
        if (error != NULL)
            agdb__talk_fail_with(&conn->talk, error, now_us);
        else
            tell_epoch(db, conn, before, now_us);
    }
    agdb__error_free(error);
}

/* One at a time, also when the one before does not come to an end: then those who wait are told
 * that by their deadline. */
static void begin_look(agdb_t *db, uint64_t now_us)
{
    static const agdb__stamp_t no_such = {.size = -2};
    agdb__control_t *c = db->control;
    bool wanted = false;
    size_t i;

    for (i = 0; i < CONNECTIONS; i++)
        wanted = wanted || c->connection[i].talk.state == AGDB__TALK_WAITS;
    if (!wanted || c->lookout != NULL)
        return;
    c->lookout = agdb__lookout_begin(db->path, &no_such, -1, agdb__keeper_wake, db);
    for (i = 0; i < CONNECTIONS; i++) {
        connection_t *conn = &c->connection[i];

        if (conn->talk.state != AGDB__TALK_WAITS)
            continue;
        conn->in_look = true;
        if (c->lookout == NULL)
            agdb__talk_fail(&conn->talk, "no memory or no thread to read the map's file", now_us);
    }
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* Who has asked is told; nobody is waited for. */
static void shut(agdb__control_t *c, uint64_t now_us)
{
    size_t i;

    agdb__control_file_close(&c->file);
    agdb__lookout_release(c->lookout);
    c->lookout = NULL;
    for (i = 0; i < CONNECTIONS; i++) {
        connection_t *conn = &c->connection[i];

        if (is_free(conn))
            continue;
        if (conn->talk.state != AGDB__TALK_SPEAKS)
            agdb__talk_fail(&conn->talk, "the client is closing", now_us);
        speak_to(conn, now_us);
        hang_up(conn);
    }
}

void agdb__control_free(agdb__control_t *c)
{
    if (c == NULL)
        return;
    shut(c, agdb__now_us());
    agdb__free(c);
}

void agdb__control_step(agdb_t *db, uint64_t now_us)
{
    agdb__control_t *c = db->control;
    size_t i;

    if (c == NULL || c->file.fd < 0)
        return;
    if (agdb__gate_is_closed(&db->gate)) {
        shut(c, now_us);
        return;
    }
    end_look(db, now_us);
    for (i = 0; i < CONNECTIONS; i++)
        step(db, &c->connection[i], now_us);
    let_all_in(db, now_us);
    begin_look(db, now_us);
}

/* One that waits for the map's file is not polled: it would say again and again that the other end
 * has gone. */
static void poll_one(const connection_t *conn, agdb__pollset_t *set)
{
    if (is_free(conn))
        return;
    if (conn->talk.state != AGDB__TALK_WAITS)
        agdb__pollset_add(set, conn->fd, conn->talk.state == AGDB__TALK_LISTENS ? POLLIN : POLLOUT);
    agdb__pollset_wake(set, conn->talk.until_us);
}

void agdb__control_poll(const agdb__control_t *c, agdb__pollset_t *set)
{
    bool room = false;
    size_t i;

    if (c == NULL || c->file.fd < 0)
        return;
    for (i = 0; i < CONNECTIONS; i++) {
        room = room || is_free(&c->connection[i]);
        poll_one(&c->connection[i], set);
    }
    if (c->pause_us > agdb__now_us())
        agdb__pollset_wake(set, c->pause_us);
    else if (room)
        agdb__pollset_add(set, c->file.fd, POLLIN);
}
