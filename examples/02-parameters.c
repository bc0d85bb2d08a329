/* Parameters and getters. A value without a type (agdb_text) takes the type that the statement
 * gives it; the other makers carry their own. Getters check: no silent 0 for NULL or text. */
#include <agencydb.h>

#include <inttypes.h>
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

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        exit(1);
    }
}

/* The server infers: $1 is a date, $2 a uuid, $3 jsonb, $4 numeric. */
static void without_types(agdb_t *db)
{
    agdb_result_t *res = must(
        db, AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ,
                         .sql = "SELECT DATE '2026-11-23' - $1, $2 = ANY (ARRAY[NULL]::uuid[]),"
                                " '{\"pm25\": 8.4}'::jsonb @> $3, 2.5 * $4",
                         AGDB_PARAMS(agdb_text("2026-11-16"),
                                     agdb_text("7f0a2c9e-4a4e-4b8e-9b3c-2f1d6f1e0a11"),
                                     agdb_text("{\"pm25\": 8.4}"), agdb_text("10.01"))));
    int64_t days = 0;
    bool contains = false;

    require(agdb_result_int64(res, 0, 0, &days, NULL) == AGDB_OK, "a number of days");
    require(agdb_result_is_null(res, 0, 1), "compared with NULL is NULL");
    require(agdb_result_bool(res, 0, 2, &contains, NULL) == AGDB_OK, "a boolean");
    printf("without types: %" PRId64 " days, contains %s, product %s\n", days,
           contains ? "yes" : "no", agdb_result_text(res, 0, 3));
    agdb_result_free(res);
}

/* Where the statement says nothing about a type, the value brings it. */
static void with_types(agdb_t *db)
{
    static const char *const sites[] = {"north", "south", NULL};
    static const unsigned char bytes[] = {0x00, 0xff, 0x7f};
    unsigned char back[16];
    size_t len = 0;
    int64_t count = 0;
    double half = 0;
    agdb_result_t *res =
        must(db, AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ,
                              .sql = "SELECT $1 / 2, cardinality($2), $3, $4 AND $5",
                              AGDB_PARAMS(agdb_float8(17.0), agdb_text_array(sites, 3),
                                          agdb_bytea(bytes, sizeof bytes), agdb_bool(true),
                                          agdb_null())));

    require(agdb_result_double(res, 0, 0, &half, NULL) == AGDB_OK, "a double");
    require(agdb_result_int64(res, 0, 1, &count, NULL) == AGDB_OK, "an integer");
    require(agdb_result_bytes(res, 0, 2, back, sizeof back, &len, NULL) == AGDB_OK, "bytes");
    require(len == sizeof bytes && memcmp(back, bytes, len) == 0, "the same bytes come back");
    printf("with types: %g, %" PRId64 " sites, %zu bytes\n", half, count, len);
    agdb_result_free(res);
}

/* A getter that does not fit says so. */
static void getters_check(agdb_t *db)
{
    agdb_result_t *res =
        must(db, AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ,
                              .sql = "SELECT 'many' AS cases, NULL::int AS deaths"));
    agdb_error_t *err = NULL;
    int64_t number = 0;

    require(agdb_result_int64(res, 0, 0, &number, &err) == AGDB_E_TYPE, "text is no number");
    printf("%s\n", agdb_error_message(err));
    require(agdb_result_int64(res, 0, 1, &number, &err) == AGDB_E_NULL, "NULL is no number");
    printf("%s\n", agdb_error_message(err));
    agdb_error_clear(&err);
    agdb_result_free(res);
}

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &db, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_error_clear(&err);
        return 1;
    }
    without_types(db);
    with_types(db);
    getters_check(db);
    agdb_close(db, 1000);
    return 0;
}
