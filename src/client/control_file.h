/* The control socket in its folder: made so that nobody else can reach it or take its place, and
 * removed at the end. */
#ifndef AGDB_CLIENT_CONTROL_FILE_H
#define AGDB_CLIENT_CONTROL_FILE_H

#include "agencydb/error.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/un.h>

typedef struct agdb__control_file {
    int fd;     /* listens, and does not block */
    int folder; /* -1, both: there is none */
    char name[NAME_MAX + 1];
    dev_t device;
    ino_t inode;
    uid_t owner;
} agdb__control_file_t;

/* What a socket's path may have. */
enum { AGDB__CONTROL_PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

/* Mode 0600 from the first moment. The socket of a process that has ended is replaced; anything
 * else there is AGDB_E_INVAL, as is a folder in which anybody may replace it. May wait a second. */
agdb_status_t agdb__control_file_open(const char *path, agdb__control_file_t *ret,
                                      agdb_error_t **reterr);
/* Removes the file, unless it is another's by now. Not in a forked child. */
void agdb__control_file_close(agdb__control_file_t *file);

/* Whether the one at the other end is of the same user, or root. */
bool agdb__control_file_admits(const agdb__control_file_t *file, int connection);

#endif
