/* Debian's PgBouncer in front of one node of the cluster, in a folder of its
 * own. As root it runs as the owner of the node's data: PgBouncer refuses root. */
#ifndef AGDB_TESTS_BOUNCER_H
#define AGDB_TESTS_BOUNCER_H

#include "cluster.h"

#include <sys/types.h>

typedef struct bouncer {
    char dir[64];
    int port; /* on 127.0.0.1 */
    pid_t pid;
    cluster_node_t node;
} bouncer_t;

/* In transaction mode, with so many connections to the server. Waits until it listens. */
bouncer_t bouncer_start(const cluster_node_t *node, int size);
/* In another mode: "session". */
bouncer_t bouncer_start_mode(const cluster_node_t *node, int size, const char *mode);
void bouncer_kill(bouncer_t *bouncer);
/* After it was killed: on the same port. */
void bouncer_restart(bouncer_t *bouncer);
void bouncer_stop(bouncer_t *bouncer);

#endif
