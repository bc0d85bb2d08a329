#include "exec/bulk_rows.h"

#include "base/alloc.h"
#include "base/error.h"

enum { FIRST_ROOM = 8192 };

void agdb__bulk_rows_init(agdb__bulk_rows_t *rows, const agdb__bulk_shape_t *shape)
{
    *rows = (agdb__bulk_rows_t){.shape = *shape};
    rows->had_header = shape->format == AGDB_COPY_BINARY ? shape->bare : !shape->header;
    rows->part = shape->bare ? AGDB__PART_COUNT : AGDB__PART_HEADER;
    rows->null_len = shape->null_text != NULL ? strlen(shape->null_text) : 0;
}

void agdb__bulk_rows_fini(agdb__bulk_rows_t *rows)
{
    agdb__free(rows->carry);
    rows->carry = NULL;
}

void agdb__bulk_rows_feed(agdb__bulk_rows_t *rows, const void *data, size_t len)
{
    rows->at = data;
    rows->end = rows->at + len;
}

void agdb__bulk_rows_finish(agdb__bulk_rows_t *rows)
{
    rows->at = rows->end = NULL;
    rows->finishing = true;
}

/* Of the row that is coming. */
static agdb__bulk_got_t bad(agdb__bulk_rows_t *rows, const char *why)
{
    rows->why = why;
    rows->bad_row = rows->number + 1;
    rows->bad_byte = rows->offset;
    return AGDB__BULK_BAD;
}

/* --- a row that lies in several chunks ----------------------------------------------------------
 */

static bool carry(agdb__bulk_rows_t *rows, const unsigned char *data, size_t len)
{
    size_t room = rows->room != 0 ? rows->room : FIRST_ROOM;
    unsigned char *grown = rows->carry;

    rows->why = NULL;
    if (len > AGDB__BULK_ROW_MAX - rows->carried) {
        rows->why = "a row of over 1 GiB, or a quote that is never closed";
        return false;
    }
    while (room < rows->carried + len)
        room *= 2;
    if (room > rows->room)
        grown = agdb__realloc(rows->carry, room);
    if (grown == NULL)
        return false;
    rows->carry = grown;
    rows->room = room;
    if (len > 0)
        memcpy(grown + rows->carried, data, len);
    rows->carried += len;
    return true;
}

/* --- judging a whole row ------------------------------------------------------------------------
 */

/* Without its line end. */
static size_t bare_length(const agdb__bulk_rows_t *rows, const unsigned char *data, size_t len)
{
    if (rows->shape.format == AGDB_COPY_BINARY || len == 0)
        return len;
    len--;
    return rows->eol == AGDB__EOL_CRNL && len > 0 && data[len - 1] == '\r' ? len - 1 : len;
}

/* The server takes the kind of line end from the first row that it sees, which another shard's is
 * not: so all have to be the same here. */
static const char *check_line_end(const agdb__bulk_rows_t *rows, const unsigned char *data,
                                  size_t len)
{
    const bool text = rows->shape.format == AGDB_COPY_TEXT;
    const bool has_cr =
        len >= 2 && data[len - 2] == '\r' && !(text && agdb__bulk_is_escaped(data, data + len - 2));

    if (rows->eol == AGDB__EOL_NL && has_cr)
        return "it ends in CR LF, and the first one in LF";
    if (rows->eol == AGDB__EOL_CRNL && !has_cr)
        return "it ends in LF, and the first one in CR LF";
    return NULL;
}

/* `\.` at the end of a line is the end of the data for the server, also behind a value: what
 * follows would be lost without a word. In CSV only alone on its line. */
static const char *check_marker(agdb__bulk_rows_t *rows, const unsigned char *data, size_t bare)
{
    if (bare < 2 || data[bare - 1] != '.' || data[bare - 2] != '\\')
        return NULL;
    if (bare == 2)
        rows->ended = true;
    else if (rows->shape.format == AGDB_COPY_TEXT && !agdb__bulk_is_escaped(data, data + bare - 2))
        return "it ends in `\\.`, the mark for the end of the data";
    return NULL;
}

static const char *find_key(agdb__bulk_rows_t *rows, agdb__bulk_row_t *row)
{
    const agdb__bulk_field_t found = agdb__bulk_field(rows, row, (unsigned)rows->shape.key_field,
                                                      rows->key, sizeof rows->key, &row->key);

    if (found == AGDB__FIELD_NULL)
        return "the key is NULL";
    if (found == AGDB__FIELD_MISSING)
        return "it has too few fields: there is no key";
    if (found == AGDB__FIELD_LONG || row->key.len > AGDB_KEY_MAX)
        return "the key has over 255 bytes";
    return row->key.len == 0 ? "the key is empty" : NULL;
}

static agdb__bulk_got_t take_binary_header(agdb__bulk_rows_t *rows, const agdb__bulk_row_t *row)
{
    rows->had_header = true;
    rows->why = agdb__bulk_binary_check(row->data, row->len);
    return rows->why != NULL ? AGDB__BULK_BAD : AGDB__BULK_MORE;
}

/* MORE: it was none, go on. */
static agdb__bulk_got_t judge(agdb__bulk_rows_t *rows, agdb__bulk_row_t *row)
{
    const bool binary = rows->shape.format == AGDB_COPY_BINARY;

    rows->bad_byte = rows->offset;
    rows->bad_row = rows->had_header ? rows->number + 1 : 0;
    rows->offset += row->len;
    row->end = rows->offset;
    if (binary && !rows->had_header)
        return take_binary_header(rows, row);
    rows->why = NULL;
    if (!binary)
        rows->why = check_line_end(rows, row->data, row->len);
    if (!binary && rows->why == NULL)
        rows->why = check_marker(rows, row->data, bare_length(rows, row->data, row->len));
    if (rows->ended)
        return AGDB__BULK_MORE;
    if (!rows->had_header) {
        rows->had_header = true;
        return rows->why != NULL ? AGDB__BULK_BAD : AGDB__BULK_HEADER;
    }
    row->number = ++rows->number;
    row->key = agdb_bytes(NULL, 0);
    if (rows->why == NULL && rows->shape.key_field >= 0)
        rows->why = find_key(rows, row);
    return rows->why != NULL ? AGDB__BULK_BAD : AGDB__BULK_ROW;
}

/* --- the last row -------------------------------------------------------------------------------
 */

static const char *check_cut(const agdb__bulk_rows_t *rows)
{
    switch (rows->shape.format) {
    case AGDB_COPY_TEXT:
        return rows->escaped ? "the input ends in a backslash" : NULL;
    case AGDB_COPY_CSV:
        return rows->in_quote ? "the input ends within quotes" : NULL;
    case AGDB_COPY_BINARY:
        break;
    }
    return "the input ends within a row, or within its header";
}

/* It may lack its line end. */
static agdb__bulk_got_t last_row(agdb__bulk_rows_t *rows, agdb__bulk_row_t *row)
{
    const size_t real = rows->carried;

    if (real == 0) {
        if (rows->shape.format == AGDB_COPY_BINARY && !rows->shape.bare && !rows->ended)
            return bad(rows, "the input ends without its trailer: it has been cut off");
        return AGDB__BULK_MORE;
    }
    if (check_cut(rows) != NULL)
        return bad(rows, check_cut(rows));
    if (rows->after_cr)
        rows->eol = AGDB__EOL_CR;
    else if (!carry(rows,
                    (const unsigned char *)(rows->eol == AGDB__EOL_CRNL ? "\r\n"
                                            : rows->eol == AGDB__EOL_CR ? "\r"
                                                                        : "\n"),
                    rows->eol == AGDB__EOL_CRNL ? 2 : 1))
        return bad(rows, rows->why);
    else if (rows->eol == AGDB__EOL_UNKNOWN)
        rows->eol = AGDB__EOL_NL;
    rows->after_cr = false;
    *row = (agdb__bulk_row_t){.data = rows->carry, .len = rows->carried};
    rows->offset -= rows->carried - real; /* what the input does not have is not counted */
    rows->given = true;
    return AGDB__BULK_ROW;
}

/* --- next ---------------------------------------------------------------------------------------
 */

static const unsigned char *scan(agdb__bulk_rows_t *rows)
{
    rows->why = NULL;
    switch (rows->shape.format) {
    case AGDB_COPY_TEXT:
        return agdb__bulk_text_scan(rows, rows->at, rows->end);
    case AGDB_COPY_CSV:
        return agdb__bulk_csv_scan(rows, rows->at, rows->end);
    case AGDB_COPY_BINARY:
        break;
    }
    return agdb__bulk_binary_scan(rows, rows->at, rows->end);
}

/* The next whole row; MORE: its end has not come. */
static agdb__bulk_got_t cut(agdb__bulk_rows_t *rows, agdb__bulk_row_t *row)
{
    const unsigned char *from = rows->at;
    const unsigned char *stop = scan(rows);

    if (stop == NULL && rows->why != NULL)
        return bad(rows, rows->why);
    if (rows->carried > 0 || stop == NULL) {
        if (!carry(rows, from, (size_t)((stop != NULL ? stop : rows->end) - from)))
            return bad(rows, rows->why);
        *row = (agdb__bulk_row_t){.data = rows->carry, .len = rows->carried};
        rows->given = stop != NULL;
    } else {
        *row = (agdb__bulk_row_t){.data = from, .len = (size_t)(stop - from)};
    }
    rows->at = stop != NULL ? stop : rows->end;
    return stop != NULL ? AGDB__BULK_ROW : AGDB__BULK_MORE;
}

/* Behind the end marker nothing but line ends may come. */
static agdb__bulk_got_t past_the_end(agdb__bulk_rows_t *rows)
{
    for (; rows->at < rows->end; rows->at++)
        if (rows->shape.format == AGDB_COPY_BINARY || (*rows->at != '\n' && *rows->at != '\r'))
            return bad(rows, "there is data behind the mark for the end of the data");
    return AGDB__BULK_MORE;
}

static bool take_plain(agdb__bulk_rows_t *rows, agdb__bulk_row_t *ret)
{
    if (rows->shape.format != AGDB_COPY_TEXT || rows->ended || !agdb__bulk_text_plain(rows, ret))
        return false;
    rows->at += ret->len;
    rows->offset += ret->len;
    ret->end = rows->offset;
    ret->number = ++rows->number;
    return true;
}

agdb__bulk_got_t agdb__bulk_rows_next(agdb__bulk_rows_t *rows, agdb__bulk_row_t *ret)
{
    agdb__bulk_got_t got;

    for (;;) {
        if (rows->given)
            rows->carried = 0;
        rows->given = false;
        if (take_plain(rows, ret))
            return AGDB__BULK_ROW;
        if (rows->ended)
            return past_the_end(rows);
        if (rows->finishing)
            got = last_row(rows, ret);
        else if (rows->at < rows->end)
            got = cut(rows, ret);
        else
            return AGDB__BULK_MORE;
        if (got != AGDB__BULK_ROW)
            return got;
        got = judge(rows, ret);
        if (got != AGDB__BULK_MORE)
            return got;
    }
}

agdb_status_t agdb__bulk_rows_fail(const agdb__bulk_rows_t *rows, agdb_error_t **reterr)
{
    if (rows->why == NULL)
        return agdb__fail_nomem(reterr);
    if (rows->bad_row == 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "the input's header: %s", rows->why);
    return agdb__fail(reterr, AGDB_E_INVAL, "row %llu of the input, from byte %llu on: %s",
                      (unsigned long long)rows->bad_row, (unsigned long long)rows->bad_byte,
                      rows->why);
}

agdb__bulk_field_t agdb__bulk_field(const agdb__bulk_rows_t *rows, const agdb__bulk_row_t *row,
                                    unsigned field, unsigned char *buf, size_t size,
                                    agdb_bytes_t *ret)
{
    const size_t len = bare_length(rows, row->data, row->len);

    switch (rows->shape.format) {
    case AGDB_COPY_TEXT:
        return agdb__bulk_text_field(&rows->shape, row->data, len, field, buf, size, ret);
    case AGDB_COPY_CSV:
        return agdb__bulk_csv_field(&rows->shape, row->data, len, field, buf, size, ret);
    case AGDB_COPY_BINARY:
        break;
    }
    return agdb__bulk_binary_field(row->data, len, field, ret);
}
