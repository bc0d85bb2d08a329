#include "pg/stmt_cache.h"

#include "base/alloc.h"
#include "pg/text_hash.h"

#include <inttypes.h>
#include <stdio.h>

void agdb__stmt_cache_init(agdb__stmt_cache_t *cache, size_t max)
{
    *cache = (agdb__stmt_cache_t){.max = max};
}

void agdb__stmt_cache_fini(agdb__stmt_cache_t *cache)
{
    agdb__stmt_t *stmt = cache->newest;

    while (stmt != NULL) {
        agdb__stmt_t *older = stmt->older;
        agdb__stmt_free(stmt);
        stmt = older;
    }
    agdb__stmt_cache_init(cache, cache->max);
}

static uint64_t hash_key(const agdb__stmt_key_t *key)
{
    uint64_t h = key->sql_hash != 0 ? key->sql_hash : agdb__statement_hash(key->sql, key->sql_len);

    if (key->tag != NULL)
        h = agdb__text_hash(h, key->tag, strlen(key->tag));

    return key->nparams > 0
               ? agdb__text_hash(h, key->types, (size_t)key->nparams * sizeof *key->types)
               : h;
}

static bool is_same_tag(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool agdb__stmt_is(const agdb__stmt_t *stmt, const agdb__stmt_key_t *key)
{
    return stmt->sql_len == key->sql_len && stmt->nparams == key->nparams &&
           is_same_tag(stmt->tag, key->tag) && memcmp(stmt->sql, key->sql, key->sql_len) == 0 &&
           (key->nparams == 0 ||
            memcmp(stmt->types, key->types, (size_t)key->nparams * sizeof *key->types) == 0);
}

static void unlink_use(agdb__stmt_cache_t *cache, agdb__stmt_t *stmt)
{
    if (stmt->newer != NULL)
        stmt->newer->older = stmt->older;
    else
        cache->newest = stmt->older;
    if (stmt->older != NULL)
        stmt->older->newer = stmt->newer;
    else
        cache->oldest = stmt->newer;
    stmt->newer = NULL;
    stmt->older = NULL;
}

static void link_newest(agdb__stmt_cache_t *cache, agdb__stmt_t *stmt)
{
    stmt->newer = NULL;
    stmt->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = stmt;
    else
        cache->oldest = stmt;
    cache->newest = stmt;
}

agdb__stmt_t *agdb__stmt_find(agdb__stmt_cache_t *cache, const agdb__stmt_key_t *key)
{
    agdb__stmt_t *stmt = cache->newest;
    uint64_t h;

    if (stmt != NULL && agdb__stmt_is(stmt, key))
        return stmt; /* the same again: the most common case needs no hash */
    h = hash_key(key);
    for (stmt = cache->bucket[h % AGDB__STMT_MAX]; stmt != NULL; stmt = stmt->chain) {
        if (stmt->hash == h && agdb__stmt_is(stmt, key)) {
            unlink_use(cache, stmt);
            link_newest(cache, stmt);
            return stmt;
        }
    }
    return NULL;
}

void agdb__stmt_name(uint64_t number, char name[AGDB__STMT_NAME_SIZE])
{
    snprintf(name, AGDB__STMT_NAME_SIZE, "agdb_%" PRIu64, number);
}

agdb__stmt_t *agdb__stmt_new(agdb__stmt_cache_t *cache, const agdb__stmt_key_t *key,
                             agdb__statement_class_t kind)
{
    agdb__stmt_t *stmt = agdb__calloc(1, sizeof *stmt);
    const size_t types_size = (size_t)key->nparams * sizeof *key->types;

    if (stmt == NULL)
        return NULL;
    stmt->sql = agdb__strndup(key->sql, key->sql_len);
    stmt->types = agdb__malloc(types_size + 1);
    stmt->tag = key->tag != NULL ? agdb__strdup(key->tag) : NULL;
    if (stmt->sql == NULL || stmt->types == NULL || (key->tag != NULL && stmt->tag == NULL)) {
        agdb__stmt_free(stmt);
        return NULL;
    }
    if (types_size != 0)
        memcpy(stmt->types, key->types, types_size);
    stmt->sql_len = key->sql_len;
    stmt->nparams = key->nparams;
    stmt->kind = kind;
    stmt->hash = hash_key(key);
    stmt->number = ++cache->last_name;
    agdb__stmt_name(stmt->number, stmt->name);
    return stmt;
}

agdb__stmt_t *agdb__stmt_add(agdb__stmt_cache_t *cache, agdb__stmt_t *take_stmt)
{
    agdb__stmt_t **bucket = &cache->bucket[take_stmt->hash % AGDB__STMT_MAX];
    agdb__stmt_t *victim = NULL;

    if (cache->count >= cache->max && cache->oldest != NULL) {
        victim = cache->oldest;
        agdb__stmt_remove(cache, victim);
    }
    take_stmt->chain = *bucket;
    *bucket = take_stmt;
    link_newest(cache, take_stmt);
    cache->count++;
    return victim;
}

void agdb__stmt_remove(agdb__stmt_cache_t *cache, agdb__stmt_t *stmt)
{
    agdb__stmt_t **at = &cache->bucket[stmt->hash % AGDB__STMT_MAX];

    while (*at != stmt)
        at = &(*at)->chain;
    *at = stmt->chain;
    stmt->chain = NULL;
    unlink_use(cache, stmt);
    cache->count--;
}

void agdb__stmt_free(agdb__stmt_t *stmt)
{
    if (stmt == NULL)
        return;
    agdb__free(stmt->sql);
    agdb__free(stmt->types);
    agdb__free(stmt->tag);
    agdb__free(stmt);
}
