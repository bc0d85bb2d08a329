#include "cli/sight.h"

#include "cli/cells.h"

enum {
    SEEN_VERSION,
    SEEN_VERSION_NUMBER,
    SEEN_RECOVERY,
    SEEN_SYSTEM,
    SEEN_TIMELINE,
    SEEN_LSN,
    SEEN_RECEIVED,
    SEEN_REPLAYED_AGO,
    SEEN_PAUSED,
    SEEN_RECEIVING,
    SEEN_SENDER,
    SEEN_SEES_ALL,
    SEEN_LOGIN,
    SEEN_STAMPED,
    SEEN_KEYS
};

/* A primary's timeline is in the name of the file that it writes, at once after a promotion; a
 * replica's is the newest that it has replayed into. */
static const char k_sight_sql[] =
    "SELECT split_part(current_setting('server_version'), ' ', 1), "
    "current_setting('server_version_num'),"
    " r.in_recovery, (SELECT system_identifier FROM pg_control_system())::text,"
    " CASE WHEN r.in_recovery THEN"
    " greatest((SELECT timeline_id FROM pg_control_checkpoint()),"
    " (SELECT min_recovery_end_timeline FROM pg_control_recovery()))::bigint"
    " ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint"
    " END,"
    " (CASE WHEN r.in_recovery THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"
    " - '0/0'::pg_lsn)::bigint,"
    " (CASE WHEN r.in_recovery THEN pg_last_wal_receive_lsn() END - '0/0'::pg_lsn)::bigint,"
    " CASE WHEN r.in_recovery THEN (extract(epoch FROM clock_timestamp()"
    " - pg_last_xact_replay_timestamp()) * 1000)::bigint END,"
    " CASE WHEN r.in_recovery THEN pg_is_wal_replay_paused() ELSE false END,"
    " EXISTS (SELECT FROM pg_stat_wal_receiver),"
    " (SELECT sender_host || ':' || sender_port FROM pg_stat_wal_receiver),"
    " pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), current_user::text,"
    " to_regclass('agencydb.identity') IS NOT NULL,"
    " to_regclass('agencydb.idempotency') IS NOT NULL"
    " FROM (SELECT pg_is_in_recovery() AS in_recovery OFFSET 0) r";

/* A reason is a text: its SQLSTATE (53300) has not come along. */
bool cli_is_full(const char *reason)
{
    return strstr(reason, "too many clients") != NULL ||
           strstr(reason, "too many connections") != NULL ||
           strstr(reason, "remaining connection slots") != NULL;
}

static void read_sight(const agdb_result_t *res, cli_sight_t *sight)
{
    sight->version = cli_cell_text(res, 0, SEEN_VERSION);
    sight->version_number = cli_cell_number(res, 0, SEEN_VERSION_NUMBER, 0);
    sight->in_recovery = cli_cell_bool(res, 0, SEEN_RECOVERY);
    sight->system = cli_cell_text(res, 0, SEEN_SYSTEM);
    sight->timeline = cli_cell_number(res, 0, SEEN_TIMELINE, 0);
    sight->lsn = (uint64_t)cli_cell_number(res, 0, SEEN_LSN, 0);
    sight->received_lsn = (uint64_t)cli_cell_number(res, 0, SEEN_RECEIVED, 0);
    sight->replayed_ago_ms = cli_cell_number(res, 0, SEEN_REPLAYED_AGO, -1);
    sight->is_paused = cli_cell_bool(res, 0, SEEN_PAUSED);
    sight->is_receiving = cli_cell_bool(res, 0, SEEN_RECEIVING);
    sight->sender = cli_cell_text(res, 0, SEEN_SENDER);
    sight->sees_all = cli_cell_bool(res, 0, SEEN_SEES_ALL);
    sight->login = cli_cell_text(res, 0, SEEN_LOGIN);
    sight->stamp.has_table = cli_cell_bool(res, 0, SEEN_STAMPED);
    sight->has_keys = cli_cell_bool(res, 0, SEEN_KEYS);
}

/* A statement that does next to nothing: its time is the way there and back. */
static void look_how_fast(cli_inspect_t *inspect, cli_sight_t *sights)
{
    cli_answers_t answers = cli_inspect_ask(inspect, &(cli_question_t){.sql = "SELECT 1"});
    size_t i;

    for (i = 0; i < answers.count; i++) {
        agdb_timing_t timing = {.struct_size = sizeof timing};

        if (answers.results[i] != NULL) {
            agdb_result_timing(answers.results[i], &timing);
            sights[i].latency_us = timing.exec_us;
        } else {
            sights[i].is_refused = inspect->refused[i];
            sights[i].reason =
                inspect->reasons[i] != NULL ? inspect->reasons[i] : cli_answers_reason(&answers, i);
        }
    }
    cli_answers_free(&answers);
}

/* Those that are known to be silent are asked nothing more. */
static bool *silent_ones(const cli_inspect_t *inspect, const cli_sight_t *sights)
{
    bool *silent = cli_alloc(inspect->nodes->count + 1);
    size_t i;

    for (i = 0; i < inspect->nodes->count; i++)
        silent[i] = sights[i].reason != NULL;
    return silent;
}

static void look_around(cli_inspect_t *inspect, cli_sight_t *sights)
{
    cli_question_t question = {.sql = k_sight_sql, .skip = silent_ones(inspect, sights)};
    cli_answers_t answers = cli_inspect_ask(inspect, &question);
    size_t i;

    for (i = 0; i < answers.count; i++) {
        if (answers.results[i] != NULL)
            read_sight(answers.results[i], &sights[i]);
        else if (sights[i].reason == NULL)
            sights[i].reason = cli_answers_reason(&answers, i);
    }
    cli_answers_free(&answers);
}

static void read_stamp(const agdb_result_t *res, const char *keyspace, cli_stamp_t *stamp)
{
    size_t row;

    for (row = 0; row < agdb_result_rows(res); row++) {
        if (strcmp(agdb_result_text(res, row, 0), keyspace) != 0)
            continue;
        stamp->shard = cli_cell_text(res, row, 1);
        stamp->hash = cli_cell_text(res, row, 2);
        stamp->slots = cli_cell_text(res, row, 3);
    }
}

static void look_who(cli_inspect_t *inspect, cli_sight_t *sights)
{
    cli_question_t question = {
        .sql = "SELECT keyspace, shard, hash, slots::text FROM agencydb.identity"};
    bool *skip = silent_ones(inspect, sights);
    cli_answers_t answers;
    size_t i;

    for (i = 0; i < inspect->nodes->count; i++)
        skip[i] = skip[i] || !sights[i].stamp.has_table;
    question.skip = skip;
    answers = cli_inspect_ask(inspect, &question);
    for (i = 0; i < answers.count; i++) {
        if (answers.results[i] != NULL)
            read_stamp(answers.results[i], inspect->nodes->items[i].keyspace, &sights[i].stamp);
        else if (!skip[i])
            sights[i].stamp.fault = cli_answers_reason(&answers, i);
    }
    cli_answers_free(&answers);
}

cli_sight_t *cli_look(cli_inspect_t *inspect)
{
    cli_sight_t *sights = cli_alloc((inspect->nodes->count + 1) * sizeof *sights);

    cli_inspect_meet(inspect);
    look_how_fast(inspect, sights);
    look_around(inspect, sights);
    look_who(inspect, sights);
    return sights;
}
