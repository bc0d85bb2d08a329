/* Errors: made, told where and when, joined, copied, and not lost when memory is out. */
#include "base/error.h"

#include "base/alloc.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void fail_sets_status_and_text(void **state)
{
    agdb_error_t *err = NULL;

    (void)state;
    assert_int_equal(agdb__fail(&err, AGDB_E_TIMEOUT, "%d of %d busy", 8, 8), AGDB_E_TIMEOUT);
    assert_int_equal(err->status, AGDB_E_TIMEOUT);
    assert_string_equal(err->message, "8 of 8 busy");
    assert_int_equal(err->outcome, AGDB_OUTCOME_NONE);
    assert_int_equal(err->stage, AGDB_STAGE_NONE);
    assert_false(err->retriable);
    assert_string_equal(err->sqlstate, "");
    agdb__error_free(err);
}

static void fail_again_replaces_the_error_before(void **state)
{
    agdb_error_t *err = NULL;

    (void)state;
    agdb__fail(&err, AGDB_E_TIMEOUT, "first");
    agdb__fail(&err, AGDB_E_LOST, "second");
    assert_int_equal(err->status, AGDB_E_LOST);
    assert_string_equal(err->message, "second");
    agdb__error_free(err);
}

static void *plain_alloc(size_t size, void *user)
{
    (void)user;
    return malloc(size);
}

static void *plain_resize(void *block, size_t size, void *user)
{
    (void)user;
    return realloc(block, size);
}

/* So that who reads freed memory notices. */
static void wiping_release(void *block, void *user)
{
    (void)user;
    if (block != NULL)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static void fail_again_may_speak_of_the_error_before(void **state)
{
    static const agdb_allocator_t k_wiping = {plain_alloc, plain_resize, wiping_release, NULL};
    const agdb_allocator_t *before = agdb__alloc_enter(&k_wiping);
    agdb_error_t *error = NULL;

    (void)state;
    (void)agdb__fail(&error, AGDB_E_CONNECT, "no route to %s", "host 10.0.0.7, port 5432");
    (void)agdb__fail(&error, AGDB_E_TIMEOUT, "in vain: %s", error->message);
    assert_string_equal(error->message, "in vain: no route to host 10.0.0.7, port 5432");
    agdb__error_free(error);
    (void)agdb__alloc_enter(before);
}

static void everything_accepts_that_nobody_wants_the_error(void **state)
{
    agdb_error_t *none = NULL;

    (void)state;
    assert_int_equal(agdb__fail(NULL, AGDB_E_LOST, "x"), AGDB_E_LOST);
    assert_int_equal(agdb__fail_nomem(NULL), AGDB_E_NOMEM);
    agdb__error_outcome(NULL, AGDB_OUTCOME_UNKNOWN);
    agdb__error_outcome(&none, AGDB_OUTCOME_UNKNOWN);
    agdb__error_stage(&none, AGDB_STAGE_QUEUE);
    agdb__error_retriable(&none, true, 1);
    agdb__error_sqlstate(&none, "40001");
    agdb__error_field(&none, AGDB_FIELD_HINT, "x");
    agdb__error_place(&none, "s", "n");
    agdb__error_prefix(&none, "x");
    agdb__error_free(NULL);
    assert_null(none);
    assert_null(agdb__error_dup(NULL));
}

static agdb_error_t *full_error(void)
{
    agdb_error_t *err = NULL;
    agdb_error_t *child = NULL;

    agdb__fail(&err, AGDB_E_SERVER, "duplicate key");
    agdb__error_outcome(&err, AGDB_OUTCOME_REJECTED);
    agdb__error_stage(&err, AGDB_STAGE_EXECUTE);
    agdb__error_retriable(&err, true, 250);
    agdb__error_sqlstate(&err, "23505");
    agdb__error_field(&err, AGDB_FIELD_DETAIL, "Key (id)=(1)");
    agdb__error_field(&err, AGDB_FIELD_POSITION, "7");
    agdb__error_place(&err, "east-1", "db-e1:5432");
    agdb__fail(&child, AGDB_E_LOST, "part");
    agdb__error_add_child(&err, child);
    return err;
}

static void check_full(const agdb_error_t *err)
{
    assert_int_equal(err->status, AGDB_E_SERVER);
    assert_int_equal(err->outcome, AGDB_OUTCOME_REJECTED);
    assert_int_equal(err->stage, AGDB_STAGE_EXECUTE);
    assert_true(err->retriable);
    assert_int_equal(err->retry_after_ms, 250);
    assert_string_equal(err->sqlstate, "23505");
    assert_string_equal(err->field[AGDB_FIELD_DETAIL], "Key (id)=(1)");
    assert_string_equal(err->field[AGDB_FIELD_POSITION], "7");
    assert_null(err->field[AGDB_FIELD_HINT]);
    assert_string_equal(err->shard, "east-1");
    assert_string_equal(err->node, "db-e1:5432");
    assert_string_equal(err->message, "shard 'east-1' node 'db-e1:5432': duplicate key");
    assert_int_equal(err->nchild, 1);
    assert_int_equal(err->child[0]->status, AGDB_E_LOST);
}

static void setters_fill_every_field(void **state)
{
    agdb_error_t *err = full_error();

    (void)state;
    check_full(err);
    agdb__error_free(err);
}

static void dup_copies_every_field_and_the_children(void **state)
{
    agdb_error_t *err = full_error();
    agdb_error_t *copy = agdb__error_dup(err);

    (void)state;
    assert_ptr_not_equal(copy, err);
    agdb__error_free(err);
    check_full(copy);
    agdb__error_free(copy);
}

static void place_without_a_name_leaves_it_out(void **state)
{
    agdb_error_t *err = NULL;

    (void)state;
    agdb__fail(&err, AGDB_E_NO_PRIMARY, "none");
    agdb__error_place(&err, "east-1", NULL);
    assert_string_equal(err->message, "shard 'east-1': none");
    assert_null(err->node);
    agdb__fail(&err, AGDB_E_NO_PRIMARY, "none");
    agdb__error_place(&err, NULL, "db1");
    assert_string_equal(err->message, "node 'db1': none");
    agdb__fail(&err, AGDB_E_NO_PRIMARY, "none");
    agdb__error_place(&err, NULL, NULL);
    assert_string_equal(err->message, "none");
    agdb__error_free(err);
}

static void field_out_of_range_is_ignored(void **state)
{
    agdb_error_t *err = NULL;

    (void)state;
    agdb__fail(&err, AGDB_E_SERVER, "x");
    agdb__error_field(&err, (agdb_field_t)0, "x");
    agdb__error_field(&err, (agdb_field_t)AGDB__FIELD_COUNT, "x");
    agdb__error_field(&err, AGDB_FIELD_HINT, "first");
    agdb__error_field(&err, AGDB_FIELD_HINT, NULL);
    assert_string_equal(err->field[AGDB_FIELD_HINT], "first");
    agdb__error_field(&err, AGDB_FIELD_HINT, "second");
    assert_string_equal(err->field[AGDB_FIELD_HINT], "second");
    agdb__error_free(err);
}

static void long_text_is_cut_not_lost(void **state)
{
    agdb_error_t *err = NULL;

    (void)state;
    agdb__fail(&err, AGDB_E_SERVER, "%10000s", "x");
    assert_int_equal(strlen(err->message), 4095);
    agdb__error_free(err);
}

static void move_takes_over_and_frees_what_was_there(void **state)
{
    agdb_error_t *from = NULL;
    agdb_error_t *to = NULL;

    (void)state;
    agdb__fail(&from, AGDB_E_LOST, "new");
    agdb__fail(&to, AGDB_E_BUSY, "old");
    agdb__error_move(&to, from);
    assert_ptr_equal(to, from);
    agdb__error_move(&to, to);
    assert_string_equal(to->message, "new");
    agdb__error_move(NULL, to); /* frees it */
}

static void add_child_without_parent_frees_it(void **state)
{
    agdb_error_t *none = NULL;
    agdb_error_t *child = NULL;

    (void)state;
    agdb__fail(&child, AGDB_E_LOST, "x");
    agdb__error_add_child(&none, child);
    child = NULL;
    agdb__fail(&child, AGDB_E_LOST, "x");
    agdb__error_add_child(NULL, child);
    assert_null(none);
}

/* --- without memory ----------------------------------------------------------------------------
 */
static void *no_alloc(size_t size, void *user)
{
    (void)size;
    (void)user;
    return NULL;
}

static void *no_resize(void *block, size_t size, void *user)
{
    (void)block;
    (void)size;
    (void)user;
    return NULL;
}

static void no_release(void *block, void *user)
{
    (void)user;
    assert_null(block); /* nothing was ever made here */
}

static const agdb_allocator_t k_none = {no_alloc, no_resize, no_release, NULL};

static void fail_without_memory_keeps_status_and_outcome(void **state)
{
    static const agdb_outcome_t outcome[] = {AGDB_OUTCOME_NONE, AGDB_OUTCOME_NOT_SENT,
                                             AGDB_OUTCOME_REJECTED, AGDB_OUTCOME_UNKNOWN};
    size_t i;

    (void)state;
    agdb__alloc_enter(&k_none);
#define CHECK(name, value, text)                                                                   \
    for (i = 0; i < 4; i++) {                                                                      \
        agdb_error_t *err = NULL;                                                                  \
        assert_int_equal(agdb__fail(&err, AGDB_E_##name, "x"), AGDB_E_##name);                     \
        assert_non_null(err);                                                                      \
        agdb__error_outcome(&err, outcome[i]);                                                     \
        assert_int_equal(err->status, AGDB_E_##name);                                              \
        assert_int_equal(err->outcome, outcome[i]);                                                \
        assert_string_equal(err->message, text);                                                   \
        agdb__error_free(err);                                                                     \
    }
    AGDB_STATUS_MAP(CHECK)
#undef CHECK
    agdb__alloc_enter(NULL);
}

static void static_error_is_never_changed(void **state)
{
    agdb_error_t *err = NULL;
    agdb_error_t *copy;
    agdb_error_t *child = NULL;

    (void)state;
    assert_int_equal(agdb__fail_nomem(&err), AGDB_E_NOMEM);
    agdb__error_stage(&err, AGDB_STAGE_QUEUE);
    agdb__error_retriable(&err, true, 5);
    agdb__error_sqlstate(&err, "40001");
    agdb__error_field(&err, AGDB_FIELD_HINT, "x");
    agdb__error_place(&err, "s", "n");
    agdb__fail(&child, AGDB_E_LOST, "x");
    agdb__error_add_child(&err, child);
    copy = agdb__error_dup(err);
    assert_ptr_equal(copy, err);
    assert_string_equal(err->message, "out of memory");
    assert_int_equal(err->stage, AGDB_STAGE_NONE);
    assert_false(err->retriable);
    assert_int_equal(err->nchild, 0);
    agdb__error_free(err);
    agdb__error_free(copy);
}

/* Makes and copies a full error with the i-th allocation failing, then with all from the i-th on.
 */
typedef struct failing {
    int count;
    int fail_at;
    bool for_ever;
} failing_t;

static bool is_failing(failing_t *f)
{
    int number = f->count++;

    return f->for_ever ? number >= f->fail_at : number == f->fail_at;
}

static void *failing_alloc(size_t size, void *user)
{
    return is_failing(user) ? NULL : malloc(size);
}

static void *failing_resize(void *block, size_t size, void *user)
{
    return is_failing(user) ? NULL : realloc(block, size);
}

static void plain_release(void *block, void *user)
{
    (void)user;
    free(block);
}

static void any_allocation_failing_leaves_a_usable_error(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 100; i++) {
        failing_t failing = {.fail_at = i / 2, .for_ever = i % 2 == 0};
        agdb_allocator_t a = {failing_alloc, failing_resize, plain_release, &failing};
        agdb_error_t *err;
        agdb_error_t *copy;
        agdb__alloc_enter(&a);
        err = full_error();
        copy = agdb__error_dup(err);
        agdb__alloc_enter(NULL);
        assert_int_equal(err->status, AGDB_E_SERVER);
        assert_int_equal(err->outcome, AGDB_OUTCOME_REJECTED);
        assert_non_null(err->message);
        assert_int_equal(copy->status, AGDB_E_SERVER);
        assert_int_equal(copy->outcome, AGDB_OUTCOME_REJECTED);
        assert_non_null(copy->message);
        agdb__error_free(err);
        agdb__error_free(copy);
    }
}

static void unanswered_is_unknown_and_reads_may_be_tried_again(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__fail_unanswered(19001, true, &error), AGDB_E_TIMEOUT);
    assert_int_equal(error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(error->stage, AGDB_STAGE_EXECUTE);
    assert_true(error->retriable);
    assert_string_equal(error->message, "no answer within 20 ms");
    assert_int_equal(agdb__fail_unanswered(1, false, &error), AGDB_E_TIMEOUT);
    assert_false(error->retriable); /* a write may be in */
    agdb__error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_sets_status_and_text),
        cmocka_unit_test(fail_again_replaces_the_error_before),
        cmocka_unit_test(fail_again_may_speak_of_the_error_before),
        cmocka_unit_test(everything_accepts_that_nobody_wants_the_error),
        cmocka_unit_test(setters_fill_every_field),
        cmocka_unit_test(dup_copies_every_field_and_the_children),
        cmocka_unit_test(place_without_a_name_leaves_it_out),
        cmocka_unit_test(field_out_of_range_is_ignored),
        cmocka_unit_test(long_text_is_cut_not_lost),
        cmocka_unit_test(move_takes_over_and_frees_what_was_there),
        cmocka_unit_test(add_child_without_parent_frees_it),
        cmocka_unit_test(fail_without_memory_keeps_status_and_outcome),
        cmocka_unit_test(static_error_is_never_changed),
        cmocka_unit_test(any_allocation_failing_leaves_a_usable_error),
        cmocka_unit_test(unanswered_is_unknown_and_reads_may_be_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
