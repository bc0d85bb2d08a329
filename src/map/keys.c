#include "map/load_impl.h"

#include "map/suggest.h"

bool agdb__expect_mapping(agdb__load_t *l, agdb__tree_t *node, const agdb__tree_t *key,
                          const char *what)
{
    if (node == NULL || node->kind == AGDB__TREE_BAD)
        return false;
    if (node->kind == AGDB__TREE_MAPPING)
        return true;
    if (node->kind == AGDB__TREE_SCALAR && node->len == 0 && !node->quoted)
        agdb__diag_error(l->diag, key != NULL ? key->line : node->line,
                         key != NULL ? key->column : node->column,
                         "%s is empty: write what belongs there, or remove the line", what);
    else
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s must be a mapping (`key: value` lines), not %s", what,
                         node->kind == AGDB__TREE_SEQUENCE ? "a list" : "one value");
    return false;
}

static void unknown_key(agdb__load_t *l, const agdb__tree_t *key, const char *what,
                        const char *known)
{
    agdb__nearest_t nearest = {.text = key->text, .len = key->len};
    char list[AGDB__LIST_SIZE];

    if (key->len == 2 && memcmp(key->text, "<<", 2) == 0) {
        agdb__diag_error(l->diag, key->line, key->column,
                         "merge keys (<<) are not allowed: levels merge by themselves");
        return;
    }
    agdb__nearest_offer_words(&nearest, known);
    if (nearest.name != NULL)
        agdb__diag_error(l->diag, key->line, key->column,
                         "unknown key '%s' in %s: did you mean '%.*s'?",
                         AGDB__Q(key->text, key->len), what, (int)nearest.name_len, nearest.name);
    else
        agdb__diag_error(l->diag, key->line, key->column, "unknown key '%s' in %s: it knows %s",
                         AGDB__Q(key->text, key->len), what, agdb__word_list(known, list));
}

void agdb__check_keys(agdb__load_t *l, const agdb__tree_t *mapping, const char *what,
                      const char *known)
{
    const agdb__tree_t *key;

    for (key = mapping->first; key != NULL; key = key->next)
        if (agdb__word_find(known, key->text, key->len) < 0)
            unknown_key(l, key, what, known);
}

agdb__tree_t *agdb__at(const agdb__tree_t *mapping, const char *name)
{
    agdb__tree_t *key = agdb__tree_key(mapping, name);

    return key != NULL && key->of != NULL && key->of->kind != AGDB__TREE_BAD ? key->of : NULL;
}
