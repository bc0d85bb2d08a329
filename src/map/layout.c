#include "map/layout.h"

#include <stdio.h>

/* --- lines -------------------------------------------------------------------------------------
 */

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t line_begin(const agdb__layout_t *l, size_t at)
{
    while (at > 0 && !is_break(l->text[at - 1]))
        at--;
    return at;
}

static size_t line_end(const agdb__layout_t *l, size_t at)
{
    while (at < l->len && !is_break(l->text[at]))
        at++;
    return at;
}

/* Behind the line break at `at`; the end of the text has none. */
static size_t after_break(const agdb__layout_t *l, size_t at)
{
    if (at + 1 < l->len && l->text[at] == '\r' && l->text[at + 1] == '\n')
        return at + 2;
    return at < l->len ? at + 1 : at;
}

/* Before the line break that ends at `at`. */
static size_t before_break(const agdb__layout_t *l, size_t at)
{
    if (at > 1 && l->text[at - 2] == '\r' && l->text[at - 1] == '\n')
        return at - 2;
    return at > 0 ? at - 1 : at;
}

static size_t skip_blanks(const agdb__layout_t *l, size_t at)
{
    while (at < l->len && is_blank(l->text[at]))
        at++;
    return at;
}

/* Whether nothing but a comment follows on the line. */
static bool ends_line(const agdb__layout_t *l, size_t at)
{
    at = skip_blanks(l, at);
    return at == l->len || is_break(l->text[at]) || l->text[at] == '#';
}

/* Whether nothing but spaces stands before it on its line. */
static bool begins_line(const agdb__layout_t *l, size_t at)
{
    while (at > 0 && is_blank(l->text[at - 1]))
        at--;
    return at == 0 || is_break(l->text[at - 1]);
}

/* The next character that is no space, line break or comment. */
static size_t skip_gap(const agdb__layout_t *l, size_t at)
{
    while (at < l->len) {
        if (l->text[at] == '#')
            at = line_end(l, at);
        else if (is_blank(l->text[at]) || is_break(l->text[at]))
            at++;
        else
            break;
    }
    return at;
}

static bool has_comment(const agdb__layout_t *l, size_t begin, size_t end)
{
    return begin < end && memchr(l->text + begin, '#', end - begin) != NULL;
}

/* How lines end around there, as at the end of the line or of the one before. */
static const char *break_of(const agdb__layout_t *l, size_t at)
{
    size_t end = line_end(l, at);

    if (end == l->len && line_begin(l, at) > 0)
        end = before_break(l, line_begin(l, at));
    if (end == l->len)
        return "\n";
    if (l->text[end] == '\n')
        return "\n";
    return after_break(l, end) - end == 2 ? "\r\n" : "\r";
}

/* --- writing -----------------------------------------------------------------------------------
 */

static char *add_line(char *to, const char *line_break, size_t indent)
{
    while (*line_break != '\0')
        *to++ = *line_break++;
    memset(to, ' ', indent);
    return to + indent;
}

/* The entry with every line indented; with a line break and spaces before, or behind it. */
static const char *indented(agdb__layout_t *l, const char *entry, const char *line_break,
                            size_t indent, bool break_first)
{
    size_t lines = 1;
    const char *at;
    char *text;
    char *to;

    for (at = entry; *at != '\0'; at++)
        lines += *at == '\n';
    text = agdb__arena_alloc(l->splices.arena, strlen(entry) + lines * (indent + 2) + 1);
    if (text == NULL)
        return "";
    to = break_first ? add_line(text, line_break, *entry != '\n' ? indent : 0) : text;
    for (at = entry; *at != '\0'; at++) {
        if (*at == '\n')
            to = add_line(to, line_break, at[1] != '\n' ? indent : 0);
        else
            *to++ = *at;
    }
    if (!break_first)
        to = add_line(to, line_break, indent);
    *to = '\0';
    return text;
}

static const char *joined(agdb__layout_t *l, const char *before, const char *entry,
                          const char *behind)
{
    const size_t size = strlen(before) + strlen(entry) + strlen(behind) + 1;
    char *text = agdb__arena_alloc(l->splices.arena, size);

    if (text == NULL)
        return "";
    snprintf(text, size, "%s%s%s", before, entry, behind);
    return text;
}

static void put(agdb__layout_t *l, size_t at, const char *text)
{
    agdb__splice(&l->splices, at, at, text);
}

static void cut(agdb__layout_t *l, size_t begin, size_t end)
{
    agdb__splice(&l->splices, begin, end, "");
}

static void put_lines(agdb__layout_t *l, size_t end_of_line, size_t indent, const char *entry)
{
    put(l, end_of_line, indented(l, entry, break_of(l, end_of_line), indent, true));
}

/* --- blocks ------------------------------------------------------------------------------------
 */

static size_t indent_of(const agdb__tree_t *block)
{
    return block->column - 1;
}

/* Whether that line is a comment and nothing else, and from which column on. */
static bool is_comment_line(const agdb__layout_t *l, size_t begin, size_t *ret_indent)
{
    size_t at = skip_blanks(l, begin);

    *ret_indent = at - begin;
    return at < l->len && l->text[at] == '#';
}

/* The end of the line that a new entry goes behind. */
static size_t block_place(const agdb__layout_t *l, const agdb__tree_t *block,
                          const agdb__tree_t *after)
{
    const size_t column = indent_of(block);
    size_t right = line_end(l, agdb__tree_end(after)); /* with comments that are further right */
    size_t all = right;                                /* and with those in the block's column */
    size_t indent = 0;
    size_t next;

    for (;;) {
        next = after_break(l, all);
        if (next == all || !is_comment_line(l, next, &indent) || indent < column)
            break;
        if (indent > column && right == all)
            right = line_end(l, next);
        all = line_end(l, next);
    }
    if (after->next != NULL)
        return right;
    /* `key:` lines may stand in the column of a list's dashes: the comments are theirs */
    indent = skip_blanks(l, next) - next;
    return indent == column && !ends_line(l, next) ? right : all;
}

static void add_to_block(agdb__layout_t *l, const agdb__tree_t *block, const agdb__tree_t *after,
                         const char *entry)
{
    put_lines(l, block_place(l, block, after), indent_of(block), entry);
}

static void add_before_in_block(agdb__layout_t *l, const agdb__tree_t *key,
                                const agdb__tree_t *child, const char *entry)
{
    const size_t indent = indent_of(key->of);
    const size_t colon = skip_blanks(l, key->end);
    const agdb__tree_t *before = key->of->first;

    while (before != child && before->next != child)
        before = before->next;
    if (before != child)
        add_to_block(l, key->of, before, entry);
    else if (colon < l->len && l->text[colon] == ':' && ends_line(l, colon + 1))
        put_lines(l, line_end(l, colon), indent, entry);
    else
        put(l, child->begin, indented(l, entry, break_of(l, child->begin), indent, false));
}

/* --- flows -------------------------------------------------------------------------------------
 */

/* `[ key: value ]` has a pair without brackets of its own. */
static bool is_bare_pair(const agdb__layout_t *l, const agdb__tree_t *flow)
{
    return flow->kind == AGDB__TREE_MAPPING && l->text[flow->begin] != '{';
}

static bool has_line(const agdb__layout_t *l, const agdb__tree_t *flow, const agdb__tree_t *child)
{
    return begins_line(l, child->begin) && line_begin(l, child->begin) > flow->begin;
}

/* The comma behind a child; SIZE_MAX: there is none. */
static size_t comma_of(const agdb__layout_t *l, const agdb__tree_t *child)
{
    size_t at = skip_gap(l, agdb__tree_end(child));

    return at < l->len && l->text[at] == ',' ? at : SIZE_MAX;
}

static void add_to_empty(agdb__layout_t *l, const agdb__tree_t *flow, const char *entry)
{
    const char next = l->text[flow->begin + 1];
    const bool tight = next == ']' || next == '}';
    const bool padded = flow->kind == AGDB__TREE_MAPPING || !tight;

    put(l, flow->begin + 1,
        joined(l, padded ? " " : "", entry, (tight && padded) || next == '#' ? " " : ""));
}

/* Whether an entry before this one has put the comma there already. */
static bool has_put(const agdb__layout_t *l, size_t at)
{
    size_t i;

    for (i = 0; i < l->splices.count; i++)
        if (l->splices.item[i].begin == at && l->splices.item[i].end == at)
            return true;
    return false;
}

/* An entry on a line of its own, as the one before it has. */
static void add_flow_line(agdb__layout_t *l, const agdb__tree_t *after, size_t comma,
                          const char *entry)
{
    const size_t end = agdb__tree_end(after);
    const size_t indent = after->begin - line_begin(l, after->begin);
    const size_t behind = comma != SIZE_MAX ? comma + 1 : end;

    const size_t place = ends_line(l, behind) ? line_end(l, behind) : behind;

    if (comma == SIZE_MAX)
        put(l, has_put(l, end) ? place : end, ",");
    put_lines(l, place, indent, comma != SIZE_MAX ? joined(l, entry, ",", "") : entry);
}

static void add_to_flow(agdb__layout_t *l, const agdb__tree_t *flow, const agdb__tree_t *after,
                        const char *entry)
{
    size_t comma;

    if (after == NULL) {
        add_to_empty(l, flow, entry);
        return;
    }
    if (is_bare_pair(l, flow)) {
        put(l, flow->begin, "{ ");
        put(l, flow->end, joined(l, ", ", entry, " }"));
        return;
    }
    comma = comma_of(l, after);
    if (has_line(l, flow, after))
        add_flow_line(l, after, comma, entry);
    else if (comma != SIZE_MAX)
        put(l, comma + 1, joined(l, " ", entry, ","));
    else
        put(l, agdb__tree_end(after), joined(l, ", ", entry, ""));
}

static void add_before_in_flow(agdb__layout_t *l, const agdb__tree_t *flow,
                               const agdb__tree_t *child, const char *entry)
{
    const size_t begin = child->begin;

    if (is_bare_pair(l, flow)) {
        put(l, begin, joined(l, "{ ", entry, ", "));
        put(l, flow->end, " }");
    } else if (has_line(l, flow, child)) {
        put(l, begin,
            indented(l, joined(l, entry, ",", ""), break_of(l, begin), begin - line_begin(l, begin),
                     false));
    } else {
        put(l, begin, joined(l, entry, ", ", ""));
    }
}

void agdb__layout_add(agdb__layout_t *l, const agdb__tree_t *coll, const agdb__tree_t *after,
                      const char *entry)
{
    if (after == NULL)
        after = coll->last;
    if (coll->is_flow)
        add_to_flow(l, coll, after, entry);
    else
        add_to_block(l, coll, after, entry);
}

void agdb__layout_add_before(agdb__layout_t *l, const agdb__tree_t *key, const agdb__tree_t *child,
                             const char *entry)
{
    if (key->of->is_flow)
        add_before_in_flow(l, key->of, child, entry);
    else
        add_before_in_block(l, key, child, entry);
}

/* --- taking out --------------------------------------------------------------------------------
 */

/* NULL: none does. */
static const agdb__tree_t *last_that_stays(const agdb__tree_t *coll)
{
    const agdb__tree_t *child;
    const agdb__tree_t *stays = NULL;

    for (child = coll->first; child != NULL; child = child->next)
        if (!child->is_dropped)
            stays = child;
    return stays;
}

/* Where an entry of a block begins; its dash may stand on a line before it. SIZE_MAX: not found. */
static size_t entry_begin(const agdb__layout_t *l, const agdb__tree_t *block,
                          const agdb__tree_t *child, size_t before)
{
    size_t at = child->begin;

    if (block->kind == AGDB__TREE_SEQUENCE) {
        at = skip_gap(l, before);
        if (at >= l->len || l->text[at] != '-')
            return SIZE_MAX;
    }
    return begins_line(l, at) ? line_begin(l, at) : SIZE_MAX;
}

/* With the line break before, so that the last line leaves none behind that was not there. */
static void cut_lines(agdb__layout_t *l, size_t begin, size_t end)
{
    end = line_end(l, end);
    if (begin > 0)
        cut(l, before_break(l, begin), end);
    else
        cut(l, begin, after_break(l, end));
}

static bool drop_from_block(agdb__layout_t *l, const agdb__tree_t *key)
{
    const agdb__tree_t *block = key->of;
    const agdb__tree_t *child;
    size_t before = block->begin;
    size_t colon = skip_blanks(l, key->end);

    for (child = block->first; child != NULL; child = child->next) {
        const size_t begin = child->is_dropped ? entry_begin(l, block, child, before) : 0;
        if (begin == SIZE_MAX)
            return false;
        before = agdb__tree_end(child);
        if (child->is_dropped)
            cut_lines(l, begin, before);
    }
    if (last_that_stays(block) != NULL)
        return true;
    if (colon >= l->len || l->text[colon] != ':')
        return false;
    put(l, colon + 1, block->kind == AGDB__TREE_SEQUENCE ? " []" : " {}");
    return true;
}

/* `before` is the child before one that stands behind all that stay; else it is NULL. */
static void drop_one(agdb__layout_t *l, const agdb__tree_t *flow, const agdb__tree_t *before,
                     const agdb__tree_t *child)
{
    const size_t comma = comma_of(l, child);
    size_t begin = child->begin;
    size_t end = comma != SIZE_MAX ? comma + 1 : agdb__tree_end(child);

    if (has_line(l, flow, child) && ends_line(l, end)) {
        cut_lines(l, line_begin(l, begin), end);
        return;
    }
    if (comma != SIZE_MAX && before != NULL && !has_comment(l, comma_of(l, before), begin))
        begin = comma_of(l, before) + 1; /* what stands before the bracket stays there */
    else if (comma != SIZE_MAX && !ends_line(l, end))
        end = skip_blanks(l, end);
    else
        while (is_blank(l->text[begin - 1]))
            begin--;
    cut(l, begin, end);
}

/* The comma of the last one that stays separates it from nothing any more. */
static void drop_comma(agdb__layout_t *l, const agdb__tree_t *flow, const agdb__tree_t *stays)
{
    const agdb__tree_t *last = flow->last;
    const size_t end = agdb__tree_end(stays);
    const size_t comma = comma_of(l, stays);
    const agdb__tree_t *child;
    bool keeps_lines = has_line(l, flow, last) && ends_line(l, agdb__tree_end(last));

    for (child = stays; child->next != NULL; child = child->next)
        keeps_lines = keeps_lines || has_comment(l, agdb__tree_end(child), child->next->begin);
    if (!keeps_lines)
        cut(l, end, agdb__tree_end(last));
    else if (comma != SIZE_MAX)
        cut(l, comma, comma + 1);
}

static void drop_from_flow(agdb__layout_t *l, const agdb__tree_t *flow)
{
    const agdb__tree_t *stays = last_that_stays(flow);
    const agdb__tree_t *before = NULL;
    const agdb__tree_t *child;

    for (child = flow->first; child != NULL; child = child->next) {
        if (child->is_dropped)
            drop_one(l, flow, before, child);
        if (child == stays || before != NULL)
            before = child;
    }
    if (flow->last->is_dropped && stays != NULL && comma_of(l, flow->last) == SIZE_MAX)
        drop_comma(l, flow, stays);
}

bool agdb__layout_drop(agdb__layout_t *l, const agdb__tree_t *key)
{
    if (!key->of->is_flow)
        return drop_from_block(l, key);
    if (is_bare_pair(l, key->of))
        return false;
    drop_from_flow(l, key->of);
    return true;
}

static bool is_empty_line(const agdb__layout_t *l, size_t begin)
{
    begin = skip_blanks(l, begin);
    return begin == l->len || is_break(l->text[begin]);
}

/* From the line before, when that is empty and an empty one, or none, follows. */
static size_t section_begin(const agdb__layout_t *l, size_t begin, size_t end)
{
    const size_t before = line_begin(l, before_break(l, begin));

    if (begin == 0 || !is_empty_line(l, before) ||
        !is_empty_line(l, after_break(l, line_end(l, end))))
        return begin;
    return before;
}

bool agdb__layout_drop_section(agdb__layout_t *l, const agdb__tree_t *root, agdb__tree_t *key)
{
    const size_t end = agdb__tree_end(key);

    if (!root->is_flow && !begins_line(l, key->begin))
        return false;
    key->is_dropped = true;
    if (root->is_flow)
        drop_from_flow(l, root);
    else
        cut_lines(l, section_begin(l, line_begin(l, key->begin), end), end);
    return true;
}

bool agdb__layout_has_remarks(const agdb__layout_t *l, const agdb__tree_t *key)
{
    const agdb__tree_t *child;
    size_t at = key->end;

    for (child = key->of->first; child != NULL; child = child->next) {
        if (has_comment(l, at, child->begin))
            return true;
        at = line_end(l, agdb__tree_end(child));
    }
    return has_comment(l, at, key->of->end);
}

/* --- the rest ----------------------------------------------------------------------------------
 */

void agdb__layout_replace(agdb__layout_t *l, const agdb__tree_t *scalar, const char *quoted,
                          const char *plain)
{
    const char first = l->text[scalar->begin];

    if (scalar->quoted && (first == '"' || first == '\''))
        agdb__splice(&l->splices, scalar->begin + 1, scalar->end - 1, quoted);
    else
        agdb__splice(&l->splices, scalar->begin, scalar->end, plain);
}

bool agdb__layout_is_apart(const agdb__layout_t *l, const agdb__tree_t *node)
{
    size_t begin = line_begin(l, node->begin);
    size_t indent = 0;

    while (begin > 0) {
        const size_t before = line_begin(l, before_break(l, begin));
        if (is_break(l->text[skip_blanks(l, before)]))
            return true;
        if (!is_comment_line(l, before, &indent))
            return false;
        begin = before;
    }
    return false;
}
