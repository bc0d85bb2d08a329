#include "base/error.h"

#include "base/alloc.h"

#include <stdio.h>

/* One static error for each status and outcome, for when memory is out: what became of a request
 * must not be lost with it. */
#define STATIC_ERROR(s, o, text)                                                                   \
    {                                                                                              \
        .status = (s), .outcome = (o), .is_static = true, .message = (char[])                      \
        {                                                                                          \
            text                                                                                   \
        }                                                                                          \
    }
#define STATIC_ROW(name, value, text)                                                              \
    {STATIC_ERROR(AGDB_E_##name, AGDB_OUTCOME_NONE, text),                                         \
     STATIC_ERROR(AGDB_E_##name, AGDB_OUTCOME_NOT_SENT, text),                                     \
     STATIC_ERROR(AGDB_E_##name, AGDB_OUTCOME_REJECTED, text),                                     \
     STATIC_ERROR(AGDB_E_##name, AGDB_OUTCOME_UNKNOWN, text)},

enum { OUTCOMES = 4, MESSAGE_MAX = 4096 };

static agdb_error_t k_static[][OUTCOMES] = {AGDB_STATUS_MAP(STATIC_ROW)};

static agdb_error_t *static_error(agdb_status_t status, agdb_outcome_t outcome)
{
    size_t i;

    for (i = 0; i < sizeof k_static / sizeof k_static[0]; i++)
        if (k_static[i][0].status == status)
            return &k_static[i][outcome];
    return &k_static[0][outcome];
}

static bool is_mutable(agdb_error_t **reterr)
{
    return reterr != NULL && *reterr != NULL && !(*reterr)->is_static;
}

/* Formats into a new string; NULL when memory is out. Cut at MESSAGE_MAX. */
static char *format_text(const char *format, va_list args)
{
    char text[MESSAGE_MAX];

    vsnprintf(text, sizeof text, format, args);
    return agdb__strdup(text);
}

static agdb_error_t *error_new(agdb_status_t status, char *take_message)
{
    agdb_error_t *error = take_message != NULL ? agdb__calloc(1, sizeof *error) : NULL;

    if (error == NULL) {
        agdb__free(take_message);
        return static_error(status, AGDB_OUTCOME_NONE);
    }
    error->status = status;
    error->message = take_message;
    return error;
}

agdb_status_t agdb__fail(agdb_error_t **reterr, agdb_status_t status, const char *format, ...)
{
    agdb_error_t *before;
    va_list args;

    if (reterr == NULL)
        return status;
    before = *reterr;
    va_start(args, format);
    *reterr = error_new(status, format_text(format, args));
    va_end(args);
    agdb__error_free(before); /* the arguments may point into it */
    return status;
}

agdb_status_t agdb__fail_nomem(agdb_error_t **reterr)
{
    if (reterr != NULL) {
        agdb__error_free(*reterr);
        *reterr = static_error(AGDB_E_NOMEM, AGDB_OUTCOME_NONE);
    }
    return AGDB_E_NOMEM;
}

agdb_status_t agdb__fail_unanswered(uint64_t waited_us, bool read_only, agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_TIMEOUT, "no answer within %llu ms",
                     (unsigned long long)((waited_us + 999) / 1000));
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    agdb__error_retriable(reterr, read_only, 0);
    return AGDB_E_TIMEOUT;
}

void agdb__error_outcome(agdb_error_t **reterr, agdb_outcome_t outcome)
{
    if (reterr == NULL || *reterr == NULL)
        return;
    if ((*reterr)->is_static)
        *reterr = static_error((*reterr)->status, outcome);
    else
        (*reterr)->outcome = outcome;
}

void agdb__error_stage(agdb_error_t **reterr, agdb_stage_t stage)
{
    if (is_mutable(reterr))
        (*reterr)->stage = stage;
}

agdb_status_t agdb__not_sent(agdb_status_t status, agdb_stage_t stage, agdb_error_t **reterr)
{
    agdb__error_stage(reterr, stage);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return status;
}

void agdb__error_retriable(agdb_error_t **reterr, bool retriable, uint32_t after_ms)
{
    if (is_mutable(reterr)) {
        (*reterr)->retriable = retriable;
        (*reterr)->retry_after_ms = after_ms;
    }
}

void agdb__error_sqlstate(agdb_error_t **reterr, const char *sqlstate)
{
    if (is_mutable(reterr) && sqlstate != NULL)
        snprintf((*reterr)->sqlstate, sizeof(*reterr)->sqlstate, "%s", sqlstate);
}

void agdb__error_timing(agdb_error_t **reterr, const agdb_timing_t *timing)
{
    if (is_mutable(reterr))
        (*reterr)->timing = *timing;
}

static void replace(char **text, const char *by)
{
    if (by != NULL) {
        agdb__free(*text);
        *text = agdb__strdup(by);
    }
}

void agdb__error_field(agdb_error_t **reterr, agdb_field_t field, const char *text)
{
    if (is_mutable(reterr) && field >= AGDB_FIELD_SEVERITY && field < AGDB__FIELD_COUNT)
        replace(&(*reterr)->field[field], text);
}

void agdb__error_prefix(agdb_error_t **reterr, const char *format, ...)
{
    char text[MESSAGE_MAX];
    char *joined;
    size_t head;
    va_list args;

    if (!is_mutable(reterr))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    head = strlen(text);
    joined = agdb__malloc(head + strlen((*reterr)->message) + 1);
    if (joined == NULL)
        return;
    memcpy(joined, text, head);
    memcpy(joined + head, (*reterr)->message, strlen((*reterr)->message) + 1);
    agdb__free((*reterr)->message);
    (*reterr)->message = joined;
}

void agdb__error_place(agdb_error_t **reterr, const char *shard, const char *node)
{
    if (!is_mutable(reterr))
        return;
    replace(&(*reterr)->shard, shard);
    replace(&(*reterr)->node, node);
    if (shard != NULL && node != NULL)
        agdb__error_prefix(reterr, "shard '%s' node '%s': ", shard, node);
    else if (shard != NULL)
        agdb__error_prefix(reterr, "shard '%s': ", shard);
    else if (node != NULL)
        agdb__error_prefix(reterr, "node '%s': ", node);
}

void agdb__error_add_child(agdb_error_t **reterr, agdb_error_t *take_child)
{
    agdb_error_t **grown = NULL;

    if (take_child != NULL && is_mutable(reterr))
        grown = agdb__realloc((*reterr)->child, ((*reterr)->nchild + 1) * sizeof *grown);
    if (grown == NULL) {
        agdb__error_free(take_child);
        return;
    }
    (*reterr)->child = grown;
    grown[(*reterr)->nchild++] = take_child;
}

void agdb__error_move(agdb_error_t **reterr, agdb_error_t *take_error)
{
    if (reterr == NULL) {
        agdb__error_free(take_error);
        return;
    }
    if (*reterr != take_error)
        agdb__error_free(*reterr);
    *reterr = take_error;
}

agdb_error_t *agdb__error_dup(const agdb_error_t *error)
{
    agdb_error_t *copy;
    size_t i;

    if (error == NULL)
        return NULL;
    if (error->is_static)
        return static_error(error->status, error->outcome);
    copy = error_new(error->status, agdb__strdup(error->message));
    agdb__error_outcome(&copy, error->outcome);
    if (copy->is_static)
        return copy;
    copy->stage = error->stage;
    copy->retriable = error->retriable;
    copy->retry_after_ms = error->retry_after_ms;
    copy->timing = error->timing;
    memcpy(copy->sqlstate, error->sqlstate, sizeof copy->sqlstate);
    replace(&copy->shard, error->shard);
    replace(&copy->node, error->node);
    for (i = 0; i < AGDB__FIELD_COUNT; i++)
        replace(&copy->field[i], error->field[i]);
    for (i = 0; i < error->nchild; i++)
        agdb__error_add_child(&copy, agdb__error_dup(error->child[i]));
    return copy;
}

void agdb__error_free(agdb_error_t *error)
{
    size_t i;

    if (error == NULL || error->is_static)
        return;
    for (i = 0; i < error->nchild; i++)
        agdb__error_free(error->child[i]);
    for (i = 0; i < AGDB__FIELD_COUNT; i++)
        agdb__free(error->field[i]);
    agdb__free(error->child);
    agdb__free(error->shard);
    agdb__free(error->node);
    agdb__free(error->message);
    agdb__free(error);
}

const char *agdb__status_name(agdb_status_t status)
{
    switch (status) {
#define NAME(name, value, text)                                                                    \
    case AGDB_E_##name:                                                                            \
        return #name;
        AGDB_STATUS_MAP(NAME)
#undef NAME
    case AGDB_OK:
        return "OK";
    case AGDB_ROLLBACK:
        return "ROLLBACK";
    case AGDB_E__MIN:
        break;
    }
    return "UNKNOWN";
}
