/* The beginning of a load, and its report. */
#include "exec/bulk_in_impl.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/bulk_plan.h"
#include "map/hash.h"

enum { TEXT_MAX = 1 << 20 };

/* --- open ---------------------------------------------------------------------------------------
 */

/* Two runs that differ in it would not send the same rows to the same shards. */
static uint64_t fingerprint(const agdb__bulk_target_t *t, const agdb_copy_options_t *o)
{
    const agdb__map_keyspace_t *ks = &t->map->keyspaces[t->keyspace];
    agdb__buf_t text;
    uint64_t hash;
    size_t i;

    agdb__buf_init(&text, TEXT_MAX);
    agdb__buf_printf(&text, "%s|%s|%s|%s|%d|%d%d%d|%s|%d|%s|%u|", ks->name,
                     o->shard != NULL ? o->shard : "", o->schema != NULL ? o->schema : "", o->table,
                     (int)o->format, o->delimiter, o->quote, o->escape, o->null_text, o->header,
                     o->key_column != NULL ? o->key_column : "", o->key_index);
    for (i = 0; i < o->ncolumns; i++)
        agdb__buf_printf(&text, "%s|", o->columns[i]);
    for (i = 0; t->by_key && i < t->nshards; i++)
        agdb__buf_printf(&text, "%s|", t->shards[i]->name);
    if (t->by_key)
        agdb__buf_add(&text, ks->owner, t->map->slots * sizeof *ks->owner);
    for (i = 0; t->by_key && i < t->map->nagencies; i++) {
        agdb__buf_add(&text, t->map->agencies[i].key, t->map->agencies[i].key_len);
        agdb__buf_printf(&text, "|%u|", (unsigned)t->map->agencies[i].pin[t->keyspace]);
    }
    hash = text.failed ? 0 : agdb__hash_key(text.data, text.len);
    agdb__buf_fini(&text);
    return hash;
}

/* Texts that are needed while rows come; one after the other in a buffer that does not move. */
static bool keep(agdb__bulk_in_t *b)
{
    const char **const kept[] = {&b->options.schema, &b->options.table, &b->options.null_text,
                                 &b->options.key_column};
    size_t at[sizeof kept / sizeof kept[0]];
    size_t i;

    agdb__buf_init(&b->text, TEXT_MAX);
    for (i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        at[i] = b->text.len;
        if (*kept[i] != NULL)
            agdb__buf_add(&b->text, *kept[i], strlen(*kept[i]) + 1);
    }
    for (i = 0; !b->text.failed && i < sizeof kept / sizeof kept[0]; i++)
        if (*kept[i] != NULL)
            *kept[i] = b->text.data + at[i];
    b->options.keyspace = b->options.shard = b->options.resume = NULL;
    b->options.columns = NULL;
    return !b->text.failed;
}

static int key_field(const agdb_copy_options_t *o)
{
    if (o->key_index != 0)
        return (int)o->key_index - 1;
    return o->key_column != NULL ? agdb__bulk_find(o->key_column, o->columns, o->ncolumns) : -1;
}

bool agdb__bulk_in_is_by_row(const agdb__bulk_in_t *b)
{
    return b->target.by_key && b->options.key_column == NULL && b->options.key_index == 0;
}

static void init_rows(agdb__bulk_in_t *b)
{
    const agdb__bulk_shape_t shape = {.format = b->options.format,
                                      .delimiter = b->options.delimiter,
                                      .quote = b->options.quote,
                                      .escape = b->options.escape,
                                      .null_text = b->options.null_text,
                                      .header = b->options.header,
                                      .bare = agdb__bulk_in_is_by_row(b),
                                      .key_field = key_field(&b->options)};

    agdb__bulk_rows_init(&b->rows, &shape);
}

bool agdb__bulk_in_set_sql(agdb__bulk_in_t *b, const char *const *columns, size_t count)
{
    b->sql = agdb__bulk_sql_in(&b->options, columns, count);
    b->way.sql = b->sql;
    return b->sql != NULL;
}

static agdb_status_t resume_shard(void *user, const char *shard, size_t len,
                                  agdb__bulk_place_t done, const agdb__bulk_doubt_t *doubt,
                                  agdb_error_t **reterr)
{
    agdb__bulk_in_t *b = user;
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        if (strlen(b->target.shards[i]->name) == len &&
            memcmp(b->target.shards[i]->name, shard, len) == 0)
            break;
    if (i == b->target.nshards)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          ".resume names a shard that this load has not: "
                          "'%.*s'",
                          (int)len, shard);
    b->legs[i].done = done;
    b->legs[i].unmet = done.row != 0;
    b->legs[i].doubt = *doubt;
    b->legs[i].doubt_end_us = agdb__after_ms(agdb__now_us(), b->way.timeout_ms);
    return AGDB_OK;
}

static agdb_status_t init_legs(agdb__bulk_in_t *b, const char *resume, agdb_error_t **reterr)
{
    size_t i;

    b->legs = agdb__calloc(b->target.nshards, sizeof *b->legs);
    if (b->legs == NULL)
        return agdb__fail_nomem(reterr);
    for (i = 0; i < b->target.nshards; i++)
        agdb__leg_init(&b->legs[i], &b->way, b->target.shards[i]);
    if (resume == NULL || *resume == '\0')
        return AGDB_OK;
    return agdb__bulk_resume_read(resume, b->fingerprint, resume_shard, b, reterr);
}

static agdb_status_t init_parts(agdb__bulk_in_t *b, const agdb_copy_options_t *o,
                                agdb_error_t **reterr)
{
    init_rows(b);
    if ((!o->header || o->ncolumns > 0) && !agdb__bulk_in_set_sql(b, o->columns, o->ncolumns))
        return agdb__fail_nomem(reterr);
    if (!keep(b))
        return agdb__fail_nomem(reterr);
    b->rows.shape.null_text = b->options.null_text;
    return init_legs(b, o->resume, reterr);
}

agdb_status_t agdb__bulk_in_init(agdb__bulk_in_t *b, const agdb__bulk_target_t *target,
                                 const agdb_copy_options_t *o, agdb_error_t **reterr)
{
    agdb_status_t st;

    *b = (agdb__bulk_in_t){.target = *target, .options = *o};
    b->way = (agdb__bulk_way_t){.bell = &b->bell,
                                .timeout_ms = o->timeout_ms,
                                .commit_every = o->commit_every,
                                .buffer_max = o->buffer_bytes,
                                .binary = o->format == AGDB_COPY_BINARY,
                                .csv = o->format == AGDB_COPY_CSV};
    if (!agdb__bell_init(&b->bell))
        return agdb__fail(reterr, AGDB_E_NOMEM,
                          "no event descriptor: the process has too many open");
    b->fingerprint = fingerprint(target, o);
    b->seen_us = agdb__now_us();
    st = init_parts(b, o, reterr);
    if (st != AGDB_OK)
        agdb__bulk_in_fini(b);
    return st;
}

void agdb__bulk_in_fini(agdb__bulk_in_t *b)
{
    const uint64_t now_us = agdb__now_us();
    size_t i;

    for (i = 0; b->legs != NULL && i < b->target.nshards; i++)
        agdb__leg_fini(&b->legs[i], now_us);
    agdb__free(b->legs);
    agdb__bulk_rows_fini(&b->rows);
    agdb__pollset_fini(&b->pollset);
    agdb__bell_fini(&b->bell);
    agdb__buf_fini(&b->text);
    agdb__free(b->sql);
    agdb__error_free(b->error);
}

/* --- report -------------------------------------------------------------------------------------
 */

static void report_leg(agdb_copy_report_t *report, size_t i, const agdb__leg_t *leg)
{
    const agdb_copy_shard_t shard = {
        .shard = leg->shard->name,
        .rows = leg->rows,
        .skipped = leg->skipped,
        .sent = leg->sent,
        .committed = leg->committed,
        .unknown = leg->unknown,
        .stored = leg->stored,
        .upto_row = leg->done.row,
        .upto_byte = leg->done.byte,
        .status = leg->error != NULL ? leg->error->status : AGDB_OK,
        .error = leg->error,
    };

    agdb__bulk_report_set(report, i, &shard);
}

agdb_copy_report_t *agdb__bulk_in_report(const agdb__bulk_in_t *b)
{
    agdb_copy_report_t *report = agdb__bulk_report_new(b->target.nshards);
    agdb__buf_t text;
    size_t i;

    if (report == NULL)
        return NULL;
    report->rows = b->last_row;
    report->bytes = b->last_byte;
    agdb__buf_init(&text, TEXT_MAX);
    agdb__bulk_resume_begin(&text, b->fingerprint);
    for (i = 0; i < b->target.nshards; i++) {
        report_leg(report, i, &b->legs[i]);
        agdb__bulk_resume_add(&text, b->legs[i].shard->name, b->legs[i].done, &b->legs[i].doubt);
    }
    report->resume = agdb__buf_take(&text);
    if (report->resume == NULL) {
        agdb__bulk_report_free(report);
        return NULL;
    }
    return report;
}
