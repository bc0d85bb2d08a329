#include "pg/params.h"

#include "base/alloc.h"
#include "base/error.h"

#include <limits.h>

enum { ARRAY_HEADER = 20, EMPTY_ARRAY_HEADER = 12, LENGTH_WORD = 4 };

static const size_t k_value_max = 1u << 30; /* the server's limit for one value, about 1 GB */

static char *put_u32(char *at, uint32_t number)
{
    at[0] = (char)(number >> 24);
    at[1] = (char)(number >> 16);
    at[2] = (char)(number >> 8);
    at[3] = (char)number;
    return at + 4;
}

/* Bytes of scratch that the value needs; SIZE_MAX when it is too big to send. */
static size_t scratch_need(const agdb_value_t *v)
{
    const char *const *items = v->data;
    size_t need;
    size_t i;

    switch (v->kind) {
    case AGDB_VALUE_TEXT: /* libpq wants a NUL behind text, the caller need not have one */
        return v->len < k_value_max ? v->len + 1 : SIZE_MAX;
    case AGDB_VALUE_INT8_ARRAY:
        return v->len < k_value_max / 12 ? ARRAY_HEADER + v->len * 12 : SIZE_MAX;
    case AGDB_VALUE_TEXT_ARRAY:
        need = ARRAY_HEADER;
        for (i = 0; i < v->len && need < k_value_max; i++)
            need += LENGTH_WORD + (items[i] != NULL ? strlen(items[i]) : 0);
        return need < k_value_max ? need : SIZE_MAX;
    default:
        return 0;
    }
}

static char *put_array_header(char *at, size_t count, uint32_t element, bool has_null)
{
    at = put_u32(at, count != 0 ? 1 : 0); /* dimensions */
    at = put_u32(at, has_null ? 1 : 0);
    at = put_u32(at, element);
    if (count == 0)
        return at;
    at = put_u32(at, (uint32_t)count);
    return put_u32(at, 1); /* lower bound */
}

static char *put_int8_array(char *at, const agdb_value_t *v)
{
    const int64_t *items = v->data;
    size_t i;

    at = put_array_header(at, v->len, AGDB_OID_INT8, false);
    for (i = 0; i < v->len; i++) {
        at = put_u32(at, 8);
        at = put_u32(at, (uint32_t)((uint64_t)items[i] >> 32));
        at = put_u32(at, (uint32_t)(uint64_t)items[i]);
    }
    return at;
}

static char *put_text_array(char *at, const agdb_value_t *v)
{
    const char *const *items = v->data;
    bool has_null = false;
    size_t len;
    size_t i;

    for (i = 0; i < v->len; i++)
        has_null = has_null || items[i] == NULL;
    at = put_array_header(at, v->len, AGDB_OID_TEXT, has_null);
    for (i = 0; i < v->len; i++) {
        if (items[i] == NULL) {
            at = put_u32(at, UINT32_MAX);
            continue;
        }
        len = strlen(items[i]);
        at = put_u32(at, (uint32_t)len);
        memcpy(at, items[i], len);
        at += len;
    }
    return at;
}

static agdb_status_t check_value(const agdb_value_t *v, size_t number, agdb_error_t **reterr)
{
    if (v->kind == AGDB_VALUE_NULL || v->kind == AGDB_VALUE_INLINE) {
        if (v->len > sizeof v->inline_bytes)
            return agdb__fail(reterr, AGDB_E_INVAL, "parameter $%zu is not a valid value", number);
        return AGDB_OK;
    }
    if (v->kind == AGDB_VALUE_SHARD_KEYS)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "parameter $%zu: agdb_shard_keys() needs a request with .keys", number);
    if (v->kind > AGDB_VALUE_INT8_ARRAY)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "parameter $%zu is not a valid value: make it with agdb_text() and such",
                          number);
    if (v->data == NULL && v->len != 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "parameter $%zu has a length but no data", number);
    if (v->kind == AGDB_VALUE_TEXT && v->len != 0 && memchr(v->data, '\0', v->len) != NULL)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "parameter $%zu: text with a NUL byte inside cannot be sent, use "
                          "agdb_bytea() and a bytea column",
                          number);
    if (v->len >= k_value_max || scratch_need(v) == SIZE_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL, "parameter $%zu is over 1 GiB", number);
    return AGDB_OK;
}

/* Makes room for `total` bytes of text and arrays, and for the four arrays. */
static bool reserve(agdb__params_t *p, size_t count, size_t total)
{
    const size_t one =
        sizeof *p->values + sizeof *p->lengths + sizeof *p->formats + sizeof *p->types;

    if (count <= AGDB__PARAMS_INLINE) {
        p->values = p->inline_values;
        p->lengths = p->inline_lengths;
        p->formats = p->inline_formats;
        p->types = p->inline_types;
    } else {
        p->heap = agdb__malloc(count * one);
        if (p->heap == NULL)
            return false;
        p->values = p->heap; /* pointers first: the rest needs less alignment */
        p->lengths = (int *)(void *)(p->values + count);
        p->formats = p->lengths + count;
        p->types = (unsigned *)(void *)(p->formats + count);
    }
    if (total > sizeof p->scratch) {
        p->big = agdb__malloc(total);
        if (p->big == NULL) {
            agdb__free(p->heap);
            p->heap = NULL;
            return false;
        }
    }
    return true;
}

static void put_value(agdb__params_t *p, size_t i, const agdb_value_t *v)
{
    char *start = (p->big != NULL ? p->big : p->scratch) + p->used;
    char *end = start;

    p->types[i] = v->oid;
    p->lengths[i] = (int)v->len;
    p->formats[i] = 1;
    switch (v->kind) {
    case AGDB_VALUE_TEXT:
        p->formats[i] = 0;
        p->values[i] = start;
        if (v->len != 0)
            memcpy(start, v->data, v->len);
        start[v->len] = '\0';
        end = start + v->len + 1;
        break;
    case AGDB_VALUE_BINARY:
        p->values[i] = v->data != NULL ? v->data : "";
        break;
    case AGDB_VALUE_INLINE:
        p->values[i] = (const char *)v->inline_bytes;
        break;
    case AGDB_VALUE_TEXT_ARRAY:
    case AGDB_VALUE_INT8_ARRAY:
        p->values[i] = start;
        end =
            v->kind == AGDB_VALUE_TEXT_ARRAY ? put_text_array(start, v) : put_int8_array(start, v);
        p->lengths[i] = (int)(end - start);
        break;
    default:
        p->values[i] = NULL;
        p->lengths[i] = 0;
        p->formats[i] = 0;
        break;
    }
    p->used += (size_t)(end - start);
}

agdb_status_t agdb__params_check(const agdb_value_t *values, size_t count, size_t *ret_scratch,
                                 agdb_error_t **reterr)
{
    size_t total = 0;
    agdb_status_t st;
    size_t i;

    if (count > AGDB__PARAMS_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "%zu parameters are over the protocol's limit of %d: pass an array",
                          count, AGDB__PARAMS_MAX);
    if (count != 0 && values == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "%zu parameters are announced, none are given",
                          count);
    for (i = 0; i < count; i++) {
        st = check_value(&values[i], i + 1, reterr);
        if (st != AGDB_OK)
            return st;
        total += scratch_need(&values[i]);
        if (total > INT_MAX)
            return agdb__fail(reterr, AGDB_E_INVAL, "the parameters are over 2 GiB together");
    }
    *ret_scratch = total;
    return AGDB_OK;
}

agdb_status_t agdb__params_init(agdb__params_t *p, const agdb_value_t *values, size_t count,
                                agdb_error_t **reterr)
{
    size_t total = 0;
    agdb_status_t st;
    size_t i;

    p->count = 0;
    p->heap = NULL;
    p->big = NULL;
    p->used = 0;
    st = agdb__params_check(values, count, &total, reterr);
    if (st != AGDB_OK)
        return st;
    if (!reserve(p, count, total))
        return agdb__fail_nomem(reterr);
    for (i = 0; i < count; i++)
        put_value(p, i, &values[i]);
    p->count = (int)count;
    return AGDB_OK;
}

void agdb__params_fini(agdb__params_t *p)
{
    agdb__free(p->heap);
    agdb__free(p->big);
}
