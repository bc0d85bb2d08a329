/* Errors say what happened, where, what became of the request, and what to do next.
 *
 * Every call that can fail takes an `agdb_error_t **` last, which may be NULL. `*err` must be NULL
 * or an error of an earlier call (which is then freed and replaced); it is set on failure only. */
#ifndef AGENCYDB_ERROR_H
#define AGENCYDB_ERROR_H

#include "agencydb/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Owned by the caller; independent of the client that made it. @threads frozen */
typedef struct agdb_error agdb_error_t;

/* What certainly became of the request. */
typedef enum agdb_outcome {
    AGDB_OUTCOME_NONE = 0,     /* the error is not about a request */
    AGDB_OUTCOME_NOT_SENT = 1, /* no server ever got it: safe to send again */
    AGDB_OUTCOME_REJECTED = 2, /* a server said no: it certainly did not happen */
    AGDB_OUTCOME_UNKNOWN = 3   /* it was sent and the answer was lost: it may have happened */
} agdb_outcome_t;

/* Which part of the call failed, or used up the time. */
typedef enum agdb_stage {
    AGDB_STAGE_NONE = 0,
    AGDB_STAGE_CHECK = 1,   /* the request itself, before anything was tried */
    AGDB_STAGE_ROUTE = 2,   /* from the key to the shard */
    AGDB_STAGE_PARK = 3,    /* waiting for the shard to have a usable node */
    AGDB_STAGE_QUEUE = 4,   /* waiting for a connection of a node that is up */
    AGDB_STAGE_RESOLVE = 5, /* host name, password */
    AGDB_STAGE_CONNECT = 6, /* TCP, TLS, login, identity */
    AGDB_STAGE_EXECUTE = 7, /* sent, waiting for the answer */
    AGDB_STAGE_RESULT = 8   /* reading values out of a result */
} agdb_stage_t;

/* Further fields of a server's error. */
typedef enum agdb_field {
    AGDB_FIELD_SEVERITY = 1,
    AGDB_FIELD_DETAIL = 2,
    AGDB_FIELD_HINT = 3,
    AGDB_FIELD_SCHEMA = 4,
    AGDB_FIELD_TABLE = 5,
    AGDB_FIELD_COLUMN = 6,
    AGDB_FIELD_CONSTRAINT = 7,
    AGDB_FIELD_POSITION = 8 /* character of the statement, from 1 */
} agdb_field_t;

/* @param error  may be NULL
 * @return the status; AGDB_OK for NULL
 * @threads any */
AGDB_API agdb_status_t agdb_error_status(const agdb_error_t *error);

/* One line without a final period: what, which shard and node, and why. Never parameters, never
 * passwords.
 * @param error  may be NULL
 * @return borrowed from the error; "" for NULL
 * @threads any */
AGDB_API const char *agdb_error_message(const agdb_error_t *error);

/* @param error  may be NULL
 * @return borrowed: the server's five characters, or ""
 * @threads any */
AGDB_API const char *agdb_error_sqlstate(const agdb_error_t *error);

/* @param error  may be NULL
 * @return borrowed: the shard's name, or ""
 * @threads any */
AGDB_API const char *agdb_error_shard(const agdb_error_t *error);

/* @param error  may be NULL
 * @return borrowed: the node's name, or ""
 * @threads any */
AGDB_API const char *agdb_error_node(const agdb_error_t *error);

/* @param error  may be NULL
 * @return the stage that failed or used up the time
 * @threads any */
AGDB_API agdb_stage_t agdb_error_stage(const agdb_error_t *error);

/* @param error  may be NULL
 * @return what became of the request
 * @threads any */
AGDB_API agdb_outcome_t agdb_error_outcome(const agdb_error_t *error);

/* Whether the same call may well succeed when it is made again, and cannot do harm: nothing was
 * executed, and the reason passes.
 * @param error  may be NULL
 * @return true or false
 * @threads any */
AGDB_API bool agdb_error_is_retriable(const agdb_error_t *error);

/* @param error  may be NULL
 * @return milliseconds to wait before trying again; 0: no advice
 * @threads any */
AGDB_API uint32_t agdb_error_retry_after_ms(const agdb_error_t *error);

/* @param error  may be NULL
 * @param field  which
 * @return borrowed: the field's text, or ""
 * @threads any */
AGDB_API const char *agdb_error_field(const agdb_error_t *error, agdb_field_t field);

/* An error of several parts has one child each: a failed shard, or a mistake in a map.
 * @param error  may be NULL
 * @return how many
 * @threads any */
AGDB_API size_t agdb_error_child_count(const agdb_error_t *error);

/* @param error  may be NULL
 * @param index  from 0
 * @return borrowed from the parent; NULL past the end
 * @threads any */
AGDB_API const agdb_error_t *agdb_error_child(const agdb_error_t *error, size_t index);

/* @param outcome  any
 * @return static text: "not sent", "rejected", "unknown", or ""
 * @threads any */
AGDB_API const char *agdb_outcome_name(agdb_outcome_t outcome);

/* @param stage  any
 * @return static text such as "queue", or ""
 * @threads any */
AGDB_API const char *agdb_stage_name(agdb_stage_t stage);

/* Frees an error with its children. NULL is fine.
 * @param error  owned by the caller until now
 * @threads any */
AGDB_API void agdb_error_free(agdb_error_t *error);

/* Frees `*error` and sets it to NULL.
 * @param error  address of the caller's variable, may be NULL
 * @threads any */
AGDB_API void agdb_error_clear(agdb_error_t **error);

#ifdef __cplusplus
}
#endif
#endif
