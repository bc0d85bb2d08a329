#include "cli/check_rules.h"

enum { VERSION_LEAST = 140000, KEEPALIVE_MOST_S = 600 };
#define SLOT_MOST (INT64_C(1) << 30) /* of WAL, held for nobody */

static void fine(cli_findings_t *findings, const char *check, const char *text)
{
    cli_find(findings, CLI_LEVEL_OK, check, text, NULL);
}

static void warn(cli_findings_t *findings, const char *check, const char *text, const char *remedy)
{
    cli_find(findings, CLI_LEVEL_WARNING, check, text, remedy);
}

static void fail(cli_findings_t *findings, const char *check, const char *text, const char *remedy)
{
    cli_find(findings, CLI_LEVEL_ERROR, check, text, remedy);
}

/* --- who it is -------------------------------------------------------------------------------- */
static void check_reachable(cli_findings_t *findings, const cli_checked_t *checked)
{
    const cli_sight_t *sight = checked->sight;

    if (sight->reason == NULL)
        fine(findings, "reachable",
             cli_format("answers in %.1f ms", (double)sight->latency_us / 1000));
    else if (cli_node_is_out(checked->node))
        fine(findings, "reachable", checked->standing->reason);
    else if (cli_is_full(sight->reason))
        fail(findings, "reachable", sight->reason,
             "raise max_connections, or lower pool.max in the map; '--user' with a superuser still "
             "gets in");
    else if (strstr(sight->reason, "permission denied") != NULL)
        fail(findings, "reachable", sight->reason,
             "agencydb init gives the map's users what they need; another login needs USAGE on the "
             "schema agencydb and SELECT on agencydb.identity");
    else
        fail(findings, "reachable", sight->reason,
             "see that the server runs, and that host, port and login in the map are right; "
             "'state: out' keeps services from it meanwhile");
}

static void check_version(cli_findings_t *findings, const cli_sight_t *sight)
{
    char *text = cli_format("PostgreSQL %s", sight->version);

    if (sight->version_number >= VERSION_LEAST)
        fine(findings, "version", text);
    else
        fail(findings, "version", text, "PostgreSQL 14 or newer is needed: upgrade");
}

static void check_identity(cli_findings_t *findings, const cli_checked_t *checked)
{
    const cli_stamp_t *stamp = &checked->sight->stamp;
    const char *fault = cli_stamp_fault(checked->node, stamp, checked->expected);
    char *init = cli_format("run: agencydb init %s", checked->map_path);

    if (fault != NULL && stamp->shard != NULL)
        fail(findings, "identity", fault,
             "correct the host in the map, or `hash` if that is what differs");
    else if (fault != NULL)
        fail(findings, "identity", fault, init);
    else if (stamp->shard == NULL)
        warn(findings, "identity",
             "is not stamped: nobody would notice another server in its place", init);
    else
        fine(findings, "identity",
             cli_format("keyspace '%s', shard '%s', %s, %s slots", checked->node->keyspace,
                        stamp->shard, stamp->hash, stamp->slots));
}

static void check_tables(cli_findings_t *findings, const cli_checked_t *checked)
{
    char *init = cli_format("run: agencydb init %s", checked->map_path);
    size_t i;

    if (checked->sight->stamp.shard == NULL)
        return; /* that was said */
    if (!checked->sight->has_keys) {
        warn(findings, "idempotency",
             "there is no table agencydb.idempotency: writes with an idempotency key fail", init);
        return;
    }
    for (i = 0; i < checked->facts->count; i++) {
        const cli_check_row_t *row = &checked->facts->rows[i];

        if (strcmp(row->kind, "right") == 0 && strcmp(row->c, "t") != 0)
            fail(findings, "idempotency",
                 cli_format("role '%s' may not use what 'agencydb init' made", row->a), init);
    }
}

/* --- its role --------------------------------------------------------------------------------- */
static void check_replica(cli_findings_t *findings, const cli_checked_t *checked)
{
    const cli_sight_t *sight = checked->sight;
    const cli_standing_t *standing = checked->standing;
    char *lag = standing->lag_bytes < 0
                    ? cli_copy("no primary to compare with")
                    : cli_format("%lld bytes behind", (long long)standing->lag_bytes);

    if (sight->is_paused)
        warn(findings, "role", cli_format("replica whose replay is paused, %s", lag),
             "run on it: SELECT pg_wal_replay_resume()");
    else if (!sight->is_receiving)
        fail(findings, "role", cli_format("replica that does not stream, %s", lag),
             "look at its log: primary_conninfo, its slot and pg_hba.conf of the primary must be "
             "right, and the WAL that it lacks still be there");
    else if (standing->is_astray)
        warn(findings, "role", cli_format("replica that %s, %s", standing->reason, lag),
             "see that its primary_conninfo leads to the primary, and that "
             "recovery_target_timeline is 'latest'");
    else
        fine(findings, "role",
             cli_format("replica, timeline %lld, streams%s%s, %s", (long long)sight->timeline,
                        sight->sender != NULL ? " from " : "",
                        sight->sender != NULL ? sight->sender : "", lag));
}

static void check_role(cli_findings_t *findings, const cli_checked_t *checked)
{
    const cli_standing_t *standing = checked->standing;

    switch (standing->place) {
    case CLI_NODE_SILENT:
        return;
    case CLI_NODE_REFUSED: /* of the stamp is said elsewhere */
        if (cli_stamp_fault(checked->node, &checked->sight->stamp, checked->expected) == NULL)
            fail(findings, "role", standing->reason,
                 "correct the host in the map, or build it anew from the primary");
        return;
    case CLI_NODE_STALE:
        fail(findings, "role", standing->reason,
             "stop it, and let it rejoin as a replica (pg_rewind, or Patroni's reinit)");
        return;
    case CLI_NODE_RIVAL:
        fail(findings, "role", standing->reason, "stop all but the one that is to stay");
        return;
    case CLI_NODE_OUTSIDE:
        fine(findings, "role", standing->reason);
        return;
    case CLI_NODE_PRIMARY:
        fine(findings, "role",
             cli_format("primary, timeline %lld", (long long)checked->sight->timeline));
        return;
    case CLI_NODE_REPLICA:
        check_replica(findings, checked);
        return;
    }
}

static const char *synchronous_standby(const cli_check_facts_t *facts)
{
    size_t i;

    for (i = 0; i < facts->count; i++)
        if (strcmp(facts->rows[i].kind, "standby") == 0 &&
            (strcmp(facts->rows[i].c, "sync") == 0 || strcmp(facts->rows[i].c, "quorum") == 0))
            return facts->rows[i].a;
    return NULL;
}

/* Of a primary: who a commit waits for. */
static void check_commits(cli_findings_t *findings, const cli_checked_t *checked)
{
    const char *names = cli_check_guc(checked->facts, "synchronous_standby_names");
    const char *standby = synchronous_standby(checked->facts);

    if (checked->standing->place != CLI_NODE_PRIMARY || names == NULL ||
        checked->nodes_of_shard < 2)
        return;
    if (names[0] == '\0')
        fine(findings, "commits",
             "wait for no standby (synchronous_standby_names is empty): a failover may lose the "
             "last ones");
    else if (standby != NULL)
        fine(findings, "commits", cli_format("wait for '%s', which is '%s' now", names, standby));
    else if (!checked->sight->sees_all)
        fine(findings, "commits",
             cli_format("wait for '%s'; role '%s' may not see whether it is there", names,
                        checked->sight->login));
    else
        fail(findings, "commits", cli_format("wait for '%s', and no such standby streams", names),
             "bring it back, or take it out of synchronous_standby_names: every write hangs");
}

/* --- its settings ----------------------------------------------------------------------------- */
static void check_wal(cli_findings_t *findings, const cli_checked_t *checked)
{
    const char *level = cli_check_guc(checked->facts, "wal_level");
    const char *hot = cli_check_guc(checked->facts, "hot_standby");

    if (level != NULL && strcmp(level, "minimal") == 0 && checked->nodes_of_shard > 1)
        fail(findings, "wal_level", "minimal: no replica can stream from it",
             "set wal_level = replica and restart");
    else if (level != NULL)
        fine(findings, "wal_level", level);
    if (hot != NULL && strcmp(hot, "on") != 0)
        fail(findings, "hot_standby", "off: as a replica it answers nobody",
             "set hot_standby = on and restart");
    else if (hot != NULL)
        fine(findings, "hot_standby", hot);
}

static void check_prepared(cli_findings_t *findings, const cli_check_facts_t *facts)
{
    const char *most = cli_check_guc(facts, "max_prepared_transactions");
    uint64_t open = 0;
    size_t i;

    for (i = 0; i < facts->count; i++)
        if (strcmp(facts->rows[i].kind, "prepared") == 0)
            (void)cli_number(facts->rows[i].c, UINT64_MAX, &open);
    if (open > 0)
        warn(findings, "prepared",
             cli_format("%llu prepared transaction%s open: locks and dead rows stay",
                        (unsigned long long)open, open == 1 ? " is" : "s are"),
             "see pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED what nobody ends");
    else if (most != NULL)
        fine(findings, "prepared",
             cli_format("max_prepared_transactions is %s; agencydb needs none", most));
}

static bool is_here(const char *host)
{
    return host[0] == '/' || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

static void check_silence(cli_findings_t *findings, const cli_checked_t *checked)
{
    const int64_t idle_s = cli_check_number(checked->facts, "tcp_keepalives_idle", 0);

    if (is_here(checked->node->host) || idle_s <= KEEPALIVE_MOST_S)
        return;
    warn(findings, "keepalive",
         cli_format("connections of a host that is gone keep their places for %lld s",
                    (long long)idle_s),
         "set tcp_keepalives_idle = 60 and reload");
}

static void check_slots(cli_findings_t *findings, const cli_check_facts_t *facts)
{
    size_t i;

    for (i = 0; i < facts->count; i++) {
        const cli_check_row_t *row = &facts->rows[i];
        uint64_t bytes = 0;

        if (strcmp(row->kind, "slot") != 0 || strcmp(row->b, "active") == 0)
            continue;
        (void)cli_number(row->c, UINT64_MAX, &bytes);
        if (bytes > SLOT_MOST)
            warn(findings, "slots",
                 cli_format("slot '%s' is not in use and holds %llu MB of WAL", row->a,
                            (unsigned long long)(bytes >> 20)),
                 "bring its replica back, or pg_drop_replication_slot; max_slot_wal_keep_size "
                 "limits it");
    }
}

static void check_server_timeout(cli_findings_t *findings, const cli_check_facts_t *facts)
{
    const int64_t idle_ms = cli_check_number(facts, "idle_session_timeout", 0);
    const char *tracks = cli_check_guc(facts, "track_activities");

    if (idle_ms > 0)
        warn(findings, "timeouts",
             cli_format("idle_session_timeout = %lld ms: connections that pools keep are cut",
                        (long long)idle_ms),
             "set it to 0; pool.idle and pool.lifetime of the map end them");
    if (tracks != NULL && strcmp(tracks, "off") == 0)
        warn(findings, "activity", "track_activities is off: 'doctor' and 'clients' see nothing",
             "set track_activities = on and reload");
}

void cli_check_node(cli_findings_t *findings, const cli_checked_t *checked)
{
    findings->node = checked->node;
    findings->of_shard = false;
    check_reachable(findings, checked);
    if (checked->sight->reason != NULL)
        return;
    check_version(findings, checked->sight);
    check_identity(findings, checked);
    check_tables(findings, checked);
    check_role(findings, checked);
    if (checked->facts->fault != NULL) {
        fail(findings, "settings", checked->facts->fault, "run the check again");
        return;
    }
    check_commits(findings, checked);
    cli_check_connections(findings, checked);
    cli_check_role_settings(findings, checked);
    if (!checked->is_first_of_server)
        return;
    check_wal(findings, checked);
    check_prepared(findings, checked->facts);
    check_silence(findings, checked);
    check_slots(findings, checked->facts);
    check_server_timeout(findings, checked->facts);
}

/* --- shards ----------------------------------------------------------------------------------- */
char *cli_promotion_hint(const cli_node_t *node)
{
    return cli_format("with Patroni: patronictl failover CLUSTER --candidate %s", node->name);
}

void cli_check_shard(cli_findings_t *findings, const cli_node_t *nodes, const cli_sight_t *sights,
                     const cli_shard_standing_t *shard)
{
    const size_t best = shard->most_advanced;

    findings->node = nodes;
    findings->of_shard = true;
    switch (shard->condition) {
    case CLI_SHARD_READY:
        fine(findings, "primary", cli_format("exactly one: %s", nodes[shard->primary].name));
        return;
    case CLI_SHARD_SPLIT:
        fail(findings, "primary",
             "several nodes are the primary, on one timeline: writes are refused",
             "stop all but the one that is to stay");
        return;
    case CLI_SHARD_SILENT:
        fail(findings, "primary", "no node may be asked who it is", "see its nodes");
        return;
    case CLI_SHARD_WITHOUT_PRIMARY:
        if (best == CLI_NO_NODE) {
            fail(findings, "primary", "none: writes wait, then fail", "see its nodes");
            return;
        }
        fail(findings, "primary",
             cli_format("none: writes wait, then fail; %s is the most advanced replica (timeline "
                        "%lld, %s)",
                        nodes[best].name, (long long)sights[best].timeline,
                        cli_lsn_text(cli_sight_reach(&sights[best]))),
             cli_promotion_hint(&nodes[best]));
        return;
    }
}
