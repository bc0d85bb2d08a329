#include "exec/bulk_leg_impl.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/sync.h"

enum { CHUNK = 64 * 1024 };

static const unsigned char k_binary_header[] = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0};

void agdb__leg_init(agdb__leg_t *leg, const agdb__bulk_way_t *way, agdb__shard_t *shard)
{
    *leg = (agdb__leg_t){.way = way, .shard = shard, .due = CHUNK};
    leg->watcher = (agdb__watcher_t){.tell = agdb__bell_ring, .user = way->bell};
}

/* --- rows ---------------------------------------------------------------------------------------
 */

bool agdb__leg_is_full(const agdb__leg_t *leg)
{
    return leg->open.count + leg->buffered.count >= leg->way->commit_every;
}

bool agdb__leg_has_room(const agdb__leg_t *leg, size_t len)
{
    if (leg->state == AGDB__LEG_FAILED)
        return true;
    return leg->doubt.mark.xid == 0 && !agdb__leg_is_full(leg) &&
           (leg->buffered.count == 0 || leg->len + len <= leg->way->buffer_max);
}

static bool grow(agdb__leg_t *leg, size_t len)
{
    size_t room = leg->room != 0 ? leg->room : 2 * (size_t)CHUNK;
    unsigned char *grown;

    if (leg->len + len <= leg->room)
        return true;
    while (room < leg->len + len)
        room *= 2;
    grown = agdb__realloc(leg->data, room);
    if (grown == NULL)
        return false;
    leg->data = grown;
    leg->room = room;
    return true;
}

static bool grow_origin(agdb__leg_t *leg)
{
    const size_t room = leg->origin_room != 0 ? 4 * leg->origin_room : 1024;
    uint64_t *grown =
        room <= AGDB__LEG_ORIGINS_MAX ? agdb__realloc(leg->origin, room * sizeof *grown) : NULL;

    if (grown == NULL)
        return false;
    leg->origin = grown;
    leg->origin_room = room;
    return true;
}

/* For a message only: without memory it says less. While the transaction before is ENDING its own
 * origins are still needed; those of the next begin when it is over. */
static void note_origin(agdb__leg_t *leg, const agdb__bulk_row_t *row)
{
    const uint64_t at = leg->ending.count + leg->open.count + leg->buffered.count;

    if (leg->way->csv && memchr(row->data, '\n', row->len - 1) != NULL)
        leg->long_rows = true;
    if (at < leg->origin_room || (at < AGDB__LEG_ORIGINS_MAX && grow_origin(leg)))
        leg->origin[at] = row->number;
}

bool agdb__leg_add(agdb__leg_t *leg, const agdb__bulk_row_t *row)
{
    if (leg->state == AGDB__LEG_FAILED)
        return true;
    if (!grow(leg, row->len + sizeof k_binary_header))
        return false;
    if (leg->way->binary && leg->open.count + leg->buffered.count == 0) {
        memcpy(leg->data, k_binary_header, sizeof k_binary_header);
        leg->len = sizeof k_binary_header;
    }
    memcpy(leg->data + leg->len, row->data, row->len);
    leg->len += row->len;
    note_origin(leg, row);
    leg->buffered.count++;
    leg->buffered.last = (agdb__bulk_place_t){row->number, row->end};
    return true;
}

bool agdb__leg_is_due(const agdb__leg_t *leg)
{
    return leg->len >= leg->due || agdb__leg_is_full(leg);
}

static bool has_work(const agdb__leg_t *leg)
{
    return leg->buffered.count > 0 || leg->doubt.mark.xid != 0;
}

bool agdb__leg_is_at_rest(const agdb__leg_t *leg)
{
    if (leg->state == AGDB__LEG_FAILED)
        return leg->lease.conn == NULL;
    return leg->state == AGDB__LEG_RESTING && !has_work(leg);
}

/* --- states -------------------------------------------------------------------------------------
 */

void agdb__leg_go(agdb__leg_t *leg, agdb__leg_state_t to, uint64_t now_us)
{
    leg->state = to;
    leg->progress_us = now_us;
}

static void watch(agdb__leg_t *leg, bool on)
{
    if (on && !leg->watching)
        agdb__board_watch(&leg->shard->board, &leg->watcher);
    else if (!on && leg->watching)
        agdb__board_unwatch(&leg->shard->board, &leg->watcher);
    leg->watching = on;
}

static agdb__pool_t *pool_of(const agdb__leg_t *leg)
{
    return leg->shard->nodes[leg->call.node].pool;
}

void agdb__leg_give_back(agdb__leg_t *leg, uint64_t now_us)
{
    if (leg->lease.conn != NULL)
        agdb__pool_release(pool_of(leg), &leg->lease, now_us);
    leg->lease.conn = NULL;
}

/* The call that found the node is over, without an error. */
void agdb__leg_rest(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__leg_give_back(leg, now_us);
    agdb__error_free(leg->call.error);
    leg->call.error = NULL;
    agdb__call_abandon(&leg->call, false);
    watch(leg, false);
    leg->yield = false;
    agdb__leg_go(leg, AGDB__LEG_RESTING, now_us);
}

void agdb__leg_fail(agdb__leg_t *leg, agdb_error_t *take_error, uint64_t now_us)
{
    watch(leg, false);
    agdb__error_move(&leg->error, take_error);
    leg->buffered.count = leg->open.count = 0;
    leg->len = 0;
    agdb__leg_go(leg, AGDB__LEG_FAILED, now_us);
}

/* The call has no further attempt. Of a doubt that cannot be cleared, the first error says more. */
void agdb__leg_fail_call(agdb__leg_t *leg, uint64_t now_us)
{
    agdb_error_t *error = NULL;

    (void)agdb__call_finish(&leg->call, &error);
    if (leg->error != NULL) {
        agdb__error_free(error);
        error = leg->error;
        leg->error = NULL;
    }
    agdb__leg_fail(leg, error, now_us);
}

/* --- a connection -------------------------------------------------------------------------------
 */

static void begin_call(agdb__leg_t *leg, uint64_t now_us)
{
    agdb_request_t request = AGDB_REQUEST_INIT;

    request.sql = leg->way->sql != NULL ? leg->way->sql : ""; /* a doubt needs none */
    request.timeout_ms = leg->way->timeout_ms;
    request.idempotent = leg->doubt.mark.xid != 0; /* a question only */
    agdb__call_begin(&leg->call, leg->shard, &request, now_us, agdb__thread_number());
    agdb__leg_go(leg, AGDB__LEG_PAUSED, now_us);
}

/* An attempt failed while every row was still here: perhaps again. */
void agdb__leg_attempt_failed(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__leg_give_back(leg, now_us);
    agdb__call_failed(&leg->call, now_us);
    agdb__leg_go(leg, AGDB__LEG_PAUSED, now_us);
}

static void got(agdb__leg_t *leg, agdb__wanted_t wanted, uint64_t now_us)
{
    if (wanted == AGDB__WANTED_WAITING)
        return;
    if (wanted == AGDB__WANTED_FAILED) {
        leg->lease.conn = NULL;
        agdb__leg_attempt_failed(leg, now_us);
    } else if (agdb__call_check_chosen(&leg->call) != AGDB_OK && !agdb__call_stands(&leg->call)) {
        agdb__leg_attempt_failed(leg, now_us);
    } else {
        agdb__call_sent(&leg->call, &leg->lease, now_us, 1);
        agdb__leg_go(leg, AGDB__LEG_READY, now_us);
    }
}

/* The call may have gone on to a later map's shard. */
static void follow(agdb__leg_t *leg)
{
    if (leg->shard == leg->call.shard)
        return;
    watch(leg, false);
    leg->shard = leg->call.shard;
}

static void step_paused(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__next_t next;

    do { /* what it waits for has to be watched before it is looked at */
        follow(leg);
        watch(leg, true);
        next = agdb__call_next(&leg->call, now_us);
    } while (next.kind == AGDB__NEXT_WAIT && leg->shard != leg->call.shard);
    if (next.kind == AGDB__NEXT_WAIT)
        return;
    watch(leg, false);
    follow(leg);
    if (next.kind == AGDB__NEXT_OVER) {
        agdb__leg_fail_call(leg, now_us);
        return;
    }
    agdb__leg_go(leg, AGDB__LEG_WANTING, now_us);
    leg->since_us = now_us;
    got(leg,
        agdb__pool_want(pool_of(leg), &leg->want, agdb__bell_ring, leg->way->bell, now_us,
                        &leg->lease, &leg->call.error),
        now_us);
}

static void step_wanting(agdb__leg_t *leg, uint64_t now_us)
{
    if (now_us >= leg->call.deadline_us) {
        agdb__pool_unwant(pool_of(leg), &leg->want, now_us);
        (void)agdb__pool_fail_waited(pool_of(leg), now_us - leg->since_us, &leg->call.error);
        agdb__leg_attempt_failed(leg, now_us);
        return;
    }
    got(leg, agdb__pool_wanted(pool_of(leg), &leg->want, now_us, &leg->lease, &leg->call.error),
        now_us);
}

/* --- from outside -------------------------------------------------------------------------------
 */

/* False: it stands still for now. */
static bool step_once(agdb__leg_t *leg, uint64_t now_us)
{
    const agdb__leg_state_t before = leg->state;

    switch (leg->state) {
    case AGDB__LEG_RESTING:
        if (has_work(leg) && now_us >= leg->again_us)
            begin_call(leg, now_us);
        break;
    case AGDB__LEG_PAUSED:
        step_paused(leg, now_us);
        break;
    case AGDB__LEG_WANTING:
        step_wanting(leg, now_us);
        break;
    case AGDB__LEG_ASKING:
    case AGDB__LEG_READY:
    case AGDB__LEG_STARTING:
    case AGDB__LEG_OPEN:
    case AGDB__LEG_ENDING:
    case AGDB__LEG_FAILED:
        agdb__leg_step_leased(leg, now_us);
        break;
    }
    return leg->state != before;
}

/* A full turn is a transaction; what is due after so many states waits for the next step. */
void agdb__leg_step(agdb__leg_t *leg, uint64_t now_us)
{
    int i;

    for (i = 0; i < AGDB__LEG_FAILED && step_once(leg, now_us); i++)
        ;
    leg->due = leg->len + CHUNK;
}

void agdb__leg_poll(const agdb__leg_t *leg, agdb__pollset_t *set)
{
    if (leg->state == AGDB__LEG_RESTING && has_work(leg))
        agdb__pollset_wake(set, leg->again_us);
    if (leg->state == AGDB__LEG_PAUSED)
        agdb__pollset_wake(set, leg->call.pause == AGDB__PAUSE_PARKED ? leg->call.park_end_us
                                                                      : leg->call.until_us);
    if (leg->state == AGDB__LEG_WANTING)
        agdb__pollset_wake(set, leg->call.deadline_us);
    if (leg->lease.conn == NULL)
        return;
    agdb__pollset_add(set, agdb__conn_fd(leg->lease.conn), agdb__conn_events(leg->lease.conn));
    agdb__pollset_wake(set, leg->state == AGDB__LEG_FAILED
                                ? leg->progress_us + AGDB__LEG_DRAIN_US
                                : agdb__after_ms(leg->progress_us, leg->way->timeout_ms));
}

void agdb__leg_touch(agdb__leg_t *leg, uint64_t now_us)
{
    leg->progress_us = now_us;
}

void agdb__leg_give_up(agdb__leg_t *leg, const agdb_error_t *error, uint64_t now_us)
{
    if (leg->state == AGDB__LEG_FAILED)
        return;
    if (leg->state == AGDB__LEG_WANTING)
        agdb__pool_unwant(pool_of(leg), &leg->want, now_us);
    agdb__leg_end_open(leg, now_us);
    if (leg->state != AGDB__LEG_RESTING && leg->state != AGDB__LEG_FAILED) {
        agdb__error_free(leg->call.error);
        leg->call.error = NULL;
        agdb__call_abandon(&leg->call, false);
    }
    if (leg->error == NULL)
        leg->error = agdb__error_dup(error);
    agdb__leg_fail(leg, leg->error, now_us);
}

void agdb__leg_fini(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__leg_give_up(leg, NULL, now_us);
    agdb__leg_give_back(leg, now_us);
    agdb__error_free(leg->error);
    agdb__free(leg->data);
    agdb__free(leg->origin);
}
