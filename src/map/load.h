/* From a file or a text to a map, or to everything that is wrong with it. */
#ifndef AGDB_MAP_LOAD_H
#define AGDB_MAP_LOAD_H

#include "map/model.h"

/* As agdb_map_load and agdb_map_parse: *ret_diag (may be NULL) is set whenever there are remarks,
 * and is freed with agdb_diagnostics_free. */
agdb_status_t agdb__map_load_file(const char *path, agdb_map_t **ret, agdb_diagnostics_t **ret_diag,
                                  agdb_error_t **reterr);
agdb_status_t agdb__map_load_text(const char *text, size_t len, const char *name, agdb_map_t **ret,
                                  agdb_diagnostics_t **ret_diag, agdb_error_t **reterr);

#endif
