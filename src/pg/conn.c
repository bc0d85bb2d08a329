#include "pg/conn.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "pg/conn_impl.h"
#include "pg/conninfo.h"
#include "pg/login_error.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { OLDEST_LIBPQ = 140000, OLDEST_SERVER = 140000, WHERE_MAX = 160, IDLE_READS_MAX = 32 };

/* Notices are dropped; the default prints them. A FATAL one is the server's farewell, and so is a
 * WARNING of the class "operator intervention": an immediate shutdown says no more. */
static void on_notice(void *arg, const PGresult *notice)
{
    agdb__conn_t *conn = arg;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

    if (severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
        conn->farewell = true;
    if (state != NULL && strncmp(state, "57P", 3) == 0)
        conn->farewell = true;
    conn->copy.notices++;
}

static void connect_next(agdb__conn_t *conn, uint64_t now_us);

/* --- RESOLVING ------------------------------------------------------------------------------- */

static void step_resolving(agdb__conn_t *conn, uint64_t now_us)
{
    const char *const *addresses;
    const char *password;
    agdb_error_t *error = NULL;
    size_t count;

    if (!agdb__resolve_is_done(conn->job))
        return;
    if (agdb__resolve_result(conn->job, &addresses, &count, &password, &error) != AGDB_OK)
        agdb__conn_die_of(conn, error);
    else
        connect_next(conn, now_us);
}

/* --- CONNECTING ------------------------------------------------------------------------------ */

static void where_text(const agdb__conn_t *conn, const char *address, char *buf, size_t size)
{
    if (conn->login->host[0] == '/')
        snprintf(buf, size, "cannot connect to %s port %u", conn->login->host, conn->login->port);
    else if (strcmp(conn->login->host, address) == 0)
        snprintf(buf, size, "cannot connect to %s:%u", address, conn->login->port);
    else
        snprintf(buf, size, "cannot connect to %s:%u (%s)", conn->login->host, conn->login->port,
                 address);
}

/* The attempt at the current address failed: the next one, or the end. */
static void address_failed(agdb__conn_t *conn, agdb_error_t *take_error, uint64_t now_us)
{
    const agdb_status_t st = take_error->status;

    agdb__error_move(&conn->error, take_error);
    PQfinish(conn->pg);
    conn->pg = NULL;
    if (st == AGDB_E_CONNECT || st == AGDB_E_TIMEOUT) {
        connect_next(conn, now_us);
        return;
    }
    take_error = conn->error;
    conn->error = NULL;
    agdb__conn_die_of(conn, take_error);
}

static PGconn *connect_start(const agdb__conn_t *conn, const char *address, const char *password,
                             agdb_error_t **reterr)
{
    agdb__conninfo_t info;
    PGconn *pg = NULL;
    agdb_status_t st = agdb__conninfo_build(&info, conn->login, address, password, reterr);

    if (st == AGDB_OK) {
        pg = PQconnectStartParams(info.keyword, info.value, 0);
        if (pg == NULL)
            (void)agdb__fail_nomem(reterr);
    }
    agdb__conninfo_fini(&info);
    return pg;
}

static void connect_next(agdb__conn_t *conn, uint64_t now_us)
{
    const char *const *addresses = NULL;
    const char *password = NULL;
    agdb_error_t *error = NULL;
    char where[WHERE_MAX];
    size_t count = 0;

    (void)agdb__resolve_result(conn->job, &addresses, &count, &password, NULL);
    if (conn->next_address >= count) {
        error = conn->error;
        conn->error = NULL;
        agdb__conn_die_of(conn, error);
        return;
    }
    conn->pg = connect_start(conn, addresses[conn->next_address], password, &error);
    if (conn->pg == NULL) {
        agdb__error_stage(&error, AGDB_STAGE_CONNECT);
        agdb__conn_die_of(conn, error);
        return;
    }
    agdb__conn_go(&conn->state, AGDB__CONN_CONNECTING);
    conn->address_us = conn->deadline_us;
    if (conn->deadline_us != AGDB__NEVER && conn->deadline_us > now_us)
        conn->address_us = now_us + (conn->deadline_us - now_us) / (count - conn->next_address);
    conn->next_address++;
    conn->events = POLLOUT; /* libpq: act as if PQconnectPoll had said so */
    PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE); /* SQLSTATEs in the login's errors */
    PQsetNoticeReceiver(conn->pg, on_notice, conn);
    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        where_text(conn, addresses[conn->next_address - 1], where, sizeof where);
        (void)agdb__login_error(PQerrorMessage(conn->pg), where, *password != '\0', &error);
        address_failed(conn, error, now_us);
    }
}

static void logged_in(agdb__conn_t *conn)
{
    const int version = PQserverVersion(conn->pg);

    agdb__error_move(&conn->error, NULL);
    agdb__resolve_release(conn->job);
    conn->job = NULL;
    agdb__conn_go(&conn->state, AGDB__CONN_INTRODUCING);
    if (version < OLDEST_SERVER) {
        agdb__conn_die(conn, AGDB_E_CONNECT, AGDB_STAGE_CONNECT,
                       "server version %d is not supported: PostgreSQL 14 or newer is needed",
                       version);
        return;
    }
    conn->hello.server_version = version;
    if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1 ||
        !agdb__conn_queue_hello(conn))
        agdb__conn_die(conn, AGDB_E_NOMEM, AGDB_STAGE_CONNECT, "out of memory");
}

static void step_connecting(agdb__conn_t *conn, uint64_t now_us)
{
    const char *const *addresses = NULL;
    const char *password = NULL;
    agdb_error_t *error = NULL;
    char where[WHERE_MAX];
    size_t count = 0;

    (void)agdb__resolve_result(conn->job, &addresses, &count, &password, NULL);
    where_text(conn, addresses[conn->next_address - 1], where, sizeof where);
    switch (PQconnectPoll(conn->pg)) {
    case PGRES_POLLING_OK:
        logged_in(conn);
        return;
    case PGRES_POLLING_FAILED:
        (void)agdb__login_error(PQerrorMessage(conn->pg), where, *password != '\0', &error);
        address_failed(conn, error, now_us);
        return;
    case PGRES_POLLING_READING:
        conn->events = POLLIN;
        break;
    default:
        conn->events = POLLOUT;
        break;
    }
    if (now_us >= conn->address_us && now_us < conn->deadline_us) {
        (void)agdb__fail(&error, AGDB_E_TIMEOUT, "%s: no answer", where);
        agdb__error_stage(&error, AGDB_STAGE_CONNECT);
        address_failed(conn, error, now_us);
    }
}

/* --- INTRODUCING, IN_FLIGHT ------------------------------------------------------------------ */

static bool is_introduction(const agdb__conn_t *conn)
{
    return conn->work == AGDB__WORK_HELLO || conn->work == AGDB__WORK_IDENTITY;
}

static void step_working(agdb__conn_t *conn)
{
    if (conn->work == AGDB__WORK_COPY ? !agdb__conn_copy_step(conn) : !agdb__conn_read(conn))
        return;
    if (conn->work == AGDB__WORK_WAY)
        agdb__conn_take_way(conn);
    else if (is_introduction(conn) && !agdb__conn_take_hello(conn))
        return;
    if (conn->state == AGDB__CONN_INTRODUCING && is_introduction(conn)) {
        (void)agdb__conn_queue_way(conn);
        return;
    }
    if (agdb__conn_roll_back(conn))
        return;
    if (!agdb__conn_tx_is_sound(conn))
        conn->dirty = true;
    conn->deadline_us = AGDB__NEVER;
    conn->events = POLLIN;
    agdb__conn_go(&conn->state, AGDB__CONN_READY);
}

static void check_deadline(agdb__conn_t *conn, uint64_t now_us)
{
    const bool asking = conn->state != AGDB__CONN_RESOLVING && conn->state != AGDB__CONN_CONNECTING;

    if (conn->state == AGDB__CONN_DEAD || now_us < conn->deadline_us)
        return;
    agdb__conn_die(conn, AGDB_E_TIMEOUT,
                   conn->state == AGDB__CONN_RESOLVING ? AGDB_STAGE_RESOLVE : AGDB_STAGE_CONNECT,
                   conn->state == AGDB__CONN_RESOLVING
                       ? "no address or password for %s:%u in time"
                       : (asking ? "%s:%u accepts connections but does not answer in time"
                                 : "no connection to %s:%u in time"),
                   conn->login->host, conn->login->port);
}

/* Polls once for what the state waits for, so that a step is right also when it was not the socket
 * that woke its owner: PQconnectPoll must not be called before the socket is ready. */
static bool is_due(const agdb__conn_t *conn)
{
    struct pollfd p = {.fd = agdb__conn_fd(conn), .events = conn->events};

    return p.fd < 0 || poll(&p, 1, 0) != 0;
}

agdb__conn_state_t agdb__conn_step(agdb__conn_t *conn, uint64_t now_us)
{
    if (conn->state == AGDB__CONN_RESOLVING)
        step_resolving(conn, now_us);
    if (conn->state == AGDB__CONN_CONNECTING) {
        if (is_due(conn) || now_us >= conn->address_us)
            step_connecting(conn, now_us);
    } else if (conn->state == AGDB__CONN_INTRODUCING || conn->state == AGDB__CONN_IN_FLIGHT) {
        step_working(conn);
    }
    check_deadline(conn, now_us);
    return conn->state;
}

/* --- open, close, look ----------------------------------------------------------------------- */

int agdb__conn_libpq(void)
{
    return PQlibVersion();
}

agdb__conn_t *agdb__conn_open(const agdb__login_t *login, agdb__resolver_t *resolver,
                              uint64_t now_us, uint64_t deadline_us)
{
    agdb__conn_t *conn = agdb__calloc(1, sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->state = AGDB__CONN_RESOLVING;
    conn->login = login;
    conn->deadline_us = deadline_us;
    agdb__stmt_cache_init(&conn->cache, AGDB__STMT_MAX);
    if (PQlibVersion() < OLDEST_LIBPQ) {
        agdb__conn_die(conn, AGDB_E_CONNECT, AGDB_STAGE_CONNECT,
                       "libpq %d is not supported: 14 or newer is needed", PQlibVersion());
        return conn;
    }
    conn->job = agdb__resolve_start(resolver, login);
    if (conn->job == NULL) {
        agdb__free(conn);
        return NULL;
    }
    step_resolving(conn, now_us); /* addresses need no helper */
    return conn;
}

void agdb__conn_close(agdb__conn_t *conn)
{
    if (conn == NULL)
        return;
    agdb__conn_drop_members(conn);
    agdb__conn_copy_drop(conn);
    agdb__resolve_release(conn->job);
    if (conn->pg != NULL)
        PQfinish(conn->pg);
    agdb__stmt_cache_fini(&conn->cache);
    agdb__error_free(conn->error);
    agdb__free(conn);
}

agdb__conn_state_t agdb__conn_state(const agdb__conn_t *conn)
{
    return conn->state;
}

int agdb__conn_fd(const agdb__conn_t *conn)
{
    return conn->pg != NULL ? PQsocket(conn->pg) : -1;
}

short agdb__conn_events(const agdb__conn_t *conn)
{
    return conn->events;
}

uint64_t agdb__conn_wake_us(const agdb__conn_t *conn)
{
    if (conn->state == AGDB__CONN_CONNECTING)
        return agdb__min_us(conn->address_us, conn->deadline_us);
    return conn->state == AGDB__CONN_DEAD ? AGDB__NEVER : conn->deadline_us;
}

const agdb_error_t *agdb__conn_error(const agdb__conn_t *conn)
{
    return conn->state == AGDB__CONN_DEAD ? conn->error : NULL;
}

const agdb__hello_t *agdb__conn_hello(const agdb__conn_t *conn)
{
    return &conn->hello;
}

uint64_t agdb__conn_way_us(const agdb__conn_t *conn)
{
    return conn->way_us;
}

bool agdb__conn_in_recovery(agdb__conn_t *conn)
{
    const char *text;

    if (conn->is_primary || conn->pg == NULL)
        return !conn->is_primary && conn->hello.in_recovery;
    text = PQparameterStatus(conn->pg, "in_hot_standby");
    conn->is_primary = text != NULL ? strcmp(text, "on") != 0 : !conn->hello.in_recovery;
    return !conn->is_primary;
}

int agdb__conn_backend_pid(const agdb__conn_t *conn)
{
    return conn->pg != NULL ? PQbackendPID(conn->pg) : 0;
}

bool agdb__conn_is_clean(const agdb__conn_t *conn)
{
    return conn->state == AGDB__CONN_READY && !conn->dirty && !conn->tainted && !conn->farewell &&
           !conn->gathering && conn->tx == AGDB__TX_NONE;
}

/* What has come while nothing was asked: a changed setting, a TLS record, a farewell. libpq has to
 * read it to know; the end of the stream may be right behind. */
static bool hear(agdb__conn_t *conn)
{
    if (PQconsumeInput(conn->pg) != 1 || PQstatus(conn->pg) != CONNECTION_OK)
        return false;
    (void)PQisBusy(conn->pg);
    return !conn->farewell && PQstatus(conn->pg) == CONNECTION_OK;
}

bool agdb__conn_is_alive(agdb__conn_t *conn)
{
    char byte;
    ssize_t n;
    int i;

    if (conn->state != AGDB__CONN_READY || conn->farewell)
        return false;
    for (i = 0; i < IDLE_READS_MAX; i++) {
        n = recv(PQsocket(conn->pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (n == 0 || !hear(conn))
            return false;
    }
    return false; /* who talks so much unasked is not sane */
}

agdb__statement_class_t agdb__conn_last_kind(const agdb__conn_t *conn)
{
    return conn->kind;
}

bool agdb__conn_is_read_only(const agdb__conn_t *conn)
{
    return conn->mode_read_only;
}
