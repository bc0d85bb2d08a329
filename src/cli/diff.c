/* agencydb diff: what differs between two maps. */
#include "cli/cli.h"
#include "cli/diff_keys.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "diff",
    .synopsis = "[OPTIONS] OLD NEW",
    .summary = "Prints what differs between two shard maps",
    .about = "Keyspaces, shards, nodes, settings, slots and pins that change owner, and the\n"
             "'moved_since' line that such a change needs. Comments and order do not count.\n"
             "With '--keys' also which agencies of a file move, from where to where: one key to a\n"
             "line, as a map spells it (hex:... for bytes that are no text).",
    .examples = "  agencydb diff /etc/agencydb/shardmap.yaml shardmap.yaml\n"
                "  agencydb diff --keys agencies.txt /etc/agencydb/shardmap.yaml shardmap.yaml",
    .exits = "  0  the maps mean the same\n"
             "  1  they differ\n"
             "  2  one of them is not valid, a key is not, or the command line is wrong",
};

typedef struct differ {
    agdb_map_t *old;
    agdb_map_t *now;
    cli_key_moves_t *moves; /* NULL: no keys were given */
    bool json;
} differ_t;

/* The library's object with the keys as one member more. */
static void print_json(const differ_t *differ, cli_buf_t *text)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};

    if (differ->moves == NULL) {
        fwrite(text->data, 1, text->len, stdout);
        return;
    }
    cli_json_open(&json, NULL, '{');
    cli_key_moves_json(differ->moves, &json);
    cli_json_close(&json);
    text->len = (size_t)(strrchr(text->data, '}') - text->data);
    while (text->len > 0 && text->data[text->len - 1] == '\n')
        text->len--;
    fwrite(text->data, 1, text->len, stdout);
    printf("%s%s\n", text->len > 1 ? "," : "", out.data + 1); /* behind its own brace */
}

/* The form for people is empty when, and only when, nothing differs. */
static int print_difference(const differ_t *differ)
{
    agdb_error_t *err = NULL;
    cli_buf_t people = {0};
    cli_buf_t json = {0};
    int code = CLI_USAGE;

    if (agdb_map_diff(differ->old, differ->now, false, cli_buf_take, &people, &err) == AGDB_OK &&
        agdb_map_diff(differ->old, differ->now, true, cli_buf_take, &json, &err) == AGDB_OK) {
        code = people.len > 0 ? CLI_FAILED : CLI_OK;
        if (differ->json)
            print_json(differ, &json);
        else if (people.len > 0)
            fwrite(people.data, 1, people.len, stdout);
        if (!differ->json && differ->moves != NULL) {
            printf("%s", people.len > 0 ? "\n" : "");
            cli_key_moves_print(differ->moves);
        }
    } else {
        cli_report(err);
    }
    agdb_error_clear(&err);
    return code;
}

static int run(int argc, char **argv)
{
    differ_t differ = {0};
    const char *keys = NULL;
    const cli_option_t table[] = {
        CLI_TEXT("keys", "FILE", &keys, "say which of these agencies move"),
        CLI_FLAG("json", &differ.json, "as one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 2, .most = 2};
    int code = cli_args_read(&args, argc, argv);
    cli_key_moves_t moves;

    if (code >= 0)
        return code;
    differ.old = cli_load_map(args.items[0]);
    differ.now = cli_load_map(args.items[1]);
    differ.moves = keys != NULL ? &moves : NULL;
    code = CLI_USAGE;
    if (differ.old != NULL && differ.now != NULL &&
        (keys == NULL || cli_key_moves_read(keys, differ.old, differ.now, &moves)))
        code = print_difference(&differ);
    agdb_map_free(differ.old);
    agdb_map_free(differ.now);
    return cli_finish(code);
}

const cli_command_t cli_diff = {&k_usage, run};
