#include "map_test.h"

static void rules_sockets_and_loopback_need_no_tls(void **state)
{
    static const char *const k_nodes[] = {"/run/postgresql",
                                          "127.9.9.9",
                                          "\"[::1]:1\"",
                                          "localhost",
                                          "{ host: /run/pg, connection: { sslmode: verify-full } }",
                                          "{ host: localhost, connection: { sslmode: disable } }"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_nodes); i++)
        agdb__map_unref(map_with_node(k_nodes[i]));
}

static void rules_other_hosts_verify_or_say_insecure(void **state)
{
    static const char *const k_nodes[] = {
        "{ host: db.x, connection: { sslmode: verify-full, sslrootcert: /ca } }",
        "{ host: db.x, connection: { insecure: true } }",
        "{ host: db.x, connection: { sslmode: disable, insecure: true } }",
        "{ host: db.x, connection: { sslmode: verify-ca, sslrootcert: /ca, insecure: true } }"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_nodes); i++)
        agdb__map_unref(map_with_node(k_nodes[i]));
}

static void rules_one_wrong_line_for_many_nodes_is_one_remark(void **state)
{
    (void)state;
    assert_refused("agencydb: 1\ndefaults: { connection: { sslmode: allow } }\nkeyspaces: { c: { "
                   "shards: { s: { nodes: [ a.x, b.x, c.x, localhost ] } } } }\n",
                   "2:36: sslmode allow does not prove who node 'a.x' is: say sslmode: verify-full "
                   "with sslrootcert, or insecure: true beside it");
}

static void rules_pool_min_may_equal_max(void **state)
{
    (void)state;
    agdb__map_unref(map_with_node("{ host: localhost, pool: { min: 3, max: 3 } }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_sockets_and_loopback_need_no_tls),
        cmocka_unit_test(rules_other_hosts_verify_or_say_insecure),
        cmocka_unit_test(rules_one_wrong_line_for_many_nodes_is_one_remark),
        cmocka_unit_test(rules_pool_min_may_equal_max),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
