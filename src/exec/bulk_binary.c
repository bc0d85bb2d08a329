/* Binary format: a header, rows of counted fields, and a trailer in the place of a row's count. */
#include "exec/bulk_rows.h"

static const unsigned char k_signature[11] = {'P',  'G',  'C',  'O',  'P', 'Y',
                                              '\n', 0xff, '\r', '\n', 0};

enum { FLAGS_AT = 11, EXTENSION_AT = 15, HEADER_SIZE = 19 };

static const char k_null_length[] = "a value has a length that cannot be";

static uint32_t read_uint32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

const char *agdb__bulk_binary_check(const unsigned char *header, size_t len)
{
    if (len < HEADER_SIZE || memcmp(header, k_signature, sizeof k_signature) != 0)
        return "the input does not begin as a binary COPY does";
    if (read_uint32(header + FLAGS_AT) >> 16 != 0)
        return "the input has a flag that is not known";
    return NULL;
}

/* --- where a row ends --------------------------------------------------------------------------
 */

/* A number of `size` bytes, which may come in pieces. */
static bool take_number(agdb__bulk_rows_t *rows, const unsigned char **p, const unsigned char *end,
                        unsigned size)
{
    while (*p < end && rows->have < size) {
        rows->value = rows->value << 8 | *(*p)++;
        rows->have++;
    }
    if (rows->have < size)
        return false;
    rows->have = 0;
    return true;
}

static bool take_skip(agdb__bulk_rows_t *rows, const unsigned char **p, const unsigned char *end)
{
    const uint64_t there = (uint64_t)(end - *p);
    const uint64_t n = rows->skip < there ? rows->skip : there;

    *p += n;
    rows->skip -= n;
    return rows->skip == 0;
}

/* The fixed part, whose last number says how much follows. */
static bool take_header(agdb__bulk_rows_t *rows, const unsigned char **p, const unsigned char *end)
{
    while (*p < end && rows->have < HEADER_SIZE) {
        rows->value = rows->value << 8 | *(*p)++;
        rows->have++;
        if (rows->have == HEADER_SIZE)
            rows->skip = rows->value;
    }
    return rows->have == HEADER_SIZE && take_skip(rows, p, end);
}

static void next_part(agdb__bulk_rows_t *rows)
{
    rows->value = 0;
    rows->part = rows->fields > 0 ? AGDB__PART_LENGTH : AGDB__PART_COUNT;
}

static bool take_count(agdb__bulk_rows_t *rows)
{
    if (rows->value == 0xffff) {
        rows->fields = 0;
        rows->ended = true;
    } else if (rows->value > 0x7fff) {
        rows->why = "a row has a number of fields that cannot be";
        return false;
    } else {
        rows->fields = rows->value;
    }
    next_part(rows);
    return true;
}

static bool take_length(agdb__bulk_rows_t *rows)
{
    if (rows->value == 0xffffffff) { /* NULL */
        rows->fields--;
        next_part(rows);
        return true;
    }
    if (rows->value > AGDB__BULK_ROW_MAX) {
        rows->why = k_null_length;
        return false;
    }
    rows->skip = rows->value;
    rows->part = AGDB__PART_DATA;
    return true;
}

const unsigned char *agdb__bulk_binary_scan(agdb__bulk_rows_t *rows, const unsigned char *from,
                                            const unsigned char *end)
{
    const unsigned char *p = from;

    for (;;) {
        switch (rows->part) {
        case AGDB__PART_HEADER:
            if (!take_header(rows, &p, end))
                return NULL;
            rows->have = 0;
            next_part(rows);
            return p;
        case AGDB__PART_COUNT:
            if (!take_number(rows, &p, end, 2) || !take_count(rows))
                return NULL;
            break;
        case AGDB__PART_LENGTH:
            if (!take_number(rows, &p, end, 4) || !take_length(rows))
                return NULL;
            break;
        case AGDB__PART_DATA:
            if (!take_skip(rows, &p, end))
                return NULL;
            rows->fields--;
            next_part(rows);
            break;
        }
        if (rows->part == AGDB__PART_COUNT)
            return p;
    }
}

/* --- values ------------------------------------------------------------------------------------
 */

agdb__bulk_field_t agdb__bulk_binary_field(const unsigned char *row, size_t len, unsigned field,
                                           agdb_bytes_t *ret)
{
    const unsigned char *p = row + 2;
    const unsigned count = (unsigned)row[0] << 8 | row[1];
    unsigned i;

    (void)len;
    for (i = 0; i < count; i++) {
        const uint32_t n = read_uint32(p);

        p += 4;
        if (i == field && n == 0xffffffff)
            return AGDB__FIELD_NULL;
        if (i == field) {
            *ret = agdb_bytes(p, n);
            return AGDB__FIELD_FOUND;
        }
        p += n != 0xffffffff ? n : 0;
    }
    return AGDB__FIELD_MISSING;
}
