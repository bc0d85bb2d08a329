/* Another map while the client runs: what is refused, what changes, what stays, and what becomes of
 * those that are under way. */
#include "agencydb.h"

#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "direct.h"
#include "unit.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOON_MS = 10000 };
#ifdef __SANITIZE_THREAD__
enum { ALSO_THREADS = 1 }; /* its own */
#else
enum { ALSO_THREADS = 0 };
#endif

static cluster_node_t g_east;
static cluster_node_t g_replica;
static cluster_node_t g_west;

/* What varies in the maps of these tests. */
typedef struct map {
    unsigned epoch;
    unsigned moved_since; /* 0: not said */
    unsigned pool_max;    /* 0: the default */
    bool replica;
    const char *replica_state;
    bool swapped;         /* the shards' slots */
    const char *keyspace; /* instead of both shards */
} map_t;

static const char *text_of(const map_t *m)
{
    static _Thread_local char text[4096];
    char shards[2048];
    char moved[64] = "";
    char pool[64] = "";
    char replica[256] = "";

    if (m->moved_since != 0)
        snprintf(moved, sizeof moved, "moved_since: %u\n", m->moved_since);
    if (m->pool_max != 0)
        snprintf(pool, sizeof pool, "  pool: { max: %u }\n", m->pool_max);
    if (m->replica)
        snprintf(replica, sizeof replica, ", { host: %s, port: %d, state: %s }", g_replica.host,
                 g_replica.port, m->replica_state != NULL ? m->replica_state : "active");
    snprintf(shards, sizeof shards,
             "      east-1: { slots: [%s], nodes: [ { host: %s, port: %d }%s ] }\n"
             "      west-1: { slots: [%s], nodes: [ { host: %s, port: %d } ] }\n",
             m->swapped ? "2048-4095" : "0-2047", g_east.host, g_east.port, replica,
             m->swapped ? "0-2047" : "2048-4095", g_west.host, g_west.port);
    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: %u\n%s"
             "defaults:\n  connection: { user: %s, dbname: %s, password_file: %s }\n%s"
             "keyspaces:\n  core:\n    shards:\n%s",
             m->epoch, moved, cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), pool,
             m->keyspace != NULL ? m->keyspace : shards);
    return text;
}

static agdb_t *open_map(const map_t *m, const agdb_options_t *options)
{
    const char *text = text_of(m);
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    if (agdb_open_text(text, strlen(text), options, &db, &error) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_PRIMARIES, SOON_MS, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static agdb_status_t reload(agdb_t *db, const map_t *m, agdb_error_t **reterr)
{
    const char *text = text_of(m);

    return agdb_reload_text(db, text, strlen(text), reterr);
}

static void must_reload(agdb_t *db, const map_t *m)
{
    agdb_error_t *error = NULL;

    if (reload(db, m, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(agdb_epoch(db), m->epoch);
}

static void must_refuse(agdb_t *db, const map_t *m, agdb_status_t want, const char *says)
{
    const uint64_t before = agdb_epoch(db);
    agdb_error_t *error = NULL;

    assert_int_equal(reload(db, m, &error), want);
    print_message("%s\n", agdb_error_message(error));
    assert_non_null(strstr(agdb_error_message(error), says));
    assert_int_equal(agdb_epoch(db), before);
    agdb_error_free(error);
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"));
}

/* The node that answers a read which may go to a replica, when it is `want` at last. */
static void wait_for_reads_at(agdb_t *db, const cluster_node_t *want)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);
    char port[16];
    char *got;
    bool there;

    snprintf(port, sizeof port, "%d", want->port);
    do {
        got = cluster_value(db, AGDB_REQUEST(.shard = "east-1", .sql = "SHOW port",
                                             .access = AGDB_READ_REPLICA_OK));
        there = strcmp(got, port) == 0;
        if (!there && agdb__now_us() > end_us)
            fail_msg("reads are answered at port %s, not %s", got, port);
        free(got);
    } while (!there);
}

static char *backend(agdb_t *db, const char *shard)
{
    return cluster_value(
        db, AGDB_REQUEST(.shard = shard, .sql = "SELECT pg_backend_pid()", .alone = true));
}

/* Sessions that this service has at a server, but for the probe's. */
static long long sessions(PGconn *admin, const char *service)
{
    return direct_number(
        admin, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%s%%'", service);
}

static void wait_for_sessions(const cluster_node_t *node, const char *service, long long most)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);
    PGconn *admin = direct_open_admin(node);
    long long n = sessions(admin, service);

    while (n > most) {
        if (agdb__now_us() > end_us)
            fail_msg("%s has %lld sessions of %s, not %lld", node->name, n, service, most);
        (void)usleep(20000);
        n = sessions(admin, service);
    }
    PQfinish(admin);
}

/* --- refused ------------------------------------------------------------------------------------
 */

static void a_map_that_may_not_follow_is_refused_with_the_remedy(void **state)
{
    agdb_t *db = open_map(&(map_t){.epoch = 12}, NULL);

    (void)state;
    must_reload(db, &(map_t){.epoch = 12}); /* the same */
    must_refuse(db, &(map_t){.epoch = 12, .pool_max = 3}, AGDB_E_MAP_STALE,
                "epoch 12 is in use with other content: raise it to 13");
    must_refuse(db, &(map_t){.epoch = 11}, AGDB_E_MAP_STALE, "lower than 12");
    must_refuse(db, &(map_t){.epoch = 13, .swapped = true}, AGDB_E_MAP_STALE, "moved_since: 12");
    must_refuse(db, &(map_t){.epoch = 13, .swapped = true, .moved_since = 11}, AGDB_E_MAP_STALE,
                "moved_since: 12");
    must_refuse(db, &(map_t){.epoch = 13, .keyspace = "      east-1: { nodes: [ ] }\n"},
                AGDB_E_MAP_INVALID, "node");
    cluster_close(db);
}

static void a_client_of_a_text_has_no_file_to_read_again(void **state)
{
    agdb_t *db = open_map(&(map_t){.epoch = 1}, NULL);
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb_reload(db, &error), AGDB_E_INVAL);
    assert_non_null(strstr(agdb_error_message(error), "agdb_reload_text"));
    assert_int_equal(agdb_reload_text(db, NULL, 0, &error), AGDB_E_MISUSE);
    assert_int_equal(agdb_reload(NULL, &error), AGDB_E_MISUSE);
    agdb_error_free(error);
    cluster_close(db);
    assert_int_equal(agdb_epoch(NULL), 0);
}

/* --- changed and unchanged ----------------------------------------------------------------------
 */

static void rows_are_looked_for_where_the_new_map_says(void **state)
{
    agdb_t *db = open_map(&(map_t){.epoch = 1}, NULL);
    agdb_route_info_t before = {.struct_size = sizeof before};
    agdb_route_info_t after = {.struct_size = sizeof after};

    (void)state;
    assert_int_equal(agdb_route(db, NULL, agdb_key("epa"), &before, NULL), AGDB_OK);
    must_reload(db, &(map_t){.epoch = 2, .moved_since = 1, .swapped = true});
    assert_int_equal(agdb_route(db, NULL, agdb_key("epa"), &after, NULL), AGDB_OK);
    assert_int_equal(before.slot, after.slot);
    assert_string_not_equal(before.shard, after.shard); /* both texts are there still */
    assert_string_equal(before.keyspace, "core");
    assert_string_equal(agdb_shard_name(db, NULL, 0), "east-1");
    cluster_close(db);
}

static void a_node_comes_and_goes_and_the_others_keep_their_connections(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "reload-nodes"};
    agdb_t *db = open_map(&(map_t){.epoch = 1, .pool_max = 1}, &options);
    char *east = backend(db, "east-1");
    char *west = backend(db, "west-1");
    char *later;

    (void)state;
    wait_for_reads_at(db, &g_east);
    must_reload(db, &(map_t){.epoch = 2, .pool_max = 1, .replica = true});
    wait_for_reads_at(db, &g_replica);
    must_reload(db,
                &(map_t){.epoch = 3, .pool_max = 1, .replica = true, .replica_state = "no-reads"});
    wait_for_reads_at(db, &g_east);
    must_reload(db, &(map_t){.epoch = 4, .pool_max = 1, .replica = true, .replica_state = "out"});
    wait_for_reads_at(db, &g_east);
    must_reload(db, &(map_t){.epoch = 5, .pool_max = 1, .replica = true});
    wait_for_reads_at(db, &g_replica);
    must_reload(db, &(map_t){.epoch = 6, .pool_max = 1});
    wait_for_reads_at(db, &g_east);
    wait_for_sessions(&g_replica, "reload-nodes", 0); /* nor the probe's */
    later = backend(db, "east-1");
    assert_string_equal(later, east);
    free(later);
    later = backend(db, "west-1");
    assert_string_equal(later, west);
    free(later);
    free(east);
    free(west);
    cluster_close(db);
}

static void another_pool_takes_over_and_the_old_one_is_closed(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "reload-pools"};
    agdb_t *db = open_map(&(map_t){.epoch = 1, .pool_max = 1}, &options);
    char *before = backend(db, "east-1");
    char *after;

    (void)state;
    must_reload(db, &(map_t){.epoch = 2, .pool_max = 2});
    after = backend(db, "east-1");
    assert_string_not_equal(after, before);
    wait_for_sessions(&g_east, "reload-pools", 3); /* two, and the probe's */
    free(after);
    free(before);
    cluster_close(db);
}

/* --- under way ----------------------------------------------------------------------------------
 */

static void a_transaction_ends_on_the_map_that_it_began_on(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "reload-tx"};
    agdb_t *db = open_map(&(map_t){.epoch = 1, .pool_max = 1}, &options);
    agdb_error_t *error = NULL;
    agdb_tx_t *tx = NULL;
    agdb_result_t *res = NULL;

    (void)state;
    assert_int_equal(agdb_begin(db, AGDB_TX(.key = agdb_key("epa")), &tx, NULL), AGDB_OK);
    assert_int_equal(agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"), NULL, NULL),
                     AGDB_OK);
    must_reload(db, &(map_t){.epoch = 2, .moved_since = 1, .swapped = true, .pool_max = 2});
    if (agdb_query(db, AGDB_REQUEST(.tx = tx, .key = agdb_key("epa"), .sql = "SELECT 2"), &res,
                   &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    agdb_result_free(res);
    assert_int_equal(agdb_commit(tx, &error), AGDB_OK);
    wait_for_sessions(&g_east, "reload-tx", 3);
    wait_for_sessions(&g_west, "reload-tx", 3);
    cluster_close(db);
}

static void a_stream_is_read_to_its_end_although_its_node_is_gone(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "reload-stream"};
    agdb_t *db = open_map(&(map_t){.epoch = 1, .replica = true}, &options);
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;
    agdb_result_t *rows = NULL;
    size_t count = 0;

    (void)state;
    wait_for_reads_at(db, &g_replica);
    assert_int_equal(
        agdb_stream_open(db,
                         AGDB_REQUEST(.shard = "east-1",
                                      .sql = "SELECT n FROM generate_series(1, 100000) n",
                                      .access = AGDB_READ_REPLICA_OK),
                         &stream, &error),
        AGDB_OK);
    assert_int_equal(agdb_stream_next(stream, 10, &rows, &error), AGDB_OK);
    must_reload(db, &(map_t){.epoch = 2});
    wait_for_reads_at(db, &g_east);
    while (rows != NULL && agdb_result_rows(rows) > 0) {
        count += agdb_result_rows(rows);
        agdb_result_free(rows);
        rows = NULL;
        if (agdb_stream_next(stream, 1000, &rows, &error) != AGDB_OK)
            fail_msg("%s", agdb_error_message(error));
    }
    agdb_result_free(rows);
    assert_int_equal(count, 100000);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    wait_for_sessions(&g_replica, "reload-stream", 0);
    cluster_close(db);
}

typedef struct told {
    unsigned count;
    agdb_status_t status;
} told_t;

static void on_done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    told_t *told = user;

    told->count++;
    told->status = status;
    agdb_result_free(result);
    agdb_error_free(error);
}

static void what_a_loop_has_under_way_ends_and_its_connections_go(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "reload-loop"};
    agdb_t *db = open_map(&(map_t){.epoch = 1, .pool_max = 4}, &options);
    agdb_loop_t *loop = NULL;
    told_t told = {0, AGDB_OK};

    (void)state;
    assert_int_equal(agdb_loop_open(db, NULL, &loop, NULL), AGDB_OK);
    assert_int_equal(agdb_submit(loop,
                                 AGDB_REQUEST(.scope = AGDB_ALL, .sql = "SELECT pg_sleep(0.3)",
                                              .access = AGDB_READ),
                                 on_done, &told, NULL, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_loop_dispatch(loop, NULL), AGDB_OK);
    must_reload(db, &(map_t){.epoch = 2, .pool_max = 2});
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"), on_done,
                                 &told, NULL, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_loop_run(loop, SOON_MS, NULL), AGDB_OK);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.status, AGDB_OK);
    wait_for_sessions(&g_east, "reload-loop", 3);
    wait_for_sessions(&g_west, "reload-loop", 3);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

/* --- those who listen ---------------------------------------------------------------------------
 */

typedef struct heard {
    atomic_uint kinds[5];
    atomic_uint west;
    _Atomic(const char *) shard; /* of the last that was lost */
} heard_t;

static void on_notification(const agdb_notification_t *n, void *user)
{
    heard_t *heard = user;

    atomic_fetch_add(&heard->kinds[agdb_notification_kind(n)], 1);
    if (agdb_notification_kind(n) == AGDB_LISTEN_NOTIFIED &&
        strcmp(agdb_notification_shard(n), "west-1") == 0)
        atomic_fetch_add(&heard->west, 1);
    if (agdb_notification_kind(n) == AGDB_LISTEN_LOST)
        atomic_store(&heard->shard, agdb_notification_shard(n));
}

static void wait_for(atomic_uint *count, unsigned want)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);

    while (atomic_load(count) < want) {
        if (agdb__now_us() > end_us)
            fail_msg("%u, not %u", atomic_load(count), want);
        (void)usleep(5000);
    }
}

/* Whether a stamp is required changes with the number of shards, and with it the connection; not so
 * here. */
static void a_listener_of_all_shards_hears_one_that_comes_later(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .allow_unstamped = true};
    char only[256];
    char both[512];
    agdb_listener_t *listener = NULL;
    heard_t heard = {.west = 0};
    agdb_t *db;

    (void)state;
    snprintf(only, sizeof only, "      east-1: { slots: [0-4095], nodes: [ \"%s:%d\" ] }\n",
             g_east.host, g_east.port);
    snprintf(both, sizeof both, "%s      west-1: { slots: [], nodes: [ \"%s:%d\" ] }\n", only,
             g_west.host, g_west.port);
    db = open_map(&(map_t){.epoch = 1, .keyspace = only}, &options);
    assert_int_equal(agdb_listen(db, AGDB_LISTEN(.channel = "reload", .all_shards = true),
                                 on_notification, &heard, &listener, NULL),
                     AGDB_OK);
    wait_for(&heard.kinds[AGDB_LISTEN_SUBSCRIBED], 1);
    must_reload(db, &(map_t){.epoch = 2, .keyspace = both});
    wait_for(&heard.kinds[AGDB_LISTEN_SUBSCRIBED], 2);
    cluster_do(db, AGDB_REQUEST(.shard = "west-1", .sql = "NOTIFY reload"));
    wait_for(&heard.west, 1);
    assert_int_equal(atomic_load(&heard.kinds[AGDB_LISTEN_LOST]), 0);
    must_reload(db, &(map_t){.epoch = 3, .keyspace = only});
    wait_for(&heard.kinds[AGDB_LISTEN_LOST], 1);
    assert_string_equal(atomic_load(&heard.shard), "west-1");
    must_reload(db, &(map_t){.epoch = 4, .keyspace = both});
    wait_for(&heard.kinds[AGDB_LISTEN_MISSED], 1);
    assert_int_equal(agdb_unlisten(listener), AGDB_OK);
    cluster_close(db);
}

/* --- the file ------------------------------------------------------------------------------------
 */

typedef struct events {
    atomic_uint in_use;
    atomic_uint refused;
    atomic_uint misuse;
    _Atomic(agdb_t *) db; /* called back into, which is not allowed */
} events_t;

static void on_event(const agdb_event_t *event, void *user)
{
    events_t *events = user;
    agdb_t *db = atomic_load(&events->db);

    if (agdb_event_type(event) == AGDB_EVENT_MAP_REFUSED)
        atomic_fetch_add(&events->refused, 1);
    if (agdb_event_type(event) != AGDB_EVENT_MAP_IN_USE)
        return;
    assert_string_equal(agdb_event_shard(event), "");
    if (db != NULL && agdb_reload(db, NULL) == AGDB_E_MISUSE)
        atomic_fetch_add(&events->misuse, 1);
    atomic_fetch_add(&events->in_use, 1);
}

static void write_file(const char *path, const char *text)
{
    char fresh[512];
    FILE *file;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    file = fopen(fresh, "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(fresh, 0644), 0);
    assert_int_equal(rename(fresh, path), 0);
}

static agdb_t *open_file(const char *path, bool watch, events_t *events)
{
    const agdb_options_t options = {
        .struct_size = sizeof options, .watch = watch, .event = on_event, .event_user = events};
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    if (agdb_open(path, &options, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static char g_folder[256];

static const char *in_folder(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", g_folder, name);
    return path;
}

static void a_file_is_read_again_when_asked(void **state)
{
    events_t events = {.in_use = 0};
    agdb_error_t *error = NULL;
    agdb_t *db;

    (void)state;
    write_file(in_folder("asked.yaml"), text_of(&(map_t){.epoch = 1}));
    db = open_file(in_folder("asked.yaml"), false, &events);
    atomic_store(&events.db, db);
    write_file(in_folder("asked.yaml"), text_of(&(map_t){.epoch = 2, .pool_max = 3}));
    assert_int_equal(agdb_reload(db, &error), AGDB_OK);
    assert_int_equal(agdb_epoch(db), 2);
    write_file(in_folder("asked.yaml"), "agencydb: 1\nepoch: 3\nkeyspaces: { core: 7 }\n");
    assert_int_equal(agdb_reload(db, &error), AGDB_E_MAP_INVALID);
    assert_non_null(strstr(agdb_error_message(error), "asked.yaml:3:"));
    assert_int_equal(agdb_epoch(db), 2);
    assert_int_equal(unlink(in_folder("asked.yaml")), 0);
    assert_int_equal(agdb_reload(db, &error), AGDB_E_MAP_INVALID);
    agdb_error_free(error);
    assert_int_equal(atomic_load(&events.in_use), 1);
    assert_int_equal(atomic_load(&events.misuse), 1);
    cluster_close(db);
}

static void wait_for_epoch(agdb_t *db, uint64_t epoch)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);

    while (agdb_epoch(db) != epoch) {
        if (agdb__now_us() > end_us)
            fail_msg("epoch %llu is in use, not %llu", (unsigned long long)agdb_epoch(db),
                     (unsigned long long)epoch);
        (void)usleep(5000);
    }
}

static void a_file_that_is_watched_is_followed(void **state)
{
    events_t events = {.in_use = 0};
    agdb_t *db;
    FILE *file;

    (void)state;
    write_file(in_folder("watched.yaml"), text_of(&(map_t){.epoch = 1}));
    db = open_file(in_folder("watched.yaml"), true, &events);
    write_file(in_folder("watched.yaml"), text_of(&(map_t){.epoch = 2, .pool_max = 3}));
    wait_for_epoch(db, 2);
    file = fopen(in_folder("watched.yaml"), "we"); /* in place */
    assert_non_null(file);
    assert_true(fputs(text_of(&(map_t){.epoch = 3, .pool_max = 4}), file) >= 0);
    assert_int_equal(fclose(file), 0);
    wait_for_epoch(db, 3);
    write_file(in_folder("watched.yaml"), text_of(&(map_t){.epoch = 2, .pool_max = 9}));
    wait_for(&events.refused, 1);
    write_file(in_folder("watched.yaml"), "epoch: 4\n");
    wait_for(&events.refused, 2);
    assert_int_equal(agdb_epoch(db), 3);
    write_file(in_folder("watched.yaml"), text_of(&(map_t){.epoch = 5}));
    wait_for_epoch(db, 5);
    wait_for(&events.in_use, 3);
    assert_int_equal(atomic_load(&events.refused), 2);
    cluster_close(db);
}

/* As Kubernetes does it: a folder for each version, a link to the present one that is swapped by
 * rename, and a link through it where the file is looked for. */
static void add_version(const char *name, const map_t *m)
{
    char path[600];

    snprintf(path, sizeof path, "%s/cm/%s", g_folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/cm/%s/map.yaml", g_folder, name);
    write_file(path, text_of(m));
    snprintf(path, sizeof path, "%s/cm/..data_tmp", g_folder);
    assert_int_equal(symlink(name, path), 0);
    assert_int_equal(rename(path, in_folder("cm/..data")), 0);
}

static void a_config_map_that_is_swapped_is_followed(void **state)
{
    events_t events = {.in_use = 0};
    agdb_t *db;

    (void)state;
    assert_int_equal(mkdir(in_folder("cm"), 0755), 0);
    add_version("..1", &(map_t){.epoch = 1});
    assert_int_equal(symlink("..data/map.yaml", in_folder("cm/map.yaml")), 0);
    db = open_file(in_folder("cm/map.yaml"), true, &events);
    add_version("..2", &(map_t){.epoch = 2, .pool_max = 3});
    wait_for_epoch(db, 2);
    add_version("..3", &(map_t){.epoch = 3, .pool_max = 4});
    wait_for_epoch(db, 3);
    cluster_close(db);
}

/* --- its end ------------------------------------------------------------------------------------
 */

static void *reload_for_ever(void *arg)
{
    agdb_t *db = arg;
    map_t m = {.epoch = 1};
    agdb_status_t st;

    do {
        m.epoch++;
        m.pool_max = 1 + m.epoch % 3;
        st = reload(db, &m, NULL);
    } while (st == AGDB_OK);
    return (void *)(intptr_t)st;
}

/* The client's own threads end after the last of its handles: a leak checker must not look before.
 */
static void wait_until_alone(void)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);
    unsigned threads;

    do {
        DIR *folder = opendir("/proc/self/task");

        assert_non_null(folder);
        for (threads = 0; readdir(folder) != NULL; threads++)
            continue;
        closedir(folder);
        if (agdb__now_us() > end_us)
            fail_msg("%u threads are left", threads - 2);
    } while (threads > 3 + ALSO_THREADS); /* with "." and ".." */
}

/* A transaction keeps the handle alive until the thread has seen the end. */
static void closing_ends_a_reload(void **state)
{
    int round;

    (void)state;
    for (round = 0; round < 20; round++) {
        agdb_t *db = open_map(&(map_t){.epoch = 1}, NULL);
        agdb_tx_t *tx = NULL;
        pthread_t thread;
        void *end = NULL;

        assert_int_equal(agdb_begin(db, AGDB_TX(.shard = "east-1"), &tx, NULL), AGDB_OK);
        assert_int_equal(pthread_create(&thread, NULL, reload_for_ever, db), 0);
        (void)usleep(2000 + (unsigned)round * 1000);
        assert_int_equal(agdb_close(db, 1), AGDB_E_TIMEOUT);
        assert_int_equal(pthread_join(thread, &end), 0);
        assert_int_equal((int)(intptr_t)end, AGDB_E_CLOSING);
        agdb_rollback(tx);
        wait_until_alone();
    }
}

static int setup(void **state)
{
    (void)state;
    g_east = cluster_node("core", "east-1", "primary");
    g_replica = cluster_node("core", "east-1", "replica");
    g_west = cluster_node("core", "west-1", "primary");
    snprintf(g_folder, sizeof g_folder, "/tmp/agdb-reload.XXXXXX");
    return mkdtemp(g_folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    char command[512];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", g_folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_that_may_not_follow_is_refused_with_the_remedy),
        cmocka_unit_test(a_client_of_a_text_has_no_file_to_read_again),
        cmocka_unit_test(rows_are_looked_for_where_the_new_map_says),
        cmocka_unit_test(a_node_comes_and_goes_and_the_others_keep_their_connections),
        cmocka_unit_test(another_pool_takes_over_and_the_old_one_is_closed),
        cmocka_unit_test(a_transaction_ends_on_the_map_that_it_began_on),
        cmocka_unit_test(a_stream_is_read_to_its_end_although_its_node_is_gone),
        cmocka_unit_test(what_a_loop_has_under_way_ends_and_its_connections_go),
        cmocka_unit_test(a_listener_of_all_shards_hears_one_that_comes_later),
        cmocka_unit_test(a_file_is_read_again_when_asked),
        cmocka_unit_test(a_file_that_is_watched_is_followed),
        cmocka_unit_test(a_config_map_that_is_swapped_is_followed),
        cmocka_unit_test(closing_ends_a_reload),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
