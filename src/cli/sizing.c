#include "cli/sizing.h"

/* Replicas of a shard when nothing is known of the load, as in the shipped maps. */
static const uint64_t k_replicas[] = {
    [CLI_TIER_SMALL] = 0,
    [CLI_TIER_MEDIUM] = 2,
    [CLI_TIER_LARGE] = 1,
};

static uint64_t ceil_div(uint64_t number, uint64_t by)
{
    return (number + by - 1) / by;
}

static uint64_t at_least(uint64_t number, uint64_t least)
{
    return number > least ? number : least;
}

static uint64_t power_of_two(uint64_t least)
{
    uint64_t power = 1;

    while (power < least)
        power *= 2;
    return power;
}

const char *cli_tier_name(cli_tier_t tier)
{
    return tier == CLI_TIER_SMALL ? "small" : tier == CLI_TIER_MEDIUM ? "medium" : "large";
}

static cli_tier_t tier_of(uint64_t agencies)
{
    return agencies <= CLI_SMALL_MOST    ? CLI_TIER_SMALL
           : agencies <= CLI_MEDIUM_MOST ? CLI_TIER_MEDIUM
                                         : CLI_TIER_LARGE;
}

static uint64_t mcores(uint64_t rate, uint64_t statement_us)
{
    return ceil_div(rate * statement_us, 1000);
}

/* --- shards ----------------------------------------------------------------------------------- */
static void size_load(const cli_demand_t *demand, cli_sizing_t *s)
{
    uint64_t by_writes;
    uint64_t by_all;

    s->load_mcores = mcores(demand->reads + demand->writes, demand->statement_us);
    s->write_mcores = mcores(demand->writes, demand->statement_us);
    s->usable_mcores = demand->cores * 1000 * CLI_LOAD_PERCENT / 100;
    by_writes = ceil_div(s->write_mcores, s->usable_mcores);
    by_all = ceil_div(s->load_mcores, s->usable_mcores * CLI_REPLICAS_MOST);
    s->load_shards = at_least(at_least(by_writes, by_all), 1);
}

/* The load may ask for more than the number of agencies does. */
static const char *size_shards(const cli_demand_t *demand, cli_sizing_t *s)
{
    s->agencies_tier = tier_of(demand->agencies);
    s->agency_shards =
        s->agencies_tier == CLI_TIER_LARGE ? ceil_div(demand->agencies, CLI_MEDIUM_MOST) : 1;
    s->shards = power_of_two(at_least(s->agency_shards, s->load_shards));
    if (s->shards > CLI_SHARDS_MAX)
        return cli_format("this load needs %llu shards of servers with %llu core%s, and %d are the "
                          "most that is planned for: give servers more cores, or look for "
                          "statements that need less",
                          (unsigned long long)s->load_shards, (unsigned long long)demand->cores,
                          demand->cores == 1 ? "" : "s", CLI_SHARDS_MAX);
    s->tier = s->agencies_tier;
    if (s->shards > 1)
        s->tier = CLI_TIER_LARGE;
    else if (s->tier == CLI_TIER_SMALL && s->load_mcores > s->usable_mcores)
        s->tier = CLI_TIER_MEDIUM;
    return NULL;
}

/* With any one server of a shard down the others carry all of it. */
static void size_servers(cli_sizing_t *s)
{
    s->shard_mcores = ceil_div(s->load_mcores, s->shards);
    s->load_replicas = s->tier != CLI_TIER_SMALL ? ceil_div(s->shard_mcores, s->usable_mcores) : 0;
    s->replicas = at_least(s->load_replicas, k_replicas[s->tier]);
    s->core_servers = s->shards * (1 + s->replicas);
    s->notification_servers = s->tier == CLI_TIER_LARGE ? 2 : 0;
    s->servers = s->core_servers + s->notification_servers;
}

static void size_growth(const cli_demand_t *demand, cli_sizing_t *s)
{
    const uint64_t most[] = {
        [CLI_TIER_SMALL] = CLI_SMALL_MOST,
        [CLI_TIER_MEDIUM] = CLI_MEDIUM_MOST,
        [CLI_TIER_LARGE] = s->shards * CLI_MEDIUM_MOST,
    };
    uint64_t left;

    s->slots = at_least(s->shards * CLI_SHARD_SLOTS_LEAST, CLI_SLOTS_DEFAULT);
    s->shard_slots = s->slots / s->shards;
    for (left = s->shard_slots; left > 1; left /= 2)
        s->halvings++;
    s->room = most[s->tier] - demand->agencies;
}

/* --- connections ------------------------------------------------------------------------------ */
/* A process has its pool, the keeper's connection, and one that listens on a primary; any node may
 * become one. Nobody listens through PgBouncer. */
static void size_connections(const cli_demand_t *demand, cli_sizing_t *s)
{
    const uint64_t fixed = CLI_OPERATORS + CLI_RESERVED;

    s->busy = demand->cores * CLI_BUSY_PER_CORE;
    s->instances = demand->services + ceil_div(demand->services, 4);
    s->pool_max = at_least(ceil_div(s->busy, demand->services), CLI_POOL_LEAST);
    if (s->pool_max > CLI_POOL_MOST)
        s->pool_max = CLI_POOL_MOST;
    s->direct = s->instances * (s->pool_max + 2) + fixed;
    s->bouncer = s->direct > CLI_CONNECTIONS_MOST;
    if (s->bouncer) {
        s->bouncer_clients = s->instances * (s->pool_max + 1) + CLI_OPERATORS;
        s->max_connections = ceil_div(s->busy + fixed, 10) * 10;
    } else {
        s->max_connections = ceil_div(s->direct, 10) * 10;
    }
    s->max_connections = at_least(s->max_connections, CLI_CONNECTIONS_DEFAULT);
    s->descriptors = s->servers * (s->pool_max + (s->bouncer ? 1 : 2));
}

const char *cli_size(const cli_demand_t *demand, cli_sizing_t *ret)
{
    cli_sizing_t sizing = {0};
    const char *why;

    size_load(demand, &sizing);
    why = size_shards(demand, &sizing);
    if (why != NULL)
        return why;
    size_servers(&sizing);
    size_growth(demand, &sizing);
    size_connections(demand, &sizing);
    *ret = sizing;
    return NULL;
}
