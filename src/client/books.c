#include "client/books.h"

#include "base/alloc.h"

/* Agencies are many, call sites few. */
enum { AGENCY_ROWS = 128, TAG_ROWS = 64 };

bool agdb__books_init(agdb__books_t *books)
{
    books->agencies = agdb__ranks_new(AGENCY_ROWS);
    books->tags = agdb__ranks_new(TAG_ROWS);
    books->advice = agdb__calloc(1, sizeof *books->advice);
    return books->agencies != NULL && books->tags != NULL && books->advice != NULL;
}

void agdb__books_offered(agdb__books_t *books, bool taken)
{
    if (!taken)
        agdb__count(&books->refusals);
    atomic_store_explicit(&books->refused, !taken, memory_order_relaxed);
}

static void free_shard(agdb__shard_account_t *shard)
{
    agdb__node_account_t *node = atomic_load_explicit(&shard->nodes, memory_order_relaxed);

    while (node != NULL) {
        agdb__node_account_t *next = node->next;

        agdb__free(node);
        node = next;
    }
    agdb__free(shard);
}

void agdb__books_fini(agdb__books_t *books)
{
    agdb__shard_account_t *shard = atomic_load_explicit(&books->shards, memory_order_relaxed);
    agdb__pool_account_t *pool = atomic_load_explicit(&books->pools, memory_order_relaxed);

    while (shard != NULL) {
        agdb__shard_account_t *next = shard->next;

        free_shard(shard);
        shard = next;
    }
    while (pool != NULL) {
        agdb__pool_account_t *next = pool->next;

        agdb__free(pool);
        pool = next;
    }
    agdb__ranks_free(books->agencies);
    agdb__ranks_free(books->tags);
    agdb__free(books->advice);
}

agdb__shard_account_t *agdb__books_shard(agdb__books_t *books, const char *keyspace,
                                         const char *shard)
{
    agdb__shard_account_t *head = atomic_load_explicit(&books->shards, memory_order_relaxed);
    agdb__shard_account_t *a = head;

    while (a != NULL && (a->keyspace != keyspace || a->shard != shard))
        a = a->next;
    if (a != NULL)
        return a;
    a = agdb__calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->keyspace = keyspace;
    a->shard = shard;
    a->tally.agencies = books->agencies;
    a->tally.tags = books->tags;
    a->tally.advice = books->advice;
    a->next = head;
    atomic_store_explicit(&books->shards, a, memory_order_release);
    return a;
}

agdb__node_tally_t *agdb__books_node(agdb__shard_account_t *account, const char *node)
{
    agdb__node_account_t *head = atomic_load_explicit(&account->nodes, memory_order_relaxed);
    agdb__node_account_t *a = head;

    while (a != NULL && a->name != node)
        a = a->next;
    if (a != NULL)
        return &a->tally;
    a = agdb__calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->name = node;
    a->next = head;
    atomic_store_explicit(&account->nodes, a, memory_order_release);
    return &a->tally;
}

agdb__pool_tally_t *agdb__books_pool(agdb__books_t *books, const char *node, const char *dbname,
                                     const char *user)
{
    agdb__pool_account_t *head = atomic_load_explicit(&books->pools, memory_order_relaxed);
    agdb__pool_account_t *a = head;

    while (a != NULL && (a->node != node || a->dbname != dbname || a->user != user))
        a = a->next;
    if (a != NULL)
        return &a->tally;
    a = agdb__calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->node = node;
    a->dbname = dbname;
    a->user = user;
    a->next = head;
    atomic_store_explicit(&books->pools, a, memory_order_release);
    return &a->tally;
}
