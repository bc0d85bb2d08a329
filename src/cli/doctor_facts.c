#include "cli/doctor_facts.h"

#include "cli/cells.h"

/* --- connections against limits --------------------------------------------------------------- */
enum {
    LIMIT_MOST,
    LIMIT_RESERVED,
    LIMIT_USED,
    LIMIT_ROLE_MOST,
    LIMIT_ROLE_USED,
    LIMIT_DATABASE_MOST,
    LIMIT_DATABASE_USED,
    LIMIT_SYNC_NAMES
};

/* $1: the map's role */
static const char k_limits_sql[] =
    "SELECT current_setting('max_connections')::bigint,"
    " current_setting('superuser_reserved_connections')::bigint"
    " + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::bigint,"
    " (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND usename IS NOT NULL),"
    " (SELECT rolconnlimit FROM pg_roles WHERE rolname = $1::text),"
    " (SELECT count(*) FROM pg_stat_activity WHERE usename = $1::text),"
    " (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),"
    " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),"
    " current_setting('synchronous_standby_names')";

static void add_limit(cli_doctor_t *doctor, const cli_node_t *node, const char *what, int64_t used,
                      int64_t allowed)
{
    if (allowed <= 0)
        return; /* -1: no limit */
    doctor->limits = cli_grow(doctor->limits, doctor->nlimits, sizeof *doctor->limits);
    doctor->limits[doctor->nlimits++] =
        (cli_limit_t){node->name, what, (uint64_t)used, (uint64_t)allowed};
}

static void read_limits(cli_doctor_t *doctor, size_t at, const agdb_result_t *res)
{
    const cli_node_t *node = &doctor->nodes.items[at];

    add_limit(doctor, node, "max_connections less reserved", cli_cell_number(res, 0, LIMIT_USED, 0),
              cli_cell_number(res, 0, LIMIT_MOST, 0) - cli_cell_number(res, 0, LIMIT_RESERVED, 0));
    add_limit(doctor, node, cli_format("role %s", node->user),
              cli_cell_number(res, 0, LIMIT_ROLE_USED, 0),
              cli_cell_number(res, 0, LIMIT_ROLE_MOST, -1));
    add_limit(doctor, node, cli_format("database %s", node->dbname),
              cli_cell_number(res, 0, LIMIT_DATABASE_USED, 0),
              cli_cell_number(res, 0, LIMIT_DATABASE_MOST, -1));
    if (at == doctor->shard.primary)
        doctor->sync_names = cli_cell_text(res, 0, LIMIT_SYNC_NAMES);
}

static void ask_limits(cli_doctor_t *doctor, cli_inspect_t *inspect, const bool *skip)
{
    agdb_value_t *users = cli_alloc((doctor->nodes.count + 1) * sizeof *users);
    cli_question_t question = {.sql = k_limits_sql, .params = users, .skip = skip};
    cli_answers_t answers;
    size_t i;

    for (i = 0; i < doctor->nodes.count; i++)
        users[i] = agdb_text(doctor->nodes.items[i].user);
    answers = cli_inspect_ask(inspect, &question);
    for (i = 0; i < answers.count; i++)
        if (answers.results[i] != NULL)
            read_limits(doctor, i, answers.results[i]);
    cli_answers_free(&answers);
}

/* --- the primary's own ------------------------------------------------------------------------ */
enum { KEYS_FIRST = 10000 };

/* Counting all would be work for a server that is slow already: of a large table its statistics
 * have to do, and its first rows, which are the oldest but for what was purged. */
static const char k_keys_sql[] =
    "SELECT greatest(c.reltuples::bigint, coalesce(s.n_live_tup, 0), f.rows),"
    " coalesce(s.n_dead_tup, 0), pg_total_relation_size(c.oid),"
    " (extract(epoch FROM clock_timestamp() - f.oldest) * 1000)::bigint, f.rows"
    " FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid,"
    " (SELECT count(*) AS rows, min(at) AS oldest FROM"
    " (SELECT at FROM agencydb.idempotency LIMIT 10000) t) f"
    " WHERE c.oid = 'agencydb.idempotency'::regclass";

static const char k_slots_sql[] =
    "SELECT slot_name::text, active, coalesce(wal_status, ''),"
    " coalesce((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
    " ELSE pg_current_wal_lsn() END - restart_lsn)::bigint, 0)"
    " FROM pg_replication_slots ORDER BY 4 DESC, 1";

static bool *all_but_the_primary(const cli_doctor_t *doctor)
{
    bool *skip = cli_alloc(doctor->nodes.count + 1);
    size_t i;

    for (i = 0; i < doctor->nodes.count; i++)
        skip[i] = i != doctor->shard.primary;
    return skip;
}

static void ask_keys(cli_doctor_t *doctor, cli_inspect_t *inspect, const bool *skip)
{
    const size_t primary = doctor->shard.primary;
    const cli_question_t question = {.sql = k_keys_sql, .skip = skip};
    cli_answers_t answers;
    const agdb_result_t *res;

    if (!doctor->sights[primary].has_keys)
        return;
    answers = cli_inspect_ask(inspect, &question);
    res = answers.results[primary];
    if (res == NULL)
        doctor->keys.fault = cli_answers_reason(&answers, primary);
    else
        doctor->keys = (cli_keys_t){.rows = cli_cell_number(res, 0, 0, 0),
                                    .dead = cli_cell_number(res, 0, 1, 0),
                                    .bytes = cli_cell_number(res, 0, 2, 0),
                                    .oldest_ms = cli_cell_number(res, 0, 3, -1),
                                    .oldest_at_least = cli_cell_number(res, 0, 4, 0) >= KEYS_FIRST};
    cli_answers_free(&answers);
}

static void ask_slots(cli_doctor_t *doctor, cli_inspect_t *inspect, const bool *skip)
{
    const cli_question_t question = {.sql = k_slots_sql, .skip = skip};
    cli_answers_t answers = cli_inspect_ask(inspect, &question);
    const agdb_result_t *res = answers.results[doctor->shard.primary];
    size_t i;

    doctor->nslots = agdb_result_rows(res);
    doctor->slots = cli_alloc((doctor->nslots + 1) * sizeof *doctor->slots);
    for (i = 0; i < doctor->nslots; i++)
        doctor->slots[i] = (cli_slot_t){.name = cli_cell_text(res, i, 0),
                                        .active = cli_cell_bool(res, i, 1),
                                        .status = cli_cell_text(res, i, 2),
                                        .bytes = cli_cell_number(res, i, 3, 0)};
    cli_answers_free(&answers);
}

/* --- all -------------------------------------------------------------------------------------- */
/* Those of other databases hold up nobody here, and keepers are not callers. */
static void keep_callers(cli_sessions_t *sessions, const cli_node_t *node)
{
    size_t kept = 0;
    size_t i;

    for (i = 0; i < sessions->count; i++)
        if (strcmp(sessions->items[i].dbname, node->dbname) == 0 && !sessions->items[i].is_keeper)
            sessions->items[kept++] = sessions->items[i];
    sessions->count = kept;
}

void cli_doctor_gather(cli_doctor_t *doctor, cli_inspect_t *inspect)
{
    const cli_expected_t expected = {
        agdb_map_slots(doctor->map),
        agdb_map_shard_count(doctor->map, doctor->nodes.items[0].keyspace_at) > 1};
    const bool *skip;
    size_t i;

    doctor->sights = cli_look(inspect);
    doctor->shard = cli_stand(doctor->nodes.items, doctor->sights, doctor->nodes.count, expected);
    skip = cli_sessions_skip(&doctor->nodes, doctor->sights);
    doctor->sessions = cli_sessions_gather(inspect, skip);
    doctor->blocks = cli_alloc((doctor->nodes.count + 1) * sizeof *doctor->blocks);
    for (i = 0; i < doctor->nodes.count; i++) {
        keep_callers(&doctor->sessions[i], &doctor->nodes.items[i]);
        doctor->blocks[i] = cli_blocks_of(&doctor->sessions[i]);
    }
    ask_limits(doctor, inspect, skip);
    doctor->keys.fault = "";
    if (doctor->shard.primary == CLI_NO_NODE)
        return;
    skip = all_but_the_primary(doctor);
    ask_keys(doctor, inspect, skip);
    ask_slots(doctor, inspect, skip);
}
