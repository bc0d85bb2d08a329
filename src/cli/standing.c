#include "cli/standing.h"

const char *cli_place_name(cli_place_of_t place)
{
    static const char *const k_names[] = {"down",  "refused", "out",    "stale",
                                          "split", "primary", "replica"};

    return k_names[place];
}

const char *cli_condition_name(cli_shard_condition_t condition)
{
    static const char *const k_names[] = {"ready", "no primary", "split", "unreachable"};

    return k_names[condition];
}

char *cli_lsn_text(uint64_t lsn)
{
    return cli_format("%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}

uint64_t cli_sight_reach(const cli_sight_t *sight)
{
    return sight->received_lsn > sight->lsn ? sight->received_lsn : sight->lsn;
}

const char *cli_stamp_fault(const cli_node_t *node, const cli_stamp_t *stamp,
                            cli_expected_t expected)
{
    char *slots = cli_format("%u", expected.slots);

    if (stamp->fault != NULL)
        return cli_format("its stamp cannot be read: %s", stamp->fault);
    if (stamp->shard == NULL)
        return expected.required ? cli_format("is not stamped for keyspace '%s'", node->keyspace)
                                 : NULL;
    if (strcmp(stamp->shard, node->shard) != 0)
        return cli_format("says it is shard '%s', the map says '%s'", stamp->shard, node->shard);
    if (strcmp(stamp->hash, "xxh3_64") != 0 || strcmp(stamp->slots, slots) != 0)
        return cli_format("is stamped for hash %s with %s slots, the map says xxh3_64 with %s",
                          stamp->hash, stamp->slots, slots);
    return NULL;
}

/* Silent, refused and out; the others are replicas for now, or claim to be the primary. */
static cli_standing_t place_alone(const cli_node_t *node, const cli_sight_t *sight,
                                  cli_expected_t expected)
{
    cli_standing_t standing = {CLI_NODE_REPLICA, "", -1, -1, false};
    const char *fault = NULL;

    if (sight->reason != NULL && cli_node_is_out(node))
        return (cli_standing_t){CLI_NODE_OUTSIDE,
                                cli_format("state: out in the map; %s", sight->reason), -1, -1,
                                false};
    if (sight->reason != NULL)
        return (cli_standing_t){sight->is_refused ? CLI_NODE_REFUSED : CLI_NODE_SILENT,
                                sight->reason, -1, -1, false};
    fault = cli_stamp_fault(node, &sight->stamp, expected);
    if (fault != NULL)
        return (cli_standing_t){CLI_NODE_REFUSED, fault, -1, -1, false};
    if (cli_node_is_out(node))
        return (cli_standing_t){CLI_NODE_OUTSIDE,
                                sight->in_recovery ? "replica; state: out in the map"
                                                   : "primary; state: out in the map",
                                -1, -1, false};
    if (!sight->in_recovery)
        standing.place = CLI_NODE_PRIMARY;
    return standing;
}

static void find_primary(cli_shard_standing_t *shard, const cli_sight_t *sights, size_t count)
{
    int64_t newest = -1;
    size_t claimants = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (shard->nodes[i].place != CLI_NODE_PRIMARY || sights[i].timeline < newest)
            continue;
        claimants = sights[i].timeline > newest ? 1 : claimants + 1;
        newest = sights[i].timeline;
        shard->primary = i;
    }
    for (i = 0; i < count; i++) {
        if (shard->nodes[i].place != CLI_NODE_PRIMARY)
            continue;
        if (sights[i].timeline < newest) {
            shard->nodes[i].place = CLI_NODE_STALE;
            shard->nodes[i].reason =
                cli_format("was the primary until timeline %lld; another is on %lld",
                           (long long)sights[i].timeline, (long long)newest);
        } else if (claimants > 1) {
            shard->nodes[i].place = CLI_NODE_RIVAL;
            shard->nodes[i].reason = "one of several primaries of one timeline";
        }
    }
    if (claimants > 1) {
        shard->primary = CLI_NO_NODE;
        shard->condition = CLI_SHARD_SPLIT;
    }
}

static void find_most_advanced(cli_shard_standing_t *shard, const cli_sight_t *sights, size_t count)
{
    size_t best = CLI_NO_NODE;
    size_t i;

    for (i = 0; i < count; i++) {
        if (shard->nodes[i].place != CLI_NODE_REPLICA)
            continue;
        if (best == CLI_NO_NODE || sights[i].timeline > sights[best].timeline ||
            (sights[i].timeline == sights[best].timeline &&
             cli_sight_reach(&sights[i]) > cli_sight_reach(&sights[best])))
            best = i;
    }
    shard->most_advanced = best;
}

static void compare_with_primary(cli_standing_t *standing, const cli_sight_t *sight,
                                 const cli_sight_t *primary)
{
    const bool is_out = standing->place == CLI_NODE_OUTSIDE && sight->reason == NULL;

    if (standing->place != CLI_NODE_REPLICA && !(is_out && sight->in_recovery))
        return;
    if (strcmp(sight->system, primary->system) != 0) {
        standing->place = CLI_NODE_REFUSED;
        standing->reason = cli_format("belongs to another cluster (system identifier %s, the "
                                      "primary's is %s)",
                                      sight->system, primary->system);
        return;
    }
    standing->lag_bytes = primary->lsn > sight->lsn ? (int64_t)(primary->lsn - sight->lsn) : 0;
    standing->lag_ms = standing->lag_bytes == 0 ? 0 : sight->replayed_ago_ms;
    /* one that follows the new primary may not know its own timeline for a while, but catches up */
    standing->is_astray = sight->timeline < primary->timeline && standing->lag_bytes > 0;
    if (is_out)
        return;
    if (sight->is_paused)
        standing->reason = "its replay is paused";
    else if (!sight->is_receiving)
        standing->reason = "does not stream: no WAL receiver runs";
    else if (standing->is_astray)
        standing->reason = cli_format("is on timeline %lld, the primary on %lld: it may follow an "
                                      "old one",
                                      (long long)sight->timeline, (long long)primary->timeline);
}

cli_shard_standing_t cli_stand(const cli_node_t *nodes, const cli_sight_t *sights, size_t count,
                               cli_expected_t expected)
{
    cli_shard_standing_t shard = {CLI_SHARD_READY, CLI_NO_NODE, CLI_NO_NODE,
                                  cli_alloc((count + 1) * sizeof *shard.nodes)};
    bool any = false;
    size_t i;

    for (i = 0; i < count; i++) {
        shard.nodes[i] = place_alone(&nodes[i], &sights[i], expected);
        any = any || shard.nodes[i].place == CLI_NODE_PRIMARY ||
              shard.nodes[i].place == CLI_NODE_REPLICA;
    }
    find_primary(&shard, sights, count);
    if (shard.condition == CLI_SHARD_SPLIT)
        return shard;
    if (shard.primary == CLI_NO_NODE) {
        shard.condition = any ? CLI_SHARD_WITHOUT_PRIMARY : CLI_SHARD_SILENT;
        find_most_advanced(&shard, sights, count);
        return shard;
    }
    for (i = 0; i < count; i++)
        compare_with_primary(&shard.nodes[i], &sights[i], &sights[shard.primary]);
    return shard;
}
