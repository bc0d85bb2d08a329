#include "pool/lane.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "pool/group.h"
#include "pool/known.h"
#include "pool/pool_impl.h"

/* For so long a caller may be kept from its own answer; more would move the delay from the many to
 * the one. */
enum { LEAD_US = 1000 };

typedef struct leader {
    agdb__pool_t *pool;
    agdb__traffic_t *traffic;
    agdb__lane_t *lane;
    uint32_t slot;
    agdb__conn_t *conn;
    agdb__ride_t *own; /* until it is DONE or left */
    agdb__led_t led;
    uint64_t deadline_us;
    uint64_t answered_us; /* when the own answer was there; 0: not yet */
    agdb__ring_t ring;    /* callers whose rides are DONE */
} leader_t;

/* --- ends of a ride ----------------------------------------------------------------------------
 */

/* The ride is over, and its caller's again: it must not be touched from here on. */
static void finish(leader_t *l, agdb__ride_t *ride)
{
    if (ride == l->own) {
        l->own = NULL;
        l->led = AGDB__LED_DONE;
    } else {
        agdb__ring_add(&l->ring, ride->place);
    }
    agdb__ride_set(ride, AGDB__RIDE_DONE);
}

/* When a member went, and with how many. With the lane's lock held. */
static void note_trip(const agdb__pool_t *pool, const agdb__lane_t *lane, agdb__ride_t *ride)
{
    ride->trip.sent_us = lane->sent_us;
    ride->trip.group = (uint32_t)lane->count;
    ride->trip.connect_us = agdb__slot_connect_us(&pool->slots.slot[ride->slot], ride->run->now_us);
}

bool agdb__lane_leave(agdb__pool_t *pool, agdb__ride_t *ride)
{
    agdb__lane_t *lane = pool->lane[ride->slot];
    bool left = false;
    size_t i;

    agdb__lock(&lane->lock);
    for (i = 0; i < lane->count && !left; i++) {
        left = lane->member[i] == ride && agdb__ride_state(ride) == AGDB__RIDE_SENT;
        if (!left)
            continue;
        note_trip(pool, lane, ride);
        lane->member[i] = NULL;
    }
    agdb__unlock(&lane->lock);
    return left;
}

/* --- a group's way out -------------------------------------------------------------------------
 */

/* Puts what was taken but not sent back to the front, in its order. */
static void requeue(leader_t *l, agdb__ride_t **ride, size_t n)
{
    agdb__line_t *line = &l->traffic->line;

    agdb__lock(&line->lock);
    while (n-- > 0) {
        agdb__ride_set(ride[n], AGDB__RIDE_QUEUED);
        agdb__line_push_front_locked(line, ride[n]);
    }
    agdb__unlock(&line->lock);
}

static void refuse(leader_t *l, agdb__ride_t *ride, agdb_status_t st, agdb_error_t *take_error)
{
    ride->status = st;
    ride->error = take_error;
    if (st == AGDB_E_UNSUPPORTED) { /* not what it was learnt to be: on its own it may do */
        ride->run_alone = true;
        agdb__learn_failure(ride->learnt, AGDB__FAULT_LASTING);
    }
    finish(l, ride);
}

static void empty(agdb__lane_t *lane)
{
    lane->count = 0;
    lane->work_us = 0;
    lane->least_us = 0;
    lane->longest_us = 0;
}

static void add_member(agdb__lane_t *lane, agdb__ride_t *ride)
{
    lane->member[lane->count++] = ride;
    lane->work_us += ride->work_us;
    lane->least_us += ride->least_us;
    if (ride->expected_us > lane->longest_us)
        lane->longest_us = ride->expected_us;
}

/* What was chosen as the primary must still be it when the statement goes. */
static void refuse_fallen(leader_t *l, agdb__ride_t *ride)
{
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb__pool_fail_fallen(&error);

    refuse(l, ride, st, error);
}

/* Puts as many of `ride` as it will take into the connection's buffers; members that cannot be sent
 * are finished. When the connection dies the rest goes back, and those who are members already hear
 * what became of them from the connection: it may have sent some on its own. */
static void fill(leader_t *l, agdb__ride_t **ride, size_t n)
{
    agdb__lane_t *lane = l->lane;
    size_t i;

    for (i = 0; i < n; i++) {
        agdb_error_t *error = NULL;
        agdb_status_t st;

        if (!agdb__run_stands(ride[i]->run)) {
            refuse_fallen(l, ride[i]);
            continue;
        }
        st = agdb__conn_group_add(l->conn, ride[i]->run->statement, &error);
        if (st == AGDB_OK) {
            add_member(lane, ride[i]);
        } else if (agdb__conn_state(l->conn) == AGDB__CONN_DEAD) {
            agdb__error_free(error);
            requeue(l, ride + i, n - i);
            return;
        } else {
            refuse(l, ride[i], st, error);
        }
    }
}

/* False: nothing was sent. */
static bool send_group(leader_t *l, agdb__ride_t **ride, size_t n)
{
    agdb__lane_t *lane = l->lane;
    bool writes = l->traffic->kind == AGDB__TRAFFIC_WRITES;
    size_t i;

    agdb__lock(&lane->lock);
    empty(lane);
    agdb__conn_set_lock_ms(l->conn, AGDB__GROUP_LOCK_MS);
    agdb__conn_group_begin(l->conn, writes ? AGDB__GROUP_WRITES : AGDB__GROUP_READS);
    fill(l, ride, n);
    (void)agdb__conn_group_end(l->conn);
    for (i = 0; i < lane->count; i++) {
        lane->member[i]->slot = l->slot;
        agdb__ride_set(lane->member[i], AGDB__RIDE_SENT);
    }
    lane->sent_us = agdb__now_us();
    agdb__unlock(&lane->lock);
    atomic_store_explicit(&l->pool->slots.slot[l->slot].riders, (unsigned)lane->count,
                          memory_order_relaxed);
    agdb__traffic_note(l->traffic, &l->pool->slots, lane->least_us + agdb__pool_way_us(l->pool));
    if (lane->count > 0)
        agdb__pool_note_group(l->pool, !writes, lane->count);
    return lane->count > 0;
}

static uint64_t asked_for(const agdb__ride_t *ride)
{
    return ride->run->statement->at_least.lsn;
}

/* Who asks a replica for more goes later: a guard that fails takes those behind it along. */
static void sort(agdb__ride_t **ride, size_t n)
{
    size_t i;
    size_t to;

    for (i = 1; i < n; i++) {
        agdb__ride_t *moved = ride[i];

        for (to = i; to > 0 && asked_for(ride[to - 1]) > asked_for(moved); to--)
            ride[to] = ride[to - 1];
        ride[to] = moved;
    }
}

/* Takes the next group, `first` at its head unless that is NULL, and sends it. False: nothing was
 * sent. */
static bool load(leader_t *l, agdb__ride_t *first)
{
    agdb__line_t *line = &l->traffic->line;
    agdb__ride_t *ride[AGDB__GROUP_MAX];
    size_t n = 0;

    if (first != NULL)
        ride[n++] = first;
    agdb__lock(&line->lock);
    n += agdb__line_take_locked(line, ride + n, AGDB__GROUP_MAX - n);
    agdb__unlock(&line->lock);
    sort(ride, n);
    return n > 0 && send_group(l, ride, n);
}

/* --- and back ----------------------------------------------------------------------------------
 */

static void take_failure(agdb__ride_t *ride)
{
    agdb__group_fault_t fault = agdb__group_fault(ride->error);

    ride->status = ride->error != NULL ? ride->error->status : AGDB_E_NOMEM;
    if (!agdb__group_spares(ride->status))
        agdb__learn_failure(ride->learnt, fault);
    if (fault != AGDB__FAULT_NONE) {
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
    ride->position = agdb__conn_position(l->conn);
    ride->rows = rows;
    ride->error = error;
    if (slow)
        agdb__learn_slow(ride->learnt);
    if (fate == AGDB__MEMBER_NOT_EXECUTED) {
        agdb__ride_set(ride, AGDB__RIDE_SENDING); /* its caller stays */
        return true;
    }
    note_trip(l->pool, l->lane, ride);
    if (fate == AGDB__MEMBER_ANSWERED)
        ride->status = AGDB_OK;
    else
        take_failure(ride);
    finish(l, ride);
    return false;
}

/* The work of all, and the way of one. */
static uint64_t expected_us(const agdb__lane_t *lane)
{
    return lane->work_us + lane->longest_us;
}

/* What became of each member; those that were not executed go back to the front. */
static void collect(leader_t *l)
{
    agdb__ride_t *again[AGDB__GROUP_MAX];
    agdb__lane_t *lane = l->lane;
    bool in_recovery = agdb__conn_in_recovery(l->conn);
    uint64_t took_us = agdb__now_us() - lane->sent_us;
    bool slow = agdb__group_is_slow(took_us, expected_us(lane));
    size_t nagain = 0;
    size_t i;

    agdb__lock(&lane->lock);
    for (i = 0; i < lane->count; i++)
        if (take_member(l, i, in_recovery, slow)) {
            lane->member[i]->trip.lost_us += (uint32_t)took_us;
            again[nagain++] = lane->member[i];
        }
    lane->count = 0;
    agdb__unlock(&lane->lock);
    atomic_store_explicit(&l->pool->slots.slot[l->slot].riders, 0, memory_order_relaxed);
    if (nagain > 0)
        requeue(l, again, nagain);
}

typedef enum drive_end { DRIVE_ANSWERED, DRIVE_OUT_OF_TIME, DRIVE_STUCK } drive_end_t;

/* Whether a group that has had no answer for long is given up. */
static bool is_hopeless(const leader_t *l)
{
    return l->traffic->kind == AGDB__TRAFFIC_READS ||
           agdb__pool_has_passed_over(l->pool, l->lane->sent_us);
}

static drive_end_t drive(leader_t *l)
{
    uint64_t stuck_us = agdb__group_stuck_us(l->lane->sent_us, expected_us(l->lane));
    uint64_t now_us = agdb__now_us();

    for (;;) {
        struct pollfd p = {.fd = agdb__conn_fd(l->conn), .events = agdb__conn_events(l->conn)};

        if (agdb__conn_state(l->conn) != AGDB__CONN_IN_FLIGHT)
            return DRIVE_ANSWERED;
        if (poll(&p, 1, agdb__poll_ms(now_us, agdb__min_us(l->deadline_us, stuck_us))) > 0 &&
            agdb__conn_step(l->conn, now_us) != AGDB__CONN_IN_FLIGHT)
            return DRIVE_ANSWERED;
        now_us = agdb__now_us();
        if (now_us >= stuck_us && is_hopeless(l))
            return DRIVE_STUCK;
        if (now_us >= l->deadline_us)
            return DRIVE_OUT_OF_TIME;
        if (now_us >= stuck_us)
            stuck_us = now_us + AGDB__GROUP_LOOK_AGAIN_US;
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
    agdb__place_t place;
    size_t i;

    agdb__lock(&lane->lock);
    for (i = 0; i < lane->count; i++) {
        agdb__ride_t *ride = lane->member[i];

        if (ride != NULL && !agdb__ride_leads(ride) && ride->run->deadline_us > latest_us) {
            heir = ride;
            latest_us = ride->run->deadline_us;
        }
    }
    for (i = 0; i < lane->count && heir != NULL && l->own != NULL; i++)
        if (lane->member[i] == l->own) {
            note_trip(l->pool, lane, l->own);
            lane->member[i] = NULL;
            l->led = AGDB__LED_LEFT;
        }
    if (heir != NULL) {
        place = heir->place;
        agdb__ride_set(heir, AGDB__RIDE_DRIVE);
    }
    agdb__unlock(&lane->lock);
    if (heir == NULL)
        return false;
    agdb__gongs_ring_one(&l->traffic->line.gongs, place);
    return true;
}

static void let_go(leader_t *l)
{
    agdb__gongs_ring(&l->traffic->line.gongs, &l->ring);
    if (agdb__conn_is_clean(l->conn)) {
        agdb__pool_give_back(l->pool, l->slot, agdb__now_us());
        return;
    }
    agdb__pool_discard(l->pool, l->slot);
    agdb__pool_serve(l->pool, true);
}

/* Nobody can wait for this group any longer, or it has been away for too long: the connection goes,
 * and who still waits is told that it was lost: a read may try again, a write is unknown. */
static void give_up(leader_t *l)
{
    agdb__conn_abort(l->conn, "no answer to a group of statements in time");
    collect(l);
    let_go(l);
}

/* Somebody wants a connection for himself, and this is one that he may have. */
static bool is_wanted(const leader_t *l)
{
    return agdb__waiters_count(&l->pool->waiters) > 0 && l->slot >= agdb__pool_reserved(l->pool);
}

/* The own ride may have gone with another leader's group. */
static void look_after_own(leader_t *l)
{
    if (l->own == NULL || agdb__ride_state(l->own) != AGDB__RIDE_DONE)
        return;
    l->own = NULL;
    l->led = AGDB__LED_DONE;
}

/* A leader that has its answer leads on for a while: it is awake, and another would have to be
 * woken and scheduled before the next group could leave. */
static bool goes_on(leader_t *l)
{
    uint64_t now_us = agdb__now_us();

    look_after_own(l);
    if (l->own == NULL && l->answered_us == 0)
        l->answered_us = now_us;
    return now_us < l->deadline_us && (l->own != NULL || now_us < l->answered_us + LEAD_US) &&
           !is_wanted(l) && agdb__traffic_is_due(l->traffic, &l->pool->slots, l->slot);
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
        if (!agdb__conn_is_clean(l->conn) || !goes_on(l) || !load(l, NULL))
            break;
        agdb__gongs_ring(&l->traffic->line.gongs, &l->ring);
    }
    let_go(l);
}

/* There is no memory for a lane: the own ride goes on alone, which needs none. */
static agdb__led_t lead_nobody(leader_t *l, agdb__lead_t where)
{
    if (where == AGDB__LEAD_FIRST) {
        l->own->run_alone = true;
        finish(l, l->own);
    }
    agdb__pool_give(l->pool, l->slot);
    return l->led;
}

agdb__led_t agdb__lane_lead(agdb__pool_t *pool, agdb__traffic_t *traffic, uint32_t i,
                            agdb__ride_t *own, agdb__lead_t where)
{
    leader_t l = {.pool = pool,
                  .traffic = traffic,
                  .slot = i,
                  .conn = pool->slots.slot[i].conn,
                  .own = own,
                  .led = AGDB__LED_WAIT,
                  .deadline_us = own->run->deadline_us};

    if (!make_lane(pool, i))
        return lead_nobody(&l, where);
    l.lane = pool->lane[i];
    atomic_store_explicit(&own->leads, true, memory_order_relaxed);
    if (where == AGDB__LEAD_IN_FLIGHT || load(&l, where == AGDB__LEAD_FIRST ? own : NULL))
        lead_groups(&l);
    else
        let_go(&l);
    atomic_store_explicit(&own->leads, false, memory_order_relaxed);
    return l.led;
}

static bool has_heir(agdb__line_t *line)
{
    bool has;

    agdb__lock(&line->lock);
    has = agdb__line_heir_locked(line) != NULL;
    agdb__unlock(&line->lock);
    return has;
}

/* The first in the line who sleeps leads on slot `i`. False: there is none. */
static bool appoint(agdb__traffic_t *traffic, uint32_t i)
{
    agdb__line_t *line = &traffic->line;
    agdb__place_t place;
    agdb__ride_t *heir;

    agdb__lock(&line->lock);
    heir = agdb__line_heir_locked(line);
    if (heir != NULL) {
        agdb__line_remove_locked(line, heir);
        place = heir->place;
        heir->slot = i;
        agdb__ride_set(heir, AGDB__RIDE_LEAD);
    }
    agdb__unlock(&line->lock);
    if (heir != NULL)
        agdb__gongs_ring_one(&line->gongs, place);
    return heir != NULL;
}

void agdb__lane_serve(agdb__pool_t *pool, agdb__traffic_t *traffic)
{
    while (agdb__traffic_is_due(traffic, &pool->slots, AGDB__NO_SLOT)) {
        uint32_t i = agdb__pool_take_lane(pool, traffic, UINT32_MAX, 0, agdb__now_us());

        if (i == AGDB__NO_SLOT) { /* all may have gone: nobody else would ask for one soon */
            agdb__traffic_lacks(traffic);
            agdb__pool_call_keeper(pool);
            return;
        }
        if (appoint(traffic, i))
            continue;
        agdb__slots_give(&pool->slots, i);
        if (!has_heir(&traffic->line)) /* who joined meanwhile has relied on this lane */
            return;
    }
}
