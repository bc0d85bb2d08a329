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

static agdb_status_t check_keyspace(const agdb__edition_t *edition, const char *name, size_t *ret,
                                    agdb_error_t **reterr)
{
    agdb_status_t st = agdb__client_keyspace(edition, name, ret, reterr);

    if (st == AGDB_OK && edition->map->keyspaces[*ret].via_pgbouncer)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "keyspace '%s' is `via: pgbouncer`, and LISTEN needs a session of its "
                          "own, which a PgBouncer does not give: name the servers in the map",
                          edition->map->keyspaces[*ret].name);
    return st;
}

/* --- listen ------------------------------------------------------------------------------------
 */

/* The shard of a key or a name; all of them. */
static agdb_status_t add_shards(const agdb__edition_t *edition, const agdb_listen_options_t *o,
                                size_t keyspace, agdb_listener_t *listener, agdb_error_t **reterr)
{
    const agdb_request_t request = {
        .key = o->key, .shard = o->shard, .keyspace = o->keyspace, .access = AGDB_READ};
    agdb__shard_t *shard = NULL;
    agdb_status_t st;
    size_t i;

    for (i = 0; o->all_shards && i < edition->map->keyspaces[keyspace].nshards; i++)
        if (!agdb__listener_add(listener, agdb__layout_shard(&edition->layout, keyspace, i)->name))
            return agdb__fail_nomem(reterr);
    if (o->all_shards)
        return AGDB_OK;
    st = agdb__client_target(edition, &request, &shard, reterr);
    if (st == AGDB_OK && !agdb__listener_add(listener, shard->name))
        st = agdb__fail_nomem(reterr);
    return st;
}

static agdb_status_t make(agdb_t *db, const agdb__edition_t *edition,
                          const agdb_listen_options_t *o, agdb_listener_t **ret,
                          agdb_error_t **reterr)
{
    agdb_listener_t *listener;
    size_t keyspace = 0;
    agdb_status_t st = check_keyspace(edition, o->keyspace, &keyspace, reterr);

    if (st != AGDB_OK)
        return st;
    listener =
        agdb__listener_new(db->listening.post, o->channel, edition->layout.keyspace[keyspace]);
    if (listener == NULL)
        return agdb__fail_nomem(reterr);
    listener->all_shards = o->all_shards;
    listener->max_queued = o->max_queued != 0 ? o->max_queued : AGDB_LISTEN_QUEUED;
    st = add_shards(edition, o, keyspace, listener, reterr);
    if (st == AGDB_OK)
        *ret = listener;
    else
        agdb__listener_free(listener);
    return st;
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

/* Not given to the keeper yet. */
static agdb_status_t make_checked(agdb_t *db, const agdb__edition_t *edition,
                                  const agdb_listen_options_t *o, agdb_listener_t **ret,
                                  agdb_error_t **reterr)
{
    agdb_status_t st = check_channel(o->channel, reterr);

    if (st == AGDB_OK)
        st = check_target(o, reterr);
    return st == AGDB_OK ? make(db, edition, o, ret, reterr) : st;
}

agdb_status_t agdb_listen(agdb_t *db, const agdb_listen_options_t *options, agdb_listen_fn callback,
                          void *user, agdb_listener_t **ret, agdb_error_t **reterr)
{
    agdb_listener_t *listener = NULL;
    agdb_listen_options_t ours;
    agdb__visit_t visit;
    agdb_status_t st;

    if (options == NULL || callback == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_listen needs options, a function to call and a place for the "
                          "listener");
    st = agdb__border_copy(&ours, sizeof ours, options, options->struct_size, "listen options",
                           reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    st = make_checked(db, visit.edition, &ours, &listener, reterr);
    if (st == AGDB_OK) {
        listener->box.callback = callback;
        listener->box.user = user;
        st = hand_over(listener, ret, reterr);
    }
    if (st != AGDB_OK) {
        agdb__error_stage(reterr, AGDB_STAGE_CHECK);
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    }
    agdb__border_leave(&visit);
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
