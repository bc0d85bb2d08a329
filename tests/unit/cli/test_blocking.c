/* Who holds up whom: chains, circles, and those that cannot be seen. */
#include "cli/blocking.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MOST = 6 };

typedef struct block_row {
    const char *name;
    int64_t waits_for[MOST]; /* of pid 1, 2, ...: 0: it waits for nobody; -1: for a prepared one */
    int64_t root;            /* of who holds up most; 0: nobody does, or a prepared one */
    size_t waiting;
    size_t blocks;
} block_row_t;

static const block_row_t k_rows[] = {
    {"nobody waits", {0, 0, 0}, 0, 0, 0},
    {"one waits", {0, 1}, 1, 1, 1},
    {"a chain has one root", {0, 1, 2, 3}, 1, 3, 1},
    {"who holds up more comes first", {0, 0, 1, 2, 2}, 2, 2, 2},
    {"a circle ends", {2, 1}, 1, 1, 2},
    {"a chain into a circle ends", {2, 1, 1}, 1, 2, 2},
    {"a stranger is named by its pid", {99, 1}, 99, 2, 1},
    {"a prepared transaction is no process", {-1, -1}, 0, 2, 1},
};

static cli_sessions_t sessions_of(const block_row_t *row, cli_session_t *items, int64_t (*pids)[2])
{
    cli_sessions_t sessions = {.items = items, .count = MOST};
    size_t i;

    for (i = 0; i < MOST; i++) {
        const int64_t to = row->waits_for[i];

        pids[i][0] = to > 0 ? to : 0;
        pids[i][1] = 0;
        items[i] = (cli_session_t){.pid = (int64_t)i + 1,
                                   .service = "api",
                                   .user = "app",
                                   .state = "active",
                                   .wait_type = to != 0 ? "Lock" : "",
                                   .wait = "",
                                   .waiting_ms = to != 0 ? (int64_t)i * 10 : -1,
                                   .blockers = pids[i]};
    }
    return sessions;
}

static void blocks_follow_each_chain_to_its_root(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof k_rows / sizeof k_rows[0]; i++) {
        cli_session_t items[MOST];
        int64_t pids[MOST][2];
        cli_sessions_t sessions = sessions_of(&k_rows[i], items, pids);
        cli_blocks_t blocks = cli_blocks_of(&sessions);

        print_message("%s\n", k_rows[i].name);
        assert_int_equal(blocks.count, k_rows[i].blocks);
        if (blocks.count == 0)
            continue;
        assert_int_equal(blocks.items[0].pid, k_rows[i].root);
        assert_int_equal(blocks.items[0].waiting, k_rows[i].waiting);
        assert_int_equal(blocks.items[0].root != NULL,
                         k_rows[i].root > 0 && k_rows[i].root <= MOST);
    }
}

static void blocks_tell_the_longest_wait(void **state)
{
    cli_session_t items[MOST];
    int64_t pids[MOST][2];
    cli_sessions_t sessions = sessions_of(&k_rows[2], items, pids);

    (void)state;
    assert_int_equal(cli_blocks_of(&sessions).items[0].longest_ms, 30);
}

static void span_text_is_for_people(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{-1, "-"},           {0, "0 ms"},       {999, "999 ms"},  {1000, "1.0 s"},
                {119999, "120.0 s"}, {120000, "2 min"}, {7200000, "2 h"}, {172800000, "2 d"}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(cli_span_text(rows[i].ms), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_follow_each_chain_to_its_root),
        cmocka_unit_test(blocks_tell_the_longest_wait),
        cmocka_unit_test(span_text_is_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
