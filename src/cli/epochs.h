/* Which epochs of the map a service's processes have in use, from what their keepers say. Pure. A
 * process has a keeper on each server: the server that sees most of them counts. */
#ifndef AGDB_CLI_EPOCHS_H
#define AGDB_CLI_EPOCHS_H

#include "cli/json.h"

/* What a keeper has said, or may not be seen saying. */
#define CLI_EPOCH_UNKNOWN ((int64_t)-1)

/* How many have something, on the server that sees most of them. */
typedef struct cli_most {
    size_t processes;
    size_t server; /* counted last */
    size_t here;   /* on that one */
} cli_most_t;

typedef struct cli_epoch_use {
    int64_t epoch;
    cli_most_t by;
} cli_epoch_use_t;

/* Starts as zeroes. */
typedef struct cli_epochs {
    cli_epoch_use_t *items; /* unknown first, then the lower ones */
    size_t count;
    cli_most_t all;
} cli_epochs_t;

/* A keeper on a server; server after server. */
void cli_epochs_add(cli_epochs_t *epochs, size_t server, int64_t epoch);
/* Those below `limit`, unknown ones among them, which may have been the epochs of all. */
cli_epochs_t cli_epochs_below(const cli_epochs_t *epochs, int64_t limit);
/* "12"; "11 (1), 12 (2)" when processes differ; "?" for an unknown one; "-" for no process. */
char *cli_epochs_text(const cli_epochs_t *epochs);
void cli_epochs_json(const cli_epochs_t *epochs, cli_json_t *json);

#endif
