#include "exec/fingerprint.h"

#include "map/hash.h"

/* Order matters: (a, b) is another one than (b, a). The factor is that of splitmix64. */
static uint64_t mix(uint64_t so_far, uint64_t next)
{
    return (so_far ^ next) * 0x9E3779B97F4A7C15u + 1;
}

static uint64_t add_texts(uint64_t so_far, const char *const *items, size_t count)
{
    size_t i;

    so_far = mix(so_far, count);
    for (i = 0; i < count; i++)
        so_far = items[i] != NULL ? mix(so_far, agdb__hash_key(items[i], strlen(items[i])))
                                  : mix(so_far, 1);
    return so_far;
}

static uint64_t add_value(uint64_t so_far, const agdb_value_t *v)
{
    so_far = mix(mix(so_far, v->oid), v->kind);
    switch (v->kind) {
    case AGDB_VALUE_TEXT:
    case AGDB_VALUE_BINARY:
        return mix(so_far, agdb__hash_key(v->data, v->len));
    case AGDB_VALUE_INLINE:
        return mix(so_far, agdb__hash_key(v->inline_bytes, v->len));
    case AGDB_VALUE_TEXT_ARRAY:
        return add_texts(so_far, v->data, v->len);
    case AGDB_VALUE_INT8_ARRAY: {
        const int64_t *items = v->data;
        size_t i;

        so_far = mix(so_far, v->len);
        for (i = 0; i < v->len; i++)
            so_far = mix(so_far, (uint64_t)items[i]);
        return so_far;
    }
    default:
        return so_far;
    }
}

static uint64_t add_text(uint64_t so_far, const char *text)
{
    return text != NULL ? mix(so_far, agdb__hash_key(text, strlen(text))) : mix(so_far, 1);
}

uint64_t agdb__fingerprint_order(const agdb_request_t *request, const agdb_merge_t *merge)
{
    uint64_t sum = mix(0, request->tag != NULL ? 1 : 0);
    size_t i;

    sum = add_text(sum, request->tag != NULL ? request->tag : request->sql);
    sum = add_text(sum, request->keyspace);
    for (i = 0; i < merge->norder; i++) {
        const agdb_order_by_t *by = &merge->order[i];

        sum = by->name != NULL ? add_text(sum, by->name) : mix(sum, by->column);
        sum = mix(mix(sum, by->descending ? 1 : 0), (uint64_t)by->nulls);
    }
    return sum;
}

static uint64_t add_request(uint64_t so_far, const agdb_request_t *request)
{
    uint64_t sum = mix(so_far, agdb__hash_key(request->sql, strlen(request->sql)));
    size_t i;

    for (i = 0; i < request->nparams; i++)
        sum = add_value(sum, &request->params[i]);
    return sum;
}

uint64_t agdb__fingerprint_all(const agdb_request_t *requests, size_t count)
{
    uint64_t sum = mix(0, count);
    size_t i;

    for (i = 0; i < count; i++)
        sum = add_request(sum, &requests[i]);
    return sum;
}

uint64_t agdb__fingerprint(const agdb_request_t *request)
{
    return add_request(0, request);
}
