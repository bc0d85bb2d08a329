/* From all that was heard to what is worst of each kind. Pure. */
#include "cli/check_rules.h"
#include "cli/doctor_facts.h"

bool cli_session_runs(const cli_session_t *session)
{
    return cli_session_is_in(session, "active") && !cli_session_waits(session) &&
           strcmp(session->wait, "SyncRep") != 0;
}

static void see_nodes(const cli_doctor_t *doctor, cli_case_t *it)
{
    size_t i;

    for (i = 0; i < doctor->nodes.count; i++) {
        const cli_node_t *node = &doctor->nodes.items[i];
        const cli_standing_t *standing = &doctor->shard.nodes[i];
        const cli_sight_t *sight = &doctor->sights[i];

        if (it->bad_node == NULL &&
            (standing->place == CLI_NODE_SILENT || standing->place == CLI_NODE_REFUSED ||
             standing->place == CLI_NODE_STALE)) {
            it->bad_node = node->name;
            it->bad_reason = standing->reason;
        }
        if (standing->lag_bytes > 0 && standing->lag_ms > (int64_t)node->max_lag_ms &&
            standing->lag_ms > it->late_ms) {
            it->late_node = node->name;
            it->late_ms = standing->lag_ms;
            it->late_bytes = standing->lag_bytes;
        }
        if (sight->reason == NULL && sight->latency_us >= it->far_us) {
            it->far_node = node->name;
            it->far_us = sight->latency_us;
        }
    }
}

static void see_session(const cli_session_t *session, const char *node, cli_case_t *it)
{
    it->sync_waiting += strcmp(session->wait, "SyncRep") == 0;
    if (cli_session_runs(session) &&
        (it->slowest == NULL || session->state_ms > it->slowest->state_ms)) {
        it->slowest = session;
        it->slowest_node = node;
    }
    if (session->state != NULL && strncmp(session->state, "idle in", 7) == 0 &&
        (it->idlest == NULL || session->state_ms > it->idlest->state_ms))
        it->idlest = session;
}

static void see_sessions(const cli_doctor_t *doctor, cli_case_t *it)
{
    size_t i;
    size_t s;

    for (i = 0; i < doctor->nodes.count; i++) {
        for (s = 0; s < doctor->sessions[i].count; s++)
            see_session(&doctor->sessions[i].items[s], doctor->nodes.items[i].name, it);
        if (doctor->blocks[i].count > 0 && doctor->blocks[i].items[0].waiting > it->block.waiting)
            it->block = doctor->blocks[i].items[0];
    }
}

static void see_limits(const cli_doctor_t *doctor, cli_case_t *it)
{
    size_t i;

    for (i = 0; i < doctor->nlimits; i++) {
        const cli_limit_t *limit = &doctor->limits[i];

        if (it->fullest.allowed == 0 ||
            limit->used * it->fullest.allowed > it->fullest.used * limit->allowed)
            it->fullest = *limit;
    }
    for (i = 0; i < doctor->nslots; i++)
        if (!doctor->slots[i].active && doctor->slots[i].bytes > it->slot_bytes) {
            it->slot = doctor->slots[i].name;
            it->slot_bytes = doctor->slots[i].bytes;
        }
}

cli_case_t cli_doctor_case(const cli_doctor_t *doctor)
{
    const size_t best = doctor->shard.most_advanced;
    const bool keys = doctor->keys.fault == NULL;
    cli_case_t it = {.key = doctor->key,
                     .shard = doctor->route.shard,
                     .frozen = doctor->route.frozen,
                     .condition = doctor->shard.condition,
                     .sync_names = doctor->sync_names,
                     .late_ms = -1,
                     .late_bytes = -1,
                     .keys_rows = keys ? doctor->keys.rows : -1,
                     .keys_dead = keys ? doctor->keys.dead : -1,
                     .keys_oldest_ms = keys ? doctor->keys.oldest_ms : -1,
                     .keep_ms = (int64_t)doctor->nodes.items[0].keep_ms,
                     .slot_bytes = -1};

    if (best != CLI_NO_NODE) {
        it.advanced = doctor->nodes.items[best].name;
        it.hint = cli_promotion_hint(&doctor->nodes.items[best]);
    }
    see_nodes(doctor, &it);
    see_sessions(doctor, &it);
    see_limits(doctor, &it);
    return it;
}
