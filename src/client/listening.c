#include "client/listening.h"

#include "base/alloc.h"
#include "base/fork.h"

#include <stdio.h>

/* --- listeners -------------------------------------------------------------------------------- */

void agdb__listener_free(agdb_listener_t *listener)
{
    size_t i;

    for (i = 0; i < listener->count; i++)
        agdb__free(listener->subscription[i]);
    agdb__free(listener->subscription);
    agdb__free(listener);
}

/* The box is the listener's first member. */
static void release(agdb__box_t *box)
{
    agdb__listener_free((agdb_listener_t *)box);
}

agdb_listener_t *agdb__listener_new(agdb__post_t *post, const char *channel, const char *keyspace)
{
    agdb_listener_t *listener = agdb__calloc(1, sizeof *listener);

    if (listener == NULL)
        return NULL;
    listener->post = post;
    listener->fork_generation = agdb__fork_generation();
    snprintf(listener->channel, sizeof listener->channel, "%s", channel);
    listener->keyspace = keyspace;
    listener->box.channel = listener->channel;
    listener->box.release = release;
    return listener;
}

bool agdb__listener_add(agdb_listener_t *listener, const char *shard)
{
    agdb__subscription_t **grown = agdb__realloc(
        listener->subscription, (listener->count + 1) * sizeof *listener->subscription);
    agdb__subscription_t *s;

    if (grown == NULL)
        return false;
    listener->subscription = grown;
    s = agdb__calloc(1, sizeof *s);
    if (s == NULL)
        return false;
    s->listener = listener;
    s->sender.shard = shard;
    s->sender.max = listener->max_queued;
    listener->subscription[listener->count++] = s;
    return true;
}

static agdb_listener_t *of_box(agdb__box_t *box)
{
    return (agdb_listener_t *)box;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void put(agdb__subscription_t *s, agdb_listen_kind_t kind, const char *text, int process)
{
    agdb__post_put(s->listener->post, &s->listener->box, &s->sender, kind,
                   s->endpoint != NULL ? s->endpoint->login.node : "", text, process);
}

/* MISSED comes with the reason for which it was lost. */
static void tell(agdb__subscription_t *s, agdb__heard_t heard, const char *text)
{
    switch (agdb__hearing_step(&s->hearing, heard)) {
    case AGDB__TELL_NOTHING:
        break;
    case AGDB__TELL_SUBSCRIBED:
        put(s, AGDB_LISTEN_SUBSCRIBED, "", 0);
        break;
    case AGDB__TELL_MISSED:
        put(s, AGDB_LISTEN_MISSED, s->why, 0);
        break;
    case AGDB__TELL_LOST:
        snprintf(s->why, sizeof s->why, "%s", text);
        put(s, AGDB_LISTEN_LOST, text, 0);
        break;
    }
}

void agdb__listening_hear(agdb__hearer_t *hearer, agdb__heard_t heard, const char *text,
                          int process)
{
    agdb__subscription_t *s = (agdb__subscription_t *)hearer;

    tell(s, heard, text);
    if (heard == AGDB__HEARD_NOTIFIED)
        put(s, AGDB_LISTEN_NOTIFIED, text, process);
}

/* --- places ----------------------------------------------------------------------------------- */

static agdb__endpoint_t *primary_of(agdb__shard_entry_t *entry)
{
    const agdb__view_t view = agdb__board_view(&entry->shard.board);

    return view.primary != AGDB__NO_NODE ? entry->place[view.primary].endpoint : NULL;
}

static void leave(agdb__subscription_t *s)
{
    if (s->endpoint != NULL)
        agdb__ear_leave(&s->endpoint->ear, &s->hearer);
    s->endpoint = NULL;
}

/* Without a primary it stays where it was, as long as that lives. False: no memory. */
static bool place(agdb__subscription_t *s)
{
    agdb__endpoint_t *primary = s->entry != NULL ? primary_of(s->entry) : NULL;
    char why[AGDB__EAR_WHY_SIZE];

    if (primary == NULL)
        return true;
    primary->ear.may_open = true;
    if (s->endpoint == primary)
        return true;
    if (s->endpoint != NULL) {
        snprintf(why, sizeof why, "the primary is node '%s' now", primary->login.node);
        tell(s, AGDB__HEARD_CUT, why);
        leave(s);
    }
    s->endpoint = primary; /* it may hear at once that the channel stands */
    if (agdb__ear_join(&primary->ear, s->listener->channel, &s->hearer))
        return true;
    s->endpoint = NULL;
    return false;
}

static void place_all(agdb__listening_t *all, agdb__topology_t *t)
{
    agdb__box_t *box;
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        t->endpoints[i]->ear.may_open = false;
    all->is_misplaced = false;
    for (box = all->all; box != NULL; box = box->next)
        for (i = 0; i < of_box(box)->count; i++)
            if (!place(of_box(box)->subscription[i]))
                all->is_misplaced = true;
}

/* --- maps --------------------------------------------------------------------------------------
 */

static agdb__shard_entry_t *find_shard(const agdb__layout_t *layout, const char *keyspace,
                                       const char *shard)
{
    size_t i;

    for (i = 0; i < layout->nshards; i++)
        if (strcmp(layout->shards[i]->keyspace, keyspace) == 0 &&
            strcmp(layout->shards[i]->shard.name, shard) == 0)
            return layout->shards[i];
    return NULL;
}

static void move_subscription(agdb__subscription_t *s, const agdb__layout_t *layout)
{
    agdb__shard_entry_t *entry = find_shard(layout, s->listener->keyspace, s->sender.shard);
    const bool is_gone = entry == NULL && (s->entry != NULL || s->hearing == AGDB__HEARING_NOT_YET);

    if (entry == s->entry && !is_gone)
        return;
    if (entry != NULL)
        agdb__shard_entry_ref(entry);
    agdb__shard_entry_unref(s->entry);
    s->entry = entry;
    if (is_gone) {
        tell(s, AGDB__HEARD_REFUSED, "the map in use has no such shard any more");
        leave(s);
    }
}

static bool has_shard(const agdb_listener_t *listener, const char *shard)
{
    size_t i;

    for (i = 0; i < listener->count; i++)
        if (strcmp(listener->subscription[i]->sender.shard, shard) == 0)
            return true;
    return false;
}

/* False: no memory. */
static bool add_new_shards(agdb_listener_t *listener, const agdb__layout_t *layout)
{
    size_t i;

    for (i = 0; i < layout->nshards; i++)
        if (strcmp(layout->shards[i]->keyspace, listener->keyspace) == 0 &&
            !has_shard(listener, layout->shards[i]->shard.name) &&
            !agdb__listener_add(listener, layout->shards[i]->shard.name))
            return false;
    return true;
}

static void move_box(agdb__listening_t *all, agdb__box_t *box, const agdb__layout_t *layout)
{
    agdb_listener_t *listener = of_box(box);
    size_t i;

    if (listener->all_shards && !add_new_shards(listener, layout))
        all->is_lacking = true;
    for (i = 0; i < listener->count; i++)
        move_subscription(listener->subscription[i], layout);
}

void agdb__listening_move(agdb__listening_t *all, const agdb__layout_t *layout)
{
    agdb__box_t *box;

    all->is_lacking = false;
    for (box = all->all; box != NULL; box = box->next)
        move_box(all, box, layout);
    all->is_misplaced = true;
}

static uint64_t versions(agdb__topology_t *t)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < t->nshards; i++)
        sum += agdb__board_version(&t->shards[i]->shard.board);
    return sum;
}

/* --- coming and going ------------------------------------------------------------------------- */

static void dismiss(agdb__listening_t *all, agdb__box_t *box)
{
    size_t i;

    for (i = 0; i < of_box(box)->count; i++) {
        agdb__subscription_t *s = of_box(box)->subscription[i];

        leave(s);
        agdb__shard_entry_unref(s->entry);
        s->entry = NULL;
    }
    agdb__post_leave(all->post, box);
}

/* True: some have come or gone. */
static bool collect(agdb__listening_t *all, const agdb__layout_t *layout)
{
    bool stirred;
    agdb__box_t *fresh = agdb__post_collect(all->post, &stirred);
    agdb__box_t **at = &all->all;
    size_t count = 0;

    if (!stirred)
        return false;
    while (*at != NULL) {
        agdb__box_t *box = *at;

        if (agdb__post_is_ended(all->post, box)) {
            *at = box->next;
            dismiss(all, box);
        } else {
            at = &box->next;
        }
    }
    *at = fresh;
    for (; fresh != NULL; fresh = fresh->next)
        move_box(all, fresh, layout);
    for (fresh = all->all; fresh != NULL; fresh = fresh->next)
        count++;
    atomic_store_explicit(&all->count, count, memory_order_relaxed);
    return true;
}

void agdb__listening_step(agdb__listening_t *all, agdb__topology_t *t, const agdb__layout_t *layout,
                          uint64_t now_us)
{
    const bool stirred = collect(all, layout);
    uint64_t seen;
    size_t i;

    if (all->is_lacking)
        agdb__listening_move(all, layout);
    if (all->all != NULL || stirred) {
        seen = versions(t);
        if (stirred || all->is_misplaced || seen != all->seen)
            place_all(all, t);
        all->seen = seen;
    }
    for (i = 0; i < t->nendpoints; i++)
        agdb__ear_step(&t->endpoints[i]->ear, now_us);
}

void agdb__listening_fini(agdb__listening_t *all)
{
    bool stirred;
    agdb__box_t *box;
    agdb__box_t *next;

    if (all->post == NULL)
        return;
    for (box = all->all; box != NULL; box = next) {
        next = box->next;
        dismiss(all, box);
    }
    for (box = agdb__post_collect(all->post, &stirred); box != NULL; box = next) {
        next = box->next;
        agdb__post_leave(all->post, box);
    }
    agdb__post_fini(all->post);
    *all = (agdb__listening_t){0};
}
