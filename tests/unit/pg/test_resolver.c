#include "pg/resolver.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

enum { PATIENCE_MS = 20000, MANY = 40 };

/* A wake-up counter, and a gate that holds password callbacks. */
typedef struct bench {
    agdb__mutex_t mutex;
    agdb__cond_t changed;
    int wakes;
    int waiting;
    bool open;
} bench_t;

static void bench_init(bench_t *b)
{
    *b = (bench_t){0};
    assert_true(agdb__mutex_init(&b->mutex) && agdb__cond_init(&b->changed));
}

static void on_wake(void *user)
{
    bench_t *b = user;

    agdb__lock(&b->mutex);
    b->wakes++;
    agdb__cond_broadcast(&b->changed);
    agdb__unlock(&b->mutex);
}

static bool give_password(const char *node, const char *login, char *buf, size_t size, void *user)
{
    bench_t *b = user;

    agdb__lock(&b->mutex);
    b->waiting++;
    agdb__cond_broadcast(&b->changed);
    while (!b->open)
        (void)agdb__cond_wait(&b->changed, &b->mutex, AGDB__NEVER);
    b->waiting--;
    agdb__cond_broadcast(&b->changed);
    agdb__unlock(&b->mutex);
    if (strcmp(login, "nobody") == 0)
        return false;
    snprintf(buf, size, "%s+%s", node, login);
    return true;
}

static void wait_until(bench_t *b, const int *what, int reaches)
{
    const uint64_t until_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    agdb__lock(&b->mutex);
    while (*what != reaches)
        if (!agdb__cond_wait(&b->changed, &b->mutex, until_us))
            break;
    assert_int_equal(*what, reaches);
    agdb__unlock(&b->mutex);
}

static void open_gate(bench_t *b)
{
    agdb__lock(&b->mutex);
    b->open = true;
    agdb__cond_broadcast(&b->changed);
    agdb__unlock(&b->mutex);
}

static agdb__login_t login_to(const char *host)
{
    return (agdb__login_t){
        .node = "db-1", .host = host, .port = 5432, .user = "app", .dbname = "agency"};
}

static void start_address_is_done_at_once_without_a_wake(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "/tmp"};
    static const char *const expected[] = {"127.0.0.1", "::1", ""};
    const char *const *addresses;
    const char *password;
    agdb__resolver_t *r;
    bench_t bench;
    size_t count;
    size_t i;

    (void)state;
    bench_init(&bench);
    r = agdb__resolver_new(on_wake, &bench);
    for (i = 0; i < 3; i++) {
        agdb__login_t login = login_to(hosts[i]);
        agdb__resolve_t *job = agdb__resolve_start(r, &login);
        assert_true(agdb__resolve_is_done(job));
        assert_int_equal(agdb__resolve_result(job, &addresses, &count, &password, NULL), AGDB_OK);
        assert_int_equal(count, 1);
        assert_string_equal(addresses[0], expected[i]);
        assert_string_equal(password, "");
        agdb__resolve_release(job);
    }
    agdb__resolver_free(r);
    assert_int_equal(bench.wakes, 0);
}

static void start_name_is_looked_up_and_wakes(void **state)
{
    const agdb__login_t login = login_to("localhost");
    const char *const *addresses;
    const char *password;
    agdb__resolve_t *job;
    agdb__resolver_t *r;
    bench_t bench;
    size_t count;

    (void)state;
    bench_init(&bench);
    r = agdb__resolver_new(on_wake, &bench);
    job = agdb__resolve_start(r, &login);
    wait_until(&bench, &bench.wakes, 1);
    assert_true(agdb__resolve_is_done(job));
    assert_int_equal(agdb__resolve_result(job, &addresses, &count, &password, NULL), AGDB_OK);
    assert_in_range(count, 1, 8);
    assert_true(strcmp(addresses[0], "127.0.0.1") == 0 || strcmp(addresses[0], "::1") == 0);
    agdb__resolve_release(job);
    agdb__resolver_free(r);
}

static void start_bad_password_file_names_the_file(void **state)
{
    agdb__login_t login = login_to("127.0.0.1");
    agdb_error_t *error = NULL;
    agdb__resolve_t *job;
    agdb__resolver_t *r;
    bench_t bench;

    (void)state;
    bench_init(&bench);
    login.password_file = "/nonexistent/password";
    r = agdb__resolver_new(on_wake, &bench);
    job = agdb__resolve_start(r, &login);
    wait_until(&bench, &bench.wakes, 1);
    assert_int_equal(agdb__resolve_result(job, NULL, NULL, NULL, &error), AGDB_E_AUTH);
    assert_non_null(strstr(error->message, "/nonexistent/password"));
    assert_int_equal(error->stage, AGDB_STAGE_RESOLVE);
    agdb__error_free(error);
    agdb__resolve_release(job);
    agdb__resolver_free(r);
}

static void start_callback_gives_the_password(void **state)
{
    agdb__login_t login = login_to("127.0.0.1");
    agdb_error_t *error = NULL;
    const char *const *addresses;
    const char *password;
    agdb__resolve_t *job;
    agdb__resolver_t *r;
    bench_t bench;
    size_t count;

    (void)state;
    bench_init(&bench);
    bench.open = true;
    login.password = give_password;
    login.password_user = &bench;
    r = agdb__resolver_new(on_wake, &bench);
    job = agdb__resolve_start(r, &login);
    wait_until(&bench, &bench.wakes, 1);
    assert_int_equal(agdb__resolve_result(job, &addresses, &count, &password, NULL), AGDB_OK);
    assert_string_equal(password, "db-1+app");
    agdb__resolve_release(job);
    login.user = "nobody";
    job = agdb__resolve_start(r, &login);
    wait_until(&bench, &bench.wakes, 2);
    assert_int_equal(agdb__resolve_result(job, NULL, NULL, NULL, &error), AGDB_E_AUTH);
    agdb__error_free(error);
    agdb__resolve_release(job);
    agdb__resolver_free(r);
}

/* Eight helpers hang; the owner lets go of everything and nothing waits for them. They end by
 * themselves when the callbacks return, and wake nobody. */
static void free_with_hanging_helpers_waits_for_none_and_silences_them(void **state)
{
    agdb__login_t login = login_to("127.0.0.1");
    agdb__resolve_t *job[MANY];
    agdb__resolver_t *r;
    bench_t bench;
    size_t i;

    (void)state;
    bench_init(&bench);
    login.password = give_password;
    login.password_user = &bench;
    r = agdb__resolver_new(on_wake, &bench);
    for (i = 0; i < MANY; i++)
        job[i] = agdb__resolve_start(r, &login);
    wait_until(&bench, &bench.waiting, 8);
    for (i = 0; i < MANY; i++) {
        assert_false(agdb__resolve_is_done(job[i]));
        if (i % 2 == 0)
            agdb__resolve_release(job[i]);
    }
    agdb__resolver_free(r);
    for (i = 1; i < MANY; i += 2)
        agdb__resolve_release(job[i]);
    open_gate(&bench);
    wait_until(&bench, &bench.waiting, 0);
    assert_int_equal(bench.wakes, 0);
}

static void start_more_jobs_than_helpers_all_end(void **state)
{
    agdb__login_t login = login_to("127.0.0.1");
    agdb__resolve_t *job[MANY];
    agdb__resolver_t *r;
    bench_t bench;
    size_t i;

    (void)state;
    bench_init(&bench);
    login.password = give_password;
    login.password_user = &bench;
    r = agdb__resolver_new(on_wake, &bench);
    for (i = 0; i < MANY; i++)
        job[i] = agdb__resolve_start(r, &login);
    open_gate(&bench);
    wait_until(&bench, &bench.wakes, MANY);
    for (i = 0; i < MANY; i++) {
        assert_true(agdb__resolve_is_done(job[i]));
        agdb__resolve_release(job[i]);
    }
    agdb__resolver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_address_is_done_at_once_without_a_wake),
        cmocka_unit_test(start_name_is_looked_up_and_wakes),
        cmocka_unit_test(start_bad_password_file_names_the_file),
        cmocka_unit_test(start_callback_gives_the_password),
        cmocka_unit_test(free_with_hanging_helpers_waits_for_none_and_silences_them),
        cmocka_unit_test(start_more_jobs_than_helpers_all_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
