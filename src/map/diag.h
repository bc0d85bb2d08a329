/* Remarks about a map: all of them, in the order of the file. There is a ceiling with a reserved
 * last remark, so that none vanishes silently. */
#ifndef AGDB_MAP_DIAG_H
#define AGDB_MAP_DIAG_H

#include "agencydb/map.h"

enum {
    AGDB__DIAG_MAX = 200,     /* with the last one, which says how many are not shown */
    AGDB__WARNINGS_MAX = 100, /* further warnings leave the room to errors */
    AGDB__QUOTE_MAX = 80,     /* bytes of the map's own text in a remark */
    AGDB__QUOTE_SIZE = AGDB__QUOTE_MAX * 4 + 8
};

struct agdb_diagnostics {
    char *file;
    agdb_diagnostic_t item[AGDB__DIAG_MAX];
    size_t nitems;
    size_t nerrors;   /* also those that are not shown */
    size_t nunshown;  /* errors and warnings */
    bool lost_memory; /* a remark could not be stored */
};

agdb_diagnostics_t *agdb__diag_new(const char *file);
void agdb__diag_free(agdb_diagnostics_t *diag);
void agdb__diag_error(agdb_diagnostics_t *diag, unsigned line, unsigned column, const char *format,
                      ...) AGDB_PRINTF(4, 5);
void agdb__diag_warn(agdb_diagnostics_t *diag, unsigned line, unsigned column, const char *format,
                     ...) AGDB_PRINTF(4, 5);
/* False once further errors are only counted: their texts need not be made. */
bool agdb__diag_has_room(const agdb_diagnostics_t *diag);
/* Sorts by position and adds the reserved last remark when some are not shown. */
void agdb__diag_finish(agdb_diagnostics_t *diag);
/* AGDB_OK, or an error with one child per error in the map. */
agdb_status_t agdb__diag_status(const agdb_diagnostics_t *diag, agdb_error_t **reterr);

/* Text of a map as it may stand in a remark: cut, and in printable characters. */
const char *agdb__quote(char buf[AGDB__QUOTE_SIZE], const char *text, size_t len);
#define AGDB__Q(text, len) agdb__quote((char[AGDB__QUOTE_SIZE]){0}, (text), (len))

#endif
