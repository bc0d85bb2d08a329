#include "cli/errand.h"

#include "cli/message.h"
#include "cli/process.h"

#include <stdio.h>

/* Without time left a request still asks for a moment: 0 would be the map's default. */
static uint32_t time_left(const cli_errand_t *errand)
{
    uint64_t now = cli_now_ms();

    return errand->deadline_ms > now ? (uint32_t)(errand->deadline_ms - now) : 1;
}

cli_errand_t cli_errand_start(agdb_t *db, const cli_target_t *target, const char *tag,
                              uint32_t timeout_ms)
{
    return (cli_errand_t){.db = db,
                          .target = target,
                          .tag = tag,
                          .timeout_ms = timeout_ms,
                          .deadline_ms = cli_now_ms() + timeout_ms};
}

void cli_errand_end(cli_errand_t *errand)
{
    agdb_rollback(errand->tx);
    errand->tx = NULL;
    agdb_error_clear(&errand->err);
}

bool cli_errand_begin(cli_errand_t *errand)
{
    agdb_tx_options_t options = AGDB_TX_INIT;

    options.keyspace = errand->target->keyspace;
    options.shard = errand->target->shard;
    options.isolation = AGDB_READ_COMMITTED; /* what is read behind a lock has to be new */
    options.timeout_ms = time_left(errand);
    options.tag = errand->tag;
    errand->used = false;
    return agdb_begin(errand->db, &options, &errand->tx, &errand->err) == AGDB_OK;
}

bool cli_errand_commit(cli_errand_t *errand)
{
    agdb_tx_t *tx = errand->tx;

    errand->tx = NULL;
    return agdb_commit(tx, &errand->err) == AGDB_OK;
}

/* A connection that is long in coming is no reason to stop: this command has more time than
 * timeouts.queue of the map gives the requests of services. */
static bool may_repeat(const cli_errand_t *errand)
{
    return agdb_error_stage(errand->err) == AGDB_STAGE_QUEUE &&
           agdb_error_outcome(errand->err) == AGDB_OUTCOME_NOT_SENT &&
           (errand->tx == NULL || !errand->used) && cli_now_ms() < errand->deadline_ms;
}

static bool begin_again(cli_errand_t *errand)
{
    enum { PAUSE_MS = 50 };

    cli_sleep_ms(PAUSE_MS);
    if (errand->tx == NULL)
        return true;
    agdb_rollback(errand->tx);
    errand->tx = NULL;
    return cli_errand_begin(errand);
}

static bool ask(cli_errand_t *errand, agdb_request_t *request, agdb_result_t **ret)
{
    agdb_result_t *res = NULL;

    request->tag = errand->tag;
    request->alone = errand->tx == NULL;
    if (errand->tx == NULL) {
        request->keyspace = errand->target->keyspace;
        request->shard = errand->target->shard;
    }
    do {
        request->tx = errand->tx;
        request->timeout_ms = time_left(errand);
        if (agdb_query(errand->db, request, &res, &errand->err) == AGDB_OK)
            break;
        if (!may_repeat(errand) || !begin_again(errand))
            return false;
    } while (true);
    agdb_error_clear(&errand->err);
    errand->used = true;
    errand->node = cli_copy(agdb_result_node(res));
    if (ret != NULL)
        *ret = res;
    else
        agdb_result_free(res);
    return true;
}

bool cli_errand_ask(cli_errand_t *errand, const char *sql, const agdb_value_t *params,
                    size_t nparams, bool last, agdb_result_t **ret)
{
    agdb_request_t request = AGDB_REQUEST_INIT;

    request.commit = last && errand->tx != NULL;
    request.sql = sql;
    request.params = params;
    request.nparams = nparams;
    return ask(errand, &request, ret);
}

bool cli_errand_read(cli_errand_t *errand, const char *sql, const agdb_value_t *params,
                     size_t nparams, agdb_result_t **ret)
{
    agdb_request_t request = AGDB_REQUEST_INIT;

    request.access = AGDB_READ;
    request.sql = sql;
    request.params = params;
    request.nparams = nparams;
    return ask(errand, &request, ret);
}

/* --- statements of files ---------------------------------------------------------------------- */
static cli_place_in_t place_of_error(const cli_sql_statement_t *statement, const agdb_error_t *err)
{
    uint64_t position;

    if (cli_number(agdb_error_field(err, AGDB_FIELD_POSITION), SIZE_MAX, &position))
        return cli_sql_locate(statement, (size_t)position);
    return statement->at;
}

static const char *advice_for(const cli_sql_file_t *file, const agdb_error_t *err)
{
    if (file->in_transaction && strcmp(agdb_error_sqlstate(err), "25001") == 0)
        return "write '-- agencydb: no-transaction' as the file's first line; such a file should "
               "hold this one statement only";
    if (strcmp(agdb_error_sqlstate(err), "42501") == 0)
        return "log in as the owner, with '--user' and '--password-file'";
    return NULL;
}

bool cli_errand_run(cli_errand_t *errand, const cli_sql_file_t *file, size_t index, bool last)
{
    const cli_sql_statement_t *statement = &file->sql.items[index];

    if (cli_errand_ask(errand, statement->text, NULL, 0, last, NULL))
        return true;
    errand->path = file->path;
    errand->at = place_of_error(statement, errand->err);
    errand->advice = advice_for(file, errand->err);
    return false;
}

bool cli_errand_is_unknown(const cli_errand_t *errand)
{
    return agdb_error_outcome(errand->err) == AGDB_OUTCOME_UNKNOWN;
}

/* --- reports ---------------------------------------------------------------------------------- */
void cli_errand_report(const cli_errand_t *errand)
{
    if (errand->path != NULL)
        cli_error_at(errand->path, errand->at.line, errand->at.column,
                     cli_format("keyspace '%s', shard '%s':", errand->target->keyspace,
                                errand->target->shard));
    else
        cli_error("keyspace '%s', shard '%s':", errand->target->keyspace, errand->target->shard);
    cli_report(errand->err);
    if (errand->advice != NULL)
        fprintf(stderr, "  what to do: %s\n", errand->advice);
}

void cli_errand_json(cli_json_t *json, const cli_errand_t *errand)
{
    if (errand->path != NULL) {
        cli_json_text(json, "file", errand->path);
        cli_json_number(json, "line", errand->at.line);
        cli_json_number(json, "column", errand->at.column);
    }
    cli_report_json(json, "error", errand->err);
    if (errand->advice != NULL)
        cli_json_text(json, "advice", errand->advice);
}
