/* A map's file on its way to another content: whole or not at all, and only when nobody else has
 * changed it meanwhile. */
#ifndef AGDB_CLI_MAP_FILE_H
#define AGDB_CLI_MAP_FILE_H

#include "cli/lines.h"
#include "cli/text.h"

#include <sys/types.h>

typedef struct cli_map_file {
    const char *path; /* the file itself, behind all links */
    cli_span_t text;  /* as it was read */
    mode_t mode;
    uid_t uid;
    gid_t gid;
} cli_map_file_t;

/* Each returns what went wrong, or NULL. */
const char *cli_map_file_read(const char *path, cli_map_file_t *ret);
/* By a temporary file beside it, which gets its mode and owner, and a rename. */
const char *cli_map_file_replace(const cli_map_file_t *file, cli_span_t text);

#endif
