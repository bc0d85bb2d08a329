/* Edits of a map's text: what is asked, to a new text. Pure: nothing is read but the text (and the
 * environment, as when it is loaded). */
#ifndef AGDB_MAP_EDIT_H
#define AGDB_MAP_EDIT_H

#include "base/buf.h"
#include "map/model.h"

typedef struct agdb__edit_text {
    const char *text;
    size_t len;
    const char *name; /* for remarks */
} agdb__edit_text_t;

/* As agdb_map_edit; the new text is added to `out`. */
agdb_status_t agdb__map_edit(const agdb__edit_text_t *old, const agdb_map_edit_t *ask,
                             agdb__buf_t *out, agdb_diagnostics_t **ret_diag,
                             agdb_error_t **reterr);

#endif
