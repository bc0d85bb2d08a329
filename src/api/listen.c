/* agencydb/listen.h */
#include "agencydb/listen.h"

#include "api/border.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/fork.h"
#include "client/listening.h"
#include "map/text.h"

/* --- checks ------------------------------------------------------------------------------------
 */

static agdb_status_t check_channel(const char *channel, agdb_error_t **reterr)
{
    const size_t len = channel != NULL ? strlen(channel) : 0;

    if (len < 1 || len > AGDB__CHANNEL_NAME_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL, "the channel has %zu bytes, not 1 to %d", len,
                          AGDB__CHANNEL_NAME_MAX);
    if (!agdb__text_is_printable(channel, len))
        return agdb__fail(reterr, AGDB_E_INVAL, "the channel is not UTF-8 without control bytes");
    return AGDB_OK;
}

static agdb_status_t check_target(const agdb_listen_options_t *o, agdb_error_t **reterr)
{
    if (o->key.data == NULL && o->key.len > 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "the key has a length but no bytes");
    if (o->key.data != NULL && (o->key.len < 1 || o->key.len > AGDB_KEY_MAX))
        return agdb__fail(reterr, AGDB_E_INVAL, "the key has %zu bytes, not 1 to %d", o->key.len,
                          AGDB_KEY_MAX);
    if ((o->key.data != NULL) + (o->shard != NULL) + (o->all_shards ? 1 : 0) > 1)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "several targets: give one of .key, .shard and .all_shards");
    return AGDB_OK;
}

static agdb_status_t check_keyspace(agdb_t *db, const char *name, size_t *ret,
                                    agdb_error_t **reterr)
{
    agdb_status_t st = agdb__client_keyspace(db, name, ret, reterr);

    if (st == AGDB_OK && db->map->keyspaces[*ret].via_pgbouncer)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "keyspace '%s' is `via: pgbouncer`, and LISTEN needs a session of its "
                          "own, which a PgBouncer does not give: name the servers in the map",
                          db->map->keyspaces[*ret].name);
    return st;
}

/* --- listen ------------------------------------------------------------------------------------
 */

static void fill(agdb__subscription_t *s, agdb__shard_entry_t *entry, uint32_t max)
{
    s->entry = entry;
    s->sender.shard = entry->shard.name;
    s->sender.max = max != 0 ? max : AGDB_LISTEN_QUEUED;
}

static agdb_status_t make(agdb_t *db, const agdb_listen_options_t *o, size_t keyspace,
                          agdb_listener_t **ret, agdb_error_t **reterr)
{
    const size_t count = o->all_shards ? db->map->keyspaces[keyspace].nshards : 1;
    agdb__shard_entry_t *first = &db->topology.shards[db->topology.first_shard[keyspace]];
    agdb_listener_t *listener;
    size_t i;

    if (!o->all_shards) {
        const agdb_request_t request = {
            .key = o->key, .shard = o->shard, .keyspace = o->keyspace, .access = AGDB_READ};
        agdb__shard_t *shard = NULL;
        agdb_status_t st = agdb__client_target(db, &request, &shard, reterr);

        if (st != AGDB_OK)
            return st;
        while (&first->shard != shard)
            first++;
    }
    listener = agdb__listener_new(db->listening.post, o->channel, count);
    if (listener == NULL)
        return agdb__fail_nomem(reterr);
    for (i = 0; i < count; i++)
        fill(&listener->subscription[i], &first[i], o->max_queued);
    *ret = listener;
    return AGDB_OK;
}

/* The callback may run before this returns: it finds the handle where the caller wants it. */
static agdb_status_t hand_over(agdb_listener_t *take, agdb_listener_t **ret, agdb_error_t **reterr)
{
    agdb_listener_t *before = *ret;
    agdb__post_t *post = take->post;

    *ret = take;
    if (agdb__post_open(post, &take->box))
        return AGDB_OK;
    *ret = before;
    agdb__listener_free(take);
    return agdb__fail(reterr, AGDB_E_NOMEM, "the thread for callbacks cannot be started");
}

static agdb_status_t listen_checked(agdb_t *db, const agdb_listen_options_t *o,
                                    agdb_listen_fn callback, void *user, agdb_listener_t **ret,
                                    agdb_error_t **reterr)
{
    agdb_listener_t *listener = NULL;
    size_t keyspace = 0;
    agdb_status_t st = check_channel(o->channel, reterr);

    if (st == AGDB_OK)
        st = check_target(o, reterr);
    if (st == AGDB_OK)
        st = check_keyspace(db, o->keyspace, &keyspace, reterr);
    if (st == AGDB_OK)
        st = make(db, o, keyspace, &listener, reterr);
    if (st != AGDB_OK)
        return st;
    listener->box.callback = callback;
    listener->box.user = user;
    return hand_over(listener, ret, reterr);
}

agdb_status_t agdb_listen(agdb_t *db, const agdb_listen_options_t *options, agdb_listen_fn callback,
                          void *user, agdb_listener_t **ret, agdb_error_t **reterr)
{
    const agdb_allocator_t *outer = NULL;
    agdb_listen_options_t ours;
    agdb_status_t st;

    if (options == NULL || callback == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_listen needs options, a function to call and a place for the "
                          "listener");
    st = agdb__border_copy(&ours, sizeof ours, options, options->struct_size, "listen options",
                           reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &outer, reterr);
    if (st != AGDB_OK)
        return st;
    st = listen_checked(db, &ours, callback, user, ret, reterr);
    if (st != AGDB_OK) {
        agdb__error_stage(reterr, AGDB_STAGE_CHECK);
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    }
    agdb__border_leave(db, outer);
    return st;
}

agdb_status_t agdb_unlisten(agdb_listener_t *listener)
{
    if (listener == NULL)
        return AGDB_OK;
    if (listener->fork_generation != agdb__fork_generation())
        return AGDB_E_FORKED;
    agdb__post_close(listener->post, &listener->box);
    return AGDB_OK;
}

/* --- events ------------------------------------------------------------------------------------
 */

agdb_listen_kind_t agdb_notification_kind(const agdb_notification_t *notification)
{
    return notification->kind;
}

uint64_t agdb_notification_sequence(const agdb_notification_t *notification)
{
    return notification->sequence;
}

const char *agdb_notification_channel(const agdb_notification_t *notification)
{
    return notification->channel;
}

const char *agdb_notification_payload(const agdb_notification_t *notification)
{
    return notification->kind == AGDB_LISTEN_NOTIFIED ? notification->text : "";
}

int agdb_notification_pid(const agdb_notification_t *notification)
{
    return notification->process;
}

const char *agdb_notification_shard(const agdb_notification_t *notification)
{
    return notification->shard;
}

const char *agdb_notification_node(const agdb_notification_t *notification)
{
    return notification->node;
}

const char *agdb_notification_reason(const agdb_notification_t *notification)
{
    return notification->kind != AGDB_LISTEN_NOTIFIED ? notification->text : "";
}

const char *agdb_listen_kind_name(agdb_listen_kind_t kind)
{
    switch (kind) {
    case AGDB_LISTEN_SUBSCRIBED:
        return "subscribed";
    case AGDB_LISTEN_NOTIFIED:
        return "notified";
    case AGDB_LISTEN_MISSED:
        return "missed";
    case AGDB_LISTEN_LOST:
        return "lost";
    }
    return "";
}
