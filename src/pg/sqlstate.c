#include "pg/sqlstate.h"

#include <string.h>

/* Whole codes first, then classes of two characters: the first row that is a prefix wins. */
static const struct {
    const char *prefix;
    agdb__sql_class_t means;
} k_rows[] = {
    {"40001", AGDB__SQL_RETRY},           /* serialization_failure, conflict with recovery */
    {"40P01", AGDB__SQL_RETRY},           /* deadlock_detected */
    {"40003", AGDB__SQL_UNKNOWN_OUTCOME}, /* statement_completion_unknown */
    {"08007", AGDB__SQL_UNKNOWN_OUTCOME}, /* transaction_resolution_unknown */
    {"25006", AGDB__SQL_NOT_PRIMARY},     /* read_only_sql_transaction */
    {"57P01", AGDB__SQL_GOING_AWAY},      /* admin_shutdown */
    {"57P02", AGDB__SQL_GOING_AWAY},      /* crash_shutdown */
    {"57P03", AGDB__SQL_GOING_AWAY},      /* cannot_connect_now */
    {"57P05", AGDB__SQL_GOING_AWAY},      /* idle_session_timeout */
    {"57014", AGDB__SQL_TIMEOUT},         /* query_canceled */
    {"53300", AGDB__SQL_OVERLOAD},        /* too_many_connections */
    {"53400", AGDB__SQL_OVERLOAD},        /* configuration_limit_exceeded */
    {"26000", AGDB__SQL_STALE_STATEMENT}, /* invalid_sql_statement_name */
    {"3D000", AGDB__SQL_AUTH},            /* invalid_catalog_name: no such database */
    {"08P01", AGDB__SQL_CALLER},          /* protocol_violation: parameters that do not fit */
    {"08", AGDB__SQL_GOING_AWAY},
    {"28", AGDB__SQL_AUTH},
};

agdb__sql_class_t agdb__sql_classify(const char *sqlstate, const char *message)
{
    size_t i;

    if (sqlstate == NULL || strlen(sqlstate) != 5)
        return AGDB__SQL_CALLER;
    if (strcmp(sqlstate, "0A000") == 0 && message != NULL && strstr(message, "cached plan") != NULL)
        return AGDB__SQL_STALE_STATEMENT;
    for (i = 0; i < sizeof k_rows / sizeof k_rows[0]; i++)
        if (strncmp(sqlstate, k_rows[i].prefix, strlen(k_rows[i].prefix)) == 0)
            return k_rows[i].means;
    return AGDB__SQL_CALLER;
}
