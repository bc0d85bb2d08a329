#include "shards_fixture.h"

#include "base/clock.h"
#include "fake_conn.h"

#include <libpq-fe.h>
#include <stdio.h>

enum { LEASES = 8 };

agdb__shard_t g_shards[SHARDS];

static agdb__node_t s_node[SHARDS][SHARD_NODES];
static agdb__login_t s_login[SHARDS][SHARD_NODES];
static char s_name[SHARDS][SHARD_NODES][8];
static agdb__lease_t s_lease[LEASES];
static agdb__pool_t *s_lender[LEASES];
static size_t s_leases;

static void wake(void *user)
{
    (void)user;
}

agdb__pool_t *shards_pool(size_t shard, unsigned node)
{
    return s_node[shard][node].pool;
}

void shards_tend(void)
{
    size_t s;
    unsigned n;
    int i;

    for (s = 0; s < SHARDS; s++)
        for (n = 0; n < SHARD_NODES; n++)
            for (i = 0; i < 2; i++) /* begun, made */
                (void)agdb__pool_tend(shards_pool(s, n), agdb__now_us());
}

void shards_publish(size_t shard, unsigned primary)
{
    const bool none = primary == SHARD_NODES;

    agdb__board_publish(&g_shards[shard].board,
                        (agdb__view_t){none ? AGDB__SHARD_NO_PRIMARY : AGDB__SHARD_READY,
                                       none ? AGDB__NO_NODE : (uint8_t)primary, 0},
                        0);
}

static bool make_node(size_t s, unsigned n, unsigned max)
{
    const agdb__pool_limits_t limits = {.min = max,
                                        .max = max,
                                        .handshakes = 9,
                                        .queue = 9,
                                        .queue_ms = 1000,
                                        .idle_ms = 60000,
                                        .lifetime_ms = 600000};
    char *name = s_name[s][n];

    snprintf(name, sizeof s_name[s][n], "%c-%u", (char)('a' + (int)s), n + 1);
    s_login[s][n] = (agdb__login_t){.node = name, .connect_ms = 1000};
    s_node[s][n] = (agdb__node_t){
        .name = name, .pool = agdb__pool_new(&s_login[s][n], &limits, NULL, wake, NULL)};
    return s_node[s][n].pool != NULL;
}

int shards_setup(unsigned max)
{
    static const char *const names[SHARDS] = {"a", "b", "c"};
    size_t s;

    fake_reset();
    for (s = 0; s < SHARDS; s++) {
        g_shards[s] = (agdb__shard_t){.name = names[s],
                                      .nodes = s_node[s],
                                      .nnodes = SHARD_NODES,
                                      .call_ms = CALL_MS,
                                      .park_ms = PARK_MS};
        if (!make_node(s, 0, max) || !make_node(s, 1, max) ||
            !agdb__board_init(&g_shards[s].board, SHARD_NODES))
            return -1;
        shards_publish(s, 0);
    }
    shards_tend();
    return 0;
}

int shards_teardown(void)
{
    size_t s;
    unsigned n;

    shards_give_all();
    for (s = 0; s < SHARDS; s++) {
        for (n = 0; n < SHARD_NODES; n++)
            agdb__pool_free(shards_pool(s, n));
        agdb__board_fini(&g_shards[s].board);
    }
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

void shards_take_all(size_t shard, unsigned node)
{
    agdb__pool_t *pool = shards_pool(shard, node);
    const unsigned open = agdb__pool_counts(pool).open;
    unsigned i;

    for (i = 0; i < open; i++) {
        const uint64_t now_us = agdb__now_us();

        assert_true(s_leases < LEASES);
        assert_int_equal(agdb__pool_claim(pool, false, now_us, now_us, &s_lease[s_leases], NULL),
                         AGDB_OK);
        s_lender[s_leases++] = pool;
    }
}

void shards_give_all(void)
{
    while (s_leases > 0) {
        s_leases--;
        agdb__pool_release(s_lender[s_leases], &s_lease[s_leases], agdb__now_us());
    }
}

void shards_expect_open(size_t shard, unsigned node, unsigned open)
{
    assert_int_equal(agdb__pool_counts(shards_pool(shard, node)).open, open);
    shards_take_all(shard, node); /* at once, or it fails */
    shards_give_all();
}

PGresult *shards_row(const char *text)
{
    char name[] = "v";
    char value[64];
    PGresAttDesc desc = {.name = name, .typid = 25, .typlen = -1, .atttypmod = -1};
    PGresult *row = PQmakeEmptyPGresult(NULL, PGRES_SINGLE_TUPLE);

    snprintf(value, sizeof value, "%s", text);
    assert_int_equal(PQsetResultAttrs(row, 1, &desc), 1);
    assert_int_equal(PQsetvalue(row, 0, 0, value, (int)strlen(value)), 1);
    return row;
}
