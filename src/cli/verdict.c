/* The order of the rules is that of the verdicts: what keeps everybody from working comes first,
 * then what keeps this agency, then what makes it slow, then what will. */
#include "cli/verdict.h"

enum {
    SLOW_MS = 5000,    /* a statement that runs so long is not what the pools are for */
    IDLE_MS = 60000,   /* a transaction in which nobody does anything */
    FAR_US = 50000,    /* a statement that does nothing */
    NEAR_PERCENT = 80, /* of a limit */
    KEYS_DEAD_LEAST = 100000,
    DAY_MS = 24 * 60 * 60 * 1000
};
#define SLOT_MOST (INT64_C(1) << 30)

typedef bool (*rule_fn)(const cli_case_t *it, cli_verdict_t *ret);

static bool say(cli_verdict_t *ret, const char *name, const char *text, const char *remedy)
{
    *ret = (cli_verdict_t){name, text, remedy};
    return true;
}

static const char *full_remedy(void)
{
    return "end what holds them (agencydb clients), lower pool.max or run fewer processes; "
           "agencydb check --live --instances N does the sum";
}

/* --- nobody works ----------------------------------------------------------------------------- */
static bool is_unreachable(const cli_case_t *it, cli_verdict_t *ret)
{
    if (it->condition != CLI_SHARD_SILENT)
        return false;
    if (it->bad_reason != NULL && cli_is_full(it->bad_reason))
        return say(ret, "full",
                   cli_format("%s takes no connection: %s", it->bad_node, it->bad_reason),
                   full_remedy());
    return say(ret, "unreachable",
               cli_format("no node of shard '%s' may be used; %s: %s", it->shard,
                          it->bad_node != NULL ? it->bad_node : "all are out",
                          it->bad_reason != NULL ? it->bad_reason : "state: out in the map"),
               "start a server, or correct what the reason names");
}

static bool is_split(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->condition == CLI_SHARD_SPLIT &&
           say(ret, "split", "two nodes are the primary on one timeline: writes are refused",
               "stop all but the one that is to stay");
}

static bool is_without_primary(const cli_case_t *it, cli_verdict_t *ret)
{
    if (it->condition != CLI_SHARD_WITHOUT_PRIMARY)
        return false;
    if (it->bad_reason != NULL && cli_is_full(it->bad_reason))
        return say(ret, "full",
                   cli_format("%s takes no connection: %s", it->bad_node, it->bad_reason),
                   full_remedy());
    return say(
        ret, "no primary",
        cli_format("shard '%s' has no primary: writes wait, then fail%s%s%s%s", it->shard,
                   it->bad_node != NULL ? "; " : "", it->bad_node != NULL ? it->bad_node : "",
                   it->bad_node != NULL ? ": " : "", it->bad_node != NULL ? it->bad_reason : ""),
        it->advanced != NULL
            ? cli_format("bring it back, or promote %s, the most advanced replica; %s",
                         it->advanced, it->hint)
            : "bring it back: there is no replica to promote");
}

/* --- this agency does not --------------------------------------------------------------------- */
static bool is_frozen(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->frozen &&
           say(ret, "frozen",
               cli_format("the map refuses writes of '%s' (writes: refuse); reads go on", it->key),
               "when its move is over, take the line out of the map and raise the epoch");
}

static bool is_full(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->fullest.allowed > 0 && it->fullest.used >= it->fullest.allowed &&
           say(ret, "full",
               cli_format("%s has no connection left: %llu of %llu (%s)", it->fullest.node,
                          (unsigned long long)it->fullest.used,
                          (unsigned long long)it->fullest.allowed, it->fullest.what),
               full_remedy());
}

static bool is_waiting_for_standby(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->sync_waiting > 0 &&
           say(ret, "standby",
               cli_format("%zu commit%s for a synchronous standby (%s)", it->sync_waiting,
                          it->sync_waiting == 1 ? " waits" : "s wait",
                          it->sync_names != NULL ? it->sync_names : "?"),
               "bring the standby back, or take it out of synchronous_standby_names");
}

static bool is_blocked(const cli_case_t *it, cli_verdict_t *ret)
{
    const cli_block_t *block = &it->block;
    const char *who;

    if (block->waiting == 0)
        return false;
    who = block->root != NULL ? cli_session_text(block->root)
          : block->pid != 0
              ? cli_format("pid %lld, which is no client's or hidden", (long long)block->pid)
              : "a prepared transaction (pg_prepared_xacts)";
    return say(
        ret, "blocked",
        cli_format("%zu session%s%s%s for locks of %s", block->waiting,
                   block->waiting == 1 ? " waits" : "s wait",
                   block->longest_ms >= 0 ? " up to " : "",
                   block->longest_ms >= 0 ? cli_span_text(block->longest_ms) : "", who),
        block->pid != 0
            ? cli_format("have it commit; or, on its server: SELECT pg_terminate_backend(%lld)",
                         (long long)block->pid)
            : "COMMIT PREPARED or ROLLBACK PREPARED it");
}

/* --- it is slow ------------------------------------------------------------------------------- */
static bool has_bad_node(const cli_case_t *it, cli_verdict_t *ret)
{
    if (it->bad_node == NULL || it->condition != CLI_SHARD_READY)
        return false;
    return say(ret, "node", cli_format("%s may not be used: %s", it->bad_node, it->bad_reason),
               cli_is_full(it->bad_reason)
                   ? full_remedy()
                   : "bring it back, or say 'state: out' in the map until it is");
}

static bool has_slow_statement(const cli_case_t *it, cli_verdict_t *ret)
{
    const cli_session_t *slow = it->slowest;

    return slow != NULL && slow->state_ms >= SLOW_MS &&
           say(ret, "slow statement",
               cli_format("a statement of %s runs for %s on %s: %s", slow->service,
                          cli_span_text(slow->state_ms), it->slowest_node, slow->statement),
               cli_format("look at its plan (EXPLAIN); SELECT pg_cancel_backend(%lld) ends it",
                          (long long)slow->pid));
}

static bool has_idle_transaction(const cli_case_t *it, cli_verdict_t *ret)
{
    const cli_session_t *idle = it->idlest;

    return idle != NULL && idle->state_ms >= IDLE_MS &&
           say(ret, "idle transaction",
               cli_format("%s: its locks and dead rows stay", cli_session_text(idle)),
               "have its program commit sooner; idle_in_transaction_session_timeout ends such");
}

static bool has_late_replica(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->late_node != NULL &&
           say(ret, "lag",
               cli_format(
                   "%s is %s behind (%lld bytes): session and bounded reads go to the primary",
                   it->late_node, cli_span_text(it->late_ms), (long long)it->late_bytes),
               "look for long reads on it, a paused replay, or a slow disk or network");
}

static bool is_far(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->far_node != NULL && it->far_us >= FAR_US &&
           say(ret, "latency",
               cli_format("%s takes %.0f ms for a statement that does nothing", it->far_node,
                          (double)it->far_us / 1000),
               "look at the network to it and at its load");
}

/* --- it will be ------------------------------------------------------------------------------- */
static bool is_nearly_full(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->fullest.allowed > 0 && it->fullest.used < it->fullest.allowed &&
           it->fullest.used * 100 >= it->fullest.allowed * NEAR_PERCENT &&
           say(ret, "nearly full",
               cli_format("%s has few connections left: %llu of %llu in use (%s)", it->fullest.node,
                          (unsigned long long)it->fullest.used,
                          (unsigned long long)it->fullest.allowed, it->fullest.what),
               full_remedy());
}

static bool has_old_keys(const cli_case_t *it, cli_verdict_t *ret)
{
    if (it->keep_ms > 0 && it->keys_oldest_ms > it->keep_ms + DAY_MS)
        return say(ret, "old keys",
                   cli_format("idempotency keys are up to %s old, the map keeps them for %s",
                              cli_span_text(it->keys_oldest_ms), cli_span_text(it->keep_ms)),
                   "run agencydb purge MAP, every hour or so");
    return it->keys_dead >= KEYS_DEAD_LEAST && it->keys_dead > it->keys_rows &&
           say(ret, "dead keys",
               cli_format("agencydb.idempotency has %lld dead rows beside %lld live ones",
                          (long long)it->keys_dead, (long long)it->keys_rows),
               "VACUUM agencydb.idempotency; see why autovacuum does not (old transactions, "
               "slots)");
}

static bool has_slot(const cli_case_t *it, cli_verdict_t *ret)
{
    return it->slot != NULL && it->slot_bytes > SLOT_MOST &&
           say(ret, "slot",
               cli_format("slot '%s' is not in use and holds %lld MB of WAL", it->slot,
                          (long long)(it->slot_bytes >> 20)),
               "bring its replica back, or pg_drop_replication_slot, before the disk is full");
}

static const rule_fn k_rules[] = {
    is_unreachable,
    is_split,
    is_without_primary,
    is_frozen,
    is_full,
    is_waiting_for_standby,
    is_blocked,
    has_bad_node,
    has_slow_statement,
    has_idle_transaction,
    has_late_replica,
    is_far,
    is_nearly_full,
    has_old_keys,
    has_slot,
};

cli_verdicts_t cli_judge(const cli_case_t *it)
{
    enum { RULES = sizeof k_rules / sizeof k_rules[0] };
    cli_verdicts_t verdicts = {cli_alloc((RULES + 1) * sizeof *verdicts.items), 0};
    size_t i;

    for (i = 0; i < RULES; i++)
        if (k_rules[i](it, &verdicts.items[verdicts.count]))
            verdicts.count++;
    if (verdicts.count == 0)
        (void)say(&verdicts.items[verdicts.count++], "healthy",
                  "nothing of this shard stands in the way",
                  "look at the caller: its deadline, pool.max, and what its tag waits for");
    return verdicts;
}
