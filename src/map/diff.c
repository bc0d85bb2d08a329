#include "map/diff.h"

#include "map/moves.h"
#include "map/quote.h"
#include "map/setting.h"

#include <stdio.h>

/* One walk over both maps makes a flat list of changes; a line or a JSON object each. */

typedef struct change {
    const char *kind; /* "added", "removed", "changed" */
    const char *keyspace;
    const char *shard;
    const char *node;
    const char *agency;
    const char *what; /* of a change: the setting */
    const char *old;  /* NULL or "": no value */
    const char *now;
} change_t;

typedef struct differ {
    const agdb_map_t *current;
    const agdb_map_t *next;
    const agdb__map_keyspace_t *left; /* the keyspace of both maps that is being walked */
    const agdb__map_keyspace_t *right;
    const char *shard;
    agdb__buf_t *out;
    bool json;
    size_t nchanges;
    size_t nmoves;
} differ_t;

/* --- output ------------------------------------------------------------------------------------
 */

static void json_field(agdb__buf_t *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    agdb__buf_printf(out, ", \"%s\": ", name);
    agdb__quote_json(out, value, strlen(value));
}

static void json_value(agdb__buf_t *out, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        json_field(out, name, value);
    else
        agdb__buf_printf(out, ", \"%s\": null", name);
}

static void emit_json(differ_t *d, const change_t *c)
{
    agdb__buf_printf(d->out, "%s\n    {\"change\": \"%s\"", d->nchanges > 0 ? "," : "", c->kind);
    json_field(d->out, "keyspace", c->keyspace);
    json_field(d->out, "shard", c->shard);
    json_field(d->out, "node", c->node);
    json_field(d->out, "agency", c->agency);
    if (c->what != NULL) {
        json_field(d->out, "what", c->what);
        json_value(d->out, "old", c->old);
        json_value(d->out, "new", c->now);
    }
    agdb__buf_text(d->out, "}");
}

static void add_place(agdb__buf_t *out, const char *word, const char *name)
{
    if (name != NULL)
        agdb__buf_printf(out, " %s %s", word, name);
}

static void emit_text(differ_t *d, const change_t *c)
{
    const char *sign = c->kind[0] == 'a' ? "+" : c->kind[0] == 'r' ? "-" : "~";

    agdb__buf_text(d->out, sign);
    add_place(d->out, "keyspace", c->keyspace);
    add_place(d->out, "shard", c->shard);
    add_place(d->out, "node", c->node);
    add_place(d->out, "agency", c->agency);
    if (c->what != NULL)
        agdb__buf_printf(d->out, "%s %s: %s -> %s",
                         c->keyspace != NULL || c->agency != NULL ? ":" : "", c->what,
                         c->old != NULL && c->old[0] != '\0' ? c->old : "(none)",
                         c->now != NULL && c->now[0] != '\0' ? c->now : "(none)");
    agdb__buf_text(d->out, "\n");
}

static void emit(differ_t *d, const change_t *c)
{
    if (d->json)
        emit_json(d, c);
    else
        emit_text(d, c);
    d->nchanges++;
}

/* A changed value; nothing when it is the same. */
static void compare(differ_t *d, change_t c, const char *what, const char *old, const char *now)
{
    if (strcmp(old != NULL ? old : "", now != NULL ? now : "") == 0)
        return;
    c.kind = "changed";
    c.what = what;
    c.old = old;
    c.now = now;
    emit(d, &c);
}

static void compare_number(differ_t *d, change_t c, const char *what, uint64_t old, uint64_t now)
{
    char a[AGDB__SETTING_NUMBER];
    char b[AGDB__SETTING_NUMBER];

    snprintf(a, sizeof a, "%llu", (unsigned long long)old);
    snprintf(b, sizeof b, "%llu", (unsigned long long)now);
    compare(d, c, what, a, b);
}

/* --- nodes -------------------------------------------------------------------------------------
 */

static void compare_setting(differ_t *d, const change_t *place, const agdb__map_node_t *a,
                            const agdb__map_node_t *b, size_t i)
{
    char old[AGDB__SETTING_NUMBER];
    char now[AGDB__SETTING_NUMBER];

    if (agdb__setting_rows[i].type == AGDB__T_MSEC) {
        agdb__msec_write(a->settings.number[i], old);
        agdb__msec_write(b->settings.number[i], now);
        compare(d, *place, agdb__setting_rows[i].name, old, now);
        return;
    }
    compare(d, *place, agdb__setting_rows[i].name, agdb__setting_text(&a->settings, i, old),
            agdb__setting_text(&b->settings, i, now));
}

static void compare_node(differ_t *d, const agdb__map_node_t *a, const agdb__map_node_t *b)
{
    static const char *const k_own[] = {"host", "port", "zone", "state", "reads"};
    const change_t place = {.keyspace = d->left->name, .shard = d->shard, .node = a->name};
    size_t i;

    for (i = 0; i < sizeof k_own / sizeof k_own[0]; i++) {
        char buf[2][AGDB__SETTING_NUMBER];
        const char *old = NULL;
        const char *now = NULL;
        if (agdb__node_setting(a, k_own[i], &old, buf[0]) &&
            agdb__node_setting(b, k_own[i], &now, buf[1]))
            compare(d, place, k_own[i], old, now);
    }
    for (i = 0; i < AGDB_S__COUNT; i++)
        compare_setting(d, &place, a, b, i);
}

static const agdb__map_node_t *find_node(const agdb__map_shard_t *s, const char *name)
{
    size_t i;

    for (i = 0; i < s->nnodes; i++)
        if (strcmp(s->nodes[i].name, name) == 0)
            return &s->nodes[i];
    return NULL;
}

static void emit_node(differ_t *d, const char *kind, const agdb__map_node_t *n)
{
    const change_t c = {
        .kind = kind, .keyspace = d->left->name, .shard = d->shard, .node = n->name};

    emit(d, &c);
}

static void compare_nodes(differ_t *d, const agdb__map_shard_t *a, const agdb__map_shard_t *b)
{
    size_t i;

    for (i = 0; i < a->nnodes; i++) {
        const agdb__map_node_t *other = find_node(b, a->nodes[i].name);
        if (other != NULL)
            compare_node(d, &a->nodes[i], other);
        else
            emit_node(d, "removed", &a->nodes[i]);
    }
    for (i = 0; i < b->nnodes; i++)
        if (find_node(a, b->nodes[i].name) == NULL)
            emit_node(d, "added", &b->nodes[i]);
}

/* --- shards, keyspaces, agencies ----------------------------------------------------------------
 */

static void on_shard(int left, int right, void *user)
{
    differ_t *d = user;
    change_t c = {.kind = left < 0 ? "added" : "removed", .keyspace = d->left->name};

    c.shard = left >= 0 ? d->left->shards[left].name : d->right->shards[right].name;
    if (left >= 0 && right >= 0) {
        const agdb__map_shard_t *a = &d->left->shards[left];
        const agdb__map_shard_t *b = &d->right->shards[right];
        d->shard = a->name;
        compare(d, c, "region", a->region, b->region);
        compare_number(d, c, "generation", a->generation, b->generation);
        compare_nodes(d, a, b);
    } else {
        emit(d, &c);
    }
}

static void on_keyspace(int left, int right, void *user)
{
    differ_t *d = user;
    change_t c = {.kind = left < 0 ? "added" : "removed"};

    c.keyspace = left >= 0 ? d->current->keyspaces[left].name : d->next->keyspaces[right].name;
    if (left >= 0 && right >= 0) {
        d->left = &d->current->keyspaces[left];
        d->right = &d->next->keyspaces[right];
        compare(d, c, "grouping", d->left->grouping ? "on" : "off",
                d->right->grouping ? "on" : "off");
        compare(d, c, "via", d->left->via_pgbouncer ? "pgbouncer" : "",
                d->right->via_pgbouncer ? "pgbouncer" : "");
        agdb__pair_shards(d->left, d->right, on_shard, d);
    } else {
        emit(d, &c);
    }
}

/* The shard that a map pins an agency to in a keyspace, or "". */
static const char *pin_of(const agdb_map_t *map, int agency, const char *keyspace)
{
    int k = agdb__map_keyspace(map, keyspace);
    uint16_t shard = agency >= 0 && k >= 0 ? map->agencies[agency].pin[k] : AGDB__NO_SHARD;

    return shard != AGDB__NO_SHARD ? map->keyspaces[k].shards[shard].name : "";
}

static void on_agency(int left, int right, void *user)
{
    differ_t *d = user;
    char key[AGDB__KEY_TEXT];
    change_t c = {0};
    size_t k;

    c.agency =
        agdb__key_text(left >= 0 ? &d->current->agencies[left] : &d->next->agencies[right], key);
    compare(d, c, "writes", left >= 0 && d->current->agencies[left].frozen ? "refuse" : "",
            right >= 0 && d->next->agencies[right].frozen ? "refuse" : "");
    for (k = 0; k < d->current->nkeyspaces; k++) {
        c.keyspace = d->current->keyspaces[k].name;
        compare(d, c, "pin", pin_of(d->current, left, c.keyspace),
                pin_of(d->next, right, c.keyspace));
    }
    for (k = 0; k < d->next->nkeyspaces; k++) {
        c.keyspace = d->next->keyspaces[k].name;
        if (agdb__map_keyspace(d->current, c.keyspace) < 0)
            compare(d, c, "pin", "", pin_of(d->next, right, c.keyspace));
    }
}

static const char *default_name(const agdb_map_t *map)
{
    return map->default_keyspace >= 0 ? map->keyspaces[map->default_keyspace].name : "";
}

static void all_changes(differ_t *d)
{
    const change_t c = {0};

    compare_number(d, c, "epoch", d->current->epoch, d->next->epoch);
    compare_number(d, c, "hash.slots", d->current->slots, d->next->slots);
    compare(d, c, "default_keyspace", default_name(d->current), default_name(d->next));
    agdb__pair_keyspaces(d->current, d->next, on_keyspace, d);
    agdb__pair_agencies(d->current, d->next, on_agency, d);
}

/* --- moves -------------------------------------------------------------------------------------
 */

static void on_move(const agdb__move_t *m, void *user)
{
    differ_t *d = user;
    char subject[AGDB__KEY_TEXT];

    if (m->agency != NULL)
        (void)agdb__key_text(m->agency, subject);
    else if (m->first == m->last)
        snprintf(subject, sizeof subject, "%u", m->first);
    else
        snprintf(subject, sizeof subject, "%u-%u", m->first, m->last);
    if (d->json) {
        agdb__buf_printf(d->out, "%s\n    {\"keyspace\": \"%s\"", d->nmoves > 0 ? "," : "",
                         m->keyspace);
        json_field(d->out, m->agency != NULL ? "agency" : "slots", subject);
        agdb__buf_printf(d->out, ", \"from\": \"%s\", \"to\": \"%s\"}", m->from, m->to);
    } else {
        agdb__buf_printf(d->out, "> keyspace %s %s %s: %s -> %s\n", m->keyspace,
                         m->agency != NULL ? "agency" : "slots", subject, m->from, m->to);
    }
    d->nmoves++;
}

static void on_lost_keyspace(int left, int right, void *user)
{
    size_t *count = user;

    *count += left >= 0 && right < 0;
}

static void advise(const differ_t *d, unsigned long long epoch)
{
    if (d->next->moved_since == epoch) {
        agdb__buf_printf(
            d->out,
            "\nThe new map says moved_since: %llu: programs take it, and look for these "
            "rows in their new places.\n",
            epoch);
        return;
    }
    agdb__buf_printf(d->out,
                     "\nRows do not move by themselves: what stands above would be looked for "
                     "where it is not.\nMove the rows first (freeze the agencies with writes: "
                     "refuse meanwhile), then add this line:\n\nmoved_since: %llu\n",
                     epoch);
}

void agdb__map_diff(const agdb_map_t *current, const agdb_map_t *next, bool json, agdb__buf_t *out)
{
    differ_t d = {.current = current, .next = next, .out = out, .json = json};
    unsigned long long epoch = current->epoch;
    size_t start = out->len;
    size_t lost = 0;

    if (json)
        agdb__buf_text(out, "{\n  \"changes\": [");
    all_changes(&d);
    if (json)
        agdb__buf_text(out, d.nchanges > 0 ? "\n  ],\n  \"moves\": [" : "],\n  \"moves\": [");
    agdb__map_moves(current, next, on_move, &d);
    agdb__pair_keyspaces(current, next, on_lost_keyspace, &lost);
    if (json && d.nchanges == 0 && d.nmoves == 0) {
        if (!out->failed)
            out->len = start;
        agdb__buf_text(out, "{}\n");
        return;
    }
    if (json) {
        agdb__buf_text(out, d.nmoves > 0 ? "\n  ]" : "]");
        if (d.nmoves + lost > 0)
            agdb__buf_printf(out, ",\n  \"moved_since\": %llu", epoch);
        agdb__buf_text(out, "\n}\n");
    } else if (d.nmoves + lost > 0) {
        advise(&d, epoch);
    }
}
