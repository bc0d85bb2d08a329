/* Rows on their way to their shards' legs, and the end of a load. It begins in bulk_in_open.c. */
#include "exec/bulk_in_impl.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/bulk_plan.h"
#include "map/quote.h"
#include "map/route.h"

enum { NAME_MAX_BYTES = 1024, COLUMNS_MAX = 1600, TOUCH_US = 100000 };

/* --- rows ---------------------------------------------------------------------------------------
 */

static agdb_status_t wait_for_room(agdb__bulk_in_t *b, const agdb__leg_t *leg, size_t len)
{
    agdb_status_t st = AGDB_OK;

    for (;;) {
        const uint64_t now_us = agdb__now_us();

        agdb__bulk_in_step(b, now_us);
        st = agdb__bulk_in_look_around(b, now_us);
        if (st != AGDB_OK || agdb__leg_has_room(leg, len))
            return st;
        agdb__bulk_in_sleep(b, now_us);
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
    return agdb__bulk_in_look_around(b, now_us);
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
        return agdb__bulk_in_stand_still(b, AGDB_E_NOMEM, "out of memory");
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
            st = agdb__bulk_in_stand_still(b, AGDB_E_NOMEM, "out of memory");
    }
    if (st == AGDB_OK && (found != AGDB__FIELD_MISSING || n == 0))
        st = agdb__bulk_in_stand_still(
            b, AGDB_E_INVAL,
            "the input's header: a name that is empty, NULL or too long, or too many");
    if (st == AGDB_OK && b->options.key_column != NULL) {
        b->rows.shape.key_field =
            agdb__bulk_find(b->options.key_column, (const char *const *)name, n);
        if (b->rows.shape.key_field < 0)
            st =
                agdb__bulk_in_stand_still(b, AGDB_E_INVAL, "the input's header has no .key_column");
    }
    if (st == AGDB_OK && !agdb__bulk_in_set_sql(b, (const char *const *)name, n))
        st = agdb__bulk_in_stand_still(b, AGDB_E_NOMEM, "out of memory");
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
    agdb__bulk_in_step(b, now_us);
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
        (void)agdb__bulk_in_look_around(b, agdb__now_us());
    }
    return b->error != NULL ? tell_error(b, reterr) : AGDB_OK;
}

agdb_status_t agdb__bulk_in_write(agdb__bulk_in_t *b, const void *data, size_t len,
                                  agdb_error_t **reterr)
{
    agdb_status_t st = begin(b, reterr);

    if (st != AGDB_OK)
        return st;
    if (agdb__bulk_in_is_by_row(b))
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
    if (!agdb__bulk_in_is_by_row(b))
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "the rows of this load have their keys in them, or "
                          "no need of one: use agdb_copy_in_write");
    got = cut_one(b, data, len, &row);
    if (got == AGDB__BULK_HEADER) {
        (void)take_header(b, &row);
    } else if (got == AGDB__BULK_BAD) {
        (void)agdb__bulk_rows_fail(&b->rows, &b->error);
    } else if (got == AGDB__BULK_MORE || b->rows.at < b->rows.end) {
        (void)agdb__bulk_in_stand_still(b, AGDB_E_INVAL, "agdb_copy_in_row takes exactly one row");
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

        agdb__bulk_in_step(b, now_us);
        if (all_at_rest(b))
            return;
        if (agdb__gate_is_closed(b->target.gate)) {
            (void)agdb__bulk_in_stand_still(b, AGDB_E_CLOSING, "the client is closing");
            give_up_all(b, b->error);
        }
        if (agdb__bulk_in_tell(b, now_us, false) != AGDB_OK)
            give_up_all(b, b->error);
        agdb__bulk_in_sleep(b, now_us);
    }
}

static agdb_status_t sum_up(const agdb__bulk_in_t *b, agdb_error_t **reterr)
{
    const agdb__leg_t *first = NULL;
    size_t failed = 0;
    size_t i;

    if (!agdb__bulk_in_has_failed(b, &first))
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
    (void)agdb__bulk_in_tell(b, agdb__now_us(), true);
    return sum_up(b, reterr);
}

void agdb__bulk_in_abort(agdb__bulk_in_t *b)
{
    (void)agdb__bulk_in_stand_still(b, AGDB_E_CANCELLED, "the load was given up");
    b->call = NULL;
    come_back(b);
    give_up_all(b, b->error);
    settle(b);
}
