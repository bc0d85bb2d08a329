/* One connection to a real server, for the tests of src/pg/conn*.c: the server is the one that the
 * environment names (AGDB_TEST_HOST, an address or a socket folder, PORT, USER, DBNAME,
 * PASSWORD_FILE). It runs on this machine and is stamped. */
#ifndef AGDB_TESTS_CONN_FIXTURE_H
#define AGDB_TESTS_CONN_FIXTURE_H

#include "pg/conn_impl.h"
#include "unit.h"

#include <libpq-fe.h>

enum { PATIENCE_MS = 10000, MIB = 1 << 20 };

extern agdb__login_t g_login;
extern agdb__resolver_t *g_resolver;
extern agdb__conn_t *g_conn; /* of the test that runs */

#define CONN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Fills the login and runs them; main()'s value. */
#define run_conn_tests(tests)                                                                      \
    (fixture_begin(), fixture_end(cmocka_run_group_tests(tests, NULL, NULL)))
void fixture_begin(void);
int fixture_end(int failed);
int setup(void **state);
int teardown(void **state);

uint64_t soon_us(void);
/* Steps a connection until it is READY or DEAD. */
agdb__conn_state_t drive(agdb__conn_t *conn);
/* READY or DEAD; and one that must be READY. */
agdb__conn_t *try_connect(const agdb__login_t *login);
agdb__conn_t *connect_as(const agdb__login_t *login);
/* A second connection that ends the backend of the first. */
void terminate_backend(void);
/* Until that server process has ended, with what it had got of a connection that was cut. */
void wait_until_gone(agdb__conn_t *judge, int pid);

agdb_status_t run_on(agdb__conn_t *conn, const agdb__statement_t *statement, struct pg_result **ret,
                     agdb_error_t **reterr);
/* Runs it and compares the first value ("NULL" also when there is no row), or the command tag when
 * there are no columns. */
void expect_first_on(agdb__conn_t *conn, const agdb__statement_t *statement, const char *value);
void expect_alone(agdb__conn_t *conn, const char *sql, bool read_only, const char *value);

/* --- groups --- */
void add_member(const agdb__statement_t *statement);
void expect_answer(size_t i, const char *value);
/* The caller frees the error. */
agdb_error_t *expect_error(size_t i, agdb__member_fate_t want, agdb_status_t status,
                           bool retriable);
void expect_sqlstate_of(size_t i, const char *sqlstate, bool retriable);
void expect_not_executed(size_t i);

/* An allocator that counts what is alive and refuses one call. */
typedef struct scarce {
    int until; /* calls until the one that is refused; negative: none is */
    int alive;
} scarce_t;

agdb_allocator_t scarce_allocator(scarce_t *scarce);

#endif
