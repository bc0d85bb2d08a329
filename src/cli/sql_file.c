#include "cli/sql_file.h"

#include "cli/files.h"
#include "cli/message.h"

#include <errno.h>
#include <stdio.h>

static bool read_text(const char *path, cli_sql_file_t *file)
{
    bool input = strcmp(path, "-") == 0;

    file->path = input ? "(standard input)" : path;
    file->text = input ? cli_read_input(&file->len) : cli_read_file(path, &file->len);
    if (file->text == NULL)
        cli_error("cannot read %s: %s", file->path,
                  errno == EFBIG ? "it has more than 16 MiB" : strerror(errno));
    return file->text != NULL;
}

bool cli_sql_file_read(const char *path, bool no_transaction, cli_sql_file_t *ret)
{
    *ret = (cli_sql_file_t){0};
    if (!read_text(path, ret))
        return false;
    if (cli_sql_split(ret->text, ret->len, &ret->sql)) {
        ret->in_transaction = !no_transaction && !ret->sql.no_transaction;
        if (cli_sql_judge(&ret->sql, ret->in_transaction) && ret->sql.count > 0)
            return true;
    }
    if (ret->sql.mistake == NULL)
        cli_error("%s: there is no statement in it", ret->path);
    else
        cli_error_at(ret->path, ret->sql.mistake_at.line, ret->sql.mistake_at.column,
                     ret->sql.mistake);
    return false;
}

void cli_sql_file_print(const cli_sql_file_t *file)
{
    size_t i;

    for (i = 0; i < file->sql.count; i++) {
        const cli_sql_statement_t *statement = &file->sql.items[i];
        printf("%s:%u:%u:\n%s;\n", file->path, statement->at.line, statement->at.column,
               statement->text);
    }
}

void cli_sql_file_json(cli_json_t *json, const cli_sql_file_t *file)
{
    size_t i;

    cli_json_open(json, "statements", '[');
    for (i = 0; i < file->sql.count; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_number(json, "line", file->sql.items[i].at.line);
        cli_json_number(json, "column", file->sql.items[i].at.column);
        cli_json_text(json, "text", file->sql.items[i].text);
        cli_json_close(json);
    }
    cli_json_close(json);
}
