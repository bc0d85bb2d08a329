/* agdb_dump: what it shows, and what it never does. */
#include "agencydb.h"

#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "miser.h"
#include "page.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SOON_MS = 10000 };

static const char *dump(agdb_t *db)
{
    static page_t page;
    agdb_error_t *error = NULL;

    page.len = 0;
    if (agdb_dump(db, page_take, &page, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return page.text;
}

static void must_have(agdb_t *db, const char *part)
{
    const char *text = dump(db);

    if (strstr(text, part) == NULL)
        fail_msg("%s is not in %s", part, text);
}

static void wait_for(agdb_t *db, const char *part)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);

    while (strstr(dump(db), part) == NULL) {
        if (agdb__now_us() > end_us)
            must_have(db, part);
        (void)usleep(10000);
    }
}

static void a_dump_shows_nodes_pools_and_callers(void **state)
{
    agdb_t *db = cluster_open(
        &(agdb_options_t){.struct_size = sizeof(agdb_options_t), .service = "dump-test"});

    (void)state;
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1", .tag = "site.list"));
    must_have(db, "\"service\": \"dump-test\"");
    must_have(db, "\"name\": \"core\"");
    must_have(db, "\"primary\": \"east-1a\"");
    must_have(db, "\"writable\": true");
    must_have(db, "\"role\": \"primary\"");
    wait_for(db, "\"role\": \"replica\"");
    must_have(db, "\"in_use\": 0");
    must_have(db, "\"name\": \"epa\",\n      \"calls\": 1");
    must_have(db, "\"name\": \"site.list\",\n      \"calls\": 1");
    must_have(db, "\"old_maps\": []");
    assert_int_equal(agdb_dump(db, NULL, NULL, NULL), AGDB_E_MISUSE);
    cluster_close(db);
}

static void a_dump_shows_no_secrets(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    char password[256] = "";
    FILE *file = fopen(cluster_env("AGDB_TEST_PASSWORD_FILE"), "r");
    agdb_error_t *error = NULL;
    const char *text;

    (void)state;
    assert_non_null(file);
    assert_non_null(fgets(password, sizeof password, file));
    fclose(file);
    password[strcspn(password, "\n")] = '\0';
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT $1 || 'in-the-sql'",
                                AGDB_PARAMS(agdb_text("in-a-parameter"))));
    assert_int_equal(
        agdb_query(db,
                   AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELEC 'in-the-sql', $1",
                                AGDB_PARAMS(agdb_text("in-a-parameter"))),
                   NULL, &error),
        AGDB_E_SERVER);
    agdb_error_free(error);
    text = dump(db);
    assert_null(strstr(text, "in-the-sql"));
    assert_null(strstr(text, "in-a-parameter"));
    assert_true(strlen(password) > 4);
    assert_null(strstr(text, password));
    cluster_close(db);
}

static void sleep_a_second(crew_hand_t *hand)
{
    cluster_do(hand->job, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT pg_sleep(1)"));
}

static void heard(const agdb_notification_t *notification, void *user)
{
    (void)user;
    (void)notification;
}

/* Core's two shards, as cluster_open_core has them. */
static const char *core_map_with(unsigned epoch, int west_port)
{
    static char text[2048];
    const cluster_node_t east = cluster_node("core", "east-1", "primary");
    const cluster_node_t west = cluster_node("core", "west-1", "primary");

    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: %u\n"
             "defaults:\n  connection: { user: %s, dbname: %s, password_file: %s }\n"
             "  pool: { max: 2 }\nkeyspaces:\n  core:\n    shards:\n"
             "      east-1: { slots: [0-2047], nodes: [ \"%s:%d\" ] }\n"
             "      west-1: { slots: [2048-4095], nodes: [ \"%s:%d\" ] }\n",
             epoch, cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), east.host, east.port, west.host, west_port);
    return text;
}

static const char *core_map(unsigned epoch)
{
    return core_map_with(epoch, cluster_node("core", "west-1", "primary").port);
}

static void a_dump_shows_old_maps_loops_and_listeners(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    agdb_listener_t *listener = NULL;
    agdb_loop_t *loop = NULL;
    static crew_t crew;
    const char *text = core_map(2);

    (void)state;
    crew_start(&crew, 1, 1, sleep_a_second, db);
    wait_for(db, "\"in_use\": 1");
    assert_int_equal(agdb_reload_text(db, text, strlen(text), NULL), AGDB_OK);
    must_have(db, "\"epoch\": 2,\n    \"file\": null");
    must_have(db, "\"old_maps\": [\n    {\n      \"epoch\": 1,\n      \"calls\": 1,");
    assert_int_equal(agdb_loop_open(db, NULL, &loop, NULL), AGDB_OK);
    assert_int_equal(agdb_listen(db, AGDB_LISTEN(.shard = "east-1", .channel = "news"), heard, NULL,
                                 &listener, NULL),
                     AGDB_OK);
    must_have(db, "\"loops\": 1");
    wait_for(db, "\"listeners\": 1");
    agdb_loop_close(loop);
    assert_int_equal(agdb_unlisten(listener), AGDB_OK);
    must_have(db, "\"loops\": 0");
    wait_for(db, "\"listeners\": 0");
    assert_int_equal(crew_join(&crew), 0);
    wait_for(db, "\"old_maps\": []");
    cluster_close(db);
}

static void wait_in_vain(crew_hand_t *hand)
{
    const agdb_status_t st = agdb_query(
        hand->job, AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1", .timeout_ms = 2000), NULL,
        NULL);

    assert_int_not_equal(st, AGDB_OK);
}

/* -1: it has a primary. */
static double seconds_without_a_primary(agdb_t *db, const char *shard)
{
    static const char member[] = "\"without_primary_s\": ";
    const char *at = strstr(dump(db), shard);

    assert_non_null(at);
    at = strstr(at, member);
    assert_non_null(at);
    at += sizeof member - 1;
    return strncmp(at, "null", 4) == 0 ? -1 : strtod(at, NULL);
}

static void wait_until_without_for(agdb_t *db, const char *shard, double more_than)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);

    while (seconds_without_a_primary(db, shard) <= more_than) {
        assert_true(agdb__now_us() < end_us);
        (void)usleep(10000);
    }
}

static void a_dump_says_how_long_a_shard_has_had_no_primary_and_who_waits(void **state)
{
    enum { NOBODY_LISTENS = 1 };
    const char *text = core_map_with(1, NOBODY_LISTENS);
    static crew_t crew;
    agdb_t *db = NULL;

    (void)state;
    assert_int_equal(agdb_open_text(text, strlen(text), NULL, &db, NULL), AGDB_OK);
    wait_for(db, "\"state\": \"no-primary\"");
    crew_start(&crew, 1, 1, wait_in_vain, db);
    wait_for(db, "\"parked\": 1");
    wait_until_without_for(db, "\"west-1\"", 0.3);
    assert_int_equal(crew_join(&crew), 0);
    wait_until_without_for(db, "\"west-1\"", 2);
    assert_true(seconds_without_a_primary(db, "\"east-1\"") < 0);
    text = core_map(2);
    assert_int_equal(agdb_reload_text(db, text, strlen(text), NULL), AGDB_OK);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_PRIMARIES, SOON_MS, NULL), AGDB_OK);
    assert_true(seconds_without_a_primary(db, "\"west-1\"") < 0);
    cluster_close(db);
}

static void a_dump_without_memory_writes_nothing(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .allocator = &k_miser};
    agdb_t *db = cluster_open(&options);
    agdb_error_t *error = NULL;
    agdb_status_t st;
    page_t *page = malloc(sizeof *page);
    bool refused;
    long granted = 0;

    (void)state;
    assert_non_null(page);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, SOON_MS, NULL), AGDB_OK);
    do { /* nodes have no reasons now, which memory would also be for */
        page->len = 0;
        miser_begin(granted++, false);
        st = agdb_dump(db, page_take, page, &error);
        refused = miser_end();
        assert_int_equal(st, refused ? AGDB_E_NOMEM : AGDB_OK);
        assert_true((page->len == 0) == refused);
        agdb_error_clear(&error);
    } while (refused && granted < 1000);
    assert_false(refused);
    print_message("%ld allocations\n", granted - 1);
    free(page);
    cluster_close(db);
    assert_int_equal(miser_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dump_shows_nodes_pools_and_callers),
        cmocka_unit_test(a_dump_shows_no_secrets),
        cmocka_unit_test(a_dump_shows_old_maps_loops_and_listeners),
        cmocka_unit_test(a_dump_says_how_long_a_shard_has_had_no_primary_and_who_waits),
        cmocka_unit_test(a_dump_without_memory_writes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
