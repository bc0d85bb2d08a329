/* Values of results, as copies that outlive them. */
#ifndef AGDB_CLI_CELLS_H
#define AGDB_CLI_CELLS_H

#include "cli/text.h"

/* NULL for NULL. */
char *cli_cell_text(const agdb_result_t *res, size_t row, size_t col);
/* A whole number; `none` for NULL and for what is none. */
int64_t cli_cell_number(const agdb_result_t *res, size_t row, size_t col, int64_t none);
/* False for NULL. */
bool cli_cell_bool(const agdb_result_t *res, size_t row, size_t col);

#endif
