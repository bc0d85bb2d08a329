/* What stands between clients and servers hands on. */
#ifndef AGDB_TESTS_WIRE_H
#define AGDB_TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Blocks until all has been taken. False: the other end has gone. */
static inline bool wire_write(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, data, n, MSG_NOSIGNAL);

        if (done <= 0)
            return false;
        data += done;
        n -= (size_t)done;
    }
    return true;
}

#endif
