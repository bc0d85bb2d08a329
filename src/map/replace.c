#include "map/replace.h"

#include "base/error.h"
#include "map/diag.h"
#include "map/moves.h"
#include "map/quote.h"

#include <stdio.h>

enum { REASONS_MAX = 100 };

typedef struct reasons {
    const agdb_map_t *current;
    const agdb_map_t *next;
    agdb_error_t *list; /* carries the reasons as children; NULL: none is wanted */
    bool wanted;
    size_t count;
} reasons_t;

/* Adds a reason that was made with agdb__fail(&reason, ...). */
static void add(reasons_t *r, agdb_error_t *take_reason)
{
    if (r->wanted && r->count == 0)
        (void)agdb__fail(&r->list, AGDB_E_MAP_STALE, "%s", take_reason->message);
    if (r->wanted && r->count < REASONS_MAX)
        agdb__error_add_child(&r->list, take_reason);
    else
        agdb__error_free(take_reason);
    r->count++;
}

#define ADD(r, ...)                                                                                \
    do {                                                                                           \
        agdb_error_t *reason_ = NULL;                                                              \
        if ((r)->wanted && (r)->count < REASONS_MAX)                                               \
            (void)agdb__fail(&reason_, AGDB_E_MAP_STALE, __VA_ARGS__);                             \
        add((r), reason_);                                                                         \
    } while (0)

static void check_epoch(reasons_t *r)
{
    unsigned long long current = r->current->epoch;
    unsigned long long next = r->next->epoch;
    bool same = r->current->digest.high == r->next->digest.high &&
                r->current->digest.low == r->next->digest.low;

    if (next < current)
        ADD(r, "epoch %llu is lower than %llu, which is in use: raise it to %llu", next, current,
            current + 1);
    else if (next == current && !same)
        ADD(r, "epoch %llu is in use with other content: raise it to %llu", current, current + 1);
}

static void check_hash(reasons_t *r)
{
    if (r->current->slots != r->next->slots)
        ADD(r, "hash.slots is %u, and %u in use: it is for life, write %u", r->next->slots,
            r->current->slots, r->current->slots);
}

/* What to do about rows that would be looked for elsewhere. */
static const char *remedy(const reasons_t *r, char buf[160])
{
    unsigned long long current = r->current->epoch;

    if (r->next->moved_since != 0)
        snprintf(buf, 160,
                 "moved_since is %llu, and epoch %llu is in use: move the rows, then say "
                 "moved_since: %llu",
                 (unsigned long long)r->next->moved_since, current, current);
    else
        snprintf(buf, 160, "rows do not move by themselves: move them, then say moved_since: %llu",
                 current);
    return buf;
}

static void on_move(const agdb__move_t *m, void *user)
{
    reasons_t *r = user;
    char how[160];
    char key[AGDB__KEY_TEXT];

    if (m->agency != NULL) {
        const char *name = agdb__key_text(m->agency, key);
        ADD(r, "agency '%s' moves from shard '%s' to '%s' in keyspace '%s': %s",
            AGDB__Q(name, strlen(name)), m->from, m->to, m->keyspace, remedy(r, how));
    } else if (m->first == m->last) {
        ADD(r, "slot %u moves from shard '%s' to '%s' in keyspace '%s': %s", m->first, m->from,
            m->to, m->keyspace, remedy(r, how));
    } else {
        ADD(r, "slots %u-%u move from shard '%s' to '%s' in keyspace '%s': %s", m->first, m->last,
            m->from, m->to, m->keyspace, remedy(r, how));
    }
}

static void on_keyspace(int left, int right, void *user)
{
    reasons_t *r = user;
    char how[160];

    if (left >= 0 && right < 0)
        ADD(r, "keyspace '%s' is gone, and its rows with it: %s", r->current->keyspaces[left].name,
            remedy(r, how));
}

static void finish(reasons_t *r, agdb_error_t **reterr)
{
    agdb_error_t *more = NULL;

    if (!r->wanted)
        return;
    if (r->count > REASONS_MAX) {
        (void)agdb__fail(&more, AGDB_E_MAP_STALE, "%zu more reasons are not shown",
                         r->count - REASONS_MAX);
        agdb__error_add_child(&r->list, more);
    }
    if (r->count > 1)
        agdb__error_prefix(&r->list, "%zu reasons, the first: ", r->count);
    agdb__error_move(reterr, r->list);
}

agdb_status_t agdb__map_may_replace(const agdb_map_t *current, const agdb_map_t *next,
                                    agdb_error_t **reterr)
{
    reasons_t r = {.current = current, .next = next, .wanted = reterr != NULL};

    check_epoch(&r);
    check_hash(&r);
    if (next->moved_since != current->epoch) {
        agdb__pair_keyspaces(current, next, on_keyspace, &r);
        agdb__map_moves(current, next, on_move, &r);
    }
    if (r.count == 0)
        return AGDB_OK;
    finish(&r, reterr);
    return AGDB_E_MAP_STALE;
}
