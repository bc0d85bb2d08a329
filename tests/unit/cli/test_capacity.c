/* What services connect, and what a server must allow. */
#include "cli/capacity.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static cli_node_t k_nodes[] = {
    {.where = "db-1:5432", .user = "app", .dbname = "agency", .pool_max = 8},
    {.where = "db-2:5432", .user = "app", .dbname = "agency", .pool_max = 4},
    {.where = "db-1:5432", .user = "app", .dbname = "notes", .pool_max = 20},
    {.where = "db-1:5432", .user = "app", .dbname = "agency", .pool_max = 8},
    {.where = "db-1:5432", .user = "other", .dbname = "agency", .pool_max = 2},
    {.where = "pgb:6432", .user = "app", .dbname = "agency", .pool_max = 30, .via_pgbouncer = true},
};
static const cli_nodes_t k_all = {k_nodes, sizeof k_nodes / sizeof k_nodes[0]};

static void loads_add_up_by_server_database_and_role(void **state)
{
    cli_server_loads_t loads = cli_loads_of(&k_all);

    (void)state;
    assert_int_equal(loads.count, 3);
    assert_string_equal(loads.items[0].where, "db-1:5432");
    assert_int_equal(loads.items[0].npools, 3); /* a pool that two keyspaces share counts once */
    assert_int_equal(loads.items[0].per_process, 8 + 1 + 20 + 1 + 2 + 1 + 1);
    assert_int_equal(loads.items[1].per_process, 4 + 1 + 1);
    assert_string_equal(cli_load_text(&loads.items[0]),
                        "agency 8 + LISTEN 1, notes 20 + LISTEN 1, agency 2 + LISTEN 1, keeper 1");
}

static void loads_behind_a_pgbouncer_do_not_listen(void **state)
{
    cli_server_loads_t loads = cli_loads_of(&k_all);

    (void)state;
    assert_int_equal(loads.items[2].per_process, 30 + 1);
    assert_string_equal(cli_load_text(&loads.items[2]), "agency 30, keeper 1");
}

static void load_as_counts_what_one_limit_is_about(void **state)
{
    cli_server_loads_t loads = cli_loads_of(&k_all);
    const cli_server_load_t *load = cli_load_at(&loads, &k_nodes[3]);

    (void)state;
    assert_ptr_equal(load, &loads.items[0]);
    assert_int_equal(cli_load_as(load, "app", NULL), 9 + 21 + 1);
    assert_int_equal(cli_load_as(load, "other", NULL), 3 + 1);
    assert_int_equal(cli_load_as(load, NULL, "notes"), 21 + 1);
    assert_int_equal(cli_load_as(load, NULL, "agency"), 9 + 3 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_add_up_by_server_database_and_role),
        cmocka_unit_test(loads_behind_a_pgbouncer_do_not_listen),
        cmocka_unit_test(load_as_counts_what_one_limit_is_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
