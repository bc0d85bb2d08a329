/* With libpq 17's functions in the test binary: the weak symbols find them. */
#include "pg/libpq_optional.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

int PQsendPipelineSync(PGconn *conn);
int PQsendClosePrepared(PGconn *conn, const char *stmt);

static int s_syncs;
static const char *s_closed;

int PQsendPipelineSync(PGconn *conn)
{
    assert_null(conn);
    s_syncs++;
    return 1;
}

int PQsendClosePrepared(PGconn *conn, const char *stmt)
{
    assert_null(conn);
    s_closed = stmt;
    return 1;
}

static void has_says_yes(void **state)
{
    (void)state;
    assert_true(agdb__pq_has_send_pipeline_sync());
    assert_true(agdb__pq_has_send_close_prepared());
}

static void queue_calls_the_newer_functions(void **state)
{
    (void)state;
    assert_int_equal(agdb__pq_queue_sync(NULL), 1);
    assert_int_equal(s_syncs, 1);
    assert_int_equal(agdb__pq_queue_close(NULL, "agdb_7"), 1);
    assert_string_equal(s_closed, "agdb_7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_says_yes),
        cmocka_unit_test(queue_calls_the_newer_functions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
