#include "map_test.h"

#include "map/diff.h"

static const char k_old[] =
    "agencydb: 1\nepoch: 5\nhash: { slots: 64 }\nkeyspaces:\n  core:\n    shards:\n"
    "      a: { slots: [0-31], nodes: [ \"localhost:1\", \"localhost:9\" ] }\n"
    "      b: { slots: [32-63], nodes: [ \"localhost:2\" ] }\n"
    "agencies: { epa: { writes: refuse } }\n";
static const char k_new[] =
    "agencydb: 1\nepoch: 6\nhash: { slots: 64 }\ndefault_keyspace: core\nkeyspaces:\n  core:\n"
    "    grouping: off\n    shards:\n"
    "      a: { region: east, slots: [0-15], nodes: [ \"localhost:1\" ], pool: { max: 9 } }\n"
    "      b: { slots: [16-63], nodes: [ \"localhost:2\", \"localhost:3\" ] }\n"
    "      c: { slots: [], nodes: [ \"localhost:4\" ], timeouts: { call: 1s } }\n"
    "  other: { shards: { o: { nodes: [ localhost ] } } }\n";

static char *difference(const char *old, const char *now, bool json, agdb__buf_t *out)
{
    agdb_map_t *a = good_map(old);
    agdb_map_t *b = good_map(now);

    agdb__buf_init(out, 1 << 20);
    agdb__map_diff(a, b, json, out);
    agdb__map_unref(a);
    agdb__map_unref(b);
    return out->data;
}

static void diff_two_maps_lists_every_change(void **state)
{
    agdb__buf_t out;

    (void)state;
    assert_string_equal(
        difference(k_old, k_new, false, &out),
        "~ epoch: 5 -> 6\n~ keyspace core: grouping: on -> off\n"
        "~ keyspace core shard a: region: (none) -> east\n"
        "~ keyspace core shard a node localhost:1: pool.max: 8 -> 9\n"
        "- keyspace core shard a node localhost:9\n+ keyspace core shard b node localhost:3\n"
        "+ keyspace core shard c\n+ keyspace other\n~ agency epa: writes: refuse -> (none)\n"
        "> keyspace core slots 16-31: a -> b\n\n"
        "Rows do not move by themselves: what stands above would be looked for where it is not.\n"
        "Move the rows first (freeze the agencies with writes: refuse meanwhile), then add this "
        "line:\n\nmoved_since: 5\n");
    agdb__buf_fini(&out);
}

static void diff_as_json_lists_the_same(void **state)
{
    agdb__buf_t out;

    (void)state;
    assert_string_equal(
        difference(k_old, k_new, true, &out),
        "{\n  \"changes\": [\n"
        "    {\"change\": \"changed\", \"what\": \"epoch\", \"old\": \"5\", \"new\": \"6\"},\n"
        "    {\"change\": \"changed\", \"keyspace\": \"core\", \"what\": \"grouping\", \"old\": "
        "\"on\", \"new\": \"off\"},\n"
        "    {\"change\": \"changed\", \"keyspace\": \"core\", \"shard\": \"a\", \"what\": "
        "\"region\", \"old\": null, \"new\": \"east\"},\n"
        "    {\"change\": \"changed\", \"keyspace\": \"core\", \"shard\": \"a\", \"node\": "
        "\"localhost:1\", \"what\": \"pool.max\", \"old\": \"8\", \"new\": \"9\"},\n"
        "    {\"change\": \"removed\", \"keyspace\": \"core\", \"shard\": \"a\", \"node\": "
        "\"localhost:9\"},\n"
        "    {\"change\": \"added\", \"keyspace\": \"core\", \"shard\": \"b\", \"node\": "
        "\"localhost:3\"},\n"
        "    {\"change\": \"added\", \"keyspace\": \"core\", \"shard\": \"c\"},\n"
        "    {\"change\": \"added\", \"keyspace\": \"other\"},\n"
        "    {\"change\": \"changed\", \"agency\": \"epa\", \"what\": \"writes\", \"old\": "
        "\"refuse\", \"new\": null}\n"
        "  ],\n  \"moves\": [\n"
        "    {\"keyspace\": \"core\", \"slots\": \"16-31\", \"from\": \"a\", \"to\": \"b\"}\n"
        "  ],\n  \"moved_since\": 5\n}\n");
    agdb__buf_fini(&out);
}

static void diff_same_map_says_nothing(void **state)
{
    agdb__buf_t out;

    (void)state;
    assert_null(difference(k_old, k_old, false, &out));
    agdb__buf_fini(&out);
    assert_string_equal(difference(k_old, k_old, true, &out), "{}\n");
    agdb__buf_fini(&out);
}

static void diff_whose_rows_were_moved_says_what_it_means(void **state)
{
    static const char k_moved[] =
        "agencydb: 1\nepoch: 6\nmoved_since: 5\nhash: { slots: 64 }\nkeyspaces:\n  core:\n"
        "    shards:\n"
        "      a: { slots: [0-15], nodes: [ \"localhost:1\", \"localhost:9\" ] }\n"
        "      b: { slots: [16-63], nodes: [ \"localhost:2\" ] }\n"
        "agencies: { epa: { writes: refuse } }\n";
    agdb__buf_t out;

    (void)state;
    assert_string_equal(difference(k_old, k_moved, false, &out),
                        "~ epoch: 5 -> 6\n> keyspace core slots 16-31: a -> b\n\nThe new map says "
                        "moved_since: 5: programs take it, and look for these rows in their new "
                        "places.\n");
    agdb__buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diff_two_maps_lists_every_change),
        cmocka_unit_test(diff_as_json_lists_the_same),
        cmocka_unit_test(diff_same_map_says_nothing),
        cmocka_unit_test(diff_whose_rows_were_moved_says_what_it_means),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
