/* Transactions: statement by statement with a savepoint, a function that is repeated when that is
 * safe, and an array in one round trip. */
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

static void print_name(agdb_t *db, const char *what)
{
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;

    must(agdb_query(db,
                    AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ,
                                 .sql = "SELECT name FROM agency WHERE key = 'epa'"),
                    &res, &err),
         err);
    printf("%s: %s\n", what, agdb_result_text(res, 0, 0));
    agdb_result_free(res);
}

#define SET_NAME "UPDATE agency SET name = $1 WHERE key = 'epa'"

/* COMMIT travels with the last statement. */
static void statement_by_statement(agdb_t *db)
{
    agdb_tx_t *tx = NULL;
    agdb_error_t *err = NULL;

    must(agdb_begin(db, AGDB_TX(.key = agdb_key("epa")), &tx, &err), err);
    must(agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = SET_NAME, AGDB_PARAMS(agdb_text("first"))),
                    NULL, &err),
         err);
    must(agdb_savepoint(tx, "before", &err), err);
    if (agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "INSERT INTO agency VALUES ('epa', '')"), NULL,
                   &err) != AGDB_OK)
        printf("failed with %s, and goes back\n", agdb_error_sqlstate(err));
    must(agdb_rollback_to(tx, "before", &err), err);
    must(agdb_query(db,
                    AGDB_REQUEST(.tx = tx, .sql = SET_NAME, AGDB_PARAMS(agdb_text("second")),
                                 .commit = true),
                    NULL, &err),
         err);
    must(agdb_commit(tx, &err), err); /* says what came of it, and frees the handle */
    print_name(db, "committed");
}

/* May run more than once: what it has read counts only for this attempt. */
static agdb_status_t append(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    agdb_t *db = agdb_tx_client(tx);
    agdb_result_t *res = NULL;
    char name[64];
    agdb_status_t st = agdb_query(
        db, AGDB_REQUEST(.tx = tx, .sql = "SELECT name FROM agency WHERE key = 'epa' FOR UPDATE"),
        &res, reterr);

    (void)attempt;
    if (st != AGDB_OK)
        return st;
    snprintf(name, sizeof name, "%s, %s", agdb_result_text(res, 0, 0), (const char *)user);
    agdb_result_free(res);
    return agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = SET_NAME, AGDB_PARAMS(agdb_text(name))),
                      NULL, reterr);
}

static void as_a_function(agdb_t *db)
{
    agdb_error_t *err = NULL;

    must(agdb_run(db, AGDB_TX(.key = agdb_key("epa"), .once = true), append, "third", &err), err);
    print_name(db, "run once");
}

static void as_an_array(agdb_t *db)
{
    const agdb_request_t *const all[] = {
        AGDB_REQUEST(.sql = SET_NAME, AGDB_PARAMS(agdb_text("fourth"))),
        AGDB_REQUEST(.sql = "SELECT count(*) FROM agency WHERE name = 'fourth'"),
    };
    agdb_result_t *res[2] = {NULL, NULL};
    agdb_error_t *err = NULL;

    must(agdb_query_tx(db, AGDB_TX(.key = agdb_key("epa")), all, 2, res, &err), err);
    printf("%llu row changed, %s seen\n", (unsigned long long)agdb_result_affected(res[0]),
           agdb_result_text(res[1], 0, 0));
    agdb_result_free(res[0]);
    agdb_result_free(res[1]);
}

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: 17-transactions MAP\n");
        return 2;
    }
    must(agdb_open(argv[1], NULL, &db, &err), err);
    must(agdb_query(db,
                    AGDB_REQUEST(.key = agdb_key("epa"),
                                 .sql = "INSERT INTO agency (key, name) VALUES ('epa', 'none')"
                                        " ON CONFLICT (key) DO UPDATE SET name = excluded.name"),
                    NULL, &err),
         err);
    statement_by_statement(db);
    as_a_function(db);
    as_an_array(db);
    return agdb_close(db, 1000) == AGDB_OK ? 0 : 1;
}
