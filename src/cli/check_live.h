/* agencydb check --live and --instances: a map beside its servers. */
#ifndef AGDB_CLI_CHECK_LIVE_H
#define AGDB_CLI_CHECK_LIVE_H

#include "cli/inspect.h"
#include "cli/json.h"

typedef struct cli_check_live {
    const char *path;
    cli_client_t login;
    uint64_t instances;  /* processes of services */
    uint32_t timeout_ms; /* for each server */
} cli_check_live_t;

/* Asks every server, and says what was found: for people, or as members of an object. False: there
 * are errors. */
bool cli_check_live(const cli_check_live_t *live, const agdb_map_t *map, cli_json_t *json);
/* What each server must allow, without asking it. */
void cli_check_needs(const cli_check_live_t *live, const agdb_map_t *map, cli_json_t *json);

#endif
