/* agencydb plan: how large a cluster has to be. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/sizing.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "plan",
    .synopsis = "[OPTIONS] --agencies N --services N --cores N",
    .summary = "Plans shards, servers and connections for so many agencies, with a map",
    .about =
        "Follows the scaling guide: 1 to 5 agencies on one server, 6 to 20 on a primary with read\n"
        "replicas, 21 and more on shards. Each number stands with the arithmetic that it comes "
        "from,\n"
        "as comments; the rest of the output is a map of that size. It loads as it is: name the\n"
        "servers in the variables of its hosts, or in their place. '--services' counts processes\n"
        "that open the map at the same time, '--cores' those of one server.",
    .examples =
        "  agencydb plan --agencies 12 --services 6 --cores 8\n"
        "  agencydb plan --agencies 60 --services 40 --cores 16 --reads-per-second 20000 \\\n"
        "      --writes-per-second 3000 --statement-us 400 > shardmap.yaml\n"
        "  agencydb plan --json --agencies 3 --services 2 --cores 4 | jq .sizing",
    .exits = "  0  printed\n"
             "  1  no cluster that this arithmetic is for carries that\n"
             "  2  the command line is wrong",
};

typedef struct plan_options {
    const char *agencies;
    const char *services;
    const char *cores;
    const char *reads;
    const char *writes;
    const char *statement_us;
    bool json;
} plan_options_t;

/* --- two forms -------------------------------------------------------------------------------- */
static void add_demand(cli_json_t *json, const cli_demand_t *demand)
{
    cli_json_open(json, "demand", '{');
    cli_json_number(json, "agencies", demand->agencies);
    cli_json_number(json, "services", demand->services);
    cli_json_number(json, "cores", demand->cores);
    cli_json_number(json, "reads_per_second", demand->reads);
    cli_json_number(json, "writes_per_second", demand->writes);
    cli_json_number(json, "statement_us", demand->statement_us);
    cli_json_close(json);
}

static void add_sizing(cli_json_t *json, const cli_sizing_t *sizing)
{
    cli_json_open(json, "sizing", '{');
    cli_json_text(json, "tier", cli_tier_name(sizing->tier));
    cli_json_number(json, "shards", sizing->shards);
    cli_json_number(json, "replicas_per_shard", sizing->replicas);
    cli_json_number(json, "servers", sizing->servers);
    cli_json_number(json, "slots", sizing->slots);
    cli_json_number(json, "slots_per_shard", sizing->shard_slots);
    cli_json_number(json, "halvings", sizing->halvings);
    cli_json_number(json, "room_agencies", sizing->room);
    cli_json_number(json, "pool_max", sizing->pool_max);
    cli_json_number(json, "connections_per_server", sizing->direct);
    cli_json_bool(json, "pgbouncer", sizing->bouncer);
    cli_json_number(json, "max_connections", sizing->max_connections);
    if (sizing->bouncer) {
        cli_json_number(json, "max_client_conn", sizing->bouncer_clients);
        cli_json_number(json, "default_pool_size", sizing->busy);
    }
    cli_json_number(json, "descriptors_per_process", sizing->descriptors);
    cli_json_close(json);
}

static void print_json(const cli_demand_t *demand, const cli_sizing_t *sizing)
{
    cli_sizing_lines_t lines = cli_sizing_lines(demand, sizing);
    cli_sizing_lines_t notes = cli_sizing_notes(demand, sizing);
    cli_buf_t out = {0};
    cli_buf_t map = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    cli_json_open(&json, NULL, '{');
    add_demand(&json, demand);
    add_sizing(&json, sizing);
    cli_json_open(&json, "arithmetic", '[');
    for (i = 0; i < lines.count; i++) {
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "name", lines.items[i].name);
        cli_json_text(&json, "value", lines.items[i].value);
        cli_json_text(&json, "how", lines.items[i].how);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_open(&json, "notes", '[');
    for (i = 0; i < notes.count; i++)
        cli_json_text(&json, NULL, notes.items[i].how);
    cli_json_close(&json);
    cli_sizing_map(sizing, &map);
    cli_json_text(&json, "map", map.data);
    cli_json_close(&json);
    cli_json_print(&json);
}

/* Words behind `head`, in lines of WIDE columns; those after the first begin with `indent`. */
static void print_words(const char *head, const char *indent, const char *text)
{
    enum { WIDE = 100 };
    size_t at = strlen(head);

    printf("%s", head);
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (at > strlen(indent) && at + 1 + len > WIDE) {
            printf("\n%s", indent);
            at = strlen(indent);
        }
        printf("%s%.*s", at > strlen(indent) ? " " : "", (int)len, text);
        at += len + (at > strlen(indent) ? 1 : 0);
        text += len + strspn(text + len, " ");
    }
    printf("\n");
}

/* The arithmetic stays with the map when the output is kept in a file. */
static void print_text(const cli_demand_t *demand, const cli_sizing_t *sizing)
{
    cli_sizing_lines_t lines = cli_sizing_lines(demand, sizing);
    cli_sizing_lines_t notes = cli_sizing_notes(demand, sizing);
    char *indent = cli_format("# %-20s %12s  ", "", "");
    cli_buf_t map = {0};
    size_t i;

    printf("# %llu agenc%s, %llu service instance%s, servers with %llu core%s\n#\n",
           (unsigned long long)demand->agencies, demand->agencies == 1 ? "y" : "ies",
           (unsigned long long)demand->services, demand->services == 1 ? "" : "s",
           (unsigned long long)demand->cores, demand->cores == 1 ? "" : "s");
    for (i = 0; i < lines.count; i++)
        print_words(cli_format("# %-20s %12s  ", lines.items[i].name, lines.items[i].value), indent,
                    lines.items[i].how);
    printf("#\n");
    for (i = 0; i < notes.count; i++)
        print_words("# ", "# ", notes.items[i].how);
    cli_sizing_map(sizing, &map);
    printf("\n%s", map.data);
}

/* --- the command ------------------------------------------------------------------------------ */
/* The number of an option; `least` is what it may be at least. */
static bool read_number(const char *name, const char *text, uint64_t least, uint64_t most,
                        uint64_t *ret)
{
    if (text == NULL)
        return true;
    if (cli_number(text, most, ret) && *ret >= least)
        return true;
    cli_error("plan: '--%s %s' is not a number from %llu to %llu", name, text,
              (unsigned long long)least, (unsigned long long)most);
    return false;
}

static bool read_demand(const plan_options_t *options, cli_demand_t *ret)
{
    const char *missing = options->agencies == NULL   ? "agencies"
                          : options->services == NULL ? "services"
                          : options->cores == NULL    ? "cores"
                                                      : NULL;

    if (missing != NULL) {
        cli_error("plan: '--%s N' is missing; see 'agencydb plan --help'", missing);
        return false;
    }
    return read_number("agencies", options->agencies, 1, CLI_AGENCIES_MAX, &ret->agencies) &&
           read_number("services", options->services, 1, CLI_SERVICES_MAX, &ret->services) &&
           read_number("cores", options->cores, 1, CLI_CORES_MAX, &ret->cores) &&
           read_number("reads-per-second", options->reads, 0, CLI_RATE_MAX, &ret->reads) &&
           read_number("writes-per-second", options->writes, 0, CLI_RATE_MAX, &ret->writes) &&
           read_number("statement-us", options->statement_us, 1, CLI_STATEMENT_US_MAX,
                       &ret->statement_us);
}

static int run(int argc, char **argv)
{
    plan_options_t options = {0};
    const cli_option_t table[] = {
        CLI_TEXT("agencies", "N", &options.agencies, "how many agencies"),
        CLI_TEXT("services", "N", &options.services, "how many service instances (processes)"),
        CLI_TEXT("cores", "N", &options.cores, "cores of each server"),
        CLI_TEXT("reads-per-second", "N", &options.reads, "of all agencies (default: not known)"),
        CLI_TEXT("writes-per-second", "N", &options.writes, "of all agencies (default: not known)"),
        CLI_TEXT("statement-us", "N", &options.statement_us,
                 "processor time of a statement on a server, in microseconds (default: 1000)"),
        CLI_FLAG("json", &options.json, "print one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table)};
    cli_demand_t demand = {.statement_us = 1000};
    cli_sizing_t sizing;
    const char *why;
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (args.count > 0) {
        cli_error("plan: there is an operand too many: '%s'; see 'agencydb plan --help'",
                  args.items[0]);
        return CLI_USAGE;
    }
    if (!read_demand(&options, &demand))
        return CLI_USAGE;
    why = cli_size(&demand, &sizing);
    if (why != NULL) {
        cli_error("plan: %s", why);
        return CLI_FAILED;
    }
    if (options.json)
        print_json(&demand, &sizing);
    else
        print_text(&demand, &sizing);
    return cli_finish(CLI_OK);
}

const cli_command_t cli_plan = {&k_usage, run};
