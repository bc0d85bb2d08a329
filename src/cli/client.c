#include "cli/client.h"

#include "cli/cli.h"
#include "cli/files.h"
#include "cli/message.h"

#include <errno.h>
#include <stdio.h>

static bool give_password(const char *node, const char *login, char *buf, size_t size, void *user)
{
    const cli_client_t *client = user;

    (void)node;
    (void)login;
    return snprintf(buf, size, "%s", client->password) < (int)size;
}

agdb_options_t cli_client_options(const cli_client_t *client, const char *service)
{
    agdb_options_t options = {
        .struct_size = sizeof options, .service = service, .login = client->user};

    if (client->password != NULL) {
        options.password = give_password;
        options.password_user = (void *)(uintptr_t)client;
    }
    return options;
}

bool cli_client_open(cli_client_t *client, const char *map_path, bool allow_unstamped)
{
    agdb_options_t options = cli_client_options(client, "agencydb-cli");
    agdb_error_t *err = NULL;

    options.allow_unstamped = allow_unstamped;
    if (agdb_open(map_path, &options, &client->db, &err) == AGDB_OK)
        return true;
    cli_report(err);
    agdb_error_clear(&err);
    return false;
}

bool cli_client_login(cli_client_t *client, const char *user, const char *password_file)
{
    char *text;

    client->user = user;
    if (password_file == NULL)
        return true;
    text = cli_read_file(password_file, NULL);
    if (text == NULL) {
        cli_error("cannot read the password file %s: %s", password_file, strerror(errno));
        return false;
    }
    text[strcspn(text, "\r\n")] = '\0';
    client->password = text;
    return true;
}

int cli_client_take(cli_client_t *client, const char *command, const cli_login_options_t *options)
{
    if (options->password_file != NULL && options->user == NULL) {
        cli_error("%s: '--password-file' goes with '--user'", command);
        return CLI_USAGE;
    }
    return cli_client_login(client, options->user, options->password_file) ? -1 : CLI_FAILED;
}

void cli_client_close(cli_client_t *client)
{
    enum { CLOSE_MS = 2000 };

    (void)agdb_close(client->db, CLOSE_MS);
    client->db = NULL;
}
