#include "cli/sessions.h"

#include "cli/cells.h"

enum {
    SESSION_PID,
    SESSION_SERVICE,
    SESSION_USER,
    SESSION_DBNAME,
    SESSION_HOST,
    SESSION_STATE,
    SESSION_WAIT_TYPE,
    SESSION_WAIT,
    SESSION_TRANSACTION,
    SESSION_SINCE,
    SESSION_STATEMENT,
    SESSION_TAG,
    SESSION_BLOCKERS,
    SESSION_WAITING,
    SESSION_EPOCH
};

/* Whose state may not be seen: host is not known either. pg_blocking_pids stops the lock table for
 * a moment: it is asked for those that wait for a lock only. */
static const char k_sessions_sql[] =
    "SELECT pid, coalesce(application_name, ''), usename::text, datname::text,"
    " CASE WHEN state IS NOT NULL THEN coalesce(host(client_addr), 'local') END,"
    " state, wait_event_type, wait_event,"
    " (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint,"
    " (extract(epoch FROM clock_timestamp() - state_change) * 1000)::bigint,"
    " left(regexp_replace(query, '\\s+', ' ', 'g'), 60),"
    " substring(query FROM '/\\*.*action=''([^'']*)''.*\\*/'),"
    " CASE WHEN wait_event_type = 'Lock' THEN array_to_string(pg_blocking_pids(pid), ',') END,"
    " CASE WHEN wait_event_type = 'Lock' THEN (extract(epoch FROM clock_timestamp()"
    " - (SELECT min(waitstart) FROM pg_locks l WHERE l.pid = a.pid)) * 1000)::bigint END,"
    " substring(query FROM '^/\\*epoch=''([0-9]{1,18})''\\*/')"
    " FROM pg_stat_activity a WHERE datname IS NOT NULL AND usename IS NOT NULL"
    " AND coalesce(backend_type, 'client backend') = 'client backend'"
    " AND coalesce(application_name, '') NOT IN ('" CLI_INSPECT_NAME
    "', '" CLI_INSPECT_NAME CLI_KEEPER_SUFFIX "')"
    " ORDER BY pid";

static const int64_t *read_pids(const char *text)
{
    int64_t *pids = cli_alloc((strlen(text) / 2 + 2) * sizeof *pids);
    size_t count = 0;

    while (*text != '\0') {
        const size_t len = strcspn(text, ",");
        uint64_t pid = 0;

        /* 0 stands for a prepared transaction, which is no session */
        if (cli_number(cli_copy_n(text, len), INT32_MAX, &pid) && pid != 0)
            pids[count++] = (int64_t)pid;
        text += len + (text[len] == ',' ? 1 : 0);
    }
    return pids;
}

static const char *text_or(const char *text, const char *other)
{
    return text != NULL ? text : other;
}

static void read_session(const agdb_result_t *res, size_t row, cli_session_t *session)
{
    char *service = cli_cell_text(res, row, SESSION_SERVICE);
    const size_t len = strlen(service);
    const size_t suffix = strlen(CLI_KEEPER_SUFFIX);

    session->is_keeper = len > suffix && strcmp(service + len - suffix, CLI_KEEPER_SUFFIX) == 0;
    if (session->is_keeper)
        service[len - suffix] = '\0';
    session->service = service;
    session->epoch = session->is_keeper ? cli_cell_number(res, row, SESSION_EPOCH, -1) : -1;
    session->pid = cli_cell_number(res, row, SESSION_PID, 0);
    session->user = cli_cell_text(res, row, SESSION_USER);
    session->dbname = cli_cell_text(res, row, SESSION_DBNAME);
    session->host = cli_cell_text(res, row, SESSION_HOST);
    session->state = cli_cell_text(res, row, SESSION_STATE);
    session->wait_type = text_or(cli_cell_text(res, row, SESSION_WAIT_TYPE), "");
    session->wait = text_or(cli_cell_text(res, row, SESSION_WAIT), "");
    session->transaction_ms = cli_cell_number(res, row, SESSION_TRANSACTION, -1);
    session->state_ms = cli_cell_number(res, row, SESSION_SINCE, -1);
    session->statement = text_or(cli_cell_text(res, row, SESSION_STATEMENT), "");
    session->tag = cli_cell_text(res, row, SESSION_TAG);
    session->waiting_ms = cli_cell_number(res, row, SESSION_WAITING, -1);
    session->blockers = read_pids(text_or(agdb_result_text(res, row, SESSION_BLOCKERS), ""));
}

cli_sessions_t *cli_sessions_gather(cli_inspect_t *inspect, const bool *skip)
{
    const cli_question_t question = {.sql = k_sessions_sql, .skip = skip};
    cli_answers_t answers = cli_inspect_ask(inspect, &question);
    cli_sessions_t *all = cli_alloc((answers.count + 1) * sizeof *all);
    size_t row;
    size_t i;

    for (i = 0; i < answers.count; i++) {
        if (answers.results[i] == NULL) {
            all[i].fault = cli_answers_reason(&answers, i);
            continue;
        }
        all[i].count = agdb_result_rows(answers.results[i]);
        all[i].items = cli_alloc((all[i].count + 1) * sizeof *all[i].items);
        for (row = 0; row < all[i].count; row++)
            read_session(answers.results[i], row, &all[i].items[row]);
    }
    cli_answers_free(&answers);
    return all;
}

bool *cli_sessions_skip(const cli_nodes_t *nodes, const cli_sight_t *sights)
{
    bool *skip = cli_alloc(nodes->count + 1);
    size_t i;
    size_t k;

    for (i = 0; i < nodes->count; i++) {
        skip[i] = sights[i].reason != NULL;
        for (k = 0; k < i && !skip[i]; k++)
            skip[i] = !skip[k] && strcmp(nodes->items[k].where, nodes->items[i].where) == 0;
    }
    return skip;
}

bool cli_session_is_of(const cli_session_t *session, const cli_nodes_t *nodes, const char *where)
{
    size_t i;

    for (i = 0; i < nodes->count; i++)
        if (strcmp(nodes->items[i].where, where) == 0 &&
            strcmp(nodes->items[i].dbname, session->dbname) == 0)
            return true;
    return false;
}

bool cli_session_is_in(const cli_session_t *session, const char *state)
{
    return session->state != NULL && strcmp(session->state, state) == 0;
}

char *cli_span_text(int64_t ms)
{
    enum { SECOND = 1000, MINUTE = 60000, HOUR = 3600000, DAY = 86400000 };

    if (ms < 0)
        return cli_copy("-");
    if (ms < SECOND)
        return cli_format("%lld ms", (long long)ms);
    if (ms < INT64_C(2) * MINUTE)
        return cli_format("%.1f s", (double)ms / SECOND);
    if (ms < INT64_C(2) * HOUR)
        return cli_format("%lld min", (long long)(ms / MINUTE));
    if (ms < INT64_C(2) * DAY)
        return cli_format("%lld h", (long long)(ms / HOUR));
    return cli_format("%lld d", (long long)(ms / DAY));
}
