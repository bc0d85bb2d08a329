#include "pool/lane.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/wait.h"
#include "pool/group.h"
#include "pool/pool_impl.h"

/* For so long a caller may be kept from its own answer; more would move the delay from the many to
 * the one. */
enum { LEAD_US = 1000 };

typedef struct leader {
    agdb__pool_t *pool;
    agdb__lane_t *lane;
    uint32_t slot;
    agdb__conn_t *conn;
    agdb__ride_t *own; /* until it is DONE or left */
    agdb__led_t led;
    uint64_t deadline_us;
    uint64_t answered_us;               /* when the own answer was there; 0: not yet */
    atomic_uint *wake[AGDB__GROUP_MAX]; /* states of rides that are DONE: addresses only */
    size_t nwake;
} leader_t;

/* --- ends of a ride ----------------------------------------------------------------------------
 */

/* The ride is over, and its caller's again: it must not be touched from here on. */
static void finish(leader_t *l, agdb__ride_t *ride)
{
    agdb__ride_set(ride, AGDB__RIDE_DONE);
    if (ride == l->own) {
        l->own = NULL;
        l->led = AGDB__LED_DONE;
    } else {
        l->wake[l->nwake++] = &ride->state;
    }
}

bool agdb__lane_leave(agdb__pool_t *pool, agdb__ride_t *ride)
{
    agdb__lane_t *lane = pool->lane[ride->slot];
    bool left = false;
    size_t i;

    agdb__lock(&lane->lock);
    for (i = 0; i < lane->count && !left; i++) {
        left = lane->member[i] == ride && agdb__ride_state(ride) == AGDB__RIDE_SENT;
        if (left)
            lane->member[i] = NULL;
    }
    agdb__unlock(&lane->lock);
    return left;
}

static void wake_all(leader_t *l)
{
    size_t i;

    for (i = 0; i < l->nwake; i++)
        agdb__wake_word(l->wake[i]);
    l->nwake = 0;
}

/* --- a group's way out -------------------------------------------------------------------------
 */

/* Puts what was taken but not sent back to the front, in its order. */
static void requeue(leader_t *l, agdb__ride_t **ride, size_t n)
{
    agdb__lock(&l->pool->line.lock);
    while (n-- > 0) {
        agdb__ride_set(ride[n], AGDB__RIDE_QUEUED);
        agdb__line_push_front_locked(&l->pool->line, ride[n]);
    }
    agdb__unlock(&l->pool->line.lock);
}

static void refuse(leader_t *l, agdb__ride_t *ride, agdb_status_t st, agdb_error_t *take_error)
{
    ride->status = st;
    ride->error = take_error;
    if (st == AGDB_E_UNSUPPORTED) { /* not what it was learnt to be: on its own it may do */
        ride->run_alone = true;
        agdb__learn_failure(ride->learnt, true);
    }
    finish(l, ride);
}

/* Puts as many of `ride` as it will take into the connection's buffers; members that cannot be sent
 * are finished. False: the connection died. */
static bool fill(leader_t *l, agdb__ride_t **ride, size_t n)
{
    agdb__lane_t *lane = l->lane;
    size_t i;

    for (i = 0; i < n; i++) {
        agdb_error_t *error = NULL;
        agdb_status_t st = agdb__conn_group_add(l->conn, ride[i]->statement, &error);

        if (st == AGDB_OK) {
            lane->member[lane->count++] = ride[i];
            lane->expected_us += ride[i]->expected_us;
        } else if (agdb__conn_state(l->conn) == AGDB__CONN_DEAD) {
            agdb__error_free(error);
            requeue(l, ride + i, n - i);
            requeue(l, lane->member, lane->count);
            lane->count = 0;
            return false;
        } else {
            refuse(l, ride[i], st, error);
        }
    }
    return true;
}

static bool send_group(leader_t *l, agdb__ride_t **ride, size_t n)
{
    agdb__lane_t *lane = l->lane;
    bool sent;
    size_t i;

    agdb__lock(&lane->lock);
    lane->count = 0;
    lane->expected_us = 0;
    agdb__conn_group_begin(l->conn);
    sent = fill(l, ride, n);
    if (sent)
        (void)agdb__conn_group_end(l->conn);
    for (i = 0; i < lane->count; i++) {
        lane->member[i]->slot = l->slot;
        agdb__ride_set(lane->member[i], AGDB__RIDE_SENT);
    }
    agdb__unlock(&lane->lock);
    lane->sent_us = agdb__now_us();
    atomic_fetch_add_explicit(&l->pool->groups, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&l->pool->riders, lane->count, memory_order_relaxed);
    return sent && lane->count > 0;
}

/* Takes the next group, with the own ride first, and sends it. False: nothing was sent. */
static bool load(leader_t *l, agdb__ride_t *own)
{
    agdb__ride_t *ride[AGDB__GROUP_MAX];
    size_t n = 0;

    if (own != NULL)
        ride[n++] = own;
    agdb__lock(&l->pool->line.lock);
    n += agdb__line_take_locked(&l->pool->line, ride + n, AGDB__GROUP_MAX - n);
    agdb__unlock(&l->pool->line.lock);
    if (n == 0)
        return false;
    return send_group(l, ride, n);
}

/* --- and back ----------------------------------------------------------------------------------
 */

static void take_failure(agdb__ride_t *ride)
{
    bool fault = agdb__group_is_at_fault(ride->error);

    ride->status = ride->error != NULL ? ride->error->status : AGDB_E_NOMEM;
    if (ride->status != AGDB_E_LOST)
        agdb__learn_failure(ride->learnt, fault);
    if (fault) {
        agdb__error_free(ride->error);
        ride->error = NULL;
        ride->run_alone = true;
    }
}

/* Takes the answer of member `i`. True: it was not executed and goes again. */
static bool take_member(leader_t *l, size_t i, bool in_recovery, bool slow)
{
    agdb__ride_t *ride = l->lane->member[i];
    agdb_error_t *error = NULL;
    struct pg_result *rows = NULL;
    agdb__member_fate_t fate = agdb__conn_group_receive(l->conn, i, &rows, &error);

    if (ride == NULL) { /* nobody wants it any more */
        agdb__rows_free(rows);
        agdb__error_free(error);
        return false;
    }
    ride->in_recovery = in_recovery;
    ride->rows = rows;
    ride->error = error;
    if (slow)
        agdb__learn_slow(ride->learnt);
    if (fate == AGDB__MEMBER_NOT_EXECUTED) {
        agdb__ride_set(ride, AGDB__RIDE_SENDING); /* its caller stays */
        return true;
    }
    if (fate == AGDB__MEMBER_ANSWERED)
        ride->status = AGDB_OK;
    else
        take_failure(ride);
    finish(l, ride);
    return false;
}

/* What became of each member; those that were not executed go back to the front. */
static void collect(leader_t *l)
{
    agdb__ride_t *again[AGDB__GROUP_MAX];
    agdb__lane_t *lane = l->lane;
    bool in_recovery = agdb__conn_in_recovery(l->conn);
    uint64_t took_us = agdb__now_us() - lane->sent_us;
    bool slow = agdb__group_is_slow(took_us, lane->expected_us);
    size_t nagain = 0;
    size_t i;

    agdb__lock(&lane->lock);
    for (i = 0; i < lane->count; i++)
        if (take_member(l, i, in_recovery, slow))
            again[nagain++] = lane->member[i];
    lane->count = 0;
    agdb__unlock(&lane->lock);
    if (nagain > 0)
        requeue(l, again, nagain);
}

typedef enum drive_end { DRIVE_ANSWERED, DRIVE_OUT_OF_TIME, DRIVE_STUCK } drive_end_t;

static drive_end_t drive(leader_t *l)
{
    uint64_t stuck_us = agdb__group_stuck_us(l->lane->sent_us, l->lane->expected_us);
    uint64_t until_us = agdb__min_us(l->deadline_us, stuck_us);
    uint64_t now_us = agdb__now_us();

    for (;;) {
        struct pollfd p = {.fd = agdb__conn_fd(l->conn), .events = agdb__conn_events(l->conn)};

        if (agdb__conn_state(l->conn) != AGDB__CONN_IN_FLIGHT)
            return DRIVE_ANSWERED;
        if (poll(&p, 1, agdb__poll_ms(now_us, until_us)) > 0 &&
            agdb__conn_step(l->conn, now_us) != AGDB__CONN_IN_FLIGHT)
            return DRIVE_ANSWERED;
        now_us = agdb__now_us();
        if (now_us >= stuck_us)
            return DRIVE_STUCK;
        if (now_us >= until_us)
            return DRIVE_OUT_OF_TIME;
    }
}

/* --- handing over ------------------------------------------------------------------------------
 */

/* The leader's time is over and a group is in flight: the member with the most time goes on, and
 * the own ride is left. False: there is no such member. */
static bool hand_over_in_flight(leader_t *l)
{
    agdb__lane_t *lane = l->lane;
    uint64_t latest_us = agdb__now_us();
    agdb__ride_t *heir = NULL;
    size_t i;

    agdb__lock(&lane->lock);
    for (i = 0; i < lane->count; i++) {
        agdb__ride_t *ride = lane->member[i];

        if (ride != NULL && ride != l->own && ride->deadline_us > latest_us) {
            heir = ride;
            latest_us = ride->deadline_us;
        }
    }
    for (i = 0; i < lane->count && heir != NULL && l->own != NULL; i++)
        if (lane->member[i] == l->own)
            lane->member[i] = NULL;
    if (heir != NULL)
        agdb__ride_set(heir, AGDB__RIDE_DRIVE);
    agdb__unlock(&lane->lock);
    if (heir == NULL)
        return false;
    agdb__wake_word(&heir->state);
    if (l->own != NULL)
        l->led = AGDB__LED_LEFT;
    l->own = NULL;
    return true;
}

/* The connection is given to the first in the line, or is free. */
static void hand_over(leader_t *l)
{
    agdb__pool_t *pool = l->pool;
    atomic_uint *wake = NULL;
    agdb__ride_t *heir;

    agdb__lock(&pool->line.lock);
    heir = agdb__line_first_locked(&pool->line);
    if (heir != NULL) {
        agdb__line_remove_locked(&pool->line, heir);
        heir->slot = l->slot;
        wake = &heir->state;
        agdb__ride_set(heir, AGDB__RIDE_LEAD);
    }
    agdb__unlock(&pool->line.lock);
    if (heir != NULL)
        agdb__wake_word(wake);
    else
        agdb__pool_give_back(pool, l->slot, agdb__now_us());
}

static void let_go(leader_t *l)
{
    if (agdb__conn_is_clean(l->conn)) {
        hand_over(l);
        return;
    }
    agdb__pool_discard(l->pool, l->slot);
    agdb__lane_serve(l->pool);
}

/* Nobody can wait for this group any longer, or it has been away for too long: the connection goes,
 * and who still waits is told that it was lost (and may try again, it only read). */
static void give_up(leader_t *l)
{
    agdb__conn_abort(l->conn, "no answer to a group of statements in time");
    collect(l);
    wake_all(l);
    let_go(l);
}

/* A leader that has its answer leads on for a while: it is awake, and another would have to be
 * woken and scheduled before the next group could leave. */
static bool goes_on(leader_t *l)
{
    uint64_t now_us = agdb__now_us();

    if (l->own != NULL)
        return true;
    if (l->answered_us == 0)
        l->answered_us = now_us;
    return now_us < l->answered_us + LEAD_US && now_us < l->deadline_us;
}

static bool make_lane(agdb__pool_t *pool, uint32_t i)
{
    agdb__lane_t *lane = pool->lane[i];

    if (lane != NULL)
        return true;
    lane = agdb__calloc(1, sizeof *lane);
    if (lane == NULL || !agdb__mutex_init(&lane->lock)) {
        agdb__free(lane);
        return false;
    }
    pool->lane[i] = lane;
    return true;
}

void agdb__lane_free(agdb__pool_t *pool, uint32_t i)
{
    if (pool->lane[i] == NULL)
        return;
    agdb__mutex_fini(&pool->lane[i]->lock);
    agdb__free(pool->lane[i]);
    pool->lane[i] = NULL;
}

/* Rounds of: a group comes back, the next one leaves, the first one's callers are woken. */
static void lead_groups(leader_t *l)
{
    for (;;) {
        drive_end_t end = drive(l);

        if (end == DRIVE_OUT_OF_TIME && hand_over_in_flight(l))
            return;
        if (end != DRIVE_ANSWERED) {
            give_up(l);
            return;
        }
        collect(l);
        if (!agdb__conn_is_clean(l->conn))
            break;
        if (!goes_on(l) || !load(l, NULL))
            break;
        wake_all(l);
    }
    wake_all(l);
    let_go(l);
}

agdb__led_t agdb__lane_lead(agdb__pool_t *pool, uint32_t i, agdb__ride_t *own, uint64_t deadline_us,
                            bool in_flight)
{
    leader_t l = {.pool = pool,
                  .slot = i,
                  .conn = pool->slots.slot[i].conn,
                  .own = own,
                  .led = own != NULL ? AGDB__LED_WAIT : AGDB__LED_DONE,
                  .deadline_us = deadline_us};

    if (!make_lane(pool, i)) {
        if (own != NULL) {
            own->run_alone = true; /* that needs no lane */
            agdb__ride_set(own, AGDB__RIDE_DONE);
        }
        agdb__pool_give_back(pool, i, agdb__now_us());
        return AGDB__LED_DONE;
    }
    l.lane = pool->lane[i];
    if (in_flight || load(&l, own)) {
        lead_groups(&l);
    } else {
        wake_all(&l);
        let_go(&l);
    }
    return l.led;
}

void agdb__lane_serve(agdb__pool_t *pool)
{
    while (agdb__line_count(&pool->line) > 0) {
        uint32_t i = agdb__pool_take_lane(pool, 0, agdb__now_us());
        leader_t l = {.pool = pool, .slot = i};

        if (i == AGDB__NO_SLOT)
            return;
        hand_over(&l);
    }
}
