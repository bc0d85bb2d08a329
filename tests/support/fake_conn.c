#include "fake_conn.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

struct agdb__conn {
    const agdb__login_t *login;
    agdb__conn_state_t state;
    uint64_t deadline_us;
    bool clean;
    bool alive;
    bool read_only;
    agdb__hello_t hello;
    agdb_error_t *error;
    char sql[AGDB__GROUP_MAX][64]; /* of the group in flight: copies, as the contract says */
    size_t members;
    bool failed; /* a member of it was not answered */
    bool lone;   /* a statement of its own is in flight */
    bool in_tx;
    bool tx_flight; /* of a transaction */
    bool tx_commits;
    bool tx_was_there;
    const agdb__tx_mode_t *opening;
    agdb__copy_phase_t copy_phase;
    agdb__copy_phase_t copy_ended; /* in which phase it has */
    bool copy_failed;              /* by the server */
    bool copy_undone;              /* by the caller */
    bool asking;
    agdb__statement_t statement;
    bool refused[AGDB__GROUP_MAX]; /* of the wishes in flight */
    int pipe[2];                   /* readable: what poll() sees of an answer */
};

fake_script_t g_fake;

void fake_reset(void)
{
    g_fake = (fake_script_t){.hello = {.timeline = 1, .system_identifier = 7, .stamped = true}};
}

void fake_answer_held(void)
{
    unsigned i;

    for (i = 0; i < g_fake.nheld; i++)
        assert(g_fake.held[i] == NULL || write(g_fake.held[i]->pipe[1], "x", 1) == 1);
    g_fake.nheld = 0;
}

void fake_set_clean(agdb__conn_t *conn, bool clean)
{
    conn->clean = clean;
}

void fake_set_alive(agdb__conn_t *conn, bool alive)
{
    conn->alive = alive;
}

const char *fake_node(const agdb__conn_t *conn)
{
    return conn->login->node;
}

agdb__conn_t *agdb__conn_open(const agdb__login_t *login, agdb__resolver_t *resolver,
                              uint64_t now_us, uint64_t deadline_us)
{
    agdb__conn_t *conn = agdb__calloc(1, sizeof *conn);

    (void)resolver;
    (void)now_us;
    assert(conn != NULL);
    conn->login = login;
    conn->state = AGDB__CONN_CONNECTING;
    conn->deadline_us = deadline_us;
    conn->clean = true;
    conn->alive = true;
    conn->pipe[0] = conn->pipe[1] = -1;
    g_fake.opened++;
    return conn;
}

static void forget_held(const agdb__conn_t *conn)
{
    unsigned i;

    for (i = 0; i < g_fake.nheld; i++)
        if (g_fake.held[i] == conn)
            g_fake.held[i] = NULL;
}

void agdb__conn_close(agdb__conn_t *conn)
{
    if (conn == NULL)
        return;
    g_fake.closed++;
    forget_held(conn);
    if (conn->pipe[0] >= 0) {
        close(conn->pipe[0]);
        close(conn->pipe[1]);
    }
    agdb__error_free(conn->error);
    agdb__free(conn);
}

agdb__conn_state_t agdb__conn_state(const agdb__conn_t *conn)
{
    return conn->state;
}

int agdb__conn_fd(const agdb__conn_t *conn)
{
    return conn->pipe[0];
}

short agdb__conn_events(const agdb__conn_t *conn)
{
    (void)conn;
    return POLLIN;
}

static void die(agdb__conn_t *conn, agdb_status_t status, const char *sqlstate)
{
    (void)agdb__fail(&conn->error, status, "%s",
                     g_fake.refuse_message != NULL ? g_fake.refuse_message : "scripted failure");
    agdb__error_sqlstate(&conn->error, sqlstate);
    agdb__error_stage(&conn->error, AGDB_STAGE_CONNECT);
    conn->state = AGDB__CONN_DEAD;
}

static void end_copy(agdb__conn_t *conn)
{
    conn->copy_ended = conn->copy_phase;
    conn->copy_phase = AGDB__COPY_NONE;
    conn->state = AGDB__CONN_READY;
}

static void step_copy(agdb__conn_t *conn)
{
    const fake_copy_t *copy = &g_fake.copy;

    if (copy->dies_at == conn->copy_phase) {
        die(conn, AGDB_E_LOST, "");
    } else if (copy->fails_at == conn->copy_phase) {
        conn->copy_failed = true;
        end_copy(conn);
    } else if (copy->stalls_at == conn->copy_phase) {
        return;
    } else if (conn->copy_phase == AGDB__COPY_STARTING) {
        conn->copy_phase = AGDB__COPY_OPEN;
    } else if (conn->copy_phase == AGDB__COPY_ENDING) {
        end_copy(conn);
    }
}

static void step_question(agdb__conn_t *conn)
{
    if (g_fake.copy.ask_dies)
        die(conn, AGDB_E_LOST, "");
    else if (!g_fake.copy.ask_stalls)
        conn->state = AGDB__CONN_READY;
}

agdb__conn_state_t agdb__conn_step(agdb__conn_t *conn, uint64_t now_us)
{
    if (conn->state == AGDB__CONN_IN_FLIGHT && conn->copy_phase != AGDB__COPY_NONE) {
        step_copy(conn);
        return conn->state;
    }
    if (conn->state == AGDB__CONN_IN_FLIGHT && conn->asking) {
        step_question(conn);
        return conn->state;
    }
    if ((conn->members > 0 || conn->lone || conn->tx_flight) &&
        conn->state == AGDB__CONN_IN_FLIGHT) {
        char byte;

        if (read(conn->pipe[0], &byte, 1) == 1)
            conn->state = AGDB__CONN_READY;
        return conn->state;
    }
    bool pending = conn->state == AGDB__CONN_CONNECTING || conn->state == AGDB__CONN_IN_FLIGHT;

    if (pending && g_fake.refuse != AGDB_OK) {
        die(conn, g_fake.refuse, g_fake.refuse_sqlstate);
    } else if (conn->state == AGDB__CONN_IN_FLIGHT && g_fake.dead_when_probed) {
        die(conn, AGDB_E_LOST, "");
    } else if (pending && g_fake.stall) {
        if (now_us >= conn->deadline_us)
            die(conn, AGDB_E_TIMEOUT, "");
    } else if (pending) {
        conn->hello = g_fake.hello;
        conn->state = AGDB__CONN_READY;
    }
    return conn->state;
}

uint64_t agdb__conn_wake_us(const agdb__conn_t *conn)
{
    return conn->deadline_us;
}

const agdb_error_t *agdb__conn_error(const agdb__conn_t *conn)
{
    return conn->error;
}

const agdb__hello_t *agdb__conn_hello(const agdb__conn_t *conn)
{
    return &conn->hello;
}

bool agdb__conn_was_replayed(const agdb__conn_t *conn)
{
    (void)conn;
    return g_fake.replayed;
}

agdb__position_t agdb__conn_position(const agdb__conn_t *conn)
{
    (void)conn;
    return g_fake.position;
}

uint64_t agdb__conn_way_us(const agdb__conn_t *conn)
{
    (void)conn;
    return g_fake.way_us;
}

bool agdb__conn_in_recovery(agdb__conn_t *conn)
{
    return conn->hello.in_recovery;
}

agdb_status_t agdb__conn_probe(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us)
{
    (void)now_us;
    conn->state = AGDB__CONN_IN_FLIGHT;
    conn->deadline_us = deadline_us;
    return AGDB_OK;
}

agdb_status_t agdb__conn_run(agdb__conn_t *conn, const agdb__statement_t *statement,
                             uint64_t deadline_us, struct pg_result **ret_rows,
                             agdb_error_t **reterr)
{
    (void)deadline_us;
    g_fake.runs++;
    conn->read_only = statement->read_only;
    *ret_rows = NULL;
    return g_fake.run != NULL ? g_fake.run(conn, statement, reterr) : AGDB_OK;
}

/* To be answered at once, or when the test says so. */
static bool go_in_flight(agdb__conn_t *conn)
{
    if (conn->pipe[0] < 0 && pipe2(conn->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        return false;
    conn->state = AGDB__CONN_IN_FLIGHT;
    if (g_fake.never_answers ||
        (g_fake.silent_node != NULL && strcmp(g_fake.silent_node, conn->login->node) == 0)) {
        g_fake.held[g_fake.nheld++] = conn;
        return true;
    }
    return write(conn->pipe[1], "x", 1) == 1;
}

static agdb_status_t refuse_send(agdb__conn_t *conn, agdb_error_t **reterr)
{
    const agdb_status_t st = g_fake.refuse_send;

    (void)agdb__fail(reterr, st, "scripted refusal");
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    if (g_fake.die_when_sent) {
        die(conn, st, "");
        g_fake.refuse_send = AGDB_OK; /* the next one does better */
    }
    return st;
}

agdb_status_t agdb__conn_send(agdb__conn_t *conn, const agdb__statement_t *statement,
                              agdb_error_t **reterr)
{
    assert(conn->state == AGDB__CONN_READY);
    if (g_fake.refuse_send != AGDB_OK)
        return refuse_send(conn, reterr);
    snprintf(conn->sql[0], sizeof conn->sql[0], "%s", statement->sql);
    conn->statement = *statement;
    conn->statement.sql = conn->sql[0];
    conn->read_only = statement->read_only;
    conn->lone = true;
    conn->members = 0;
    g_fake.runs++;
    assert(go_in_flight(conn));
    return AGDB_OK;
}

agdb_status_t agdb__conn_receive(agdb__conn_t *conn, struct pg_result **ret_rows,
                                 agdb_error_t **reterr)
{
    conn->lone = false;
    *ret_rows = NULL;
    if (conn->state == AGDB__CONN_DEAD) {
        agdb__error_move(reterr, agdb__error_dup(conn->error));
        agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
        return conn->error->status;
    }
    if (g_fake.run != NULL) {
        const agdb_status_t st = g_fake.run(conn, &conn->statement, reterr);

        if (st != AGDB_OK)
            return st;
    }
    *ret_rows = g_fake.answer != NULL ? g_fake.answer(conn) : NULL;
    return AGDB_OK;
}

void agdb__conn_expire(agdb__conn_t *conn, uint64_t waited_us)
{
    (void)waited_us;
    forget_held(conn);
    die(conn, AGDB_E_TIMEOUT, "");
}

bool agdb__conn_can_be_left(const agdb__conn_t *conn)
{
    return g_fake.can_be_left && conn->state == AGDB__CONN_IN_FLIGHT;
}

bool agdb__conn_is_alone(const agdb__conn_t *conn)
{
    return conn->lone;
}

bool agdb__conn_forget(agdb__conn_t *conn)
{
    conn->lone = false;
    conn->members = 0;
    return g_fake.was_cancelled;
}

void agdb__conn_set_deadline(agdb__conn_t *conn, uint64_t deadline_us)
{
    conn->deadline_us = deadline_us;
}

int agdb__conn_backend_pid(const agdb__conn_t *conn)
{
    (void)conn;
    return 4711;
}

bool agdb__conn_is_clean(const agdb__conn_t *conn)
{
    return conn->clean && conn->state == AGDB__CONN_READY && !conn->in_tx &&
           conn->copy_phase == AGDB__COPY_NONE;
}

bool agdb__conn_is_alive(agdb__conn_t *conn)
{
    if (g_fake.when_looked_at != NULL)
        g_fake.when_looked_at();
    return conn->alive;
}

bool agdb__conn_is_read_only(const agdb__conn_t *conn)
{
    return conn->read_only;
}

agdb__statement_class_t agdb__conn_last_kind(const agdb__conn_t *conn)
{
    (void)conn;
    return AGDB__ST_PLAIN;
}

void agdb__conn_abort(agdb__conn_t *conn, const char *why)
{
    (void)why;
    forget_held(conn);
    die(conn, AGDB_E_LOST, "");
}

void agdb__conn_set_lock_ms(agdb__conn_t *conn, uint32_t lock_ms)
{
    (void)conn;
    (void)lock_ms;
}

void agdb__conn_group_begin(agdb__conn_t *conn, agdb__group_kind_t kind)
{
    (void)kind;
    conn->members = 0;
    conn->lone = false;
    conn->failed = false;
}

agdb_status_t agdb__conn_group_add(agdb__conn_t *conn, const agdb__statement_t *statement,
                                   agdb_error_t **reterr)
{
    if (strncmp(statement->sql, "SET", 3) == 0)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED, "not in a group");
    if (g_fake.refuse_send != AGDB_OK)
        return refuse_send(conn, reterr);
    snprintf(conn->sql[conn->members++], sizeof conn->sql[0], "%s", statement->sql);
    g_fake.members++;
    return AGDB_OK;
}

size_t agdb__conn_group_end(agdb__conn_t *conn)
{
    if (conn->members == 0)
        return 0;
    g_fake.groups++;
    return go_in_flight(conn) ? conn->members : 0;
}

agdb__member_fate_t agdb__conn_group_receive(agdb__conn_t *conn, size_t i,
                                             struct pg_result **ret_rows, agdb_error_t **reterr)
{
    agdb__member_fate_t fate = AGDB__MEMBER_ANSWERED;

    *ret_rows = NULL;
    if (conn->state == AGDB__CONN_DEAD) {
        (void)agdb__fail(reterr, AGDB_E_LOST, "lost");
        agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
        return AGDB__MEMBER_LOST;
    }
    if (conn->failed)
        return AGDB__MEMBER_NOT_EXECUTED;
    if (g_fake.member != NULL)
        fate = g_fake.member(conn->sql[i], reterr);
    conn->failed = fate != AGDB__MEMBER_ANSWERED;
    return fate;
}

bool agdb__conn_wait(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us)
{
    while (conn->state == AGDB__CONN_IN_FLIGHT) {
        struct pollfd p = {.fd = conn->pipe[0], .events = POLLIN};

        (void)poll(&p, 1, agdb__poll_ms(now_us, deadline_us));
        (void)agdb__conn_step(conn, now_us);
        now_us = agdb__now_us();
        if (conn->state != AGDB__CONN_IN_FLIGHT || now_us < deadline_us)
            continue;
        if (g_fake.can_be_left)
            return false;
        agdb__conn_expire(conn, 0);
    }
    return true;
}

/* --- transactions ---------------------------------------------------------------------------- */

static void note(const char *word)
{
    const size_t len = strlen(g_fake.tx);

    snprintf(g_fake.tx + len, sizeof g_fake.tx - len, "%s ", word);
}

static void note_opening(agdb__conn_t *conn)
{
    if (conn->opening == NULL)
        return;
    note("BEGIN");
    if (conn->opening->once.key != NULL)
        note("KEY");
    conn->tx_was_there = conn->opening->once.key != NULL && g_fake.key_is_there;
    conn->opening = NULL;
}

static void begin_flush(agdb__conn_t *conn)
{
    conn->members = 0;
    conn->lone = false;
    conn->failed = false;
    conn->tx_flight = true;
}

agdb_status_t agdb__conn_tx_open(agdb__conn_t *conn, const agdb__tx_mode_t *mode,
                                 agdb_error_t **reterr)
{
    (void)reterr;
    assert(conn->state == AGDB__CONN_READY && !conn->in_tx);
    begin_flush(conn);
    conn->opening = mode;
    conn->in_tx = true;
    conn->read_only = mode->read_only;
    return AGDB_OK;
}

agdb_status_t agdb__conn_tx_more(agdb__conn_t *conn, agdb_error_t **reterr)
{
    (void)reterr;
    assert(conn->state == AGDB__CONN_READY && conn->in_tx);
    begin_flush(conn);
    return AGDB_OK;
}

agdb_status_t agdb__conn_tx_control(agdb__conn_t *conn, const char *sql, agdb_error_t **reterr)
{
    (void)reterr;
    note_opening(conn);
    note(sql);
    return AGDB_OK;
}

agdb_status_t agdb__conn_tx_check(const agdb__conn_t *conn, const agdb__statement_t *statement,
                                  agdb_error_t **reterr)
{
    (void)conn;
    return strncmp(statement->sql, "BEGIN", 5) != 0
               ? AGDB_OK
               : agdb__fail(reterr, AGDB_E_UNSUPPORTED, "no place in a transaction");
}

agdb_status_t agdb__conn_tx_add(agdb__conn_t *conn, const agdb__statement_t *statement,
                                agdb_error_t **reterr)
{
    agdb_status_t st = agdb__conn_tx_check(conn, statement, reterr);

    if (st != AGDB_OK)
        return st;
    if (g_fake.refuse_send != AGDB_OK)
        return refuse_send(conn, reterr);
    note_opening(conn);
    snprintf(conn->sql[conn->members++], sizeof conn->sql[0], "%s", statement->sql);
    note(statement->sql);
    return AGDB_OK;
}

void agdb__conn_tx_take_back(agdb__conn_t *conn)
{
    conn->tx_flight = false;
    if (conn->opening != NULL)
        conn->in_tx = false;
    conn->opening = NULL;
}

void agdb__conn_tx_go(agdb__conn_t *conn, bool commit, bool wants_position)
{
    (void)wants_position;
    note_opening(conn);
    conn->tx_commits = commit;
    if (commit)
        note("COMMIT");
    note("|");
    assert(go_in_flight(conn));
}

static agdb__member_fate_t fate_of(agdb__conn_t *conn, const char *sql, agdb_error_t **reterr)
{
    agdb__member_fate_t fate = AGDB__MEMBER_ANSWERED;

    if (conn->state == AGDB__CONN_DEAD) {
        (void)agdb__fail(reterr, conn->error->status, "lost");
        agdb__error_outcome(reterr,
                            conn->tx_commits ? AGDB_OUTCOME_UNKNOWN : AGDB_OUTCOME_REJECTED);
        return AGDB__MEMBER_LOST;
    }
    if (conn->failed || conn->tx_was_there)
        return AGDB__MEMBER_NOT_EXECUTED;
    if (g_fake.member != NULL)
        fate = g_fake.member(sql, reterr);
    conn->failed = fate != AGDB__MEMBER_ANSWERED;
    if (fate == AGDB__MEMBER_LOST)
        die(conn, AGDB_E_LOST, "");
    return fate;
}

agdb__member_fate_t agdb__conn_tx_receive(agdb__conn_t *conn, size_t i, struct pg_result **ret_rows,
                                          agdb_error_t **reterr)
{
    *ret_rows = NULL;
    return fate_of(conn, conn->sql[i], reterr);
}

agdb__member_fate_t agdb__conn_tx_finish(agdb__conn_t *conn, agdb_error_t **reterr)
{
    agdb__member_fate_t fate;

    conn->tx_flight = false;
    if (conn->state == AGDB__CONN_READY && !conn->tx_commits && !conn->tx_was_there)
        return conn->failed ? AGDB__MEMBER_NOT_EXECUTED : AGDB__MEMBER_ANSWERED;
    fate = fate_of(conn, "COMMIT", reterr);
    conn->in_tx = false;
    return fate;
}

bool agdb__conn_tx_was_there(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    (void)reterr;
    return conn->tx_was_there;
}

bool agdb__conn_tx_is_open(const agdb__conn_t *conn)
{
    return conn->state == AGDB__CONN_READY && conn->in_tx;
}

void agdb__conn_tx_drop(agdb__conn_t *conn)
{
    if (conn->in_tx && conn->state == AGDB__CONN_READY && !conn->tx_was_there)
        note("ROLLBACK |");
    conn->in_tx = false;
    conn->tx_was_there = false;
}

/* --- listening --- */

/* Answered in the next step, or when the test says so. */
agdb_status_t agdb__conn_ping(agdb__conn_t *conn, uint64_t deadline_us)
{
    assert(conn->state == AGDB__CONN_READY);
    g_fake.pings++;
    conn->state = AGDB__CONN_IN_FLIGHT;
    conn->deadline_us = deadline_us;
    return AGDB_OK;
}

agdb_status_t agdb__conn_listen(agdb__conn_t *conn, const agdb__channel_wish_t *wish, size_t count,
                                uint64_t deadline_us)
{
    size_t i;

    assert(conn->state == AGDB__CONN_READY && count > 0 && count <= AGDB__GROUP_MAX);
    for (i = 0; i < count; i++) {
        const size_t len = strlen(g_fake.wishes);

        snprintf(g_fake.wishes + len, sizeof g_fake.wishes - len, "%c%s ",
                 wish[i].listen ? '+' : '-', wish[i].channel);
        conn->refused[i] = g_fake.refused != NULL && strcmp(g_fake.refused, wish[i].channel) == 0;
    }
    conn->state = AGDB__CONN_IN_FLIGHT;
    conn->deadline_us = deadline_us;
    return AGDB_OK;
}

agdb_status_t agdb__conn_listened(agdb__conn_t *conn, size_t i, agdb_error_t **reterr)
{
    assert(conn->state == AGDB__CONN_READY);
    return conn->refused[i] ? agdb__fail(reterr, AGDB_E_SERVER, "scripted refusal") : AGDB_OK;
}

size_t agdb__conn_hear(agdb__conn_t *conn, agdb__notified_fn each, void *user)
{
    const unsigned count = g_fake.nheard;
    unsigned i;

    if (conn->state != AGDB__CONN_READY && conn->state != AGDB__CONN_IN_FLIGHT)
        return 0;
    for (i = 0; i < count; i++)
        each(user, g_fake.heard[i][0], g_fake.heard[i][1], 99);
    g_fake.nheard = 0;
    if (g_fake.dead_when_heard && conn->state == AGDB__CONN_READY)
        die(conn, AGDB_E_LOST, "");
    return count;
}

/* --- streams --- */

struct pg_result *agdb__conn_take_row(agdb__conn_t *conn)
{
    return g_fake.take_row != NULL ? g_fake.take_row(conn) : NULL;
}

void agdb__conn_drop_rows(agdb__conn_t *conn)
{
    (void)conn;
    g_fake.dropped++;
}

/* --- COPY --- */

static agdb_status_t refuse_copy(agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, g_fake.copy.refuse, "scripted refusal");
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return g_fake.copy.refuse;
}

agdb_status_t agdb__conn_copy_begin(agdb__conn_t *conn, const char *sql, bool out,
                                    agdb_error_t **reterr)
{
    (void)sql;
    assert(!out && conn->state == AGDB__CONN_READY);
    if (g_fake.copy.refuse != AGDB_OK)
        return refuse_copy(reterr);
    g_fake.copy.begun++;
    conn->copy_phase = AGDB__COPY_STARTING;
    conn->copy_failed = false;
    conn->copy_undone = false;
    conn->state = AGDB__CONN_IN_FLIGHT;
    return AGDB_OK;
}

agdb__copy_phase_t agdb__conn_copy_phase(const agdb__conn_t *conn)
{
    return conn->copy_phase;
}

bool agdb__conn_copy_put(agdb__conn_t *conn, const void *data, size_t len)
{
    const size_t at = strlen(g_fake.copy.put);

    if (conn->state != AGDB__CONN_IN_FLIGHT || conn->copy_phase != AGDB__COPY_OPEN ||
        g_fake.copy.full)
        return false;
    assert(at + len < sizeof g_fake.copy.put);
    memcpy(g_fake.copy.put + at, data, len);
    return true;
}

void agdb__conn_copy_end(agdb__conn_t *conn, const char *why)
{
    if (conn->copy_phase != AGDB__COPY_OPEN || conn->state != AGDB__CONN_IN_FLIGHT)
        return;
    assert(strlen(g_fake.copy.ended) + 1 < sizeof g_fake.copy.ended);
    strcat(g_fake.copy.ended, why == NULL ? "C" : "R");
    conn->copy_undone = why != NULL;
    conn->copy_phase = AGDB__COPY_ENDING;
}

/* No unit test copies out: that is tested against servers (tests/live/test_copy.c). */
char *agdb__conn_copy_get(agdb__conn_t *conn, size_t *ret_len)
{
    (void)conn;
    (void)ret_len;
    return NULL;
}

void agdb__conn_copy_free(char *row)
{
    (void)row;
}

agdb__copy_mark_t agdb__conn_copy_mark(const agdb__conn_t *conn)
{
    (void)conn;
    return g_fake.copy.mark;
}

uint64_t agdb__conn_copy_line(const agdb__conn_t *conn)
{
    (void)conn;
    return g_fake.copy.line;
}

static agdb_status_t lose_copy(agdb__conn_t *conn, agdb__copy_phase_t at, agdb_error_t **reterr)
{
    agdb_outcome_t outcome = AGDB_OUTCOME_NOT_SENT;

    if (at == AGDB__COPY_OPEN || conn->copy_undone)
        outcome = AGDB_OUTCOME_REJECTED;
    else if (at == AGDB__COPY_ENDING)
        outcome = AGDB_OUTCOME_UNKNOWN;
    agdb__error_move(reterr, agdb__error_dup(conn->error));
    agdb__error_outcome(reterr, outcome);
    return conn->error->status;
}

static agdb_status_t fail_copy(agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_SERVER, "duplicate key");
    agdb__error_sqlstate(reterr, "23505");
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    return AGDB_E_SERVER;
}

agdb_status_t agdb__conn_copy_receive(agdb__conn_t *conn, uint64_t *ret_rows, agdb_error_t **reterr)
{
    if (conn->state == AGDB__CONN_DEAD)
        return lose_copy(conn, conn->copy_phase, reterr);
    if (conn->copy_failed || conn->copy_undone)
        return fail_copy(reterr);
    *ret_rows = 7; /* as the server counts */
    return AGDB_OK;
}

agdb_status_t agdb__conn_copy_ask(agdb__conn_t *conn, const agdb__copy_mark_t *mark,
                                  agdb_error_t **reterr)
{
    assert(conn->state == AGDB__CONN_READY && mark->xid != 0);
    if (g_fake.copy.refuse != AGDB_OK)
        return refuse_copy(reterr);
    g_fake.copy.asked++;
    conn->asking = true;
    conn->state = AGDB__CONN_IN_FLIGHT;
    return AGDB_OK;
}

agdb_status_t agdb__conn_copy_asked(agdb__conn_t *conn, agdb__copy_fate_t *ret,
                                    agdb_error_t **reterr)
{
    conn->asking = false;
    *ret = AGDB__FATE_UNKNOWN;
    if (conn->state == AGDB__CONN_DEAD) {
        agdb__error_move(reterr, agdb__error_dup(conn->error));
        agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
        return conn->error->status;
    }
    if (g_fake.copy.ask_is_denied)
        return fail_copy(reterr);
    *ret = g_fake.copy.fate;
    return AGDB_OK;
}
