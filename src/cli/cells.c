#include "cli/cells.h"

char *cli_cell_text(const agdb_result_t *res, size_t row, size_t col)
{
    const char *text = agdb_result_text(res, row, col);

    return text != NULL ? cli_copy(text) : NULL;
}

int64_t cli_cell_number(const agdb_result_t *res, size_t row, size_t col, int64_t none)
{
    const char *text = agdb_result_text(res, row, col);
    const bool negative = text != NULL && text[0] == '-';
    uint64_t number;

    if (text == NULL || !cli_number(text + (negative ? 1 : 0), INT64_MAX, &number))
        return none;
    return negative ? -(int64_t)number : (int64_t)number;
}

bool cli_cell_bool(const agdb_result_t *res, size_t row, size_t col)
{
    const char *text = agdb_result_text(res, row, col);

    return text != NULL && text[0] == 't';
}
