/* Where a node listens. */
#ifndef AGDB_MAP_HOST_H
#define AGDB_MAP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AGDB__HOST_MAX = 255,
    AGDB__SOCKET_FOLDER_MAX = 91 /* with /.s.PGSQL.65535 and a NUL it fills sun_path */
};

bool agdb__host_is_socket(const char *host);
bool agdb__host_is_loopback(const char *host);
/* What is wrong with a host name, address or socket folder; NULL: nothing. */
const char *agdb__host_fault(const char *host, size_t len);

enum { AGDB__NODE_NAME_SIZE = AGDB__HOST_MAX + 16 };

/* What a node without a name is called: host:port, an IPv6 address in brackets. */
void agdb__node_name(char buf[AGDB__NODE_NAME_SIZE], const char *host, unsigned port);
/* Whether it is a number from 1 to 65535. */
bool agdb__port_parse(const char *text, size_t len, uint16_t *ret);

/* The short form: host, host:port, [v6]:port, /folder. */
typedef struct agdb__endpoint {
    const char *host; /* within the text */
    size_t host_len;
    const char *port; /* NULL: not given */
    size_t port_len;
} agdb__endpoint_t;

/* Returns what is wrong; NULL: nothing. */
const char *agdb__endpoint_parse(const char *text, size_t len, agdb__endpoint_t *ret);

#endif
