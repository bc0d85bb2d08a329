#include "exec/copy.h"

#include "exec/block.h"

static size_t texts_size(const char *const *items, size_t count)
{
    size_t size = agdb__block_step(count * sizeof(char *));
    size_t i;

    for (i = 0; i < count; i++)
        if (items[i] != NULL)
            size += agdb__block_step(strlen(items[i]) + 1);
    return size;
}

static size_t value_size(const agdb_value_t *v)
{
    switch (v->kind) {
    case AGDB_VALUE_TEXT:
    case AGDB_VALUE_BINARY:
        return agdb__block_step(v->len);
    case AGDB_VALUE_TEXT_ARRAY:
        return texts_size(v->data, v->len);
    case AGDB_VALUE_INT8_ARRAY:
        return v->len * sizeof(int64_t);
    default:
        return 0;
    }
}

size_t agdb__copy_size(const agdb_request_t *request)
{
    size_t size = agdb__block_step(strlen(request->sql) + 1);
    size_t i;

    if (request->idempotency_key != NULL)
        size += agdb__block_step(strlen(request->idempotency_key) + 1);
    if (request->tag != NULL)
        size += agdb__block_step(strlen(request->tag) + 1);
    size += agdb__block_step(request->key.len);
    size += agdb__block_step(request->nparams * sizeof *request->params);
    for (i = 0; i < request->nparams; i++)
        size += value_size(&request->params[i]);
    return size;
}

static void *put_texts(char **at, const char *const *items, size_t count)
{
    const char **copy = agdb__block_put(at, items, count * sizeof(char *));
    size_t i;

    for (i = 0; i < count; i++)
        if (items[i] != NULL)
            copy[i] = agdb__block_put(at, items[i], strlen(items[i]) + 1);
    return copy;
}

static void put_value(char **at, agdb_value_t *v)
{
    switch (v->kind) {
    case AGDB_VALUE_TEXT:
    case AGDB_VALUE_BINARY:
        v->data = agdb__block_put(at, v->data, v->len);
        break;
    case AGDB_VALUE_TEXT_ARRAY:
        v->data = put_texts(at, v->data, v->len);
        break;
    case AGDB_VALUE_INT8_ARRAY:
        v->data = agdb__block_put(at, v->data, v->len * sizeof(int64_t));
        break;
    default:
        break;
    }
}

void agdb__copy_request(const agdb_request_t *request, void *block, agdb_request_t *ret)
{
    char *at = block;
    agdb_value_t *params;
    size_t i;

    *ret = *request;
    if (request->key.len > 0)
        ret->key =
            agdb_bytes(agdb__block_put(&at, request->key.data, request->key.len), request->key.len);
    if (request->idempotency_key != NULL)
        ret->idempotency_key =
            agdb__block_put(&at, request->idempotency_key, strlen(request->idempotency_key) + 1);
    if (request->tag != NULL)
        ret->tag = agdb__block_put(&at, request->tag, strlen(request->tag) + 1);
    ret->shard = NULL;
    ret->keyspace = NULL;
    params = agdb__block_put(&at, request->params, request->nparams * sizeof *params);
    ret->params = params;
    for (i = 0; i < request->nparams; i++)
        put_value(&at, &params[i]);
    ret->sql = agdb__block_put(&at, request->sql, strlen(request->sql) + 1);
}
