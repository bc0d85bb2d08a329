#include "map/host.h"

#include "map/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool agdb__host_is_socket(const char *host)
{
    return host[0] == '/';
}

bool agdb__host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(host, "localhost") == 0;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static const char *address_fault(const char *host, size_t len)
{
    char text[AGDB__HOST_MAX + 1];
    struct in6_addr v6;
    const char *scope = memchr(host, '%', len);
    size_t n = scope != NULL ? (size_t)(scope - host) : len;

    memcpy(text, host, n);
    text[n] = '\0';
    if (inet_pton(AF_INET6, text, &v6) != 1)
        return "is not an IPv6 address; a port goes into `port:` or behind host:";
    return NULL;
}

static const char *name_fault(const char *host, size_t len)
{
    char text[AGDB__HOST_MAX + 1];
    struct in_addr v4;
    bool numeric = true;
    size_t i;

    for (i = 0; i < len; i++) {
        if (!is_host_char(host[i]))
            return host[i] == ',' ? "names several hosts: each node is a line of its own"
                                  : "is not a host name, an address, or an absolute path";
        numeric = numeric && (host[i] == '.' || (host[i] >= '0' && host[i] <= '9'));
    }
    if (host[0] == '-' || host[0] == '.')
        return "is not a host name, an address, or an absolute path";
    memcpy(text, host, len);
    text[len] = '\0';
    if (numeric && inet_pton(AF_INET, text, &v4) != 1)
        return "is not an IPv4 address: four numbers from 0 to 255";
    return NULL;
}

const char *agdb__host_fault(const char *host, size_t len)
{
    size_t i;

    if (len == 0)
        return "has no host";
    if (host[0] == '/') {
        for (i = 0; i < len; i++)
            if ((unsigned char)host[i] < 0x20 || host[i] == 0x7F)
                return "holds a control character";
        return len > AGDB__SOCKET_FOLDER_MAX ? "is longer than a socket folder may be (91 bytes)"
                                             : NULL;
    }
    if (len > AGDB__HOST_MAX)
        return "is longer than a host name may be (255 bytes)";
    if (host[0] == '[')
        return "is in brackets: they belong to the short form \"[address]:port\" only";
    return memchr(host, ':', len) != NULL ? address_fault(host, len) : name_fault(host, len);
}

void agdb__node_name(char buf[AGDB__NODE_NAME_SIZE], const char *host, unsigned port)
{
    bool bare = strchr(host, ':') != NULL;

    snprintf(buf, AGDB__NODE_NAME_SIZE, "%s%s%s:%u", bare ? "[" : "", host, bare ? "]" : "", port);
}

bool agdb__port_parse(const char *text, size_t len, uint16_t *ret)
{
    uint64_t port = 0;

    if (len == 0 || text[0] == '0' || agdb__text_digits(text, len, &port) != len ||
        port > UINT16_MAX)
        return false;
    *ret = (uint16_t)port;
    return true;
}

static const char *bracketed(const char *text, size_t len, agdb__endpoint_t *ret)
{
    const char *close = memchr(text, ']', len);
    size_t rest;

    if (close == NULL)
        return "has no closing bracket";
    ret->host = text + 1;
    ret->host_len = (size_t)(close - text) - 1;
    rest = len - (size_t)(close - text) - 1;
    if (memchr(ret->host, ':', ret->host_len) == NULL)
        return "has brackets around what is no IPv6 address";
    if (rest == 0)
        return NULL;
    if (close[1] != ':')
        return "has something else than :port behind its bracket";
    ret->port = close + 2;
    ret->port_len = rest - 1;
    return NULL;
}

const char *agdb__endpoint_parse(const char *text, size_t len, agdb__endpoint_t *ret)
{
    const char *colon = memchr(text, ':', len);

    *ret = (agdb__endpoint_t){.host = text, .host_len = len};
    if (len > 0 && text[0] == '/')
        return NULL;
    if (len > 0 && text[0] == '[')
        return bracketed(text, len, ret);
    if (colon == NULL)
        return NULL;
    if (memchr(colon + 1, ':', len - (size_t)(colon - text) - 1) != NULL)
        return "has several colons: write an IPv6 address as \"[address]:port\"";
    ret->host_len = (size_t)(colon - text);
    ret->port = colon + 1;
    ret->port_len = len - ret->host_len - 1;
    return NULL;
}
