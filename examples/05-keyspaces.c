/* Keyspaces and shards: routing without I/O, tables in a database of their own, a shard by name. */
#include <agencydb.h>

#include <stdio.h>
#include <stdlib.h>

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

/* The same key has the same slot everywhere; keyspaces differ in who owns it. */
static void print_route(agdb_t *db, const char *keyspace, const char *key)
{
    agdb_route_info_t route = {.struct_size = sizeof route};
    agdb_error_t *err = NULL;

    if (agdb_route(db, keyspace, agdb_key(key), &route, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        exit(1);
    }
    printf("%-10s slot %4u -> %s/%s%s%s\n", key, (unsigned)route.slot, route.keyspace, route.shard,
           route.pinned ? ", pinned" : "", route.frozen ? ", frozen" : "");
}

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;
    agdb_result_t *res;
    int64_t alerts, total = 0;
    size_t i;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &db, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_error_clear(&err);
        return 1;
    }
    print_route(db, NULL, "epa"); /* NULL: the map's default_keyspace */
    print_route(db, NULL, "us/ca/dph");
    print_route(db, NULL, "fema");
    print_route(db, NULL, "nara");
    print_route(db, "notification", "epa");

    /* One shard owns all of this keyspace: no key is needed. */
    res = must(db,
               AGDB_REQUEST(.keyspace = "notification",
                            .sql = "INSERT INTO outbox (agency, body) VALUES ($1, $2) RETURNING id",
                            AGDB_PARAMS(agdb_text("epa"), agdb_text("{\"pm25\": 35.2}"))));
    printf("outbox row %s on shard %s\n", agdb_result_text(res, 0, 0), agdb_result_shard(res));
    agdb_result_free(res);

    /* Every shard in turn, by name. */
    for (i = 0; i < agdb_shard_count(db, "core"); i++) {
        const char *shard = agdb_shard_name(db, "core", i);
        res = must(db, AGDB_REQUEST(.keyspace = "core", .shard = shard, .access = AGDB_READ,
                                    .sql = "SELECT count(*) FROM disaster_alert"));
        if (agdb_result_int64(res, 0, 0, &alerts, &err) != AGDB_OK)
            return 1;
        printf("shard %s answered from %s\n", shard, agdb_result_node(res));
        agdb_result_free(res);
        total += alerts;
    }
    printf("alerts on %zu shards: %lld\n", i, (long long)total);
    agdb_close(db, 1000);
    return i == 2 ? 0 : 1;
}
