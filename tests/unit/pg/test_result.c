#include "pg/result.h"

#include "base/alloc.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

static void *refuse(size_t size, void *user)
{
    (void)size;
    (void)user;
    return NULL;
}

static void new_copies_the_names(void **state)
{
    char shard[] = "east-1";
    char node[] = "db-e1:5432";
    agdb_result_t *res = agdb__result_new(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), shard, node);

    (void)state;
    memset(shard, 'x', sizeof shard - 1);
    memset(node, 'x', sizeof node - 1);
    assert_string_equal(res->shard, "east-1");
    assert_string_equal(res->node, "db-e1:5432");
    assert_int_equal(res->role, AGDB_ROLE_UNKNOWN);
    agdb__result_free(res);
    agdb__result_free(NULL);
}

/* The leak checker tells whether the rows are freed. */
static void new_without_memory_frees_the_rows(void **state)
{
    const agdb_allocator_t none = {refuse, NULL, NULL, NULL};
    const agdb_allocator_t *before = agdb__alloc_enter(&none);
    agdb_result_t *res = agdb__result_new(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), "s", "n");

    (void)state;
    (void)agdb__alloc_enter(before);
    assert_null(res);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_copies_the_names),
        cmocka_unit_test(new_without_memory_frees_the_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
