/* A write that happens once: BEGIN; its key; the write; COMMIT; Sync, in one flush.
 *
 * The unique index does the rest. When a first attempt is still running, the second waits for it at
 * the key. When it has committed, the insertion fails and the write is not executed: it has
 * happened. When it was rolled back, its key went with it. On asynchronous standbys that lose a
 * commit the key is lost with the write, so it is once per history that survives. */
#include "pg/conn_impl.h"

#include "base/error.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* A key that is there already fails the statement: by a division by zero (22012) when it is the
 * same write's, by text that is no number (22P02) when it is another one's. */
static const char k_name[] = "agdb_once";
static const char k_sql[] =
    "INSERT INTO agencydb.idempotency AS i (agency, key, fingerprint)"
    " VALUES ($1::bytea, $2::text, $3::bigint) ON CONFLICT (agency, key) DO UPDATE"
    " SET fingerprint = CASE WHEN i.fingerprint = excluded.fingerprint"
    " THEN 1 / (i.fingerprint - excluded.fingerprint) ELSE ('other ' || i.key)::bigint END";

bool agdb__conn_queue_key(agdb__conn_t *conn, const agdb__once_t *once)
{
    char fingerprint[24];
    const char *const values[] = {once->agency_len > 0 ? once->agency : "", once->key, fingerprint};
    const int lengths[] = {(int)once->agency_len, 0, 0};
    const int formats[] = {1, 0, 0};
    int queued;

    snprintf(fingerprint, sizeof fingerprint, "%lld", (long long)once->fingerprint);
    if (conn->login->pgbouncer) {
        queued = PQsendQueryParams(conn->pg, k_sql, 3, NULL, values, lengths, formats, 0);
        return agdb__conn_add_step(conn, queued, AGDB__STEP_ONCE, 0);
    }
    if (!conn->knows_once &&
        !agdb__conn_add_step(conn, PQsendPrepare(conn->pg, k_name, k_sql, 3, NULL), AGDB__STEP_ONCE,
                             0))
        return false;
    queued = PQsendQueryPrepared(conn->pg, k_name, 3, values, lengths, formats, 0);
    return agdb__conn_add_step(conn, queued, AGDB__STEP_ONCE, 0);
}

bool agdb__conn_queue_once(agdb__conn_t *conn, const agdb__statement_t *statement,
                           const agdb__stmt_key_t *key, const agdb__params_t *p)
{
    return agdb__conn_queue_head(conn, false, 0) && agdb__conn_queue_begin(conn) &&
           agdb__conn_queue_key(conn, &statement->once) && agdb__conn_queue_member(conn, key, p) &&
           agdb__conn_queue_commit(conn, 0);
}

/* Any other failure than its own two is the write's: it was not executed because of it. */
void agdb__conn_take_once(agdb__conn_t *conn, PGresult *take_rows)
{
    const char *state = agdb__conn_sqlstate(take_rows);

    if (PQresultStatus(take_rows) == PGRES_COMMAND_OK) {
        conn->knows_once = true; /* prepared at least */
    } else if (strcmp(state, "22012") == 0) {
        conn->replayed = true;
    } else if (strcmp(state, "22P02") == 0) {
        conn->reused = true;
    } else if (PQresultStatus(take_rows) == PGRES_FATAL_ERROR) {
        if (strcmp(state, "26000") == 0)
            conn->knows_once = false;
        agdb__conn_set_answer(conn, &conn->member[0], take_rows, true);
        return;
    }
    PQclear(take_rows);
}

bool agdb__conn_was_replayed(const agdb__conn_t *conn)
{
    return conn->replayed;
}

static agdb_status_t receive_replayed(agdb__conn_t *conn, struct pg_result **ret_rows,
                                      agdb_error_t **reterr)
{
    *ret_rows = agdb__rows_none();
    conn->member[0].received = true;
    if (*ret_rows != NULL)
        return AGDB_OK;
    (void)agdb__fail_nomem(reterr);
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_NOMEM;
}

agdb_status_t agdb__conn_fail_reused(agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_INVAL,
                     "the idempotency key has been used for another statement or other "
                     "parameters");
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    return AGDB_E_INVAL;
}

void agdb__conn_explain_once(agdb_error_t **error)
{
    if (*error != NULL && strcmp((*error)->sqlstate, "42P01") == 0 &&
        strstr((*error)->message, "agencydb.idempotency") != NULL)
        agdb__error_prefix(error, "idempotency keys need the tables of `agencydb init MAP`: ");
}

agdb_status_t agdb__conn_receive_once(agdb__conn_t *conn, struct pg_result **ret_rows,
                                      agdb_error_t **reterr)
{
    agdb_error_t *error = NULL;
    agdb_status_t st;

    if (conn->nmembers == 1 && conn->replayed)
        return receive_replayed(conn, ret_rows, reterr);
    if (conn->nmembers == 1 && conn->reused)
        return agdb__conn_fail_reused(reterr);
    if (agdb__conn_group_receive(conn, 0, ret_rows, &error) == AGDB__MEMBER_ANSWERED)
        return AGDB_OK;
    st = error != NULL ? error->status : AGDB_E_NOMEM;
    agdb__conn_explain_once(&error);
    agdb__error_move(reterr, error);
    return st;
}
