#include "exec/retry.h"

#include "unit.h"

enum { RO = 1, IDEM = 2, REPLICA = 4 };

static void verdicts_follow_the_rule(void **state)
{
    static const struct {
        agdb_status_t status;
        agdb_outcome_t outcome;
        agdb__sql_class_t sql;
        unsigned flags;
        unsigned number;
        agdb__retry_kind_t kind;
        bool suspect;
    } rows[] = {
        /* not sent: again, where it can help */
        {AGDB_E_LOST, AGDB_OUTCOME_NOT_SENT, 0, 0, 1, AGDB__RETRY_LATER, true},
        {AGDB_E_LOST, AGDB_OUTCOME_NOT_SENT, 0, REPLICA | RO, 1, AGDB__RETRY_ELSEWHERE, true},
        {AGDB_E_CONNECT, AGDB_OUTCOME_NOT_SENT, 0, 0, 9, AGDB__RETRY_LATER, false},
        {AGDB_E_CONNECT, AGDB_OUTCOME_NOT_SENT, 0, REPLICA | RO, 1, AGDB__RETRY_ELSEWHERE, false},
        {AGDB_E_AUTH, AGDB_OUTCOME_NOT_SENT, 0, 0, 1, AGDB__RETRY_NO, false},
        {AGDB_E_AUTH, AGDB_OUTCOME_NOT_SENT, 0, REPLICA | RO, 1, AGDB__RETRY_ELSEWHERE, false},
        {AGDB_E_TIMEOUT, AGDB_OUTCOME_NOT_SENT, 0, 0, 1, AGDB__RETRY_NO, false},
        {AGDB_E_TIMEOUT, AGDB_OUTCOME_NOT_SENT, 0, REPLICA | RO, 1, AGDB__RETRY_ELSEWHERE, false},
        {AGDB_E_NO_PRIMARY, AGDB_OUTCOME_NOT_SENT, 0, 0, 1, AGDB__RETRY_NOW, false},
        {AGDB_E_CLOSING, AGDB_OUTCOME_NOT_SENT, 0, 0, 1, AGDB__RETRY_NO, false},
        {AGDB_E_INVAL, AGDB_OUTCOME_NOT_SENT, 0, 0, 1, AGDB__RETRY_NO, false},
        {AGDB_E_UNSUPPORTED, AGDB_OUTCOME_NOT_SENT, 0, REPLICA | RO, 1, AGDB__RETRY_NO, false},
        {AGDB_E_NOMEM, AGDB_OUTCOME_NOT_SENT, 0, 0, 1, AGDB__RETRY_NO, false},
        /* unknown: only what is harmless */
        {AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, 0, 0, 1, AGDB__RETRY_NO, true},
        {AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, 0, IDEM, 1, AGDB__RETRY_LATER, true},
        {AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, 0, RO, 1, AGDB__RETRY_LATER, true},
        {AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, 0, RO | REPLICA, 1, AGDB__RETRY_ELSEWHERE, true},
        {AGDB_E_TIMEOUT, AGDB_OUTCOME_UNKNOWN, 0, RO | IDEM, 1, AGDB__RETRY_NO, false},
        {AGDB_E_TOO_BIG, AGDB_OUTCOME_UNKNOWN, 0, RO, 1, AGDB__RETRY_NO, false},
        {AGDB_E_NOMEM, AGDB_OUTCOME_UNKNOWN, 0, RO, 1, AGDB__RETRY_NO, false},
        {AGDB_E_NOMEM, AGDB_OUTCOME_UNKNOWN, 0, IDEM, 1, AGDB__RETRY_NO, false},
        {AGDB_E_SERVER, AGDB_OUTCOME_UNKNOWN, AGDB__SQL_UNKNOWN_OUTCOME, 0, 1, AGDB__RETRY_NO,
         false},
        {AGDB_E_SERVER, AGDB_OUTCOME_UNKNOWN, AGDB__SQL_UNKNOWN_OUTCOME, IDEM, 1, AGDB__RETRY_LATER,
         false},
        {AGDB_E_SERVER, AGDB_OUTCOME_UNKNOWN, AGDB__SQL_UNKNOWN_OUTCOME, RO, 5, AGDB__RETRY_LATER,
         false},
        {AGDB_E_SERVER, AGDB_OUTCOME_UNKNOWN, AGDB__SQL_UNKNOWN_OUTCOME, RO, 6, AGDB__RETRY_NO,
         false}, /* the server keeps saying so */
        {AGDB_E_SERVER, AGDB_OUTCOME_UNKNOWN, AGDB__SQL_UNKNOWN_OUTCOME, RO | REPLICA, 6,
         AGDB__RETRY_NO, false},
        /* rejected: for reasons that pass */
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_CALLER, IDEM, 1, AGDB__RETRY_NO, false},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_RETRY, 0, 1, AGDB__RETRY_LATER, false},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_RETRY, 0, 6, AGDB__RETRY_NO, false},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_RETRY, RO | REPLICA, 1,
         AGDB__RETRY_ELSEWHERE, false},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_NOT_PRIMARY, 0, 1, AGDB__RETRY_LATER,
         true},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_NOT_PRIMARY, RO, 1, AGDB__RETRY_NO,
         false}, /* the caller said it reads */
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_NOT_PRIMARY, 0, 6, AGDB__RETRY_NO,
         false}, /* fenced, not demoted */
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_GOING_AWAY, 0, 1, AGDB__RETRY_NO,
         false}, /* raised by the SQL: the connection stands */
        {AGDB_E_LOST, AGDB_OUTCOME_REJECTED, AGDB__SQL_GOING_AWAY, 0, 3, AGDB__RETRY_LATER, true},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_STALE_STATEMENT, 0, 1, AGDB__RETRY_NOW,
         false},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_STALE_STATEMENT, 0, 8, AGDB__RETRY_NOW,
         false}, /* stale on each connection of the pool */
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_STALE_STATEMENT, 0, 20, AGDB__RETRY_NO,
         false},
        {AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, AGDB__SQL_TIMEOUT, IDEM, 1, AGDB__RETRY_NO, false},
        {AGDB_E_INVAL, AGDB_OUTCOME_NONE, 0, 0, 1, AGDB__RETRY_NO, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__attempt_t a = {.status = rows[i].status,
                             .outcome = rows[i].outcome,
                             .sql_class = rows[i].sql,
                             .read_only = (rows[i].flags & RO) != 0,
                             .idempotent = (rows[i].flags & IDEM) != 0,
                             .on_primary = (rows[i].flags & REPLICA) == 0,
                             .number = rows[i].number};
        agdb__retry_t r = agdb__retry_decide(&a);

        if (r.kind != rows[i].kind || r.suspect != rows[i].suspect)
            fail_msg("row %zu: kind %d suspect %d", i, (int)r.kind, (int)r.suspect);
    }
}

static void a_connection_that_did_not_come_to_be_parks_the_call(void **state)
{
    agdb__attempt_t a = {.status = AGDB_E_TIMEOUT,
                         .outcome = AGDB_OUTCOME_NOT_SENT,
                         .on_primary = true,
                         .number = 1};

    (void)state;
    a.stage = AGDB_STAGE_CONNECT;
    assert_int_equal(agdb__retry_decide(&a).kind, AGDB__RETRY_LATER);
    a.stage = AGDB_STAGE_RESOLVE;
    assert_int_equal(agdb__retry_decide(&a).kind, AGDB__RETRY_LATER);
    a.stage = AGDB_STAGE_QUEUE; /* the node is up, and busy: that is for the caller to hear */
    assert_int_equal(agdb__retry_decide(&a).kind, AGDB__RETRY_NO);
}

static void a_write_of_unknown_outcome_is_never_repeated(void **state)
{
    int status;

    (void)state;
    for (status = -1; status >= -28; status--) {
        agdb__attempt_t a = {.status = (agdb_status_t)status,
                             .outcome = AGDB_OUTCOME_UNKNOWN,
                             .on_primary = true,
                             .number = 1};

        assert_int_equal(agdb__retry_decide(&a).kind, AGDB__RETRY_NO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_follow_the_rule),
        cmocka_unit_test(a_connection_that_did_not_come_to_be_parks_the_call),
        cmocka_unit_test(a_write_of_unknown_outcome_is_never_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
