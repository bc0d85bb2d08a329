/* Where a request goes: writes and AGDB_READ to the primary, AGDB_READ_REPLICA_OK to a replica,
 * which may be some milliseconds behind. */
#include <agencydb.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static agdb_result_t *must(agdb_t *db, const agdb_request_t *request)
{
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;

    if (agdb_query(db, request, &res, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        exit(1);
    }
    return res;
}

static void print_where(const char *what, const agdb_result_t *res)
{
    agdb_timing_t timing = {.struct_size = sizeof timing};

    agdb_result_timing(res, &timing);
    printf("%-20s %s (%s) of shard %s, %.2f ms, attempts: %u\n", what, agdb_result_node(res),
           agdb_result_role(res) == AGDB_ROLE_PRIMARY ? "primary" : "replica",
           agdb_result_shard(res), (double)timing.total_us / 1000, (unsigned)timing.attempts);
}

/* Reads on a replica until it has the new name, at most for 5 s. */
static int replica_sees(agdb_t *db, const char *name)
{
    const struct timespec pause = {0, 10 * 1000000L};
    int left;

    for (left = 500; left > 0; left--) {
        agdb_result_t *res =
            must(db, AGDB_REQUEST(.key = agdb_key("cdc"), .access = AGDB_READ_REPLICA_OK,
                                  .sql = "SELECT name FROM agency WHERE key = $1",
                                  AGDB_PARAMS(agdb_text("cdc"))));
        int sees = agdb_result_role(res) == AGDB_ROLE_REPLICA && agdb_result_rows(res) == 1 &&
                   strcmp(agdb_result_text(res, 0, 0), name) == 0;
        if (sees)
            print_where("AGDB_READ_REPLICA_OK", res);
        agdb_result_free(res);
        if (sees)
            return 1;
        nanosleep(&pause, NULL);
    }
    return 0;
}

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;
    agdb_result_t *res;
    char name[64];
    int good;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &db, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_error_clear(&err);
        return 1;
    }
    snprintf(name, sizeof name, "Centers for Disease Control, %ld", (long)time(NULL));
    res = must(db, AGDB_REQUEST(.key = agdb_key("cdc"), /* .access is AGDB_WRITE unless set */
                                .sql = "INSERT INTO agency (key, name) VALUES ($1, $2)"
                                       " ON CONFLICT (key) DO UPDATE SET name = excluded.name",
                                AGDB_PARAMS(agdb_text("cdc"), agdb_text(name)),
                                .idempotent = true)); /* twice does no harm */
    good = agdb_result_affected(res) == 1 && agdb_result_role(res) == AGDB_ROLE_PRIMARY;
    print_where("AGDB_WRITE", res);
    agdb_result_free(res);

    res = must(db, AGDB_REQUEST(.key = agdb_key("cdc"), .access = AGDB_READ,
                                .sql = "SELECT name FROM agency WHERE key = $1",
                                AGDB_PARAMS(agdb_text("cdc"))));
    good = good && agdb_result_rows(res) == 1 && strcmp(agdb_result_text(res, 0, 0), name) == 0;
    print_where("AGDB_READ", res);
    agdb_result_free(res);

    good = replica_sees(db, name) && good;
    agdb_close(db, 1000);
    return good ? 0 : 1;
}
