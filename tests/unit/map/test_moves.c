#include "map_test.h"

#include "map/moves.h"

#define HEAD "agencydb: 1\nhash: { slots: 64 }\nkeyspaces:\n  core:\n    shards:\n"
#define A(s) "      a: { slots: [" s "], nodes: [ localhost ] }\n"
#define B(s) "      b: { slots: [" s "], nodes: [ \"localhost:1\" ] }\n"

static void record(const agdb__move_t *move, void *user)
{
    char *text = user;
    size_t at = strlen(text);

    if (move->agency != NULL)
        snprintf(text + at, 256 - at, "%.*s:%s>%s ", (int)move->agency->key_len,
                 (const char *)move->agency->key, move->from, move->to);
    else
        snprintf(text + at, 256 - at, "%u-%u:%s>%s ", move->first, move->last, move->from,
                 move->to);
}

static void assert_moves(const char *current, const char *next, const char *expected)
{
    agdb_map_t *a = good_map(current);
    agdb_map_t *b = good_map(next);
    char found[256] = "";

    agdb__map_moves(a, b, record, found);
    assert_string_equal(found, expected);
    agdb__map_unref(a);
    agdb__map_unref(b);
}

static void moves_of_the_same_map_are_none(void **state)
{
    (void)state;
    assert_moves(HEAD A("0-31") B("32-63"), HEAD A("0-31") B("32-63"), "");
}

static void moves_run_as_far_as_both_owners_stay(void **state)
{
    (void)state;
    assert_moves(HEAD A("0-31") B("32-63"), HEAD A("0-9, 40-49") B("10-39, 50-63"),
                 "10-31:a>b 40-49:b>a ");
}

static void moves_pinned_agency_moves_alone(void **state)
{
    (void)state;
    assert_moves(HEAD A("0-31") B("32-63") "agencies: { x: { shard: a } }\n",
                 HEAD A("0-31") B("32-63") "agencies: { x: { shard: b } }\n", "x:a>b ");
}

static void moves_pinned_agency_stays_when_its_slot_moves(void **state)
{
    (void)state;
    assert_moves(HEAD A("0-63") B("") "agencies: { x: { shard: a } }\n",
                 HEAD A("") B("0-63") "agencies: { x: { shard: a } }\n", "0-63:a>b ");
}

static void moves_pin_dropped_sends_the_agency_to_its_slot(void **state)
{
    (void)state;
    assert_moves(HEAD A("0-63") B("") "agencies: { x: { shard: b } }\n", HEAD A("0-63") B(""),
                 "x:b>a ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_of_the_same_map_are_none),
        cmocka_unit_test(moves_run_as_far_as_both_owners_stay),
        cmocka_unit_test(moves_pinned_agency_moves_alone),
        cmocka_unit_test(moves_pinned_agency_stays_when_its_slot_moves),
        cmocka_unit_test(moves_pin_dropped_sends_the_agency_to_its_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
