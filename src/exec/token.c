#include "exec/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char k_version[] = "a1";

static agdb__token_entry_t *find(agdb__token_t *token, uint64_t shard)
{
    unsigned i;

    for (i = 0; i < token->count; i++)
        if (token->entry[i].shard == shard)
            return &token->entry[i];
    return NULL;
}

agdb__need_kind_t agdb__token_need(const agdb__token_t *token, uint64_t shard,
                                   agdb__position_t *ret)
{
    const agdb__token_entry_t *e = find((agdb__token_t *)token, shard);

    if (token->all_primary_only || (e != NULL && e->primary_only))
        return AGDB__NEED_PRIMARY;
    if (e == NULL)
        return AGDB__NEED_NOTHING;
    *ret = e->at;
    return AGDB__NEED_POSITION;
}

static void join(agdb__token_entry_t *e, const agdb__position_t *at)
{
    if (e->at.system_identifier != at->system_identifier)
        e->primary_only = true;
    else if (at->timeline > e->at.timeline ||
             (at->timeline == e->at.timeline && at->lsn > e->at.lsn))
        e->at = *at;
}

void agdb__token_advance(agdb__token_t *token, uint64_t shard, const agdb__position_t *at)
{
    agdb__token_entry_t *e = find(token, shard);

    if (e != NULL)
        join(e, at);
    else if (token->count == AGDB__TOKEN_SHARDS)
        token->all_primary_only = true;
    else
        token->entry[token->count++] = (agdb__token_entry_t){shard, *at, false};
}

void agdb__token_doubt(agdb__token_t *token, uint64_t shard)
{
    agdb__token_entry_t *e = find(token, shard);

    if (e != NULL)
        e->primary_only = true;
    else if (token->count == AGDB__TOKEN_SHARDS)
        token->all_primary_only = true;
    else
        token->entry[token->count++] = (agdb__token_entry_t){shard, {0, 0, 0}, true};
}

void agdb__token_merge(agdb__token_t *token, const agdb__token_t *other)
{
    unsigned i;

    token->all_primary_only = token->all_primary_only || other->all_primary_only;
    for (i = 0; i < other->count; i++) {
        const agdb__token_entry_t *e = &other->entry[i];

        if (e->primary_only)
            agdb__token_doubt(token, e->shard);
        else
            agdb__token_advance(token, e->shard, &e->at);
    }
}

/* --- text --------------------------------------------------------------------------------------
 */

typedef struct text {
    char *buf;
    size_t size;
    size_t len;
} text_t;

static void add(text_t *t, const char *piece)
{
    const size_t room = t->len < t->size ? t->size - t->len : 0;

    t->len += (size_t)snprintf(room > 0 ? t->buf + t->len : NULL, room, "%s", piece);
}

size_t agdb__token_format(const agdb__token_t *token, char *buf, size_t size)
{
    text_t t = {buf, size, 0};
    char piece[80];
    unsigned i;

    add(&t, k_version);
    if (token->all_primary_only) {
        add(&t, ";*");
        return t.len;
    }
    for (i = 0; i < token->count; i++) {
        const agdb__token_entry_t *e = &token->entry[i];

        snprintf(piece, sizeof piece, ";%" PRIx64 ".%" PRIx64 ".%" PRIx32 ".%" PRIx64 "%s",
                 e->shard, e->at.system_identifier, e->at.timeline, e->at.lsn,
                 e->primary_only ? "p" : "");
        add(&t, piece);
    }
    return t.len;
}

typedef struct cursor {
    const char *at;
    const char *end;
} cursor_t;

static bool take(cursor_t *c, char expected)
{
    if (c->at == c->end || *c->at != expected)
        return false;
    c->at++;
    return true;
}

static int digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static bool take_hex(cursor_t *c, unsigned digits_max, uint64_t *ret)
{
    unsigned n = 0;

    *ret = 0;
    while (c->at < c->end && digit(*c->at) >= 0 && n < digits_max) {
        *ret = *ret << 4 | (uint64_t)digit(*c->at++);
        n++;
    }
    return n > 0;
}

static bool take_entry(cursor_t *c, agdb__token_entry_t *ret)
{
    uint64_t timeline = 0;

    *ret = (agdb__token_entry_t){0, {0, 0, 0}, false};
    if (!take_hex(c, 16, &ret->shard) || !take(c, '.') ||
        !take_hex(c, 16, &ret->at.system_identifier) || !take(c, '.') ||
        !take_hex(c, 8, &timeline) || !take(c, '.') || !take_hex(c, 16, &ret->at.lsn))
        return false;
    ret->at.timeline = (uint32_t)timeline;
    ret->primary_only = take(c, 'p');
    return true;
}

bool agdb__token_parse(const char *text, size_t len, agdb__token_t *ret)
{
    cursor_t c = {text, text + len};
    const char *v;

    *ret = (agdb__token_t){0};
    for (v = k_version; *v != '\0'; v++)
        if (!take(&c, *v))
            return false;
    while (c.at < c.end) {
        agdb__token_entry_t e;

        if (!take(&c, ';'))
            return false;
        if (take(&c, '*')) {
            ret->all_primary_only = true;
            continue;
        }
        if (!take_entry(&c, &e))
            return false;
        if (e.primary_only)
            agdb__token_doubt(ret, e.shard);
        else
            agdb__token_advance(ret, e.shard, &e.at);
    }
    return true;
}
