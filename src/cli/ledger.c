#include "cli/ledger.h"

/* --- the table ------------------------------------------------------------------------------- */
static bool ask_or_read(cli_errand_t *errand, const char *sql, const agdb_value_t *params,
                        size_t nparams, agdb_result_t **ret)
{
    return errand->tx != NULL ? cli_errand_ask(errand, sql, params, nparams, false, ret)
                              : cli_errand_read(errand, sql, params, nparams, ret);
}

static bool is_there(cli_errand_t *errand, bool *ret)
{
    agdb_result_t *res = NULL;

    if (!ask_or_read(errand, "SELECT 1 WHERE to_regclass('agencydb.migration') IS NOT NULL", NULL,
                     0, &res))
        return false;
    *ret = agdb_result_rows(res) > 0;
    agdb_result_free(res);
    return true;
}

bool cli_ledger_make(cli_errand_t *errand, cli_names_t users)
{
    cli_buf_t body = {0};
    bool there = false;
    size_t i;

    if (!is_there(errand, &there) || there)
        return there;
    /* One statement: "IF NOT EXISTS" alone lets two runs both create. The lock does not renew what
     * the server remembers of names, so that to_regclass could still say that there is none. */
    cli_buf_text(&body, "BEGIN"
                        " PERFORM pg_advisory_xact_lock(hashtext('agencydb.migration'));"
                        " IF EXISTS (SELECT FROM pg_class WHERE relname = 'migration'"
                        "  AND relnamespace = 'agencydb'::regnamespace) THEN RETURN; END IF;"
                        " CREATE TABLE agencydb.migration (keyspace text NOT NULL,"
                        "  number int8 NOT NULL, name text NOT NULL, checksum text NOT NULL,"
                        "  state text NOT NULL CHECK (state IN ('started', 'done')),"
                        "  statements int8 NOT NULL, role text NOT NULL DEFAULT session_user,"
                        "  at timestamptz NOT NULL DEFAULT clock_timestamp(),"
                        "  PRIMARY KEY (keyspace, number));");
    for (i = 0; i < users.count; i++)
        cli_buf_format(&body,
                       " IF current_user <> %s THEN"
                       "  GRANT SELECT ON agencydb.migration TO %s;"
                       " END IF;",
                       cli_quoted(users.items[i], '\''), cli_quoted(users.items[i], '"'));
    cli_buf_text(&body, " END");
    return cli_errand_ask(errand, cli_format("DO %s", cli_quoted(body.data, '\'')), NULL, 0, false,
                          NULL);
}

bool cli_ledger_lock(cli_errand_t *errand)
{
    const agdb_value_t params[] = {agdb_text(errand->target->keyspace)};

    return cli_errand_ask(
        errand, "SELECT pg_advisory_xact_lock(hashtext('agencydb.migration'), hashtext($1))",
        params, 1, false, NULL);
}

/* --- reading ---------------------------------------------------------------------------------- */
static uint64_t number_at(const agdb_result_t *res, size_t row, size_t col)
{
    uint64_t number = 0;

    return cli_number(agdb_result_text(res, row, col), UINT64_MAX, &number) ? number : 0;
}

bool cli_ledger_read(cli_errand_t *errand, cli_records_t *ret)
{
    const agdb_value_t params[] = {agdb_text(errand->target->keyspace)};
    agdb_result_t *res = NULL;
    bool there = false;
    size_t i;

    *ret = (cli_records_t){0};
    if (!is_there(errand, &there))
        return false;
    if (!there)
        return true;
    if (!ask_or_read(errand,
                     "SELECT number, name, checksum, state, statements FROM agencydb.migration"
                     " WHERE keyspace = $1 ORDER BY number",
                     params, 1, &res))
        return false;
    ret->count = agdb_result_rows(res);
    ret->items = cli_alloc((ret->count + 1) * sizeof *ret->items);
    for (i = 0; i < ret->count; i++)
        ret->items[i] = (cli_record_t){.number = number_at(res, i, 0),
                                       .name = cli_copy(agdb_result_text(res, i, 1)),
                                       .checksum = cli_copy(agdb_result_text(res, i, 2)),
                                       .done = strcmp(agdb_result_text(res, i, 3), "done") == 0,
                                       .finished = number_at(res, i, 4)};
    agdb_result_free(res);
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */
bool cli_ledger_add(cli_errand_t *errand, const cli_migration_t *migration, bool done)
{
    const agdb_value_t params[] = {
        agdb_text(errand->target->keyspace),
        agdb_int8((int64_t)migration->number),
        agdb_text(migration->name),
        agdb_text(migration->checksum),
        agdb_text(done ? "done" : "started"),
        agdb_int8(done ? (int64_t)migration->file.sql.count : 0),
    };

    return cli_errand_ask(errand,
                          "INSERT INTO agencydb.migration (keyspace, number, name, checksum, state,"
                          " statements) VALUES ($1, $2, $3, $4, $5, $6)",
                          params, sizeof params / sizeof params[0], false, NULL);
}

bool cli_ledger_count(cli_errand_t *errand, const cli_migration_t *migration, size_t finished)
{
    const agdb_value_t params[] = {
        agdb_text(errand->target->keyspace), agdb_int8((int64_t)migration->number),
        agdb_int8((int64_t)finished),
        agdb_text(finished == migration->file.sql.count ? "done" : "started")};

    return cli_errand_ask(errand,
                          "UPDATE agencydb.migration SET statements = $3, state = $4"
                          " WHERE keyspace = $1 AND number = $2",
                          params, sizeof params / sizeof params[0], false, NULL);
}

bool cli_ledger_mark(cli_errand_t *errand, uint64_t number, bool done, bool *ret)
{
    const agdb_value_t params[] = {agdb_text(errand->target->keyspace), agdb_int8((int64_t)number)};
    agdb_result_t *res = NULL;
    bool good = cli_errand_begin(errand) && is_there(errand, ret) &&
                (!*ret || cli_ledger_lock(errand)) &&
                (!*ret || cli_errand_ask(errand,
                                         done ? "UPDATE agencydb.migration SET state = 'done'"
                                                " WHERE keyspace = $1 AND number = $2"
                                                " AND state = 'started'"
                                              : "DELETE FROM agencydb.migration"
                                                " WHERE keyspace = $1 AND number = $2"
                                                " AND state = 'started'",
                                         params, 2, true, &res)) &&
                cli_errand_commit(errand);

    *ret = good && agdb_result_affected(res) > 0;
    agdb_result_free(res);
    return good;
}

/* --- checksums -------------------------------------------------------------------------------- */
/* Texts of some files at once: as many as a message may well hold. */
static size_t batch_from(const cli_migrations_t *migrations, size_t first)
{
    enum { BATCH_BYTES = 32 << 20 };
    size_t bytes = 0;
    size_t at;

    for (at = first; at < migrations->count; at++) {
        bytes += migrations->items[at].file.len;
        if (at > first && bytes > BATCH_BYTES)
            break;
    }
    return at - first;
}

bool cli_ledger_checksums(cli_errand_t *errand, const cli_migrations_t *migrations,
                          const char **ret)
{
    const char **texts = cli_alloc((migrations->count + 1) * sizeof *texts);
    size_t first;
    size_t count;
    size_t i;

    for (i = 0; i < migrations->count; i++)
        texts[i] = migrations->items[i].file.text;
    for (first = 0; first < migrations->count; first += count) {
        agdb_value_t params[1];
        agdb_result_t *res = NULL;
        count = batch_from(migrations, first);
        params[0] = agdb_text_array(texts + first, count);
        if (!cli_errand_read(errand,
                             "SELECT encode(sha256(convert_to(t, 'UTF8')), 'hex')"
                             " FROM unnest($1::text[]) WITH ORDINALITY u (t, n) ORDER BY n",
                             params, 1, &res))
            return false;
        for (i = 0; i < count; i++)
            ret[first + i] = cli_copy(agdb_result_text(res, i, 0));
        agdb_result_free(res);
    }
    return true;
}
