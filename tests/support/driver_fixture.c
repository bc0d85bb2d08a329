#include "driver_fixture.h"

#include "base/error.h"
#include "exec/driver_impl.h"
#include "fake_conn.h"
#include "pool/pool_impl.h"

static agdb__login_t g_login[NODES];
agdb__node_t g_nodes[NODES];
agdb__shard_t g_shard;
agdb__bell_t g_bell;
agdb__poll_poller_t g_poller;
agdb__driver_t g_driver;
agdb__task_t g_task[TASKS];
char g_order[TASKS * 8]; /* what was executed, in order */

static void wake(void *user)
{
    (void)user;
}

void tend(void)
{
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
    }
}

void publish(agdb__shard_state_t state, uint8_t primary, uint32_t replicas)
{
    agdb__board_publish(&g_shard.board, (agdb__view_t){state, primary, replicas}, 0);
}

/* `text` is short from here on. */
static void make_short(const char *text)
{
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        agdb__statement_t s = {
            .sql = text, .hash = agdb__statement_hash(text, strlen(text)), .read_only = true};
        agdb__learnt_t *learnt = agdb__pool_learnt(g_nodes[i].pool, &s);
        int n;

        for (n = 0; n < 4; n++)
            agdb__learn_solo(learnt, true, 20);
    }
}

void make_short_write(const char *text)
{
    agdb__statement_t s = {.sql = text, .hash = agdb__statement_hash(text, strlen(text))};
    agdb__learnt_t *learnt = agdb__pool_learnt(g_nodes[0].pool, &s);
    int n;

    assert_non_null(learnt);
    for (n = 0; n < 4; n++)
        agdb__learn_solo(learnt, true, 20);
}

/* Waiting callers have short statements, too: a connection is kept for them. */
static void use_lanes(void)
{
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        agdb__pool_t *pool = g_nodes[i].pool;
        uint32_t lane = agdb__pool_take_lane(pool, &pool->traffic[AGDB__TRAFFIC_READS], UINT32_MAX,
                                             0, agdb__now_us());

        agdb__pool_give_back(pool, lane, agdb__now_us());
    }
}

static int setup_with(unsigned max, bool commits_wait)
{
    static const char *const names[NODES] = {"db-1", "db-2"};
    agdb__pool_limits_t limits = {.min = max,
                                  .max = max,
                                  .handshakes = 9,
                                  .queue = 9,
                                  .queue_ms = 60,
                                  .idle_ms = 60000,
                                  .lifetime_ms = 600000,
                                  .grouping = true};
    uint32_t i;

    fake_reset();
    g_fake.hello.commits_wait = commits_wait;
    g_order[0] = '\0';
    for (i = 0; i < NODES; i++) {
        g_login[i] = (agdb__login_t){.node = names[i], .connect_ms = 1000};
        g_nodes[i] = (agdb__node_t){.name = names[i],
                                    .pool = agdb__pool_new(&g_login[i], &limits, NULL, wake, NULL)};
    }
    g_shard = (agdb__shard_t){
        .name = "east-1", .nodes = g_nodes, .nnodes = NODES, .call_ms = 200, .park_ms = 50};
    if (!agdb__board_init(&g_shard.board, NODES) || !agdb__bell_init(&g_bell) ||
        !agdb__poll_poller_init(&g_poller, &g_bell))
        return -1;
    tend();
    use_lanes();
    make_short("R");
    make_short("r");
    make_short("SET x");
    publish(AGDB__SHARD_READY, 0, 0);
    agdb__driver_init(&g_driver, &g_bell, &g_poller.base);
    return agdb__driver_reserve(&g_driver, TASKS) ? 0 : -1;
}

int setup(void **state)
{
    (void)state;
    return setup_with(3, true); /* two of them are for drivers */
}

int setup_one(void **state)
{
    (void)state;
    return setup_with(1, true);
}

int setup_cheap(void **state)
{
    (void)state;
    return setup_with(3, false);
}

int teardown(void **state)
{
    uint32_t i;

    (void)state;
    for (i = 0; i < TASKS; i++) {
        agdb__result_free(g_task[i].result);
        agdb__error_free(g_task[i].error);
        agdb__error_free(g_task[i].call.error);
        g_task[i] = (agdb__task_t){0};
    }
    agdb__driver_fini(&g_driver);
    agdb__poll_poller_fini(&g_poller);
    agdb__bell_fini(&g_bell);
    for (i = 0; i < NODES; i++)
        agdb__pool_free(g_nodes[i].pool);
    agdb__board_fini(&g_shard.board);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

void add_for(size_t i, const char *sql, agdb_access_t access, uint32_t timeout_ms)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = sql;
    r.access = access;
    r.timeout_ms = timeout_ms;
    agdb__driver_add(&g_driver, &g_task[i], &g_shard, &r, agdb__now_us());
}

void add(size_t i, const char *sql)
{
    add_for(i, sql, sql[0] == 'W' || sql[0] == 'w' ? AGDB_WRITE : AGDB_READ, 5000);
}

void step(void)
{
    agdb__driver_step(&g_driver, 0);
}

void run(void)
{
    while (g_driver.live > 0) {
        agdb__driver_step(&g_driver, agdb__now_us() + 1000);
        while (agdb__driver_take_done(&g_driver) != NULL)
            continue;
        agdb__driver_rest(&g_driver);
        tend();
    }
}

agdb_status_t note_run(agdb__conn_t *conn, const agdb__statement_t *statement,
                       agdb_error_t **reterr)
{
    (void)conn;
    (void)reterr;
    strncat(g_order, statement->sql, 1);
    return AGDB_OK;
}
