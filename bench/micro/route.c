/* bench_route MAP: CPU time of routing one 16-byte key, by the map, by its public call and by the
 * client's. No server is needed. */
#include "map/route.h"
#include "agencydb.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { KEYS = 4096, KEY_LEN = 16, TURNS = 500 };

static unsigned char g_keys[KEYS][KEY_LEN];

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void make_keys(void)
{
    uint64_t seed = 0x9E3779B97F4A7C15u;
    size_t i;
    size_t j;

    for (i = 0; i < KEYS; i++)
        for (j = 0; j < KEY_LEN; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            g_keys[i][j] = (unsigned char)('a' + (seed >> 33) % 26);
        }
}

typedef bool (*route_fn)(const void *where, agdb_bytes_t key, uint64_t *sum);

static bool by_map(const void *where, agdb_bytes_t key, uint64_t *sum)
{
    *sum += agdb__map_route(where, 0, key).shard;
    return true;
}

static bool by_public_map(const void *where, agdb_bytes_t key, uint64_t *sum)
{
    agdb_route_info_t info = {.struct_size = sizeof info};
    bool done = agdb_map_route(where, NULL, key, &info, NULL) == AGDB_OK;

    *sum += info.slot;
    return done;
}

static bool by_client(const void *where, agdb_bytes_t key, uint64_t *sum)
{
    agdb_route_info_t info = {.struct_size = sizeof info};
    bool done = agdb_route((agdb_t *)(uintptr_t)where, NULL, key, &info, NULL) == AGDB_OK;

    *sum += info.slot;
    return done;
}

/* Nanoseconds per key; negative: it failed. */
static inline __attribute__((always_inline)) double time_of(route_fn route, const void *where)
{
    volatile uint64_t sink;
    uint64_t sum = 0;
    double begin;
    int turn;
    int i;

    for (i = 0; i < KEYS; i++) /* warms the caches */
        if (!route(where, agdb_bytes(g_keys[i], KEY_LEN), &sum))
            return -1;
    begin = cpu_ns();
    for (turn = 0; turn < TURNS; turn++)
        for (i = 0; i < KEYS; i++)
            (void)route(where, agdb_bytes(g_keys[i], KEY_LEN), &sum);
    sink = sum;
    (void)sink;
    return (cpu_ns() - begin) / (double)KEYS / (double)TURNS;
}

int main(int argc, char **argv)
{
    agdb_error_t *error = NULL;
    agdb_map_t *map = NULL;
    agdb_t *db = NULL;
    int status = 1;

    if (argc == 2 && agdb_map_load(argv[1], &map, NULL, &error) == AGDB_OK &&
        agdb_open(argv[1], NULL, &db, &error) == AGDB_OK) {
        double inner;
        double public_map;
        double client;

        make_keys();
        inner = time_of(by_map, map);
        public_map = time_of(by_public_map, map);
        client = time_of(by_client, db);
        printf("{\"map_ns\": %.3f, \"public_map_ns\": %.3f, \"client_ns\": %.3f}\n", inner,
               public_map, client);
        status = inner > 0 && public_map > 0 && client > 0 ? 0 : 1;
    } else {
        fprintf(stderr, "bench_route: %s\n", argc == 2 ? agdb_error_message(error) : "usage: MAP");
    }
    agdb_error_free(error);
    agdb_map_free(map);
    (void)agdb_close(db, 5000);
    return status;
}
