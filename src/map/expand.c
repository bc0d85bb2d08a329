#include "map/load_impl.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "map/text.h"

#include <stdlib.h>

enum { EXPANDED_MAX = 65536, VARIABLE_MAX = 255 };

static bool is_name_char(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* Adds the value of what stands between `${` and `}`. */
static bool add_variable(agdb__load_t *l, agdb__tree_t *s, agdb__buf_t *out, const char *inner,
                         size_t len)
{
    char name[VARIABLE_MAX + 1];
    const char *value;
    size_t n = 0;

    while (n < len && is_name_char(inner[n], n == 0))
        n++;
    if (n == 0 || n > VARIABLE_MAX ||
        (n < len && (len < n + 2 || inner[n] != ':' || inner[n + 1] != '-'))) {
        agdb__diag_error(l->diag, s->line, s->column,
                         "'${%s}' is not a variable: write ${NAME} or ${NAME:-default}",
                         AGDB__Q(inner, len));
        return false;
    }
    memcpy(name, inner, n);
    name[n] = '\0';
    if (n < len && memchr(inner + n, '$', len - n) != NULL) {
        agdb__diag_error(l->diag, s->line, s->column,
                         "the default of ${%s} holds a '$': defaults are not expanded", name);
        return false;
    }
    value = getenv(name);
    if (value != NULL && (value[0] != '\0' || n == len))
        agdb__buf_text(out, value);
    else if (n < len)
        agdb__buf_add(out, inner + n + 2, len - n - 2);
    else {
        agdb__diag_error(l->diag, s->line, s->column,
                         "environment variable %s is not set: set it, or write ${%s:-default}",
                         name, name);
        return false;
    }
    s->is_expanded = true;
    return true;
}

/* From `at`, which stands on a '$'; returns where to go on, or NULL after a remark. */
static const char *expand_one(agdb__load_t *l, agdb__tree_t *s, agdb__buf_t *out, const char *at,
                              const char *end)
{
    const char *close;

    if (end - at >= 2 && at[1] == '$') {
        agdb__buf_add(out, "$", 1);
        return at + 2;
    }
    if (end - at < 2 || at[1] != '{') {
        agdb__diag_error(l->diag, s->line, s->column,
                         "a lone '$': write $$ for a dollar sign, or ${NAME} for a variable");
        return NULL;
    }
    close = memchr(at, '}', (size_t)(end - at));
    if (close == NULL) {
        agdb__diag_error(l->diag, s->line, s->column, "'${' without its '}'");
        return NULL;
    }
    if (!add_variable(l, s, out, at + 2, (size_t)(close - at) - 2))
        return NULL;
    return close + 1;
}

static bool expand_into(agdb__load_t *l, agdb__tree_t *s, agdb__buf_t *out)
{
    const char *at = s->text;
    const char *end = s->text + s->len;

    while (at < end) {
        const char *dollar = memchr(at, '$', (size_t)(end - at));
        if (dollar == NULL)
            dollar = end;
        agdb__buf_add(out, at, (size_t)(dollar - at));
        at = dollar < end ? expand_one(l, s, out, dollar, end) : end;
        if (at == NULL)
            return false;
    }
    return true;
}

bool agdb__expand(agdb__load_t *l, agdb__tree_t *scalar)
{
    agdb__buf_t out;

    if (scalar->is_read)
        return scalar->value != NULL;
    scalar->is_read = true;
    if (memchr(scalar->text, '$', scalar->len) == NULL) {
        scalar->value = scalar->text;
        scalar->value_len = scalar->len;
        return true;
    }
    agdb__buf_init(&out, EXPANDED_MAX);
    if (expand_into(l, scalar, &out)) {
        if (!out.failed)
            scalar->value = agdb__arena_text(l->scratch, out.data != NULL ? out.data : "", out.len);
        else if (out.len + VARIABLE_MAX < EXPANDED_MAX / 2)
            l->diag->lost_memory = true;
        else
            agdb__diag_error(l->diag, scalar->line, scalar->column,
                             "longer than %d bytes after expansion", EXPANDED_MAX);
        scalar->value_len = out.len;
    }
    agdb__buf_fini(&out);
    return scalar->value != NULL;
}
