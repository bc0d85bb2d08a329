/* Text format: a backslash takes the special meaning from the byte behind it, a line end included.
 */
#include "exec/bulk_rows.h"

bool agdb__bulk_is_escaped(const unsigned char *from, const unsigned char *at)
{
    const unsigned char *p = at;

    while (p > from && p[-1] == '\\')
        p--;
    return ((at - p) & 1) != 0;
}

/* --- where a row ends --------------------------------------------------------------------------
 */

/* At the end of a chunk: whether the first byte of the next one is escaped. */
static void remember(agdb__bulk_rows_t *rows, const unsigned char *from, const unsigned char *end)
{
    const unsigned char *p = end;

    while (p > from && p[-1] == '\\')
        p--;
    rows->escaped = (((end - p) & 1) != 0) != (p == from && rows->escaped);
}

static bool is_escaped(const agdb__bulk_rows_t *rows, const unsigned char *from,
                       const unsigned char *at)
{
    const unsigned char *p = at;

    if (p > from && p[-1] != '\\')
        return false;
    while (p > from && p[-1] == '\\')
        p--;
    return (((at - p) & 1) != 0) != (p == from && rows->escaped);
}

static const unsigned char *done(agdb__bulk_rows_t *rows, const unsigned char *end)
{
    rows->escaped = false;
    return end;
}

/* The first row says which kind of line end the stream has. */
static const unsigned char *scan_first(agdb__bulk_rows_t *rows, const unsigned char *p,
                                       const unsigned char *end)
{
    for (; p < end; p++) {
        if (rows->after_cr) {
            rows->after_cr = false;
            rows->eol = *p == '\n' ? AGDB__EOL_CRNL : AGDB__EOL_CR;
            return done(rows, p + (*p == '\n'));
        }
        if (rows->escaped) {
            rows->escaped = false;
        } else if (*p == '\\') {
            rows->escaped = true;
        } else if (*p == '\n') {
            rows->eol = AGDB__EOL_NL;
            return done(rows, p + 1);
        } else {
            rows->after_cr = *p == '\r';
        }
    }
    return NULL;
}

const unsigned char *agdb__bulk_text_scan(agdb__bulk_rows_t *rows, const unsigned char *from,
                                          const unsigned char *end)
{
    const int last = rows->eol == AGDB__EOL_CR ? '\r' : '\n';
    const unsigned char *p = from;

    if (rows->eol == AGDB__EOL_UNKNOWN)
        return scan_first(rows, from, end);
    while ((p = memchr(p, last, (size_t)(end - p))) != NULL) {
        if (!is_escaped(rows, from, p))
            return done(rows, p + 1);
        p++;
    }
    remember(rows, from, end);
    return NULL;
}

static bool is_null(const agdb__bulk_rows_t *rows, const unsigned char *value, size_t len)
{
    return len == rows->null_len && memcmp(value, rows->shape.null_text, len) == 0;
}

/* The key, when nothing in it or ahead of it is escaped. */
static bool plain_key(const agdb__bulk_rows_t *rows, const unsigned char *p,
                      const unsigned char *end, agdb_bytes_t *ret)
{
    const int delimiter = (unsigned char)rows->shape.delimiter;
    const unsigned char *stop = memchr(p, delimiter, (size_t)(end - p));
    int field = rows->shape.key_field;
    size_t len;

    for (; field > 0; field--) {
        if (stop == NULL || (stop > p && stop[-1] == '\\'))
            return false;
        p = stop + 1;
        stop = memchr(p, delimiter, (size_t)(end - p));
    }
    len = (size_t)((stop != NULL ? stop : end) - p);
    *ret = agdb_bytes(p, len);
    return len > 0 && len <= AGDB_KEY_MAX && memchr(p, '\\', len) == NULL && !is_null(rows, p, len);
}

bool agdb__bulk_text_plain(const agdb__bulk_rows_t *rows, agdb__bulk_row_t *ret)
{
    const unsigned char *from = rows->at;
    const unsigned char *stop;

    if (rows->eol != AGDB__EOL_NL || rows->carried > 0 || !rows->had_header || from == rows->end)
        return false;
    stop = memchr(from, '\n', (size_t)(rows->end - from));
    if (stop == NULL || stop == from || stop[-1] == '\\' || stop[-1] == '\r' || stop[-1] == '.')
        return false;
    ret->data = from;
    ret->len = (size_t)(stop - from) + 1;
    ret->key = agdb_bytes(NULL, 0);
    return rows->shape.key_field < 0 || plain_key(rows, from, stop, &ret->key);
}

/* --- values ------------------------------------------------------------------------------------
 */

static const unsigned char *find_delimiter(const unsigned char *p, const unsigned char *end,
                                           int delimiter)
{
    const unsigned char *from = p;

    while ((p = memchr(p, delimiter, (size_t)(end - p))) != NULL) {
        if (p == from || p[-1] != '\\' || !agdb__bulk_is_escaped(from, p))
            return p;
        p++;
    }
    return NULL;
}

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_octal(unsigned char c)
{
    return c >= '0' && c <= '7';
}

static unsigned char take_octal(const unsigned char **p, const unsigned char *end)
{
    unsigned value = 0;
    int i;

    for (i = 0; i < 3 && *p < end && is_octal(**p); i++)
        value = value * 8 + (unsigned)(*(*p)++ - '0');
    return (unsigned char)value;
}

static unsigned char take_hex(const unsigned char **p, const unsigned char *end)
{
    unsigned value = 0;
    int i;

    for (i = 0; i < 2 && *p < end && hex_digit(**p) >= 0; i++)
        value = value * 16 + (unsigned)hex_digit(*(*p)++);
    return (unsigned char)value;
}

/* Of what is behind a backslash. */
static unsigned char take_escape(const unsigned char **p, const unsigned char *end)
{
    static const char letters[] = "bfnrtv";
    static const char bytes[] = "\b\f\n\r\t\v";
    const unsigned char c = **p;
    const char *at;

    if (is_octal(c))
        return take_octal(p, end);
    (*p)++;
    if (c == 'x' && *p < end && hex_digit(**p) >= 0)
        return take_hex(p, end);
    at = c != '\0' ? strchr(letters, c) : NULL;
    return at != NULL ? (unsigned char)bytes[at - letters] : c;
}

static agdb__bulk_field_t unescape(const unsigned char *p, const unsigned char *end,
                                   unsigned char *buf, size_t size, agdb_bytes_t *ret)
{
    size_t n = 0;

    while (p < end) {
        unsigned char c = *p++;

        if (c == '\\') {
            if (p == end)
                break; /* the server drops it, too */
            c = take_escape(&p, end);
        }
        if (n == size)
            return AGDB__FIELD_LONG;
        buf[n++] = c;
    }
    *ret = agdb_bytes(buf, n);
    return AGDB__FIELD_FOUND;
}

agdb__bulk_field_t agdb__bulk_text_field(const agdb__bulk_shape_t *shape, const unsigned char *row,
                                         size_t len, unsigned field, unsigned char *buf,
                                         size_t size, agdb_bytes_t *ret)
{
    const unsigned char *end = row + len;
    const unsigned char *stop = find_delimiter(row, end, shape->delimiter);
    size_t n;

    while (field-- > 0) {
        if (stop == NULL)
            return AGDB__FIELD_MISSING;
        row = stop + 1;
        stop = find_delimiter(row, end, shape->delimiter);
    }
    end = stop != NULL ? stop : end;
    n = (size_t)(end - row);
    if (n == strlen(shape->null_text) && memcmp(row, shape->null_text, n) == 0)
        return AGDB__FIELD_NULL;
    if (memchr(row, '\\', n) != NULL)
        return unescape(row, end, buf, size, ret);
    if (n > size)
        return AGDB__FIELD_LONG;
    *ret = agdb_bytes(row, n);
    return AGDB__FIELD_FOUND;
}
