/* What an SQLSTATE means for the request and for the node. Pure. */
#ifndef AGDB_PG_SQLSTATE_H
#define AGDB_PG_SQLSTATE_H

#include "agencydb/error.h"

typedef enum agdb__sql_class {
    AGDB__SQL_CALLER = 0,      /* the statement's own fault */
    AGDB__SQL_RETRY,           /* 40001, 40P01: the same transaction may succeed next time */
    AGDB__SQL_NOT_PRIMARY,     /* 25006: the node does not take writes */
    AGDB__SQL_GOING_AWAY,      /* 57P01-57P03, 57P05, 08xxx: the connection or server ends */
    AGDB__SQL_OVERLOAD,        /* 53300, 53400: too many connections */
    AGDB__SQL_STALE_STATEMENT, /* 26000, 0A000 "cached plan": prepare again */
    AGDB__SQL_AUTH,            /* 28xxx, 3D000 (no such database), 42501 at login */
    AGDB__SQL_TIMEOUT,         /* 57014 */
    AGDB__SQL_UNKNOWN_OUTCOME  /* 40003, 08007: the server itself does not know */
} agdb__sql_class_t;

/* `message` tells 0A000 of a stale plan from other unsupported features. */
agdb__sql_class_t agdb__sql_classify(const char *sqlstate, const char *message);

#endif
