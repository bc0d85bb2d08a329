/* The one connection that listens in a database for everybody who wants to hear something there:
 * made, asked, watched and made again. The keeper's; it never blocks. It is none of the pool's. */
#ifndef AGDB_MONITOR_EAR_H
#define AGDB_MONITOR_EAR_H

#include "base/pollset.h"
#include "monitor/channels.h"
#include "monitor/ear_plan.h"

enum { AGDB__EAR_WHY_SIZE = 256 };

/* What is said to one who hears. `text` is the payload, or the reason; `process` is 0 but for
 * notifications. In the call nobody may join or leave. */
typedef void (*agdb__ear_fn)(agdb__hearer_t *hearer, agdb__heard_t heard, const char *text,
                             int process);

typedef struct agdb__ear {
    const agdb__login_t *login; /* borrowed */
    agdb__resolver_t *resolver; /* borrowed */
    agdb__ear_fn tell;
    agdb__conn_t *conn;
    agdb__channels_t channels;
    agdb__channel_t *asked[AGDB__GROUP_MAX]; /* in flight; none: a ping is */
    size_t nasked;
    agdb__rng_t rng;
    bool may_open;     /* set by its owner before each step */
    bool is_new;       /* being made */
    unsigned failures; /* in a row, until something was committed */
    uint64_t open_us;
    uint64_t ping_us;
} agdb__ear_t;

void agdb__ear_init(agdb__ear_t *ear, const agdb__login_t *login, agdb__resolver_t *resolver,
                    agdb__ear_fn tell);
void agdb__ear_fini(agdb__ear_t *ear);

/* False: no memory. One who joins a channel that stands hears so at once. */
bool agdb__ear_join(agdb__ear_t *ear, const char *channel, agdb__hearer_t *hearer);
void agdb__ear_leave(agdb__ear_t *ear, agdb__hearer_t *hearer);

/* Goes as far as it can. */
void agdb__ear_step(agdb__ear_t *ear, uint64_t now_us);
/* Another server is behind the name, and says this of itself: what stands with the old one ends. */
void agdb__ear_see_server(agdb__ear_t *ear, const agdb__hello_t *server, uint64_t now_us);
void agdb__ear_poll(const agdb__ear_t *ear, agdb__pollset_t *set);

#endif
