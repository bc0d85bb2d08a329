/* Stands between many connections and a server, and knows where a message of the protocol begins:
 * a judge decides on each. For connections without TLS. A thread of its own. */
#ifndef AGDB_TESTS_PROXY_H
#define AGDB_TESTS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct proxy proxy_t;

typedef enum proxy_way { PROXY_TO_SERVER, PROXY_TO_CLIENT } proxy_way_t;

typedef enum proxy_verdict {
    PROXY_PASS = 0,
    PROXY_SWALLOW, /* this message vanishes */
    PROXY_MUTE,    /* it vanishes, and so does all that follows, either way; nothing is closed */
    PROXY_RESET    /* it vanishes, and the client's end is reset */
} proxy_verdict_t;

typedef struct proxy_message {
    proxy_way_t way;
    char type; /* 0: the first one of a connection */
    const char *body;
    size_t size;
    unsigned *note; /* two numbers of the connection's, 0 at first, for the judge */
} proxy_message_t;

/* Called on the proxy's thread. */
typedef proxy_verdict_t (*proxy_judge_fn)(void *user, const proxy_message_t *message);

/* Listens on that address, at `port` (0: any that is free). Without a judge everything passes. */
proxy_t *proxy_start(const char *address, uint16_t port, uint16_t server_port, proxy_judge_fn judge,
                     void *user);
/* The same on a socket that listens already, and is the proxy's from now on. */
proxy_t *proxy_start_on(int listener, uint16_t server_port, proxy_judge_fn judge, void *user);
/* Resets all its connections; nobody listens any more. */
void proxy_stop(proxy_t *proxy);
uint16_t proxy_port(const proxy_t *proxy);

/* While held, nothing is taken from any socket, and nothing closed: what is sent gets no answer. */
void proxy_hold(proxy_t *proxy, bool hold);
/* Connections that it has had. */
unsigned proxy_accepted(const proxy_t *proxy);

/* Whether these bytes are in the message. */
bool proxy_message_has(const proxy_message_t *message, const char *text);

#endif
