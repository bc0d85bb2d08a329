/* What `check --live` knows of a node, as rows of a kind and up to three texts. */
#ifndef AGDB_CLI_CHECK_FACTS_H
#define AGDB_CLI_CHECK_FACTS_H

#include "cli/inspect.h"
#include "cli/sight.h"

/* kind      a             b               c
 * guc       name                          value, in the server's unit
 * set       role or ""    database or ""  name=value (ALTER ROLE, ALTER DATABASE ... SET)
 * role      name                          CONNECTION LIMIT, -1: none
 * database  name                          CONNECTION LIMIT
 * right     role                          t: may use what `agencydb init` made
 * prepared                                number of prepared transactions
 * standby   application   state           sync_state
 * slot      name          active or not   bytes of WAL that it holds
 */
typedef struct cli_check_row {
    const char *kind;
    const char *a;
    const char *b;
    const char *c;
} cli_check_row_t;

typedef struct cli_check_facts {
    const char *fault; /* why they are not all there; NULL: they are */
    cli_check_row_t *rows;
    size_t count;
} cli_check_facts_t;

/* For each node. */
cli_check_facts_t *cli_check_gather(cli_inspect_t *inspect, const cli_sight_t *sights);
/* A setting; NULL: this version has none of that name. */
const char *cli_check_guc(const cli_check_facts_t *facts, const char *name);
/* The same as a number; `none` without one. */
int64_t cli_check_number(const cli_check_facts_t *facts, const char *name, int64_t none);

#endif
