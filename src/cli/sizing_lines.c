/* The arithmetic of a sizing in words. */
#include "cli/sizing.h"

typedef unsigned long long ull;

static void add(cli_sizing_lines_t *lines, const char *name, char *value, char *how)
{
    lines->items = cli_grow(lines->items, lines->count, sizeof *lines->items);
    lines->items[lines->count++] = (cli_sizing_line_t){name, value, how};
}

static char *number(uint64_t value)
{
    return cli_format("%llu", (ull)value);
}

/* Thousandths as a decimal number: 2400 is 2.4. */
static char *cores(uint64_t mcores)
{
    char *text = cli_format("%llu.%03llu", (ull)(mcores / 1000), (ull)(mcores % 1000));
    size_t len = strlen(text);

    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[--len] = '\0';
    return text;
}

static bool has_load(const cli_demand_t *demand)
{
    return demand->reads + demand->writes > 0;
}

/* --- shards and servers ----------------------------------------------------------------------- */
static const char *tier_rule(cli_tier_t tier)
{
    return tier == CLI_TIER_SMALL    ? "1 to 5: one server"
           : tier == CLI_TIER_MEDIUM ? "6 to 20: a primary and replicas"
                                     : "21 and more: shards";
}

static void add_tier(cli_sizing_lines_t *lines, const cli_demand_t *d, const cli_sizing_t *s)
{
    add(lines, "tier by agencies", cli_copy(cli_tier_name(s->agencies_tier)),
        cli_format("%llu agenc%s; %s", (ull)d->agencies, d->agencies == 1 ? "y" : "ies",
                   tier_rule(s->agencies_tier)));
    if (s->tier != s->agencies_tier)
        add(lines, "tier", cli_copy(cli_tier_name(s->tier)),
            cli_copy("the load asks for more (below)"));
}

static void add_load(cli_sizing_lines_t *lines, const cli_demand_t *d, const cli_sizing_t *s)
{
    add(lines, "cores for the load", cores(s->load_mcores),
        cli_format("(%llu reads + %llu writes) a second x %llu us", (ull)d->reads, (ull)d->writes,
                   (ull)d->statement_us));
    add(lines, "cores for the writes", cores(s->write_mcores),
        cli_format("%llu writes a second x %llu us", (ull)d->writes, (ull)d->statement_us));
    add(lines, "cores of a server", cores(s->usable_mcores),
        cli_format("%llu x %d %%; the rest is for peaks, vacuum, backups", (ull)d->cores,
                   CLI_LOAD_PERCENT));
    add(lines, "shards by load", number(s->load_shards),
        cli_format("the larger of ceil(%s / %s), for writes run on the primary alone, and "
                   "ceil(%s / (%d replicas x %s))",
                   cores(s->write_mcores), cores(s->usable_mcores), cores(s->load_mcores),
                   CLI_REPLICAS_MOST, cores(s->usable_mcores)));
}

static char *shards_how(const cli_demand_t *d, const cli_sizing_t *s)
{
    if (s->tier != CLI_TIER_LARGE)
        return cli_format("tier %s: not sharded", cli_tier_name(s->tier));
    if (!has_load(d))
        return cli_format("%llu up to a power of two, so that all own as many slots",
                          (ull)s->agency_shards);
    return cli_format(
        "the larger of %llu by agencies and %llu by load, up to a power of two, so that "
        "all own as many slots",
        (ull)s->agency_shards, (ull)s->load_shards);
}

static void add_shards(cli_sizing_lines_t *lines, const cli_demand_t *d, const cli_sizing_t *s)
{
    if (s->agencies_tier == CLI_TIER_LARGE)
        add(lines, "shards by agencies", number(s->agency_shards),
            cli_format("ceil(%llu agencies / %d)", (ull)d->agencies, CLI_MEDIUM_MOST));
    if (has_load(d))
        add_load(lines, d, s);
    add(lines, "shards", number(s->shards), shards_how(d, s));
}

static char *replicas_how(const cli_demand_t *d, const cli_sizing_t *s)
{
    static const char *const k_rules[] = {"none", "2", "1"};
    char *rule = cli_format("tier %s: %s", cli_tier_name(s->tier), k_rules[s->tier]);

    if (!has_load(d) || s->tier == CLI_TIER_SMALL)
        return rule;
    return cli_format("%s; by load ceil(%s / %s) = %llu, so that with one server down the others "
                      "carry all",
                      rule, cores(s->shard_mcores), cores(s->usable_mcores), (ull)s->load_replicas);
}

static void add_servers(cli_sizing_lines_t *lines, const cli_demand_t *d, const cli_sizing_t *s)
{
    if (has_load(d) && s->shards > 1)
        add(lines, "cores for a shard", cores(s->shard_mcores),
            cli_format("%s / %llu shards", cores(s->load_mcores), (ull)s->shards));
    add(lines, "replicas of a shard", number(s->replicas), replicas_how(d, s));
    add(lines, "servers", number(s->servers),
        s->notification_servers > 0
            ? cli_format("%llu shard%s x (1 primary + %llu) + %llu for notifications",
                         (ull)s->shards, s->shards == 1 ? "" : "s", (ull)s->replicas,
                         (ull)s->notification_servers)
            : cli_format("1 primary + %llu", (ull)s->replicas));
}

static void add_growth(cli_sizing_lines_t *lines, const cli_demand_t *d, const cli_sizing_t *s)
{
    add(lines, "slots", number(s->slots),
        cli_format("the larger of %d and %llu x %d; for life", CLI_SLOTS_DEFAULT, (ull)s->shards,
                   CLI_SHARD_SLOTS_LEAST));
    add(lines, "slots of a shard", number(s->shard_slots),
        cli_format("%llu / %llu: it can be halved %llu times", (ull)s->slots, (ull)s->shards,
                   (ull)s->halvings));
    add(lines, "room", cli_format("%llu agencies", (ull)s->room),
        cli_format("%llu - %llu, then %s", (ull)(d->agencies + s->room), (ull)d->agencies,
                   s->tier == CLI_TIER_SMALL    ? "a primary with replicas"
                   : s->tier == CLI_TIER_MEDIUM ? "shards"
                                                : "twice the shards"));
}

/* --- connections ------------------------------------------------------------------------------ */
static void add_direct(cli_sizing_lines_t *lines, const cli_sizing_t *s)
{
    add(lines, "connections", number(s->direct),
        cli_format("to each server: %llu x (%llu pool + 1 keeper + 1 listener) + %d for people and "
                   "tools + %d reserved",
                   (ull)s->instances, (ull)s->pool_max, CLI_OPERATORS, CLI_RESERVED));
    if (!s->bouncer) {
        add(lines, "max_connections", number(s->max_connections),
            cli_format("that in tens, %d at least; the same on every server",
                       CLI_CONNECTIONS_DEFAULT));
        return;
    }
    add(lines, "PgBouncer", cli_copy("yes"),
        cli_format("more than %d connections: one in transaction mode on each server",
                   CLI_CONNECTIONS_MOST));
    add(lines, "max_client_conn", number(s->bouncer_clients),
        cli_format("of each PgBouncer: %llu x (%llu pool + 1 keeper) + %d", (ull)s->instances,
                   (ull)s->pool_max, CLI_OPERATORS));
    add(lines, "default_pool_size", number(s->busy), cli_copy("of each PgBouncer: busy at once"));
    add(lines, "max_connections", number(s->max_connections),
        cli_format("%llu + %d + %d in tens, %d at least; the same on every server", (ull)s->busy,
                   CLI_OPERATORS, CLI_RESERVED, CLI_CONNECTIONS_DEFAULT));
}

static void add_connections(cli_sizing_lines_t *lines, const cli_demand_t *d, const cli_sizing_t *s)
{
    add(lines, "busy at once", number(s->busy),
        cli_format("%llu cores x %d: running, or waiting for disc and locks", (ull)d->cores,
                   CLI_BUSY_PER_CORE));
    add(lines, "pool.max", number(s->pool_max),
        cli_format("ceil(%llu / %llu instance%s), %d to %d; to each node, in each process",
                   (ull)s->busy, (ull)d->services, d->services == 1 ? "" : "s", CLI_POOL_LEAST,
                   CLI_POOL_MOST));
    add(lines, "instances", number(s->instances),
        cli_format("%llu + a quarter while they are being replaced", (ull)d->services));
    add_direct(lines, s);
    add(lines, "descriptors", number(s->descriptors),
        cli_format("of a process, for %llu server%s x (%llu pool + 1 keeper%s): see ulimit -n",
                   (ull)s->servers, s->servers == 1 ? "" : "s", (ull)s->pool_max,
                   s->bouncer ? "" : " + 1 listener"));
}

cli_sizing_lines_t cli_sizing_lines(const cli_demand_t *demand, const cli_sizing_t *sizing)
{
    cli_sizing_lines_t lines = {0};

    add_tier(&lines, demand, sizing);
    add_shards(&lines, demand, sizing);
    add_servers(&lines, demand, sizing);
    add_growth(&lines, demand, sizing);
    add_connections(&lines, demand, sizing);
    return lines;
}

/* --- notes ------------------------------------------------------------------------------------ */
static void note(cli_sizing_lines_t *notes, const char *text)
{
    add(notes, NULL, NULL, cli_copy(text));
}

cli_sizing_lines_t cli_sizing_notes(const cli_demand_t *demand, const cli_sizing_t *sizing)
{
    cli_sizing_lines_t notes = {0};

    if (sizing->tier == CLI_TIER_SMALL)
        note(&notes, "One server: nothing takes over while it is down. A replica changes that, and "
                     "only the map has to say so.");
    if (sizing->tier == CLI_TIER_LARGE)
        note(&notes,
             "An agency is on one shard as a whole: pin one that needs a shard for itself.");
    if (sizing->bouncer)
        note(&notes, "Behind PgBouncer nobody can LISTEN, and statements that leave session state "
                     "are refused.");
    if (!has_load(demand))
        note(&notes, "The load is not known: --reads-per-second, --writes-per-second and "
                     "--statement-us take it into account.");
    note(&notes, "max_connections of a replica must not be below that of its primary.");
    return notes;
}
