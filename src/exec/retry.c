#include "exec/retry.h"

/* A serialization failure, deadlock, or a state that says "unknown" is tried this often. Pauses
 * double up to 256 ms: those who conflict come apart. */
enum { CONFLICT_ATTEMPTS = 6, WAIT_MS = 50, CONFLICT_DOUBLINGS = 8 };

/* A statement gone stale is so on each of a pool's connections, which forget it one by one. A
 * primary that will not write although it is asked anew is none that was demoted: somebody has
 * fenced it. */
enum { STALE_ATTEMPTS = 20, FENCED_ATTEMPTS = 6 };

static const agdb__retry_t k_no = {AGDB__RETRY_NO, 0, false};

/* Where a repetition goes: a read that a replica failed tries another node, the primary's calls
 * wait for the shard to change. */
static agdb__retry_t move_on(const agdb__attempt_t *a, bool suspect)
{
    if (a->on_primary)
        return (agdb__retry_t){AGDB__RETRY_LATER, WAIT_MS, suspect};
    return (agdb__retry_t){AGDB__RETRY_ELSEWHERE, 0, suspect};
}

static agdb__retry_t decide_not_sent(const agdb__attempt_t *a)
{
    switch (a->status) {
    case AGDB_E_LOST:
        return move_on(a, true);
    case AGDB_E_CONNECT:
        return move_on(a, false);
    case AGDB_E_NOT_FRESH:  /* the primary, if there is one, else this one again a little later */
    case AGDB_E_NO_PRIMARY: /* noticed between choosing and sending */
        return (agdb__retry_t){AGDB__RETRY_NOW, 0, false};
    case AGDB_E_AUTH:
    case AGDB_E_TLS:
    case AGDB_E_WRONG_SHARD:
    case AGDB_E_BUSY:
        return a->on_primary ? k_no : move_on(a, false);
    case AGDB_E_TIMEOUT: /* of one stage; the deadline of the call is the driver's business */
        if (a->on_primary && a->stage != AGDB_STAGE_RESOLVE && a->stage != AGDB_STAGE_CONNECT)
            return k_no;
        return move_on(a, false);
    default:
        return k_no;
    }
}

static agdb__retry_t decide_unknown(const agdb__attempt_t *a)
{
    agdb__retry_t retry = k_no;

    if (a->status == AGDB_E_TIMEOUT || a->status == AGDB_E_TOO_BIG || a->status == AGDB_E_NOMEM)
        return k_no; /* without memory, or room for it, the next answer is no better */
    if (a->status == AGDB_E_SERVER && a->number >= CONFLICT_ATTEMPTS)
        return k_no; /* it keeps saying so, on a connection that stands */
    if (a->read_only || a->idempotent)
        retry = move_on(a, true);
    retry.suspect = a->status == AGDB_E_LOST;
    return retry;
}

static uint64_t conflict_ms(unsigned number)
{
    return (uint64_t)1 << (number <= CONFLICT_DOUBLINGS ? number - 1 : CONFLICT_DOUBLINGS);
}

static agdb__retry_t decide_rejected(const agdb__attempt_t *a)
{
    if (a->status == AGDB_E_LOST)
        return move_on(a, true);
    if (a->status != AGDB_E_SERVER)
        return k_no;
    switch (a->sql_class) {
    case AGDB__SQL_RETRY: /* jitter comes from the waiting; on a replica: conflict with recovery */
        if (a->number >= CONFLICT_ATTEMPTS && !a->patient)
            return k_no;
        if (!a->on_primary)
            return move_on(a, false);
        return (agdb__retry_t){AGDB__RETRY_LATER, conflict_ms(a->number), false};
    case AGDB__SQL_NOT_PRIMARY:
        return a->read_only || a->number >= FENCED_ATTEMPTS ? k_no : move_on(a, true);
    case AGDB__SQL_STALE_STATEMENT:
        return a->number < STALE_ATTEMPTS ? (agdb__retry_t){AGDB__RETRY_NOW, 0, false} : k_no;
    case AGDB__SQL_GOING_AWAY: /* yet the connection stands: the SQL itself has raised it (dblink)
                                */
    case AGDB__SQL_CALLER:
    case AGDB__SQL_OVERLOAD:
    case AGDB__SQL_AUTH:
    case AGDB__SQL_TIMEOUT:
    case AGDB__SQL_UNKNOWN_OUTCOME:
        break;
    }
    return k_no;
}

agdb__retry_t agdb__retry_decide(const agdb__attempt_t *attempt)
{
    switch (attempt->outcome) {
    case AGDB_OUTCOME_NOT_SENT:
        return decide_not_sent(attempt);
    case AGDB_OUTCOME_REJECTED:
        return decide_rejected(attempt);
    case AGDB_OUTCOME_UNKNOWN:
        return decide_unknown(attempt);
    case AGDB_OUTCOME_NONE:
        break;
    }
    return k_no;
}
