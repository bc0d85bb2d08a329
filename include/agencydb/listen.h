/* NOTIFY, heard by the service: a listener is told of every notification on a channel, and of every
 * time that it may have missed some.
 *
 *     static void on_alert(const agdb_notification_t *n, void *user)
 *     {
 *         if (agdb_notification_kind(n) == AGDB_LISTEN_NOTIFIED)
 *             handle(user, agdb_notification_payload(n));
 *         else if (agdb_notification_kind(n) != AGDB_LISTEN_LOST)
 *             read_all_again(user);         // SUBSCRIBED, MISSED: what was said before is not
 * known
 *     }
 *
 *     agdb_listen(db, AGDB_LISTEN(.key = agdb_key("epa"), .channel = "alerts"), on_alert, me,
 *                 &listener, &err);
 *
 * A notification is lost for good when nobody is connected at that moment: PostgreSQL keeps none.
 * So write what matters to a table, notify in the same transaction, and read the table at
 * SUBSCRIBED and MISSED: they are told after the LISTEN is committed, so that nothing falls between
 * the two.
 *
 * A listener follows its shard's primary through failovers, restarts and lost connections. All
 * listeners of one database share one connection, which comes on top of the pool's `max`. */
#ifndef AGENCYDB_LISTEN_H
#define AGENCYDB_LISTEN_H

#include "agencydb/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* @threads any */
typedef struct agdb_listener agdb_listener_t;

/* What happened; of one shard each. The values are fixed. */
typedef enum agdb_listen_kind {
    AGDB_LISTEN_SUBSCRIBED = 1, /* once for each shard: from here on it is heard */
    AGDB_LISTEN_NOTIFIED = 2,
    AGDB_LISTEN_MISSED = 3, /* some may have been missed: it is heard again after LOST, or the queue
                               was full, or memory was out; the reason says which */
    AGDB_LISTEN_LOST = 4    /* it is not heard now, for this reason: MISSED will follow. Ahead of
                               SUBSCRIBED: a login or the channel is refused, a person must act */
} agdb_listen_kind_t;

/* Borrowed for the length of the callback, and so are its texts. @threads one */
typedef struct agdb_notification agdb_notification_t;

/* Called once for each event, one after the other, in the order of each shard; on a thread that all
 * listeners of a client share, with no lock held. A slow one delays the others, and nothing else.
 * It may call the library, agdb_query and agdb_unlisten of any listener included; agdb_close of its
 * own client is AGDB_E_MISUSE in it.
 * @param notification  what happened
 * @param user          from agdb_listen */
typedef void (*agdb_listen_fn)(const agdb_notification_t *notification, void *user);

/* Zero in a field means its default. The target is exactly one of `key`, `shard` and `all_shards`;
 * none is allowed in a keyspace with one shard only. All is copied. */
typedef struct agdb_listen_options {
    size_t struct_size; /* set by AGDB_LISTEN / AGDB_LISTEN_INIT */
    agdb_bytes_t key;   /* the agency whose shard is meant; what others say there is heard, too */
    const char *shard;  /* or the shard, by name */
    const char *keyspace;
    bool all_shards;     /* or every shard of the keyspace */
    const char *channel; /* exactly this name, 1 to 63 bytes of UTF-8: not folded, it needs no
                            quotes. NOTIFY alerts and NOTIFY Alerts are both "alerts" */
    uint32_t max_queued; /* events of one shard that wait for the callback; what is more is not
                            kept, and one MISSED stands for it. Default: AGDB_LISTEN_QUEUED */
} agdb_listen_options_t;

/* A payload has up to 8000 bytes: so many times that, at most, is held. */
#define AGDB_LISTEN_QUEUED 1000u

/* Empty options with their size set.
 * @return the options
 * @threads any */
static inline agdb_listen_options_t agdb_listen_init(void)
{
    agdb_listen_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    return options;
}
#define AGDB_LISTEN_INIT agdb_listen_init()

#ifndef __cplusplus
/* Options written in place, for use inside a call only. */
#define AGDB_LISTEN(...)                                                                           \
    (&(const agdb_listen_options_t){.struct_size = sizeof(agdb_listen_options_t), __VA_ARGS__})
#endif

/* Begins to listen. Waits for no server: SUBSCRIBED tells when it is heard. Two listeners on one
 * channel are told everything, both.
 * @param db        the client
 * @param options   where, and which channel
 * @param callback  told of everything, from now on, perhaps before this returns
 * @param user      for it
 * @param ret       set on success, before the callback is first called; free with agdb_unlisten
 * @param reterr    may be NULL
 * @return AGDB_OK; AGDB_E_UNSUPPORTED (the keyspace is behind a PgBouncer, which has no session to
 *         listen in), AGDB_E_INVAL, AGDB_E_NO_TARGET, AGDB_E_NOMEM, AGDB_E_CLOSING, AGDB_E_FORKED,
 *         AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_listen(agdb_t *db, const agdb_listen_options_t *options,
                                                agdb_listen_fn callback, void *user,
                                                agdb_listener_t **ret, agdb_error_t **reterr);

/* Ends the listener and frees it. When it returns, the callback is not running and will not be
 * called again: it waits for one that is running, so do not hold what that needs. From inside its
 * own callback it returns at once, and that call is the last; the event's texts stay until it ends.
 * May be called after agdb_close, too, which has ended the listener but not freed it.
 * @param listener  owned by the caller until now; NULL is fine
 * @return AGDB_OK, AGDB_E_FORKED (nothing was touched)
 * @threads any */
AGDB_API agdb_status_t agdb_unlisten(agdb_listener_t *listener);

/* @param notification  not NULL
 * @return what happened
 * @threads one */
AGDB_API agdb_listen_kind_t agdb_notification_kind(const agdb_notification_t *notification);

/* @param notification  not NULL
 * @return its number: 1, 2, 3, ... for each listener, without gaps
 * @threads one */
AGDB_API uint64_t agdb_notification_sequence(const agdb_notification_t *notification);

/* @param notification  not NULL
 * @return borrowed: the listener's channel
 * @threads one */
AGDB_API const char *agdb_notification_channel(const agdb_notification_t *notification);

/* @param notification  not NULL
 * @return borrowed: what was said with NOTIFIED; "" with others, and when nothing was
 * @threads one */
AGDB_API const char *agdb_notification_payload(const agdb_notification_t *notification);

/* @param notification  not NULL
 * @return the server process that has said it; 0 with others than NOTIFIED
 * @threads one */
AGDB_API int agdb_notification_pid(const agdb_notification_t *notification);

/* @param notification  not NULL
 * @return borrowed: name of the shard
 * @threads one */
AGDB_API const char *agdb_notification_shard(const agdb_notification_t *notification);

/* @param notification  not NULL
 * @return borrowed: name of the node that it was heard on, or was lost with
 * @threads one */
AGDB_API const char *agdb_notification_node(const agdb_notification_t *notification);

/* @param notification  not NULL
 * @return borrowed: with MISSED and LOST why, in one line; "" with others
 * @threads one */
AGDB_API const char *agdb_notification_reason(const agdb_notification_t *notification);

/* @param kind  any
 * @return static text such as "subscribed"; "" for a number that is no kind
 * @threads any */
AGDB_API const char *agdb_listen_kind_name(agdb_listen_kind_t kind);

#ifdef __cplusplus
}
#endif
#endif
