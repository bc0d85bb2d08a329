#include "map_test.h"

#include "map/replace.h"

/* Every rule of what may replace what: a row each. */

#define HEAD(epoch) "agencydb: 1\nepoch: " epoch "\nhash: { slots: 64 }\n"
#define TWO(a, b)                                                                                  \
    "keyspaces:\n  core:\n    shards:\n      a: { slots: [" a "], nodes: [ localhost ] }\n"        \
    "      b: { slots: [" b "], nodes: [ \"localhost:2\" ] }\n"
#define OTHER        "  other: { shards: { o: { nodes: [ \"localhost:3\" ] } } }\n"
#define EMPTY_SHARD  "      c: { slots: [], nodes: [ \"localhost:4\" ] }\n"
#define DEFAULT      "default_keyspace: core\n"
#define MOVED(epoch) "moved_since: " epoch "\n"

static const struct row {
    const char *name;
    const char *current;
    const char *next;
    const char *reasons[4]; /* none: allowed */
} k_rows[] = {
    {"same text", HEAD("5") TWO("0-31", "32-63"), HEAD("5") TWO("0-31", "32-63"), {0}},
    {"higher epoch", HEAD("5") TWO("0-31", "32-63"), HEAD("6") TWO("0-31", "32-63"), {0}},
    {"lower epoch",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("4") TWO("0-31", "32-63"),
     {"epoch 4 is lower than 5, which is in use: raise it to 6"}},
    {"same epoch, other content",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("5") TWO("0-31", "32-63") "# edited\n",
     {"epoch 5 is in use with other content: raise it to 6"}},
    {"other slot count",
     HEAD("5") TWO("0-31", "32-63"),
     "agencydb: 1\nepoch: 6\nhash: { slots: 128 }\n" TWO("0-31", "32-127"),
     {"hash.slots is 128, and 64 in use: it is for life, write 64"}},
    {"slots move",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("6") TWO("0-15", "16-63"),
     {"slots 16-31 move from shard 'a' to 'b' in keyspace 'core': rows do not move by themselves: "
      "move them, then say moved_since: 5"}},
    {"one slot moves, moved_since of another epoch",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("6") MOVED("4") TWO("0-30", "31-63"),
     {"slot 31 moves from shard 'a' to 'b' in keyspace 'core': moved_since is 4, and epoch 5 is in "
      "use: move the rows, then say moved_since: 5"}},
    {"slots move with moved_since",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("6") MOVED("5") TWO("0-15", "16-63"),
     {0}},
    {"slots move and the epoch stays",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("5") TWO("0-15", "16-63"),
     {"epoch 5 is in use with other content: raise it to 6",
      "slots 16-31 move from shard 'a' to 'b' in keyspace 'core': rows do not move by themselves: "
      "move them, then say moved_since: 5"}},
    {"two ranges move",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("6") TWO("2-31, 63", "0-1, 32-62"),
     {"slots 0-1 move from shard 'a' to 'b' in keyspace 'core': rows do not move by themselves: "
      "move them, then say moved_since: 5",
      "slot 63 moves from shard 'b' to 'a' in keyspace 'core': rows do not move by themselves: "
      "move "
      "them, then say moved_since: 5"}},
    {"new pins, of which one is elsewhere at least",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("6") TWO("0-31", "32-63") "agencies: { epa: { shard: a }, fema: { shard: a } }\n",
     {"@pins"}},
    {"frozen and thawed",
     HEAD("5") TWO("0-31", "32-63") "agencies: { cdc: { writes: refuse } }\n",
     HEAD("6") TWO("0-31", "32-63") "agencies: { epa: { writes: refuse } }\n",
     {0}},
    {"nodes and settings change",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD(
         "6") "defaults: { pool: { max: 3 } }\nkeyspaces:\n  core:\n    shards:\n      a: { slots: "
              "[0-31], nodes: [ 127.0.0.9 ] }\n      b: { slots: [32-63], nodes: [ 127.0.0.8 ] }\n",
     {0}},
    {"new keyspace",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("6") DEFAULT TWO("0-31", "32-63") OTHER,
     {0}},
    {"keyspace gone",
     HEAD("5") DEFAULT TWO("0-31", "32-63") OTHER,
     HEAD("6") TWO("0-31", "32-63"),
     {"keyspace 'other' is gone, and its rows with it: rows do not move by themselves: move them, "
      "then say moved_since: 5"}},
    {"keyspace gone with moved_since",
     HEAD("5") DEFAULT TWO("0-31", "32-63") OTHER,
     HEAD("6") MOVED("5") TWO("0-31", "32-63"),
     {0}},
    {"new empty shard",
     HEAD("5") TWO("0-31", "32-63"),
     HEAD("6") TWO("0-31", "32-63") EMPTY_SHARD,
     {0}},
    {"empty shard gone",
     HEAD("5") TWO("0-31", "32-63") EMPTY_SHARD,
     HEAD("6") TWO("0-31", "32-63"),
     {0}},
    {"shard renamed",
     HEAD("5") "keyspaces: { core: { shards: { old: { nodes: [ localhost ] } } } }\n",
     HEAD("6") "keyspaces: { core: { shards: { new: { nodes: [ localhost ] } } } }\n",
     {"slots 0-63 move from shard 'old' to 'new' in keyspace 'core': rows do not move by "
      "themselves: move them, then say moved_since: 5"}},
};

static size_t count_reasons(const struct row *row)
{
    size_t n = 0;
    while (n < AGDB_COUNT(row->reasons) && row->reasons[n] != NULL)
        n++;
    return n;
}

static void check_row(const struct row *row)
{
    agdb_map_t *current = good_map(row->current);
    agdb_map_t *next = good_map(row->next);
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb__map_may_replace(current, next, &error);
    size_t n = count_reasons(row);
    size_t i;

    if ((st == AGDB_OK) != (n == 0))
        fail_msg("%s: status %d, %s", row->name, st, error != NULL ? error->message : "");
    assert_int_equal(agdb__map_may_replace(current, next, NULL), st);
    if (n > 0 && row->reasons[0][0] != '@') {
        assert_int_equal(st, AGDB_E_MAP_STALE);
        assert_int_equal(error->nchild, n);
        for (i = 0; i < n; i++)
            assert_string_equal(error->child[i]->message, row->reasons[i]);
        assert_non_null(strstr(error->message, row->reasons[0]));
    }
    agdb__error_free(error);
    agdb__map_unref(current);
    agdb__map_unref(next);
}

static void replace_follows_every_rule(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++)
        check_row(&k_rows[i]);
}

#define PINNED(shard) HEAD("6") TWO("0-31", "32-63") "agencies: { epa: { shard: " shard " } }\n"

/* Pins that change nothing about where rows are need no moved_since; those that do, need it. */
static void replace_pin_is_judged_by_where_the_rows_are(void **state)
{
    agdb_map_t *unpinned = good_map(HEAD("5") TWO("0-31", "32-63"));
    agdb_map_t *on_a = good_map(PINNED("a"));
    agdb_map_t *on_b = good_map(PINNED("b"));
    agdb_error_t *error = NULL;

    (void)state;
    assert_true((agdb__map_may_replace(unpinned, on_a, NULL) == AGDB_OK) !=
                (agdb__map_may_replace(unpinned, on_b, NULL) == AGDB_OK));
    on_b->epoch = 7;
    assert_int_equal(agdb__map_may_replace(on_a, on_b, &error), AGDB_E_MAP_STALE);
    assert_string_equal(error->message,
                        "agency 'epa' moves from shard 'a' to 'b' in keyspace 'core': rows do not "
                        "move by themselves: move them, then say moved_since: 6");
    on_b->moved_since = 6;
    assert_int_equal(agdb__map_may_replace(on_a, on_b, NULL), AGDB_OK);
    agdb__error_free(error);
    agdb__map_unref(unpinned);
    agdb__map_unref(on_a);
    agdb__map_unref(on_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace_follows_every_rule),
        cmocka_unit_test(replace_pin_is_judged_by_where_the_rows_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
