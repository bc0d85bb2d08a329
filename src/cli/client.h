/* Opens a client for a subcommand that talks to servers. */
#ifndef AGDB_CLI_CLIENT_H
#define AGDB_CLI_CLIENT_H

#include "cli/text.h"

typedef struct cli_client {
    agdb_t *db;
    const char *user;     /* instead of the map's; NULL: the map's */
    const char *password; /* for that user */
} cli_client_t;

/* False: an error was said. The map is loaded before, so that its mistakes are said as `check` says
 * them. */
bool cli_client_open(cli_client_t *client, const char *map_path, bool allow_unstamped);
/* Takes --user and --password-file, which may be NULL. False: an error was said. */
bool cli_client_login(cli_client_t *client, const char *user, const char *password_file);
void cli_client_close(cli_client_t *client);

#endif
