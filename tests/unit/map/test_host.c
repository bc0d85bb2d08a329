#include "unit.h"

#include "map/host.h"

#include <string.h>

static void loopback_is_known_in_all_forms(void **state)
{
    (void)state;
    assert_true(agdb__host_is_loopback("127.0.0.1"));
    assert_true(agdb__host_is_loopback("127.255.3.4"));
    assert_true(agdb__host_is_loopback("::1"));
    assert_true(agdb__host_is_loopback("0:0:0:0:0:0:0:1"));
    assert_true(agdb__host_is_loopback("LocalHost"));
    assert_false(agdb__host_is_loopback("128.0.0.1"));
    assert_false(agdb__host_is_loopback("::2"));
    assert_false(agdb__host_is_loopback("localhost.example.gov"));
    assert_false(agdb__host_is_loopback("127.0.0.1.example.gov"));
}

static void fault_good_hosts_have_none(void **state)
{
    static const char *const k_good[] = {
        "db",          "db-1.example.gov", "db_1", "10.0.0.1", "::1", "fe80::1%eth0",
        "2001:db8::1", "/run/postgresql",  "1db"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_good); i++)
        assert_null(agdb__host_fault(k_good[i], strlen(k_good[i])));
}

static void fault_bad_hosts_have_one(void **state)
{
    static const char *const k_bad[] = {"",    "a b",   "a,b",       "a@b",       "-a",
                                        ".a",  "1.2.3", "256.1.1.1", "1.2.3.4.5", "[::1]",
                                        "a:1", ":::",   "@socket",   "run/pg",    "caf\xC3\xA9",
                                        "a/b", "1:2:%"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_bad); i++)
        if (agdb__host_fault(k_bad[i], strlen(k_bad[i])) == NULL)
            fail_msg("'%s' is no host", k_bad[i]);
}

static void endpoint_forms_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        const char *port; /* NULL: none */
    } k_rows[] = {
        {"db", "db", NULL},        {"db:1", "db", "1"},          {"[::1]", "::1", NULL},
        {"[::1]:77", "::1", "77"}, {"/run/pg", "/run/pg", NULL}, {"/run/a:b", "/run/a:b", NULL},
        {"::1", NULL, NULL},       {"a:b:c", NULL, NULL},        {"[::1", NULL, NULL},
        {"[::1]x", NULL, NULL},    {"[db]:1", NULL, NULL},       {"db:", "db", ""}};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb__endpoint_t e;
        const char *fault = agdb__endpoint_parse(k_rows[i].text, strlen(k_rows[i].text), &e);
        assert_int_equal(fault == NULL, k_rows[i].host != NULL);
        if (fault != NULL)
            continue;
        assert_int_equal(e.host_len, strlen(k_rows[i].host));
        assert_memory_equal(e.host, k_rows[i].host, e.host_len);
        assert_int_equal(e.port != NULL, k_rows[i].port != NULL);
        if (e.port != NULL) {
            assert_int_equal(e.port_len, strlen(k_rows[i].port));
            assert_memory_equal(e.port, k_rows[i].port, e.port_len);
        }
    }
}

static void node_name_has_brackets_around_ipv6(void **state)
{
    char name[AGDB__NODE_NAME_SIZE];

    (void)state;
    agdb__node_name(name, "db1", 5432);
    assert_string_equal(name, "db1:5432");
    agdb__node_name(name, "fe80::1", 65535);
    assert_string_equal(name, "[fe80::1]:65535");
    agdb__node_name(name, "/run/postgresql", 1);
    assert_string_equal(name, "/run/postgresql:1");
}

static void port_outside_of_its_range_is_refused(void **state)
{
    static const char *const k_bad[] = {"",   "0", "05432", "65536", "99999999999999999999",
                                        "5a", " 1"};
    uint16_t port = 0;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_bad); i++)
        assert_false(agdb__port_parse(k_bad[i], strlen(k_bad[i]), &port));
    assert_true(agdb__port_parse("65535", 5, &port));
    assert_int_equal(port, 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_known_in_all_forms),
        cmocka_unit_test(fault_good_hosts_have_none),
        cmocka_unit_test(fault_bad_hosts_have_one),
        cmocka_unit_test(endpoint_forms_are_taken_apart),
        cmocka_unit_test(node_name_has_brackets_around_ipv6),
        cmocka_unit_test(port_outside_of_its_range_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
