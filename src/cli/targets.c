#include "cli/targets.h"

#include "cli/message.h"

#include <pthread.h>

enum { JOBS_DEFAULT = 4, JOBS_MAX = 64 };

static bool is_wanted(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

cli_targets_t cli_targets_pick(const agdb_map_t *map, const char *keyspace, const char *shard)
{
    cli_targets_t targets = {0};
    size_t k;
    size_t s;

    for (k = 0; k < agdb_map_keyspace_count(map); k++) {
        for (s = 0; s < agdb_map_shard_count(map, k); s++) {
            cli_target_t target = {.keyspace = agdb_map_keyspace_name(map, k),
                                   .shard = agdb_map_shard_name(map, k, s),
                                   .keyspace_at = k,
                                   .shard_at = s};
            if (!is_wanted(keyspace, target.keyspace) || !is_wanted(shard, target.shard))
                continue;
            targets.items = cli_grow(targets.items, targets.count, sizeof *targets.items);
            targets.items[targets.count++] = target;
        }
    }
    return targets;
}

cli_names_t cli_map_users(const agdb_map_t *map, size_t keyspace, size_t shard)
{
    size_t nodes = agdb_map_node_count(map, keyspace, shard);
    cli_names_t users = {0};
    size_t i;
    size_t u;

    for (i = 0; i < nodes; i++) {
        const char *user = cli_node_setting(map, keyspace, shard, i, "connection.user");
        for (u = 0; u < users.count && strcmp(users.items[u], user) != 0; u++)
            ;
        if (u < users.count)
            continue;
        users.items = cli_grow(users.items, users.count, sizeof *users.items);
        users.items[users.count++] = user;
    }
    return users;
}

typedef struct crew {
    pthread_mutex_t lock;
    size_t next;
    size_t count;
    void (*work)(size_t index, void *user);
    void *user;
} crew_t;

static void *run_worker(void *arg)
{
    crew_t *crew = arg;
    size_t index;

    for (;;) {
        pthread_mutex_lock(&crew->lock);
        index = crew->next;
        crew->next += index < crew->count ? 1 : 0;
        pthread_mutex_unlock(&crew->lock);
        if (index >= crew->count)
            return NULL;
        crew->work(index, crew->user);
    }
}

void cli_crew(size_t count, uint64_t jobs, void (*work)(size_t index, void *user), void *user)
{
    crew_t crew = {PTHREAD_MUTEX_INITIALIZER, 0, count, work, user};
    pthread_t threads[JOBS_MAX];
    size_t started = 0;

    /* this thread is one of them, so that work is done even when no other can be had */
    while (started + 1 < jobs && started + 1 < count && started < JOBS_MAX &&
           pthread_create(&threads[started], NULL, run_worker, &crew) == 0)
        started++;
    (void)run_worker(&crew);
    while (started > 0)
        (void)pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&crew.lock);
}

bool cli_read_jobs(const char *command, const char *text, uint64_t *ret)
{
    *ret = JOBS_DEFAULT;
    if (text == NULL || (cli_number(text, JOBS_MAX, ret) && *ret > 0))
        return true;
    cli_error("%s: '--jobs %s' is not a number from 1 to %d", command, text, JOBS_MAX);
    return false;
}
