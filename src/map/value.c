#include "map/load_impl.h"

#include "map/suggest.h"
#include "map/text.h"

#include <stdio.h>

const char *agdb__shown(char buf[AGDB__QUOTE_SIZE + 48], const agdb__tree_t *node)
{
    snprintf(buf, AGDB__QUOTE_SIZE + 48, "'%s'%s", AGDB__Q(node->text, node->len),
             node->is_expanded ? " (its value is not shown)" : "");
    return buf;
}

void agdb__warn_rewritten(agdb__load_t *l, agdb__tree_t *node)
{
    if (node->quoted || node->is_remarked || !agdb__text_is_rewritten(node->text, node->len))
        return;
    node->is_remarked = true;
    agdb__diag_warn(l->diag, node->line, node->column,
                    "other YAML tools do not read %s as text: write \"%s\"",
                    AGDB__Q(node->text, node->len), AGDB__Q(node->text, node->len));
}

static const char *kind_of(const agdb__tree_t *node)
{
    return node->kind == AGDB__TREE_MAPPING ? "a mapping" : "a list";
}

static bool value_scalar(agdb__load_t *l, agdb__tree_t *node, const char *what)
{
    if (node->kind == AGDB__TREE_BAD)
        return false;
    if (node->kind != AGDB__TREE_SCALAR) {
        agdb__diag_error(l->diag, node->line, node->column, "%s must be one value, not %s", what,
                         kind_of(node));
        return false;
    }
    if (!agdb__expand(l, node))
        return false;
    if (node->value_len == 0) {
        if (node->is_expanded)
            agdb__diag_error(l->diag, node->line, node->column,
                             "%s: '%s' expands to nothing: set the variable", what,
                             AGDB__Q(node->text, node->len));
        else
            agdb__diag_error(l->diag, node->line, node->column,
                             "%s has no value: write one, or remove the line", what);
        return false;
    }
    return true;
}

bool agdb__value_text(agdb__load_t *l, agdb__tree_t *node, const char *what, size_t min, size_t max)
{
    if (!value_scalar(l, node, what))
        return false;
    if (!agdb__text_is_printable(node->value, node->value_len)) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: %s holds a control character or a byte that is not UTF-8", what,
                         AGDB__SHOWN(node));
        return false;
    }
    if (node->value_len < min || node->value_len > max) {
        agdb__diag_error(l->diag, node->line, node->column, "%s: %s is longer than %zu bytes", what,
                         AGDB__SHOWN(node), max);
        return false;
    }
    return true;
}

bool agdb__value_uint(agdb__load_t *l, agdb__tree_t *node, const char *what, uint64_t min,
                      uint64_t max, uint64_t *ret)
{
    uint64_t n = 0;

    if (!value_scalar(l, node, what))
        return false;
    if (agdb__text_digits(node->value, node->value_len, &n) != node->value_len) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: %s is not a number: write digits only", what, AGDB__SHOWN(node));
        return false;
    }
    if (node->value[0] == '0' && node->value_len > 1) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: %s starts with 0, which some YAML tools read as octal: remove it",
                         what, AGDB__SHOWN(node));
        return false;
    }
    if (n < min || n > max) {
        agdb__diag_error(l->diag, node->line, node->column, "%s: %s is out of range: %llu to %llu",
                         what, AGDB__SHOWN(node), (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *ret = n;
    return true;
}

bool agdb__value_msec(agdb__load_t *l, agdb__tree_t *node, const char *what, uint64_t min,
                      uint64_t max, uint64_t *ret)
{
    char low[AGDB__MSEC_SIZE];
    char high[AGDB__MSEC_SIZE];
    uint64_t n = 0;
    uint64_t plain;

    if (!value_scalar(l, node, what))
        return false;
    if (agdb__text_digits(node->value, node->value_len, &plain) == node->value_len) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: %s has no unit: write ms, s, m, h or d behind it, such as 5s", what,
                         AGDB__SHOWN(node));
        return false;
    }
    if (!agdb__msec_parse(node->value, node->value_len, &n)) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: %s is not a duration: write a whole number and ms, s, m, h or d, "
                         "such as 5s",
                         what, AGDB__SHOWN(node));
        return false;
    }
    if (n < min || n > max) {
        agdb__msec_write(min, low);
        agdb__msec_write(max, high);
        agdb__diag_error(l->diag, node->line, node->column, "%s: %s is out of range: %s to %s",
                         what, AGDB__SHOWN(node), low, high);
        return false;
    }
    *ret = n;
    return true;
}

int agdb__value_word(agdb__load_t *l, agdb__tree_t *node, const char *what, const char *words)
{
    char list[AGDB__LIST_SIZE];
    int found;

    if (!value_scalar(l, node, what))
        return -1;
    found = agdb__word_find(words, node->value, node->value_len);
    if (found < 0)
        agdb__diag_error(l->diag, node->line, node->column, "%s: %s is not %s%s", what,
                         AGDB__SHOWN(node), strchr(words, '|') != NULL ? "one of " : "",
                         agdb__word_list(words, list));
    return found;
}

static bool check_name(agdb__load_t *l, agdb__tree_t *node, const char *what, const char *text,
                       size_t len)
{
    if (agdb__text_is_name(text, len))
        return true;
    agdb__diag_error(l->diag, node->line, node->column,
                     "%s: %s is not a name: 1 to 63 of A-Z a-z 0-9 _ . - and no . or - in front",
                     what, AGDB__SHOWN(node));
    return false;
}

const char *agdb__value_name(agdb__load_t *l, agdb__tree_t *node, const char *what)
{
    if (!value_scalar(l, node, what) || !check_name(l, node, what, node->value, node->value_len))
        return NULL;
    agdb__warn_rewritten(l, node);
    return agdb__arena_text(l->arena, node->value, node->value_len);
}

const char *agdb__key_name(agdb__load_t *l, agdb__tree_t *key, const char *what)
{
    if (!check_name(l, key, what, key->text, key->len))
        return NULL;
    agdb__warn_rewritten(l, key);
    return agdb__arena_text(l->arena, key->text, key->len);
}
