/* Three shards of scripted connections, each with a primary and a standby that may become it; time
 * is the test's where the code takes it. For the tests of src/exec/{flow,bulk_leg,scatter}.c. */
#ifndef AGDB_TESTS_SHARDS_FIXTURE_H
#define AGDB_TESTS_SHARDS_FIXTURE_H

#include "exec/shard.h"
#include "unit.h"

enum { SHARDS = 3, SHARD_NODES = 2, CALL_MS = 200, PARK_MS = 50 };

extern agdb__shard_t g_shards[SHARDS]; /* "a", "b", "c"; nodes "a-1", "a-2", ... */

#define SHARDS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Each node has `max` connections, and the first one is the primary. */
int shards_setup(unsigned max);
/* False: a connection was not closed. */
int shards_teardown(void);
/* What the keeper does. */
void shards_tend(void);
/* The shard's primary is that node; SHARD_NODES: it has none. */
void shards_publish(size_t shard, unsigned primary);
agdb__pool_t *shards_pool(size_t shard, unsigned node);
/* All of a node's connections are with others. */
void shards_take_all(size_t shard, unsigned node);
void shards_give_all(void);
/* Nobody has a connection of any node, and so many are open at that one. */
void shards_expect_open(size_t shard, unsigned node, unsigned open);

/* A row with one column "v". */
struct pg_result *shards_row(const char *text);

#endif
