/* agencydb: the command for people who edit shard maps and run the system. */
#include "cli/cli.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_command_t *const k_commands[] = {
    &cli_check, &cli_route,  &cli_show,    &cli_diff,  &cli_map,    &cli_init,    &cli_purge,
    &cli_query, &cli_exec,   &cli_migrate, &cli_drift, &cli_status, &cli_clients, &cli_doctor,
    &cli_ps,    &cli_reload, &cli_plan,    &cli_up,    &cli_down,
};
enum { COMMANDS = sizeof k_commands / sizeof k_commands[0] };

static const char k_about[] =
    "Which PostgreSQL server holds an agency's rows: checks shard maps, routes keys, runs\n"
    "statements on the right shard, boots a local cluster.";

static void print_overview(void)
{
    size_t i;

    printf("Usage: agencydb COMMAND [OPTIONS] ...\n\n%s\n\nCommands:\n", k_about);
    for (i = 0; i < COMMANDS; i++)
        printf("  %-7s %s\n", k_commands[i]->usage->name, k_commands[i]->usage->summary);
    printf("  %-7s %s\n", "help", "Shows this text, or that of a command: help [--json] [COMMAND]");
    printf("\n'agencydb COMMAND --help' shows options, examples and exit codes;\n"
           "'agencydb --version' the version.\n");
}

static const cli_command_t *find_command(const char *name)
{
    size_t i;

    for (i = 0; i < COMMANDS; i++) {
        if (strcmp(k_commands[i]->usage->name, name) == 0)
            return k_commands[i];
    }
    return NULL;
}

static int unknown_command(const char *word)
{
    const char *names[COMMANDS + 1];
    const char *near;
    size_t i;

    for (i = 0; i < COMMANDS; i++)
        names[i] = k_commands[i]->usage->name;
    names[COMMANDS] = "help";
    near = cli_nearest(word, names, COMMANDS + 1);
    if (near != NULL)
        cli_error("there is no command '%s'; did you mean '%s'?", word, near);
    else
        cli_error("there is no command '%s'; see 'agencydb help'", word);
    return CLI_USAGE;
}

static int ask_command(const cli_command_t *command, const char *option)
{
    char *argv[3] = {cli_copy(command->usage->name), cli_copy(option), NULL};

    return command->run(2, argv);
}

/* A command and its subcommands. */
static int print_command(const cli_command_t *command, bool first)
{
    const cli_command_t *const *part = command->usage->parts;
    int code;

    if (!first)
        printf(",\n");
    code = ask_command(command, CLI_HELP_JSON);
    for (; code == CLI_OK && part != NULL && *part != NULL; part++)
        code = print_command(*part, false);
    return code;
}

/* All there is, for what is made of the help: manual page, completion. */
static int print_everything(void)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out, .compact = true};
    int code = CLI_OK;
    size_t i;

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "version", agdb_version());
    cli_json_text(&json, "about", k_about);
    printf("%s, \"commands\": [\n", out.data); /* the commands go on with it, each by itself */
    for (i = 0; i < COMMANDS && code == CLI_OK; i++)
        code = print_command(k_commands[i], i == 0);
    printf("]}\n");
    return cli_finish(code);
}

static int run_help(int argc, char **argv)
{
    bool json = argc > 0 && strcmp(argv[0], "--json") == 0;
    const char *name = argc > (json ? 1 : 0) ? argv[json ? 1 : 0] : NULL;
    const cli_command_t *command = name != NULL ? find_command(name) : NULL;

    if (name != NULL && command == NULL)
        return unknown_command(name);
    if (command != NULL)
        return ask_command(command, json ? CLI_HELP_JSON : "--help");
    if (json)
        return print_everything();
    print_overview();
    return cli_finish(CLI_OK);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    const cli_command_t *command;

    if (word == NULL) {
        fprintf(stderr, "Usage: agencydb COMMAND [OPTIONS] ...\nSee 'agencydb help'.\n");
        return CLI_USAGE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        printf("agencydb %s\n", agdb_version());
        return cli_finish(CLI_OK);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return run_help(argc - 2, argv + 2);
    if (word[0] == '-') {
        cli_error("there is no option '%s'; see 'agencydb help'", word);
        return CLI_USAGE;
    }
    command = find_command(word);
    if (command == NULL)
        return unknown_command(word);
    return command->run(argc - 1, argv + 1);
}
