/* What the library tells its host, through callbacks: it prints nothing by itself.
 *
 * Callbacks may run on any thread, also several at once, and must be quick. They may not call
 * back into the client. */
#ifndef AGENCYDB_LOG_H
#define AGENCYDB_LOG_H

#include "agencydb/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much a line matters; the lower the more. */
typedef enum agdb_log_level {
    AGDB_LOG_ERROR = 1,
    AGDB_LOG_WARN = 2,
    AGDB_LOG_INFO = 3,
    AGDB_LOG_DEBUG = 4
} agdb_log_level_t;

/* One line, without newline; borrowed for the length of the callback. */
typedef void (*agdb_log_fn)(agdb_log_level_t level, const char *line, void *user);

/* What a record is about. */
typedef enum agdb_log_kind {
    AGDB_LOG_EVENT = 1, /* also told as an agdb_event_t */
    AGDB_LOG_SLOW = 2,  /* a call that took longer than log.slow of the map; ten a second for each
                           shard at most */
    AGDB_LOG_ADVICE = 3 /* what a call site could say to be served better; once for each tag */
} agdb_log_kind_t;

/* The same line with its parts. Texts are borrowed for the length of the callback, and never NULL;
 * values of requests are never in it, nor is SQL. */
typedef struct agdb_log_record {
    size_t struct_size; /* of the library's struct: fields beyond it are not there */
    agdb_log_level_t level;
    agdb_log_kind_t kind;
    const char *message; /* what agdb_log_fn gets */
    const char *shard;   /* or "" */
    const char *node;    /* or "" */
    const char *tag;     /* of the request, or "" */
    agdb_bytes_t agency; /* of the request, or empty */
    agdb_status_t status;
    uint64_t total_us; /* SLOW: all of it; the parts are those of agdb_timing_t, also of a call that
                          has failed: what was never sent has waited only */
    uint64_t wait_us;  /* park, earlier, queue and connect */
    uint64_t exec_us;  /* 0: it was not sent */
    uint32_t unsaid;   /* records like it that were held back since the last one */
    uint32_t attempts; /* 0: there was no node to try */
    uint64_t park_us;
    uint64_t earlier_us;
    uint64_t queue_us;
    uint64_t connect_us;
    uint32_t group; /* 0: it was not sent */
} agdb_log_record_t;

/* Takes a record.
 * @param record  borrowed for the length of the callback
 * @param user    from the options */
typedef void (*agdb_record_fn)(const agdb_log_record_t *record, void *user);

/* What happened to a node, a shard or an agency. */
typedef enum agdb_event_type {
    AGDB_EVENT_NODE_UP = 1,         /* answers, and says it is the right shard */
    AGDB_EVENT_NODE_DOWN = 2,       /* stopped answering */
    AGDB_EVENT_NODE_PROMOTED = 3,   /* is a primary now */
    AGDB_EVENT_NODE_DEMOTED = 4,    /* was a primary and is none now */
    AGDB_EVENT_NODE_REFUSED = 5,    /* answers, but may not be used: identity, login, TLS */
    AGDB_EVENT_SPLIT_BRAIN = 6,     /* two nodes of a shard claim to be its primary */
    AGDB_EVENT_SPLIT_ENDED = 7,     /* and do so no more */
    AGDB_EVENT_NODE_STALE = 8,      /* says it is a primary, of a timeline that is over */
    AGDB_EVENT_NODE_JOINED = 9,     /* a replica that came back has caught up, and answers reads */
    AGDB_EVENT_NODE_LAGS = 10,      /* a replica is further behind than replicas.max_lag */
    AGDB_EVENT_NODE_CAUGHT_UP = 11, /* and is so no more: half of that at most */
    AGDB_EVENT_FROZEN = 12,         /* the map refuses an agency's writes, from now on */
    AGDB_EVENT_MAP_IN_USE = 13,     /* another map has taken the place of the one in use */
    AGDB_EVENT_MAP_REFUSED = 14     /* or may not: a person must act */
} agdb_event_type_t;

/* @threads frozen */
typedef struct agdb_event agdb_event_t;

/* The event is borrowed for the length of the callback. */
typedef void (*agdb_event_fn)(const agdb_event_t *event, void *user);

/* @param event  not NULL
 * @return what happened
 * @threads any */
AGDB_API agdb_event_type_t agdb_event_type(const agdb_event_t *event);

/* @param event  not NULL
 * @return its number: 1, 2, 3, ... for each client, without gaps
 * @threads any */
AGDB_API uint64_t agdb_event_sequence(const agdb_event_t *event);

/* @param event  not NULL
 * @return borrowed: name of the shard; "" when it is about the map
 * @threads any */
AGDB_API const char *agdb_event_shard(const agdb_event_t *event);

/* @param event  not NULL
 * @return borrowed: name of the node, or ""
 * @threads any */
AGDB_API const char *agdb_event_node(const agdb_event_t *event);

/* @param event  not NULL
 * @return borrowed: the reason in one line, or ""
 * @threads any */
AGDB_API const char *agdb_event_text(const agdb_event_t *event);

/* @param type  any
 * @return static text such as "node up"
 * @threads any */
AGDB_API const char *agdb_event_type_name(agdb_event_type_t type);

#ifdef __cplusplus
}
#endif
#endif
