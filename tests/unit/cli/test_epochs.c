/* Which epochs processes have, from their keepers on several servers. */
#include "cli/epochs.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void epochs_of_nobody_are_a_dash(void **state)
{
    const cli_epochs_t epochs = {.count = 0};

    (void)state;
    assert_string_equal(cli_epochs_text(&epochs), "-");
    assert_int_equal(cli_epochs_below(&epochs, 12).all.processes, 0);
}

static void keepers_of_one_process_on_several_servers_are_one(void **state)
{
    cli_epochs_t epochs = {.count = 0};

    (void)state;
    cli_epochs_add(&epochs, 0, 12);
    cli_epochs_add(&epochs, 1, 12);
    cli_epochs_add(&epochs, 3, 12);
    assert_int_equal(epochs.all.processes, 1);
    assert_string_equal(cli_epochs_text(&epochs), "12");
}

static void server_that_sees_most_processes_counts(void **state)
{
    cli_epochs_t epochs = {.count = 0};

    (void)state;
    cli_epochs_add(&epochs, 0, 12);
    cli_epochs_add(&epochs, 0, 11);
    cli_epochs_add(&epochs, 1, 12);
    cli_epochs_add(&epochs, 1, 11);
    cli_epochs_add(&epochs, 1, 12);
    cli_epochs_add(&epochs, 2, 12);
    assert_int_equal(epochs.all.processes, 3);
    assert_string_equal(cli_epochs_text(&epochs), "11 (1), 12 (2)");
}

static void unknown_epoch_is_below_every_limit(void **state)
{
    cli_epochs_t epochs = {.count = 0};
    cli_epochs_t below;

    (void)state;
    cli_epochs_add(&epochs, 0, 9);
    cli_epochs_add(&epochs, 0, 10);
    cli_epochs_add(&epochs, 0, CLI_EPOCH_UNKNOWN);
    assert_string_equal(cli_epochs_text(&epochs), "? (1), 9 (1), 10 (1)");
    below = cli_epochs_below(&epochs, 10);
    assert_int_equal(below.all.processes, 2);
    assert_string_equal(cli_epochs_text(&below), "? (1), 9 (1)");
    below = cli_epochs_below(&epochs, 1);
    assert_string_equal(cli_epochs_text(&below), "?");
}

static void json_has_null_for_an_unknown_epoch(void **state)
{
    cli_epochs_t epochs = {.count = 0};
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out, .compact = true};

    (void)state;
    cli_epochs_add(&epochs, 0, 12);
    cli_epochs_add(&epochs, 0, CLI_EPOCH_UNKNOWN);
    cli_json_open(&json, NULL, '{');
    cli_epochs_json(&epochs, &json);
    cli_json_close(&json);
    assert_string_equal(out.data,
                        "{\"processes\": 2, \"epochs\": [{\"epoch\": null, \"processes\": "
                        "1}, {\"epoch\": 12, \"processes\": 1}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_of_nobody_are_a_dash),
        cmocka_unit_test(keepers_of_one_process_on_several_servers_are_one),
        cmocka_unit_test(server_that_sees_most_processes_counts),
        cmocka_unit_test(unknown_epoch_is_below_every_limit),
        cmocka_unit_test(json_has_null_for_an_unknown_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
