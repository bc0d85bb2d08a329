#include "pg/resolver.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

enum { PATIENCE_MS = 20000, MANY = 40, PLACES = 16 };

/* A wake-up counter, and a gate that holds password callbacks and look-ups. */
typedef struct bench {
    agdb__mutex_t mutex;
    agdb__cond_t changed;
    int wakes;
    int waiting;
    int asked;  /* callbacks begun */
    int looked; /* look-ups begun, of names that the tests invent */
    int opened; /* of HANGING_FILE */
    bool open;
} bench_t;

#define HANGING_FILE "/hanging/password"

static bench_t *s_bench; /* of the look-ups and files */

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

static void pass_gate(bench_t *b, bool stop, int *count)
{
    agdb__lock(&b->mutex);
    (*count)++;
    b->waiting++;
    agdb__cond_broadcast(&b->changed);
    while (stop && !b->open)
        (void)agdb__cond_wait(&b->changed, &b->mutex, AGDB__NEVER);
    b->waiting--;
    agdb__cond_broadcast(&b->changed);
    agdb__unlock(&b->mutex);
}

/* The C library's, but for names that end in ".test": "hangs*" wait for the gate, "gone*" are not
 * found, others are found at once. */
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    const char *suffix = strrchr(name, '.');

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (suffix == NULL || strcmp(suffix, ".test") != 0)
        return real(name, service, hints, ret);
    if ((hints->ai_flags & AI_NUMERICHOST) != 0)
        return EAI_NONAME;
    pass_gate(s_bench, strncmp(name, "hangs", 5) == 0, &s_bench->looked);
    if (strstr(name, "gone") != NULL)
        return EAI_NONAME;
    return real("192.0.2.7", service, hints, ret);
}

/* The C library's, but for a file on a mount that is gone. */
int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (strcmp(path, HANGING_FILE) == 0)
        pass_gate(s_bench, true, &s_bench->opened);
    return openat(AT_FDCWD, path, flags, mode);
}

static bool give_password(const char *node, const char *login, char *buf, size_t size, void *user)
{
    bench_t *b = user;

    pass_gate(b, strcmp(login, "quick") != 0, &b->asked);
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

/* A lane's helpers hang; the owner lets go of everything and nothing waits for them. They end by
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
    for (i = 0; i < MANY; i++) {
        login.port = (uint16_t)(6000 + i);
        job[i] = agdb__resolve_start(r, &login);
    }
    wait_until(&bench, &bench.waiting, PLACES);
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

/* --- what hangs ------------------------------------------------------------------------------ */

static agdb__resolver_t *start_bench(bench_t *bench)
{
    bench_init(bench);
    s_bench = bench;
    return agdb__resolver_new(on_wake, bench);
}

static void end_bench(agdb__resolver_t *r, bench_t *bench)
{
    open_gate(bench);
    agdb__resolver_free(r);
    wait_until(bench, &bench->waiting, 0);
}

static void wait_done(bench_t *b, const agdb__resolve_t *job)
{
    const uint64_t until_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    agdb__lock(&b->mutex);
    while (!agdb__resolve_is_done(job))
        if (!agdb__cond_wait(&b->changed, &b->mutex, until_us))
            break;
    agdb__unlock(&b->mutex);
    assert_true(agdb__resolve_is_done(job));
}

static void assert_address(const agdb__resolve_t *job, const char *expected)
{
    const char *const *addresses;
    const char *password;
    size_t count;

    assert_int_equal(agdb__resolve_result(job, &addresses, &count, &password, NULL), AGDB_OK);
    assert_int_equal(count, 1);
    assert_string_equal(addresses[0], expected);
}

static void start_beside_a_hanging_name_other_names_are_found(void **state)
{
    agdb__login_t hanging = login_to("hangs.test");
    agdb__login_t fine = login_to("fine.test");
    agdb__resolve_t *job[MANY];
    agdb__resolve_t *other;
    agdb__resolver_t *r;
    bench_t bench;
    size_t i;

    (void)state;
    r = start_bench(&bench);
    for (i = 0; i < MANY; i++)
        job[i] = agdb__resolve_start(r, &hanging);
    wait_until(&bench, &bench.looked, 1);
    other = agdb__resolve_start(r, &fine);
    wait_done(&bench, other);
    assert_address(other, "192.0.2.7");
    agdb__resolve_release(other);
    for (i = 0; i < MANY; i++) {
        assert_false(agdb__resolve_is_done(job[i]));
        agdb__resolve_release(job[i]);
    }
    end_bench(r, &bench);
    assert_int_equal(bench.looked, 2);
}

static void start_same_name_twice_shares_one_answer(void **state)
{
    static const char *const names[] = {"hangs.test", "hangs.gone.test"};
    agdb_error_t *error = NULL;
    agdb__resolve_t *job[MANY];
    agdb__resolver_t *r;
    bench_t bench;
    size_t i;
    int n;

    (void)state;
    for (n = 0; n < 2; n++) {
        agdb__login_t login = login_to(names[n]);

        r = start_bench(&bench);
        for (i = 0; i < MANY; i++)
            job[i] = agdb__resolve_start(r, &login);
        wait_until(&bench, &bench.looked, 1);
        open_gate(&bench);
        for (i = 0; i < MANY; i++) {
            wait_done(&bench, job[i]);
            if (n == 0) {
                assert_address(job[i], "192.0.2.7");
            } else {
                assert_int_equal(agdb__resolve_result(job[i], NULL, NULL, NULL, &error),
                                 AGDB_E_CONNECT);
                assert_int_equal(error->stage, AGDB_STAGE_RESOLVE);
                assert_true(error->retriable);
            }
            agdb__resolve_release(job[i]);
        }
        end_bench(r, &bench);
        assert_int_equal(bench.looked, 1);
    }
    agdb__error_free(error);
}

static void start_after_the_asker_has_gone_nothing_is_looked_up(void **state)
{
    agdb__login_t hanging = login_to("127.0.0.1");
    agdb__resolve_t *first[2];
    agdb__resolve_t *last;
    agdb__resolver_t *r;
    bench_t bench;
    size_t i;

    (void)state;
    r = start_bench(&bench);
    hanging.password = give_password;
    hanging.password_user = &bench;
    for (i = 0; i < 2; i++)
        first[i] = agdb__resolve_start(r, &hanging);
    wait_until(&bench, &bench.asked, 2);
    for (i = 0; i < MANY; i++)
        agdb__resolve_release(agdb__resolve_start(r, &hanging));
    last = agdb__resolve_start(r, &hanging);
    open_gate(&bench);
    wait_done(&bench, last);
    assert_int_equal(bench.asked, 3);
    for (i = 0; i < 2; i++) {
        wait_done(&bench, first[i]);
        agdb__resolve_release(first[i]);
    }
    agdb__resolve_release(last);
    end_bench(r, &bench);
}

static void start_while_all_look_ups_hang_an_address_gets_its_password(void **state)
{
    agdb__login_t login = login_to("127.0.0.1");
    agdb__resolve_t *job[MANY];
    agdb__resolve_t *from_file;
    agdb__resolve_t *asked;
    agdb__resolver_t *r;
    char name[32];
    bench_t bench;
    size_t i;

    (void)state;
    r = start_bench(&bench);
    for (i = 0; i < MANY; i++) {
        agdb__login_t hanging = login_to(name);

        snprintf(name, sizeof name, "hangs-%zu.test", i);
        job[i] = agdb__resolve_start(r, &hanging);
    }
    wait_until(&bench, &bench.waiting, PLACES);
    login.password_file = "/nonexistent/password";
    from_file = agdb__resolve_start(r, &login);
    wait_done(&bench, from_file);
    login.password_file = NULL;
    login.user = "quick";
    login.password = give_password;
    login.password_user = &bench;
    asked = agdb__resolve_start(r, &login);
    wait_done(&bench, asked);
    assert_int_equal(bench.looked, PLACES);
    agdb__resolve_release(from_file);
    agdb__resolve_release(asked);
    for (i = 0; i < MANY; i++)
        agdb__resolve_release(job[i]);
    end_bench(r, &bench);
}

static void start_beside_a_hanging_callback_other_logins_get_theirs(void **state)
{
    agdb__login_t login = login_to("127.0.0.1");
    agdb__resolve_t *job[MANY];
    agdb__resolve_t *other;
    agdb__resolver_t *r;
    bench_t bench;
    size_t i;

    (void)state;
    r = start_bench(&bench);
    login.password = give_password;
    login.password_user = &bench;
    for (i = 0; i < MANY; i++)
        job[i] = agdb__resolve_start(r, &login);
    wait_until(&bench, &bench.asked, 2);
    login.user = "quick";
    other = agdb__resolve_start(r, &login);
    wait_done(&bench, other);
    assert_int_equal(bench.asked, 3);
    agdb__resolve_release(other);
    for (i = 0; i < MANY; i++)
        agdb__resolve_release(job[i]);
    end_bench(r, &bench);
}

static void start_beside_a_hanging_file_other_files_are_read(void **state)
{
    agdb__login_t login = login_to("127.0.0.1");
    agdb__resolve_t *job[MANY];
    agdb__resolve_t *other;
    agdb__resolver_t *r;
    bench_t bench;
    size_t i;

    (void)state;
    r = start_bench(&bench);
    login.password_file = HANGING_FILE;
    for (i = 0; i < MANY; i++)
        job[i] = agdb__resolve_start(r, &login);
    login.password_file = "/nonexistent/password";
    other = agdb__resolve_start(r, &login);
    wait_done(&bench, other);
    assert_int_equal(bench.opened, 1);
    agdb__resolve_release(other);
    for (i = 0; i < MANY; i++) {
        assert_false(agdb__resolve_is_done(job[i]));
        agdb__resolve_release(job[i]);
    }
    end_bench(r, &bench);
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
        cmocka_unit_test(start_beside_a_hanging_name_other_names_are_found),
        cmocka_unit_test(start_same_name_twice_shares_one_answer),
        cmocka_unit_test(start_after_the_asker_has_gone_nothing_is_looked_up),
        cmocka_unit_test(start_while_all_look_ups_hang_an_address_gets_its_password),
        cmocka_unit_test(start_beside_a_hanging_callback_other_logins_get_theirs),
        cmocka_unit_test(start_beside_a_hanging_file_other_files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
