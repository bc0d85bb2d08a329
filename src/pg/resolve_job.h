/* One job of the resolver, and the pieces of work that it is made of; for resolver.c only. */
#ifndef AGDB_PG_RESOLVE_JOB_H
#define AGDB_PG_RESOLVE_JOB_H

#include "pg/resolver.h"
#include "pg/secret.h"

#include <stdatomic.h>

/* What can hang, by what it hangs on. */
typedef enum agdb__lane {
    AGDB__LANE_LOOK_UP = 0, /* on the name service */
    AGDB__LANE_FILE,        /* on a mount */
    AGDB__LANE_ASK,         /* on the host's password callback */
    AGDB__LANES             /* none: there is nothing left to do */
} agdb__lane_t;

enum { AGDB__ADDRESSES_MAX = 8, AGDB__ADDRESS_SIZE = 64 /* an IPv6 address with a scope */ };

/* Two hold a job: who asked, and the resolver. */
struct agdb__resolve {
    atomic_int references;
    atomic_bool done; /* what is below `outputs` is written before, and only read after */
    agdb__lane_t lane;
    agdb__resolve_t *next;       /* among the ready or the waiting */
    agdb__resolve_t *next_taken; /* among those that have a place in their lane */

    char *node;
    char *host;
    uint16_t port;
    char *user;
    char *dbname;
    char *password_file;
    char *passfile;
    agdb_password_fn ask;
    void *ask_user;
    bool has_password; /* or needs none */

    /* outputs */
    agdb_error_t *error;
    size_t count;
    const char *address[AGDB__ADDRESSES_MAX];
    char text[AGDB__ADDRESSES_MAX][AGDB__ADDRESS_SIZE];
    char password[AGDB__SECRET_MAX];
};

/* With one reference. What needs no waiting is done already: an address, a socket, a variable. */
agdb__resolve_t *agdb__resolve_new(const agdb__login_t *login);
/* The lane of its next piece of work; AGDB__LANES: it has its outcome. */
agdb__lane_t agdb__resolve_next_lane(const agdb__resolve_t *job);
/* The piece of work of job->lane. Can hang for ever. */
void agdb__resolve_work(agdb__resolve_t *job);
/* Whether both would hang on the same thing: a name, a file, a login. */
bool agdb__resolve_is_alike(const agdb__resolve_t *a, const agdb__resolve_t *b);
/* Takes over what the other's look-up of the same name has shown. */
void agdb__resolve_share(agdb__resolve_t *job, const agdb__resolve_t *other);
/* Whether its asker has let go of it. */
bool agdb__resolve_is_orphan(const agdb__resolve_t *job);

#endif
