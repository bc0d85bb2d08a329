/* A driver on two nodes of scripted connections: the first is the primary of the shard, the other a
 * replica. For the tests of src/exec/{driver,feed,carrier,many}.c. */
#ifndef AGDB_TESTS_DRIVER_FIXTURE_H
#define AGDB_TESTS_DRIVER_FIXTURE_H

#include "exec/driver.h"
#include "unit.h"

enum { NODES = 2, TASKS = 200 };

extern agdb__node_t g_nodes[NODES];
extern agdb__shard_t g_shard;
extern agdb__bell_t g_bell;
extern agdb__poll_poller_t g_poller;
extern agdb__driver_t g_driver;
extern agdb__task_t g_task[TASKS];
extern char g_order[TASKS * 8]; /* what was executed, in order, as note_run wrote it */

/* Two connections for drivers; one in all; two where commits are cheap. */
#define CASE(test)  cmocka_unit_test_setup_teardown(test, setup, teardown)
#define ONE(test)   cmocka_unit_test_setup_teardown(test, setup_one, teardown)
#define CHEAP(test) cmocka_unit_test_setup_teardown(test, setup_cheap, teardown)
int setup(void **state);
int setup_one(void **state);
int setup_cheap(void **state);
int teardown(void **state);

/* What the keeper does. */
void tend(void);
void publish(agdb__shard_state_t state, uint8_t primary, uint32_t replicas);
/* The write is short from here on. The reads "R", "r" and "SET x" are from the beginning. */
void make_short_write(const char *text);
/* Begins task `i`; with `add` what begins with W or w is a write. */
void add_for(size_t i, const char *sql, agdb_access_t access, uint32_t timeout_ms);
void add(size_t i, const char *sql);
void step(void);
/* Steps until nothing is under way; the pools are tended meanwhile. */
void run(void);
/* For g_fake.run. */
agdb_status_t note_run(agdb__conn_t *conn, const agdb__statement_t *statement,
                       agdb_error_t **reterr);

#endif
