/* agencydb/error.h */
#include "base/error.h"

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

agdb_status_t agdb_error_status(const agdb_error_t *error)
{
    return error != NULL ? error->status : AGDB_OK;
}

const char *agdb_error_message(const agdb_error_t *error)
{
    return error != NULL ? text_or_empty(error->message) : "";
}

const char *agdb_error_sqlstate(const agdb_error_t *error)
{
    return error != NULL ? error->sqlstate : "";
}

const char *agdb_error_shard(const agdb_error_t *error)
{
    return error != NULL ? text_or_empty(error->shard) : "";
}

const char *agdb_error_node(const agdb_error_t *error)
{
    return error != NULL ? text_or_empty(error->node) : "";
}

agdb_stage_t agdb_error_stage(const agdb_error_t *error)
{
    return error != NULL ? error->stage : AGDB_STAGE_NONE;
}

agdb_outcome_t agdb_error_outcome(const agdb_error_t *error)
{
    return error != NULL ? error->outcome : AGDB_OUTCOME_NONE;
}

bool agdb_error_is_retriable(const agdb_error_t *error)
{
    return error != NULL && error->retriable;
}

uint32_t agdb_error_retry_after_ms(const agdb_error_t *error)
{
    return error != NULL ? error->retry_after_ms : 0;
}

const char *agdb_error_field(const agdb_error_t *error, agdb_field_t field)
{
    if (error == NULL || field < AGDB_FIELD_SEVERITY || field >= AGDB__FIELD_COUNT)
        return "";
    return text_or_empty(error->field[field]);
}

size_t agdb_error_child_count(const agdb_error_t *error)
{
    return error != NULL ? error->nchild : 0;
}

const agdb_error_t *agdb_error_child(const agdb_error_t *error, size_t index)
{
    return error != NULL && index < error->nchild ? error->child[index] : NULL;
}

const char *agdb_outcome_name(agdb_outcome_t outcome)
{
    switch (outcome) {
    case AGDB_OUTCOME_NOT_SENT:
        return "not sent";
    case AGDB_OUTCOME_REJECTED:
        return "rejected";
    case AGDB_OUTCOME_UNKNOWN:
        return "unknown";
    case AGDB_OUTCOME_NONE:
        break;
    }
    return "";
}

const char *agdb_stage_name(agdb_stage_t stage)
{
    static const char *const name[] = {"",        "check",   "route",   "park",  "queue",
                                       "resolve", "connect", "execute", "result"};

    return (size_t)stage < sizeof name / sizeof name[0] ? name[stage] : "";
}

void agdb_error_free(agdb_error_t *error)
{
    agdb__error_free(error);
}

void agdb_error_clear(agdb_error_t **error)
{
    if (error != NULL) {
        agdb__error_free(*error);
        *error = NULL;
    }
}
