#include "pg/conninfo.h"

#include "base/error.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

static const char *const k_keywords[] = {"sslmode", "tcp_user_timeout"};
static const char *const k_values[] = {"disable", "15000"};

static agdb__login_t login_to(const char *host)
{
    return (agdb__login_t){.node = "db-1",
                           .host = host,
                           .port = 5433,
                           .user = "app",
                           .dbname = "host=evil sslmode=disable",
                           .service = "foundation api",
                           .search_path = "\"$user\", public",
                           .keywords = k_keywords,
                           .values = k_values,
                           .noptions = 2};
}

static const char *value_of(const agdb__conninfo_t *info, const char *keyword)
{
    size_t i;

    for (i = 0; info->keyword[i] != NULL; i++)
        if (strcmp(info->keyword[i], keyword) == 0)
            return info->value[i];
    return "";
}

/* An effective option's value, as libpq sees it after its look at the environment. */
static void expect_effective(PGconn *pg, const char *keyword, const char *value)
{
    PQconninfoOption *list = PQconninfo(pg);
    PQconninfoOption *o;

    for (o = list; o->keyword != NULL; o++)
        if (strcmp(o->keyword, keyword) == 0)
            assert_string_equal(o->val != NULL ? o->val : "", value);
    PQconninfoFree(list);
}

/* Puts a value of its own into every variable that this libpq reads for an option. */
static void poison_environment(bool poison)
{
    PQconninfoOption *list = PQconninfoParse("", NULL);
    PQconninfoOption *o;

    for (o = list; o->keyword != NULL; o++) {
        if (o->envvar == NULL || strcmp(o->envvar, "PGSERVICE") == 0)
            continue;
        if (poison)
            setenv(o->envvar, "hostile", 1);
        else
            unsetenv(o->envvar);
    }
    PQconninfoFree(list);
}

/* How many options have the environment's value. */
static size_t count_poisoned(PGconn *pg, const char *allowed)
{
    PQconninfoOption *list = PQconninfo(pg);
    PQconninfoOption *o;
    size_t count = 0;

    for (o = list; o->keyword != NULL; o++) {
        if (o->val == NULL || strcmp(o->val, "hostile") != 0 || strcmp(o->keyword, allowed) == 0)
            continue;
        print_error("%s comes from %s\n", o->keyword, o->envvar);
        count++;
    }
    PQconninfoFree(list);
    return count;
}

static PGconn *start(const agdb__login_t *login, const char *address)
{
    agdb__conninfo_t info;
    PGconn *pg;

    assert_int_equal(agdb__conninfo_build(&info, login, address, "", NULL), AGDB_OK);
    pg = PQconnectStartParams(info.keyword, info.value, 0);
    agdb__conninfo_fini(&info);
    assert_non_null(pg);
    return pg;
}

static void build_tcp_takes_nothing_from_the_environment(void **state)
{
    const agdb__login_t login = login_to("localhost");
    PGconn *pg;

    (void)state;
    poison_environment(true);
    pg = start(&login, "127.0.0.1");
    assert_int_equal(count_poisoned(pg, ""), 0);
    expect_effective(pg, "password", AGDB__NO_PASSWORD);
    expect_effective(pg, "hostaddr", "127.0.0.1");
    PQfinish(pg);
    poison_environment(false);
}

static void build_socket_takes_requirepeer_only_from_the_environment(void **state)
{
    const agdb__login_t login = login_to("/nonexistent");
    PGconn *pg;

    (void)state;
    poison_environment(true);
    pg = start(&login, "");
    assert_int_equal(count_poisoned(pg, "requirepeer"), 0);
    assert_non_null(strstr(PQerrorMessage(pg), "/nonexistent/.s.PGSQL.5433"));
    PQfinish(pg);
    poison_environment(false);
}

static void build_unknown_service_in_the_environment_fails_with_its_name(void **state)
{
    const agdb__login_t login = login_to("localhost");
    PGconn *pg;

    (void)state;
    setenv("PGSERVICE", "hostile", 1);
    setenv("PGSERVICEFILE", "/dev/null", 1);
    pg = start(&login, "127.0.0.1");
    assert_int_equal(PQstatus(pg), CONNECTION_BAD);
    assert_non_null(strstr(PQerrorMessage(pg), "hostile"));
    PQfinish(pg);
    unsetenv("PGSERVICE");
    unsetenv("PGSERVICEFILE");
}

/* A service that exists has nothing left to set. */
static void build_known_service_in_the_environment_changes_nothing(void **state)
{
    static const char text[] = "[hostile]\nhost=evil\nhostaddr=9.9.9.9\nport=1\nuser=evil\n"
                               "dbname=evil\npassword=evil\nsslmode=require\noptions=-cgeqo=off\n";
    const agdb__login_t login = login_to("/nonexistent");
    char path[] = "/tmp/agdb-service-XXXXXX";
    int fd = mkstemp(path);
    PGconn *pg;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    setenv("PGSERVICE", "hostile", 1);
    setenv("PGSERVICEFILE", path, 1);
    pg = start(&login, "");
    expect_effective(pg, "hostaddr", ",");
    expect_effective(pg, "port", "5433");
    expect_effective(pg, "user", "app");
    expect_effective(pg, "password", AGDB__NO_PASSWORD);
    expect_effective(pg, "sslmode", "disable");
    PQfinish(pg);
    unsetenv("PGSERVICE");
    unsetenv("PGSERVICEFILE");
    unlink(path);
}

static void build_keeps_a_dbname_that_looks_like_a_connection_string(void **state)
{
    const agdb__login_t login = login_to("db-1.example.gov");
    agdb__conninfo_t info;

    (void)state;
    assert_int_equal(agdb__conninfo_build(&info, &login, "192.0.2.1", "pw", NULL), AGDB_OK);
    assert_string_equal(value_of(&info, "dbname"), "host=evil sslmode=disable");
    assert_string_equal(value_of(&info, "host"), "db-1.example.gov");
    assert_string_equal(value_of(&info, "hostaddr"), "192.0.2.1");
    assert_string_equal(value_of(&info, "port"), "5433");
    assert_string_equal(value_of(&info, "password"), "pw");
    assert_string_equal(value_of(&info, "sslmode"), "disable");
    assert_string_equal(value_of(&info, "tcp_user_timeout"), "15000");
    assert_string_equal(value_of(&info, "application_name"), "foundation api");
    agdb__conninfo_fini(&info);
}

static void build_options_escape_spaces_and_backslashes(void **state)
{
    agdb__login_t login = login_to("localhost");
    agdb__conninfo_t info;
    const char *options;

    (void)state;
    login.search_path = "a, \"b\\c\"\t";
    assert_int_equal(agdb__conninfo_build(&info, &login, "127.0.0.1", "", NULL), AGDB_OK);
    options = value_of(&info, "options");
    assert_non_null(strstr(options, "-c search_path=a,\\ \"b\\\\c\"\\\t"));
    assert_non_null(strstr(options, "-c default_transaction_isolation=read\\ committed "));
    assert_non_null(strstr(options, "-c TimeZone=UTC "));
    assert_non_null(strstr(options, "-c client_connection_check_interval=1000ms"));
    agdb__conninfo_fini(&info);
}

static void build_through_pgbouncer_sends_options_only_against_the_environment(void **state)
{
    agdb__login_t login = login_to("localhost");
    agdb__conninfo_t info;

    (void)state;
    login.pgbouncer = true;
    assert_int_equal(agdb__conninfo_build(&info, &login, "127.0.0.1", "", NULL), AGDB_OK);
    assert_string_equal(value_of(&info, "options"), "");
    agdb__conninfo_fini(&info);
    setenv("PGOPTIONS", "-c geqo=off", 1);
    assert_int_equal(agdb__conninfo_build(&info, &login, "127.0.0.1", "", NULL), AGDB_OK);
    assert_string_equal(value_of(&info, "options"), " ");
    agdb__conninfo_fini(&info);
    unsetenv("PGOPTIONS");
}

static void expect_refused(const agdb__login_t *login, agdb_status_t status, const char *part)
{
    agdb_error_t *error = NULL;
    agdb__conninfo_t info;

    assert_int_equal(agdb__conninfo_build(&info, login, "127.0.0.1", "", &error), status);
    assert_non_null(strstr(error->message, part));
    agdb__error_free(error);
    agdb__conninfo_fini(&info);
}

static void build_what_cannot_be_meant_is_refused(void **state)
{
    static const char *const keyword[] = {"no_such_option", "host", "sslcrl"};
    static const char *const value[] = {"1", "evil", "/nonexistent.crl"};
    agdb__login_t login = login_to("a,b");

    (void)state;
    expect_refused(&login, AGDB_E_CONNECT, "not one host name");
    login = login_to("localhost");
    login.values = &value[0];
    login.keywords = &keyword[0];
    login.noptions = 1;
    expect_refused(&login, AGDB_E_CONNECT, "does not know the connection option 'no_such_option'");
    login.keywords = &keyword[1];
    login.values = &value[1];
    expect_refused(&login, AGDB_E_CONNECT, "'host' may not be set");
    login.keywords = &keyword[2];
    login.values = &value[2];
    expect_refused(&login, AGDB_E_TLS, "/nonexistent.crl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(build_tcp_takes_nothing_from_the_environment),
        cmocka_unit_test(build_socket_takes_requirepeer_only_from_the_environment),
        cmocka_unit_test(build_unknown_service_in_the_environment_fails_with_its_name),
        cmocka_unit_test(build_known_service_in_the_environment_changes_nothing),
        cmocka_unit_test(build_keeps_a_dbname_that_looks_like_a_connection_string),
        cmocka_unit_test(build_options_escape_spaces_and_backslashes),
        cmocka_unit_test(build_through_pgbouncer_sends_options_only_against_the_environment),
        cmocka_unit_test(build_what_cannot_be_meant_is_refused),
    };

    poison_environment(false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
