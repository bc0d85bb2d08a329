/* A database on a server as the client uses it: how to log in, whom to expect, the pool, and the
 * listening connection. Holds copies of all that it needs: it may outlive the map that it was made
 * for, and does when the next map says the same. */
#ifndef AGDB_CLIENT_ENDPOINT_H
#define AGDB_CLIENT_ENDPOINT_H

#include "base/log.h"
#include "client/books.h"
#include "client/names.h"
#include "map/arena.h"
#include "map/model.h"
#include "monitor/ear.h"
#include "monitor/probe.h"
#include "pg/comment.h"
#include "pool/pool.h"

/* SERVICE_SIZE: what a server keeps of application_name, with its NUL. */
enum { AGDB__LOGIN_OPTIONS = 16, AGDB__SERVICE_SIZE = 64 };

/* What the client brings along for every login. */
typedef struct agdb__topology_env {
    const char *service;
    const char *login; /* NULL: the map's */
    agdb_password_fn password;
    void *password_user;
    const char *zone; /* NULL: none */
    bool allow_unstamped;
    agdb__resolver_t *resolver;
    void (*wake)(void *user);
    void *wake_user;
    agdb__ear_fn hear;    /* what those who listen are told */
    agdb__names_t *names; /* for the client's life, as are the books */
    agdb__books_t *books;
    const agdb__logger_t *logger;
} agdb__topology_env_t;

/* One server: what every database in it shares. */
typedef struct agdb__server {
    char *host;
    uint16_t port;
    agdb__login_t login;              /* the probe's: an endpoint's, without anyone to expect */
    struct agdb__endpoint *login_of;  /* that endpoint */
    char service[AGDB__SERVICE_SIZE]; /* its application_name */
    char epoch[AGDB__COMMENT_EPOCH];  /* said by the probe; "": not yet */
    agdb__probe_t probe;
    bool changed;
    bool astray;                       /* of another cluster than one of its shards */
    struct agdb__endpoint *cancelling; /* whose statements the probe is cancelling, or NULL */
    unsigned refs;                     /* endpoints */
} agdb__server_t;

/* One database of one server, as one role. */
typedef struct agdb__endpoint {
    agdb__login_t login;
    const char *keywords[AGDB__LOGIN_OPTIONS];
    const char *values[AGDB__LOGIN_OPTIONS];
    char numbers[2][24];
    agdb__pool_limits_t limits;
    agdb__arena_t *texts;
    agdb__pool_t *pool;
    agdb__ear_t ear;
    agdb__server_t *server;
    uint64_t answers;    /* of its server's probe, that its pool has heard of */
    uint64_t doubted_us; /* a connection was lost: its server is to be asked from then on; 0: no */
    bool changed;
    unsigned refs; /* places in shards; 0: it is to go */
} agdb__endpoint_t;

/* What a map asks for. Borrows the map's texts. */
typedef struct agdb__want_endpoint {
    const agdb__map_keyspace_t *keyspace;
    const agdb__map_node_t *node;
    uint64_t hash; /* of host, port, database and role */
    agdb__identity_t *expect;
    size_t nexpect;
    bool in_service;            /* some node that it is for is not `state: out` */
    agdb__endpoint_t *endpoint; /* that serves it */
} agdb__want_endpoint_t;

/* The role that the client logs in as. */
const char *agdb__endpoint_user(const agdb__map_node_t *node, const agdb__topology_env_t *env);
/* Without server and pool yet. NULL: no memory. */
agdb__endpoint_t *agdb__endpoint_draft(const agdb__want_endpoint_t *want,
                                       const agdb__topology_env_t *env);
/* Whether one serves as well as the other: everything is the same that a map can say. */
bool agdb__endpoint_is_same(const agdb__endpoint_t *a, const agdb__endpoint_t *b);
/* A draft becomes one that can be used: its texts are its own, it has a pool. False: no memory. */
bool agdb__endpoint_settle(agdb__endpoint_t *draft, agdb__server_t *server,
                           const agdb__topology_env_t *env);
void agdb__endpoint_free(agdb__endpoint_t *endpoint);

/* NULL: no memory. */
agdb__server_t *agdb__server_new(const agdb__map_node_t *node);
void agdb__server_free(agdb__server_t *server);
/* The server's probe logs in as this endpoint does from the next connection on. */
void agdb__server_probe_as(agdb__server_t *server, agdb__endpoint_t *endpoint);

#endif
