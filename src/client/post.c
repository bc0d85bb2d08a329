#include "client/post.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>

struct agdb__post {
    agdb__mutex_t lock;
    agdb__cond_t work; /* for the thread */
    agdb__cond_t idle; /* for those who wait for a callback to end */
    unsigned refs;
    void (*wake)(void *user); /* NULL: the client is gone */
    void *wake_user;
    agdb__box_t *fresh; /* for the keeper */
    bool stirred;
    agdb__box_t *ready; /* line of boxes that have something: each gives one in its turn */
    agdb__box_t **ready_end;
    agdb__box_t *running;
    pthread_t thread;
    bool has_thread;
    bool stopping;
    bool still;
};

static void post_free(agdb__post_t *post)
{
    agdb__cond_fini(&post->work);
    agdb__cond_fini(&post->idle);
    agdb__mutex_fini(&post->lock);
    agdb__free(post);
}

agdb__post_t *agdb__post_new(void (*wake)(void *user), void *user)
{
    agdb__post_t *post = agdb__calloc(1, sizeof *post);

    if (post == NULL)
        return NULL;
    post->refs = 1;
    post->wake = wake;
    post->wake_user = user;
    post->ready_end = &post->ready;
    post->still = true;
    if (!agdb__mutex_init(&post->lock))
        goto no_lock;
    if (!agdb__cond_init(&post->work))
        goto no_work;
    if (!agdb__cond_init(&post->idle))
        goto no_idle;
    return post;
no_idle:
    agdb__cond_fini(&post->work);
no_work:
    agdb__mutex_fini(&post->lock);
no_lock:
    agdb__free(post);
    return NULL;
}

void agdb__post_unref(agdb__post_t *post)
{
    unsigned left;

    if (post == NULL)
        return;
    agdb__lock(&post->lock);
    left = --post->refs;
    agdb__unlock(&post->lock);
    if (left == 0)
        post_free(post);
}

/* --- boxes ------------------------------------------------------------------------------------ */

/* Under the lock: takes one letter out, and its sender has room for another. */
static agdb__letter_t *take_letter(agdb__box_t *box)
{
    agdb__letter_t *letter = box->head;

    if (letter == NULL)
        return NULL;
    box->head = letter->next;
    if (box->head == NULL)
        box->tail = NULL;
    letter->from->queued--;
    return letter;
}

static void empty(agdb__box_t *box)
{
    agdb__letter_t *letter;

    while ((letter = take_letter(box)) != NULL)
        if (letter->owned)
            agdb__free(letter);
}

/* Under the lock. */
static void line_up(agdb__post_t *post, agdb__box_t *box)
{
    if (box->is_ready)
        return;
    box->is_ready = true;
    box->refs++;
    box->next_ready = NULL;
    *post->ready_end = box;
    post->ready_end = &box->next_ready;
}

/* Under the lock: with the reference that the line has held. */
static agdb__box_t *next_in_line(agdb__post_t *post)
{
    agdb__box_t *box = post->ready;

    if (box == NULL)
        return NULL;
    post->ready = box->next_ready;
    if (post->ready == NULL)
        post->ready_end = &post->ready;
    box->is_ready = false;
    return box;
}

/* Not under the lock; the box may be gone afterwards, and with it the post but for the caller's own
 * reference. */
static void give_back(agdb__post_t *post, agdb__box_t *box)
{
    unsigned left;

    agdb__lock(&post->lock);
    left = --box->refs;
    agdb__unlock(&post->lock);
    if (left > 0)
        return;
    box->release(box);
    agdb__post_unref(post);
}

static void wake_keeper(agdb__post_t *post)
{
    post->stirred = true;
    if (post->wake != NULL)
        post->wake(post->wake_user);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* What is handed to the callback lives here: the letter's own memory may go meanwhile. */
typedef struct delivery {
    agdb_notification_t event;
    agdb__letter_t *letter; /* to be freed */
    char text[192];
} delivery_t;

/* Under the lock. */
static bool prepare(agdb__box_t *box, delivery_t *d)
{
    agdb__letter_t *letter = box->ended ? NULL : take_letter(box);

    if (letter == NULL)
        return false;
    d->event = (agdb_notification_t){.kind = letter->kind,
                                     .sequence = ++box->sequence,
                                     .process = letter->process,
                                     .channel = box->channel,
                                     .shard = letter->from->shard,
                                     .node = letter->node,
                                     .text = letter->text};
    d->letter = letter->owned ? letter : NULL;
    if (letter == &letter->from->instead) {
        snprintf(d->text, sizeof d->text, "%s: %llu %s of the shard not kept", letter->text,
                 (unsigned long long)letter->from->unkept,
                 letter->from->unkept == 1 ? "event" : "events");
        d->event.text = d->text;
        letter->from->unkept = 0;
    }
    return true;
}

/* Under the lock, which is given up for the callback. */
static void deliver(agdb__post_t *post, agdb__box_t *box)
{
    delivery_t d;
    bool is_due = prepare(box, &d);

    if (box->head != NULL && !box->ended)
        line_up(post, box);
    post->running = is_due ? box : NULL;
    agdb__unlock(&post->lock);
    if (is_due) {
        box->callback(&d.event, box->user);
        agdb__free(d.letter);
        agdb__lock(&post->lock);
        post->running = NULL;
        agdb__cond_broadcast(&post->idle);
        agdb__unlock(&post->lock);
    }
    give_back(post, box);
    agdb__lock(&post->lock);
}

static void *thread_main(void *arg)
{
    agdb__post_t *post = arg;
    agdb__box_t *box;

    agdb__lock(&post->lock);
    while (!post->stopping) {
        box = next_in_line(post);
        if (box != NULL)
            deliver(post, box);
        else
            (void)agdb__cond_wait(&post->work, &post->lock, AGDB__NEVER);
    }
    while ((box = next_in_line(post)) != NULL) {
        agdb__unlock(&post->lock);
        give_back(post, box);
        agdb__lock(&post->lock);
    }
    post->still = true;
    if (post->wake != NULL)
        post->wake(post->wake_user);
    agdb__unlock(&post->lock);
    return NULL;
}

bool agdb__post_is_here(agdb__post_t *post)
{
    bool here;

    agdb__lock(&post->lock);
    here = post->has_thread && pthread_equal(post->thread, pthread_self()) != 0;
    agdb__unlock(&post->lock);
    return here;
}

/* --- callers' --------------------------------------------------------------------------------- */

/* Under the lock. */
static bool start(agdb__post_t *post)
{
    if (post->has_thread)
        return true;
    post->still = false;
    post->has_thread = agdb__thread_start(&post->thread, false, thread_main, post);
    post->still = !post->has_thread;
    return post->has_thread;
}

bool agdb__post_open(agdb__post_t *post, agdb__box_t *box)
{
    bool open;

    agdb__lock(&post->lock);
    open = !post->stopping && start(post);
    if (open) {
        box->refs = 2;
        post->refs++;
        box->next = post->fresh;
        post->fresh = box;
        wake_keeper(post);
    }
    agdb__unlock(&post->lock);
    return open;
}

void agdb__post_close(agdb__post_t *post, agdb__box_t *box)
{
    agdb__lock(&post->lock);
    box->ended = true;
    empty(box);
    if (!post->has_thread || pthread_equal(post->thread, pthread_self()) == 0)
        while (post->running == box)
            (void)agdb__cond_wait(&post->idle, &post->lock, AGDB__NEVER);
    wake_keeper(post);
    agdb__unlock(&post->lock);
    give_back(post, box);
}

/* --- the keeper's ----------------------------------------------------------------------------- */

agdb__box_t *agdb__post_collect(agdb__post_t *post, bool *ret_stirred)
{
    agdb__box_t *fresh;

    agdb__lock(&post->lock);
    fresh = post->fresh;
    post->fresh = NULL;
    *ret_stirred = post->stirred;
    post->stirred = false;
    agdb__unlock(&post->lock);
    return fresh;
}

bool agdb__post_is_ended(agdb__post_t *post, const agdb__box_t *box)
{
    bool ended;

    agdb__lock(&post->lock);
    ended = box->ended;
    agdb__unlock(&post->lock);
    return ended;
}

void agdb__post_leave(agdb__post_t *post, agdb__box_t *box)
{
    agdb__lock(&post->lock);
    box->ended = true;
    empty(box);
    agdb__unlock(&post->lock);
    give_back(post, box);
}

static agdb__letter_t *write_letter(const char *text)
{
    const size_t len = strlen(text);
    agdb__letter_t *letter = agdb__malloc(sizeof *letter + len + 1);

    if (letter == NULL)
        return NULL;
    *letter = (agdb__letter_t){.owned = true, .text = (const char *)(letter + 1)};
    memcpy(letter + 1, text, len + 1);
    return letter;
}

/* Under the lock. */
static void append(agdb__post_t *post, agdb__box_t *box, agdb__letter_t *letter)
{
    letter->next = NULL;
    if (box->tail != NULL)
        box->tail->next = letter;
    else
        box->head = letter;
    box->tail = letter;
    letter->from->queued++;
    line_up(post, box);
    agdb__cond_signal(&post->work);
}

/* Under the lock: the letter to append, or NULL: one that stands for it is on its way. */
static agdb__letter_t *choose(agdb__sender_t *from, agdb__letter_t *letter)
{
    const bool full = from->queued >= from->max;

    if (from->unkept == 0 && !full && letter != NULL)
        return letter;
    if (letter != NULL && letter->owned)
        agdb__free(letter);
    if (from->unkept++ > 0)
        return NULL;
    from->instead = (agdb__letter_t){.kind = AGDB_LISTEN_MISSED,
                                     .text = full ? "the queue is full" : "out of memory"};
    return &from->instead;
}

void agdb__post_put(agdb__post_t *post, agdb__box_t *box, agdb__sender_t *from,
                    agdb_listen_kind_t kind, const char *node, const char *text, int process)
{
    agdb__letter_t *letter = &from->first;

    if (kind == AGDB_LISTEN_SUBSCRIBED)
        from->first = (agdb__letter_t){.text = ""};
    else
        letter = write_letter(text);
    if (letter != NULL)
        letter->kind = kind;
    agdb__lock(&post->lock);
    if (box->ended || post->stopping) {
        if (letter != NULL && letter->owned)
            agdb__free(letter);
        agdb__unlock(&post->lock);
        return;
    }
    letter = choose(from, letter);
    if (letter != NULL) {
        letter->from = from;
        letter->node = node;
        letter->process = letter->kind == AGDB_LISTEN_NOTIFIED ? process : 0;
        append(post, box, letter);
    }
    agdb__unlock(&post->lock);
}

/* --- the end ---------------------------------------------------------------------------------- */

void agdb__post_stop(agdb__post_t *post)
{
    agdb__lock(&post->lock);
    post->stopping = true;
    agdb__cond_signal(&post->work);
    agdb__unlock(&post->lock);
}

bool agdb__post_is_still(agdb__post_t *post)
{
    bool still;

    agdb__lock(&post->lock);
    still = post->still;
    agdb__unlock(&post->lock);
    return still;
}

void agdb__post_fini(agdb__post_t *post)
{
    if (post == NULL)
        return;
    agdb__lock(&post->lock);
    post->wake = NULL;
    agdb__unlock(&post->lock);
    if (post->has_thread)
        pthread_join(post->thread, NULL);
    agdb__post_unref(post);
}
