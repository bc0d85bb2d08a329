#include "cli/table.h"

#include <stdio.h>

void cli_table_init(cli_table_t *table, size_t columns)
{
    *table = (cli_table_t){.columns = columns};
    table->right = cli_alloc(columns * sizeof *table->right + 1);
}

void cli_table_add(cli_table_t *table, const char *text, size_t len)
{
    cli_buf_t cell = {0};

    cli_buf_shown(&cell, text, len);
    table->cells = cli_grow(table->cells, table->count, sizeof *table->cells);
    table->cells[table->count++] = cell.data;
}

void cli_table_text(cli_table_t *table, const char *text)
{
    cli_table_add(table, text, strlen(text));
}

void cli_table_row(cli_table_t *table, const char *const *texts)
{
    size_t i;

    for (i = 0; i < table->columns; i++)
        cli_table_text(table, texts[i]);
}

/* Characters, not bytes. */
static size_t width(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    return n;
}

static void print_cell(const char *text, size_t wide, bool right, bool last)
{
    size_t have = width(text);
    int pad = (int)(wide > have ? wide - have : 0);

    if (right)
        printf("%*s%s", pad, "", text);
    else if (last)
        printf("%s", text);
    else
        printf("%s%*s", text, pad, "");
    printf("%s", last ? "\n" : "  ");
}

static void print_rule(const size_t *wide, size_t columns)
{
    size_t i;
    size_t n;

    for (i = 0; i < columns; i++) {
        for (n = 0; n < wide[i]; n++)
            fputc('-', stdout);
        printf("%s", i + 1 == columns ? "\n" : "  ");
    }
}

void cli_table_print(const cli_table_t *table, bool ruled)
{
    size_t *wide = cli_alloc(table->columns * sizeof *wide + 1);
    size_t i;

    if (table->columns == 0)
        return;
    for (i = 0; i < table->count; i++) {
        size_t have = width(table->cells[i]);
        if (have > wide[i % table->columns])
            wide[i % table->columns] = have;
    }
    for (i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        print_cell(table->cells[i], wide[column], table->right[column] && i >= table->columns,
                   column + 1 == table->columns);
        if (ruled && i + 1 == table->columns)
            print_rule(wide, table->columns);
    }
}
