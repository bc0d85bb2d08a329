#include "exec/bulk_resume.h"

#include "base/error.h"

#include <inttypes.h>

static const char k_title[] = "agdb-copy 1 ";

enum { DECIMAL = 10, HEXADECIMAL = 16 };

void agdb__bulk_resume_begin(agdb__buf_t *text, uint64_t fingerprint)
{
    agdb__buf_printf(text, "%s%016" PRIx64 "\n", k_title, fingerprint);
}

void agdb__bulk_resume_add(agdb__buf_t *text, const char *shard, agdb__bulk_place_t done,
                           const agdb__bulk_doubt_t *doubt)
{
    if (done.row == 0 && doubt->mark.xid == 0)
        return;
    agdb__buf_printf(text, "%s %" PRIu64 " %" PRIu64, shard, done.row, done.byte);
    if (doubt->mark.xid != 0)
        agdb__buf_printf(text, " or %" PRIu64 " %" PRIu64 " in %" PRIu64 " %u %" PRIu64,
                         doubt->upto.row, doubt->upto.byte, doubt->mark.xid,
                         (unsigned)doubt->mark.timeline, doubt->mark.system_identifier);
    agdb__buf_text(text, "\n");
}

/* --- reading ------------------------------------------------------------------------------------
 */

typedef struct line {
    const char *p;
    bool good;
} line_t;

static void take_word(line_t *l, const char *word)
{
    const size_t n = strlen(word);

    l->good = l->good && strncmp(l->p, word, n) == 0;
    if (l->good)
        l->p += n;
}

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : HEXADECIMAL;
}

static uint64_t take_number(line_t *l, unsigned base)
{
    uint64_t n = 0;

    l->good = l->good && digit_of(*l->p) < base;
    for (; l->good && digit_of(*l->p) < base; l->p++) {
        l->good = n <= (UINT64_MAX - digit_of(*l->p)) / base;
        n = n * base + digit_of(*l->p);
    }
    return n;
}

static agdb__bulk_place_t take_place(line_t *l)
{
    agdb__bulk_place_t place;

    place.row = take_number(l, DECIMAL);
    take_word(l, " ");
    place.byte = take_number(l, DECIMAL);
    return place;
}

static agdb__bulk_doubt_t take_doubt(line_t *l)
{
    agdb__bulk_doubt_t doubt = {.mark = {.xid = 0}};

    if (!l->good || *l->p != ' ')
        return doubt;
    take_word(l, " or ");
    doubt.upto = take_place(l);
    take_word(l, " in ");
    doubt.mark.xid = take_number(l, DECIMAL);
    take_word(l, " ");
    doubt.mark.timeline = (uint32_t)take_number(l, DECIMAL);
    take_word(l, " ");
    doubt.mark.system_identifier = take_number(l, DECIMAL);
    return doubt;
}

static agdb_status_t read_line(line_t *l, agdb__bulk_resume_fn each, void *user,
                               agdb_error_t **reterr)
{
    const char *shard = l->p;
    const size_t len = strcspn(shard, " \n");
    agdb__bulk_place_t done;
    agdb__bulk_doubt_t doubt;

    l->p += len;
    take_word(l, " ");
    done = take_place(l);
    doubt = take_doubt(l);
    if (l->good && *l->p != '\0')
        take_word(l, "\n");
    if (!l->good || len == 0)
        return agdb__fail(reterr, AGDB_E_INVAL, ".resume is not the text of a report: '%.*s'",
                          (int)strcspn(shard, "\n"), shard);
    return each(user, shard, len, done, &doubt, reterr);
}

agdb_status_t agdb__bulk_resume_read(const char *text, uint64_t fingerprint,
                                     agdb__bulk_resume_fn each, void *user, agdb_error_t **reterr)
{
    line_t l = {.p = text, .good = true};
    agdb_status_t st = AGDB_OK;
    uint64_t of;

    take_word(&l, k_title);
    of = take_number(&l, HEXADECIMAL);
    take_word(&l, "\n");
    if (!l.good)
        return agdb__fail(reterr, AGDB_E_INVAL, ".resume is not the text of a report");
    if (of != fingerprint)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          ".resume is of another load: its table, columns, format, keys or the "
                          "shards of the map were not these");
    while (st == AGDB_OK && *l.p != '\0')
        st = read_line(&l, each, user, reterr);
    return st;
}
