/* Groups: several statements in one flush, under one Sync.
 *
 *   reads    r1; r2; ...; Sync                        guards among them: conn_fresh.c
 *   writes   BEGIN; w1; COMMIT AND CHAIN; w2; COMMIT AND CHAIN; ...; wn; COMMIT; Sync
 *
 * Reads share the implicit transaction, which is read-only by the mode of the session. Each write
 * is a transaction of its own: what its COMMIT has confirmed stays, whatever comes behind. After an
 * error the server skips the rest up to the Sync, so a transaction stays open, and failed. Only
 * then a ROLLBACK follows, ahead of READY.
 *
 * COMMIT AND CHAIN opens the next transaction with the characteristics of the last, which are the
 * session's defaults: nothing that may ride can set others. What goes between writes is prepared:
 * parsing it each time is a sixth of what a small write costs the server.
 *
 * Behind a PgBouncer in transaction mode nothing is prepared or left in the session:
 *
 *   reads    BEGIN READ ONLY; SET LOCAL ...; r1; r2; ...; Sync; COMMIT; Sync
 *
 * It keeps its server for us while the transaction is open, a failed one as well. */
#include "pg/conn_impl.h"

#include "base/error.h"

#include <libpq-fe.h>
#include <stdio.h>

typedef enum agdb__tx { TX_BEGIN = 0, TX_COMMIT_AND_CHAIN, TX_COMMIT, TX_COUNT } agdb__tx_t;

/* In the order of agdb__tx_t. */
static const struct {
    const char *name;
    const char *sql;
} k_tx[TX_COUNT] = {
    {"agdb_begin", "BEGIN"},
    {"agdb_chain", "COMMIT AND CHAIN"},
    {"agdb_commit", "COMMIT"},
};

void agdb__conn_set_lock_ms(agdb__conn_t *conn, uint32_t lock_ms)
{
    conn->lock_ms = lock_ms;
}

/* --- what goes around the members ------------------------------------------------------------ */

bool agdb__conn_prepare_tx(agdb__conn_t *conn)
{
    size_t i;

    if (conn->knows_tx || conn->login->pgbouncer)
        return true;
    for (i = 0; i < TX_COUNT; i++)
        if (!agdb__conn_add_step(conn, PQsendPrepare(conn->pg, k_tx[i].name, k_tx[i].sql, 0, NULL),
                                 AGDB__STEP_REQUIRED, 0))
            return false;
    conn->knows_tx = true;
    return true;
}

static bool queue_tx(agdb__conn_t *conn, agdb__tx_t tx, agdb__step_kind_t kind, size_t of)
{
    const int queued = conn->login->pgbouncer
                           ? PQsendQueryParams(conn->pg, k_tx[tx].sql, 0, NULL, NULL, NULL, NULL, 0)
                           : PQsendQueryPrepared(conn->pg, k_tx[tx].name, 0, NULL, NULL, NULL, 0);

    return agdb__conn_add_step(conn, queued, kind, of);
}

static bool queue_commit(agdb__conn_t *conn, agdb__tx_t tx, size_t of)
{
    conn->member[of].commit = AGDB__COMMIT_QUEUED; /* also when it goes wrong half-way */
    return queue_tx(conn, tx, AGDB__STEP_COMMIT, of);
}

bool agdb__conn_queue_begin(agdb__conn_t *conn)
{
    return agdb__conn_prepare_tx(conn) && queue_tx(conn, TX_BEGIN, AGDB__STEP_REQUIRED, 0);
}

bool agdb__conn_queue_commit(agdb__conn_t *conn, size_t of)
{
    return queue_commit(conn, TX_COMMIT, of) && agdb__conn_queue_sync(conn);
}

static bool queue_opening(agdb__conn_t *conn)
{
    if (conn->login->pgbouncer && conn->read_only)
        return agdb__conn_queue_read_begin(conn);
    if (!agdb__conn_queue_head(conn, conn->read_only, conn->read_only ? 0 : conn->lock_ms))
        return false;
    return conn->read_only || agdb__conn_queue_begin(conn);
}

/* Behind a PgBouncer each transaction says it for itself. */
static bool queue_local_lock_timeout(agdb__conn_t *conn)
{
    char sql[64];

    if (!conn->login->pgbouncer || conn->read_only || conn->lock_ms == 0)
        return true;
    snprintf(sql, sizeof sql, "SET LOCAL lock_timeout = %u", (unsigned)conn->lock_ms);
    return agdb__conn_queue_sql(conn, sql, AGDB__STEP_REQUIRED);
}

/* Ahead of the last member. */
static bool queue_ahead(agdb__conn_t *conn)
{
    const size_t last = conn->nmembers - 1;

    if (last == 0 ? !queue_opening(conn)
                  : !conn->read_only && !queue_commit(conn, TX_COMMIT_AND_CHAIN, last - 1))
        return false;
    return queue_local_lock_timeout(conn);
}

static bool queue_closing(agdb__conn_t *conn)
{
    if (conn->login->pgbouncer && conn->read_only)
        return agdb__conn_queue_read_end(conn);
    if (conn->read_only)
        return agdb__conn_queue_sync(conn);
    return agdb__conn_queue_commit(conn, conn->nmembers - 1) &&
           (!conn->wants_position || agdb__conn_queue_position(conn));
}

/* A group of writes leaves its transaction open when one of them has failed. */
static bool is_left_open(const agdb__conn_t *conn)
{
    if (conn->work == AGDB__WORK_TX)
        return agdb__conn_tx_must_roll_back(conn);
    return conn->work == AGDB__WORK_GROUP && !conn->read_only &&
           PQtransactionStatus(conn->pg) == PQTRANS_INERROR;
}

bool agdb__conn_roll_back(agdb__conn_t *conn)
{
    if (conn->rolling_back || !is_left_open(conn))
        return false;
    conn->rolling_back = true;
    conn->nsteps = 0;
    conn->at_step = 0;
    conn->arrived = 0;
    conn->reads = 0;
    if (agdb__conn_queue_sql(conn, "ROLLBACK", AGDB__STEP_REQUIRED) &&
        agdb__conn_queue_sync(conn) && (!conn->wants_position || agdb__conn_queue_position(conn)))
        agdb__conn_flush(conn);
    else
        (void)agdb__conn_die_unsent(conn);
    return true;
}

/* --- gathering ------------------------------------------------------------------------------- */

void agdb__conn_group_begin(agdb__conn_t *conn, agdb__group_kind_t kind)
{
    if (conn->state != AGDB__CONN_READY || conn->tx != AGDB__TX_NONE)
        return; /* nothing can be added to it */
    agdb__conn_begin_work(conn, AGDB__WORK_GROUP);
    conn->read_only = kind == AGDB__GROUP_READS;
    conn->gathering = true;
}

static agdb_status_t fail_member(agdb_error_t **reterr, agdb_status_t status, const char *why)
{
    return agdb__not_sent(agdb__fail(reterr, status, "%s", why), AGDB_STAGE_CHECK, reterr);
}

static agdb_status_t check_member(const agdb__conn_t *conn, const agdb__statement_t *statement,
                                  agdb_error_t **reterr)
{
    if (conn->state != AGDB__CONN_READY || conn->dirty)
        return agdb__conn_fail_unusable(conn, reterr);
    if (!conn->gathering)
        return fail_member(reterr, AGDB_E_MISUSE, "no group was begun");
    if (conn->nmembers == AGDB__GROUP_MAX)
        return fail_member(reterr, AGDB_E_MISUSE, "the group is full");
    if (agdb__statement_is_solo(statement))
        return fail_member(reterr, AGDB_E_UNSUPPORTED, "it has to be run on its own");
    if (statement->read_only != conn->read_only)
        return fail_member(reterr, AGDB_E_UNSUPPORTED,
                           conn->read_only ? "only reads may ride in this group"
                                           : "only writes may ride in this group");
    return AGDB_OK;
}

static agdb_status_t check_kind(agdb__statement_class_t kind, const char *sql,
                                agdb_error_t **reterr)
{
    if (kind == AGDB__ST_PLAIN)
        return AGDB_OK;
    return fail_member(reterr, AGDB_E_UNSUPPORTED,
                       kind == AGDB__ST_REFUSED ? agdb__statement_refusal(sql)
                                                : "this statement may not ride in a group");
}

agdb_status_t agdb__conn_group_add(agdb__conn_t *conn, const agdb__statement_t *statement,
                                   agdb_error_t **reterr)
{
    agdb__stmt_t *stmt = NULL;
    agdb__params_t params;
    agdb__stmt_key_t key;
    agdb_status_t st = check_member(conn, statement, reterr);

    if (st != AGDB_OK)
        return st;
    st = agdb__params_init(&params, statement->params, statement->nparams, reterr);
    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    key = agdb__conn_key_of(conn, statement, &params);
    st = check_kind(agdb__conn_look_up(conn, &key, &stmt), statement->sql, reterr);
    if (st != AGDB_OK)
        goto out;
    agdb__conn_add_member(conn, statement->max_rows, statement->max_bytes)->stmt = stmt;
    if (!queue_ahead(conn) || !agdb__conn_queue_guard(conn, &statement->at_least) ||
        !agdb__conn_queue_member(conn, &key, &params)) {
        agdb__conn_remove_member(conn);
        st = agdb__conn_fail_unsent(conn, reterr);
    }
    conn->wants_position = conn->wants_position || statement->wants_position;
out:
    agdb__params_fini(&params);
    return st;
}

size_t agdb__conn_group_end(agdb__conn_t *conn)
{
    if (!conn->gathering)
        return 0;
    conn->gathering = false;
    if (conn->nmembers == 0 || conn->state != AGDB__CONN_READY)
        return conn->nmembers;
    if (queue_closing(conn))
        agdb__conn_go_in_flight(conn);
    else
        (void)agdb__conn_die_unsent(conn);
    return conn->nmembers;
}
