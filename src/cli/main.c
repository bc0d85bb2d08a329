/* agencydb: the command for people who edit shard maps and run the system. */
#include "cli/cli.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_command_t *const k_commands[] = {
    &cli_check,  &cli_route, &cli_show,   &cli_diff,    &cli_init,
    &cli_purge,  &cli_query, &cli_exec,   &cli_migrate, &cli_drift,
    &cli_status, &cli_ps,    &cli_reload, &cli_up,      &cli_down,
};
enum { COMMANDS = sizeof k_commands / sizeof k_commands[0] };

static void print_overview(void)
{
    size_t i;

    printf("Usage: agencydb COMMAND [OPTIONS] ...\n\n"
           "Which PostgreSQL server holds an agency's rows: checks shard maps, routes keys, runs\n"
           "statements on the right shard, boots a local cluster.\n\nCommands:\n");
    for (i = 0; i < COMMANDS; i++)
        printf("  %-7s %s\n", k_commands[i]->usage->name, k_commands[i]->usage->summary);
    printf("  %-7s %s\n", "help", "Shows this text, or that of a command: help COMMAND");
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

static int run_help(const char *name)
{
    static char k_help[] = "--help";
    const cli_command_t *command;
    char *argv[3] = {NULL, k_help, NULL};

    if (name == NULL) {
        print_overview();
        return cli_finish(CLI_OK);
    }
    command = find_command(name);
    if (command == NULL)
        return unknown_command(name);
    argv[0] = cli_copy(name);
    return command->run(2, argv);
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
        return run_help(argc > 2 ? argv[2] : NULL);
    if (word[0] == '-') {
        cli_error("there is no option '%s'; see 'agencydb help'", word);
        return CLI_USAGE;
    }
    command = find_command(word);
    if (command == NULL)
        return unknown_command(word);
    return command->run(argc - 1, argv + 1);
}
