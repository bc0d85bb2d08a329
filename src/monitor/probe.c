/* A probe has no states of its own but its connection's:
 *
 *   no connection     at next_us: open one
 *   being made        step it; READY is an observation, DEAD is one, too
 *   ready             at next_us: ask again; closed by the server: connect again at once
 *   cancelling        step it; back in READY is the end of that, no observation
 *   in flight         step it; back in READY is an observation; lost: connect again at once, and
 *                     the server counts as down only when that fails as well
 *
 * A connection stays with its server wherever the name leads meanwhile. So it is renewed: a fresh
 * one is made beside it, and takes its place when it is ready. One that fails takes nothing away.
 */
#include "monitor/probe.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* An answer on a standing connection is due within ANSWER_MS. */
enum {
    ANSWER_MS = 1500,
    INTERVAL_MS = 1000,
    WATCH_MS = 100,
    RETRY_FIRST_MS = 50,
    RETRY_LAST_MS = 500,
    REFUSED_MS = 3000, /* a login costs both sides, and a person must act */
    ASTRAY_MS = 3000,  /* the same; or the name leads back by itself */
    RENEW_MS = 60000,
    RENEW_AGAIN_MS = 10000, /* when that has failed */
    RENEW_LEAST_MS = 1000,  /* however many connections are lost */
    DOUBLINGS = 4
};

void agdb__probe_init(agdb__probe_t *probe, const agdb__login_t *login, agdb__resolver_t *resolver)
{
    *probe = (agdb__probe_t){.login = login, .resolver = resolver};
    probe->rng.state = agdb__now_us() ^ (uint64_t)(uintptr_t)probe;
}

void agdb__probe_fini(agdb__probe_t *probe)
{
    agdb__conn_close(probe->conn);
    agdb__conn_close(probe->fresh);
    agdb__error_free(probe->error);
}

uint64_t agdb__probe_interval_ms(agdb__rng_t *rng, unsigned failures)
{
    uint64_t ms = RETRY_LAST_MS;

    if (failures == 0)
        ms = INTERVAL_MS;
    else if (failures <= DOUBLINGS)
        ms = (uint64_t)RETRY_FIRST_MS << (failures - 1);
    return agdb__rng_jitter(rng, ms);
}

agdb__health_t agdb__probe_judge(agdb_status_t status)
{
    switch (status) {
    case AGDB_OK:
        return AGDB__HEALTH_UP;
    case AGDB_E_AUTH:
    case AGDB_E_TLS:
    case AGDB_E_WRONG_SHARD:
    case AGDB_E_UNSUPPORTED:
        return AGDB__HEALTH_REFUSED;
    default:
        return AGDB__HEALTH_DOWN;
    }
}

static bool is_same(const agdb__hello_t *a, const agdb__hello_t *b)
{
    return a->in_recovery == b->in_recovery && a->timeline == b->timeline &&
           a->system_identifier == b->system_identifier && a->commits_wait == b->commits_wait;
}

/* Another server than the one that answered last, which may be of the same cluster and role: what
 * is known of it from now on does not hold for connections with the old one. Behind a PgBouncer
 * nobody knows who answers. */
static bool is_another(const agdb__probe_t *probe, const agdb__hello_t *now)
{
    const agdb__hello_t *last = &probe->hello;

    return last->started_us != 0 && !probe->login->pgbouncer &&
           (last->started_us != now->started_us ||
            last->system_identifier != now->system_identifier);
}

/* The connection has just become READY: its hello is fresh. */
static bool observe_up(agdb__probe_t *probe, uint64_t now_us)
{
    const agdb__hello_t *hello = agdb__conn_hello(probe->conn);
    bool changed = probe->health != AGDB__HEALTH_UP || !is_same(&probe->hello, hello);

    probe->moved = probe->moved || is_another(probe, hello);
    probe->health = AGDB__HEALTH_UP;
    probe->hello = *hello;
    probe->failures = 0;
    probe->answers++;
    agdb__error_free(probe->error);
    probe->error = NULL;
    probe->next_us = agdb__after_ms(now_us, agdb__probe_interval_ms(&probe->rng, 0));
    if (probe->hurried)
        probe->next_us = now_us;
    probe->hurried = false;
    return changed;
}

static void drop(agdb__probe_t *probe, uint64_t next_us)
{
    if (probe->cancelling == AGDB__CANCELLING_UNDER_WAY)
        probe->cancelling = AGDB__CANCELLING_LOST;
    agdb__conn_close(probe->conn);
    agdb__conn_close(probe->fresh);
    probe->conn = NULL;
    probe->fresh = NULL;
    probe->hurried = false;
    probe->next_us = next_us;
}

/* Another reason for the same trouble is one, too: people read it. */
static bool is_news(const agdb_error_t *before, const agdb_error_t *now)
{
    if (before == NULL || now == NULL)
        return now != NULL;
    return before->status != now->status || (before->message != NULL && now->message != NULL &&
                                             strcmp(before->message, now->message) != 0);
}

static bool observe_dead(agdb__probe_t *probe, bool stood, uint64_t now_us)
{
    const agdb_error_t *error = agdb__conn_error(probe->conn);
    agdb__health_t health = agdb__probe_judge(error != NULL ? error->status : AGDB_E_NOMEM);
    uint64_t wait_ms;
    bool changed;

    if (stood && error != NULL && error->status == AGDB_E_LOST) {
        drop(probe, now_us); /* a connection may end for its own reasons: the next one tells */
        return false;
    }
    changed = health != probe->health || is_news(probe->error, error);
    agdb__error_free(probe->error);
    probe->error = agdb__error_dup(error);
    probe->health = health;
    probe->failures++;
    if (health == AGDB__HEALTH_REFUSED && probe->failures > DOUBLINGS)
        wait_ms = agdb__rng_jitter(&probe->rng, REFUSED_MS);
    else
        wait_ms = agdb__probe_interval_ms(&probe->rng, probe->failures);
    drop(probe, agdb__after_ms(now_us, wait_ms));
    return changed;
}

/* When a connection that is made now has to be made anew. */
static uint64_t renewal_us(agdb__probe_t *probe, uint64_t now_us)
{
    return agdb__after_ms(now_us,
                          agdb__rng_jitter(&probe->rng, probe->astray ? ASTRAY_MS : RENEW_MS));
}

void agdb__probe_set_astray(agdb__probe_t *probe, bool astray, uint64_t now_us)
{
    if (astray == probe->astray)
        return;
    probe->astray = astray;
    probe->renew_us = renewal_us(probe, now_us);
}

static void ask(agdb__probe_t *probe, uint64_t now_us)
{
    uint64_t limit_ms = probe->login->connect_ms;
    uint64_t deadline_us = agdb__after_ms(now_us, limit_ms);

    probe->asked_us = now_us;
    if (probe->conn == NULL) {
        probe->conn = agdb__conn_open(probe->login, probe->resolver, now_us, deadline_us);
        probe->renew_us = renewal_us(probe, now_us);
        if (probe->conn == NULL)
            probe->next_us = agdb__after_ms(now_us, RETRY_LAST_MS);
    } else {
        if (limit_ms > ANSWER_MS)
            deadline_us = agdb__after_ms(now_us, ANSWER_MS);
        if (agdb__conn_probe(probe->conn, now_us, deadline_us) != AGDB_OK &&
            agdb__conn_state(probe->conn) == AGDB__CONN_READY)
            drop(probe, agdb__after_ms(now_us, RETRY_FIRST_MS)); /* it takes no question */
    }
}

static bool is_idle(const agdb__probe_t *probe)
{
    return probe->conn == NULL || agdb__conn_state(probe->conn) == AGDB__CONN_READY;
}

/* --- renewal ---------------------------------------------------------------------------------- */

static void renew(agdb__probe_t *probe, uint64_t now_us)
{
    probe->fresh_us = now_us;
    probe->fresh = agdb__conn_open(probe->login, probe->resolver, now_us,
                                   agdb__after_ms(now_us, probe->login->connect_ms));
    probe->renew_us = agdb__after_ms(now_us, agdb__rng_jitter(&probe->rng, RENEW_AGAIN_MS));
}

static bool adopt(agdb__probe_t *probe, uint64_t now_us)
{
    const uint64_t due_us = probe->next_us; /* an answer asked for on suspicion is still due */
    bool changed;

    agdb__conn_close(probe->conn);
    probe->conn = probe->fresh;
    probe->asked_us = probe->fresh_us;
    probe->fresh = NULL;
    probe->renew_us = renewal_us(probe, now_us);
    changed = observe_up(probe, now_us);
    probe->next_us = agdb__min_us(due_us, probe->next_us);
    probe->moved = probe->moved || changed;
    return changed;
}

static bool step_fresh(agdb__probe_t *probe, uint64_t now_us)
{
    if (probe->fresh == NULL && probe->conn != NULL && is_idle(probe) && now_us >= probe->renew_us)
        renew(probe, now_us);
    if (probe->fresh == NULL)
        return false;
    switch (agdb__conn_step(probe->fresh, now_us)) {
    case AGDB__CONN_READY:
        return probe->cancelling != AGDB__CANCELLING_UNDER_WAY && adopt(probe, now_us);
    case AGDB__CONN_DEAD:
        agdb__conn_close(probe->fresh);
        probe->fresh = NULL;
        return false;
    default:
        return false;
    }
}

/* --- cancelling ------------------------------------------------------------------------------- */

bool agdb__probe_can_cancel(const agdb__probe_t *probe, uint64_t now_us)
{
    return probe->conn != NULL && is_idle(probe) && now_us < probe->next_us &&
           probe->cancelling == AGDB__CANCELLING_NOTHING;
}

static agdb_status_t send_cancels(agdb__conn_t *conn, const char *pids)
{
    const agdb_value_t value = agdb_text(pids);
    const agdb__statement_t statement = {
        .sql = "SELECT pg_cancel_backend(p) FROM unnest($1::int[]) AS p",
        .params = &value,
        .nparams = 1};

    return agdb__conn_send(conn, &statement, NULL);
}

void agdb__probe_cancel(agdb__probe_t *probe, const int *pids, size_t count, uint64_t now_us)
{
    char text[AGDB__CANCELS_MAX * 12 + 3];
    size_t len = 0;
    size_t i;

    for (i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%c%d", i == 0 ? '{' : ',', pids[i]);
    snprintf(text + len, sizeof text - len, "}");
    probe->cancelling = AGDB__CANCELLING_LOST;
    if (send_cancels(probe->conn, text) != AGDB_OK)
        return;
    agdb__conn_set_deadline(probe->conn, agdb__after_ms(now_us, ANSWER_MS));
    probe->cancelling = AGDB__CANCELLING_UNDER_WAY;
}

/* A server shows the last statement of a connection, which is to be the question: it has a comment
 * that others read. */
static void end_cancel(agdb__probe_t *probe)
{
    struct pg_result *rows = NULL;
    const agdb_status_t st = agdb__conn_receive(probe->conn, &rows, NULL);

    agdb__rows_free(rows);
    probe->cancelling = st == AGDB_OK ? AGDB__CANCELLING_SENT : AGDB__CANCELLING_LOST;
    probe->next_us = 0;
}

agdb__cancelling_t agdb__probe_take_cancelling(agdb__probe_t *probe)
{
    const agdb__cancelling_t now = probe->cancelling;

    if (now != AGDB__CANCELLING_UNDER_WAY)
        probe->cancelling = AGDB__CANCELLING_NOTHING;
    return now;
}

/* --- steps ------------------------------------------------------------------------------------ */

static bool step_standing(agdb__probe_t *probe, uint64_t now_us)
{
    bool changed = false;
    bool stood;

    if (probe->conn != NULL && is_idle(probe) && !agdb__conn_is_alive(probe->conn))
        drop(probe, now_us);
    if (is_idle(probe) && now_us >= probe->next_us)
        ask(probe, now_us);
    if (is_idle(probe))
        return false;
    stood = agdb__conn_state(probe->conn) == AGDB__CONN_IN_FLIGHT;
    switch (agdb__conn_step(probe->conn, now_us)) {
    case AGDB__CONN_READY:
        if (probe->cancelling == AGDB__CANCELLING_UNDER_WAY)
            end_cancel(probe);
        else
            changed = observe_up(probe, now_us);
        break;
    case AGDB__CONN_DEAD:
        changed = observe_dead(probe, stood, now_us);
        break;
    default:
        break;
    }
    return changed;
}

bool agdb__probe_step(agdb__probe_t *probe, uint64_t now_us)
{
    bool changed = step_standing(probe, now_us);

    return step_fresh(probe, now_us) || changed;
}

void agdb__probe_hurry(agdb__probe_t *probe)
{
    probe->next_us = 0;
    probe->hurried = !is_idle(probe) || probe->fresh != NULL;
}

bool agdb__probe_is_at_rest(const agdb__probe_t *probe)
{
    return is_idle(probe) && probe->fresh == NULL;
}

void agdb__probe_renew(agdb__probe_t *probe, uint64_t now_us)
{
    probe->renew_us = now_us;
}

void agdb__probe_doubt(agdb__probe_t *probe, uint64_t now_us)
{
    const uint64_t least_us =
        probe->fresh_us != 0 ? agdb__after_ms(probe->fresh_us, RENEW_LEAST_MS) : 0;

    agdb__probe_hurry(probe);
    probe->renew_us = agdb__min_us(probe->renew_us, least_us > now_us ? least_us : now_us);
}

agdb__presence_t agdb__probe_presence(const agdb__probe_t *probe, uint64_t since_us)
{
    if (probe->health != AGDB__HEALTH_UP)
        return AGDB__PRESENCE_NO;
    return probe->conn != NULL && is_idle(probe) && probe->asked_us >= since_us
               ? AGDB__PRESENCE_YES
               : AGDB__PRESENCE_OPEN;
}

void agdb__probe_watch(agdb__probe_t *probe)
{
    if (probe->health == AGDB__HEALTH_UP && probe->hello.in_recovery)
        probe->next_us = agdb__min_us(probe->next_us, agdb__after_ms(probe->asked_us, WATCH_MS));
}

bool agdb__probe_take_move(agdb__probe_t *probe)
{
    bool moved = probe->moved;

    probe->moved = false;
    return moved;
}

void agdb__probe_poll(const agdb__probe_t *probe, agdb__pollset_t *set)
{
    if (is_idle(probe))
        agdb__pollset_wake(set, probe->next_us);
    if (probe->conn == NULL)
        return;
    if (probe->fresh != NULL) {
        agdb__pollset_add(set, agdb__conn_fd(probe->fresh), agdb__conn_events(probe->fresh));
        agdb__pollset_wake(set, agdb__conn_wake_us(probe->fresh));
    } else if (is_idle(probe)) {
        agdb__pollset_wake(set, probe->renew_us);
    }
    if (is_idle(probe)) {
        agdb__pollset_add(set, agdb__conn_fd(probe->conn), POLLIN);
        return;
    }
    agdb__pollset_add(set, agdb__conn_fd(probe->conn), agdb__conn_events(probe->conn));
    agdb__pollset_wake(set, agdb__conn_wake_us(probe->conn));
}
