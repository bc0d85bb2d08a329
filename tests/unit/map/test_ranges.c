#include "unit.h"

#include "map/ranges.h"

#include <string.h>

enum { SLOTS = 16 };

static const char *shown(const bool *set, char buf[128])
{
    char range[AGDB__RANGE_SIZE];
    uint32_t first = 0;
    uint32_t last = 0;
    size_t at = 0;

    buf[0] = '\0';
    for (; agdb__range_next(set, SLOTS, &first, &last); first = last + 1) {
        const char *text = agdb__range_text(range, first, last);
        if (at > 0)
            buf[at++] = ' ';
        memcpy(buf + at, text, strlen(text) + 1);
        at += strlen(text);
    }
    return buf;
}

#define SHOWN(set) shown((set), (char[128]){0})

static void parse_takes_numbers_and_pairs_only(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t first;
        uint32_t last;
    } k_rows[] = {
        {"0", true, 0, 0},     {"5-9", true, 5, 9},       {"9-5", true, 9, 5},
        {"", false, 0, 0},     {"-5", false, 0, 0},       {"5-", false, 0, 0},
        {"5-9x", false, 0, 0}, {"5 -9", false, 0, 0},     {"1-2-3", false, 0, 0},
        {"${A}", false, 0, 0}, {"0-1023", true, 0, 1023}, {"1234567", false, 0, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        uint32_t first = 0;
        uint32_t last = 0;
        assert_int_equal(agdb__range_parse(k_rows[i].text, strlen(k_rows[i].text), &first, &last),
                         k_rows[i].good);
        if (k_rows[i].good) {
            assert_int_equal(first, k_rows[i].first);
            assert_int_equal(last, k_rows[i].last);
        }
    }
}

static void read_names_the_word_that_is_no_range(void **state)
{
    static const struct {
        const char *text;
        const char *set; /* NULL: refused */
        const char *bad;
        size_t len;
    } k_rows[] = {
        {"", "", NULL, 0},
        {"0-3", "0-3", NULL, 0},
        {"0-3,5, 7-7", "0-3 5 7", NULL, 0},
        {"[2-3, 0-1]", "0-3", NULL, 0},
        {"3,16", NULL, "16", 2},
        {"9-8 1", NULL, "9-8 1", 3},
        {"1,x,2", NULL, "x,2", 1},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        bool set[SLOTS] = {false};
        size_t len = 0;
        const char *bad = agdb__range_read(k_rows[i].text, SLOTS, set, &len);
        if (k_rows[i].set != NULL) {
            assert_null(bad);
            assert_string_equal(SHOWN(set), k_rows[i].set);
        } else {
            assert_string_equal(bad, k_rows[i].bad);
            assert_int_equal(len, k_rows[i].len);
        }
    }
}

static void move_takes_whole_runs_as_far_as_they_fit(void **state)
{
    static const struct {
        const char *from;
        size_t count;
        const char *left;
        const char *moved;
    } k_rows[] = {
        {"0-15", 8, "0-7", "8-15"},
        {"0-3 8-11", 4, "0-3", "8-11"},
        {"0-3 8-11", 2, "0-3 8-9", "10-11"},
        {"0-7 10 12", 2, "0-7", "10 12"},
        {"0-7 10 12", 4, "0-5", "6-7 10 12"},
        {"0-1 8-15", 2, "8-15", "0-1"}, /* the last one is larger than what is wanted */
        {"0-1 8-15", 3, "8-14", "0-1 15"},
        {"5", 1, "", "5"},
        {"0-15", 16, "", "0-15"},
        {"0-15", 99, "", "0-15"},
        {"0-15", 0, "0-15", ""},
        {"", 3, "", ""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        bool from[SLOTS] = {false};
        bool to[SLOTS] = {false};
        size_t len = 0;
        assert_null(agdb__range_read(k_rows[i].from, SLOTS, from, &len));
        agdb__range_move(from, to, SLOTS, k_rows[i].count);
        assert_string_equal(SHOWN(from), k_rows[i].left);
        assert_string_equal(SHOWN(to), k_rows[i].moved);
        assert_true(agdb__range_count(to, SLOTS) <= k_rows[i].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_takes_numbers_and_pairs_only),
        cmocka_unit_test(read_names_the_word_that_is_no_range),
        cmocka_unit_test(move_takes_whole_runs_as_far_as_they_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
