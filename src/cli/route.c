/* agencydb route: which shard a key belongs to. */
#include "cli/cli.h"
#include "cli/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const cli_usage_t k_usage = {
    .name = "route",
    .synopsis = "[OPTIONS] MAP [KEY...]",
    .summary = "Prints where agency keys live",
    .about =
        "A line per key: key, hash (16 hex digits), slot, shard, and 'pin' or 'slot' (why it is\n"
        "there), separated by tabs. Bytes of the key outside of printable ASCII, tab and\n"
        "backslash are printed as \\xHH. No server is asked.",
    .examples = "  agencydb route shardmap.yaml epa us/ca/dph\n"
                "  agencydb route --stdin shardmap.yaml < keys.txt\n"
                "  agencydb route --hex shardmap.yaml 657061",
    .exits = "  0  every key was routed\n"
             "  1  the map is not valid, or a key is not (the others are printed)\n"
             "  2  the command line is wrong",
};

typedef struct router {
    const agdb_map_t *map;
    const char *keyspace;
    bool hex;
    bool json;
    bool failed;
    cli_buf_t line; /* used again for each key */
} router_t;

static void print_json(router_t *router, agdb_bytes_t key, const agdb_route_info_t *info)
{
    cli_json_t json = {.out = &router->line, .compact = true};
    cli_buf_t text = {0};
    cli_buf_t hex = {0};

    cli_escape_key(&text, key.data, key.len);
    cli_hex(&hex, key.data, key.len);
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "key", text.data);
    cli_json_text(&json, "key_hex", hex.data);
    cli_json_text(&json, "hash", cli_format("%016llx", (unsigned long long)info->hash));
    cli_json_number(&json, "slot", info->slot);
    cli_json_text(&json, "keyspace", info->keyspace);
    cli_json_text(&json, "shard", info->shard);
    cli_json_text(&json, "by", info->pinned ? "pin" : "slot");
    cli_json_bool(&json, "frozen", info->frozen);
    cli_json_close(&json);
    cli_json_print(&json);
}

static void print_line(router_t *router, agdb_bytes_t key, const agdb_route_info_t *info)
{
    router->line.len = 0;
    if (router->json) {
        print_json(router, key, info);
        return;
    }
    if (router->hex)
        cli_hex(&router->line, key.data, key.len);
    else
        cli_escape_key(&router->line, key.data, key.len);
    fwrite(router->line.data, 1, router->line.len, stdout);
    printf("\t%016llx\t%u\t%s\t%s\n", (unsigned long long)info->hash, info->slot, info->shard,
           info->pinned ? "pin" : "slot");
}

/* `where`: "key 3" or "line 3", for messages. */
static void route_key(router_t *router, const char *text, size_t len, const char *where,
                      unsigned long long number)
{
    unsigned char raw[AGDB_KEY_MAX];
    agdb_route_info_t info = {.struct_size = sizeof info};
    agdb_error_t *err = NULL;
    agdb_bytes_t key = agdb_bytes(text, len);

    if (router->hex) {
        int n = cli_unhex(text, len, raw, sizeof raw);
        if (n < 0) {
            cli_error("%s %llu: not a key in hex digits (two for each of 1 to %d bytes)", where,
                      number, AGDB_KEY_MAX);
            router->failed = true;
            return;
        }
        key = agdb_bytes(raw, (size_t)n);
    }
    if (agdb_map_route(router->map, router->keyspace, key, &info, &err) != AGDB_OK) {
        cli_error("%s %llu: %s", where, number, agdb_error_message(err));
        agdb_error_clear(&err);
        router->failed = true;
        return;
    }
    print_line(router, key, &info);
}

/* A line feed ends a key; all other bytes belong to it. */
static void route_stdin(router_t *router)
{
    unsigned long long number = 0;
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    while ((len = getline(&line, &room, stdin)) > 0)
        route_key(router, line, (size_t)len - (line[len - 1] == '\n'), "line", ++number);
    if (!feof(stdin)) {
        cli_error("cannot read standard input: %s", strerror(errno));
        router->failed = true;
    }
    free(line);
}

static int run(int argc, char **argv)
{
    router_t router = {0};
    bool from_stdin = false;
    const cli_option_t table[] = {
        CLI_TEXT("keyspace", "NAME", &router.keyspace, "which keyspace (default: the map's)"),
        CLI_FLAG("stdin", &from_stdin, "read keys from standard input, one per line"),
        CLI_FLAG("hex", &router.hex, "keys are read and printed as hex digits"),
        CLI_FLAG("json", &router.json, "print one JSON object per line"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1};
    int code = cli_args_read(&args, argc, argv);
    agdb_map_t *map;
    size_t i;

    if (code >= 0)
        return code;
    if (from_stdin == (args.count > 1)) {
        cli_error("route: name keys, or read them with '--stdin'");
        return CLI_USAGE;
    }
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    router.map = map;
    for (i = 1; i < args.count; i++)
        route_key(&router, args.items[i], strlen(args.items[i]), "key", i);
    if (from_stdin)
        route_stdin(&router);
    agdb_map_free(map);
    return cli_finish(router.failed ? CLI_FAILED : CLI_OK);
}

const cli_command_t cli_route = {&k_usage, run};
