/* agencydb status --wait-drained: until no service is connected to a node. */
#ifndef AGDB_CLI_DRAINED_H
#define AGDB_CLI_DRAINED_H

#include "cli/inspect.h"

typedef struct cli_drained {
    const char *node; /* its name in the map */
    uint32_t timeout_ms;
    bool json;
} cli_drained_t;

/* Returns the exit code: 0 when nobody is left. */
int cli_wait_drained(cli_inspect_t *inspect, const cli_drained_t *options);

#endif
