/* The first query: open the map, name the agency, ask. */
#include <agencydb.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;
    agdb_result_t *res = NULL;
    int failed = 1;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &db, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_error_clear(&err);
        return 1;
    }
    if (agdb_query(db,
                   AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 'hello, ' || $1",
                                AGDB_PARAMS(agdb_text("epa")), .access = AGDB_READ),
                   &res, &err) == AGDB_OK) {
        printf("%s\n", agdb_result_text(res, 0, 0));
        printf("answered by node %s of shard %s\n", agdb_result_node(res), agdb_result_shard(res));
        failed = 0;
    } else {
        fprintf(stderr, "%s\n", agdb_error_message(err));
    }
    agdb_result_free(res);
    agdb_error_clear(&err);
    agdb_close(db, 1000);
    return failed;
}
