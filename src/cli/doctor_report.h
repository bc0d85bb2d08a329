/* What `doctor` prints. */
#ifndef AGDB_CLI_DOCTOR_REPORT_H
#define AGDB_CLI_DOCTOR_REPORT_H

#include "cli/doctor_facts.h"
#include "cli/json.h"

void cli_doctor_print(const cli_doctor_t *doctor, const cli_verdicts_t *verdicts);
/* One object. */
void cli_doctor_json(const cli_doctor_t *doctor, const cli_verdicts_t *verdicts, cli_json_t *json);

/* Statements of one service and tag, for both. */
typedef struct cli_work {
    const char *service;
    const char *tag; /* "" without one */
    size_t running;
    size_t waiting; /* for a lock or a standby */
    size_t idle_in_transaction;
    size_t hidden;                /* whose state may not be seen */
    const cli_session_t *longest; /* in its state; NULL: all are hidden */
} cli_work_t;

typedef struct cli_works {
    cli_work_t *items;
    size_t count;
} cli_works_t;

cli_works_t cli_doctor_works(const cli_doctor_t *doctor);

#endif
