#include "map/diag.h"

#include "base/alloc.h"
#include "base/error.h"
#include "map/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 1024 };

agdb_diagnostics_t *agdb__diag_new(const char *file)
{
    agdb_diagnostics_t *diag = agdb__calloc(1, sizeof *diag);

    if (diag == NULL)
        return NULL;
    diag->file = agdb__strdup(file);
    if (diag->file == NULL) {
        agdb__free(diag);
        return NULL;
    }
    return diag;
}

void agdb__diag_free(agdb_diagnostics_t *diag)
{
    size_t i;

    if (diag == NULL)
        return;
    for (i = 0; i < diag->nitems; i++)
        agdb__free((char *)(uintptr_t)diag->item[i].text);
    agdb__free(diag->file);
    agdb__free(diag);
}

bool agdb__diag_has_room(const agdb_diagnostics_t *diag)
{
    return diag->nitems < AGDB__DIAG_MAX - 1;
}

static void store(agdb_diagnostics_t *diag, const agdb_diagnostic_t *item, const char *text)
{
    char *copy = agdb__strdup(text);

    if (copy == NULL) {
        diag->lost_memory = true;
        return;
    }
    diag->item[diag->nitems] = *item;
    diag->item[diag->nitems].file = diag->file;
    diag->item[diag->nitems].text = copy;
    diag->nitems++;
}

static void add(agdb_diagnostics_t *diag, const agdb_diagnostic_t *item, const char *format,
                va_list args)
{
    char text[TEXT_MAX];

    if (item->is_error)
        diag->nerrors++;
    if (!agdb__diag_has_room(diag) || (!item->is_error && diag->nitems >= AGDB__WARNINGS_MAX)) {
        diag->nunshown++;
        return;
    }
    vsnprintf(text, sizeof text, format, args);
    store(diag, item, text);
}

void agdb__diag_error(agdb_diagnostics_t *diag, unsigned line, unsigned column, const char *format,
                      ...)
{
    const agdb_diagnostic_t item = {.line = line, .column = column, .is_error = true};
    va_list args;

    va_start(args, format);
    add(diag, &item, format, args);
    va_end(args);
}

void agdb__diag_warn(agdb_diagnostics_t *diag, unsigned line, unsigned column, const char *format,
                     ...)
{
    const agdb_diagnostic_t item = {.line = line, .column = column, .is_error = false};
    va_list args;

    va_start(args, format);
    add(diag, &item, format, args);
    va_end(args);
}

static int by_position(const void *a, const void *b)
{
    const agdb_diagnostic_t *x = a;
    const agdb_diagnostic_t *y = b;

    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    if (x->is_error != y->is_error)
        return x->is_error ? -1 : 1;
    return strcmp(x->text, y->text);
}

void agdb__diag_finish(agdb_diagnostics_t *diag)
{
    agdb_diagnostic_t last = {.line = 1, .column = 1};
    char text[TEXT_MAX];

    qsort(diag->item, diag->nitems, sizeof diag->item[0], by_position);
    if (diag->nunshown == 0)
        return;
    if (diag->nitems > 0)
        last = diag->item[diag->nitems - 1];
    last.is_error = diag->nerrors > 0;
    snprintf(text, sizeof text, "too many problems: %zu more are not shown; repair these first",
             diag->nunshown);
    store(diag, &last, text);
}

agdb_status_t agdb__diag_status(const agdb_diagnostics_t *diag, agdb_error_t **reterr)
{
    const agdb_diagnostic_t *first = NULL;
    agdb_error_t *child = NULL;
    char more[64] = "";
    size_t i;

    if (diag->lost_memory)
        return agdb__fail_nomem(reterr);
    if (diag->nerrors == 0)
        return AGDB_OK;
    for (i = 0; i < diag->nitems && first == NULL; i++)
        if (diag->item[i].is_error)
            first = &diag->item[i];
    if (diag->nerrors > 1)
        snprintf(more, sizeof more, " (and %zu more)", diag->nerrors - 1);
    if (first != NULL)
        (void)agdb__fail(reterr, AGDB_E_MAP_INVALID, "%s:%u:%u: %s%s", first->file, first->line,
                         first->column, first->text, more);
    for (i = 0; i < diag->nitems && reterr != NULL; i++) {
        const agdb_diagnostic_t *item = &diag->item[i];
        if (!item->is_error)
            continue;
        (void)agdb__fail(&child, AGDB_E_MAP_INVALID, "%s:%u:%u: %s", item->file, item->line,
                         item->column, item->text);
        agdb__error_add_child(reterr, child);
        child = NULL;
    }
    return AGDB_E_MAP_INVALID;
}

const char *agdb__quote(char buf[AGDB__QUOTE_SIZE], const char *text, size_t len)
{
    size_t at = 0;
    size_t out = 0;

    while (at < len && at < AGDB__QUOTE_MAX) {
        size_t n = agdb__text_printable(text + at, len - at);
        if (n > 0 && at + n <= AGDB__QUOTE_MAX + 3) {
            memcpy(buf + out, text + at, n);
            out += n;
            at += n;
        } else {
            snprintf(buf + out, 5, "\\x%02x", (unsigned)(unsigned char)text[at]);
            out += 4;
            at++;
        }
    }
    snprintf(buf + out, 4, "%s", at < len ? "..." : "");
    return buf;
}
