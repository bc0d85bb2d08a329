#include "client/post.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "unit.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* A listener of two shards; what it was told, as "1s 2n(x) 3m 4l" with the shard behind. */
typedef struct guest {
    agdb__box_t box;
    agdb__sender_t east;
    agdb__sender_t west;
    agdb__mutex_t lock;
    agdb__cond_t changed;
    char told[1024];
    char reason[192];
    unsigned count;
    bool holds;
    bool inside;
    bool ends_itself;
} guest_t;

static agdb__post_t *g_post;
static atomic_uint g_woken;
static atomic_uint g_released;

static void wake(void *user)
{
    (void)user;
    atomic_fetch_add(&g_woken, 1);
}

static void release(agdb__box_t *box)
{
    (void)box;
    atomic_fetch_add(&g_released, 1);
}

static void write_down(guest_t *guest, const agdb_notification_t *n)
{
    static const char kinds[] = "?snml";
    const size_t len = strlen(guest->told);

    snprintf(guest->told + len, sizeof guest->told - len, "%llu%c%s%s ",
             (unsigned long long)n->sequence, kinds[n->kind],
             n->kind == AGDB_LISTEN_NOTIFIED ? n->text : "", n->shard);
    if (n->kind == AGDB_LISTEN_MISSED)
        snprintf(guest->reason, sizeof guest->reason, "%s", n->text);
    guest->count++;
}

static void call_back(const agdb_notification_t *n, void *user)
{
    guest_t *guest = user;

    assert_true(agdb__post_is_here(g_post));
    agdb__lock(&guest->lock);
    guest->inside = true;
    agdb__cond_broadcast(&guest->changed);
    while (guest->holds)
        (void)agdb__cond_wait(&guest->changed, &guest->lock, AGDB__NEVER);
    if (guest->ends_itself)
        agdb__post_close(g_post, &guest->box);
    write_down(guest, n);
    guest->inside = false;
    agdb__cond_broadcast(&guest->changed);
    agdb__unlock(&guest->lock);
}

static guest_t *guest_new(uint32_t max)
{
    guest_t *guest = calloc(1, sizeof *guest);

    assert_non_null(guest);
    assert_true(agdb__mutex_init(&guest->lock));
    assert_true(agdb__cond_init(&guest->changed));
    guest->box.channel = "a";
    guest->box.callback = call_back;
    guest->box.user = guest;
    guest->box.release = release;
    guest->east = (agdb__sender_t){.shard = "E", .max = max};
    guest->west = (agdb__sender_t){.shard = "W", .max = max};
    assert_true(agdb__post_open(g_post, &guest->box));
    return guest;
}

static void guest_free(guest_t *guest)
{
    agdb__cond_fini(&guest->changed);
    agdb__mutex_fini(&guest->lock);
    free(guest);
}

static void hold(guest_t *guest, bool holds)
{
    agdb__lock(&guest->lock);
    guest->holds = holds;
    agdb__cond_broadcast(&guest->changed);
    agdb__unlock(&guest->lock);
}

static void wait_inside(guest_t *guest)
{
    agdb__lock(&guest->lock);
    while (!guest->inside)
        (void)agdb__cond_wait(&guest->changed, &guest->lock, AGDB__NEVER);
    agdb__unlock(&guest->lock);
}

static void expect(guest_t *guest, unsigned count, const char *told)
{
    const uint64_t until_us = agdb__after_ms(agdb__now_us(), 10000);

    agdb__lock(&guest->lock);
    while (guest->count < count && agdb__cond_wait(&guest->changed, &guest->lock, until_us))
        ;
    agdb__unlock(&guest->lock);
    assert_string_equal(guest->told, told);
}

static void put(guest_t *guest, agdb__sender_t *from, agdb_listen_kind_t kind, const char *text)
{
    agdb__post_put(g_post, &guest->box, from, kind, "node", text, 7);
}

/* Ended by its caller, then left by the keeper. */
static void end_guest(guest_t *guest)
{
    const unsigned before = atomic_load(&g_released);

    agdb__post_close(g_post, &guest->box);
    agdb__post_leave(g_post, &guest->box);
    while (atomic_load(&g_released) == before) /* the thread may hold it for a moment */
        (void)sched_yield();
    guest_free(guest);
}

static int setup(void **state)
{
    (void)state;
    atomic_store(&g_released, 0);
    g_post = agdb__post_new(wake, NULL);
    return g_post != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    agdb__post_stop(g_post);
    agdb__post_fini(g_post);
    return 0;
}

static void events_arrive_in_order_and_numbered(void **state)
{
    guest_t *guest = guest_new(10);

    (void)state;
    put(guest, &guest->east, AGDB_LISTEN_SUBSCRIBED, "");
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "x");
    put(guest, &guest->west, AGDB_LISTEN_SUBSCRIBED, "");
    put(guest, &guest->east, AGDB_LISTEN_LOST, "why");
    put(guest, &guest->east, AGDB_LISTEN_MISSED, "why");
    expect(guest, 5, "1sE 2nxE 3sW 4lE 5mE ");
    assert_string_equal(guest->reason, "why");
    end_guest(guest);
}

static void the_keeper_hears_of_boxes_that_come_and_go(void **state)
{
    bool stirred = false;
    guest_t *guest = guest_new(10);

    (void)state;
    assert_true(atomic_load(&g_woken) > 0);
    assert_ptr_equal(agdb__post_collect(g_post, &stirred), &guest->box);
    assert_true(stirred);
    assert_null(agdb__post_collect(g_post, &stirred));
    assert_false(stirred);
    assert_false(agdb__post_is_ended(g_post, &guest->box));
    agdb__post_close(g_post, &guest->box);
    assert_null(agdb__post_collect(g_post, &stirred));
    assert_true(stirred);
    assert_true(agdb__post_is_ended(g_post, &guest->box));
    agdb__post_leave(g_post, &guest->box);
    assert_int_equal(atomic_load(&g_released), 1);
    guest_free(guest);
}

static void what_does_not_fit_is_one_event_for_each_shard(void **state)
{
    guest_t *guest = guest_new(2);
    int i;

    (void)state;
    put(guest, &guest->east, AGDB_LISTEN_SUBSCRIBED, "");
    expect(guest, 1, "1sE ");
    hold(guest, true);
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "0");
    wait_inside(guest);
    for (i = 1; i <= 9; i++) {
        const char text[2] = {(char)('0' + i), '\0'};

        put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, text);
    }
    put(guest, &guest->west, AGDB_LISTEN_SUBSCRIBED, ""); /* its own room */
    hold(guest, false);
    expect(guest, 6, "1sE 2n0E 3n1E 4n2E 5mE 6sW ");
    assert_string_equal(guest->reason, "the queue is full: 7 events of the shard not kept");
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "z");
    expect(guest, 7, "1sE 2n0E 3n1E 4n2E 5mE 6sW 7nzE ");
    end_guest(guest);
}

static void *no_memory(size_t size, void *user)
{
    (void)size;
    (void)user;
    return NULL;
}

static void *no_more_memory(void *block, size_t size, void *user)
{
    (void)block;
    (void)size;
    (void)user;
    return NULL;
}

static void no_release(void *block, void *user)
{
    (void)block;
    (void)user;
}

static const agdb_allocator_t k_none = {no_memory, no_more_memory, no_release, NULL};

static void without_memory_it_is_missed_not_lost_silently(void **state)
{
    guest_t *guest = guest_new(10);
    const agdb_allocator_t *outer;

    (void)state;
    outer = agdb__alloc_enter(&k_none);
    put(guest, &guest->east, AGDB_LISTEN_SUBSCRIBED, "");
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "x");
    (void)agdb__alloc_enter(outer);
    expect(guest, 2, "1sE 2mE ");
    assert_string_equal(guest->reason, "out of memory: 1 event of the shard not kept");
    outer = agdb__alloc_enter(&k_none);
    assert_null(agdb__post_new(NULL, NULL));
    (void)agdb__alloc_enter(outer);
    end_guest(guest);
}

/* One that has much to say takes its turn only. */
static void boxes_take_turns(void **state)
{
    guest_t *loud = guest_new(100);
    guest_t *calm = guest_new(100);
    unsigned before;
    int i;

    (void)state;
    hold(loud, true);
    for (i = 0; i < 50; i++)
        put(loud, &loud->east, AGDB_LISTEN_NOTIFIED, "");
    wait_inside(loud);
    hold(calm, true);
    put(calm, &calm->east, AGDB_LISTEN_NOTIFIED, "");
    hold(loud, false);
    wait_inside(calm);
    agdb__lock(&loud->lock);
    before = loud->count;
    agdb__unlock(&loud->lock);
    assert_in_range(before, 1, 2);
    hold(calm, false);
    end_guest(calm);
    end_guest(loud);
}

static void close_from_inside_is_the_last_call(void **state)
{
    guest_t *guest = guest_new(10);

    (void)state;
    hold(guest, true);
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "x");
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "y");
    wait_inside(guest);
    guest->ends_itself = true;
    hold(guest, false);
    expect(guest, 1, "1nxE ");
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "z");
    agdb__post_leave(g_post, &guest->box);
    while (atomic_load(&g_released) == 0)
        (void)sched_yield();
    expect(guest, 1, "1nxE ");
    guest_free(guest);
}

static void stop_ends_all_calls_and_refuses_boxes(void **state)
{
    guest_t *guest = guest_new(10);
    guest_t late = {.box = {.release = release}};

    (void)state;
    assert_false(agdb__post_is_still(g_post));
    hold(guest, true);
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "x");
    put(guest, &guest->east, AGDB_LISTEN_NOTIFIED, "y");
    wait_inside(guest);
    agdb__post_stop(g_post);
    assert_false(agdb__post_is_still(g_post));
    assert_false(agdb__post_open(g_post, &late.box));
    hold(guest, false);
    while (!agdb__post_is_still(g_post))
        (void)sched_yield();
    assert_string_equal(guest->told, "1nxE ");
    end_guest(guest);
}

static void the_thread_comes_with_the_first_box(void **state)
{
    (void)state;
    assert_true(agdb__post_is_still(g_post));
    assert_false(agdb__post_is_here(g_post));
}

#define POST_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POST_TEST(events_arrive_in_order_and_numbered),
        POST_TEST(the_keeper_hears_of_boxes_that_come_and_go),
        POST_TEST(what_does_not_fit_is_one_event_for_each_shard),
        POST_TEST(without_memory_it_is_missed_not_lost_silently),
        POST_TEST(boxes_take_turns),
        POST_TEST(close_from_inside_is_the_last_call),
        POST_TEST(stop_ends_all_calls_and_refuses_boxes),
        POST_TEST(the_thread_comes_with_the_first_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
