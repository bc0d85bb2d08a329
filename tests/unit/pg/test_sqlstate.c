#include "pg/sqlstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

/* Every class of appendix A of the PostgreSQL manual, with what stands out in it. */
static const struct {
    const char *state;
    const char *message;
    agdb__sql_class_t means;
} k_rows[] = {
    {"00000", "", AGDB__SQL_CALLER},
    {"01000", "", AGDB__SQL_CALLER},
    {"02000", "", AGDB__SQL_CALLER},
    {"03000", "", AGDB__SQL_CALLER},
    {"08000", "", AGDB__SQL_GOING_AWAY},
    {"08003", "", AGDB__SQL_GOING_AWAY},
    {"08006", "", AGDB__SQL_GOING_AWAY},
    {"08001", "", AGDB__SQL_GOING_AWAY},
    {"08004", "", AGDB__SQL_GOING_AWAY},
    {"08007", "", AGDB__SQL_UNKNOWN_OUTCOME},
    {"08P01", "", AGDB__SQL_CALLER},
    {"09000", "", AGDB__SQL_CALLER},
    {"0A000", "cached plan must not change result type", AGDB__SQL_STALE_STATEMENT},
    {"0A000", "this feature is not there", AGDB__SQL_CALLER},
    {"0A000", NULL, AGDB__SQL_CALLER},
    {"0B000", "", AGDB__SQL_CALLER},
    {"0F000", "", AGDB__SQL_CALLER},
    {"0L000", "", AGDB__SQL_CALLER},
    {"0P000", "", AGDB__SQL_CALLER},
    {"0Z000", "", AGDB__SQL_CALLER},
    {"20000", "", AGDB__SQL_CALLER},
    {"21000", "", AGDB__SQL_CALLER},
    {"22012", "", AGDB__SQL_CALLER},
    {"22P02", "", AGDB__SQL_CALLER},
    {"23505", "", AGDB__SQL_CALLER},
    {"24000", "", AGDB__SQL_CALLER},
    {"25000", "", AGDB__SQL_CALLER},
    {"25001", "", AGDB__SQL_CALLER},
    {"25006", "", AGDB__SQL_NOT_PRIMARY},
    {"25P02", "", AGDB__SQL_CALLER},
    {"26000", "", AGDB__SQL_STALE_STATEMENT},
    {"27000", "", AGDB__SQL_CALLER},
    {"28000", "", AGDB__SQL_AUTH},
    {"28P01", "", AGDB__SQL_AUTH},
    {"2B000", "", AGDB__SQL_CALLER},
    {"2D000", "", AGDB__SQL_CALLER},
    {"2F000", "", AGDB__SQL_CALLER},
    {"34000", "", AGDB__SQL_CALLER},
    {"38000", "", AGDB__SQL_CALLER},
    {"39000", "", AGDB__SQL_CALLER},
    {"3B000", "", AGDB__SQL_CALLER},
    {"3D000", "", AGDB__SQL_AUTH},
    {"3F000", "", AGDB__SQL_CALLER},
    {"40000", "", AGDB__SQL_CALLER},
    {"40001", "", AGDB__SQL_RETRY},
    {"40002", "", AGDB__SQL_CALLER},
    {"40003", "", AGDB__SQL_UNKNOWN_OUTCOME},
    {"40P01", "", AGDB__SQL_RETRY},
    {"42501", "", AGDB__SQL_CALLER},
    {"42601", "", AGDB__SQL_CALLER},
    {"42P01", "", AGDB__SQL_CALLER},
    {"44000", "", AGDB__SQL_CALLER},
    {"53000", "", AGDB__SQL_CALLER},
    {"53100", "", AGDB__SQL_CALLER},
    {"53200", "", AGDB__SQL_CALLER},
    {"53300", "", AGDB__SQL_OVERLOAD},
    {"53400", "", AGDB__SQL_OVERLOAD},
    {"54000", "", AGDB__SQL_CALLER},
    {"55000", "", AGDB__SQL_CALLER},
    {"55P03", "", AGDB__SQL_CALLER},
    {"57000", "", AGDB__SQL_CALLER},
    {"57014", "", AGDB__SQL_TIMEOUT},
    {"57P01", "", AGDB__SQL_GOING_AWAY},
    {"57P02", "", AGDB__SQL_GOING_AWAY},
    {"57P03", "", AGDB__SQL_GOING_AWAY},
    {"57P04", "", AGDB__SQL_CALLER},
    {"57P05", "", AGDB__SQL_GOING_AWAY},
    {"58000", "", AGDB__SQL_CALLER},
    {"58P01", "", AGDB__SQL_CALLER},
    {"72000", "", AGDB__SQL_CALLER},
    {"F0000", "", AGDB__SQL_CALLER},
    {"HV000", "", AGDB__SQL_CALLER},
    {"P0001", "", AGDB__SQL_CALLER},
    {"XX000", "", AGDB__SQL_CALLER},
    {"", "", AGDB__SQL_CALLER},
    {"57P", "", AGDB__SQL_CALLER},
    {NULL, NULL, AGDB__SQL_CALLER},
};

static void classify_every_class_as_the_table_says(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof k_rows / sizeof k_rows[0]; i++)
        if (agdb__sql_classify(k_rows[i].state, k_rows[i].message) != k_rows[i].means)
            fail_msg("%s: %d", k_rows[i].state,
                     (int)agdb__sql_classify(k_rows[i].state, k_rows[i].message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(classify_every_class_as_the_table_says)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
