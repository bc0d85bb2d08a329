/* One statement on all shards: the newest rows of all, sums of all, and what comes when one fails.
 */
#include <agencydb.h>

#include <stdio.h>
#include <stdlib.h>

static const char *const k_agencies[] = {"cdc", "epa", "fema", "noaa", "usda", "nasa"};

static void must(agdb_status_t status, agdb_error_t *err)
{
    if (status == AGDB_OK)
        return;
    fprintf(stderr, "%s\n", agdb_error_message(err));
    exit(1);
}

/* Each agency's rows are where its key says. */
static void fill(agdb_t *db)
{
    agdb_error_t *err = NULL;
    int i;

    for (i = 0; i < 6; i++)
        must(agdb_query(db,
                        AGDB_REQUEST(.key = agdb_key(k_agencies[i]),
                                     .sql = "INSERT INTO agency (key, name) VALUES ($1, $2) "
                                            "ON CONFLICT (key) DO UPDATE SET name = excluded.name",
                                     AGDB_PARAMS(agdb_text(k_agencies[i]),
                                                 agdb_text(i < 3 ? "health" : "science"))),
                        NULL, &err),
             err);
}

/* Each shard sends its first three in order; the first three of all are among them. */
static void show_first(agdb_t *db)
{
    static const agdb_order_by_t by_key[] = {{.name = "key", .descending = true}};
    const agdb_merge_t merge = {.struct_size = sizeof merge,
                                .kind = AGDB_ORDERED,
                                .order = by_key,
                                .norder = 1,
                                .limit = 3};
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;
    size_t i;

    must(agdb_query(db,
                    AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                                 .sql = "SELECT key COLLATE \"C\" AS key FROM agency WHERE name IN"
                                        " ('health', 'science') ORDER BY 1 DESC LIMIT 3"),
                    &res, &err),
         err);
    for (i = 0; i < agdb_result_rows(res); i++)
        printf("%s is on %s\n", agdb_result_text(res, i, 0), agdb_result_row_shard(res, i));
    agdb_result_free(res);
}

/* An average is made of sums and counts. */
static void show_sums(agdb_t *db)
{
    static const agdb_combine_t how[] = {
        {.how = AGDB_GROUP}, {.how = AGDB_AVG, .count = 2}, {.how = AGDB_COUNT}};
    const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_COMBINE, .combine = how, .ncombine = 3};
    agdb_bytes_t keys[6];
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;
    size_t i;

    for (i = 0; i < 6; i++)
        keys[i] = agdb_key(k_agencies[i]);
    must(agdb_query(db,
                    AGDB_REQUEST(.keys = keys, .nkeys = 6, .merge = &merge, .access = AGDB_READ,
                                 .sql = "SELECT name, sum(length(key)), count(length(key))"
                                        " FROM agency WHERE key = ANY($1) GROUP BY name",
                                 AGDB_PARAMS(agdb_shard_keys())),
                    &res, &err),
         err);
    for (i = 0; i < agdb_result_rows(res); i++)
        printf("%s: %s agencies, %s letters each\n", agdb_result_text(res, i, 0),
               agdb_result_text(res, i, 2), agdb_result_text(res, i, 1));
    agdb_result_free(res);
}

/* Fails on the shard that does not have the row. Result *and* error are there, to be freed. */
static void show_partial(agdb_t *db)
{
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;
    agdb_status_t status =
        agdb_query(db,
                   AGDB_REQUEST(.scope = AGDB_ALL, .partial = AGDB_PARTIAL_OK, .access = AGDB_READ,
                                .sql = "SELECT 1 / count(*) FROM agency WHERE key = 'epa'"),
                   &res, &err);

    printf("%s: %zu rows, %zu shards are missing: %s\n", agdb_status_name(status),
           agdb_result_rows(res), agdb_result_failure_count(res),
           agdb_error_sqlstate(agdb_result_failure(res, 0)));
    agdb_result_free(res);
    agdb_error_clear(&err);
}

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: 13-scatter MAP\n");
        return 2;
    }
    must(agdb_open(argv[1], NULL, &db, &err), err);
    fill(db);
    show_first(db);
    show_sums(db);
    show_partial(db);
    return agdb_close(db, 1000) == AGDB_OK ? 0 : 1;
}
