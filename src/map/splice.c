#include "map/splice.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 16 };

void agdb__splice(agdb__splices_t *s, size_t begin, size_t end, const char *put)
{
    if (s->count == s->room) {
        size_t room = s->room == 0 ? FIRST_ROOM : s->room * 2;
        agdb__splice_t *grown = agdb__arena_array(s->arena, room, sizeof *grown);
        if (grown == NULL)
            return;
        if (s->count > 0)
            memcpy(grown, s->item, s->count * sizeof *grown);
        s->item = grown;
        s->room = room;
    }
    s->item[s->count] = (agdb__splice_t){begin, end, put, s->count};
    s->count++;
}

static int by_place(const void *a, const void *b)
{
    const agdb__splice_t *x = a;
    const agdb__splice_t *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void agdb__splice_apply(agdb__splices_t *s, const char *text, size_t len, agdb__buf_t *out)
{
    size_t at = 0;
    size_t i;

    if (s->count > 0)
        qsort(s->item, s->count, sizeof *s->item, by_place);
    for (i = 0; i < s->count; i++) {
        const agdb__splice_t *one = &s->item[i];
        if (one->begin > at) {
            agdb__buf_add(out, text + at, one->begin - at);
            at = one->begin;
        }
        agdb__buf_text(out, one->put);
        if (one->end > at)
            at = one->end;
    }
    agdb__buf_add(out, text + at, len - at);
}
