/* TLS on a server of the cluster, with a certificate for "localhost" by an authority of its own.
 * Clients that do not ask for it go on without. */
#ifndef AGDB_TESTS_TLS_H
#define AGDB_TESTS_TLS_H

#include "cluster.h"

typedef struct tls {
    char dir[64];
    char ca[96];    /* the authority's certificate */
    char other[96]; /* that of another one */
    cluster_node_t node;
} tls_t;

/* Waits until the server offers it. */
tls_t tls_start(const cluster_node_t *node);
void tls_stop(tls_t *tls);

#endif
