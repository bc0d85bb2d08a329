/* More rows than fit into memory, from all shards in one order; and pages that go on from a text,
 * as a web service hands it to its clients. */
#include <agencydb.h>

#include <stdio.h>
#include <stdlib.h>

static void must(agdb_status_t status, agdb_error_t *err)
{
    if (status == AGDB_OK)
        return;
    fprintf(stderr, "%s\n", agdb_error_message(err));
    exit(1);
}

static const agdb_order_by_t k_by_number[] = {{.name = "n"}};

/* Memory holds a batch, however many rows there are. */
static void count_all(agdb_t *db)
{
    const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = k_by_number, .norder = 1};
    agdb_stream_t *stream = NULL;
    agdb_result_t *batch = NULL;
    agdb_error_t *err = NULL;
    int64_t last = 0;
    size_t rows = 0;

    must(agdb_stream_open(db,
                          AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                                       .sql = "SELECT generate_series(1, 100000) AS n"),
                          &stream, &err),
         err);
    for (;;) {
        size_t i;

        must(agdb_stream_next(stream, 0, &batch, &err), err);
        if (batch == NULL)
            break; /* the end: all rows were there */
        for (i = 0; i < agdb_result_rows(batch); i++) {
            int64_t n = 0;

            must(agdb_result_int64(batch, i, 0, &n, &err), err);
            if (n < last)
                exit(1);
            last = n;
        }
        rows += agdb_result_rows(batch);
        agdb_result_free(batch);
    }
    (void)agdb_stream_close(stream);
    printf("%zu rows of %zu shards, in order up to %lld\n", rows, agdb_shard_count(db, NULL),
           (long long)last);
}

/* One page behind `cursor`, which becomes that of the next one. Numbers that are on one shard only:
 * what pages are ordered by has to be unique. */
static size_t show_page(agdb_t *db, char *cursor)
{
    const agdb_merge_t merge = {.struct_size = sizeof merge,
                                .kind = AGDB_ORDERED,
                                .order = k_by_number,
                                .norder = 1,
                                .limit = 4};
    agdb_cursor_t *from = NULL;
    agdb_stream_t *stream = NULL;
    agdb_result_t *batch = NULL;
    agdb_error_t *err = NULL;
    size_t rows = 0;

    must(agdb_cursor_read(cursor, strlen(cursor), &from, &err), err);
    must(agdb_stream_open(db,
                          AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                                       .cursor = from, .tag = "numbers.page",
                                       .sql =
                                           "SELECT n FROM (SELECT generate_series(1, 5) * 2 + CASE"
                                           " i.shard WHEN 'east-1' THEN 0 ELSE 1 END FROM"
                                           " agencydb.identity i WHERE keyspace = 'core') s(n)"
                                           " WHERE $1::int IS NULL OR n > $1 ORDER BY n LIMIT 4",
                                       AGDB_PARAMS(agdb_cursor_value(from, 0))),
                          &stream, &err),
         err);
    agdb_cursor_free(from);
    for (;;) {
        size_t i;

        must(agdb_stream_next(stream, 0, &batch, &err), err);
        if (batch == NULL)
            break;
        for (i = 0; i < agdb_result_rows(batch); i++)
            printf("%s%s", rows + i > 0 ? " " : "", agdb_result_text(batch, i, 0));
        rows += agdb_result_rows(batch);
        agdb_result_free(batch);
    }
    printf("%s\n", rows > 0 ? "" : "no more");
    must(agdb_stream_cursor(stream, cursor, AGDB_CURSOR_TEXT_MAX, &err), err);
    (void)agdb_stream_close(stream);
    return rows;
}

int main(int argc, char **argv)
{
    char cursor[AGDB_CURSOR_TEXT_MAX] = "";
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: 14-stream MAP\n");
        return 2;
    }
    must(agdb_open(argv[1], NULL, &db, &err), err);
    count_all(db);
    while (show_page(db, cursor) > 0)
        continue;
    (void)agdb_close(db, 1000);
    return 0;
}
