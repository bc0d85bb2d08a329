/* CSV: a line end or a delimiter between quotes is data. A quote counts wherever it stands. */
#include "exec/bulk_rows.h"

/* --- where a row ends --------------------------------------------------------------------------
 */

static const unsigned char *done(agdb__bulk_rows_t *rows, const unsigned char *end)
{
    rows->in_quote = false;
    rows->after_escape = false;
    return end;
}

/* As the server goes on from byte to byte. */
static void see(agdb__bulk_rows_t *rows, unsigned char c)
{
    const unsigned char quote = (unsigned char)rows->shape.quote;
    const unsigned char escape = (unsigned char)rows->shape.escape;
    const bool apart = quote != escape;

    if (apart && rows->in_quote && c == escape)
        rows->after_escape = !rows->after_escape;
    if (c == quote && !rows->after_escape)
        rows->in_quote = !rows->in_quote;
    if (!apart || c != escape)
        rows->after_escape = false;
}

/* Byte for byte: the first row, which says which kind of line end the stream has, and streams with
 * an escape of their own. */
static const unsigned char *scan_slowly(agdb__bulk_rows_t *rows, const unsigned char *p,
                                        const unsigned char *end)
{
    const unsigned char last = rows->eol == AGDB__EOL_CR ? '\r' : '\n';

    for (; p < end; p++) {
        if (rows->after_cr) {
            rows->after_cr = false;
            rows->eol = *p == '\n' ? AGDB__EOL_CRNL : AGDB__EOL_CR;
            return done(rows, p + (*p == '\n'));
        }
        if (!rows->in_quote && *p == last) {
            if (rows->eol == AGDB__EOL_UNKNOWN)
                rows->eol = AGDB__EOL_NL;
            return done(rows, p + 1);
        }
        if (!rows->in_quote && *p == '\r' && rows->eol == AGDB__EOL_UNKNOWN)
            rows->after_cr = true;
        else
            see(rows, *p);
    }
    return NULL;
}

/* Each byte is looked at once for line ends and once for quotes. */
static const unsigned char *scan(agdb__bulk_rows_t *rows, const unsigned char *p,
                                 const unsigned char *end)
{
    const int last = rows->eol == AGDB__EOL_CR ? '\r' : '\n';
    const unsigned char *stop = p; /* the line end behind p, or `end`; looked for when behind p */
    bool known = false;

    for (;;) {
        const unsigned char *quote;

        if (rows->in_quote) {
            quote = memchr(p, rows->shape.quote, (size_t)(end - p));
            if (quote == NULL)
                return NULL;
            rows->in_quote = false;
            p = quote + 1;
        }
        if (!known || stop < p) {
            stop = memchr(p, last, (size_t)(end - p));
            stop = stop != NULL ? stop : end;
            known = true;
        }
        quote = memchr(p, rows->shape.quote, (size_t)(stop - p));
        if (quote == NULL)
            return stop < end ? done(rows, stop + 1) : NULL;
        rows->in_quote = true;
        p = quote + 1;
    }
}

const unsigned char *agdb__bulk_csv_scan(agdb__bulk_rows_t *rows, const unsigned char *from,
                                         const unsigned char *end)
{
    if (rows->eol == AGDB__EOL_UNKNOWN || rows->shape.quote != rows->shape.escape)
        return scan_slowly(rows, from, end);
    return scan(rows, from, end);
}

/* --- values ------------------------------------------------------------------------------------
 */

/* A field, from its beginning on. */
typedef struct field {
    const unsigned char *p; /* moves to the delimiter behind it, or to the end */
    const unsigned char *end;
    unsigned char *buf; /* NULL: its value is not wanted */
    size_t size;
    size_t len;
    bool quoted;
    bool fits;
} field_t;

static void put(field_t *f, unsigned char c)
{
    if (f->buf == NULL)
        return;
    if (f->len == f->size)
        f->fits = false;
    else
        f->buf[f->len++] = c;
}

static void take_quoted(field_t *f, const agdb__bulk_shape_t *shape)
{
    const unsigned char quote = (unsigned char)shape->quote;
    const unsigned char escape = (unsigned char)shape->escape;

    f->quoted = true;
    while (f->p < f->end) {
        const unsigned char c = *f->p++;

        if (c == escape && f->p < f->end && (*f->p == escape || *f->p == quote))
            put(f, *f->p++);
        else if (c == quote)
            return;
        else
            put(f, c);
    }
}

static void take_field(field_t *f, const agdb__bulk_shape_t *shape)
{
    while (f->p < f->end && *f->p != (unsigned char)shape->delimiter) {
        if (*f->p != (unsigned char)shape->quote) {
            put(f, *f->p++);
        } else {
            f->p++;
            take_quoted(f, shape);
        }
    }
}

/* Moves behind the delimiter that ends the field at `p`; NULL: it is the last one. */
static const unsigned char *skip_field(const agdb__bulk_shape_t *shape, const unsigned char *p,
                                       const unsigned char *end)
{
    const unsigned char *stop = memchr(p, shape->delimiter, (size_t)(end - p));
    field_t f = {.p = p, .end = end};

    if (memchr(p, shape->quote, (size_t)((stop != NULL ? stop : end) - p)) == NULL)
        return stop != NULL ? stop + 1 : NULL;
    take_field(&f, shape);
    return f.p < end ? f.p + 1 : NULL;
}

static agdb__bulk_field_t take_value(const agdb__bulk_shape_t *shape, const unsigned char *p,
                                     const unsigned char *end, unsigned char *buf, size_t size,
                                     agdb_bytes_t *ret)
{
    field_t f = {.p = p, .end = end, .buf = buf, .size = size, .fits = true};

    take_field(&f, shape);
    if (!f.fits)
        return AGDB__FIELD_LONG;
    if (!f.quoted && f.len == strlen(shape->null_text) && memcmp(buf, shape->null_text, f.len) == 0)
        return AGDB__FIELD_NULL;
    *ret = agdb_bytes(buf, f.len);
    return AGDB__FIELD_FOUND;
}

agdb__bulk_field_t agdb__bulk_csv_field(const agdb__bulk_shape_t *shape, const unsigned char *row,
                                        size_t len, unsigned field, unsigned char *buf, size_t size,
                                        agdb_bytes_t *ret)
{
    const unsigned char *end = row + len;

    while (field-- > 0) {
        row = skip_field(shape, row, end);
        if (row == NULL)
            return AGDB__FIELD_MISSING;
    }
    return take_value(shape, row, end, buf, size, ret);
}
