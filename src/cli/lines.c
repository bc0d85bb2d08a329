#include "cli/lines.h"

#include "cli/text.h"

#include <stdio.h>

enum { FARTHEST = 4000 }; /* lines in a hunk; beyond, all that is left is one */

typedef struct lines {
    cli_span_t *item;
    size_t count;
} lines_t;

static lines_t split(cli_span_t text)
{
    lines_t lines = {0};
    size_t at = 0;

    while (at < text.len) {
        const char *end = memchr(text.text + at, '\n', text.len - at);
        const size_t len = end != NULL ? (size_t)(end - text.text) + 1 - at : text.len - at;
        lines.item = cli_grow(lines.item, lines.count, sizeof *lines.item);
        lines.item[lines.count++] = (cli_span_t){text.text + at, len};
        at += len;
    }
    return lines;
}

static bool same_line(const lines_t *old, size_t i, const lines_t *now, size_t j)
{
    return old->item[i].len == now->item[j].len &&
           memcmp(old->item[i].text, now->item[j].text, old->item[i].len) == 0;
}

/* Whether both go on alike from there: two lines, so that a single blank one is no meeting point.
 */
static bool meets(const lines_t *old, size_t i, const lines_t *now, size_t j)
{
    size_t n;

    for (n = 0; n < 2; n++, i++, j++) {
        if (i == old->count || j == now->count)
            return i == old->count && j == now->count;
        if (!same_line(old, i, now, j))
            return false;
    }
    return true;
}

/* The nearest place where both go on alike. */
static void find_meeting(const lines_t *old, size_t *i, const lines_t *now, size_t *j)
{
    size_t distance;
    size_t skip;

    for (distance = 1; distance <= FARTHEST; distance++)
        for (skip = 0; skip <= distance; skip++)
            if (*i + skip <= old->count && *j + distance - skip <= now->count &&
                meets(old, *i + skip, now, *j + distance - skip)) {
                *i += skip;
                *j += distance - skip;
                return;
            }
    *i = old->count;
    *j = now->count;
}

static cli_span_t joined(const lines_t *lines, size_t from, size_t to)
{
    cli_span_t span = {"", 0};

    if (from >= to || to > lines->count)
        return span;
    span.text = lines->item[from].text;
    span.len = (size_t)(lines->item[to - 1].text - span.text) + lines->item[to - 1].len;
    return span;
}

void cli_lines_compare(cli_span_t old, cli_span_t now, cli_hunk_fn fn, void *user)
{
    const lines_t left = split(old);
    const lines_t right = split(now);
    size_t i = 0;
    size_t j = 0;

    while (i < left.count || j < right.count) {
        cli_hunk_t hunk = {.old_line = i + 1, .now_line = j + 1};
        cli_span_t span;
        if (i < left.count && j < right.count && same_line(&left, i, &right, j)) {
            i++, j++;
            continue;
        }
        find_meeting(&left, &i, &right, &j);
        hunk.old_count = i + 1 - hunk.old_line;
        hunk.now_count = j + 1 - hunk.now_line;
        span = joined(&left, hunk.old_line - 1, i);
        hunk.old = span.text;
        hunk.old_len = span.len;
        span = joined(&right, hunk.now_line - 1, j);
        hunk.now = span.text;
        hunk.now_len = span.len;
        fn(&hunk, user);
    }
}

/* --- for people --------------------------------------------------------------------------------
 */

/* "12", "12,3", and as diff has it, the line before for none. */
static char *range(size_t line, size_t count)
{
    if (count == 1)
        return cli_format("%zu", line);
    return cli_format("%zu,%zu", count > 0 ? line : line - 1, count);
}

static void print_lines(char sign, const char *text, size_t len)
{
    const lines_t lines = split((cli_span_t){text, len});
    size_t i;

    for (i = 0; i < lines.count; i++) {
        const bool ended = lines.item[i].text[lines.item[i].len - 1] == '\n';
        printf("%c%.*s", sign, (int)lines.item[i].len, lines.item[i].text);
        if (!ended)
            printf("\n\\ No newline at end of file\n");
    }
}

static void print_hunk(const cli_hunk_t *hunk, void *user)
{
    (void)user;
    printf("@@ -%s +%s @@\n", range(hunk->old_line, hunk->old_count),
           range(hunk->now_line, hunk->now_count));
    print_lines('-', hunk->old, hunk->old_len);
    print_lines('+', hunk->now, hunk->now_len);
}

void cli_lines_print(const char *name, cli_span_t old, cli_span_t now)
{
    printf("--- %s\n+++ %s\n", name, name);
    cli_lines_compare(old, now, print_hunk, NULL);
}
