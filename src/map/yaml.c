#include "map/tree.h"

#include "map/text.h"

#include <yaml.h>

/* libyaml's events, one after the other, into a tree. Its own document loader is not used: it
 * resolves aliases, and a few lines of them grow into gigabytes. */

enum { LINEAR_KEYS = 8 };

typedef struct frame {
    agdb__tree_t *node;
    agdb__tree_t *pending; /* a key without its value yet */
    agdb__set_t keys;
} frame_t;

typedef struct builder {
    agdb__arena_t *arena;
    agdb_diagnostics_t *diag;
    const char *text;
    size_t len;
    size_t chars; /* a place in the text, counted both ways */
    size_t bytes;
    agdb__tree_t *root;
    frame_t frame[AGDB__DEPTH_MAX];
    size_t depth;
    size_t nodes;
    bool stopped;
} builder_t;

static unsigned line_of(yaml_mark_t mark)
{
    return (unsigned)mark.line + 1;
}

static unsigned column_of(yaml_mark_t mark)
{
    return (unsigned)mark.column + 1;
}

static bool is_inside_char(const builder_t *b)
{
    return b->bytes < b->len && ((unsigned char)b->text[b->bytes] & 0xC0) == 0x80;
}

/* libyaml counts characters. One mark is near the other: it is a short way from the last one. */
static size_t offset_of(builder_t *b, yaml_mark_t mark)
{
    for (; b->chars < mark.index && b->bytes < b->len; b->chars++)
        do
            b->bytes++;
        while (is_inside_char(b));
    for (; b->chars > mark.index && b->bytes > 0; b->chars--)
        do
            b->bytes--;
        while (is_inside_char(b));
    return b->bytes;
}

/* The key of the same bytes that came before. */
static agdb__tree_t *earlier_key(frame_t *f, agdb__tree_t *key)
{
    agdb__tree_t *k;

    if (f->node->count < LINEAR_KEYS) {
        for (k = f->node->first; k != NULL; k = k->next)
            if (k->len == key->len && memcmp(k->text, key->text, k->len) == 0)
                return k;
        return NULL;
    }
    if (f->keys.room == 0)
        for (k = f->node->first; k != NULL; k = k->next)
            (void)agdb__set_put(&f->keys, k->text, k->len, k);
    return agdb__set_put(&f->keys, key->text, key->len, key);
}

static void append(agdb__tree_t *to, agdb__tree_t *node)
{
    if (to->last != NULL)
        to->last->next = node;
    else
        to->first = node;
    to->last = node;
    to->count++;
}

static void attach_key(builder_t *b, frame_t *f, agdb__tree_t *key)
{
    agdb__tree_t *earlier;

    f->pending = key;
    if (key->kind != AGDB__TREE_SCALAR) {
        if (key->kind != AGDB__TREE_BAD)
            agdb__diag_error(b->diag, key->line, key->column,
                             "a key must be text, not a list or a mapping");
        return;
    }
    earlier = earlier_key(f, key);
    if (earlier == NULL)
        append(f->node, key);
    else
        agdb__diag_error(b->diag, key->line, key->column,
                         "key '%s' is on line %u already: keep one of the two",
                         AGDB__Q(key->text, key->len), earlier->line);
}

static void attach(builder_t *b, agdb__tree_t *node)
{
    frame_t *f = b->depth > 0 ? &b->frame[b->depth - 1] : NULL;

    if (f == NULL)
        b->root = node;
    else if (f->node->kind == AGDB__TREE_SEQUENCE)
        append(f->node, node);
    else if (f->pending == NULL)
        attach_key(b, f, node);
    else {
        f->pending->of = node;
        f->pending = NULL;
    }
}

static agdb__tree_t *node_new(builder_t *b, agdb__tree_kind_t kind, const yaml_event_t *e)
{
    const yaml_mark_t mark = e->start_mark;
    agdb__tree_t *node = agdb__arena_alloc(b->arena, sizeof *node);

    if (node != NULL && b->nodes++ == AGDB__VALUES_MAX) {
        agdb__diag_error(b->diag, line_of(mark), column_of(mark),
                         "more than %d keys and values: not a shard map", AGDB__VALUES_MAX);
        node = NULL;
    }
    if (node == NULL) {
        b->stopped = true;
        return NULL;
    }
    node->kind = kind;
    node->line = line_of(mark);
    node->column = column_of(mark);
    node->begin = offset_of(b, mark);
    node->end = offset_of(b, e->end_mark);
    return node;
}

/* What libyaml makes of `!!`. */
static const char k_standard[] = "tag:yaml.org,2002:";

static void check_decoration(builder_t *b, yaml_mark_t mark, const yaml_char_t *anchor,
                             const yaml_char_t *tag)
{
    if (anchor != NULL)
        agdb__diag_error(b->diag, line_of(mark), column_of(mark),
                         "anchors (&%s) are not allowed: write the value where it is needed",
                         AGDB__Q((const char *)anchor, strlen((const char *)anchor)));
    if (tag != NULL) {
        const char *name = (const char *)tag;
        bool known = strncmp(name, k_standard, sizeof k_standard - 1) == 0;
        name += known ? sizeof k_standard - 1 : 0;
        agdb__diag_error(b->diag, line_of(mark), column_of(mark),
                         "tags (%s%s) are not allowed: write the value without one",
                         known ? "!!" : "", AGDB__Q(name, strlen(name)));
    }
}

/* A block scalar's mark stands behind the empty lines that follow it. */
static size_t trimmed(const builder_t *b, const agdb__tree_t *node)
{
    size_t end = node->end;

    while (end > node->begin && strchr(" \t\r\n", b->text[end - 1]) != NULL)
        end--;
    return end;
}

static void on_scalar(builder_t *b, const yaml_event_t *e)
{
    agdb__tree_t *node = node_new(b, AGDB__TREE_SCALAR, e);

    check_decoration(b, e->start_mark, e->data.scalar.anchor, e->data.scalar.tag);
    if (node == NULL)
        return;
    node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->end = trimmed(b, node);
    node->len = e->data.scalar.length;
    node->text = agdb__arena_text(b->arena, (const char *)e->data.scalar.value, node->len);
    if (node->text == NULL)
        b->stopped = true;
    else
        attach(b, node);
}

static void on_open(builder_t *b, agdb__tree_kind_t kind, const yaml_event_t *e)
{
    agdb__tree_t *node;

    if (b->depth == AGDB__DEPTH_MAX) {
        agdb__diag_error(b->diag, line_of(e->start_mark), column_of(e->start_mark),
                         "nested deeper than %d levels: a map needs 8", AGDB__DEPTH_MAX);
        b->stopped = true;
        return;
    }
    node = node_new(b, kind, e);
    if (node == NULL)
        return;
    node->is_flow = kind == AGDB__TREE_SEQUENCE
                        ? e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                        : e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    attach(b, node);
    b->frame[b->depth++] = (frame_t){.node = node, .keys = {.arena = b->arena}};
}

/* Without a bracket of its own, the mark is that of what follows. */
static void on_close(builder_t *b, const yaml_event_t *e)
{
    agdb__tree_t *node = b->frame[--b->depth].node;

    if (node == NULL) /* each frame has one */
        return;
    if (node->is_flow && e->end_mark.index > e->start_mark.index)
        node->end = offset_of(b, e->end_mark);
    else if (node->last != NULL)
        node->end = agdb__tree_end(node->last);
}

static void on_alias(builder_t *b, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    agdb__tree_t *node = node_new(b, AGDB__TREE_BAD, e);

    agdb__diag_error(b->diag, line_of(e->start_mark), column_of(e->start_mark),
                     "aliases (*%s) are not allowed: write the value itself",
                     AGDB__Q(name, strlen(name)));
    if (node != NULL)
        attach(b, node);
}

static void on_event(builder_t *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(b, e);
        break;
    case YAML_SEQUENCE_START_EVENT:
        check_decoration(b, e->start_mark, e->data.sequence_start.anchor,
                         e->data.sequence_start.tag);
        on_open(b, AGDB__TREE_SEQUENCE, e);
        break;
    case YAML_MAPPING_START_EVENT:
        check_decoration(b, e->start_mark, e->data.mapping_start.anchor, e->data.mapping_start.tag);
        on_open(b, AGDB__TREE_MAPPING, e);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(b, e);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(b, e);
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (b->root != NULL) {
            agdb__diag_error(b->diag, line_of(e->start_mark), column_of(e->start_mark),
                             "a second document starts here: a map is one document");
            b->stopped = true;
        }
        break;
    default:
        break;
    }
}

/* What people did most likely, by the character that libyaml stopped at. */
static const char *hint_for(builder_t *b, const yaml_parser_t *p)
{
    size_t at = offset_of(b, p->problem_mark);
    char c = at < b->len ? b->text[at] : '\0';

    if (c == '\t')
        return ": indent with spaces, not tabs";
    if (c == '@' || c == '`' || c == '%')
        return ": put the value in quotes";
    if (strstr(p->problem, "mapping values are not allowed") != NULL)
        return ": quote a value that has ': ' in it, or check the indentation";
    return "";
}

static void syntax_error(builder_t *b, const yaml_parser_t *p)
{
    char context[160] = "";

    if (p->context != NULL)
        snprintf(context, sizeof context, " (%s on line %u)", p->context, line_of(p->context_mark));
    agdb__diag_error(b->diag, line_of(p->problem_mark), column_of(p->problem_mark),
                     "not YAML: %s%s%s", p->problem, context, hint_for(b, p));
    b->stopped = true;
}

static void run(builder_t *b, yaml_parser_t *p, bool *lost_memory)
{
    bool ended = false;

    while (!b->stopped && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(p, &event)) {
            if (p->error == YAML_MEMORY_ERROR)
                *lost_memory = true;
            else
                syntax_error(b, p);
            b->stopped = true;
            return;
        }
        on_event(b, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
}

/* libyaml names an offset for these, and not the line. */
static bool check_bytes(agdb_diagnostics_t *diag, const char *text, size_t len)
{
    const char *why = NULL;
    long bad = agdb__text_find_bad(text, len, &why);
    unsigned line = 1;
    unsigned column = 1;
    long i;

    if (bad < 0)
        return true;
    for (i = 0; i < bad; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if ((text[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    agdb__diag_error(diag, line, column, "%s", why);
    return false;
}

agdb__tree_t *agdb__yaml_parse(agdb__arena_t *arena, agdb_diagnostics_t *diag, const char *text,
                               size_t len)
{
    builder_t b = {.arena = arena, .diag = diag, .text = text, .len = len};
    yaml_parser_t parser;

    if (len > AGDB__MAP_BYTES_MAX) {
        agdb__diag_error(diag, 1, 1, "larger than %d bytes: not a shard map", AGDB__MAP_BYTES_MAX);
        return NULL;
    }
    if (!check_bytes(diag, text, len))
        return NULL;
    if (!yaml_parser_initialize(&parser)) {
        diag->lost_memory = true;
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    run(&b, &parser, &diag->lost_memory);
    yaml_parser_delete(&parser);
    if (b.stopped)
        return NULL;
    if (b.root == NULL)
        agdb__diag_error(diag, 1, 1, "empty: a map starts with `agencydb: 1`");
    return b.root;
}
