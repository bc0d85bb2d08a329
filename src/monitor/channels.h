/* The channels that somebody wants to hear in one database, and how far each has come on the
 * connection that listens there. No I/O. */
#ifndef AGDB_MONITOR_CHANNELS_H
#define AGDB_MONITOR_CHANNELS_H

#include "agencydb/base.h"
#include "pg/conn.h"

enum { AGDB__CHANNEL_NAME_MAX = 63 };

typedef enum agdb__channel_state {
    AGDB__CHANNEL_ABSENT = 0, /* the server has not been asked */
    AGDB__CHANNEL_ASKED,      /* LISTEN was sent */
    AGDB__CHANNEL_STANDS,     /* and committed */
    AGDB__CHANNEL_LEAVING     /* UNLISTEN was sent */
} agdb__channel_state_t;

/* One who hears a channel; lives in what it belongs to. */
typedef struct agdb__hearer {
    struct agdb__hearer *next;
    struct agdb__hearer *prev;
    struct agdb__channel *channel; /* NULL: none */
} agdb__hearer_t;

typedef struct agdb__channel {
    agdb__channel_state_t state;
    uint64_t retry_us; /* ABSENT: not asked again before this */
    agdb__hearer_t *hearers;
    char name[AGDB__CHANNEL_NAME_MAX + 1];
} agdb__channel_t;

typedef struct agdb__channels {
    agdb__channel_t **all; /* in the order of their names */
    size_t count;
    size_t room;
    size_t heard;     /* those with hearers */
    uint64_t look_us; /* when there may be something to ask; AGDB__NEVER: nothing */
} agdb__channels_t;

void agdb__channels_init(agdb__channels_t *channels);
/* Nobody hears any of them any more. */
void agdb__channels_fini(agdb__channels_t *channels);

/* The name is 1 to AGDB__CHANNEL_NAME_MAX bytes. False: no memory. */
bool agdb__channels_join(agdb__channels_t *channels, const char *name, agdb__hearer_t *hearer);
/* The channel is left when its last hearer goes. Nothing happens when it hears none. */
void agdb__channels_leave(agdb__channels_t *channels, agdb__hearer_t *hearer);
/* NULL: nobody wants it. */
agdb__channel_t *agdb__channels_find(const agdb__channels_t *channels, const char *name);

/* What to ask for now, `max` at most: each of these channels is ASKED or LEAVING from now on. */
size_t agdb__channels_ask(agdb__channels_t *channels, uint64_t now_us, agdb__channel_t **ret,
                          size_t max);
/* The server has done what it was asked for. True: the channel has become one that STANDS. */
bool agdb__channels_done(agdb__channels_t *channels, agdb__channel_t *channel);
/* It has refused: asked again at that time. */
void agdb__channels_refused(agdb__channels_t *channels, agdb__channel_t *channel,
                            uint64_t retry_us);
/* The connection is gone: all are ABSENT. */
void agdb__channels_reset(agdb__channels_t *channels);

#endif
