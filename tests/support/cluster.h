/* The cluster that support/with-cluster has booted, for live tests: its nodes, and how to hurt and
 * heal them. */
#ifndef AGDB_TESTS_CLUSTER_H
#define AGDB_TESTS_CLUSTER_H

#include "agencydb.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct cluster_node {
    char keyspace[64];
    char shard[64];
    char name[96];
    char role[16]; /* when it was booted: "primary", "replica" */
    char host[64];
    int port;
    char data[512];
    char socket[512]; /* folder: the superuser comes in there only */
} cluster_node_t;

/* Fails the test when there is no cluster, or no such node. */
cluster_node_t cluster_node(const char *keyspace, const char *shard, const char *role);
const char *cluster_env(const char *name);

void cluster_signal(const cluster_node_t *node, int signal); /* the postmaster */
bool cluster_is_running(const cluster_node_t *node);
void cluster_start(const cluster_node_t *node); /* waits until it answers */

/* A client on the cluster's map, with its primaries up. */
agdb_t *cluster_open(const agdb_options_t *options);
/* The same with a text of the map replaced, which is there once at least; all nodes are up. */
agdb_t *cluster_open_edited(const char *text, const char *by, const agdb_options_t *options);
/* A client on the primaries of core's two shards, with lines of its own in the map: `defaults` such
 * as "pool: { max: 2 }", `keyspace` such as "grouping: off". */
agdb_t *cluster_open_core(const char *defaults, const char *keyspace,
                          const agdb_options_t *options);
/* A client on nodes of the test's choice, each list as it stands in a map (host:port, ...): core's
 * shard east-1, and west-1 unless that is NULL. No TLS. Waits for none of them. */
agdb_t *cluster_open_nodes(const char *defaults, const char *east, const char *west,
                           const agdb_options_t *options);
void cluster_close(agdb_t *db);

/* Runs a statement that must succeed; returns the first value as a copy, "" when there is none. */
char *cluster_value(agdb_t *db, const agdb_request_t *request);
void cluster_do(agdb_t *db, const agdb_request_t *request);
/* Runs a statement on that shard and compares the first value. */
void cluster_expect(agdb_t *db, const char *shard, const char *sql, const char *want);
/* Until no session of that shard's primary stands idle in a transaction. */
void cluster_wait_for_no_transaction(agdb_t *db, const char *shard);

#endif
