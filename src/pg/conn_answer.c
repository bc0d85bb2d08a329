/* What was answered, for whoever asked; and the whole of a statement in one call. */
#include "pg/conn_impl.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <libpq-fe.h>
#include <poll.h>

/* It was executed; the caller asked not to be given so much. */
static agdb_status_t check_size(const agdb__conn_t *conn, const agdb__member_t *member,
                                agdb_error_t **reterr)
{
    const PGresult *rows = member->answer;
    const uint64_t count = (uint64_t)PQntuples(rows);
    const uint64_t bytes = PQresultMemorySize(rows);

    if (PQresultStatus(rows) != PGRES_TUPLES_OK)
        return AGDB_OK;
    if (member->max_rows != 0 && count > member->max_rows)
        (void)agdb__fail(reterr, AGDB_E_TOO_BIG,
                         "the statement was executed, its result of %llu rows is over max_rows "
                         "(%llu)",
                         (unsigned long long)count, (unsigned long long)member->max_rows);
    else if (member->max_bytes != 0 && count != 0 && bytes > member->max_bytes)
        (void)agdb__fail(reterr, AGDB_E_TOO_BIG,
                         "the statement was executed, its result of %llu bytes is over max_bytes "
                         "(%llu)",
                         (unsigned long long)bytes, (unsigned long long)member->max_bytes);
    else
        return AGDB_OK;
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, conn->read_only ? AGDB_OUTCOME_REJECTED : AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_TOO_BIG;
}

static bool has_own_commit(const agdb__conn_t *conn)
{
    return conn->work == AGDB__WORK_GROUP && !conn->read_only;
}

/* An unsent rest holds the end of the Sync without which nothing commits, unless there is something
 * behind it; but statements such as VACUUM or CALL commit by themselves, before their Sync. In a
 * group of writes a COMMIT may have left long before the rest, and libpq does not say. */
static agdb_outcome_t outcome_when_dead(const agdb__conn_t *conn, const agdb__member_t *member)
{
    if (has_own_commit(conn))
        return member->commit == AGDB__COMMIT_NOT_QUEUED ? AGDB_OUTCOME_NOT_SENT
                                                         : AGDB_OUTCOME_UNKNOWN;
    if (!conn->flushed && !conn->has_tail && conn->kind == AGDB__ST_PLAIN)
        return AGDB_OUTCOME_NOT_SENT;
    if (conn->error->status == AGDB_E_TOO_BIG && conn->read_only)
        return AGDB_OUTCOME_REJECTED;
    return AGDB_OUTCOME_UNKNOWN;
}

void agdb__conn_fail_dead(const agdb__conn_t *conn, agdb_outcome_t outcome, agdb_error_t **reterr)
{
    agdb__error_move(reterr, agdb__error_dup(conn->error));
    agdb__error_outcome(reterr, outcome);
    agdb__error_retriable(reterr,
                          conn->error->status != AGDB_E_TOO_BIG &&
                              (outcome == AGDB_OUTCOME_NOT_SENT || conn->read_only),
                          0);
}

static agdb_status_t fail_dead(const agdb__conn_t *conn, const agdb__member_t *member,
                               agdb_error_t **reterr)
{
    agdb__conn_fail_dead(conn, outcome_when_dead(conn, member), reterr);
    return conn->error->status;
}

agdb_status_t agdb__conn_take_out(agdb__conn_t *conn, agdb__member_t *member,
                                  struct pg_result **ret_rows, agdb_error_t **reterr)
{
    agdb_status_t st = member->answer_is_error
                           ? agdb__conn_server_error(conn, member->answer, reterr)
                           : check_size(conn, member, reterr);

    if (st == AGDB_OK)
        *ret_rows = member->answer;
    else
        PQclear(member->answer);
    member->answer = NULL;
    member->received = true;
    return st;
}

bool agdb__conn_is_over(const agdb__conn_t *conn)
{
    return (conn->state == AGDB__CONN_READY && !conn->gathering) || conn->state == AGDB__CONN_DEAD;
}

agdb_status_t agdb__conn_receive(agdb__conn_t *conn, struct pg_result **ret_rows,
                                 agdb_error_t **reterr)
{
    const bool complete = conn->state == AGDB__CONN_READY || conn->answered;
    agdb__member_t *member = &conn->member[0];

    if (conn->behind != 0 && agdb__conn_is_over(conn) && agdb__conn_is_behind(conn, member))
        return agdb__conn_fail_behind(member, reterr);
    if (agdb__conn_is_over(conn) && conn->work == AGDB__WORK_GROUP)
        return agdb__conn_receive_once(conn, ret_rows, reterr);
    if (!agdb__conn_is_over(conn) ||
        (conn->state == AGDB__CONN_READY && (conn->nmembers == 0 || member->answer == NULL)))
        return agdb__fail(reterr, AGDB_E_MISUSE, "there is no answer to receive");
    if (conn->nmembers != 0 && member->answer != NULL && (complete || member->answer_is_error))
        return agdb__conn_take_out(conn, member, ret_rows, reterr);
    PQclear(conn->nmembers != 0 ? member->answer : NULL);
    member->answer = NULL;
    member->received = true;
    return fail_dead(conn, member, reterr);
}

/* --- groups ---------------------------------------------------------------------------------- */

/* A member that was in flight when the result of an earlier one became too big. */
static void fail_bystander(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_LOST,
                     "the connection was given up: the result of another statement is over "
                     "max_bytes");
    if (reterr != NULL && *reterr != NULL && !(*reterr)->is_static && conn->error->node != NULL)
        (*reterr)->node = agdb__strdup(conn->error->node);
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    agdb__error_retriable(reterr, conn->read_only, 0);
}

void agdb__conn_fail_rolled_back(agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_SERVER,
                     "the server rolled the transaction back instead of committing it");
    agdb__error_sqlstate(reterr, "40000");
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
}

agdb__member_fate_t agdb__conn_group_receive(agdb__conn_t *conn, size_t i,
                                             struct pg_result **ret_rows, agdb_error_t **reterr)
{
    agdb__member_t *member = &conn->member[i];
    bool counts;
    bool too_big;

    if (!agdb__conn_is_over(conn) || conn->work != AGDB__WORK_GROUP || i >= conn->nmembers ||
        member->received) {
        (void)agdb__fail(reterr, AGDB_E_MISUSE, "there is no answer to receive");
        return AGDB__MEMBER_LOST;
    }
    if (conn->behind != 0 && agdb__conn_is_behind(conn, member)) {
        (void)agdb__conn_fail_behind(member, reterr);
        return AGDB__MEMBER_FAILED;
    }
    counts = !has_own_commit(conn) || member->commit == AGDB__COMMIT_CONFIRMED;
    if (member->answer != NULL && (counts || member->answer_is_error))
        return agdb__conn_take_out(conn, member, ret_rows, reterr) == AGDB_OK
                   ? AGDB__MEMBER_ANSWERED
                   : AGDB__MEMBER_FAILED;
    PQclear(member->answer);
    member->answer = NULL;
    member->received = true;
    if (member->commit == AGDB__COMMIT_ROLLED_BACK) {
        agdb__conn_fail_rolled_back(reterr);
        return AGDB__MEMBER_FAILED;
    }
    if (i > conn->failed_member)
        return AGDB__MEMBER_NOT_EXECUTED;
    too_big = conn->error->status == AGDB_E_TOO_BIG;
    if (too_big && i != agdb__conn_at_member(conn)) {
        fail_bystander(conn, reterr);
        return AGDB__MEMBER_LOST;
    }
    (void)fail_dead(conn, member, reterr);
    return too_big ? AGDB__MEMBER_FAILED : AGDB__MEMBER_LOST;
}

/* --- the whole of it ------------------------------------------------------------------------- */

void agdb__conn_expire(agdb__conn_t *conn, uint64_t waited_us)
{
    if (conn->state == AGDB__CONN_IN_FLIGHT)
        agdb__conn_die(conn, AGDB_E_TIMEOUT, AGDB_STAGE_EXECUTE, "no answer within %llu ms",
                       (unsigned long long)((waited_us + 999) / 1000));
}

bool agdb__conn_wait(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us)
{
    const uint64_t start_us = now_us;

    while (conn->state == AGDB__CONN_IN_FLIGHT) {
        struct pollfd p = {.fd = agdb__conn_fd(conn), .events = conn->events};
        int rc = poll(&p, 1, agdb__poll_ms(now_us, deadline_us));

        now_us = agdb__now_us();
        if (rc > 0)
            (void)agdb__conn_step(conn, now_us);
        if (conn->state != AGDB__CONN_IN_FLIGHT || now_us < deadline_us)
            continue;
        if (agdb__conn_can_be_left(conn))
            return false;
        agdb__conn_expire(conn, deadline_us - start_us);
    }
    return true;
}

agdb_status_t agdb__conn_run(agdb__conn_t *conn, const agdb__statement_t *statement,
                             uint64_t deadline_us, struct pg_result **ret_rows,
                             agdb_error_t **reterr)
{
    const uint64_t now_us = agdb__now_us();
    agdb_status_t st;

    if (now_us >= deadline_us) {
        st = agdb__fail(reterr, AGDB_E_TIMEOUT, "the deadline had passed before sending");
        agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
        agdb__error_retriable(reterr, true, 0);
        return st;
    }
    st = agdb__conn_send(conn, statement, reterr);
    if (st != AGDB_OK)
        return st;
    if (!agdb__conn_wait(conn, now_us, deadline_us))
        return agdb__fail_unanswered(deadline_us - now_us, statement->read_only, reterr);
    return agdb__conn_receive(conn, ret_rows, reterr);
}
