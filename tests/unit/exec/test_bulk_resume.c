/* The text that says how far a load has come. */
#include "exec/bulk_resume.h"

#include "base/alloc.h"
#include "base/error.h"
#include "unit.h"

typedef struct seen {
    unsigned lines;
    agdb__bulk_place_t done;
    agdb__bulk_doubt_t doubt;
    char shard[32];
} seen_t;

static agdb_status_t see(void *user, const char *shard, size_t len, agdb__bulk_place_t done,
                         const agdb__bulk_doubt_t *doubt, agdb_error_t **reterr)
{
    seen_t *seen = user;

    (void)reterr;
    assert_true(len < sizeof seen->shard);
    memcpy(seen->shard, shard, len);
    seen->shard[len] = '\0';
    seen->done = done;
    seen->doubt = *doubt;
    seen->lines++;
    return AGDB_OK;
}

static void what_is_written_is_read(void **state)
{
    const agdb__bulk_doubt_t none = {.mark = {.xid = 0}};
    const agdb__bulk_doubt_t doubt = {{UINT64_MAX, 7}, {4711, 3, UINT64_MAX}};
    seen_t seen = {0};
    agdb__buf_t text;

    (void)state;
    agdb__buf_init(&text, 4096);
    agdb__bulk_resume_begin(&text, 0xabcdef);
    agdb__bulk_resume_add(&text, "a", (agdb__bulk_place_t){0, 0}, &none); /* nothing to tell */
    agdb__bulk_resume_add(&text, "east-1", (agdb__bulk_place_t){12, 345}, &none);
    assert_int_equal(agdb__bulk_resume_read(text.data, 0xabcdef, see, &seen, NULL), AGDB_OK);
    assert_int_equal(seen.lines, 1);
    assert_string_equal(seen.shard, "east-1");
    assert_int_equal(seen.done.row, 12);
    assert_int_equal(seen.done.byte, 345);
    assert_int_equal(seen.doubt.mark.xid, 0);
    agdb__bulk_resume_add(&text, "west-1", (agdb__bulk_place_t){0, 0}, &doubt);
    assert_int_equal(agdb__bulk_resume_read(text.data, 0xabcdef, see, &seen, NULL), AGDB_OK);
    assert_int_equal(seen.lines, 3);
    assert_true(seen.doubt.upto.row == UINT64_MAX && seen.doubt.upto.byte == 7);
    assert_true(seen.doubt.mark.xid == 4711 && seen.doubt.mark.timeline == 3);
    assert_true(seen.doubt.mark.system_identifier == UINT64_MAX);
    assert_int_equal(agdb__bulk_resume_read(text.data, 0xabcdee, see, &seen, NULL), AGDB_E_INVAL);
    agdb__buf_fini(&text);
}

static void what_is_no_such_text_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "agdb-copy 2 1\n",
        "agdb-copy 1 \n",
        "agdb-copy 1 1",
        "agdb-copy 1 1\na\n",
        "agdb-copy 1 1\na 1\n",
        "agdb-copy 1 1\na 1 x\n",
        "agdb-copy 1 1\na 1 2 \n",
        "agdb-copy 1 1\na 1 2 or 3 4\n",
        "agdb-copy 1 1\na 1 2 or 3 4 in 5 6\n",
        "agdb-copy 1 1\na 1 99999999999999999999999\n",
        "agdb-copy 1 1\n 1 2\n",
        "agdb-copy 1 1\n\n",
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(texts); i++) {
        agdb_error_t *error = NULL;
        seen_t seen = {0};

        if (agdb__bulk_resume_read(texts[i], 1, see, &seen, &error) != AGDB_E_INVAL)
            fail_msg("'%s' is taken", texts[i]);
        agdb__error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_no_such_text_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
