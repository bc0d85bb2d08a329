/* agencydb doctor: why an agency is slow or fails, as far as its servers show. */
#include "cli/cli.h"
#include "cli/doctor_report.h"
#include "cli/message.h"

static const cli_usage_t k_usage = {
    .name = "doctor",
    .synopsis = "[OPTIONS] MAP --key KEY",
    .summary = "Says why an agency is slow or fails, and what to do",
    .about =
        "Asks all nodes of the agency's shard, at once: roles and lag; what runs and waits, by\n"
        "service (application_name) and tag (from the comment that `log.comments` adds); who "
        "holds\n"
        "up whom; connections against limits; the table of idempotency keys; replication slots.\n"
        "The last line is the verdict: the worst that was found, and what to do. Further findings\n"
        "stand above it. Of statements the first 60 characters are shown, never parameters.\n\n"
        "Sessions of other roles are seen with pg_monitor only (GRANT pg_monitor TO the map's\n"
        "user, or '--user', which needs USAGE on the schema agencydb and SELECT on\n"
        "agencydb.identity).",
    .examples = "  agencydb doctor --key epa shardmap.yaml\n"
                "  agencydb doctor --key epa --keyspace notes --json shardmap.yaml",
    .exits = "  0  nothing was found\n"
             "  1  something was; the verdict says what\n"
             "  2  the command line is wrong",
};

typedef struct doctor_options {
    const char *key;
    const char *keyspace;
    cli_login_options_t login;
    uint32_t timeout_ms;
    bool json;
} doctor_options_t;

static int report(const cli_doctor_t *doctor, bool as_json)
{
    const cli_case_t it = cli_doctor_case(doctor);
    const cli_verdicts_t verdicts = cli_judge(&it);
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};

    if (as_json) {
        cli_doctor_json(doctor, &verdicts, &json);
        cli_json_print(&json);
    } else {
        cli_doctor_print(doctor, &verdicts);
    }
    return cli_finish(strcmp(verdicts.items[0].name, "healthy") == 0 ? CLI_OK : CLI_FAILED);
}

static int examine(const agdb_map_t *map, const cli_client_t *login,
                   const doctor_options_t *options)
{
    cli_doctor_t doctor = {.map = map, .route = {.struct_size = sizeof doctor.route}};
    cli_inspect_t inspect = {
        .map = map, .nodes = &doctor.nodes, .login = login, .timeout_ms = options->timeout_ms};
    agdb_error_t *err = NULL;
    cli_buf_t shown = {0};

    if (agdb_map_route(map, options->keyspace, agdb_key(options->key), &doctor.route, &err) !=
        AGDB_OK) {
        cli_report(err);
        agdb_error_clear(&err);
        return CLI_FAILED;
    }
    cli_escape_key(&shown, options->key, strlen(options->key));
    doctor.key = shown.data;
    doctor.nodes = cli_nodes_pick(map, doctor.route.keyspace, doctor.route.shard, NULL);
    if (!cli_inspect_open(&inspect))
        return CLI_FAILED;
    cli_doctor_gather(&doctor, &inspect);
    cli_inspect_close(&inspect);
    return report(&doctor, options->json);
}

static int run(int argc, char **argv)
{
    doctor_options_t options = {.timeout_ms = CLI_INSPECT_MS};
    const cli_option_t table[] = {
        CLI_TEXT("key", "KEY", &options.key, "the agency"),
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "which keyspace (default: the map's)"),
        CLI_DURATION("timeout", &options.timeout_ms, "for each node (default: 3s)"),
        CLI_LOGIN_OPTIONS(options.login),
        CLI_FLAG("json", &options.json, "print one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);
    cli_client_t login = {0};
    agdb_map_t *map;

    if (code >= 0)
        return code;
    if (options.key == NULL) {
        cli_error("doctor: '--key' is missing: which agency?");
        return CLI_USAGE;
    }
    code = cli_client_take(&login, "doctor", &options.login);
    if (code >= 0)
        return code;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    code = examine(map, &login, &options);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_doctor = {&k_usage, run};
