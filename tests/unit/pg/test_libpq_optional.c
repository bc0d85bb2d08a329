/* Without help from the test binary: what the libpq at run time has. */
#include "pg/libpq_optional.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

enum { LIBPQ_17 = 170000 };

static void has_agrees_with_the_version_at_run_time(void **state)
{
    (void)state;
    assert_int_equal(agdb__pq_has_send_pipeline_sync(), PQlibVersion() >= LIBPQ_17);
    assert_int_equal(agdb__pq_has_send_close_prepared(), PQlibVersion() >= LIBPQ_17);
}

/* The older functions are called instead; they refuse a connection that is not there. */
static void queue_without_a_connection_fails(void **state)
{
    (void)state;
    assert_int_equal(agdb__pq_queue_sync(NULL), 0);
    assert_int_equal(agdb__pq_queue_close(NULL, "agdb_1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_agrees_with_the_version_at_run_time),
        cmocka_unit_test(queue_without_a_connection_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
