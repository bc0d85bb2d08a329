/* The connection's life is decided in ear_plan.c; here it is carried out. */
#include "monitor/ear.h"

#include "base/clock.h"
#include "base/error.h"
#include "monitor/probe.h"

#include <stdio.h>

/* A server that says nothing for PING_MS (with jitter) is asked to, and has ANSWER_MS. ROUNDS: what
 * one step may do, so that a server that answers at once does not keep the keeper. */
enum { PING_MS = 2000, ANSWER_MS = 1500, REFUSED_MS = 3000, ROUNDS = 4 };

void agdb__ear_init(agdb__ear_t *ear, const agdb__login_t *login, agdb__resolver_t *resolver,
                    agdb__ear_fn tell)
{
    *ear = (agdb__ear_t){.login = login, .resolver = resolver, .tell = tell};
    ear->rng.state = agdb__now_us() ^ (uint64_t)(uintptr_t)ear;
    agdb__channels_init(&ear->channels);
}

void agdb__ear_fini(agdb__ear_t *ear)
{
    agdb__conn_close(ear->conn);
    agdb__channels_fini(&ear->channels);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_channel(const agdb__ear_t *ear, const agdb__channel_t *channel,
                         agdb__heard_t heard, const char *text, int process)
{
    agdb__hearer_t *hearer;

    for (hearer = channel->hearers; hearer != NULL; hearer = hearer->next)
        ear->tell(hearer, heard, text, process);
}

static void tell_all(const agdb__ear_t *ear, agdb__heard_t heard, const char *text)
{
    size_t i;

    for (i = 0; i < ear->channels.count; i++)
        tell_channel(ear, ear->channels.all[i], heard, text, 0);
}

/* A notification of a channel that was asked for proves that the LISTEN was committed: it may come
 * ahead of the answer. */
static void on_notified(void *user, const char *name, const char *payload, int process)
{
    agdb__ear_t *ear = user;
    agdb__channel_t *channel = agdb__channels_find(&ear->channels, name);

    if (channel == NULL || channel->state == AGDB__CHANNEL_LEAVING)
        return;
    if (agdb__channels_done(&ear->channels, channel))
        tell_channel(ear, channel, AGDB__HEARD_CONFIRMED, "", 0);
    tell_channel(ear, channel, AGDB__HEARD_NOTIFIED, payload, process);
}

/* --- the end of a connection ------------------------------------------------------------------ */

static void close_conn(agdb__ear_t *ear)
{
    agdb__conn_close(ear->conn);
    ear->conn = NULL;
    ear->nasked = 0;
    agdb__channels_reset(&ear->channels);
}

static void fail(agdb__ear_t *ear, agdb_status_t status, const char *sqlstate, const char *why,
                 uint64_t now_us)
{
    const bool refused = agdb__probe_judge(status) == AGDB__HEALTH_REFUSED;

    ear->failures++;
    ear->open_us =
        agdb__after_ms(now_us, agdb__ear_backoff_ms(&ear->rng, ear->failures, status, sqlstate));
    tell_all(ear, refused ? AGDB__HEARD_REFUSED : AGDB__HEARD_CUT, why);
    close_conn(ear); /* and `sqlstate` with it */
}

/* One that is being made may be with either. */
static bool is_with(const agdb__ear_t *ear, const agdb__hello_t *server)
{
    const agdb__hello_t *hello = agdb__conn_hello(ear->conn);

    return !ear->is_new && hello->started_us == server->started_us &&
           hello->system_identifier == server->system_identifier;
}

void agdb__ear_see_server(agdb__ear_t *ear, const agdb__hello_t *server, uint64_t now_us)
{
    if (ear->conn != NULL && !is_with(ear, server))
        fail(ear, AGDB_E_LOST, "", "another server is behind the name", now_us);
}

static void fail_of_error(agdb__ear_t *ear, uint64_t now_us)
{
    const agdb_error_t *error = agdb__conn_error(ear->conn);
    char why[AGDB__EAR_WHY_SIZE];

    snprintf(why, sizeof why, "%s",
             error != NULL ? error->message : "the connection takes no question");
    fail(ear, error != NULL ? error->status : AGDB_E_LOST, error != NULL ? error->sqlstate : "",
         why, now_us);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void take_refusal(agdb__ear_t *ear, agdb__channel_t *channel, const agdb_error_t *error,
                         uint64_t now_us)
{
    tell_channel(ear, channel, AGDB__HEARD_REFUSED, error != NULL ? error->message : "", 0);
    agdb__channels_refused(&ear->channels, channel,
                           agdb__after_ms(now_us, agdb__rng_jitter(&ear->rng, REFUSED_MS)));
}

static void take_answers(agdb__ear_t *ear, uint64_t now_us)
{
    const size_t count = ear->nasked;
    size_t i;

    ear->nasked = 0;
    for (i = 0; i < count; i++) {
        agdb_error_t *error = NULL;

        if (agdb__conn_listened(ear->conn, i, &error) != AGDB_OK) {
            take_refusal(ear, ear->asked[i], error, now_us);
        } else {
            ear->failures = 0;
            if (agdb__channels_done(&ear->channels, ear->asked[i]))
                tell_channel(ear, ear->asked[i], AGDB__HEARD_CONFIRMED, "", 0);
        }
        agdb__error_free(error);
    }
}

static uint64_t answer_us(const agdb__ear_t *ear, uint64_t now_us)
{
    const uint64_t limit_ms =
        ear->login->connect_ms < ANSWER_MS ? ear->login->connect_ms : ANSWER_MS;

    return agdb__after_ms(now_us, limit_ms);
}

static void plan_ping(agdb__ear_t *ear, uint64_t now_us)
{
    ear->ping_us = agdb__after_ms(now_us, agdb__rng_jitter(&ear->rng, PING_MS));
}

/* Reads what has come, and sees what became of the connection. A server that talks is alive,
 * however long its answer stands behind what it says. */
static void see_conn(agdb__ear_t *ear, uint64_t now_us)
{
    const agdb__conn_state_t before = agdb__conn_state(ear->conn);
    size_t heard = 0;

    if (before != AGDB__CONN_READY)
        (void)agdb__conn_step(ear->conn, now_us);
    heard = agdb__conn_hear(ear->conn, on_notified, ear);
    if (agdb__conn_state(ear->conn) == AGDB__CONN_DEAD) {
        fail_of_error(ear, now_us);
        return;
    }
    if (heard > 0 && agdb__conn_state(ear->conn) == AGDB__CONN_IN_FLIGHT)
        agdb__conn_set_deadline(ear->conn, answer_us(ear, now_us));
    if (agdb__conn_state(ear->conn) != AGDB__CONN_READY || before == AGDB__CONN_READY)
        return;
    if (!ear->is_new)
        take_answers(ear, now_us);
    ear->is_new = false;
    plan_ping(ear, now_us);
}

/* --- deeds ------------------------------------------------------------------------------------ */

static agdb__ear_state_t state_of(const agdb__ear_t *ear)
{
    if (ear->conn == NULL)
        return AGDB__EAR_NONE;
    if (ear->is_new)
        return AGDB__EAR_MAKING;
    return agdb__conn_state(ear->conn) == AGDB__CONN_READY ? AGDB__EAR_QUIET : AGDB__EAR_ASKING;
}

static agdb__ear_facts_t facts_of(const agdb__ear_t *ear)
{
    const agdb__ear_state_t state = state_of(ear);

    return (agdb__ear_facts_t){.state = state,
                               .wanted = ear->channels.heard > 0,
                               .may_open = ear->may_open,
                               .is_replica =
                                   state == AGDB__EAR_QUIET && agdb__conn_in_recovery(ear->conn),
                               .open_us = ear->open_us,
                               .ask_us = ear->channels.look_us,
                               .ping_us = ear->ping_us};
}

static void open_conn(agdb__ear_t *ear, uint64_t now_us)
{
    ear->is_new = true;
    ear->conn = agdb__conn_open(ear->login, ear->resolver, now_us,
                                agdb__after_ms(now_us, ear->login->connect_ms));
    if (ear->conn == NULL)
        fail(ear, AGDB_E_NOMEM, "", "out of memory", now_us);
}

static void ask(agdb__ear_t *ear, uint64_t now_us)
{
    agdb__channel_wish_t wish[AGDB__GROUP_MAX];
    size_t i;

    ear->nasked = agdb__channels_ask(&ear->channels, now_us, ear->asked, AGDB__GROUP_MAX);
    for (i = 0; i < ear->nasked; i++)
        wish[i] = (agdb__channel_wish_t){ear->asked[i]->name,
                                         ear->asked[i]->state == AGDB__CHANNEL_ASKED};
    if (ear->nasked > 0 &&
        agdb__conn_listen(ear->conn, wish, ear->nasked, answer_us(ear, now_us)) != AGDB_OK)
        fail_of_error(ear, now_us);
}

static void ping(agdb__ear_t *ear, uint64_t now_us)
{
    if (agdb__conn_ping(ear->conn, answer_us(ear, now_us)) != AGDB_OK)
        fail_of_error(ear, now_us);
}

/* True: there may be more to do. */
static bool act(agdb__ear_t *ear, agdb__ear_deed_t deed, uint64_t now_us)
{
    switch (deed) {
    case AGDB__EAR_WAIT:
        return false;
    case AGDB__EAR_OPEN:
        open_conn(ear, now_us);
        break;
    case AGDB__EAR_CLOSE:
        tell_all(ear, AGDB__HEARD_CUT, "the server has lost its place");
        close_conn(ear);
        break;
    case AGDB__EAR_GIVE_UP:
        fail(ear, AGDB_E_LOST, "", "the server is a replica", now_us);
        break;
    case AGDB__EAR_ASK:
        ask(ear, now_us);
        break;
    case AGDB__EAR_PING:
        ping(ear, now_us);
        break;
    }
    return true;
}

void agdb__ear_step(agdb__ear_t *ear, uint64_t now_us)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        agdb__ear_facts_t facts;

        if (ear->conn != NULL)
            see_conn(ear, now_us);
        facts = facts_of(ear);
        if (!act(ear, agdb__ear_decide(&facts, now_us), now_us))
            return;
    }
}

void agdb__ear_poll(const agdb__ear_t *ear, agdb__pollset_t *set)
{
    const agdb__ear_facts_t facts = facts_of(ear);

    agdb__pollset_wake(set, agdb__ear_wake_us(&facts));
    if (ear->conn == NULL)
        return;
    agdb__pollset_add(set, agdb__conn_fd(ear->conn), agdb__conn_events(ear->conn));
    agdb__pollset_wake(set, agdb__conn_wake_us(ear->conn));
}

/* --- joining ---------------------------------------------------------------------------------- */

bool agdb__ear_join(agdb__ear_t *ear, const char *channel, agdb__hearer_t *hearer)
{
    if (!agdb__channels_join(&ear->channels, channel, hearer))
        return false;
    if (hearer->channel->state == AGDB__CHANNEL_STANDS)
        ear->tell(hearer, AGDB__HEARD_CONFIRMED, "", 0);
    return true;
}

void agdb__ear_leave(agdb__ear_t *ear, agdb__hearer_t *hearer)
{
    agdb__channels_leave(&ear->channels, hearer);
}
