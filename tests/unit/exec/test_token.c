#include "exec/token.h"

#include "agencydb/session.h"
#include "base/rng.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { EAST = 11, WEST = 12, SYSTEM = 7 };

static agdb__token_t g_token;

static int reset(void **state)
{
    (void)state;
    g_token = (agdb__token_t){0};
    return 0;
}

static void advance(uint64_t shard, uint64_t system, uint32_t timeline, uint64_t lsn)
{
    agdb__token_advance(&g_token, shard, &(agdb__position_t){system, lsn, timeline});
}

static void expect_position(uint64_t shard, uint32_t timeline, uint64_t lsn)
{
    agdb__position_t at = {0, 0, 0};

    assert_int_equal(agdb__token_need(&g_token, shard, &at), AGDB__NEED_POSITION);
    assert_int_equal(at.timeline, timeline);
    assert_int_equal(at.lsn, lsn);
}

static agdb__need_kind_t need(uint64_t shard)
{
    agdb__position_t at;

    return agdb__token_need(&g_token, shard, &at);
}

static void a_shard_needs_its_last_write_and_others_nothing(void **state)
{
    (void)state;
    assert_int_equal(need(EAST), AGDB__NEED_NOTHING);
    advance(EAST, SYSTEM, 1, 100);
    advance(EAST, SYSTEM, 1, 90); /* answers may arrive out of order */
    expect_position(EAST, 1, 100);
    assert_int_equal(need(WEST), AGDB__NEED_NOTHING);
}

static void the_newer_timeline_counts(void **state)
{
    (void)state;
    advance(EAST, SYSTEM, 1, 100);
    advance(EAST, SYSTEM, 2, 60); /* what the old one had beyond its end is lost for all */
    expect_position(EAST, 2, 60);
    advance(EAST, SYSTEM, 1, 500);
    expect_position(EAST, 2, 60);
}

static void what_does_not_compare_needs_the_primary(void **state)
{
    (void)state;
    advance(EAST, SYSTEM, 1, 100);
    advance(EAST, SYSTEM + 1, 1, 100);
    assert_int_equal(need(EAST), AGDB__NEED_PRIMARY);
    agdb__token_doubt(&g_token, WEST);
    assert_int_equal(need(WEST), AGDB__NEED_PRIMARY);
    advance(WEST, SYSTEM, 1, 100); /* the doubtful one may still come */
    assert_int_equal(need(WEST), AGDB__NEED_PRIMARY);
}

static void more_shards_than_fit_all_need_the_primary(void **state)
{
    uint64_t i;

    (void)state;
    for (i = 0; i < AGDB__TOKEN_SHARDS; i++)
        advance(100 + i, SYSTEM, 1, 1);
    assert_int_equal(need(EAST), AGDB__NEED_NOTHING);
    advance(99, SYSTEM, 1, 1);
    assert_int_equal(need(EAST), AGDB__NEED_PRIMARY);
}

static void text_brings_everything_back(void **state)
{
    char text[AGDB_SESSION_TEXT_MAX];
    char again[AGDB_SESSION_TEXT_MAX];
    size_t len;
    agdb__token_t back;

    (void)state;
    advance(EAST, UINT64_MAX, UINT32_MAX, UINT64_MAX);
    agdb__token_doubt(&g_token, WEST);
    len = agdb__token_format(&g_token, text, sizeof text);
    assert_int_equal(len, strlen(text));
    assert_string_equal(text, "a1;b.ffffffffffffffff.ffffffff.ffffffffffffffff;c.0.0.0p");
    assert_true(agdb__token_parse(text, strlen(text), &back));
    agdb__token_format(&back, again, sizeof again);
    assert_string_equal(again, text);
    assert_int_equal(agdb__token_format(&(agdb__token_t){0}, text, sizeof text), 2);
    assert_string_equal(text, "a1");
    assert_int_equal(agdb__token_format(&(agdb__token_t){.all_primary_only = true}, text, 4), 4);
    assert_string_equal(text, "a1;"); /* what fits */
}

static void the_longest_text_fits(void **state)
{
    char text[AGDB_SESSION_TEXT_MAX];
    uint64_t i;

    (void)state;
    for (i = 0; i < AGDB__TOKEN_SHARDS; i++) {
        advance(UINT64_MAX - i, UINT64_MAX, UINT32_MAX, UINT64_MAX);
        g_token.entry[i].primary_only = true;
    }
    assert_true(agdb__token_format(&g_token, text, sizeof text) < sizeof text);
}

static void merge_takes_the_later_of_both(void **state)
{
    agdb__token_t other = {0};

    (void)state;
    advance(EAST, SYSTEM, 1, 100);
    agdb__token_advance(&other, EAST, &(agdb__position_t){SYSTEM, 150, 1});
    agdb__token_doubt(&other, WEST);
    agdb__token_merge(&g_token, &other);
    expect_position(EAST, 1, 150);
    assert_int_equal(need(WEST), AGDB__NEED_PRIMARY);
    agdb__token_merge(&g_token, &(agdb__token_t){.all_primary_only = true});
    assert_int_equal(need(99), AGDB__NEED_PRIMARY);
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "a2",
        "a1;",
        "a1;b",
        "a1;b.7.1",
        "a1;b.7.1.",
        "a1;b.7.1.6x",
        "a1;b.7.1.64;",
        "a1 b.7.1.6",
        "A1",
        "a1;B.7.1.6",
        "a1;.7.1.6",
        "a1;*x",
        "a1;b.7.1.6pp",
        "a1,b.7.1.6",
        "a1;b..1.6",
        "a1;-1.7.1.6",
        "a1;b.7.1.6 ",
        "a1;00000000000000001.7.1.6",
        "a1;b.7.123456789.6",
    };
    agdb__token_t back;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(texts); i++)
        if (agdb__token_parse(texts[i], strlen(texts[i]), &back))
            fail_msg("'%s' was taken", texts[i]);
    assert_false(agdb__token_parse("a1\0;", 4, &back));
}

/* Bytes of a good text changed, cut and doubled at random: parsed or not, nothing is read beyond
 * the end (the text is a block of its own), and what was parsed can be written. */
static void hostile_texts_do_no_harm(void **state)
{
    static const char good[] = "a1;b.7.1.64;c.7.2.ffp;*;d.1.1.1";
    agdb__rng_t rng = {.state = 20261126};
    char text[AGDB_SESSION_TEXT_MAX];
    int i;

    (void)state;
    for (i = 0; i < 100000; i++) {
        size_t len = agdb__rng_next(&rng) % sizeof good;
        char *block = malloc(len + 1);
        agdb__token_t back;

        assert_non_null(block);
        memcpy(block, good, len);
        if (len > 0)
            block[agdb__rng_next(&rng) % len] = (char)agdb__rng_next(&rng);
        block = realloc(block, len > 0 ? len : 1);
        assert_non_null(block);
        if (agdb__token_parse(block, len, &back))
            assert_true(agdb__token_format(&back, text, sizeof text) < sizeof text);
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_shard_needs_its_last_write_and_others_nothing, reset),
        cmocka_unit_test_setup(the_newer_timeline_counts, reset),
        cmocka_unit_test_setup(what_does_not_compare_needs_the_primary, reset),
        cmocka_unit_test_setup(more_shards_than_fit_all_need_the_primary, reset),
        cmocka_unit_test_setup(text_brings_everything_back, reset),
        cmocka_unit_test_setup(the_longest_text_fits, reset),
        cmocka_unit_test_setup(merge_takes_the_later_of_both, reset),
        cmocka_unit_test_setup(other_texts_are_refused, reset),
        cmocka_unit_test_setup(hostile_texts_do_no_harm, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
