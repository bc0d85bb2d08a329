/* Runs programs without a shell, as another user when asked, and ends them when the command is
 * interrupted. */
#ifndef AGDB_CLI_PROCESS_H
#define AGDB_CLI_PROCESS_H

#include "cli/text.h"

#include <sys/types.h>

/* Who servers run as. PostgreSQL refuses to run as root. */
typedef struct cli_user {
    bool change; /* else the one who runs the command */
    uid_t uid;
    gid_t gid;
    const char *name;
    const char *home;
} cli_user_t;

typedef struct cli_program {
    const char *const *argv; /* argv[0] is the path; ends with NULL */
    const cli_user_t *user;
    const char *log;   /* gets standard output and error, appended */
    const char *input; /* for standard input; NULL: nothing */
    bool detached;     /* a session of its own: it outlives the command */
} cli_program_t;

/* Starts it. -1: it could not be started, and `*ret_why` says why. */
pid_t cli_start(const cli_program_t *program, char **ret_why);

/* Waits for its end; when the command is interrupted it is ended first. Returns its exit code, or
 * 128 + signal. */
int cli_wait(pid_t pid);

/* Starts and waits. False: `*ret_why` says why. */
bool cli_run(const cli_program_t *program, char **ret_why);

/* What a program prints on standard output. NULL: it failed. */
char *cli_output(const char *const *argv);

/* From now on SIGINT, SIGTERM and SIGHUP only make cli_interrupted() true, and SIGPIPE nothing. */
void cli_catch_interrupts(void);
bool cli_interrupted(void);

void cli_sleep_ms(unsigned ms);
/* A clock that only goes forward, in milliseconds. */
uint64_t cli_now_ms(void);

/* Becomes that user, for good; false with errno. For child processes. */
bool cli_become(const cli_user_t *user);
/* The user of that name (NULL: `postgres` for root, else the one who runs the command). False: an
 * error was said. */
bool cli_find_user(const char *name, cli_user_t *ret);

#endif
