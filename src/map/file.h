/* Reading a map file: whole, and only when it is one that strangers cannot have changed. */
#ifndef AGDB_MAP_FILE_H
#define AGDB_MAP_FILE_H

#include "map/diag.h"

/* Sets *ret (freed with agdb__free) and returns true; else `diag` says why not, or has lost memory.
 */
bool agdb__file_read(const char *path, agdb_diagnostics_t *diag, char **ret, size_t *ret_len);

/* The absolute folder that relative paths of a map count from; `path` NULL: the working directory.
 * Sets *ret (freed with agdb__free), to NULL when it cannot be told. False when memory is out. */
bool agdb__file_folder(const char *path, char **ret);

#endif
