/* The subcommands of `agencydb`. Each has a file of its own; main.c picks one. */
#ifndef AGDB_CLI_CLI_H
#define AGDB_CLI_CLI_H

#include "cli/args.h"

enum {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2 /* the command line itself is wrong */
};

typedef struct cli_command {
    const cli_usage_t *usage;
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name */
} cli_command_t;

extern const cli_command_t cli_check;
extern const cli_command_t cli_route;
extern const cli_command_t cli_show;
extern const cli_command_t cli_diff;
extern const cli_command_t cli_map;
extern const cli_command_t cli_init;
extern const cli_command_t cli_purge;
extern const cli_command_t cli_query;
extern const cli_command_t cli_exec;
extern const cli_command_t cli_migrate;
extern const cli_command_t cli_drift;
extern const cli_command_t cli_status;
extern const cli_command_t cli_clients;
extern const cli_command_t cli_doctor;
extern const cli_command_t cli_plan;
extern const cli_command_t cli_ps;
extern const cli_command_t cli_reload;
extern const cli_command_t cli_up;
extern const cli_command_t cli_down;

#endif
