/* agencydb clients --wait-epoch: until every process has a map of this epoch or a later one. */
#ifndef AGDB_CLI_REACHED_H
#define AGDB_CLI_REACHED_H

#include "cli/inspect.h"

typedef struct cli_reached {
    int64_t epoch;
    const char *service; /* NULL: all of them */
    uint32_t timeout_ms;
    bool json;
} cli_reached_t;

/* Returns the exit code: 0 when nobody is behind. */
int cli_wait_reached(cli_inspect_t *inspect, const cli_reached_t *options);

#endif
