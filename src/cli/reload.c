/* agencydb reload: has running processes read their map's file again. */
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "reload",
    .synopsis = "[OPTIONS] SOCKET...",
    .summary = "Has running processes read their map again",
    .about =
        "One process after the other reads the file of its map, and answers with the epoch that\n"
        "is in use, or why the map was refused; then nothing has changed there. Calls under way\n"
        "end on the map that they began on. Processes must have been opened with `.control`.",
    .examples =
        "  agencydb check --against old.yaml shardmap.yaml && agencydb reload /run/*/agencydb.sock",
    .exits = "  0  every process has the map of its file in use\n"
             "  1  some have refused it, or have not answered\n"
             "  2  the command line is wrong",
};

/* What is answered is one line. */
static const char *line_of(const cli_answer_t *answer)
{
    return cli_copy_n(answer->text, strcspn(answer->text, "\n"));
}

static void print_json(const char *socket_path, const cli_answer_t *answer)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out, .compact = true};

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "socket", socket_path);
    cli_json_bool(&json, "in_use", answer->ok);
    cli_json_text(&json, "says", answer->ok ? line_of(answer) : answer->text);
    cli_json_close(&json);
    cli_json_print(&json);
}

static int run(int argc, char **argv)
{
    bool json = false;
    const cli_option_t table[] = {
        CLI_FLAG("json", &json, "print one JSON object per process and line"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1};
    int code = cli_args_read(&args, argc, argv);
    bool good = true;
    size_t i;

    if (code >= 0)
        return code;
    for (i = 0; i < args.count; i++) {
        const cli_answer_t answer = cli_ask(args.items[i], "reload");

        if (json)
            print_json(args.items[i], &answer);
        else if (answer.ok)
            printf("%s: %s\n", args.items[i], line_of(&answer));
        else
            cli_error("%s", answer.text);
        good = good && answer.ok;
    }
    return cli_finish(good ? CLI_OK : CLI_FAILED);
}

const cli_command_t cli_reload = {&k_usage, run};
