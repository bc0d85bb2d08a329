/* Names of migrations, and what follows from files and records. */
#include "cli/migration.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void number_of_a_name_or_none(void **state)
{
    static const struct {
        const char *name;
        bool good;
        uint64_t number;
    } rows[] = {
        {"0001_a.sql", true, 1},
        {"0_a.sql", true, 0},
        {"20261126093000_add-pm25.v2.sql", true, 20261126093000},
        {"999999999999999999_a.sql", true, 999999999999999999},
        {"9999999999999999999_a.sql", false, 0},
        {"0001.sql", false, 0},
        {"0001_.sql", false, 0},
        {"_a.sql", false, 0},
        {"a_0001.sql", false, 0},
        {"0001-a.sql", false, 0},
        {"0001_a.SQL", false, 0},
        {"0001_a.sql~", false, 0},
        {"0001_a b.sql", false, 0},
        {"0001_\xc3\xa4.sql", false, 0},
        {"README.md", false, 0},
        {"", false, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t number = 0;
        if (cli_migration_number(rows[i].name, &number) != rows[i].good)
            fail_msg("%s", rows[i].name);
        assert_int_equal(number, rows[i].number);
    }
}

/* Files as "1a 2b" and records as "1a 2b!": a number, a checksum of one letter, '!' for started. */
static size_t read_pairs(const char *text, cli_migration_t *files, cli_record_t *records)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        if (*text == '!') {
            records[count - 1].done = false;
            continue;
        }
        files[count].number = records[count].number = (uint64_t)(text[0] - '0');
        files[count].checksum = records[count].checksum = cli_copy_n(text + 1, 1);
        records[count++].done = true;
        text++;
    }
    return count;
}

static void steps_follow_from_files_and_records(void **state)
{
    static const struct {
        const char *files;
        const char *records;
        const char *steps; /* number and first letter of the state */
        unsigned next;     /* 0: none */
        bool stops;
        bool stops_out_of_order;
    } rows[] = {
        {"", "", "", 0, false, false},
        {"1a 2b", "", "1p 2p ", 1, false, false},
        {"1a 2b 4c", "1a", "1a 2p 4p ", 2, false, false},
        {"1a 2b", "1a 2b", "1a 2a ", 0, false, false},
        {"1a 2x 3c", "1a 2b", "1a 2c 3p ", 3, true, true},
        {"1a 2b 3c", "1a 3c", "1a 2l 3a ", 2, true, false},
        {"1a 2b 3c", "1a 2b!", "1a 2s 3p ", 3, true, true},
        {"1a 2x 3c", "1a 2b!", "1a 2s 3p ", 3, true, true},
        {"1a 3c", "1a 2b 3c", "1a 2m 3a ", 0, true, true},
        {"1a", "1a 2b 3c", "1a 2n 3n ", 0, false, false},
        {"1a", "1a 2b!", "1a 2s ", 0, true, true},
        {"", "1a", "1n ", 0, false, false},
        {"1a 2b", "3c", "1l 2l 3n ", 1, true, false},
    };
    size_t i;
    size_t s;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cli_migration_t files[9] = {0};
        cli_migration_t unused_files[9] = {0};
        cli_record_t records[9] = {0};
        cli_record_t unused_records[9] = {0};
        cli_migrations_t list = {files, read_pairs(rows[i].files, files, unused_records)};
        cli_steps_t steps =
            cli_steps_of(&list, records, read_pairs(rows[i].records, unused_files, records));
        const cli_step_t *next = cli_steps_next(&steps);
        bool stops = false;
        bool stops_late = false;
        cli_buf_t text = {0};

        cli_buf_text(&text, "");
        for (s = 0; s < steps.count; s++) {
            const cli_step_t *step = &steps.items[s];
            cli_buf_format(&text, "%u%c ",
                           (unsigned)(step->migration != NULL ? step->migration->number
                                                              : step->record->number),
                           cli_step_name(step->state)[0]);
            stops = stops || cli_step_stops(step, false);
            stops_late = stops_late || cli_step_stops(step, true);
        }
        assert_string_equal(text.data, rows[i].steps);
        assert_int_equal(next != NULL ? next->migration->number : 0, rows[i].next);
        assert_int_equal(stops, rows[i].stops);
        assert_int_equal(stops_late, rows[i].stops_out_of_order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_of_a_name_or_none),
        cmocka_unit_test(steps_follow_from_files_and_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
