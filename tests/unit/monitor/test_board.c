#include "monitor/board.h"

#include "base/clock.h"
#include "base/error.h"
#include "unit.h"

static void publish_is_seen_and_ends_waiting(void **state)
{
    agdb__board_t board;
    unsigned seen;

    (void)state;
    assert_true(agdb__board_init(&board, 2));
    assert_int_equal(agdb__board_view(&board).primary, AGDB__NO_NODE);
    seen = agdb__board_version(&board);
    assert_false(agdb__board_wait(&board, seen, agdb__now_us()));
    agdb__board_publish(&board, (agdb__view_t){AGDB__SHARD_READY, 1, 1}, 0);
    assert_true(agdb__board_wait(&board, seen, agdb__now_us()));
    assert_int_equal(agdb__board_view(&board).primary, 1);
    agdb__board_fini(&board);
}

static void *publish(void *arg)
{
    agdb__board_publish(arg, (agdb__view_t){AGDB__SHARD_READY, 0, 0}, 0);
    return NULL;
}

static void waiters_are_woken_from_another_thread(void **state)
{
    agdb__board_t board;
    pthread_t thread;
    unsigned seen;

    (void)state;
    assert_true(agdb__board_init(&board, 1));
    seen = agdb__board_version(&board);
    assert_true(agdb__thread_start(&thread, false, publish, &board));
    assert_true(agdb__board_wait(&board, seen, AGDB__NEVER));
    pthread_join(thread, NULL);
    agdb__board_fini(&board);
}

static void time_without_a_primary_begins_with_the_first_view_that_has_none(void **state)
{
    const agdb__view_t none = {AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 1};
    const agdb__view_t split = {AGDB__SHARD_SPLIT, AGDB__NO_NODE, 0};
    agdb__board_t board;
    agdb__board_t next;

    (void)state;
    assert_true(agdb__board_init(&board, 2));
    assert_true(agdb__board_init(&next, 2));
    assert_int_equal(agdb__board_without_us(&board), 0);
    agdb__board_publish(&board, (agdb__view_t){AGDB__SHARD_READY, 1, 1}, 1000);
    assert_int_equal(agdb__board_without_us(&board), 0);
    agdb__board_publish(&board, none, 2000);
    agdb__board_publish(&board, split, 3000);
    assert_int_equal(agdb__board_without_us(&board), 2000);
    agdb__board_inherit(&next, &board);
    agdb__board_publish(&next, none, 4000);
    assert_int_equal(agdb__board_without_us(&next), 2000);
    agdb__board_publish(&board, (agdb__view_t){AGDB__SHARD_READY, 0, 1}, 5000);
    assert_int_equal(agdb__board_without_us(&board), 0);
    agdb__board_publish(&board, none, 6000);
    assert_int_equal(agdb__board_without_us(&board), 6000);
    agdb__board_fini(&board);
    agdb__board_fini(&next);
}

static void close_ends_waiting(void **state)
{
    agdb__board_t board;

    (void)state;
    assert_true(agdb__board_init(&board, 1));
    agdb__board_close(&board);
    assert_true(agdb__board_wait(&board, agdb__board_version(&board), AGDB__NEVER));
    assert_true(atomic_load(&board.closing));
    agdb__board_fini(&board);
}

static void reasons_are_copies(void **state)
{
    agdb__board_t board;
    agdb_error_t *error = NULL;
    agdb_error_t *copy;

    (void)state;
    assert_true(agdb__board_init(&board, 1));
    assert_int_equal(agdb__fail(&error, AGDB_E_CONNECT, "refused"), AGDB_E_CONNECT);
    agdb__board_note(&board, 0, AGDB__HEALTH_DOWN, error);
    agdb__error_free(error);
    copy = agdb__board_reason(&board, 0);
    agdb__board_note(&board, 0, AGDB__HEALTH_UP, NULL);
    assert_string_equal(copy->message, "refused");
    assert_null(agdb__board_reason(&board, 0));
    assert_int_equal(agdb__board_health(&board, 0), AGDB__HEALTH_UP);
    agdb__error_free(copy);
    agdb__board_fini(&board);
}

static void count(void *user)
{
    ++*(unsigned *)user;
}

static void watchers_hear_of_publications_and_of_the_close(void **state)
{
    agdb__board_t board;
    unsigned told = 0;
    agdb__watcher_t w = {.tell = count, .user = &told};

    (void)state;
    assert_true(agdb__board_init(&board, 1));
    agdb__board_watch(&board, &w);
    agdb__board_publish(&board, (agdb__view_t){AGDB__SHARD_READY, 0, 0}, 0);
    assert_int_equal(told, 1);
    agdb__board_close(&board);
    assert_int_equal(told, 2);
    agdb__board_unwatch(&board, &w);
    agdb__board_publish(&board, (agdb__view_t){AGDB__SHARD_READY, 0, 0}, 0);
    assert_int_equal(told, 2);
    agdb__board_fini(&board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_is_seen_and_ends_waiting),
        cmocka_unit_test(waiters_are_woken_from_another_thread),
        cmocka_unit_test(time_without_a_primary_begins_with_the_first_view_that_has_none),
        cmocka_unit_test(close_ends_waiting),
        cmocka_unit_test(reasons_are_copies),
        cmocka_unit_test(watchers_hear_of_publications_and_of_the_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
