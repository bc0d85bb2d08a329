/* What a copy does, from its options: checked, with the defaults in their places, and as the text
 * of the COPY. Pure. */
#ifndef AGDB_EXEC_BULK_PLAN_H
#define AGDB_EXEC_BULK_PLAN_H

#include "agencydb/copy.h"
#include "base/buf.h"
#include "exec/bulk_rows.h"

/* INVAL: what does not go together. Fills in the defaults. */
agdb_status_t agdb__bulk_check_in(agdb_copy_options_t *options, agdb_error_t **reterr);
agdb_status_t agdb__bulk_check_out(agdb_copy_options_t *options, agdb_error_t **reterr);

/* Number of `key_column` among the names; -1: it is not there. */
int agdb__bulk_find(const char *name, const char *const *names, size_t count);

/* The statement, to be freed; NULL: no memory. In: without a header, which is left out here. */
char *agdb__bulk_sql_in(const agdb_copy_options_t *options, const char *const *columns,
                        size_t ncolumns);
char *agdb__bulk_sql_out(const agdb_copy_options_t *options, bool header);

#endif
