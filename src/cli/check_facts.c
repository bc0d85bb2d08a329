#include "cli/check_facts.h"

#include "cli/cells.h"
#include "cli/targets.h"

#include <stdlib.h>

/* $1: the roles of the map */
static const char k_facts_sql[] =
    "SELECT 'guc' AS kind, name AS a, '' AS b, setting AS c FROM pg_settings WHERE name IN"
    " ('max_connections', 'superuser_reserved_connections', 'reserved_connections', 'wal_level',"
    " 'hot_standby', 'synchronous_standby_names', 'max_prepared_transactions',"
    " 'tcp_keepalives_idle', 'idle_session_timeout', 'track_activities')"
    " UNION ALL SELECT 'set', coalesce(r.rolname, ''), coalesce(d.datname, ''), one"
    " FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole"
    " LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS one"
    " WHERE (s.setrole = 0 OR r.rolname = ANY ($1::text[]))"
    " AND (s.setdatabase = 0 OR d.datname = current_database())"
    " UNION ALL SELECT 'role', rolname, '', rolconnlimit::text FROM pg_roles"
    " WHERE rolname = ANY ($1::text[])"
    " UNION ALL SELECT 'database', datname, '', datconnlimit::text FROM pg_database"
    " WHERE datname = current_database()"
    " UNION ALL SELECT 'prepared', '', '', count(*)::text FROM pg_prepared_xacts"
    " UNION ALL SELECT 'standby', coalesce(application_name, ''), coalesce(state, ''),"
    " coalesce(sync_state, '') FROM pg_stat_replication"
    " UNION ALL SELECT 'slot', slot_name, CASE WHEN active THEN 'active' ELSE 'inactive' END,"
    " coalesce((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
    " ELSE pg_current_wal_lsn() END - restart_lsn)::bigint, 0)::text FROM pg_replication_slots";

static const char k_rights_sql[] =
    "SELECT 'right', rolname, '', CASE WHEN has_schema_privilege(oid, 'agencydb', 'USAGE')"
    " AND has_table_privilege(oid, 'agencydb.identity', 'SELECT')"
    " AND has_table_privilege(oid, 'agencydb.idempotency', 'SELECT')"
    " AND has_table_privilege(oid, 'agencydb.idempotency', 'INSERT')"
    " AND has_table_privilege(oid, 'agencydb.idempotency', 'UPDATE')"
    " AND has_table_privilege(oid, 'agencydb.idempotency', 'DELETE') THEN 't' ELSE 'f' END"
    " FROM pg_roles WHERE rolname = ANY ($1::text[])";

static agdb_value_t *users_of_nodes(const cli_inspect_t *inspect)
{
    const cli_nodes_t *nodes = inspect->nodes;
    agdb_value_t *values = cli_alloc((nodes->count + 1) * sizeof *values);
    size_t i;

    for (i = 0; i < nodes->count; i++) {
        cli_names_t users =
            cli_map_users(inspect->map, nodes->items[i].keyspace_at, nodes->items[i].shard_at);
        values[i] = agdb_text_array(users.items, users.count);
    }
    return values;
}

static void take_rows(const agdb_result_t *res, cli_check_facts_t *facts)
{
    size_t row;

    for (row = 0; row < agdb_result_rows(res); row++) {
        facts->rows = cli_grow(facts->rows, facts->count, sizeof *facts->rows);
        facts->rows[facts->count++] =
            (cli_check_row_t){cli_cell_text(res, row, 0), cli_cell_text(res, row, 1),
                              cli_cell_text(res, row, 2), cli_cell_text(res, row, 3)};
    }
}

static void ask(cli_inspect_t *inspect, const cli_question_t *question, cli_check_facts_t *facts)
{
    cli_answers_t answers = cli_inspect_ask(inspect, question);
    size_t i;

    for (i = 0; i < answers.count; i++) {
        if (answers.results[i] != NULL)
            take_rows(answers.results[i], &facts[i]);
        else if (answers.errors[i] != NULL)
            facts[i].fault = cli_answers_reason(&answers, i);
    }
    cli_answers_free(&answers);
}

cli_check_facts_t *cli_check_gather(cli_inspect_t *inspect, const cli_sight_t *sights)
{
    const size_t count = inspect->nodes->count;
    cli_check_facts_t *facts = cli_alloc((count + 1) * sizeof *facts);
    bool *skip = cli_alloc(count + 1);
    cli_question_t question = {.sql = k_facts_sql, .params = users_of_nodes(inspect), .skip = skip};
    size_t i;

    for (i = 0; i < count; i++)
        skip[i] = sights[i].reason != NULL;
    ask(inspect, &question, facts);
    for (i = 0; i < count; i++)
        skip[i] = skip[i] || !sights[i].stamp.has_table || !sights[i].has_keys;
    question.sql = k_rights_sql;
    ask(inspect, &question, facts);
    return facts;
}

const char *cli_check_guc(const cli_check_facts_t *facts, const char *name)
{
    size_t i;

    for (i = 0; i < facts->count; i++)
        if (strcmp(facts->rows[i].kind, "guc") == 0 && strcmp(facts->rows[i].a, name) == 0)
            return facts->rows[i].c;
    return NULL;
}

int64_t cli_check_number(const cli_check_facts_t *facts, const char *name, int64_t none)
{
    const char *text = cli_check_guc(facts, name);
    char *end = NULL;
    long long number = text != NULL ? strtoll(text, &end, 10) : 0;

    return text != NULL && end != text ? number : none;
}
