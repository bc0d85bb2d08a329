/* bench_memory agdb MAP COUNT CONNECTIONS CONNINFO | raw COUNT CONNINFO: what COUNT clients, or
 * plain connections, take of this process' memory. CONNINFO is asked until all connections stand.
 */
#include <agencydb.h>
#include <libpq-fe.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READY_MS = 20000, WAIT_MS = 20000, MAX_CLIENTS = 256 };

static const char k_service[] = "bench-memory";
static agdb_t *g_db[MAX_CLIENTS];
static PGconn *g_raw[MAX_CLIENTS];

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static long resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long total = 0;
    long resident = 0;

    if (f == NULL || fscanf(f, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (f != NULL)
        (void)fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

static long standing(PGconn *asker)
{
    static const char *const values[] = {k_service};
    PGresult *res =
        PQexecParams(asker, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", 1,
                     NULL, values, NULL, NULL, 0);
    long count = PQntuples(res) == 1 ? strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;

    PQclear(res);
    return count;
}

static bool open_clients(const char *map, long count, long connections, PGconn *asker)
{
    static const agdb_options_t k_options = {.struct_size = sizeof k_options, .service = k_service};
    agdb_error_t *error = NULL;
    bool open = true;
    int waited;
    long i;

    for (i = 0; open && i < count; i++)
        open = agdb_open(map, &k_options, &g_db[i], &error) == AGDB_OK &&
               agdb_wait_ready(g_db[i], AGDB_READY_PRIMARIES, READY_MS, &error) == AGDB_OK;
    if (!open)
        fprintf(stderr, "bench_memory: %s\n", agdb_error_message(error));
    agdb_error_free(error);
    for (waited = 0; open && standing(asker) < connections; waited += 20) {
        if (waited >= WAIT_MS) {
            fprintf(stderr, "bench_memory: %ld of %ld connections\n", standing(asker), connections);
            return false;
        }
        usleep(20000);
    }
    return open;
}

static bool open_raw(const char *conninfo, long count)
{
    long i;

    for (i = 0; i < count; i++) {
        g_raw[i] = PQconnectdb(conninfo);
        if (PQstatus(g_raw[i]) != CONNECTION_OK) {
            fprintf(stderr, "bench_memory: %s", PQerrorMessage(g_raw[i]));
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    bool is_agdb = argc == 6 && strcmp(argv[1], "agdb") == 0;
    bool is_raw = argc == 4 && strcmp(argv[1], "raw") == 0;
    long count = is_agdb || is_raw ? strtol(argv[is_agdb ? 3 : 2], NULL, 10) : 0;
    PGconn *asker;
    size_t heap;
    long resident;
    bool open;
    int i;

    if (count < 1 || count > MAX_CLIENTS) {
        fprintf(stderr,
                "usage: bench_memory agdb MAP COUNT CONNECTIONS CONNINFO | raw COUNT CONNINFO\n");
        return 2;
    }
    asker = PQconnectdb(argv[argc - 1]);
    (void)standing(asker);
    heap = heap_bytes();
    resident = resident_bytes();
    open = is_agdb ? open_clients(argv[2], count, strtol(argv[4], NULL, 10), asker)
                   : open_raw(argv[3], count);
    if (open)
        printf("{\"heap\": %zu, \"resident\": %ld}\n", heap_bytes() - heap,
               resident_bytes() - resident);
    for (i = 0; i < MAX_CLIENTS; i++) {
        (void)agdb_close(g_db[i], 5000);
        PQfinish(g_raw[i]);
    }
    PQfinish(asker);
    return open ? 0 : 1;
}
