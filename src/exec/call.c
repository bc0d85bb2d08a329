#include "exec/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "exec/choice.h"
#include "exec/fingerprint.h"
#include "exec/parked.h"
#include "exec/retry.h"
#include "exec/slow.h"
#include "pg/rows.h"

#include <stdio.h>

agdb__statement_t agdb__statement_of(const agdb_request_t *request, bool read_only)
{
    return (agdb__statement_t){.sql = request->sql,
                               .tag = request->tag,
                               .hash = agdb__statement_hash(request->sql, strlen(request->sql)),
                               .params = request->params,
                               .nparams = request->nparams,
                               .read_only = read_only,
                               .max_rows = request->max_rows,
                               .max_bytes = request->max_bytes != 0 ? request->max_bytes
                                                                    : AGDB_MAX_BYTES_DEFAULT};
}

void agdb__call_begin(agdb__call_t *call, agdb__shard_t *shard, const agdb_request_t *request,
                      uint64_t start_us, uint64_t salt)
{
    uint64_t ms = request->timeout_ms != 0 ? request->timeout_ms : shard->call_ms;

    agdb__budget_earn(&shard->budget);
    *call = (agdb__call_t){
        .shard = shard,
        .statement = agdb__statement_of(request, request->access != AGDB_WRITE),
        .access = request->access,
        .session = request->session,
        .age_us = (uint64_t)request->max_lag_ms * 1000,
        .idempotent = request->idempotent || request->idempotency_key != NULL,
        .alone = request->alone,
        .agency = request->key,
        .tag = request->tag,
        .start_us = start_us,
        .deadline_us = agdb__after_ms(start_us, ms),
        .salt = salt,
    };
    call->statement.wants_position = request->access == AGDB_WRITE && request->session != NULL;
    if (request->idempotency_key != NULL)
        call->statement.once = (agdb__once_t){request->key.data, request->key.len,
                                              request->idempotency_key, agdb__fingerprint(request)};
}

/* --- what is next ------------------------------------------------------------------------------
 */

static const agdb__next_t k_over = {AGDB__NEXT_OVER, AGDB__NO_NODE, 0};

static void leave_park(agdb__call_t *call)
{
    if (call->is_parked)
        atomic_fetch_sub_explicit(&call->shard->parked, 1, memory_order_relaxed);
    call->is_parked = false;
}

/* False: too many are there already. */
static bool enter_park(agdb__call_t *call, uint64_t now_us)
{
    agdb__shard_t *shard = call->shard;
    unsigned before;

    if (call->is_parked)
        return true;
    before = atomic_fetch_add_explicit(&shard->parked, 1, memory_order_relaxed);
    if (shard->tally != NULL)
        agdb__count(&shard->tally->parkings);
    call->is_parked = true;
    if (call->park_end_us == 0)
        call->park_end_us = agdb__min_us(call->deadline_us, agdb__after_ms(now_us, shard->park_ms));
    return shard->park_max == 0 || before < shard->park_max;
}

static agdb__next_t fail_crowded(agdb__call_t *call)
{
    (void)agdb__fail_crowded(call->shard, &call->error);
    return k_over;
}

static agdb__next_t fail_closing(agdb__call_t *call)
{
    (void)agdb__fail(&call->error, AGDB_E_CLOSING, "the client is closing");
    agdb__error_stage(&call->error, AGDB_STAGE_PARK);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_NOT_SENT);
    return k_over;
}

static bool must_be_fresh(const agdb__call_t *call)
{
    return call->access == AGDB_READ_SESSION || call->access == AGDB_READ_BOUNDED;
}

/* A replica that is behind may have come further a little later, which no view tells. */
static agdb__next_t look_again(agdb__call_t *call, uint64_t now_us)
{
    if (now_us >= call->park_end_us) {
        (void)agdb__fail_not_fresh(call->shard, now_us - call->start_us, &call->error);
        return k_over;
    }
    call->was_behind = false;
    call->pause = AGDB__PAUSE_LATER;
    call->until_us = agdb__min_us(call->park_end_us, now_us + AGDB__LOOK_AGAIN_US);
    return (agdb__next_t){AGDB__NEXT_WAIT, AGDB__NO_NODE, call->until_us};
}

static agdb__next_t park(agdb__call_t *call, agdb__view_t view, uint64_t now_us)
{
    if (atomic_load_explicit(&call->shard->board.closing, memory_order_relaxed))
        return fail_closing(call);
    if (!enter_park(call, now_us))
        return fail_crowded(call);
    if (must_be_fresh(call) && (view.replicas != 0 || call->is_ahead))
        return look_again(call, now_us);
    call->pause = AGDB__PAUSE_PARKED;
    return (agdb__next_t){AGDB__NEXT_WAIT, AGDB__NO_NODE, call->park_end_us};
}

/* Looks at the shard's view and chooses. */
static agdb__next_t choose(agdb__call_t *call, uint64_t now_us)
{
    agdb__shard_t *shard = call->shard;
    unsigned version = agdb__board_version(&shard->board);
    agdb__view_t view = agdb__board_view(&shard->board);
    agdb__choice_t choice;

    if (version != call->version)
        call->tried = 0;
    call->version = version;
    choice = agdb__call_choose(call, view, now_us);
    switch (choice.kind) {
    case AGDB__CHOOSE_PARK:
        return park(call, view, now_us);
    case AGDB__CHOOSE_SPLIT:
        (void)agdb__fail_split(shard, &call->error);
        return k_over;
    case AGDB__CHOOSE_REFUSED:
        (void)agdb__fail_refused(shard, &call->error);
        return k_over;
    case AGDB__CHOOSE_NODE:
        break;
    }
    leave_park(call);
    if (call->attempts++ > 0 && shard->tally != NULL)
        agdb__count(&shard->tally->retries);
    agdb__course_begin(&call->course, now_us);
    return (agdb__next_t){AGDB__NEXT_GO, choice.node, 0};
}

/* Nothing is under way: it goes on by what the map in use says of its shard. Where the agency is
 * meanwhile does not count, for the rows that it means may be here. */
static bool move_on(agdb__call_t *call)
{
    agdb__shard_t *successor = atomic_load_explicit(&call->shard->successor, memory_order_acquire);

    if (successor == NULL)
        return false;
    leave_park(call);
    for (; successor != NULL;
         successor = atomic_load_explicit(&successor->successor, memory_order_acquire))
        call->shard = successor;
    call->node = AGDB__NO_NODE;
    call->tried = 0;
    call->avoid = 0;
    return true;
}

agdb__next_t agdb__call_next(agdb__call_t *call, uint64_t now_us)
{
    const bool moved = !call->over && move_on(call);
    agdb__board_t *board = &call->shard->board;
    agdb__pause_t pause = call->pause;
    uint64_t until_us = pause == AGDB__PAUSE_PARKED ? call->park_end_us : call->until_us;
    bool closing = atomic_load_explicit(&board->closing, memory_order_relaxed);
    bool changed = moved || closing || agdb__board_version(board) != call->version;

    if (call->over)
        return k_over;
    if (pause != AGDB__PAUSE_NONE) {
        if (!changed && now_us < until_us)
            return (agdb__next_t){AGDB__NEXT_WAIT, AGDB__NO_NODE, until_us};
        call->pause = AGDB__PAUSE_NONE;
        call->tried = 0;
    }
    if (pause == AGDB__PAUSE_PARKED && closing)
        return fail_closing(call);
    if (pause == AGDB__PAUSE_PARKED && !changed) {
        (void)agdb__fail_parked(call->shard, now_us - call->start_us, &call->error);
        return k_over;
    }
    return choose(call, now_us);
}

/* --- an attempt's end --------------------------------------------------------------------------
 */

void agdb__call_sent(agdb__call_t *call, const agdb__lease_t *lease, uint64_t now_us,
                     unsigned group)
{
    agdb__trip_t *trip = &call->course.trip;

    trip->sent_us = now_us;
    trip->group = group;
    trip->connect_us =
        agdb__pool_connect_us(call->shard->nodes[call->node].pool, lease, call->course.begun_us);
}

static agdb_status_t wrap_result(agdb__call_t *call, const agdb__answer_t *answer, uint64_t now_us,
                                 agdb_result_t **ret)
{
    agdb_result_t *res =
        agdb__result_new(answer->rows, call->shard->name, call->shard->nodes[call->node].name);

    if (res == NULL) {
        (void)agdb__fail(&call->error, AGDB_E_NOMEM,
                         "out of memory for the result; the statement was executed");
        agdb__error_outcome(&call->error, AGDB_OUTCOME_UNKNOWN);
        return AGDB_E_NOMEM;
    }
    res->replayed = answer->replayed;
    res->role = answer->in_recovery ? AGDB_ROLE_REPLICA : AGDB_ROLE_PRIMARY;
    call->course.trip.ended_us = now_us;
    agdb__course_timing(&call->course, call->start_us, now_us, &res->timing);
    *ret = res;
    return AGDB_OK;
}

agdb_status_t agdb__call_check_chosen(agdb__call_t *call)
{
    agdb__board_t *board = &call->shard->board;
    agdb__view_t view;

    if (!call->on_primary || agdb__board_version(board) == call->version)
        return AGDB_OK;
    view = agdb__board_view(board);
    if (view.state == AGDB__SHARD_READY && view.primary == call->node)
        return AGDB_OK;
    (void)agdb__fail(&call->error, AGDB_E_NO_PRIMARY, "is not the primary any more");
    agdb__error_stage(&call->error, AGDB_STAGE_PARK);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_NOT_SENT);
    return AGDB_E_NO_PRIMARY;
}

bool agdb__call_stands(agdb__call_t *call)
{
    agdb__board_t *board = &call->shard->board;
    unsigned version = agdb__board_version(board); /* before the view: a later one is seen again */
    agdb__view_t view = agdb__board_view(board);

    if (view.state != AGDB__SHARD_READY || view.primary != call->node)
        return false;
    call->version = version;
    return true;
}

agdb_status_t agdb__call_check_confirmed(agdb__call_t *call)
{
    agdb__board_t *board = &call->shard->board;
    agdb__view_t view;

    if (agdb__board_version(board) == call->version)
        return AGDB_OK;
    view = agdb__board_view(board);
    if (view.state != AGDB__SHARD_SPLIT &&
        (view.state != AGDB__SHARD_READY || view.primary == call->node))
        return AGDB_OK;
    (void)agdb__fail(&call->error, AGDB_E_LOST,
                     "confirmed the write, but was no longer the primary: it may be undone");
    agdb__error_stage(&call->error, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_LOST;
}

/* Whether the chosen replica had replayed that much: by the guard, or by what is known of it. */
static bool has_replayed(agdb__call_t *call, const agdb__position_t *at, uint64_t now_us)
{
    const uint32_t bit = (uint32_t)1 << call->node;

    return (agdb__same_history(at, &call->need) && call->need.lsn >= at->lsn) ||
           agdb__marks_fresh(&call->shard->marks, at, bit, now_us).sure == bit;
}

/* It may have waited long for a connection: what was fresh enough when the replica was chosen must
 * have been so when it was read. */
static bool is_within_bound(agdb__call_t *call, uint64_t read_us)
{
    agdb__position_t at;

    return call->access != AGDB_READ_BOUNDED ||
           (agdb__marks_bound(&call->shard->marks, call->age_us, read_us, &at) &&
            has_replayed(call, &at, read_us));
}

/* A replica may have followed another history since it was chosen, on which the position that it
 * has reached means something else. */
static agdb_status_t check_fresh(agdb__call_t *call, uint64_t read_us)
{
    const bool same = agdb__board_version(&call->shard->board) == call->version ||
                      agdb__marks_are_of(&call->shard->marks, &call->need);

    if (call->on_primary || call->need.lsn == 0 || (same && is_within_bound(call, read_us)))
        return AGDB_OK;
    (void)agdb__fail(&call->error, AGDB_E_NOT_FRESH,
                     same ? "had become too old when it was read"
                          : "follows another history by now");
    agdb__error_stage(&call->error, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_NOT_SENT);
    return AGDB_E_NOT_FRESH;
}

agdb_status_t agdb__call_check_answer(agdb__call_t *call, uint64_t read_us)
{
    agdb_status_t st;

    if (call->access == AGDB_WRITE)
        return agdb__call_check_confirmed(call);
    st = agdb__call_check_chosen(call);
    return st == AGDB_OK ? check_fresh(call, read_us) : st;
}

/* The attempt was good. */
static void settle(agdb__call_t *call, uint64_t exec_us, uint64_t now_us)
{
    if (!call->on_primary)
        agdb__grade_good(&call->shard->nodes[call->node].grade, exec_us, now_us);
    agdb__error_free(call->error);
    call->error = NULL;
}

void agdb__call_count(const agdb__call_t *call, const agdb_timing_t *timing)
{
    const agdb__shard_t *shard = call->shard;

    if (shard->tally == NULL)
        return;
    agdb__tally_ok(shard->nodes[call->node].tally, call->access, timing->exec_us, timing->wait_us);
    if (shard->slow_us != 0)
        agdb__slow_tell(call, AGDB_OK, timing);
    agdb__tally_whose(shard->tally, call->agency, call->tag, timing->total_us);
}

static void count_failed(const agdb__call_t *call, agdb_status_t status,
                         const agdb_timing_t *timing)
{
    const agdb__shard_t *shard = call->shard;

    if (shard->tally == NULL)
        return;
    agdb__tally_failed(shard->tally,
                       agdb__call_has_node(call) ? shard->nodes[call->node].tally : NULL,
                       call->access, status);
    if (shard->slow_us != 0)
        agdb__slow_tell(call, status, timing);
}

/* A call site that says nothing of its access, and only reads. */
static void advise(const agdb__call_t *call, const struct pg_result *rows)
{
    const agdb__shard_t *shard = call->shard;
    agdb_log_record_t record = {.struct_size = sizeof record,
                                .level = AGDB_LOG_INFO,
                                .kind = AGDB_LOG_ADVICE,
                                .shard = "",
                                .node = "",
                                .tag = call->tag};
    char line[512];

    if (shard->tally == NULL || call->tag == NULL || call->access != AGDB_WRITE ||
        !agdb__log_wants(shard->logger, AGDB_LOG_INFO) ||
        !agdb__advice_note(shard->tally->advice, call->tag, agdb__rows_are_selected(rows)))
        return;
    snprintf(line, sizeof line,
             "advice: '%s' has returned only SELECT %d times: if it changes and locks nothing, "
             ".access = AGDB_READ would let it share connections, and other reads use replicas",
             call->tag, AGDB__ADVICE_AFTER);
    record.message = line;
    agdb__log_record(shard->logger, &record);
}

/* A read that the node answered when it was the primary no more is asked again. */
agdb_status_t agdb__call_answered(agdb__call_t *call, const agdb__answer_t *answer, uint64_t now_us,
                                  agdb_result_t **ret)
{
    agdb_result_t *res = NULL;
    agdb_status_t st = wrap_result(call, answer, now_us, &res);

    if (st == AGDB_OK)
        st = agdb__call_check_answer(call, call->course.trip.sent_us);
    if (st != AGDB_OK) {
        agdb__result_free(res);
        return st;
    }
    settle(call, res->timing.exec_us, now_us);
    agdb__call_count(call, &res->timing);
    advise(call, res->pg);
    if (call->statement.wants_position)
        agdb__session_wrote(call->session, call->shard->id, &answer->position);
    *ret = res;
    return AGDB_OK;
}

agdb_status_t agdb__call_begun(agdb__call_t *call, uint64_t now_us)
{
    const uint64_t sent_us = call->course.trip.sent_us;
    agdb_status_t st = agdb__call_check_answer(call, sent_us);

    call->course.trip.ended_us = now_us;
    if (st == AGDB_OK)
        settle(call, now_us - sent_us, now_us);
    return st;
}

static agdb__retry_t judge(agdb__call_t *call)
{
    const agdb_error_t *error = call->error;
    agdb__attempt_t a = {
        .status = error->status,
        .outcome = error->outcome,
        .stage = error->stage,
        .sql_class = agdb__sql_classify(error->sqlstate, error->message),
        .read_only = call->statement.read_only,
        .idempotent = call->idempotent,
        .on_primary = call->on_primary,
        .patient = call->patient,
        .number = call->attempts,
    };

    if (a.outcome == AGDB_OUTCOME_UNKNOWN && !a.read_only)
        call->may_have_happened = true;
    return agdb__retry_decide(&a);
}

/* Whether another node might have done better. */
static bool is_the_node_s(const agdb_error_t *error)
{
    switch (error->status) {
    case AGDB_E_LOST:
    case AGDB_E_CONNECT:
    case AGDB_E_TIMEOUT:
    case AGDB_E_BUSY:
        return true;
    case AGDB_E_SERVER:
        return agdb__sql_classify(error->sqlstate, error->message) == AGDB__SQL_OVERLOAD;
    default:
        return false;
    }
}

static bool is_repeated(const agdb__retry_t *retry)
{
    return retry->kind == AGDB__RETRY_LATER || retry->kind == AGDB__RETRY_ELSEWHERE;
}

/* What no server has felt costs nothing. Conflicts are no sign of a sick server: who is patient
 * pays with pauses. */
static bool may_repeat(agdb__call_t *call)
{
    const agdb_error_t *error = call->error;

    return error->outcome == AGDB_OUTCOME_NOT_SENT ||
           (call->patient && agdb__sql_classify(error->sqlstate, NULL) == AGDB__SQL_RETRY) ||
           agdb__budget_spend(&call->shard->budget);
}

/* Those who failed together do not come back together. */
static uint64_t jittered_us(const agdb__call_t *call, uint64_t now_us, uint64_t ms)
{
    agdb__rng_t rng = {.state = now_us + (call->salt << 32)};

    return agdb__rng_jitter(&rng, ms * 1000);
}

/* What was not sent has waited: for the connections of others, or for one of its own to be made. */
static void end_trip(agdb__call_t *call, uint64_t now_us)
{
    agdb__trip_t *trip = &call->course.trip;
    const agdb_stage_t stage = call->error->stage;

    trip->ended_us = now_us;
    if (trip->sent_us == 0 && (stage == AGDB_STAGE_RESOLVE || stage == AGDB_STAGE_CONNECT))
        trip->connect_us = (uint32_t)agdb__min_us(now_us - call->course.begun_us, UINT32_MAX);
}

void agdb__call_failed(agdb__call_t *call, uint64_t now_us)
{
    const agdb__node_t *node = &call->shard->nodes[call->node];
    agdb__retry_t retry;

    end_trip(call, now_us);
    agdb__error_place(&call->error, call->shard->name, node->name);
    retry = judge(call);
    if (call->is_last)
        retry.kind = AGDB__RETRY_NO;
    if (is_repeated(&retry) && !may_repeat(call)) {
        agdb__error_prefix(&call->error, "not repeated, too many calls of the shard are: ");
        retry.kind = AGDB__RETRY_NO;
    }
    if (retry.suspect && call->error->status == AGDB_E_LOST)
        agdb__pool_lose(node->pool);
    else if (retry.suspect)
        agdb__pool_suspect(node->pool);
    if (!call->on_primary && is_the_node_s(call->error))
        agdb__grade_bad(&call->shard->nodes[call->node].grade, now_us);
    if (call->error->status == AGDB_E_NOT_FRESH) {
        call->was_behind = true;
        agdb__marks_fell_behind(&call->shard->marks, call->node, call->need.lsn, now_us);
    }
    call->until_us = now_us + jittered_us(call, now_us, retry.delay_ms);
    call->over = retry.kind == AGDB__RETRY_NO || now_us >= call->deadline_us ||
                 (retry.kind == AGDB__RETRY_LATER && call->until_us >= call->deadline_us);
    if (retry.kind == AGDB__RETRY_ELSEWHERE)
        call->tried |= (uint32_t)1 << call->node;
    if (retry.kind == AGDB__RETRY_LATER)
        call->pause = AGDB__PAUSE_LATER;
}

void agdb__call_abandon(agdb__call_t *call, bool sent)
{
    leave_park(call);
    if (sent && call->shard->tally != NULL)
        agdb__count(&call->shard->tally->abandoned);
    if (sent && call->statement.wants_position)
        agdb__session_doubt(call->session, call->shard->id);
}

agdb_status_t agdb__call_finish(agdb__call_t *call, agdb_error_t **reterr)
{
    agdb_status_t st = call->error->status;
    agdb_timing_t timing;

    agdb__course_timing(&call->course, call->start_us, agdb__now_us(), &timing);
    count_failed(call, st, &timing);
    if (call->may_have_happened)
        agdb__error_outcome(&call->error, AGDB_OUTCOME_UNKNOWN);
    agdb__call_abandon(call, call->may_have_happened);
    if (call->attempts > 1)
        agdb__error_prefix(&call->error, "after %u attempts: ", call->attempts);
    agdb__error_timing(&call->error, &timing);
    agdb__error_move(reterr, call->error);
    call->error = NULL;
    return st;
}
