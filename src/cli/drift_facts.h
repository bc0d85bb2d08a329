/* Asks a server for all that `agencydb drift` compares. */
#ifndef AGDB_CLI_DRIFT_FACTS_H
#define AGDB_CLI_DRIFT_FACTS_H

#include "cli/drift_compare.h"

/* The statement; its parameter is a schema's name, or NULL for all. */
char *cli_drift_sql(void);

/* Its answer as facts, which are borrowed from it. */
cli_facts_t cli_drift_facts(const agdb_result_t *res);

#endif
