#include "fake_conn.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <assert.h>
#include <poll.h>

struct agdb__conn {
    const agdb__login_t *login;
    agdb__conn_state_t state;
    uint64_t deadline_us;
    bool clean;
    bool alive;
    bool read_only;
    agdb__hello_t hello;
    agdb_error_t *error;
};

fake_script_t g_fake;

void fake_reset(void)
{
    g_fake = (fake_script_t){.hello = {.timeline = 1, .system_identifier = 7, .stamped = true}};
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
    g_fake.opened++;
    return conn;
}

void agdb__conn_close(agdb__conn_t *conn)
{
    if (conn == NULL)
        return;
    g_fake.closed++;
    agdb__error_free(conn->error);
    agdb__free(conn);
}

agdb__conn_state_t agdb__conn_state(const agdb__conn_t *conn)
{
    return conn->state;
}

int agdb__conn_fd(const agdb__conn_t *conn)
{
    (void)conn;
    return -1;
}

short agdb__conn_events(const agdb__conn_t *conn)
{
    (void)conn;
    return POLLIN;
}

static void die(agdb__conn_t *conn, agdb_status_t status, const char *sqlstate)
{
    (void)agdb__fail(&conn->error, status, "scripted failure");
    agdb__error_sqlstate(&conn->error, sqlstate);
    agdb__error_stage(&conn->error, AGDB_STAGE_CONNECT);
    conn->state = AGDB__CONN_DEAD;
}

agdb__conn_state_t agdb__conn_step(agdb__conn_t *conn, uint64_t now_us)
{
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

bool agdb__conn_in_recovery(const agdb__conn_t *conn)
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

bool agdb__conn_is_clean(const agdb__conn_t *conn)
{
    return conn->clean;
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
