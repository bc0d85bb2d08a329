/* TCP ports of this machine: who has one, which are free, whether PostgreSQL answers. */
#ifndef AGDB_CLI_PORTS_H
#define AGDB_CLI_PORTS_H

#include "cli/text.h"

/* Whether a host is this machine and nothing else: 127.0.0.0/8, ::1, localhost. */
bool cli_is_loopback(const char *host);

/* Whether a server could listen there now; else `*ret_why` says why not, with the owner's name and
 * process number where they can be found. */
bool cli_port_free(const char *host, unsigned port, char **ret_why);

/* A port on which nobody listens, below those that the system gives to outgoing connections.
 * 0: there is none. `taken` holds ports that do not count. */
unsigned cli_find_port(const char *host, const unsigned *taken, size_t ntaken);

/* Whether a PostgreSQL server answers at host:port (at host as a socket folder when it starts with
 * a slash) within the time. */
bool cli_server_answers(const char *host, unsigned port, unsigned timeout_ms);

#endif
