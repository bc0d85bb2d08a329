/* What the command says to people: on standard error, in colour on a terminal only. */
#ifndef AGDB_CLI_MESSAGE_H
#define AGDB_CLI_MESSAGE_H

#include "cli/json.h"

/* "agencydb: error: TEXT" */
void cli_error(const char *format, ...) AGDB_PRINTF(1, 2);
/* "FILE:LINE:COLUMN: error: TEXT" */
void cli_error_at(const char *file, unsigned line, unsigned column, const char *text);
/* A line that is shown on a terminal only. */
void cli_progress(const char *format, ...) AGDB_PRINTF(1, 2);

/* All that the library says of an error: message, outcome, SQLSTATE, detail, hint, parts. */
void cli_report(const agdb_error_t *error);
/* The same as a member of a JSON object. */
void cli_report_json(cli_json_t *json, const char *name, const agdb_error_t *error);

/* One "FILE:LINE:COL: error: TEXT" line per remark. */
void cli_diagnostics(const agdb_diagnostics_t *diag);

/* The same as an array in JSON. */
void cli_diagnostics_json(cli_json_t *json, const char *name, const agdb_diagnostics_t *diag);

/* Loads a map; what is wrong with it goes to standard error. NULL: it is not valid. */
agdb_map_t *cli_load_map(const char *path);

/* A setting of a node, as agdb_map_node_setting names it; NULL: it has no value. */
char *cli_node_setting(const agdb_map_t *map, size_t keyspace, size_t shard, size_t node,
                       const char *name);

/* Ends a command that printed: output that did not reach its end makes it fail. */
int cli_finish(int code);

#endif
