/* Each piece of work goes through a lane, by what it can hang on, and takes a place there. What
 * hangs takes places for ever, so a lane has many, and one name, file or login gets few of them:
 *
 *   start     a job that has its outcome already is done; else it is admitted
 *   admit     ready with a place in its lane, or waiting for one
 *   help      a thread works on a ready job, and gives its place back; its next piece is admitted,
 *             and so are those who waited. Who waited for the same name takes its answer over.
 *
 * A job whose asker has let go of it is dropped before it is worked on, wherever it is. */
#include "pg/resolver.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "pg/resolve_job.h"

enum { PLACES = 16, HELPERS_MAX = PLACES * AGDB__LANES, HELPER_IDLE_MS = 10000 };

/* Places for pieces that are alike. Passwords are asked for each connection anew, hence by two. */
static const int k_alike_max[AGDB__LANES] = {
    [AGDB__LANE_LOOK_UP] = 1, [AGDB__LANE_FILE] = 1, [AGDB__LANE_ASK] = 2};

typedef struct queue {
    agdb__resolve_t *first;
    agdb__resolve_t *last;
} queue_t;

/* Held by its owner and by each helper; what hangs in a helper keeps it alive. */
struct agdb__resolver {
    agdb__mutex_t mutex; /* the queues and the numbers below */
    agdb__cond_t work;
    agdb__mutex_t wake_mutex; /* held while waking, so that closing can wait for that */
    void (*wake)(void *user);
    void *user;
    bool wake_closed;
    bool closed;
    int references;
    int helpers;
    int idle;
    int nready;
    queue_t ready;
    queue_t waiting;
    agdb__resolve_t *taken; /* ready or in a helper: each has a place in its lane */
};

static void resolver_unref_locked(agdb__resolver_t *r)
{
    const bool gone = --r->references == 0;

    agdb__unlock(&r->mutex);
    if (!gone)
        return;
    agdb__cond_fini(&r->work);
    agdb__mutex_fini(&r->wake_mutex);
    agdb__mutex_fini(&r->mutex);
    agdb__free(r);
}

/* Jobs and the resolver may outlive the client, and so the client's allocator: they come from the
 * C library. */
agdb__resolver_t *agdb__resolver_new(void (*wake)(void *user), void *user)
{
    const agdb_allocator_t *before = agdb__alloc_enter(NULL);
    agdb__resolver_t *r = agdb__calloc(1, sizeof *r);
    bool mutex = false;
    bool wake_mutex = false;

    (void)agdb__alloc_enter(before);
    if (r == NULL)
        return NULL;
    mutex = agdb__mutex_init(&r->mutex);
    wake_mutex = agdb__mutex_init(&r->wake_mutex);
    if (!mutex || !wake_mutex || !agdb__cond_init(&r->work)) {
        if (wake_mutex)
            agdb__mutex_fini(&r->wake_mutex);
        if (mutex)
            agdb__mutex_fini(&r->mutex);
        agdb__free(r);
        return NULL;
    }
    r->wake = wake;
    r->user = user;
    r->references = 1;
    return r;
}

/* --- queues and places ----------------------------------------------------------------------- */

static void append(queue_t *q, agdb__resolve_t *job)
{
    job->next = NULL;
    if (q->last != NULL)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
}

static agdb__resolve_t *take_first(queue_t *q)
{
    agdb__resolve_t *job = q->first;

    if (job != NULL) {
        q->first = job->next;
        if (q->first == NULL)
            q->last = NULL;
    }
    return job;
}

static bool take_place_locked(agdb__resolver_t *r, agdb__resolve_t *job)
{
    const agdb__resolve_t *other;
    int alike = 0;
    int all = 0;

    for (other = r->taken; other != NULL; other = other->next_taken) {
        all += other->lane == job->lane;
        alike += agdb__resolve_is_alike(other, job);
    }
    if (all >= PLACES || alike >= k_alike_max[job->lane])
        return false;
    job->next_taken = r->taken;
    r->taken = job;
    return true;
}

static void leave_place_locked(agdb__resolver_t *r, agdb__resolve_t *job)
{
    agdb__resolve_t **at = &r->taken;

    while (*at != job)
        at = &(*at)->next_taken;
    *at = job->next_taken;
}

/* --- admission ------------------------------------------------------------------------------- */

static void *help(void *arg);

static void see_to_helper_locked(agdb__resolver_t *r)
{
    pthread_t thread;

    if (r->nready <= r->idle || r->helpers >= HELPERS_MAX)
        return;
    r->references++;
    r->helpers++;
    if (!agdb__thread_start(&thread, true, help, r)) {
        r->references--;
        r->helpers--;
    }
}

static void admit_locked(agdb__resolver_t *r, agdb__resolve_t *job)
{
    if (!take_place_locked(r, job)) {
        append(&r->waiting, job);
        return;
    }
    append(&r->ready, job);
    r->nready++;
    see_to_helper_locked(r);
    agdb__cond_signal(&r->work);
}

/* Those who wait, in their order, each in the queue's new end or ready; orphans go. */
static void admit_waiting_locked(agdb__resolver_t *r)
{
    queue_t before = r->waiting;
    agdb__resolve_t *job;

    r->waiting = (queue_t){0};
    while ((job = take_first(&before)) != NULL) {
        if (agdb__resolve_is_orphan(job))
            agdb__resolve_release(job);
        else
            admit_locked(r, job);
    }
}

/* To its next piece of work. True: it has its outcome, or nobody wants it. */
static bool go_on_locked(agdb__resolver_t *r, agdb__resolve_t *job)
{
    const agdb__lane_t lane = agdb__resolve_next_lane(job);
    const bool over = lane == AGDB__LANES || r->closed || agdb__resolve_is_orphan(job);

    if (over) {
        if (lane == AGDB__LANES)
            atomic_store_explicit(&job->done, true, memory_order_release);
        agdb__resolve_release(job);
    } else {
        job->lane = lane;
        admit_locked(r, job);
    }
    return over;
}

/* Who waited for the look-up of the same name takes its answer over. True: somebody is done. */
static bool share_locked(agdb__resolver_t *r, const agdb__resolve_t *answered)
{
    queue_t before = r->waiting;
    bool over = false;
    agdb__resolve_t *job;

    r->waiting = (queue_t){0};
    while ((job = take_first(&before)) != NULL) {
        if (agdb__resolve_is_alike(job, answered)) {
            agdb__resolve_share(job, answered);
            over = go_on_locked(r, job) || over;
        } else {
            append(&r->waiting, job);
        }
    }
    return over;
}

/* --- helpers --------------------------------------------------------------------------------- */

/* The next job; NULL when there is none for a while, or never again. Enters and leaves locked. */
static agdb__resolve_t *next_job_locked(agdb__resolver_t *r)
{
    const uint64_t until_us = agdb__after_ms(agdb__now_us(), HELPER_IDLE_MS);
    agdb__resolve_t *job;
    bool in_time = true;

    r->idle++;
    while (r->ready.first == NULL && !r->closed && in_time)
        in_time = agdb__cond_wait(&r->work, &r->mutex, until_us);
    r->idle--;
    job = take_first(&r->ready);
    if (job != NULL)
        r->nready--;
    return job;
}

/* Works on a job; true when one is done. Enters and leaves locked. */
static bool work_locked(agdb__resolver_t *r, agdb__resolve_t *job)
{
    bool worked = false;
    bool over = false;

    if (!agdb__resolve_is_orphan(job)) {
        agdb__unlock(&r->mutex);
        agdb__resolve_work(job);
        worked = true;
        agdb__lock(&r->mutex);
    }
    leave_place_locked(r, job);
    if (worked && job->lane == AGDB__LANE_LOOK_UP)
        over = share_locked(r, job);
    over = go_on_locked(r, job) || over;
    admit_waiting_locked(r);
    return over;
}

static void *help(void *arg)
{
    agdb__resolver_t *r = arg;
    agdb__resolve_t *job;

    agdb__lock(&r->mutex);
    while ((job = next_job_locked(r)) != NULL) {
        if (!work_locked(r, job))
            continue;
        agdb__unlock(&r->mutex);
        agdb__lock(&r->wake_mutex);
        if (!r->wake_closed && r->wake != NULL)
            r->wake(r->user);
        agdb__unlock(&r->wake_mutex);
        agdb__lock(&r->mutex);
    }
    r->helpers--;
    resolver_unref_locked(r);
    return NULL;
}

/* --- the owner's side ------------------------------------------------------------------------ */

void agdb__resolver_free(agdb__resolver_t *r)
{
    agdb__resolve_t *job;

    if (r == NULL)
        return;
    agdb__lock(&r->wake_mutex);
    r->wake_closed = true;
    agdb__unlock(&r->wake_mutex);
    agdb__lock(&r->mutex);
    r->closed = true;
    while ((job = take_first(&r->waiting)) != NULL)
        agdb__resolve_release(job);
    while ((job = take_first(&r->ready)) != NULL) {
        leave_place_locked(r, job);
        agdb__resolve_release(job);
    }
    r->nready = 0;
    agdb__cond_broadcast(&r->work);
    resolver_unref_locked(r);
}

/* False: no helper could be had for anything. */
static bool hand_over(agdb__resolver_t *r, agdb__resolve_t *job)
{
    bool helped;

    agdb__lock(&r->mutex);
    admit_waiting_locked(r); /* drops orphans, also when nothing ever ends */
    see_to_helper_locked(r); /* a thread that could not be had before, perhaps now */
    atomic_store_explicit(&job->references, 2, memory_order_relaxed);
    admit_locked(r, job);
    helped = r->helpers > 0;
    if (!helped) {
        leave_place_locked(r, take_first(&r->ready));
        r->nready--;
        atomic_store_explicit(&job->references, 1, memory_order_relaxed);
    }
    agdb__unlock(&r->mutex);
    return helped;
}

agdb__resolve_t *agdb__resolve_start(agdb__resolver_t *r, const agdb__login_t *login)
{
    const agdb_allocator_t *before = agdb__alloc_enter(NULL);
    agdb__resolve_t *job = agdb__resolve_new(login);

    if (job != NULL) {
        job->lane = agdb__resolve_next_lane(job);
        if (job->lane == AGDB__LANES) {
            atomic_store_explicit(&job->done, true, memory_order_release);
        } else if (!hand_over(r, job)) {
            agdb__resolve_release(job);
            job = NULL;
        }
    }
    (void)agdb__alloc_enter(before);
    return job;
}
