#include "exec/order.h"

#include "base/error.h"
#include "exec/decimal.h"
#include "exec/moment.h"
#include "pg/decode.h"

#include <string.h>

enum { UUID_TEXT = 36 };

/* --- types -------------------------------------------------------------------------------------
 */

static const struct {
    uint32_t oid; /* pg_type.dat */
    agdb__order_t order;
} k_types[] = {
    {16, AGDB__ORDER_BOOL},     /* bool */
    {17, AGDB__ORDER_BYTEA},    /* bytea */
    {19, AGDB__ORDER_TEXT},     /* name */
    {20, AGDB__ORDER_NUMBER},   /* int8 */
    {21, AGDB__ORDER_NUMBER},   /* int2 */
    {23, AGDB__ORDER_NUMBER},   /* int4 */
    {25, AGDB__ORDER_TEXT},     /* text */
    {26, AGDB__ORDER_NUMBER},   /* oid */
    {700, AGDB__ORDER_NUMBER},  /* float4 */
    {701, AGDB__ORDER_NUMBER},  /* float8 */
    {1042, AGDB__ORDER_PADDED}, /* bpchar */
    {1043, AGDB__ORDER_TEXT},   /* varchar */
    {1082, AGDB__ORDER_MOMENT}, /* date */
    {1083, AGDB__ORDER_TIME},   /* time */
    {1114, AGDB__ORDER_MOMENT}, /* timestamp */
    {1184, AGDB__ORDER_MOMENT}, /* timestamptz */
    {1700, AGDB__ORDER_NUMBER}, /* numeric */
    {2950, AGDB__ORDER_UUID},   /* uuid */
};

agdb__order_t agdb__order_of(uint32_t oid)
{
    size_t i;

    for (i = 0; i < sizeof k_types / sizeof k_types[0]; i++)
        if (k_types[i].oid == oid)
            return k_types[i].order;
    return AGDB__ORDER_NONE;
}

agdb_status_t agdb__order_find(uint32_t oid, const char *column, agdb__order_t *ret,
                               agdb_error_t **reterr)
{
    const char *name = agdb__type_name(oid);

    *ret = agdb__order_of(oid);
    if (*ret != AGDB__ORDER_NONE)
        return AGDB_OK;
    return agdb__fail(
        reterr, AGDB_E_MERGE,
        "column '%s' is of type %s (OID %u), whose order is not known to the library: "
        "cast it in the statement, as to text COLLATE \"C\", and order by that",
        column, name != NULL ? name : "unknown", (unsigned)oid);
}

/* --- values ------------------------------------------------------------------------------------
 */

static bool is_uuid(agdb__cell_t cell)
{
    size_t i;

    for (i = 0; i < cell.len; i++) {
        const char c = cell.text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return cell.len == UUID_TEXT;
}

static bool is_bytea(agdb__cell_t cell)
{
    size_t len;

    return agdb__decode_bytea_length(cell.text, cell.len, &len);
}

bool agdb__order_is_readable(agdb__order_t order, agdb__cell_t cell)
{
    agdb__decimal_t decimal;
    agdb__moment_t moment;

    if (cell.text == NULL)
        return true;
    switch (order) {
    case AGDB__ORDER_BOOL:
        return cell.len == 1 && (cell.text[0] == 't' || cell.text[0] == 'f');
    case AGDB__ORDER_NUMBER:
        return agdb__decimal_read(cell, &decimal);
    case AGDB__ORDER_MOMENT:
        return agdb__moment_read(cell, &moment);
    case AGDB__ORDER_TIME:
        return agdb__moment_read_time(cell, &moment);
    case AGDB__ORDER_UUID:
        return is_uuid(cell);
    case AGDB__ORDER_BYTEA:
        return is_bytea(cell);
    case AGDB__ORDER_TEXT:
    case AGDB__ORDER_PADDED:
        return true;
    case AGDB__ORDER_NONE:
        break;
    }
    return false;
}

static int compare_bytes(agdb__cell_t a, agdb__cell_t b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len > 0 ? memcmp(a.text, b.text, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static agdb__cell_t without_padding(agdb__cell_t cell)
{
    while (cell.len > 0 && cell.text[cell.len - 1] == ' ')
        cell.len--;
    return cell;
}

static int compare_numbers(agdb__cell_t a, agdb__cell_t b)
{
    agdb__decimal_t x;
    agdb__decimal_t y;

    return agdb__decimal_read(a, &x) && agdb__decimal_read(b, &y) ? agdb__decimal_compare(&x, &y)
                                                                  : 0;
}

static int compare_moments(agdb__cell_t a, agdb__cell_t b)
{
    agdb__moment_t x;
    agdb__moment_t y;

    return agdb__moment_read(a, &x) && agdb__moment_read(b, &y) ? agdb__moment_compare(&x, &y) : 0;
}

static int compare_times(agdb__cell_t a, agdb__cell_t b)
{
    agdb__moment_t x;
    agdb__moment_t y;

    return agdb__moment_read_time(a, &x) && agdb__moment_read_time(b, &y)
               ? agdb__moment_compare(&x, &y)
               : 0;
}

/* The text of bool, uuid and bytea is in the order of the values. */
int agdb__order_compare(agdb__order_t order, agdb__cell_t a, agdb__cell_t b)
{
    switch (order) {
    case AGDB__ORDER_NUMBER:
        return compare_numbers(a, b);
    case AGDB__ORDER_MOMENT:
        return compare_moments(a, b);
    case AGDB__ORDER_TIME:
        return compare_times(a, b);
    case AGDB__ORDER_PADDED:
        return compare_bytes(without_padding(a), without_padding(b));
    case AGDB__ORDER_BOOL:
    case AGDB__ORDER_UUID:
    case AGDB__ORDER_BYTEA:
        return agdb__order_is_readable(order, a) && agdb__order_is_readable(order, b)
                   ? compare_bytes(a, b)
                   : 0;
    case AGDB__ORDER_TEXT:
        return compare_bytes(a, b);
    case AGDB__ORDER_NONE:
        break;
    }
    return 0;
}

/* --- rows --------------------------------------------------------------------------------------
 */

static int compare_by(const agdb__sort_key_t *key, agdb__cell_t a, agdb__cell_t b)
{
    int order;

    if (a.text == NULL || b.text == NULL) {
        order = (a.text == NULL) - (b.text == NULL);
        return key->nulls_first ? -order : order;
    }
    order = agdb__order_compare(key->order, a, b);
    return key->descending ? -order : order;
}

int agdb__order_rows(const agdb__sort_key_t *keys, size_t nkeys, agdb__cell_fn cell, const void *a,
                     const void *b, size_t *ret_key)
{
    size_t i;

    for (i = 0; i < nkeys; i++) {
        const int order = compare_by(&keys[i], cell(a, keys[i].column), cell(b, keys[i].column));

        if (order == 0)
            continue;
        if (ret_key != NULL)
            *ret_key = i;
        return order;
    }
    return 0;
}

size_t agdb__order_unreadable(const agdb__sort_key_t *keys, size_t nkeys, agdb__cell_fn cell,
                              const void *row)
{
    size_t i = 0;

    while (i < nkeys && agdb__order_is_readable(keys[i].order, cell(row, keys[i].column)))
        i++;
    return i;
}
