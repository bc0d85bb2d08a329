#include "client/listening.h"

#include "base/alloc.h"
#include "base/fork.h"

#include <stdio.h>

/* --- listeners -------------------------------------------------------------------------------- */

static void release(agdb__box_t *box)
{
    agdb__free(box); /* the listener's first member */
}

agdb_listener_t *agdb__listener_new(agdb__post_t *post, const char *channel, size_t count)
{
    agdb_listener_t *listener =
        agdb__calloc(1, sizeof *listener + count * sizeof listener->subscription[0]);
    size_t i;

    if (listener == NULL)
        return NULL;
    listener->post = post;
    listener->fork_generation = agdb__fork_generation();
    snprintf(listener->channel, sizeof listener->channel, "%s", channel);
    listener->count = count;
    listener->box.channel = listener->channel;
    listener->box.release = release;
    for (i = 0; i < count; i++)
        listener->subscription[i].listener = listener;
    return listener;
}

void agdb__listener_free(agdb_listener_t *listener)
{
    agdb__free(listener);
}

static agdb_listener_t *of_box(agdb__box_t *box)
{
    return (agdb_listener_t *)box;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void put(agdb__subscription_t *s, agdb_listen_kind_t kind, const char *text, int process)
{
    agdb__post_put(s->listener->post, &s->listener->box, &s->sender, kind, s->endpoint->login.node,
                   text, process);
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

static agdb__endpoint_t *primary_of(agdb__topology_t *t, agdb__shard_entry_t *entry)
{
    const agdb__view_t view = agdb__board_view(&entry->shard.board);

    return view.primary != AGDB__NO_NODE ? &t->endpoints[entry->endpoint[view.primary]] : NULL;
}

static void leave(agdb__subscription_t *s)
{
    if (s->endpoint != NULL)
        agdb__ear_leave(&s->endpoint->ear, &s->hearer);
    s->endpoint = NULL;
}

/* Without a primary it stays where it was, as long as that lives. False: no memory. */
static bool place(agdb__topology_t *t, agdb__subscription_t *s)
{
    agdb__endpoint_t *primary = primary_of(t, s->entry);
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
        t->endpoints[i].ear.may_open = false;
    all->is_misplaced = false;
    for (box = all->all; box != NULL; box = box->next)
        for (i = 0; i < of_box(box)->count; i++)
            if (!place(t, &of_box(box)->subscription[i]))
                all->is_misplaced = true;
}

static uint64_t versions(agdb__topology_t *t)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < t->nshards; i++)
        sum += agdb__board_version(&t->shards[i].shard.board);
    return sum;
}

/* --- coming and going ------------------------------------------------------------------------- */

static void dismiss(agdb__listening_t *all, agdb__box_t *box)
{
    size_t i;

    for (i = 0; i < of_box(box)->count; i++)
        leave(&of_box(box)->subscription[i]);
    agdb__post_leave(all->post, box);
}

/* True: some have come or gone. */
static bool collect(agdb__listening_t *all)
{
    bool stirred;
    agdb__box_t *fresh = agdb__post_collect(all->post, &stirred);
    agdb__box_t **at = &all->all;

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
    return true;
}

void agdb__listening_step(agdb__listening_t *all, agdb__topology_t *t, uint64_t now_us)
{
    const bool stirred = collect(all);
    uint64_t seen;
    size_t i;

    if (all->all != NULL || stirred) {
        seen = versions(t);
        if (stirred || all->is_misplaced || seen != all->seen)
            place_all(all, t);
        all->seen = seen;
    }
    for (i = 0; i < t->nendpoints; i++)
        agdb__ear_step(&t->endpoints[i].ear, now_us);
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
