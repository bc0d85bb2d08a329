#include "failing.h"
#include "map_test.h"
#include "mutate.h"

#include "map/edit.h"
#include "map/replace.h"

/* A text, an edit, and the text that comes of it. All results load, and may replace what was. */

#define BLOCK                                                                                      \
    "# what this is\n"                                                                             \
    "agencydb: 1\n"                                                                                \
    "epoch: 7 # raise me\n"                                                                        \
    "hash: { slots: 64 }\n"                                                                        \
    "default_keyspace: core\n"                                                                     \
    "\n"                                                                                           \
    "keyspaces:\n"                                                                                 \
    "  core:\n"                                                                                    \
    "    shards:\n"                                                                                \
    "      a: # the first\n"                                                                       \
    "        slots: [0-15, 32-47] # two\n"                                                         \
    "        nodes:\n"                                                                             \
    "          - 127.0.0.1:6001 # primary at first\n"                                              \
    "          - host: 127.0.0.1\n"                                                                \
    "            port: 6002\n"                                                                     \
    "      b:\n"                                                                                   \
    "        slots:\n"                                                                             \
    "          - 16-31 # low\n"                                                                    \
    "          - 48-63 # high\n"                                                                   \
    "        nodes: [ \"127.0.0.1:6003\" ]\n"                                                      \
    "  notes:\n"                                                                                   \
    "    shards:\n"                                                                                \
    "      n: { nodes: [ { host: 127.0.0.1, port: 6003, connection: { dbname: notes } } ] }\n"     \
    "\n"                                                                                           \
    "agencies:\n"                                                                                  \
    "  fema: { shard: a } # big\n"                                                                 \
    "  cdc:\n"                                                                                     \
    "    shards:\n"                                                                                \
    "      core: b\n"                                                                              \
    "      notes: n # too\n"                                                                       \
    "  epa: { writes: refuse }\n"

#define FLOW                                                                                       \
    "{ agencydb: 1, hash: { slots: 64 }, keyspaces: { core: { shards: { a: { nodes: [ localhost "  \
    "] } } } } }"

#define JSON                                                                                       \
    "{\n"                                                                                          \
    "  \"agencydb\": 1,\n"                                                                         \
    "  \"hash\": {\"slots\": 64},\n"                                                               \
    "  \"keyspaces\": {\n"                                                                         \
    "    \"core\": {\n"                                                                            \
    "      \"shards\": {\n"                                                                        \
    "        \"a\": {\"slots\": [\"0-31\"], \"nodes\": [\"localhost:1\"]},\n"                      \
    "        \"b\": {\n"                                                                           \
    "          \"slots\": [\"32-63\"],\n"                                                          \
    "          \"nodes\": [{\"host\": \"localhost\"}]\n"                                           \
    "        }\n"                                                                                  \
    "      }\n"                                                                                    \
    "    }\n"                                                                                      \
    "  }\n"                                                                                        \
    "}\n"

#define ONE "agencydb: 1\nkeyspaces: { core: { shards: { a: { nodes: [ localhost ] } } } }\n"

typedef struct edit_row {
    const char *name;
    const char *text;
    agdb_map_edit_t ask;
    const char *expected[12]; /* pairs: what of the text becomes what; the rest is unchanged */
} edit_row_t;

static const char *const k_one_node[] = {"127.0.0.2"};
static const char *const k_two_nodes[] = {"127.0.0.3:7001", "${AGDB_TEST_UNSET:-127.0.0.4}:7002"};

static const agdb_bytes_t k_keys[] = {
    {"usda", 4}, {"fema", 4}, {"\xFF", 1}, {"usda", 4}, {"epa", 3}};

#define KEYS .keys = k_keys, .nkeys = AGDB_COUNT(k_keys)

#define PIN(k, s, ...)                                                                             \
    {                                                                                              \
        .kind = AGDB_EDIT_PIN, .key = {(k), sizeof(k) - 1}, .shard = (s), __VA_ARGS__              \
    }
#define UNPIN(k, ...)                                                                              \
    {                                                                                              \
        .kind = AGDB_EDIT_UNPIN, .key = {(k), sizeof(k) - 1}, __VA_ARGS__                          \
    }
#define FREEZE(k, ...)                                                                             \
    {                                                                                              \
        .kind = AGDB_EDIT_FREEZE, .key = {(k), sizeof(k) - 1}, __VA_ARGS__                         \
    }
#define THAW(k, ...)                                                                               \
    {                                                                                              \
        .kind = AGDB_EDIT_THAW, .key = {(k), sizeof(k) - 1}, __VA_ARGS__                           \
    }
#define EPOCH "epoch: 7", "epoch: 8"
#define MOVED "epoch: 7 # raise me\n", "epoch: 8 # raise me\nmoved_since: 7\n"

static const edit_row_t k_rows[] = {
    {"bump", BLOCK, {.kind = AGDB_EDIT_BUMP}, {EPOCH}},
    {"bump without an epoch", FLOW, {.kind = AGDB_EDIT_BUMP}, {"1, hash", "1, epoch: 2, hash"}},
    {"bump JSON",
     JSON,
     {.kind = AGDB_EDIT_BUMP},
     {"1,\n  \"hash\"", "1,\n  \"epoch\": 2,\n  \"hash\""}},
    {"bump a quoted epoch",
     "agencydb: 1\nepoch: '9' # c\nkeyspaces: { core: { shards: { a: { nodes: [ localhost ] } } } "
     "}\n",
     {.kind = AGDB_EDIT_BUMP},
     {"'9'", "'10'"}},
    {"add a node to a block",
     BLOCK,
     {.kind = AGDB_EDIT_ADD_NODE, .shard = "a", .nodes = k_one_node, .nnodes = 1, .zone = "z"},
     {EPOCH, "port: 6002\n", "port: 6002\n          - host: 127.0.0.2\n            zone: z\n"}},
    {"add a node to a list of short ones",
     BLOCK,
     {.kind = AGDB_EDIT_ADD_NODE, .shard = "b", .nodes = k_two_nodes, .nnodes = 1},
     {EPOCH, "6003\" ]\n  notes", "6003\", \"127.0.0.3:7001\" ]\n  notes"}},
    {"add a node with labels to a list of short ones",
     BLOCK,
     {.kind = AGDB_EDIT_ADD_NODE,
      .shard = "b",
      .nodes = k_one_node,
      .nnodes = 1,
      .name = "spare",
      .state = "no-reads"},
     {EPOCH, "6003\" ]\n  notes",
      "6003\", { name: spare, host: 127.0.0.2, state: no-reads } ]\n  notes"}},
    {"add a node to JSON",
     JSON,
     {.kind = AGDB_EDIT_ADD_NODE, .shard = "b", .nodes = k_two_nodes, .nnodes = 1},
     {"1,\n  \"hash\"", "1,\n  \"epoch\": 2,\n  \"hash\"", "\"localhost\"}]",
      "\"localhost\"}, { \"host\": \"127.0.0.3\", \"port\": 7001 }]"}},
    {"add a shard like a block",
     BLOCK,
     {.kind = AGDB_EDIT_ADD_SHARD,
      .shard = "c",
      .region = "east",
      .nodes = k_two_nodes,
      .nnodes = 2},
     {EPOCH, "6003\" ]\n  notes",
      "6003\" ]\n      c:\n        region: east\n        slots: []\n        nodes: [ "
      "\"127.0.0.3:7001\", \"${AGDB_TEST_UNSET:-127.0.0.4}:7002\" ]\n  notes"}},
    {"add a shard beside a single one",
     FLOW,
     {.kind = AGDB_EDIT_ADD_SHARD, .shard = "b", .nodes = k_one_node, .nnodes = 1},
     {"1, hash", "1, epoch: 2, hash", "a: { nodes: [ localhost ] }",
      "a: { slots: [0-63], nodes: [ localhost ] }, b: { slots: [], nodes: [ 127.0.0.2 ] }"}},
    {"add a shard to another keyspace",
     BLOCK,
     {.kind = AGDB_EDIT_ADD_SHARD,
      .keyspace = "notes",
      .shard = "0123",
      .nodes = k_one_node,
      .nnodes = 1},
     {EPOCH, "n: { nodes", "n: { slots: [0-63], nodes", "notes } } ] }\n",
      "notes } } ] }\n      \"0123\": { slots: [], nodes: [ { host: 127.0.0.2 } ] }\n"}},
    {"add a shard with slots of others",
     BLOCK,
     {.kind = AGDB_EDIT_ADD_SHARD,
      .moved = true,
      .shard = "c",
      .slots = "10-20,48-63",
      .nodes = k_one_node,
      .nnodes = 1},
     {MOVED, "[0-15, 32-47]", "[0-9, 32-47]", "- 16-31 # low\n          - 48-63 # high\n",
      "- 21-31 # low\n", "6003\" ]\n  notes",
      "6003\" ]\n      c:\n        slots: [10-20, 48-63]\n        nodes: [ 127.0.0.2 ]\n  notes"}},
    {"add a shard to JSON",
     JSON,
     {.kind = AGDB_EDIT_ADD_SHARD, .shard = "c", .nodes = k_one_node, .nnodes = 1},
     {"1,\n  \"hash\"", "1,\n  \"epoch\": 2,\n  \"hash\"", "        }\n      }\n",
      "        },\n        \"c\": { \"slots\": [], \"nodes\": [ { \"host\": \"127.0.0.2\" } ] }\n  "
      " "
      "   }\n"}},
    {"pin a new agency",
     BLOCK,
     PIN("usda", "b", .moved = true),
     {MOVED, "epa: { writes: refuse }\n", "epa: { writes: refuse }\n  usda: { shard: b }\n"}},
    {"pin bytes",
     BLOCK,
     PIN("\x00\xFF", "b", .moved = true),
     {MOVED, "epa: { writes: refuse }\n",
      "epa: { writes: refuse }\n  \"hex:00ff\": { shard: b }\n"}},
    {"pin elsewhere",
     BLOCK,
     PIN("fema", "b", .moved = true),
     {MOVED, "{ shard: a } # big", "{ shard: b } # big"}},
    {"pin a frozen agency",
     BLOCK,
     PIN("epa", "b", .moved = true),
     {MOVED, "{ writes: refuse }", "{ writes: refuse, shard: b }"}},
    {"pin in another keyspace, too",
     BLOCK,
     PIN("fema", "n", .keyspace = "notes"),
     {EPOCH, "{ shard: a } # big", "{ shards: { core: a, notes: \"n\" } } # big"}},
    {"pin a frozen agency in another keyspace",
     BLOCK,
     PIN("epa", "n", .keyspace = "notes"),
     {EPOCH, "{ writes: refuse }", "{ writes: refuse, shards: { notes: \"n\" } }"}},
    {"pin one of several",
     BLOCK,
     PIN("cdc", "a", .moved = true),
     {MOVED, "core: b\n", "core: a\n"}},
    {"pin where it is pinned", BLOCK, PIN("cdc", "n", .keyspace = "notes"), {NULL}},
    {"pin the first agency",
     FLOW,
     PIN("a b", "a", 0),
     {"1, hash", "1, epoch: 2, hash", "] } } } } }",
      "] } } } }, agencies: { \"a b\": { shard: a } } }"}},
    {"pin the first agency of JSON",
     JSON,
     PIN("epa", "a", .moved = true),
     {"1,\n  \"hash\"", "1,\n  \"epoch\": 2,\n  \"moved_since\": 1,\n  \"hash\"", "  }\n}\n",
      "  },\n  \"agencies\": { \"epa\": { \"shard\": \"a\" } }\n}\n"}},
    {"unpin the only thing of an agency",
     BLOCK,
     UNPIN("fema", .moved = true),
     {MOVED, "  fema: { shard: a } # big\n", ""}},
    {"unpin one of several",
     BLOCK,
     UNPIN("cdc", .keyspace = "notes"),
     {EPOCH, "      notes: n # too\n", ""}},
    {"unpin what leaves an empty mapping behind",
     ONE "agencies: { epa: { shards: { core: a }, writes: refuse } }\n",
     UNPIN("epa", 0),
     {"1\n", "1\nepoch: 2\n", "shards: { core: a }, ", ""}},
    {"unpin the last agency",
     ONE "agencies: # pins\n  # none so far\n  epa:\n    shards:\n      core: a\n",
     UNPIN("epa", 0),
     {"1\n", "1\nepoch: 2\n", "agencies: #", "agencies: {} #",
      "\n  epa:\n    shards:\n      core: a", ""}},
    {"unpin the last agency of a section without comments",
     ONE "\nagencies:\n  epa:\n    shards:\n      core: a\n",
     UNPIN("epa", 0),
     {"1\n", "1\nepoch: 2\n", "\nagencies:\n  epa:\n    shards:\n      core: a\n", ""}},
    {"pin the first agency of a block",
     ONE "\n# the end\n",
     PIN("epa", "a", 0),
     {"1\n", "1\nepoch: 2\n", "localhost ] } } } }\n",
      "localhost ] } } } }\nagencies:\n  epa: { shard: a }\n"}},
    {"freeze a new agency",
     BLOCK,
     FREEZE("usda", 0),
     {EPOCH, "epa: { writes: refuse }\n", "epa: { writes: refuse }\n  usda: { writes: refuse }\n"}},
    {"freeze a pinned agency",
     BLOCK,
     FREEZE("fema", 0),
     {EPOCH, "{ shard: a }", "{ shard: a, writes: refuse }"}},
    {"freeze an agency with lines of its own",
     BLOCK,
     FREEZE("cdc", 0),
     {EPOCH, "notes: n # too\n", "notes: n # too\n    writes: refuse\n"}},
    {"freeze like an agency with lines of its own",
     ONE "agencies:\n    epa:\n       shard: a # here\n    # so far\n",
     FREEZE("usda", 0),
     {"1\n", "1\nepoch: 2\n", "    # so far\n",
      "    # so far\n    usda:\n       writes: refuse\n"}},
    {"freeze a frozen agency", BLOCK, FREEZE("epa", 0), {NULL}},
    {"freeze several, one of them twice and one of them frozen",
     BLOCK,
     FREEZE("ignored", KEYS),
     {EPOCH, "{ shard: a }", "{ shard: a, writes: refuse }", "epa: { writes: refuse }\n",
      "epa: { writes: refuse }\n  usda: { writes: refuse }\n  \"hex:ff\": { writes: refuse "
      "}\n"}},
    {"freeze the first agencies of a block",
     ONE "\n# the end\n",
     FREEZE("", KEYS),
     {"1\n", "1\nepoch: 2\n", "localhost ] } } } }\n",
      "localhost ] } } } }\nagencies:\n  usda: { writes: refuse }\n  fema: { writes: refuse }\n  "
      "\"hex:ff\": { writes: refuse }\n  epa: { writes: refuse }\n"}},
    {"freeze the first agencies of an empty section",
     ONE "agencies: {}\n",
     FREEZE("", KEYS),
     {"1\n", "1\nepoch: 2\n", "{}",
      "{ usda: { writes: refuse }, fema: { writes: refuse }, \"hex:ff\": { writes: refuse }, epa: "
      "{ "
      "writes: refuse } }"}},
    {"freeze the first agencies of a flow",
     FLOW,
     FREEZE("", KEYS),
     {"1, hash", "1, epoch: 2, hash", "] } } } } }",
      "] } } } }, agencies: { usda: { writes: refuse }, fema: { writes: refuse }, \"hex:ff\": { "
      "writes: refuse }, epa: { writes: refuse } } }"}},
    {"freeze the first agency of JSON",
     JSON,
     FREEZE("epa", 0),
     {"1,\n  \"hash\"", "1,\n  \"epoch\": 2,\n  \"hash\"", "  }\n}\n",
      "  },\n  \"agencies\": { \"epa\": { \"writes\": \"refuse\" } }\n}\n"}},
    {"freeze several in lines of a flow",
     ONE "agencies: {\n  cdc: { shard: a }, # no\n  va: { shard: a }  # more\n}\n",
     FREEZE("", KEYS),
     {"1\n", "1\nepoch: 2\n", "va: { shard: a }  # more\n",
      "va: { shard: a },  # more\n  usda: { writes: refuse },\n  fema: { writes: refuse },\n  "
      "\"hex:ff\": { writes: refuse },\n  epa: { writes: refuse }\n"}},
    {"thaw an agency of which nothing else is said",
     BLOCK,
     THAW("epa", 0),
     {EPOCH, "  epa: { writes: refuse }\n", ""}},
    {"thaw a pinned agency",
     ONE "agencies:\n  epa:\n    writes: refuse # for a day\n    shard: a # here\n",
     THAW("epa", 0),
     {"1\n", "1\nepoch: 2\n", "    writes: refuse # for a day\n", ""}},
    {"thaw one that is not frozen", BLOCK, THAW("fema", 0), {NULL}},
    {"thaw one that is not there", BLOCK, THAW("usda", 0), {NULL}},
    {"thaw several, of which one is frozen",
     BLOCK,
     THAW("", KEYS),
     {EPOCH, "  epa: { writes: refuse }\n", ""}},
    {"thaw several of a flow",
     ONE "agencies: { usda: { shard: a, writes: refuse }, epa: { writes: refuse }, fema: { writes: "
         "refuse } }\n",
     THAW("", KEYS),
     {"1\n", "1\nepoch: 2\n",
      ", writes: refuse }, epa: { writes: refuse }, fema: { writes: refuse }", " }"}},
    {"thaw all, in the middle of a block",
     "agencydb: 1\n\nagencies:\n  epa: { writes: refuse }\n  usda:\n    writes: refuse # two\n"
     "\nkeyspaces: { core: { shards: { a: { nodes: [ localhost ] } } } }\n",
     THAW("", KEYS),
     {"1\n", "1\nepoch: 2\n",
      "\nagencies:\n  epa: { writes: refuse }\n  usda:\n    writes: refuse # two\n", ""}},
    {"thaw all, and keep lines apart",
     "agencydb: 1\n\nagencies:\n  epa: { writes: refuse }\n"
     "keyspaces: { core: { shards: { a: { nodes: [ localhost ] } } } }\n",
     THAW("", KEYS),
     {"1\n", "1\nepoch: 2\n", "agencies:\n  epa: { writes: refuse }\n", ""}},
    {"thaw all of a section with a comment",
     ONE "agencies:\n  epa: { writes: refuse } # why\n  # held, too\n  usda: { writes: refuse }\n",
     THAW("", KEYS),
     {"1\n", "1\nepoch: 2\n", "agencies:", "agencies: {}", "\n  epa: { writes: refuse } # why", "",
      "\n  usda: { writes: refuse }", ""}},
    {"thaw all of JSON",
     "{\"agencydb\": 1,\n  \"keyspaces\": {\"core\": {\"shards\": {\"a\": {\"nodes\": "
     "[\"localhost\"]}}}},\n  \"agencies\": {\"epa\": {\"writes\": \"refuse\"}}\n}\n",
     THAW("epa", 0),
     {"1,\n", "1, \"epoch\": 2,\n", "}}},\n  \"agencies\": {\"epa\": {\"writes\": \"refuse\"}}",
      "}}}"}},
    {"pin a frozen agency and thaw it",
     BLOCK,
     PIN("epa", "b", .moved = true, .thaw = true),
     {MOVED, "{ writes: refuse }", "{ shard: b }"}},
    {"pin and thaw in lines of a block",
     ONE
     "agencies:\n  epa:\n    # since May\n    writes: refuse # for a day\n  usda: { shard: a }\n",
     PIN("epa", "a", .thaw = true),
     {"1\n", "1\nepoch: 2\n", "    writes: refuse # for a day\n", "    shard: a\n"}},
    {"thaw with a pin that is there",
     ONE "agencies: { epa: { writes: refuse, shard: a } }\n",
     PIN("epa", "a", .thaw = true),
     {"1\n", "1\nepoch: 2\n", "writes: refuse, ", ""}},
    {"pin and thaw what is not frozen",
     BLOCK,
     PIN("fema", "b", .moved = true, .thaw = true),
     {MOVED, "{ shard: a } # big", "{ shard: b } # big"}},
    {"pin and thaw where nothing is to do", BLOCK, PIN("fema", "a", .thaw = true), {NULL}},
    {"pin a frozen agency of JSON and thaw it",
     "{\"agencydb\": 1,\n  \"epoch\": 4,\n  \"keyspaces\": {\"core\": {\"shards\": {\"a\": "
     "{\"nodes\": [\"localhost\"]}}}},\n  \"agencies\": {\"epa\": {\"writes\": \"refuse\"}}}\n",
     PIN("epa", "a", .thaw = true),
     {"4,", "5,", "\"writes\": \"refuse\"", "\"shard\": \"a\""}},
    {"node out, in short",
     BLOCK,
     {.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6001", .state = "out"},
     {EPOCH, "- 127.0.0.1:6001 #", "- { host: 127.0.0.1, port: 6001, state: out } #"}},
    {"node out, in a block",
     BLOCK,
     {.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6002", .state = "no-reads"},
     {EPOCH, "port: 6002\n", "port: 6002\n            state: no-reads\n"}},
    {"node out, in every shard that has it",
     BLOCK,
     {.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6003", .state = "out", .every = true},
     {EPOCH, "[ \"127.0.0.1:6003\" ]\n  notes",
      "[ { host: 127.0.0.1, port: 6003, state: out } ]\n  notes", "notes } } ]",
      "notes }, state: out } ]"}},
    {"node out, in one keyspace",
     BLOCK,
     {.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6003", .state = "out", .keyspace = "notes"},
     {EPOCH, "notes } } ]", "notes }, state: out } ]"}},
    {"node active already",
     BLOCK,
     {.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6001", .state = "active"},
     {NULL}},
    {"split into a shard that is there",
     BLOCK,
     {.kind = AGDB_EDIT_SPLIT, .moved = true, .shard = "a", .into = "b"},
     {MOVED, "[0-15, 32-47]", "[0-15]", "16-31", "16-47"}},
    {"split a quarter into a new one",
     BLOCK,
     {.kind = AGDB_EDIT_SPLIT,
      .moved = true,
      .shard = "b",
      .into = "c",
      .share = 1,
      .share_of = 4,
      .nodes = k_one_node,
      .nnodes = 1},
     {MOVED, "48-63", "48-55", "6003\" ]\n  notes",
      "6003\" ]\n      c:\n        slots: [56-63]\n        nodes: [ 127.0.0.2 ]\n  notes"}},
    {"split all of a block list",
     BLOCK,
     {.kind = AGDB_EDIT_SPLIT,
      .moved = true,
      .shard = "b",
      .into = "c",
      .share = 1,
      .share_of = 1,
      .nodes = k_one_node,
      .nnodes = 1},
     {MOVED, "slots:\n          - 16-31 # low\n          - 48-63 # high\n", "slots: []\n",
      "6003\" ]\n  notes",
      "6003\" ]\n      c:\n        slots: [16-31, 48-63]\n        nodes: [ 127.0.0.2 ]\n  notes"}},
    {"split a single shard",
     FLOW,
     {.kind = AGDB_EDIT_SPLIT,
      .moved = true,
      .shard = "a",
      .into = "b",
      .nodes = k_one_node,
      .nnodes = 1},
     {"1, hash", "1, epoch: 2, moved_since: 1, hash", "a: { nodes: [ localhost ] }",
      "a: { slots: [0-31], nodes: [ localhost ] }, b: { slots: [32-63], nodes: [ 127.0.0.2 ] }"}},
};

/* The text with each pair's first half, which it has once, replaced by the second. */
static void expect(const edit_row_t *row, agdb__buf_t *ret)
{
    const char *rest = row->text;
    size_t i;

    agdb__buf_init(ret, 1 << 20);
    for (i = 0; row->expected[i] != NULL; i += 2) {
        const char *at = strstr(rest, row->expected[i]);
        if (at == NULL)
            fail_msg("%s: the test's own '%s' is not in the text", row->name, row->expected[i]);
        agdb__buf_add(ret, rest, (size_t)(at - rest));
        agdb__buf_text(ret, row->expected[i + 1]);
        rest = at + strlen(row->expected[i]);
    }
    agdb__buf_text(ret, rest);
}

static agdb_status_t edit(const char *text, const agdb_map_edit_t *ask, agdb__buf_t *out,
                          agdb_error_t **reterr)
{
    const agdb__edit_text_t old = {text, strlen(text), "test"};

    agdb__buf_init(out, 1 << 20);
    return agdb__map_edit(&old, ask, out, NULL, reterr);
}

static void check_replaces(const char *name, const char *old, const char *now)
{
    agdb_map_t *before = good_map(old);
    agdb_map_t *after = good_map(now);
    agdb_error_t *error = NULL;

    if (agdb__map_may_replace(before, after, &error) != AGDB_OK)
        fail_msg("%s: %s", name, error->message);
    agdb__map_unref(before);
    agdb__map_unref(after);
}

static void edit_changes_what_it_has_to_and_no_other_byte(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb_error_t *error = NULL;
        agdb__buf_t expected;
        agdb__buf_t out;
        if (edit(k_rows[i].text, &k_rows[i].ask, &out, &error) != AGDB_OK)
            fail_msg("%s: %s", k_rows[i].name, error->message);
        expect(&k_rows[i], &expected);
        if (strcmp(out.data, expected.data) != 0)
            fail_msg("%s:\n%s\nexpected:\n%s", k_rows[i].name, out.data, expected.data);
        check_replaces(k_rows[i].name, k_rows[i].text, out.data);
        agdb__buf_fini(&out);
        agdb__buf_fini(&expected);
    }
}

/* What freezing adds is taken out again: only the epoch and its line differ. */
static void thaw_takes_back_what_freezing_added(void **state)
{
    static const char *const k_texts[] = {
        BLOCK,
        FLOW,
        JSON,
        ONE,
        ONE "\n# the end\n\n# really\n",
        "# apart\n\n# one\n" ONE "# the end",
        ONE "agencies:\n  va:\n    shard: a # here\n\n# the end\n",
        ONE "agencies: {va: {shard: a,}, fema: { shard: a },}\n",
        ONE "agencies: {\n  va: {shard: a},\n  fema: { shard: a }, }\n",
        ONE "agencies: {\n  va: {shard: a}, fema: {\n    shard: a }, # two\n}\n",
    };
    const agdb_bytes_t keys[] = {{"usda", 4}, {"fema", 4}, {"va", 2}, {"x y", 3}};
    const agdb_map_edit_t freeze = {
        .kind = AGDB_EDIT_FREEZE, .keys = keys, .nkeys = AGDB_COUNT(keys)};
    const agdb_map_edit_t thaw = {.kind = AGDB_EDIT_THAW, .keys = keys, .nkeys = AGDB_COUNT(keys)};
    const agdb_map_edit_t bump = {.kind = AGDB_EDIT_BUMP};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_texts); i++) {
        agdb__buf_t once;
        agdb__buf_t twice;
        agdb__buf_t frozen;
        agdb__buf_t thawed;
        assert_int_equal(edit(k_texts[i], &bump, &once, NULL), AGDB_OK);
        assert_int_equal(edit(once.data, &bump, &twice, NULL), AGDB_OK);
        assert_int_equal(edit(k_texts[i], &freeze, &frozen, NULL), AGDB_OK);
        assert_int_equal(edit(frozen.data, &thaw, &thawed, NULL), AGDB_OK);
        assert_string_equal(thawed.data, twice.data);
        agdb__buf_fini(&once);
        agdb__buf_fini(&twice);
        agdb__buf_fini(&frozen);
        agdb__buf_fini(&thawed);
    }
}

static char *with_crlf(const char *text)
{
    char *copy = malloc(2 * strlen(text) + 1);
    char *to = copy;

    assert_non_null(copy);
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            *to++ = '\r';
        *to++ = *text;
    }
    *to = '\0';
    return copy;
}

/* The same edit of the same map, with other ends of lines and none at the end. */
static void edit_keeps_the_ends_of_lines(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        char *old = with_crlf(k_rows[i].text);
        char *expected;
        agdb__buf_t plain;
        agdb__buf_t out;
        assert_int_equal(edit(k_rows[i].text, &k_rows[i].ask, &plain, NULL), AGDB_OK);
        expected = with_crlf(plain.data);
        if (old[strlen(old) - 1] == '\n') {
            old[strlen(old) - 2] = '\0';
            expected[strlen(expected) - 2] = '\0';
        }
        assert_int_equal(edit(old, &k_rows[i].ask, &out, NULL), AGDB_OK);
        if (strcmp(out.data, expected) != 0)
            fail_msg("%s:\n%s\nexpected:\n%s", k_rows[i].name, out.data, expected);
        agdb__buf_fini(&plain);
        agdb__buf_fini(&out);
        free(expected);
        free(old);
    }
}

static void edit_that_is_not_possible_says_why(void **state)
{
    static const struct {
        agdb_map_edit_t ask;
        const char *message;
    } k_bad[] = {
        {{.kind = AGDB_EDIT_ADD_NODE, .shard = "aa", .nodes = k_one_node, .nnodes = 1},
         "keyspace 'core' has no shard 'aa'"},
        {{.kind = AGDB_EDIT_ADD_NODE,
          .keyspace = "note",
          .shard = "a",
          .nodes = k_one_node,
          .nnodes = 1},
         "the map has no keyspace 'note': did you mean 'notes'?"},
        {{.kind = AGDB_EDIT_ADD_NODE, .shard = "a"}, "one shard and one node are needed"},
        {{.kind = AGDB_EDIT_ADD_SHARD, .shard = "b", .nodes = k_one_node, .nnodes = 1},
         "keyspace 'core' has a shard 'b' already, line 16"},
        {{.kind = AGDB_EDIT_ADD_SHARD, .shard = "-x", .nodes = k_one_node, .nnodes = 1},
         "'-x' is not a name: 1 to 63 of A-Z a-z 0-9 _ . - and no . or - in front"},
        {{.kind = AGDB_EDIT_ADD_SHARD, .shard = "c"},
         "keyspace 'core' has no shard 'c': a new one needs the nodes that it is to have"},
        {{.kind = AGDB_EDIT_ADD_SHARD,
          .shard = "c",
          .slots = "1-64",
          .nodes = k_one_node,
          .nnodes = 1},
         "slots: '1-64' is neither a slot nor a range of them, such as 0-1023: the map has slots 0 "
         "to 63"},
        {PIN("", "a", 0), "an agency key has 1 to 255 bytes, and not 0"},
        {PIN("epa", "x", 0), "keyspace 'core' has no shard 'x'"},
        {PIN("epa", NULL, 0), "a shard is needed, where the agency is to be"},
        {UNPIN("epa", 0), "agency 'epa' is not pinned in keyspace 'core'"},
        {UNPIN("\xFF", 0), "agency 'hex:ff' is not pinned in keyspace 'core'"},
        {UNPIN("fema", .keyspace = "notes"), "agency 'fema' is not pinned in keyspace 'notes'"},
        {FREEZE("", 0), "an agency key has 1 to 255 bytes, and not 0"},
        {THAW("", 0), "an agency key has 1 to 255 bytes, and not 0"},
        {PIN("epa", "x", .thaw = true), "keyspace 'core' has no shard 'x'"},
        {{.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.9", .state = "out"},
         "the map has no node '127.0.0.9' there: a node is named by its name, its host:port or its "
         "host"},
        {{.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6003", .state = "out"},
         "'127.0.0.1:6003' may be any of 2 nodes: core/b '127.0.0.1:6003', notes/n "
         "'127.0.0.1:6003'. Name the keyspace and the shard, or take all of them"},
        {{.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6001", .state = "down"},
         "'down' is not a state: a node is active, no-reads or out"},
        {{.kind = AGDB_EDIT_SPLIT, .shard = "a", .into = "a"},
         "shard 'a' is split into another one"},
        {{.kind = AGDB_EDIT_SPLIT, .shard = "a", .into = "c"},
         "keyspace 'core' has no shard 'c': a new one needs the nodes that it is to have"},
        {{.kind = AGDB_EDIT_SPLIT, .shard = "a", .into = "b", .nodes = k_one_node, .nnodes = 1},
         "shard 'b' is there already, with its nodes: none are given to it here"},
        {{.kind = AGDB_EDIT_SPLIT, .shard = "a", .into = "b", .share = 3, .share_of = 2},
         "3/2 is not a share: give a part of 1, such as 1/3"},
        {{.kind = (agdb_map_edit_kind_t)99}, "there is no edit of kind 99"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_bad); i++) {
        agdb_error_t *error = NULL;
        agdb__buf_t out;
        assert_int_equal(edit(BLOCK, &k_bad[i].ask, &out, &error), AGDB_E_INVAL);
        assert_string_equal(error->message, k_bad[i].message);
        assert_int_equal(out.len, 0);
        agdb__error_free(error);
        agdb__buf_fini(&out);
    }
}

static void edit_of_what_comes_from_the_environment_is_refused(void **state)
{
    static const char k_text[] =
        "agencydb: 1\nepoch: \"${AGDB_TEST_UNSET:-3}\"\nhash: { slots: 64 }\nkeyspaces: { core: { "
        "shards: {\n  a: { slots: [\"${AGDB_TEST_UNSET:-0-31}\"], nodes: [ \"localhost:1\" ] },\n"
        "  b: { slots: [32-63], nodes: [ \"localhost:2\" ] } } } }\n";
    const agdb_map_edit_t bump = {.kind = AGDB_EDIT_BUMP};
    const agdb_map_edit_t split = {.kind = AGDB_EDIT_SPLIT, .shard = "a", .into = "b"};
    agdb_error_t *error = NULL;
    agdb__buf_t out;

    (void)state;
    assert_int_equal(edit(k_text, &bump, &out, &error), AGDB_E_UNSUPPORTED);
    assert_string_equal(error->message,
                        "line 2: '${AGDB_TEST_UNSET:-3}' comes from the environment: change it "
                        "there, or write the value itself");
    assert_int_equal(edit(k_text, &split, &out, &error), AGDB_E_UNSUPPORTED);
    assert_string_equal(error->message, "line 5: slots '${AGDB_TEST_UNSET:-0-31}' come from the "
                                        "environment: write them out");
    agdb__error_free(error);
    agdb__buf_fini(&out);
}

static void edit_of_a_bad_map_says_what_is_wrong_with_it(void **state)
{
    const agdb__edit_text_t old = {"agencydb: 2\n", 12, "t"};
    const agdb_map_edit_t ask = {.kind = AGDB_EDIT_BUMP};
    agdb_diagnostics_t *diag = NULL;
    agdb__buf_t out;

    (void)state;
    agdb__buf_init(&out, 4096);
    assert_int_equal(agdb__map_edit(&old, &ask, &out, &diag, NULL), AGDB_E_MAP_INVALID);
    assert_int_equal(diag->nerrors, 2);
    agdb__diag_free(diag);
    agdb__buf_fini(&out);
}

/* What never makes a valid map invalid does not do so in any layout, and leaves other agencies
 * where they are. */
static void edit_of_a_mutated_map_gives_a_map(void **state)
{
    static const agdb_map_edit_t k_asks[] = {
        {.kind = AGDB_EDIT_BUMP},
        {.kind = AGDB_EDIT_BUMP, .moved = true},
        PIN("epa", "b", .moved = true),
        PIN("fema", "b", .moved = true),
        PIN("cdc", "a", .moved = true),
        PIN("new", "a", .moved = true),
        UNPIN("fema", .moved = true),
        UNPIN("cdc", .moved = true),
        FREEZE("", KEYS),
        FREEZE("cdc", 0),
        THAW("", KEYS),
        PIN("epa", "b", .moved = true, .thaw = true),
        {.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6001", .state = "out"},
        {.kind = AGDB_EDIT_NODE_STATE, .node = "127.0.0.1:6002", .state = "out"},
        {.kind = AGDB_EDIT_SPLIT,
         .shard = "a",
         .into = "b",
         .moved = true,
         .share = 1,
         .share_of = 5},
        {.kind = AGDB_EDIT_SPLIT, .shard = "b", .into = "a", .moved = true},
    };
    static const char *const k_texts[] = {BLOCK, FLOW, JSON};
    const char *seed = getenv("AGDB_TEST_SEED");
    agdb__rng_t rng = {.state = seed != NULL ? strtoull(seed, NULL, 10) : 20261126};
    char text[4096];
    size_t done = 0;
    size_t i;

    (void)state;
    for (i = 0; i < 60000; i++) {
        const char *good = k_texts[i % AGDB_COUNT(k_texts)];
        const agdb_map_edit_t *ask = &k_asks[agdb__rng_next(&rng) % AGDB_COUNT(k_asks)];
        agdb__buf_t out;
        memcpy(text, good, strlen(good) + 1);
        text[mutate(&rng, text, strlen(good), sizeof text - 1)] = '\0';
        if (strlen(text) < strlen(good) / 2)
            continue;
        if (edit(text, ask, &out, NULL) == AGDB_OK) {
            check_replaces(text, text, out.data);
            done++;
        }
        agdb__buf_fini(&out);
    }
    assert_true(done > 1000);
}

static agdb_status_t run_once(failing_t *f, const edit_row_t *row)
{
    const agdb_allocator_t allocator = failing_allocator(f);
    const agdb_allocator_t *before = agdb__alloc_enter(&allocator);
    agdb_error_t *error = NULL;
    agdb__buf_t out;
    agdb_status_t st = edit(row->text, &row->ask, &out, &error);

    assert_int_equal(st != AGDB_OK, error != NULL);
    agdb__error_free(error);
    agdb__buf_fini(&out);
    agdb__alloc_enter(before);
    assert_int_equal(f->live, 0);
    return st;
}

static void edit_without_memory_says_so_and_leaks_nothing(void **state)
{
    size_t i;
    size_t n;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        failing_t all = {0};
        assert_int_equal(run_once(&all, &k_rows[i]), AGDB_OK);
        for (n = 1; n <= 2 * all.count; n++) {
            failing_t f = {.fail_at = (n + 1) / 2, .from_there_on = n % 2 == 0};
            const agdb_status_t st = run_once(&f, &k_rows[i]);
            assert_true(st == AGDB_E_NOMEM || st == AGDB_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edit_changes_what_it_has_to_and_no_other_byte),
        cmocka_unit_test(thaw_takes_back_what_freezing_added),
        cmocka_unit_test(edit_keeps_the_ends_of_lines),
        cmocka_unit_test(edit_that_is_not_possible_says_why),
        cmocka_unit_test(edit_of_what_comes_from_the_environment_is_refused),
        cmocka_unit_test(edit_of_a_bad_map_says_what_is_wrong_with_it),
        cmocka_unit_test(edit_of_a_mutated_map_gives_a_map),
        cmocka_unit_test(edit_without_memory_says_so_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
