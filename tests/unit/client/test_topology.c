/* What a map becomes: endpoints and whom they expect. */
#include "client/topology.h"

#include "base/alloc.h"
#include "base/error.h"
#include "map/load.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static const char k_shared_database[] =
    "agencydb: 1\n"
    "default_keyspace: core\n"
    "defaults: { connection: { user: app, dbname: agency } }\n"
    "keyspaces:\n"
    "  core:\n"
    "    shards:\n"
    "      east-1: { slots: [ 0-2047 ], nodes: [ \"127.0.0.1:5001\" ] }\n"
    "      west-1: { slots: [ 2048-4095 ], nodes: [ \"127.0.0.1:5002\" ] }\n"
    "  notes:\n"
    "    shards: { only-1: { nodes: [ \"127.0.0.1:5001\" ] } }\n";

static void wake(void *user)
{
    (void)user;
}

static agdb_map_t *load(const char *text)
{
    agdb_error_t *error = NULL;
    agdb_map_t *map = NULL;

    if (agdb__map_load_text(text, strlen(text), "test", &map, NULL, &error) != AGDB_OK)
        fail_msg("%s", error->message);
    return map;
}

/* A topology and what it takes, with one layout after the other. */
typedef struct world {
    agdb__names_t names;
    agdb__books_t books;
    agdb__topology_env_t env;
    agdb__topology_t t;
    agdb__layout_t layout;
} world_t;

static int set_up(void **state)
{
    world_t *w = calloc(1, sizeof *w);

    w->env = (agdb__topology_env_t){
        .service = "test", .wake = wake, .names = &w->names, .books = &w->books};
    if (!agdb__books_init(&w->books))
        return -1;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world_t *w = *state;

    agdb__layout_fini(&w->layout);
    assert_false(agdb__topology_sweep(&w->t, 0));
    assert_int_equal(w->t.nshards + w->t.nendpoints + w->t.nservers, 0);
    agdb__topology_fini(&w->t);
    agdb__books_fini(&w->books);
    agdb__names_fini(&w->names);
    free(w);
    return 0;
}

/* The map is gone afterwards: nothing may point into it. */
static void use(world_t *w, const char *text)
{
    agdb_map_t *map = load(text);
    agdb__layout_t before = w->layout;

    assert_int_equal(agdb__topology_lay_out(&w->t, map, &w->env,
                                            before.nshards > 0 ? &before : NULL, &w->layout, NULL),
                     AGDB_OK);
    agdb__topology_use(&w->t, &w->layout);
    agdb__topology_supersede(&w->t, &w->layout);
    agdb__map_unref(map);
    agdb__layout_fini(&before);
    assert_false(agdb__topology_sweep(&w->t, 0));
}

static const agdb__identity_t *expected(const agdb__topology_t *t, const char *shard)
{
    size_t i;
    size_t n;

    for (i = 0; i < t->nendpoints; i++)
        for (n = 0; n < t->endpoints[i]->login.nexpect; n++)
            if (strcmp(t->endpoints[i]->login.expect[n].shard, shard) == 0)
                return &t->endpoints[i]->login.expect[n];
    fail_msg("nobody expects '%s'", shard);
    return NULL;
}

static agdb__shard_entry_t *entry_of(const world_t *w, const char *shard)
{
    size_t i;

    for (i = 0; i < w->layout.nshards; i++)
        if (strcmp(w->layout.shards[i]->shard.name, shard) == 0)
            return w->layout.shards[i];
    fail_msg("there is no shard '%s'", shard);
    return NULL;
}

/* --- one map ------------------------------------------------------------------------------------
 */

static void build_keyspace_of_one_shard_beside_another_needs_no_stamp(void **state)
{
    world_t *w = *state;

    use(w, k_shared_database);
    assert_int_equal(w->t.nendpoints, 2);
    assert_true(expected(&w->t, "east-1")->required);
    assert_true(expected(&w->t, "west-1")->required);
    assert_false(expected(&w->t, "only-1")->required);
}

static void build_for_unstamped_servers_requires_no_stamp(void **state)
{
    world_t *w = *state;

    w->env.allow_unstamped = true;
    use(w, k_shared_database);
    assert_false(expected(&w->t, "east-1")->required);
    assert_false(expected(&w->t, "only-1")->required);
}

static void build_knows_the_nodes_of_the_own_zone(void **state)
{
    static const char map[] = "agencydb: 1\n"
                              "defaults: { connection: { user: app, dbname: agency } }\n"
                              "keyspaces:\n"
                              "  core:\n"
                              "    shards:\n"
                              "      only-1:\n"
                              "        nodes:\n"
                              "          - { host: 127.0.0.1, port: 5001, zone: a }\n"
                              "          - { host: 127.0.0.1, port: 5002, zone: b }\n"
                              "          - { host: 127.0.0.1, port: 5003 }\n";
    world_t *w = *state;

    w->env.zone = "b";
    use(w, map);
    assert_int_equal(entry_of(w, "only-1")->shard.near, 2);
    agdb__layout_fini(&w->layout);
    assert_false(agdb__topology_sweep(&w->t, 0));
    w->env.zone = NULL; /* nothing is near, nor is what has none */
    use(w, map);
    assert_int_equal(entry_of(w, "only-1")->shard.near, 0);
}

/* --- one map after the other -------------------------------------------------------------------
 */

static const char k_two_shards[] =
    "agencydb: 1\n"
    "defaults: { connection: { user: app, dbname: agency } }\n"
    "keyspaces:\n"
    "  core:\n"
    "    shards:\n"
    "      a: { slots: [ 0-2047 ], nodes: [ \"127.0.0.1:5001\" ] }\n"
    "      b: { slots: [ 2048-4095 ], nodes: [ \"127.0.0.1:5002\" ] }\n";

static void next_map_that_says_the_same_keeps_everything(void **state)
{
    world_t *w = *state;
    agdb__shard_entry_t *a;
    agdb__pool_t *pool;

    use(w, k_two_shards);
    a = entry_of(w, "a");
    pool = a->shard.nodes[0].pool;
    use(w, k_two_shards);
    assert_ptr_equal(entry_of(w, "a"), a);
    assert_ptr_equal(a->shard.nodes[0].pool, pool);
    assert_false(agdb__pool_is_retired(pool));
    assert_int_equal(w->t.nendpoints, 2);
    assert_int_equal(w->t.nservers, 2);
}

static void next_map_with_a_replica_more_keeps_the_pools_and_what_is_known(void **state)
{
    world_t *w = *state;
    agdb__shard_entry_t *b;
    agdb__shard_entry_t *a;
    agdb__pool_t *pool;

    use(w, k_two_shards);
    a = entry_of(w, "a");
    b = entry_of(w, "b");
    pool = a->shard.nodes[0].pool;
    a->view_memory = (agdb__view_memory_t){.timeline = 7, .system_identifier = 99};
    a->place[0].memory.join = AGDB__JOIN_DONE;
    agdb__board_publish(&a->shard.board, (agdb__view_t){AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0},
                        5000);
    use(w, "agencydb: 1\n"
           "defaults: { connection: { user: app, dbname: agency } }\n"
           "keyspaces:\n"
           "  core:\n"
           "    shards:\n"
           "      a: { slots: [ 0-2047 ], nodes: [ \"127.0.0.1:5003\", \"127.0.0.1:5001\" ] }\n"
           "      b: { slots: [ 2048-4095 ], nodes: [ \"127.0.0.1:5002\" ] }\n");
    assert_ptr_equal(entry_of(w, "b"), b);
    a = entry_of(w, "a");
    assert_true(a->is_new);
    assert_true(a->is_current);
    assert_ptr_equal(a->shard.nodes[1].pool, pool);
    assert_int_equal(a->view_memory.timeline, 7);
    assert_int_equal(a->view_memory.system_identifier, 99);
    assert_int_equal(agdb__board_without_us(&a->shard.board), 5000);
    assert_int_equal(a->place[1].memory.join, AGDB__JOIN_DONE);
    assert_int_equal(a->place[0].memory.join, AGDB__JOIN_AWAY);
    assert_int_equal(w->t.nshards, 2);
    assert_int_equal(w->t.nendpoints, 3);
}

static void next_map_with_a_higher_generation_forgets_the_old_history(void **state)
{
    world_t *w = *state;

    use(w, k_two_shards);
    entry_of(w, "a")->view_memory = (agdb__view_memory_t){.timeline = 7, .system_identifier = 99};
    use(w, "agencydb: 1\n"
           "defaults: { connection: { user: app, dbname: agency } }\n"
           "keyspaces:\n"
           "  core:\n"
           "    shards:\n"
           "      a: { slots: [ 0-2047 ], generation: 2, nodes: [ \"127.0.0.1:5001\" ] }\n"
           "      b: { slots: [ 2048-4095 ], nodes: [ \"127.0.0.1:5002\" ] }\n");
    assert_int_equal(entry_of(w, "a")->view_memory.timeline, 0);
    assert_int_equal(entry_of(w, "a")->view_memory.system_identifier, 0);
}

static void next_map_with_another_pool_replaces_it_and_hands_the_probes_login_over(void **state)
{
    world_t *w = *state;
    agdb__server_t *server;
    agdb__pool_t *pool;

    use(w, k_two_shards);
    pool = entry_of(w, "a")->shard.nodes[0].pool;
    server = entry_of(w, "a")->place[0].endpoint->server;
    use(w, "agencydb: 1\n"
           "defaults: { connection: { user: app, dbname: agency }, pool: { max: 3 } }\n"
           "keyspaces:\n"
           "  core:\n"
           "    shards:\n"
           "      a: { slots: [ 0-2047 ], nodes: [ \"127.0.0.1:5001\" ] }\n"
           "      b: { slots: [ 2048-4095 ], nodes: [ \"127.0.0.1:5002\" ] }\n");
    assert_ptr_not_equal(entry_of(w, "a")->shard.nodes[0].pool, pool);
    assert_ptr_equal(entry_of(w, "a")->place[0].endpoint->server, server);
    assert_ptr_equal(server->login_of, entry_of(w, "a")->place[0].endpoint);
    assert_int_equal(w->t.nendpoints, 2);
    assert_int_equal(w->t.nservers, 2);
}

static void what_somebody_is_at_stays_until_it_is_let_go(void **state)
{
    world_t *w = *state;
    agdb__shard_entry_t *a;
    agdb__watcher_t watcher = {.tell = wake};
    agdb__pool_t *pool;

    use(w, k_two_shards);
    a = entry_of(w, "a");
    pool = a->shard.nodes[0].pool;
    agdb__shard_entry_ref(a); /* as an edition that is replaced, with a call in it */
    agdb__pool_hold(pool);
    agdb__board_watch(&a->shard.board, &watcher);
    agdb__layout_fini(&w->layout);
    (void)agdb__topology_sweep(&w->t, 0);
    assert_int_equal(w->t.nshards, 1);
    assert_int_equal(w->t.nendpoints, 1);
    agdb__shard_entry_unref(a);
    assert_true(agdb__topology_sweep(&w->t, 0));
    assert_int_equal(w->t.nshards, 1); /* it is watched */
    agdb__board_unwatch(&a->shard.board, &watcher);
    assert_true(agdb__topology_sweep(&w->t, 0));
    assert_int_equal(w->t.nshards, 0);
    assert_int_equal(w->t.nendpoints, 1); /* its pool is held */
    agdb__pool_let_go(pool);
    assert_false(agdb__topology_sweep(&w->t, 0));
    assert_int_equal(w->t.nendpoints, 0);
    assert_int_equal(w->t.nservers, 0);
}

/* As when a map is taken back while calls are still in the old one. */
static void what_a_later_map_takes_up_again_is_not_retired(void **state)
{
    world_t *w = *state;
    agdb__shard_entry_t *a;

    use(w, k_two_shards);
    a = entry_of(w, "a");
    agdb__shard_entry_ref(a);
    use(w, k_shared_database);
    assert_true(agdb__board_is_retired(&a->shard.board));
    assert_true(agdb__pool_is_retired(a->shard.nodes[0].pool));
    use(w, k_two_shards);
    assert_ptr_equal(entry_of(w, "a"), a);
    assert_false(agdb__board_is_retired(&a->shard.board));
    assert_false(agdb__pool_is_retired(a->shard.nodes[0].pool));
    agdb__shard_entry_unref(a);
}

/* A map with two shards, one of which has this setting in its pool. */
static const char *with_pool_of_a(unsigned max)
{
    static char text[512];

    snprintf(text, sizeof text,
             "agencydb: 1\n"
             "defaults: { connection: { user: app, dbname: agency } }\n"
             "keyspaces:\n"
             "  core:\n"
             "    shards:\n"
             "      a: { slots: [ 0-2047 ], pool: { max: %u }, nodes: [ \"127.0.0.1:5001\" ] }\n"
             "      b: { slots: [ 2048-4095 ], nodes: [ \"127.0.0.1:5002\" ] }\n",
             max);
    return text;
}

static const agdb__shard_t *successor_of(agdb__shard_t *shard)
{
    return atomic_load(&shard->successor);
}

static void a_call_of_an_old_map_finds_what_each_later_one_has_instead(void **state)
{
    world_t *w = *state;
    agdb__shard_entry_t *a[3];
    agdb__shard_entry_t *b;
    unsigned i;

    for (i = 0; i < 3; i++) {
        use(w, with_pool_of_a(i == 1 ? 2 : 3)); /* the third is as the first again */
        a[i] = entry_of(w, "a");
        if (i == 0)
            agdb__shard_entry_ref(a[0]); /* a call that waits */
    }
    b = entry_of(w, "b");
    assert_ptr_equal(successor_of(&a[0]->shard), &a[1]->shard);
    assert_ptr_equal(successor_of(&a[1]->shard), &a[2]->shard);
    assert_null(successor_of(&a[2]->shard)); /* never back to one that has been left */
    assert_null(successor_of(&b->shard));
    assert_int_equal(w->t.nshards, 4);
    agdb__shard_entry_unref(a[0]);
    assert_false(agdb__topology_sweep(&w->t, 0));
    assert_int_equal(w->t.nshards, 2);
}

static void the_end_of_all_frees_shards_that_follow_each_other(void **state)
{
    world_t *w = *state;
    unsigned i;

    for (i = 0; i < 3; i++) {
        use(w, with_pool_of_a(2 + i));
        if (i == 0)
            agdb__shard_entry_ref(entry_of(w, "a"));
    }
    agdb__layout_fini(&w->layout);
    agdb__topology_fini(&w->t);
}

static long g_granted;

static void *scarce_alloc(size_t size, void *user)
{
    (void)user;
    return g_granted-- > 0 ? malloc(size) : NULL;
}

static void *scarce_resize(void *block, size_t size, void *user)
{
    (void)user;
    return g_granted-- > 0 ? realloc(block, size) : NULL;
}

static void scarce_release(void *block, void *user)
{
    (void)user;
    free(block);
}

static void laying_out_without_memory_leaves_nothing_behind(void **state)
{
    world_t *w = *state;
    static const agdb_allocator_t scarce = {scarce_alloc, scarce_resize, scarce_release, NULL};
    agdb_map_t *map = load(k_two_shards);
    agdb__layout_t layout;
    size_t n;

    for (n = 0; n < 1000; n++) {
        const agdb_allocator_t *outer;
        agdb_status_t st;

        g_granted = (long)n;
        outer = agdb__alloc_enter(&scarce);
        st = agdb__topology_lay_out(&w->t, map, &w->env, NULL, &layout, NULL);
        (void)agdb__alloc_enter(outer);
        agdb__books_fini(&w->books); /* what is kept is not asked for again */
        w->books = (agdb__books_t){.agencies = NULL};
        agdb__names_fini(&w->names);
        if (st == AGDB_OK)
            break;
        assert_int_equal(st, AGDB_E_NOMEM);
        assert_int_equal(w->t.nshards + w->t.nendpoints + w->t.nservers, 0);
    }
    assert_in_range(n, 20, 999);
    agdb__layout_fini(&layout);
    agdb__map_unref(map);
}

static void what_is_out_keeps_no_connection(void **state)
{
    world_t *w = *state;
    agdb__layout_t *l = &w->layout;

    w->env.allow_unstamped = true;
    use(w, "agencydb: 1\n"
           "default_keyspace: core\n"
           "defaults: { connection: { user: app, dbname: agency }, pool: { min: 3, idle: 5m } }\n"
           "keyspaces:\n"
           "  core:\n"
           "    shards:\n"
           "      only-1:\n"
           "        nodes:\n"
           "          - { host: 127.0.0.1, port: 5001 }\n"
           "          - { host: 127.0.0.1, port: 5002, state: out }\n"
           "          - { host: 127.0.0.1, port: 5003, state: out }\n"
           "  notes:\n"
           "    shards: { n-1: { nodes: [ \"127.0.0.1:5003\" ] } }\n");
    assert_int_equal(l->shards[0]->place[0].endpoint->limits.min, 3);
    assert_int_equal(l->shards[0]->place[1].endpoint->limits.min, 0);
    assert_int_equal(l->shards[0]->place[1].endpoint->limits.idle_ms, 0);
    assert_int_equal(l->shards[0]->place[2].endpoint->limits.min, 3); /* another keyspace uses it */
    assert_int_equal(l->shards[0]->place[2].endpoint->limits.idle_ms, 300000);
}

static void probes_add_keeper_to_the_name_of_the_service(void **state)
{
    static const char k_long[] = "a-service-whose-name-is-as-long-as-the-server-keeps-a-name-63-c";
    static const struct {
        const char *service;
        const char *probe;
    } rows[] = {
        {"foundation-api", "foundation-api keeper"},
        {"", "agencydb keeper"},
        {k_long, "a-service-whose-name-is-as-long-as-the-server-keeps-a-na keeper"},
    };
    world_t *w = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        w->env.service = rows[i].service;
        use(w, k_two_shards);
        assert_string_equal(w->t.servers[0]->login.service, rows[i].probe);
        assert_string_equal(w->t.endpoints[0]->login.service, rows[i].service);
        assert_true(strlen(w->t.servers[0]->login.service) < AGDB__SERVICE_SIZE);
        agdb__layout_fini(&w->layout);
        assert_false(agdb__topology_sweep(&w->t, 0));
    }
}

static void probes_say_the_epoch_in_use(void **state)
{
    world_t *w = *state;

    use(w, k_two_shards);
    agdb__topology_say_epoch(&w->t, 12);
    assert_string_equal(w->t.servers[1]->login.hello_comment, "/*epoch='12'*/ ");
    agdb__server_probe_as(w->t.servers[1], w->t.endpoints[1]);
    assert_string_equal(w->t.servers[1]->login.hello_comment, "/*epoch='12'*/ ");
    assert_null(w->t.endpoints[1]->login.hello_comment); /* callers' connections say nothing */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(build_keyspace_of_one_shard_beside_another_needs_no_stamp),
        TEST(build_for_unstamped_servers_requires_no_stamp),
        TEST(build_knows_the_nodes_of_the_own_zone),
        TEST(next_map_that_says_the_same_keeps_everything),
        TEST(next_map_with_a_replica_more_keeps_the_pools_and_what_is_known),
        TEST(next_map_with_a_higher_generation_forgets_the_old_history),
        TEST(next_map_with_another_pool_replaces_it_and_hands_the_probes_login_over),
        TEST(what_somebody_is_at_stays_until_it_is_let_go),
        TEST(what_a_later_map_takes_up_again_is_not_retired),
        TEST(a_call_of_an_old_map_finds_what_each_later_one_has_instead),
        TEST(the_end_of_all_frees_shards_that_follow_each_other),
        TEST(laying_out_without_memory_leaves_nothing_behind),
        TEST(what_is_out_keeps_no_connection),
        TEST(probes_add_keeper_to_the_name_of_the_service),
        TEST(probes_say_the_epoch_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
