#include "exec/bulk_in.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/bulk_plan.h"
#include "map/hash.h"
#include "map/quote.h"
#include "map/route.h"

enum {
    TEXT_MAX = 1 << 20,
    NAME_MAX_BYTES = 1024,
    COLUMNS_MAX = 1600,
    YIELD_US = 100000, /* waiting so long for a connection, the others are given back */
    TELL_US = 100000,
    TOUCH_US = 100000
};

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

static bool comes_row_by_row(const agdb__bulk_in_t *b)
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
                                      .bare = comes_row_by_row(b),
                                      .key_field = key_field(&b->options)};

    agdb__bulk_rows_init(&b->rows, &shape);
}

static bool set_sql(agdb__bulk_in_t *b, const char *const *columns, size_t count)
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
    if ((!o->header || o->ncolumns > 0) && !set_sql(b, o->columns, o->ncolumns))
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

/* --- waiting ------------------------------------------------------------------------------------
 */

static void step_all(agdb__bulk_in_t *b, uint64_t now_us)
{
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        agdb__leg_step(&b->legs[i], now_us);
    b->seen_us = now_us;
}

/* Whoever waits for a connection holds no other one for long. */
static void yield_to(agdb__bulk_in_t *b, uint64_t now_us)
{
    uint64_t since_us = AGDB__NEVER;
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        if (b->legs[i].state == AGDB__LEG_WANTING)
            since_us = agdb__min_us(since_us, b->legs[i].since_us);
    if (since_us == AGDB__NEVER)
        return;
    agdb__pollset_wake(&b->pollset, since_us + YIELD_US);
    for (i = 0; now_us >= since_us + YIELD_US && i < b->target.nshards; i++)
        b->legs[i].yield = b->legs[i].lease.conn != NULL;
}

static bool has_failed(const agdb__bulk_in_t *b, const agdb__leg_t **ret)
{
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        if (b->legs[i].state == AGDB__LEG_FAILED) {
            *ret = &b->legs[i];
            return true;
        }
    return false;
}

/* Sleeps until a leg can go on. */
static void sleep_once(agdb__bulk_in_t *b, uint64_t now_us)
{
    size_t i;

    agdb__pollset_clear(&b->pollset);
    yield_to(b, now_us);
    for (i = 0; i < b->target.nshards; i++)
        if (b->legs[i].yield) /* it may be able to go on at once */
            agdb__leg_step(&b->legs[i], now_us);
    agdb__pollset_add(&b->pollset, b->bell.fd, POLLIN);
    for (i = 0; i < b->target.nshards; i++)
        agdb__leg_poll(&b->legs[i], &b->pollset);
    agdb__pollset_wait(&b->pollset);
    (void)agdb__bell_hush(&b->bell, true);
}

/* --- progress, closing --------------------------------------------------------------------------
 */

static void fill_progress(const agdb__bulk_in_t *b, agdb_copy_progress_t *p)
{
    size_t i;

    *p = (agdb_copy_progress_t){.struct_size = sizeof *p,
                                .rows = b->last_row,
                                .bytes = b->last_byte,
                                .shards = (uint32_t)b->target.nshards};
    for (i = 0; i < b->target.nshards; i++) {
        p->committed += b->legs[i].committed;
        p->failed += b->legs[i].state == AGDB__LEG_FAILED;
    }
}

/* Sets the error that stays, once. */
static agdb_status_t stand_still(agdb__bulk_in_t *b, agdb_status_t st, const char *why)
{
    if (b->error == NULL) {
        (void)agdb__fail(&b->error, st, "%s", why);
        agdb__error_stage(&b->error, AGDB_STAGE_CHECK);
    }
    return st;
}

static agdb_status_t tell(agdb__bulk_in_t *b, uint64_t now_us, bool last)
{
    agdb_copy_progress_t progress;
    bool go_on = true;

    if (b->call == NULL || (!last && now_us < b->told_us + TELL_US))
        return AGDB_OK;
    b->told_us = now_us;
    fill_progress(b, &progress);
    b->calling = true;
    b->call(b->call_user, &progress, &go_on);
    b->calling = false;
    return go_on || last ? AGDB_OK
                         : stand_still(b, AGDB_E_CANCELLED, "the progress callback said so");
}

/* What ends the input from outside. */
static agdb_status_t look_around(agdb__bulk_in_t *b, uint64_t now_us)
{
    const agdb__leg_t *failed;

    if (agdb__gate_is_closed(b->target.gate))
        return stand_still(b, AGDB_E_CLOSING, "the client is closing");
    if (b->options.stop_on_failure && has_failed(b, &failed)) {
        (void)stand_still(b, AGDB_E_PARTIAL,
                          failed->error != NULL ? failed->error->message : "out of memory");
        return AGDB_E_PARTIAL;
    }
    return tell(b, now_us, false);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static agdb_status_t wait_for_room(agdb__bulk_in_t *b, const agdb__leg_t *leg, size_t len)
{
    agdb_status_t st = AGDB_OK;

    for (;;) {
        const uint64_t now_us = agdb__now_us();

        step_all(b, now_us);
        st = look_around(b, now_us);
        if (st != AGDB_OK || agdb__leg_has_room(leg, len))
            return st;
        sleep_once(b, now_us);
    }
}

static agdb_status_t fail_frozen(agdb__bulk_in_t *b, const agdb__bulk_row_t *row)
{
    const agdb__map_agency_t agency = {.key = row->key.data, .key_len = row->key.len};
    char text[AGDB__KEY_TEXT];

    (void)agdb__fail(&b->error, AGDB_E_FROZEN,
                     "row %llu of the input, up to byte %llu: agency '%s' is frozen (writes: "
                     "refuse in the map): it is being moved or is on hold",
                     (unsigned long long)row->number, (unsigned long long)row->end,
                     agdb__key_text(&agency, text));
    agdb__error_stage(&b->error, AGDB_STAGE_ROUTE);
    return AGDB_E_FROZEN;
}

static agdb_status_t fail_other_input(agdb__bulk_in_t *b, const agdb__leg_t *leg)
{
    (void)agdb__fail(&b->error, AGDB_E_INVAL,
                     "this is not the input that .resume is of: its row %llu is not one of the "
                     "shard's",
                     (unsigned long long)leg->done.row);
    agdb__error_place(&b->error, leg->shard->name, NULL);
    return AGDB_E_INVAL;
}

/* Whether an earlier run has committed it. */
static agdb_status_t pass_over(agdb__bulk_in_t *b, agdb__leg_t *leg, const agdb__bulk_row_t *row,
                               bool *ret)
{
    if (leg->doubt.mark.xid != 0 && !leg->own_doubt && row->number > leg->done.row) {
        const agdb_status_t st = wait_for_room(b, leg, 0);

        if (st != AGDB_OK)
            return st;
    }
    leg->unmet = leg->unmet && row->number != leg->done.row;
    *ret = row->number <= leg->done.row;
    if (!*ret)
        return leg->unmet ? fail_other_input(b, leg) : AGDB_OK;
    leg->skipped++;
    return AGDB_OK;
}

static agdb_status_t pump(agdb__bulk_in_t *b, agdb__leg_t *leg)
{
    const uint64_t now_us = agdb__now_us();

    agdb__leg_step(leg, now_us);
    return look_around(b, now_us);
}

static agdb_status_t find_leg(agdb__bulk_in_t *b, const agdb__bulk_row_t *row, agdb__leg_t **ret)
{
    agdb__route_t route;

    *ret = b->legs;
    if (!b->target.by_key)
        return AGDB_OK;
    route = agdb__map_route(b->target.map, b->target.keyspace, row->key);
    if (route.frozen)
        return fail_frozen(b, row);
    *ret = &b->legs[route.shard];
    return AGDB_OK;
}

static agdb_status_t take_row(agdb__bulk_in_t *b, const agdb__bulk_row_t *row)
{
    agdb__leg_t *leg;
    bool over = false;
    agdb_status_t st = find_leg(b, row, &leg);

    if (st == AGDB_OK && (row->number <= leg->done.row || leg->doubt.mark.xid != 0 || leg->unmet))
        st = pass_over(b, leg, row, &over);
    if (st == AGDB_OK && !over && !agdb__leg_has_room(leg, row->len))
        st = wait_for_room(b, leg, row->len);
    if (st != AGDB_OK)
        return st;
    leg->rows++;
    b->last_row = row->number;
    b->last_byte = row->end;
    if (over)
        return AGDB_OK;
    if (!agdb__leg_add(leg, row))
        return stand_still(b, AGDB_E_NOMEM, "out of memory");
    return agdb__leg_is_due(leg) && leg->state != AGDB__LEG_FAILED ? pump(b, leg) : AGDB_OK;
}

/* The columns are those of the header. */
static agdb_status_t take_header(agdb__bulk_in_t *b, const agdb__bulk_row_t *row)
{
    char *name[COLUMNS_MAX];
    unsigned char buf[NAME_MAX_BYTES];
    agdb__bulk_field_t found = AGDB__FIELD_FOUND;
    agdb_status_t st = AGDB_OK;
    size_t n = 0;
    agdb_bytes_t field;

    if (b->sql != NULL)
        return AGDB_OK;
    for (; n < COLUMNS_MAX && st == AGDB_OK; n++) {
        found = agdb__bulk_field(&b->rows, row, (unsigned)n, buf, sizeof buf, &field);
        if (found != AGDB__FIELD_FOUND)
            break;
        name[n] = agdb__strndup(field.data, field.len);
        if (name[n] == NULL)
            st = stand_still(b, AGDB_E_NOMEM, "out of memory");
    }
    if (st == AGDB_OK && (found != AGDB__FIELD_MISSING || n == 0))
        st = stand_still(b, AGDB_E_INVAL,
                         "the input's header: a name that is empty, NULL or too long, or too many");
    if (st == AGDB_OK && b->options.key_column != NULL) {
        b->rows.shape.key_field =
            agdb__bulk_find(b->options.key_column, (const char *const *)name, n);
        if (b->rows.shape.key_field < 0)
            st = stand_still(b, AGDB_E_INVAL, "the input's header has no .key_column");
    }
    if (st == AGDB_OK && !set_sql(b, (const char *const *)name, n))
        st = stand_still(b, AGDB_E_NOMEM, "out of memory");
    while (n-- > 0)
        agdb__free(name[n]);
    return st;
}

static agdb_status_t take_all(agdb__bulk_in_t *b)
{
    agdb__bulk_row_t row;
    agdb_status_t st = AGDB_OK;

    while (st == AGDB_OK) {
        switch (agdb__bulk_rows_next(&b->rows, &row)) {
        case AGDB__BULK_MORE:
            return AGDB_OK;
        case AGDB__BULK_ROW:
            st = take_row(b, &row);
            break;
        case AGDB__BULK_HEADER:
            st = take_header(b, &row);
            break;
        case AGDB__BULK_BAD:
            st = agdb__bulk_rows_fail(&b->rows, &b->error);
            agdb__error_stage(&b->error, AGDB_STAGE_CHECK);
            break;
        }
    }
    return st;
}

/* --- calls --------------------------------------------------------------------------------------
 */

/* What happened while nobody stepped the legs is not their fault. */
static void come_back(agdb__bulk_in_t *b)
{
    const uint64_t now_us = agdb__now_us();
    size_t i;

    if (now_us < b->seen_us + TOUCH_US)
        return;
    for (i = 0; i < b->target.nshards; i++)
        agdb__leg_touch(&b->legs[i], now_us);
    step_all(b, now_us);
}

static agdb_status_t tell_error(const agdb__bulk_in_t *b, agdb_error_t **reterr)
{
    agdb__error_move(reterr, agdb__error_dup(b->error));
    return b->error->status;
}

static agdb_status_t begin(agdb__bulk_in_t *b, agdb_error_t **reterr)
{
    if (b->error == NULL) {
        come_back(b);
        (void)look_around(b, agdb__now_us());
    }
    return b->error != NULL ? tell_error(b, reterr) : AGDB_OK;
}

agdb_status_t agdb__bulk_in_write(agdb__bulk_in_t *b, const void *data, size_t len,
                                  agdb_error_t **reterr)
{
    agdb_status_t st = begin(b, reterr);

    if (st != AGDB_OK)
        return st;
    if (comes_row_by_row(b))
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "without .key_column, .key_index or .shard rows come by "
                          "agdb_copy_in_row");
    agdb__bulk_rows_feed(&b->rows, data, len);
    return take_all(b) != AGDB_OK ? tell_error(b, reterr) : AGDB_OK;
}

static agdb__bulk_got_t cut_one(agdb__bulk_in_t *b, const void *data, size_t len,
                                agdb__bulk_row_t *row)
{
    agdb__bulk_got_t got;

    agdb__bulk_rows_feed(&b->rows, data, len);
    got = agdb__bulk_rows_next(&b->rows, row);
    if (got == AGDB__BULK_MORE && !b->rows.ended) {
        agdb__bulk_rows_finish(&b->rows);
        got = agdb__bulk_rows_next(&b->rows, row);
        b->rows.finishing = false;
    }
    return got;
}

agdb_status_t agdb__bulk_in_row(agdb__bulk_in_t *b, agdb_bytes_t key, const void *data, size_t len,
                                agdb_error_t **reterr)
{
    agdb__bulk_row_t row;
    agdb_status_t st = begin(b, reterr);
    agdb__bulk_got_t got;

    if (st != AGDB_OK)
        return st;
    if (!comes_row_by_row(b))
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "the rows of this load have their keys in them, or "
                          "no need of one: use agdb_copy_in_write");
    got = cut_one(b, data, len, &row);
    if (got == AGDB__BULK_HEADER) {
        (void)take_header(b, &row);
    } else if (got == AGDB__BULK_BAD) {
        (void)agdb__bulk_rows_fail(&b->rows, &b->error);
    } else if (got == AGDB__BULK_MORE || b->rows.at < b->rows.end) {
        (void)stand_still(b, AGDB_E_INVAL, "agdb_copy_in_row takes exactly one row");
    } else {
        row.key = key;
        (void)take_row(b, &row);
    }
    return b->error != NULL ? tell_error(b, reterr) : AGDB_OK;
}

/* --- the end ------------------------------------------------------------------------------------
 */

static bool all_at_rest(const agdb__bulk_in_t *b)
{
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        if (!agdb__leg_is_at_rest(&b->legs[i]))
            return false;
    return true;
}

static void give_up_all(agdb__bulk_in_t *b, const agdb_error_t *error)
{
    const uint64_t now_us = agdb__now_us();
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        if (!agdb__leg_is_at_rest(&b->legs[i]))
            agdb__leg_give_up(&b->legs[i], error, now_us);
}

static void settle(agdb__bulk_in_t *b)
{
    for (;;) {
        const uint64_t now_us = agdb__now_us();

        step_all(b, now_us);
        if (all_at_rest(b))
            return;
        if (agdb__gate_is_closed(b->target.gate)) {
            (void)stand_still(b, AGDB_E_CLOSING, "the client is closing");
            give_up_all(b, b->error);
        }
        if (tell(b, now_us, false) != AGDB_OK)
            give_up_all(b, b->error);
        sleep_once(b, now_us);
    }
}

static agdb_status_t sum_up(const agdb__bulk_in_t *b, agdb_error_t **reterr)
{
    const agdb__leg_t *first = NULL;
    size_t failed = 0;
    size_t i;

    if (!has_failed(b, &first))
        return b->error != NULL ? tell_error(b, reterr) : AGDB_OK;
    if (b->target.nshards == 1 && b->error == NULL) {
        agdb__error_move(reterr, agdb__error_dup(first->error));
        return first->error != NULL ? first->error->status : AGDB_E_NOMEM;
    }
    for (i = 0; i < b->target.nshards; i++)
        failed += b->legs[i].state == AGDB__LEG_FAILED;
    (void)agdb__fail(reterr, AGDB_E_PARTIAL, "%zu of %zu shards failed, the first with: %s", failed,
                     b->target.nshards,
                     first->error != NULL ? first->error->message : "out of memory");
    for (i = 0; reterr != NULL && i < b->target.nshards; i++)
        if (b->legs[i].state == AGDB__LEG_FAILED)
            agdb__error_add_child(reterr, agdb__error_dup(b->legs[i].error));
    if (reterr != NULL && b->error != NULL && b->error->status != AGDB_E_PARTIAL)
        agdb__error_add_child(reterr, agdb__error_dup(b->error));
    return AGDB_E_PARTIAL;
}

/* A row that .resume tells of must have come. */
static void check_all_came(agdb__bulk_in_t *b)
{
    size_t i;

    for (i = 0; b->error == NULL && i < b->target.nshards; i++)
        if (b->legs[i].done.row > b->last_row)
            (void)fail_other_input(b, &b->legs[i]);
}

agdb_status_t agdb__bulk_in_finish(agdb__bulk_in_t *b, agdb_error_t **reterr)
{
    size_t i;

    come_back(b);
    if (b->error == NULL) {
        agdb__bulk_rows_finish(&b->rows);
        (void)take_all(b);
        check_all_came(b);
    }
    for (i = 0; i < b->target.nshards; i++)
        b->legs[i].flush = true;
    settle(b);
    (void)tell(b, agdb__now_us(), true);
    return sum_up(b, reterr);
}

void agdb__bulk_in_abort(agdb__bulk_in_t *b)
{
    (void)stand_still(b, AGDB_E_CANCELLED, "the load was given up");
    b->call = NULL;
    come_back(b);
    give_up_all(b, b->error);
    settle(b);
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
