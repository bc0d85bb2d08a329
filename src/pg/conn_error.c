#include "pg/conn_impl.h"

#include "base/alloc.h"
#include "base/error.h"
#include "pg/sqlstate.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>

enum { TEXT_MAX = 1024 };

void agdb__conn_die_of(agdb__conn_t *conn, agdb_error_t *take_error)
{
    agdb__error_move(&conn->error, take_error);
    /* Only the name: who knows the shard, too, puts both before the message. */
    if (conn->error != NULL && !conn->error->is_static && conn->error->node == NULL)
        conn->error->node = agdb__strdup(conn->login->node);
    agdb__conn_go(&conn->state, AGDB__CONN_DEAD);
    conn->events = 0;
    if (conn->pg != NULL)
        PQfinish(conn->pg);
    conn->pg = NULL;
    agdb__resolve_release(conn->job);
    conn->job = NULL;
}

void agdb__conn_die(agdb__conn_t *conn, agdb_status_t status, agdb_stage_t stage,
                    const char *format, ...)
{
    char text[TEXT_MAX];
    agdb_error_t *error = NULL;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)agdb__fail(&error, status, "%s", text);
    agdb__error_stage(&error, stage);
    agdb__conn_die_of(conn, error);
}

const char *agdb__conn_pq_message(const agdb__conn_t *conn, char *buf, size_t size)
{
    const char *text = PQerrorMessage(conn->pg);
    size_t len = strcspn(text, "\n");

    if (len >= size)
        len = size - 1;
    memcpy(buf, text, len);
    buf[len] = '\0';
    return len != 0 ? buf : "connection lost";
}

/* A lock_timeout has a state of its own; a request to cancel has not. */
static bool is_statement_timeout(const agdb__conn_t *conn, const char *state, const char *text)
{
    return conn->read_only && strcmp(state, "57014") == 0 && text != NULL &&
           strstr(text, "statement timeout") != NULL;
}

static const char *hint_of(const agdb__conn_t *conn, const char *state, const char *text)
{
    if (strcmp(state, "25006") == 0 && conn->read_only)
        return " (.access = AGDB_READ lets nothing be written: use AGDB_WRITE)";
    if (is_statement_timeout(conn, state, text))
        return " (timeouts.server of the map)";
    if (strcmp(state, "42P18") == 0 || strcmp(state, "42P08") == 0)
        return " (say the type: $1::date, or agdb_typed())";
    return "";
}

static void add_fields(const PGresult *rows, agdb_error_t **reterr)
{
    static const struct {
        agdb_field_t field;
        int code;
    } map[] = {
        {AGDB_FIELD_SEVERITY, PG_DIAG_SEVERITY_NONLOCALIZED},
        {AGDB_FIELD_DETAIL, PG_DIAG_MESSAGE_DETAIL},
        {AGDB_FIELD_HINT, PG_DIAG_MESSAGE_HINT},
        {AGDB_FIELD_SCHEMA, PG_DIAG_SCHEMA_NAME},
        {AGDB_FIELD_TABLE, PG_DIAG_TABLE_NAME},
        {AGDB_FIELD_COLUMN, PG_DIAG_COLUMN_NAME},
        {AGDB_FIELD_CONSTRAINT, PG_DIAG_CONSTRAINT_NAME},
        {AGDB_FIELD_POSITION, PG_DIAG_STATEMENT_POSITION},
    };
    size_t i;

    for (i = 0; i < sizeof map / sizeof map[0]; i++)
        agdb__error_field(reterr, map[i].field, PQresultErrorField(rows, map[i].code));
}

static bool passes(agdb__sql_class_t means, const agdb__conn_t *conn)
{
    switch (means) {
    case AGDB__SQL_RETRY:
    case AGDB__SQL_GOING_AWAY:
    case AGDB__SQL_OVERLOAD:
    case AGDB__SQL_STALE_STATEMENT:
        return true;
    case AGDB__SQL_NOT_PRIMARY:
        return !conn->read_only; /* another node may take the write */
    case AGDB__SQL_UNKNOWN_OUTCOME:
        return conn->read_only;
    default:
        return false;
    }
}

const char *agdb__conn_sqlstate(const PGresult *rows)
{
    const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);

    return state != NULL ? state : "";
}

const char *agdb__conn_severity(const PGresult *rows)
{
    const char *severity = PQresultErrorField(rows, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity == NULL)
        severity = PQresultErrorField(rows, PG_DIAG_SEVERITY);
    return severity != NULL ? severity : "ERROR";
}

agdb_status_t agdb__conn_server_error(const agdb__conn_t *conn, const PGresult *rows,
                                      agdb_error_t **reterr)
{
    const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);
    agdb__sql_class_t means = agdb__sql_classify(state, text);
    agdb_status_t st = conn->state == AGDB__CONN_DEAD ? AGDB_E_LOST : AGDB_E_SERVER;

    if (state == NULL || text == NULL) /* made by libpq, which has no codes: the connection */
        st = agdb__fail(reterr, AGDB_E_LOST, "%.*s", (int)strcspn(PQresultErrorMessage(rows), "\n"),
                        PQresultErrorMessage(rows));
    else
        st = agdb__fail(reterr, st, "%s %s: %s%s", agdb__conn_severity(rows), state, text,
                        hint_of(conn, state, text));
    agdb__error_sqlstate(reterr, state);
    add_fields(rows, reterr);
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, means == AGDB__SQL_UNKNOWN_OUTCOME || state == NULL
                                    ? AGDB_OUTCOME_UNKNOWN
                                    : AGDB_OUTCOME_REJECTED);
    agdb__error_retriable(reterr, passes(means, conn), 0);
    return st;
}

void agdb__conn_abort(agdb__conn_t *conn, const char *why)
{
    if (conn->state != AGDB__CONN_DEAD)
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_EXECUTE, "%s", why);
}
