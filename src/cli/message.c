#include "cli/message.h"

#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Whether people who read standard error want colour. */
static bool wants_colour(void)
{
    const char *none = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && (none == NULL || none[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

void cli_error(const char *format, ...)
{
    bool colour = wants_colour();
    va_list list;

    fflush(stdout);
    va_start(list, format);
    fprintf(stderr, "agencydb: %serror:%s %s\n", colour ? "\033[1;31m" : "",
            colour ? "\033[0m" : "", cli_format_list(format, list));
    va_end(list);
}

static void print_at(const char *file, unsigned line, unsigned column, bool is_error,
                     const char *text)
{
    bool colour = wants_colour();
    const char *on = !colour ? "" : is_error ? "\033[1;31m" : "\033[1;33m";

    fprintf(stderr, "%s:%u:%u: %s%s:%s %s\n", file, line, column, on,
            is_error ? "error" : "warning", colour ? "\033[0m" : "", text);
}

void cli_error_at(const char *file, unsigned line, unsigned column, const char *text)
{
    fflush(stdout);
    print_at(file, line, column, true, text);
}

void cli_progress(const char *format, ...)
{
    va_list list;

    if (!isatty(STDERR_FILENO))
        return;
    va_start(list, format);
    fprintf(stderr, "%s\n", cli_format_list(format, list));
    va_end(list);
}

static void field(const char *name, const char *text, int depth)
{
    if (text != NULL && text[0] != '\0')
        fprintf(stderr, "%*s%-9s %s\n", 2 + 2 * depth, "", name, text);
}

static void report_fields(const agdb_error_t *error, int depth)
{
    size_t i;

    field("outcome:", agdb_outcome_name(agdb_error_outcome(error)), depth);
    field("SQLSTATE:", agdb_error_sqlstate(error), depth);
    field("detail:", agdb_error_field(error, AGDB_FIELD_DETAIL), depth);
    field("hint:", agdb_error_field(error, AGDB_FIELD_HINT), depth);
    field("position:", agdb_error_field(error, AGDB_FIELD_POSITION), depth);
    for (i = 0; i < agdb_error_child_count(error); i++) {
        const agdb_error_t *child = agdb_error_child(error, i);
        fprintf(stderr, "%*s- %s\n", 2 + 2 * depth, "", agdb_error_message(child));
        report_fields(child, depth + 1);
    }
}

void cli_report(const agdb_error_t *error)
{
    cli_error("%s", agdb_error_message(error));
    report_fields(error, 0);
}

static void json_optional(cli_json_t *json, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        cli_json_text(json, name, text);
}

void cli_report_json(cli_json_t *json, const char *name, const agdb_error_t *error)
{
    size_t i;

    cli_json_open(json, name, '{');
    cli_json_text(json, "status", agdb_status_name(agdb_error_status(error)));
    cli_json_text(json, "message", agdb_error_message(error));
    json_optional(json, "outcome", agdb_outcome_name(agdb_error_outcome(error)));
    json_optional(json, "stage", agdb_stage_name(agdb_error_stage(error)));
    json_optional(json, "sqlstate", agdb_error_sqlstate(error));
    json_optional(json, "shard", agdb_error_shard(error));
    json_optional(json, "node", agdb_error_node(error));
    json_optional(json, "detail", agdb_error_field(error, AGDB_FIELD_DETAIL));
    json_optional(json, "hint", agdb_error_field(error, AGDB_FIELD_HINT));
    cli_json_bool(json, "retriable", agdb_error_is_retriable(error));
    if (agdb_error_child_count(error) > 0) {
        cli_json_open(json, "parts", '[');
        for (i = 0; i < agdb_error_child_count(error); i++)
            cli_report_json(json, NULL, agdb_error_child(error, i));
        cli_json_close(json);
    }
    cli_json_close(json);
}

void cli_diagnostics(const agdb_diagnostics_t *diag)
{
    size_t i;

    for (i = 0; i < agdb_diagnostics_count(diag); i++) {
        const agdb_diagnostic_t *one = agdb_diagnostics_at(diag, i);
        print_at(one->file, one->line, one->column, one->is_error, one->text);
    }
}

void cli_diagnostics_json(cli_json_t *json, const char *name, const agdb_diagnostics_t *diag)
{
    size_t i;

    cli_json_open(json, name, '[');
    for (i = 0; i < agdb_diagnostics_count(diag); i++) {
        const agdb_diagnostic_t *one = agdb_diagnostics_at(diag, i);
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "file", one->file);
        cli_json_number(json, "line", one->line);
        cli_json_number(json, "column", one->column);
        cli_json_text(json, "severity", one->is_error ? "error" : "warning");
        cli_json_text(json, "text", one->text);
        cli_json_close(json);
    }
    cli_json_close(json);
}

agdb_map_t *cli_load_map(const char *path)
{
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    agdb_error_t *err = NULL;

    if (agdb_map_load(path, &map, &diag, &err) != AGDB_OK && agdb_diagnostics_count(diag) == 0)
        cli_error("%s", agdb_error_message(err));
    cli_diagnostics(diag);
    agdb_diagnostics_free(diag);
    agdb_error_clear(&err);
    return map;
}

char *cli_node_setting(const agdb_map_t *map, size_t keyspace, size_t shard, size_t node,
                       const char *name)
{
    int len = agdb_map_node_setting(map, keyspace, shard, node, name, NULL, 0);
    char *text = cli_alloc(len > 0 ? (size_t)len + 1 : 1);

    if (len <= 0 ||
        agdb_map_node_setting(map, keyspace, shard, node, name, text, (size_t)len + 1) != len)
        return NULL;
    return text;
}

int cli_finish(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno != EPIPE)
            cli_error("cannot write to standard output: %s", strerror(errno));
        return code != CLI_OK ? code : CLI_FAILED;
    }
    return code;
}
