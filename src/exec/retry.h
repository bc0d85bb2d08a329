/* Whether a failed attempt is repeated by the library. Pure. The rule: only what was not sent, what
 * was certainly rolled back for a reason that passes, and what is unknown but harmless to repeat.
 */
#ifndef AGDB_EXEC_RETRY_H
#define AGDB_EXEC_RETRY_H

#include "agencydb/error.h"
#include "pg/sqlstate.h"

typedef struct agdb__attempt {
    agdb_status_t status;
    agdb_outcome_t outcome;
    agdb_stage_t stage;
    agdb__sql_class_t sql_class; /* of a SERVER error */
    bool read_only;              /* the statement ran where nothing can be written */
    bool idempotent;             /* the caller's word */
    bool on_primary;             /* the node was chosen as the shard's primary */
    bool patient;                /* conflicts with others are tried until the deadline */
    unsigned number;             /* attempts made so far, this one included */
} agdb__attempt_t;

typedef enum agdb__retry_kind {
    AGDB__RETRY_NO = 0,
    AGDB__RETRY_NOW,       /* the same node */
    AGDB__RETRY_ELSEWHERE, /* another node, at once */
    AGDB__RETRY_LATER      /* when the shard's view has changed, or after `delay_ms` */
} agdb__retry_kind_t;

typedef struct agdb__retry {
    agdb__retry_kind_t kind;
    uint64_t delay_ms;
    bool suspect; /* the node may not be what it was: probe it */
} agdb__retry_t;

agdb__retry_t agdb__retry_decide(const agdb__attempt_t *attempt);

#endif
