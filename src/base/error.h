/* Errors: made with agdb__fail, then told where, when and with what outcome. All of it accepts a
 * NULL `reterr` and never fails: when memory is out, a static error of the same status and outcome
 * takes the place of the one that could not be made. */
#ifndef AGDB_BASE_ERROR_H
#define AGDB_BASE_ERROR_H

#include "agencydb/error.h"
#include "agencydb/result.h"

#include <stdarg.h>

#define AGDB__FIELD_COUNT (AGDB_FIELD_POSITION + 1)

struct agdb_error {
    agdb_status_t status;
    agdb_outcome_t outcome;
    agdb_stage_t stage;
    bool is_static;
    bool retriable;
    uint32_t retry_after_ms;
    char sqlstate[6];
    char *message;
    char *shard;
    char *node;
    char *field[AGDB__FIELD_COUNT];
    agdb_error_t **child;
    size_t nchild;
    agdb_timing_t timing; /* of the call that has failed; all 0: of none, or not known */
};

/* Replaces *reterr by a new error and returns `status`, so that `return agdb__fail(...)` reads in
 * one line. */
agdb_status_t agdb__fail(agdb_error_t **reterr, agdb_status_t status, const char *format, ...)
    AGDB_PRINTF(3, 4);
agdb_status_t agdb__fail_nomem(agdb_error_t **reterr);
/* A statement that has been with the server for `waited_us` when its time is over: TIMEOUT, outcome
 * UNKNOWN. */
agdb_status_t agdb__fail_unanswered(uint64_t waited_us, bool read_only, agdb_error_t **reterr);

/* Completes the error of a request that no server has got; returns `status`. */
agdb_status_t agdb__not_sent(agdb_status_t status, agdb_stage_t stage, agdb_error_t **reterr);

/* The rest changes the error in *reterr; nothing happens when there is none. */
void agdb__error_outcome(agdb_error_t **reterr, agdb_outcome_t outcome);
void agdb__error_stage(agdb_error_t **reterr, agdb_stage_t stage);
void agdb__error_retriable(agdb_error_t **reterr, bool retriable, uint32_t after_ms);
void agdb__error_sqlstate(agdb_error_t **reterr, const char *sqlstate);
void agdb__error_field(agdb_error_t **reterr, agdb_field_t field, const char *text);
void agdb__error_timing(agdb_error_t **reterr, const agdb_timing_t *timing);
/* Sets the names and puts `shard 'S' node 'N': ` before the message. Either may be NULL. */
void agdb__error_place(agdb_error_t **reterr, const char *shard, const char *node);
/* Puts text before the message. */
void agdb__error_prefix(agdb_error_t **reterr, const char *format, ...) AGDB_PRINTF(2, 3);
/* Adds `take_child` (owned from now on, also when there is no parent). */
void agdb__error_add_child(agdb_error_t **reterr, agdb_error_t *take_child);
/* Moves `take_error` into *reterr, freeing what was there; frees it when reterr is NULL. */
void agdb__error_move(agdb_error_t **reterr, agdb_error_t *take_error);
/* A copy with the children; the static one when memory is out; NULL for NULL. */
agdb_error_t *agdb__error_dup(const agdb_error_t *error);
void agdb__error_free(agdb_error_t *error);

/* "TIMEOUT" of AGDB_E_TIMEOUT; "OK"; "UNKNOWN" of a number that is none. */
const char *agdb__status_name(agdb_status_t status);

#endif
