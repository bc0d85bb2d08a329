/* A program that links libagencydb as strangers do: C99, the installed header, one real query. */
#include <agencydb.h>

#include <stdio.h>

static int fail(const char *what, const agdb_error_t *err)
{
    fprintf(stderr, "%s: %s\n", what, agdb_error_message(err));
    return 1;
}

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;
    int64_t one = 0;
    int status = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: consumer MAP\n");
        return 2;
    }
    if (agdb_version_number() != AGDB_VERSION_NUMBER)
        return fail("header and library have different versions", NULL);
    if (agdb_open(argv[1], NULL, &db, &err) != AGDB_OK)
        return fail("open", err);
    if (agdb_query(db,
                   AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT $1::bigint",
                                AGDB_PARAMS(agdb_int8(1)), .access = AGDB_READ),
                   &res, &err) != AGDB_OK)
        status = fail("query", err);
    else if (agdb_result_int64(res, 0, 0, &one, &err) != AGDB_OK || one != 1)
        status = fail("the answer is not 1", err);
    else
        printf("%s, shard %s, node %s\n", agdb_version(), agdb_result_shard(res),
               agdb_result_node(res));
    agdb_result_free(res);
    agdb_error_clear(&err);
    if (agdb_close(db, 1000) != AGDB_OK)
        status = fail("close", NULL);
    return status;
}
