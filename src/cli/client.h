/* Opens a client for a subcommand that talks to servers. */
#ifndef AGDB_CLI_CLIENT_H
#define AGDB_CLI_CLIENT_H

#include "cli/args.h"
#include "cli/text.h"

typedef struct cli_client {
    agdb_t *db;
    const char *user;     /* instead of the map's; NULL: the map's */
    const char *password; /* for that user */
} cli_client_t;

/* How a client logs in as that user. `client` is borrowed. */
agdb_options_t cli_client_options(const cli_client_t *client, const char *service);
/* False: an error was said. The map is loaded before, so that its mistakes are said as `check` says
 * them. */
bool cli_client_open(cli_client_t *client, const char *map_path, bool allow_unstamped);
/* Takes --user and --password-file, which may be NULL. False: an error was said. */
bool cli_client_login(cli_client_t *client, const char *user, const char *password_file);

/* Both options, for a command that may look at servers as somebody else than the map's user. */
typedef struct cli_login_options {
    const char *user;
    const char *password_file;
} cli_login_options_t;

/* Their rows of a table. */
#define CLI_LOGIN_OPTIONS(to)                                                                      \
    CLI_TEXT("user", "USER", &(to).user, "log in as this role, not as the map's user"),            \
        CLI_TEXT("password-file", "FILE", &(to).password_file,                                     \
                 "its password (default: what the map has for its own user)")

/* Takes them. Returns -1 when the command may go on, else its exit code. */
int cli_client_take(cli_client_t *client, const char *command, const cli_login_options_t *options);

void cli_client_close(cli_client_t *client);

#endif
