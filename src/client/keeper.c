#include "client/keeper.h"

#include "base/clock.h"
#include "client/refresh.h"
#include "client/tell.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* How often a closing client looks whether the last call has left, and any one whether what is to
 * go has been let go. */
enum { CLOSING_LOOK_US = 1000, HELD_LOOK_US = 20000 };

void agdb__keeper_wake(void *user)
{
    agdb_t *db = user;

    if (!atomic_exchange_explicit(&db->woken, true, memory_order_acq_rel))
        (void)eventfd_write(db->wake_fd, 1);
}

static void drain_wake(agdb_t *db)
{
    eventfd_t count;

    (void)eventfd_read(db->wake_fd, &count);
    (void)atomic_exchange_explicit(&db->woken, false, memory_order_acq_rel);
}

/* A server's probe logs in as its first endpoint does. When that is refused, the others take their
 * turns, so that one wrong database name or password does not take the server's other databases
 * along. */
static void take_turns(agdb__topology_t *t, agdb__server_t *server)
{
    unsigned count = 0;
    unsigned turn;
    size_t i;

    if (server->probe.health != AGDB__HEALTH_REFUSED || server->probe.conn != NULL)
        return;
    for (i = 0; i < t->nendpoints; i++)
        count += t->endpoints[i]->server == server;
    if (count == 0)
        return;
    turn = server->probe.failures % count;
    for (i = 0; i < t->nendpoints; i++)
        if (t->endpoints[i]->server == server && turn-- == 0)
            agdb__server_probe_as(server, t->endpoints[i]);
}

/* Another server behind the same name, while the old one is up: what stands is with the old one. */
static void drop_connections(agdb__topology_t *t, const agdb__server_t *server, uint64_t now_us)
{
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        if (t->endpoints[i]->server == server) {
            agdb__pool_drop(t->endpoints[i]->pool);
            agdb__ear_see_server(&t->endpoints[i]->ear, &server->probe.hello, now_us);
        }
}

static void hear_doubts(agdb__endpoint_t *endpoint, agdb__probe_t *probe, uint64_t now_us)
{
    if (agdb__pool_take_suspicion(endpoint->pool))
        agdb__probe_hurry(probe);
    if (!agdb__pool_take_loss(endpoint->pool))
        return;
    agdb__probe_doubt(probe, now_us);
    endpoint->doubted_us = now_us;
}

/* One of the connections was lost: the others stay while their server answers. */
static void settle_loss(agdb__endpoint_t *endpoint, const agdb__probe_t *probe)
{
    agdb__presence_t presence;

    if (endpoint->doubted_us == 0)
        return;
    presence = agdb__probe_presence(probe, endpoint->doubted_us);
    if (presence == AGDB__PRESENCE_OPEN)
        return;
    if (presence == AGDB__PRESENCE_NO)
        agdb__pool_suspect(endpoint->pool);
    endpoint->doubted_us = 0;
}

static void hear_answer(agdb__endpoint_t *endpoint, const agdb__probe_t *probe, uint64_t now_us)
{
    if (probe->answers == endpoint->answers)
        return;
    endpoint->answers = probe->answers;
    agdb__pool_heard(endpoint->pool, probe->asked_us, now_us);
}

static void step_servers(agdb__topology_t *t, uint64_t now_us)
{
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        hear_doubts(t->endpoints[i], &t->endpoints[i]->server->probe, now_us);
    for (i = 0; i < t->nservers; i++) {
        agdb__server_t *server = t->servers[i];

        take_turns(t, server);
        server->changed = agdb__probe_step(&server->probe, now_us);
        if (agdb__probe_take_move(&server->probe))
            drop_connections(t, server, now_us);
    }
    for (i = 0; i < t->nendpoints; i++) {
        settle_loss(t->endpoints[i], &t->endpoints[i]->server->probe);
        hear_answer(t->endpoints[i], &t->endpoints[i]->server->probe, now_us);
    }
}

/* While calls wait for a primary, those that may become one are asked more often. */
static void watch_replicas(agdb__topology_t *t)
{
    size_t s;
    uint32_t i;

    for (s = 0; s < t->nshards; s++) {
        agdb__shard_entry_t *entry = t->shards[s];

        if (agdb__board_view(&entry->shard.board).state != AGDB__SHARD_NO_PRIMARY ||
            atomic_load_explicit(&entry->shard.parked, memory_order_relaxed) == 0)
            continue;
        for (i = 0; i < entry->shard.nnodes; i++)
            agdb__probe_watch(&entry->place[i].endpoint->server->probe);
    }
}

static void step_pools(agdb__topology_t *t, uint64_t now_us)
{
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        t->endpoints[i]->changed = agdb__pool_tend(t->endpoints[i]->pool, now_us);
}

static void end_cancel(agdb__server_t *server, uint64_t now_us)
{
    agdb__cancelling_t fate = agdb__probe_take_cancelling(&server->probe);

    if (server->cancelling == NULL || fate == AGDB__CANCELLING_UNDER_WAY)
        return;
    agdb__pool_cancelled(server->cancelling->pool, fate == AGDB__CANCELLING_SENT, now_us);
    server->cancelling = NULL;
}

/* By the probe's own connection, which says whose processes it would cancel. A login has a right to
 * its own only. */
static void begin_cancel(agdb__server_t *server, agdb__endpoint_t *endpoint, uint64_t now_us)
{
    static const agdb__hello_t nobody = {0};
    const bool own = strcmp(endpoint->login.user, server->login.user) == 0;
    int pids[AGDB__CANCELS_MAX];
    size_t n;

    if (server->cancelling != NULL || !agdb__probe_can_cancel(&server->probe, now_us))
        return;
    n = agdb__pool_take_cancels(endpoint->pool,
                                own ? agdb__conn_hello(server->probe.conn) : &nobody, pids,
                                AGDB__CANCELS_MAX, now_us);
    if (n == 0)
        return;
    server->cancelling = endpoint;
    agdb__probe_cancel(&server->probe, pids, n, now_us);
}

/* A server cancels for one of its databases at a time, in turn. */
static void cancel_left(agdb__topology_t *t, uint64_t now_us)
{
    size_t i;

    for (i = 0; i < t->nservers; i++)
        end_cancel(t->servers[i], now_us);
    t->turn++;
    for (i = 0; i < t->nendpoints; i++) {
        agdb__endpoint_t *endpoint = t->endpoints[(i + t->turn) % t->nendpoints];

        begin_cancel(endpoint->server, endpoint, now_us);
    }
}

static void collect(agdb_t *db, uint64_t now_us)
{
    agdb__topology_t *t = &db->topology;
    agdb__pollset_t *set = &db->pollset;
    size_t i;

    agdb__pollset_clear(set);
    agdb__pollset_add(set, db->wake_fd, POLLIN);
    for (i = 0; i < t->nservers; i++)
        agdb__probe_poll(&t->servers[i]->probe, set);
    for (i = 0; i < t->nendpoints; i++) {
        agdb__pool_poll(t->endpoints[i]->pool, now_us, set);
        agdb__ear_poll(&t->endpoints[i]->ear, set);
    }
    agdb__sentry_poll(&db->sentry, set);
    agdb__control_poll(db->control, set);
    agdb__pollset_wake(set, agdb__editions_next_us(&db->editions, now_us));
    if (agdb__gate_is_closed(&db->gate))
        agdb__pollset_wake(set, now_us + CLOSING_LOOK_US);
}

/* Nobody but the keeper replaces it. */
static const agdb__edition_t *current(agdb_t *db)
{
    return atomic_load_explicit(&db->editions.current, memory_order_relaxed);
}

static bool is_over(agdb_t *db, bool occupied)
{
    return !occupied && agdb__gate_is_closed(&db->gate) && agdb__gate_inside(&db->gate) == 0 &&
           agdb__post_is_still(db->listening.post);
}

void agdb__keeper_run(agdb_t *db)
{
    agdb__tell_frozen(db, current(db)->map, NULL);
    for (;;) {
        uint64_t now_us = agdb__now_us();
        bool held;

        if (agdb__gate_is_closed(&db->gate))
            agdb__topology_shut(&db->topology);
        agdb__reload_step(db, now_us);
        step_servers(&db->topology, now_us);
        step_pools(&db->topology, now_us); /* closes what was left with a server that has gone */
        cancel_left(&db->topology, now_us);
        agdb__refresh(db);
        watch_replicas(&db->topology);
        agdb__control_step(db, now_us);
        agdb__listening_step(&db->listening, &db->topology, &current(db)->layout, now_us);
        if (is_over(db, agdb__editions_sweep(&db->editions)))
            return;
        held = agdb__topology_sweep(&db->topology, now_us); /* what only old editions had */
        collect(db, now_us);
        if (held)
            agdb__pollset_wake(&db->pollset, now_us + HELD_LOOK_US);
        agdb__pollset_wait(&db->pollset);
        drain_wake(db);
    }
}
