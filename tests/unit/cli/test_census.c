/* Sessions added up by service and host. */
#include "cli/census.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static cli_session_t connection(const char *service, const char *host, const char *state)
{
    return (cli_session_t){
        .service = service, .host = host, .state = state, .transaction_ms = -1, .epoch = -1};
}

static cli_session_t keeper(const char *service, const char *host, int64_t epoch)
{
    cli_session_t session = connection(service, host, "idle");

    session.is_keeper = true;
    session.epoch = epoch;
    return session;
}

static void connections_are_counted_by_what_they_do(void **state)
{
    const cli_session_t sessions[] = {
        connection("api", "10.0.0.1", "active"), connection("api", "10.0.0.1", "idle"),
        connection("api", "10.0.0.1", "idle in transaction (aborted)"),
        connection("api", "10.0.0.2", "idle"), connection("job", "10.0.0.1", "idle")};
    cli_census_t census = {.count = 0};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof sessions / sizeof sessions[0]; i++)
        cli_census_add(&census, i / 2, &sessions[i]);
    assert_int_equal(census.count, 3);
    assert_int_equal(census.rows[0].connections, 3);
    assert_int_equal(census.rows[0].active, 1);
    assert_int_equal(census.rows[0].idle, 1);
    assert_int_equal(census.rows[0].in_transaction, 1);
    assert_int_equal(census.rows[0].nodes, 2);
    assert_int_equal(census.rows[1].connections, 1);
    assert_string_equal(census.rows[2].service, "job");
    assert_string_equal(cli_epochs_text(&census.rows[0].epochs), "-");
}

static void keepers_are_processes_and_no_connections(void **state)
{
    const cli_session_t old = keeper("api", "10.0.0.1", 11);
    const cli_session_t new = keeper("api", "10.0.0.1", 12);
    cli_census_t census = {.count = 0};
    size_t node;

    (void)state;
    for (node = 0; node < 3; node++) {
        cli_census_add(&census, node, &old);
        cli_census_add(&census, node, &new);
    }
    assert_int_equal(census.count, 1);
    assert_int_equal(census.rows[0].connections, 0);
    assert_int_equal(census.rows[0].keepers, 6);
    assert_int_equal(census.rows[0].epochs.all.processes, 2);
    assert_string_equal(cli_epochs_text(&census.rows[0].epochs), "11 (1), 12 (1)");
}

static void hidden_sessions_are_of_a_hidden_host(void **state)
{
    cli_session_t hidden = keeper("api", NULL, -1);
    const cli_session_t seen = keeper("api", "10.0.0.1", 12);
    cli_census_t census = {.count = 0};

    (void)state;
    hidden.state = NULL;
    cli_census_add(&census, 0, &hidden);
    cli_census_add(&census, 0, &seen);
    assert_int_equal(census.count, 2);
    assert_int_equal(census.rows[0].unseen, 0);
    assert_int_equal(census.rows[0].unseen_keepers, 1);
    assert_string_equal(cli_epochs_text(&census.rows[0].epochs), "?");
    assert_string_equal(cli_epochs_text(&census.rows[1].epochs), "12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_counted_by_what_they_do),
        cmocka_unit_test(keepers_are_processes_and_no_connections),
        cmocka_unit_test(hidden_sessions_are_of_a_hidden_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
