#include "map/write.h"

#include "base/error.h"
#include "map/quote.h"
#include "map/rewrite.h"
#include "map/setting.h"

/* Settings that all nodes share stand in `defaults`, the others in each node: every default is
 * shown, and a large map stays within the size that may be loaded. */

typedef struct writer {
    const agdb_map_t *map;
    const agdb__map_keyspace_t *keyspaces; /* the map's, or with other settings */
    agdb__buf_t *out;
    bool json;
    unsigned depth;
    bool filled; /* the open mapping has something in it already */
    bool behind_dash;
    bool shared[AGDB_S__COUNT];
} writer_t;

static void new_line(writer_t *w)
{
    unsigned i;

    if (w->behind_dash) { /* the first key of a list's item stands behind its dash */
        agdb__buf_add(w->out, " ", 1);
        w->behind_dash = false;
        return;
    }
    if (w->out->len > 0)
        agdb__buf_add(w->out, "\n", 1);
    for (i = 0; i < w->depth; i++)
        agdb__buf_text(w->out, "  ");
}

/* Names of the format itself need no quotes in YAML. */
static void start(writer_t *w, const char *key, bool quoted)
{
    if (w->json && w->filled)
        agdb__buf_add(w->out, ",", 1);
    new_line(w);
    w->filled = true;
    if (quoted || w->json)
        agdb__quote_json(w->out, key, strlen(key));
    else
        agdb__buf_text(w->out, key);
    agdb__buf_add(w->out, ":", 1);
}

static void start_key(writer_t *w, const char *key)
{
    start(w, key, true);
}

static void start_word(writer_t *w, const char *key)
{
    start(w, key, false);
}

static bool is_behind_key(const writer_t *w)
{
    return w->out->len > 0 && w->out->data[w->out->len - 1] == ':';
}

static void open_mapping(writer_t *w)
{
    if (w->json)
        agdb__buf_text(w->out, is_behind_key(w) ? " {" : "{");
    w->depth++;
    w->filled = false;
}

static void close_mapping(writer_t *w)
{
    w->depth--;
    if (w->json) {
        if (w->filled)
            new_line(w);
        agdb__buf_add(w->out, "}", 1);
    } else if (!w->filled) {
        agdb__buf_text(w->out, " {}");
    }
    w->filled = true;
}

static void value(writer_t *w, const char *plain)
{
    agdb__buf_printf(w->out, " %s", plain);
}

static void number(writer_t *w, const char *key, uint64_t n)
{
    start_word(w, key);
    agdb__buf_printf(w->out, " %llu", (unsigned long long)n);
}

static void text(writer_t *w, const char *key, const char *words)
{
    start_word(w, key);
    agdb__buf_add(w->out, " ", 1);
    agdb__quote_value(w->out, words);
}

/* --- settings ----------------------------------------------------------------------------------
 */

static bool same_setting(const agdb__settings_t *a, const agdb__settings_t *b, size_t i)
{
    if (a->number[i] != b->number[i] || (a->text[i] == NULL) != (b->text[i] == NULL))
        return false;
    return a->text[i] == NULL || strcmp(a->text[i], b->text[i]) == 0;
}

static void compare_with(writer_t *w, const agdb__settings_t *first, const agdb__settings_t *other)
{
    size_t i;

    for (i = 0; i < AGDB_S__COUNT; i++)
        w->shared[i] = w->shared[i] && same_setting(first, other, i);
}

static void find_shared(writer_t *w)
{
    const agdb__settings_t *first = &w->keyspaces[0].shards[0].nodes[0].settings;
    size_t k;
    size_t s;
    size_t n;

    memset(w->shared, true, sizeof w->shared);
    for (k = 0; k < w->map->nkeyspaces; k++)
        for (s = 0; s < w->keyspaces[k].nshards; s++)
            for (n = 0; n < w->keyspaces[k].shards[s].nnodes; n++)
                compare_with(w, first, &w->keyspaces[k].shards[s].nodes[n].settings);
    /* a level that says sslmode has to say insecure too */
    w->shared[AGDB_S_SSLMODE] = w->shared[AGDB_S_SSLMODE] && w->shared[AGDB_S_INSECURE];
    w->shared[AGDB_S_INSECURE] = w->shared[AGDB_S_SSLMODE];
}

static void setting(writer_t *w, const agdb__settings_t *settings, size_t i)
{
    const agdb__setting_row_t *row = &agdb__setting_rows[i];
    char duration[AGDB__MSEC_SIZE];

    switch (row->type) {
    case AGDB__T_UINT:
        number(w, row->key, settings->number[i]);
        break;
    case AGDB__T_MSEC:
        agdb__msec_write(settings->number[i], duration);
        start_word(w, row->key);
        agdb__buf_printf(w->out, w->json ? " \"%s\"" : " %s", duration);
        break;
    case AGDB__T_BOOL:
        start_word(w, row->key);
        value(w, settings->number[i] != 0 ? "true" : "false");
        break;
    case AGDB__T_TEXT:
    case AGDB__T_PATH:
    case AGDB__T_ENUM:
        text(w, row->key, settings->text[i]);
        break;
    }
}

static bool is_wanted(const writer_t *w, const agdb__settings_t *settings, size_t i, bool shared)
{
    return w->shared[i] == shared && (!agdb__setting_is_text(i) || settings->text[i] != NULL);
}

static void section(writer_t *w, const agdb__settings_t *settings, const char *name, bool shared)
{
    bool open = false;
    size_t i;

    for (i = 0; i < AGDB_S__COUNT; i++) {
        if (strcmp(agdb__setting_rows[i].section, name) != 0 || !is_wanted(w, settings, i, shared))
            continue;
        if (!open) {
            start_word(w, name);
            open_mapping(w);
            open = true;
        }
        setting(w, settings, i);
    }
    if (open)
        close_mapping(w);
}

static void sections(writer_t *w, const agdb__settings_t *settings, bool shared)
{
    size_t i;

    for (i = 0; i < AGDB__SECTIONS; i++)
        section(w, settings, agdb__setting_sections[i], shared);
}

/* --- nodes, shards, keyspaces ------------------------------------------------------------------
 */

static void node(writer_t *w, const agdb__map_node_t *n, bool first)
{
    if (w->json) {
        if (!first)
            agdb__buf_add(w->out, ",", 1);
        new_line(w);
    } else {
        new_line(w);
        agdb__buf_add(w->out, "-", 1);
        w->behind_dash = true;
    }
    open_mapping(w);
    text(w, "host", n->host);
    number(w, "port", n->port);
    if (n->name != NULL)
        text(w, "name", n->name);
    if (n->zone[0] != '\0')
        text(w, "zone", n->zone);
    text(w, "state", agdb__node_state_name(n->state));
    if (n->reads_never)
        text(w, "reads", "never");
    sections(w, &n->settings, false);
    close_mapping(w);
}

static void ranges(writer_t *w, const agdb__map_shard_t *s)
{
    size_t i;

    start_word(w, "slots");
    agdb__buf_text(w->out, " [");
    for (i = 0; i < s->nranges; i++) {
        const agdb__slot_range_t *r = &s->ranges[i];
        agdb__buf_printf(w->out, r->first == r->last ? "%s\"%u\"" : "%s\"%u-%u\"",
                         i > 0 ? ", " : "", r->first, r->last);
    }
    agdb__buf_add(w->out, "]", 1);
}

static void shard(writer_t *w, const agdb__map_shard_t *s)
{
    size_t i;

    start_key(w, s->name);
    open_mapping(w);
    if (s->region[0] != '\0')
        text(w, "region", s->region);
    ranges(w, s);
    number(w, "generation", s->generation);
    start_word(w, "nodes");
    if (w->json)
        agdb__buf_text(w->out, " [");
    w->depth++;
    for (i = 0; i < s->nnodes; i++)
        node(w, &s->nodes[i], i == 0);
    w->depth--;
    if (w->json) {
        new_line(w);
        agdb__buf_add(w->out, "]", 1);
    }
    close_mapping(w);
}

static void keyspace(writer_t *w, const agdb__map_keyspace_t *k)
{
    size_t i;

    start_key(w, k->name);
    open_mapping(w);
    start_word(w, "grouping");
    if (w->json)
        value(w, k->grouping ? "true" : "false");
    else
        value(w, k->grouping ? "on" : "off");
    if (k->via_pgbouncer)
        text(w, "via", "pgbouncer");
    start_word(w, "shards");
    open_mapping(w);
    for (i = 0; i < k->nshards; i++)
        shard(w, &k->shards[i]);
    close_mapping(w);
    close_mapping(w);
}

static bool is_pinned(const agdb_map_t *map, const agdb__map_agency_t *a)
{
    size_t k;

    for (k = 0; k < map->nkeyspaces; k++)
        if (a->pin[k] != AGDB__NO_SHARD)
            return true;
    return false;
}

static void agency(writer_t *w, const agdb__map_agency_t *a)
{
    char key[AGDB__KEY_TEXT];
    size_t k;

    start_key(w, agdb__key_text(a, key));
    open_mapping(w);
    if (is_pinned(w->map, a)) {
        start_word(w, "shards");
        open_mapping(w);
        for (k = 0; k < w->map->nkeyspaces; k++) {
            const agdb__map_keyspace_t *keys = &w->map->keyspaces[k];
            if (a->pin[k] == AGDB__NO_SHARD)
                continue;
            start_key(w, keys->name);
            agdb__buf_add(w->out, " ", 1);
            agdb__quote_value(w->out, keys->shards[a->pin[k]].name);
        }
        close_mapping(w);
    }
    if (a->frozen)
        text(w, "writes", "refuse");
    close_mapping(w);
}

static void head(writer_t *w)
{
    number(w, "agencydb", 1);
    number(w, "epoch", w->map->epoch);
    if (w->map->moved_since > 0)
        number(w, "moved_since", w->map->moved_since);
    start_word(w, "hash");
    open_mapping(w);
    text(w, "algorithm", "xxh3_64");
    number(w, "slots", w->map->slots);
    close_mapping(w);
    if (w->map->default_keyspace >= 0)
        text(w, "default_keyspace", w->map->keyspaces[w->map->default_keyspace].name);
}

static void whole(writer_t *w)
{
    size_t i;

    find_shared(w);
    if (w->json)
        open_mapping(w);
    head(w);
    start_word(w, "defaults");
    open_mapping(w);
    sections(w, &w->keyspaces[0].shards[0].nodes[0].settings, true);
    close_mapping(w);
    start_word(w, "keyspaces");
    open_mapping(w);
    for (i = 0; i < w->map->nkeyspaces; i++)
        keyspace(w, &w->keyspaces[i]);
    close_mapping(w);
    if (w->map->nagencies > 0) {
        start_word(w, "agencies");
        open_mapping(w);
        for (i = 0; i < w->map->nagencies; i++)
            agency(w, &w->map->agencies[i]);
        close_mapping(w);
    }
    if (w->json)
        close_mapping(w);
    agdb__buf_add(w->out, "\n", 1);
}

agdb_status_t agdb__map_write(const agdb_map_t *map, agdb_map_format_t format,
                              agdb_map_rewrite_fn rewrite, void *user, agdb__buf_t *out,
                              agdb_error_t **reterr)
{
    writer_t w = {
        .map = map, .keyspaces = map->keyspaces, .out = out, .json = format == AGDB_MAP_JSON};
    agdb__arena_t *arena = NULL;
    agdb_status_t st = AGDB_OK;

    if (rewrite != NULL) {
        arena = agdb__arena_new();
        st = arena != NULL ? agdb__map_rewrite(map, rewrite, user, arena, &w.keyspaces, reterr)
                           : agdb__fail_nomem(reterr);
    }
    if (st == AGDB_OK)
        whole(&w);
    if (st == AGDB_OK && out->failed)
        st = agdb__fail_nomem(reterr);
    agdb__arena_free(arena);
    return st;
}
