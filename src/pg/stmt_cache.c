#include "pg/stmt_cache.h"

#include "base/alloc.h"

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

/* Eight bytes at a time, multiplied and folded. Only spreads texts over buckets: equality is
 * decided by comparing everything. */
static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
    const unsigned char *at = data;
    uint64_t word;

    for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
        memcpy(&word, at, sizeof word);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    word = len;
    memcpy(&word, at, len);
    h = (h ^ word ^ ((uint64_t)len << 56)) * 0xBF58476D1CE4E5B9u;
    return h ^ (h >> 32);
}

static uint64_t hash_key(const char *sql, size_t sql_len, const unsigned *types, int nparams)
{
    uint64_t h = hash_bytes((uint64_t)sql_len, sql, sql_len);

    return nparams > 0 ? hash_bytes(h, types, (size_t)nparams * sizeof *types) : h;
}

static bool is_same(const agdb__stmt_t *stmt, const char *sql, size_t sql_len,
                    const unsigned *types, int nparams)
{
    return stmt->sql_len == sql_len && stmt->nparams == nparams &&
           memcmp(stmt->sql, sql, sql_len) == 0 &&
           (nparams == 0 || memcmp(stmt->types, types, (size_t)nparams * sizeof *types) == 0);
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

agdb__stmt_t *agdb__stmt_find(agdb__stmt_cache_t *cache, const char *sql, size_t sql_len,
                              const unsigned *types, int nparams)
{
    agdb__stmt_t *stmt = cache->newest;
    uint64_t h;

    if (stmt != NULL && is_same(stmt, sql, sql_len, types, nparams))
        return stmt; /* the same again: the most common case needs no hash */
    h = hash_key(sql, sql_len, types, nparams);
    for (stmt = cache->bucket[h % AGDB__STMT_MAX]; stmt != NULL; stmt = stmt->chain) {
        if (stmt->hash == h && is_same(stmt, sql, sql_len, types, nparams)) {
            unlink_use(cache, stmt);
            link_newest(cache, stmt);
            return stmt;
        }
    }
    return NULL;
}

agdb__stmt_t *agdb__stmt_new(agdb__stmt_cache_t *cache, const char *sql, size_t sql_len,
                             const unsigned *types, int nparams, agdb__statement_class_t kind)
{
    agdb__stmt_t *stmt = agdb__calloc(1, sizeof *stmt);

    if (stmt == NULL)
        return NULL;
    stmt->sql = agdb__strndup(sql, sql_len);
    stmt->types = agdb__malloc((size_t)nparams * sizeof *types + 1);
    if (stmt->sql == NULL || stmt->types == NULL) {
        agdb__stmt_free(stmt);
        return NULL;
    }
    if (nparams > 0)
        memcpy(stmt->types, types, (size_t)nparams * sizeof *types);
    stmt->sql_len = sql_len;
    stmt->nparams = nparams;
    stmt->kind = kind;
    stmt->hash = hash_key(sql, sql_len, types, nparams);
    snprintf(stmt->name, sizeof stmt->name, "agdb_%" PRIu64, ++cache->last_name);
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
    agdb__free(stmt);
}
