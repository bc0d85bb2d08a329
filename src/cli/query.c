/* agencydb query: one statement on the right shard. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/message.h"
#include "cli/table.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "query",
    .synopsis = "[OPTIONS] MAP SQL [PARAM...]",
    .summary = "Runs one SQL statement on an agency's shard",
    .about =
        "The target is an agency key or a shard; neither is needed in a keyspace with one shard.\n"
        "$1, $2, ... in the statement stand for the parameters, which are text; \\N is NULL.\n"
        "Options come before SQL: all that follows it is a parameter.\n"
        "Shard, node, role and time are written to standard error.",
    .examples =
        "  agencydb query --key epa shardmap.yaml 'SELECT * FROM air_reading LIMIT 5'\n"
        "  agencydb query --shard west-1 --access replica --csv shardmap.yaml \\\n"
        "      'SELECT agency, count(*) FROM air_reading WHERE day = $1 GROUP BY 1' 2026-11-23",
    .exits = "  0  the statement was executed\n"
             "  1  it failed; the outcome says whether it may have happened all the same\n"
             "  2  the command line is wrong",
};

typedef struct query_options {
    const char *key;
    const char *shard;
    const char *keyspace;
    const char *access;
    uint32_t timeout_ms; /* 0: the map's */
    bool json;
    bool csv;
} query_options_t;

/* Types of the server (pg_type.dat) whose values are numbers in JSON and stand on the right. */
enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_OID = 26 };
enum { OID_FLOAT4 = 700, OID_FLOAT8 = 701, OID_NUMERIC = 1700 };

static bool is_integer(uint32_t oid)
{
    return oid == OID_INT2 || oid == OID_INT4 || oid == OID_INT8 || oid == OID_OID;
}

static bool is_float(uint32_t oid)
{
    return oid == OID_FLOAT4 || oid == OID_FLOAT8;
}

static const char *role_name(agdb_role_t role)
{
    return role == AGDB_ROLE_PRIMARY   ? "primary"
           : role == AGDB_ROLE_REPLICA ? "replica"
                                       : "unknown role";
}

/* --- three forms ------------------------------------------------------------------------------ */
static void print_table(const agdb_result_t *res)
{
    size_t cols = agdb_result_cols(res);
    size_t rows = agdb_result_rows(res);
    cli_table_t table;
    size_t r;
    size_t c;

    if (cols == 0) {
        printf("%s\n", agdb_result_tag(res));
        return;
    }
    cli_table_init(&table, cols);
    for (c = 0; c < cols; c++) {
        uint32_t oid = agdb_result_column_oid(res, c);
        table.right[c] = is_integer(oid) || is_float(oid) || oid == OID_NUMERIC;
        cli_table_text(&table, agdb_result_column_name(res, c));
    }
    for (r = 0; r < rows; r++) {
        for (c = 0; c < cols; c++) {
            if (agdb_result_is_null(res, r, c))
                cli_table_text(&table, "NULL");
            else
                cli_table_add(&table, agdb_result_text(res, r, c), agdb_result_length(res, r, c));
        }
    }
    cli_table_print(&table, true);
    printf("(%zu row%s)\n", rows, rows == 1 ? "" : "s");
}

/* NULL is nothing; an empty text is "". */
static void print_csv_field(const char *text, bool last)
{
    if (text != NULL && (text[0] == '\0' || strpbrk(text, ",\"\r\n") != NULL)) {
        fputc('"', stdout);
        for (; *text != '\0'; text++) {
            if (*text == '"')
                fputc('"', stdout);
            fputc(*text, stdout);
        }
        fputc('"', stdout);
    } else if (text != NULL) {
        fputs(text, stdout);
    }
    fputs(last ? "\r\n" : ",", stdout);
}

static void print_csv(const agdb_result_t *res)
{
    size_t cols = agdb_result_cols(res);
    size_t r;
    size_t c;

    for (c = 0; c < cols; c++)
        print_csv_field(agdb_result_column_name(res, c), c + 1 == cols);
    for (r = 0; r < agdb_result_rows(res); r++) {
        for (c = 0; c < cols; c++)
            print_csv_field(agdb_result_text(res, r, c), c + 1 == cols);
    }
}

static void json_value(cli_json_t *json, const agdb_result_t *res, size_t row, size_t col)
{
    uint32_t oid = agdb_result_column_oid(res, col);
    const char *text = agdb_result_text(res, row, col);
    size_t len = agdb_result_length(res, row, col);

    if (text == NULL)
        cli_json_null(json, NULL);
    else if (oid == OID_BOOL)
        cli_json_bool(json, NULL, text[0] == 't');
    /* NaN and Infinity are no JSON numbers */
    else if (is_integer(oid) || (is_float(oid) && strspn(text, "+-.0123456789e") == len))
        cli_json_word(json, NULL, text);
    else
        cli_json_text_n(json, NULL, text, len);
}

static void print_json(const agdb_result_t *res, const agdb_timing_t *timing)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out, .compact = true};
    size_t r;
    size_t c;

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "shard", agdb_result_shard(res));
    cli_json_text(&json, "node", agdb_result_node(res));
    cli_json_text(&json, "role", role_name(agdb_result_role(res)));
    cli_json_text(&json, "tag", agdb_result_tag(res));
    cli_json_number(&json, "affected", agdb_result_affected(res));
    cli_json_number(&json, "total_us", timing->total_us);
    cli_json_open(&json, "columns", '[');
    for (c = 0; c < agdb_result_cols(res); c++)
        cli_json_text(&json, NULL, agdb_result_column_name(res, c));
    cli_json_close(&json);
    cli_json_open(&json, "rows", '[');
    for (r = 0; r < agdb_result_rows(res); r++) {
        cli_json_open(&json, NULL, '[');
        for (c = 0; c < agdb_result_cols(res); c++)
            json_value(&json, res, r, c);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_close(&json);
    cli_json_print(&json);
}

static void print_result(const agdb_result_t *res, const query_options_t *options)
{
    agdb_timing_t timing = {.struct_size = sizeof timing};

    agdb_result_timing(res, &timing);
    if (options->json)
        print_json(res, &timing);
    else if (options->csv)
        print_csv(res);
    else
        print_table(res);
    fflush(stdout);
    fprintf(stderr, "shard %s, node %s (%s), %.1f ms\n", agdb_result_shard(res),
            agdb_result_node(res), role_name(agdb_result_role(res)),
            (double)timing.total_us / 1000);
}

static void print_failure(const agdb_error_t *err, bool as_json)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};

    cli_report(err);
    if (!as_json)
        return;
    cli_json_open(&json, NULL, '{');
    cli_report_json(&json, "error", err);
    cli_json_close(&json);
    cli_json_print(&json);
}

/* --- the command ------------------------------------------------------------------------------ */
static bool read_options(const query_options_t *options, agdb_request_t *request)
{
    const char *access = options->access != NULL ? options->access : "write";

    if (strcmp(access, "write") == 0) {
        request->access = AGDB_WRITE;
    } else if (strcmp(access, "read") == 0) {
        request->access = AGDB_READ;
    } else if (strcmp(access, "replica") == 0) {
        request->access = AGDB_READ_REPLICA_OK;
    } else {
        cli_error("query: '--access %s' is not 'write', 'read' or 'replica'", access);
        return false;
    }
    if (options->key != NULL && options->shard != NULL) {
        cli_error("query: '--key' and '--shard' exclude each other");
        return false;
    }
    if (options->json && options->csv) {
        cli_error("query: '--json' and '--csv' exclude each other");
        return false;
    }
    request->key = agdb_key(options->key);
    request->shard = options->shard;
    request->timeout_ms = options->timeout_ms;
    request->keyspace = options->keyspace;
    return true;
}

/* A new client does not know yet who is a replica: the first node that it has seen would do. */
static void meet_replicas(agdb_t *db, const agdb_request_t *request)
{
    enum { MEET_MS = 1000 };

    if (request->access == AGDB_READ_REPLICA_OK &&
        agdb_wait_ready(db, AGDB_READY_ALL, MEET_MS, NULL) != AGDB_OK)
        cli_progress("Not every node of the map is there.");
}

static int run_query(const cli_args_t *args, agdb_request_t *request,
                     const query_options_t *options)
{
    agdb_value_t *params = cli_alloc(args->count * sizeof *params);
    agdb_map_t *map = cli_load_map(args->items[0]);
    cli_client_t client = {0};
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;
    int code = CLI_OK;
    size_t i;

    for (i = 2; i < args->count; i++)
        params[i - 2] = agdb_text(strcmp(args->items[i], "\\N") != 0 ? args->items[i] : NULL);
    request->sql = args->items[1];
    request->params = params;
    request->nparams = args->count - 2;
    request->tag = "agencydb query";
    if (map == NULL)
        return CLI_FAILED;
    agdb_map_free(map);
    if (!cli_client_open(&client, args->items[0], false))
        return CLI_FAILED;
    meet_replicas(client.db, request);
    if (agdb_query(client.db, request, &res, &err) == AGDB_OK) {
        print_result(res, options);
    } else {
        print_failure(err, options->json);
        code = CLI_FAILED;
    }
    agdb_result_free(res);
    agdb_error_clear(&err);
    cli_client_close(&client);
    return cli_finish(code);
}

static int run(int argc, char **argv)
{
    query_options_t options = {0};
    const cli_option_t table[] = {
        CLI_TEXT("key", "KEY", &options.key, "the agency whose shard is meant"),
        CLI_TEXT("shard", "NAME", &options.shard, "or the shard itself"),
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "which keyspace (default: the map's)"),
        CLI_TEXT("access", "write|read|replica", &options.access,
                 "read: on the primary; replica: the primary when there is none (default: write)"),
        CLI_DURATION("timeout", &options.timeout_ms,
                     "for all of it, such as 500ms or 2s (default: the map's timeouts.call)"),
        CLI_FLAG("json", &options.json, "print one JSON object"),
        CLI_FLAG("csv", &options.csv, "print CSV (RFC 4180); NULL is an empty field"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 2, .literal_after = 2};
    agdb_request_t request = AGDB_REQUEST_INIT;
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (!read_options(&options, &request))
        return CLI_USAGE;
    return run_query(&args, &request, &options);
}

const cli_command_t cli_query = {&k_usage, run};
