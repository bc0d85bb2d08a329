#include "map/level.h"

#include "map/load_impl.h"
#include "map/suggest.h"
#include "map/text.h"

#include <stdio.h>

/* The table's `min` is the words of an ENUM, and a number for all else. */
#define ROW_UINT(low, high)  .min = (low), .max = (high)
#define ROW_MSEC(low, high)  .min = (low), .max = (high)
#define ROW_BOOL(low, high)  .min = (low), .max = (high)
#define ROW_TEXT(low, high)  .min = (low), .max = (high)
#define ROW_PATH(low, high)  .min = (low), .max = (high)
#define ROW_ENUM(list, high) .words = (list), .max = (high)

const agdb__setting_row_t agdb__setting_rows[AGDB_S__COUNT] = {
#define AGDB_SETTING(id, sec, k, t, low, high, def, doc)                                           \
    [AGDB_S_##id] = {.section = (sec),                                                             \
                     .key = (k),                                                                   \
                     .name = sec "." k,                                                            \
                     .type = AGDB__T_##t,                                                          \
                     ROW_##t(low, high),                                                           \
                     .initial = (def)},
#include "map/settings.def"
#undef AGDB_SETTING
};

const char *const agdb__setting_sections[AGDB__SECTIONS] = {"connection", "pool", "timeouts",
                                                            "replicas",   "log",  "idempotency"};

/* Keys that people try under `connection`, and what to do instead. */
static const struct refused {
    const char *key;
    const char *why;
} k_refused[] = {
    {"password", "passwords do not belong in a map: use password_file, password_env or passfile"},
    {"host", "the host belongs to a node: `nodes: [ { host: ... } ]`"},
    {"hostaddr",
     "it would go around the host that TLS checks: give the address as the node's host"},
    {"port", "the port belongs to a node: `nodes: [ { host: ..., port: ... } ]`"},
    {"options", "it could change what the library relies on; search_path has a key of its own"},
    {"service", "it would read a file that the map does not show: write the settings here"},
    {"target_session_attrs", "roles are observed, not configured: remove it"},
    {"connect_timeout", "use timeouts.connect"},
    {"application_name", "the service gives its name when it opens the client"},
    {"fallback_application_name", "the service gives its name when it opens the client"},
    {"client_encoding", "it is always UTF8: remove it"},
    {"replication", "the library runs statements, it does not replicate: remove it"},
    {"requiressl", "use sslmode"},
    {"keepalives", "they are always on: see keepalives_idle"},
    {"sslpassword", "passwords do not belong in a map: keep the key in a file without one"},
};

static void set_initial(agdb__level_t *level, size_t i)
{
    const agdb__setting_row_t *row = &agdb__setting_rows[i];
    uint64_t n = 0;

    level->value.text[i] = NULL;
    if (row->initial == NULL)
        return;
    switch (row->type) {
    case AGDB__T_UINT:
    case AGDB__T_MSEC:
        if (!agdb__msec_parse(row->initial, strlen(row->initial), &n))
            (void)agdb__text_digits(row->initial, strlen(row->initial), &n);
        level->value.number[i] = n;
        break;
    case AGDB__T_BOOL:
        level->value.number[i] = strcmp(row->initial, "true") == 0;
        break;
    case AGDB__T_TEXT:
    case AGDB__T_PATH:
    case AGDB__T_ENUM:
        level->value.text[i] = row->initial;
        break;
    }
}

void agdb__level_init(agdb__level_t *level)
{
    size_t i;

    *level = (agdb__level_t){0};
    for (i = 0; i < AGDB_S__COUNT; i++)
        set_initial(level, i);
}

/* Relative paths count from the map's folder. */
static bool read_path(agdb__load_t *l, agdb__tree_t *node, const agdb__setting_row_t *row,
                      const char **ret)
{
    size_t folder_len;
    char *path;

    if (!agdb__value_text(l, node, row->name, row->min, row->max))
        return false;
    if (node->value[0] == '/') {
        *ret = agdb__arena_text(l->arena, node->value, node->value_len);
        return true;
    }
    if (l->folder == NULL) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: the working directory cannot be told: write an absolute path",
                         row->name);
        return false;
    }
    folder_len = strlen(l->folder);
    if (folder_len + 1 + node->value_len > row->max) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: %s is longer than %llu bytes with the map's folder", row->name,
                         AGDB__SHOWN(node), (unsigned long long)row->max);
        return false;
    }
    path = agdb__arena_alloc(l->arena, folder_len + 1 + node->value_len + 1);
    if (path != NULL)
        snprintf(path, folder_len + 1 + node->value_len + 1, "%s%s%s", l->folder,
                 l->folder[folder_len - 1] == '/' ? "" : "/", node->value);
    *ret = path;
    return true;
}

static bool read_setting(agdb__load_t *l, agdb__tree_t *node, size_t i, agdb__settings_t *ret)
{
    const agdb__setting_row_t *row = &agdb__setting_rows[i];
    int word;

    switch (row->type) {
    case AGDB__T_UINT:
        return agdb__value_uint(l, node, row->name, row->min, row->max, &ret->number[i]);
    case AGDB__T_MSEC:
        return agdb__value_msec(l, node, row->name, row->min, row->max, &ret->number[i]);
    case AGDB__T_BOOL:
        word = agdb__value_word(l, node, row->name, "false|true");
        if (word >= 0)
            ret->number[i] = (uint64_t)word;
        return word >= 0;
    case AGDB__T_PATH:
        return read_path(l, node, row, &ret->text[i]);
    case AGDB__T_ENUM:
        if (agdb__value_word(l, node, row->name, row->words) < 0)
            return false;
        break;
    case AGDB__T_TEXT:
        if (!agdb__value_text(l, node, row->name, row->min, row->max))
            return false;
        agdb__warn_rewritten(l, node);
        break;
    }
    ret->text[i] = agdb__arena_text(l->arena, node->value, node->value_len);
    return true;
}

static bool refuse_key(agdb__load_t *l, const agdb__tree_t *key, const char *section)
{
    size_t i;

    if (strcmp(section, "connection") != 0)
        return false;
    for (i = 0; i < sizeof k_refused / sizeof k_refused[0]; i++) {
        if (strcmp(k_refused[i].key, key->text) != 0)
            continue;
        agdb__diag_error(l->diag, key->line, key->column, "connection.%s is refused: %s",
                         k_refused[i].key, k_refused[i].why);
        return true;
    }
    return false;
}

static void unknown_setting(agdb__load_t *l, const agdb__tree_t *key, const char *section)
{
    agdb__nearest_t nearest = {.text = key->text, .len = key->len};
    char list[AGDB__LIST_SIZE] = "";
    size_t at = 0;
    size_t i;

    for (i = 0; i < AGDB_S__COUNT; i++) {
        const char *name = agdb__setting_rows[i].key;
        if (strcmp(agdb__setting_rows[i].section, section) != 0)
            continue;
        agdb__nearest_offer(&nearest, name, strlen(name));
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at > 0 ? ", " : "", name);
    }
    if (nearest.name != NULL)
        agdb__diag_error(l->diag, key->line, key->column,
                         "unknown key '%s' in %s: did you mean '%s'?", AGDB__Q(key->text, key->len),
                         section, nearest.name);
    else
        agdb__diag_error(l->diag, key->line, key->column, "unknown key '%s' in %s: it knows %s",
                         AGDB__Q(key->text, key->len), section, list);
}

static size_t setting_of(const char *section, const char *key)
{
    size_t i;

    for (i = 0; i < AGDB_S__COUNT; i++)
        if (strcmp(agdb__setting_rows[i].key, key) == 0 &&
            strcmp(agdb__setting_rows[i].section, section) == 0)
            break;
    return i;
}

static const size_t k_sources[] = {AGDB_S_PASSWORD_FILE, AGDB_S_PASSWORD_ENV, AGDB_S_PASSFILE};

/* A level's source of the password takes the place of one of another kind around it. */
static void settle_source(agdb__load_t *l, const agdb__level_t *around, agdb__level_t *level)
{
    size_t said = AGDB_S__COUNT;
    size_t i;

    for (i = 0; i < sizeof k_sources / sizeof k_sources[0]; i++) {
        size_t s = k_sources[i];
        agdb__tree_t *node = level->from[s];
        if (node == NULL || node == around->from[s])
            continue;
        if (said == AGDB_S__COUNT) {
            said = s;
            continue;
        }
        agdb__diag_error(l->diag, node->line, node->column,
                         "%s: %s on line %u gives the password already: keep one of the two",
                         agdb__setting_rows[s].name, agdb__setting_rows[said].key,
                         level->from[said]->line);
    }
    for (i = 0; i < sizeof k_sources / sizeof k_sources[0] && said < AGDB_S__COUNT; i++) {
        size_t s = k_sources[i];
        if (s != said) {
            level->value.text[s] = NULL;
            level->from[s] = NULL;
        }
    }
}

/* `insecure: true` speaks for the sslmode of its own level and of those around it: a level that
 * says another sslmode has to say it again. */
static void settle_insecure(const agdb__level_t *around, agdb__level_t *level)
{
    if (level->from[AGDB_S_SSLMODE] != around->from[AGDB_S_SSLMODE] &&
        level->from[AGDB_S_INSECURE] == around->from[AGDB_S_INSECURE]) {
        level->value.number[AGDB_S_INSECURE] = 0;
        level->from[AGDB_S_INSECURE] = NULL;
    }
}

static void read_section(agdb__load_t *l, const agdb__tree_t *mapping, const char *section,
                         agdb__level_t *level)
{
    agdb__tree_t *section_key = agdb__tree_key(mapping, section);
    agdb__tree_t *key;

    if (section_key == NULL || !agdb__expect_mapping(l, section_key->of, section_key, section))
        return;
    for (key = section_key->of->first; key != NULL; key = key->next) {
        size_t i = setting_of(section, key->text);
        if (i == AGDB_S__COUNT) {
            if (!refuse_key(l, key, section))
                unknown_setting(l, key, section);
        } else if (key->of != NULL && read_setting(l, key->of, i, &level->value)) {
            level->from[i] = key->of;
        }
    }
}

void agdb__level_read(agdb__load_t *l, const agdb__tree_t *mapping, agdb__level_t *level)
{
    const agdb__level_t around = *level;
    size_t i;

    for (i = 0; i < AGDB__SECTIONS; i++)
        read_section(l, mapping, agdb__setting_sections[i], level);
    settle_source(l, &around, level);
    settle_insecure(&around, level);
}
