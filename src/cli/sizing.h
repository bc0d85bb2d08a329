/* How large a cluster has to be: from a number of agencies, of service instances and of cores to
 * shards, servers and connections. Pure arithmetic; plan.c shows it. */
#ifndef AGDB_CLI_SIZING_H
#define AGDB_CLI_SIZING_H

#include "cli/text.h"

/* The system's scaling guide: so many agencies on one server, and on one primary with replicas. */
enum { CLI_SMALL_MOST = 5, CLI_MEDIUM_MOST = 20 };

/* What this arithmetic is for. */
enum {
    CLI_AGENCIES_MAX = 20480, /* CLI_SHARDS_MAX x CLI_MEDIUM_MOST */
    CLI_SERVICES_MAX = 10000,
    CLI_CORES_MAX = 1024,
    CLI_RATE_MAX = 10000000,
    CLI_STATEMENT_US_MAX = 10000000,
    CLI_SHARDS_MAX = 1024
};

/* The rules. Each is named in the arithmetic that is shown. */
enum {
    CLI_SHARD_SLOTS_LEAST = 64, /* so that a shard can be halved six times */
    CLI_SLOTS_DEFAULT = 4096,
    CLI_REPLICAS_MOST = 7,
    CLI_LOAD_PERCENT = 60, /* of the cores, on average; the rest is for peaks, vacuum and backups */
    CLI_BUSY_PER_CORE = 4, /* running, or waiting for disc, locks and the network */
    CLI_POOL_LEAST = 2,    /* one for short statements, one for a long one */
    CLI_POOL_MOST = 1000,  /* what a map allows */
    CLI_OPERATORS = 10,    /* connections for people, migrations and monitoring */
    CLI_RESERVED = 3,      /* superuser_reserved_connections */
    CLI_CONNECTIONS_DEFAULT = 100, /* max_connections of a server that nobody configured */
    CLI_CONNECTIONS_MOST = 1000    /* from there on PgBouncer stands before a server */
};

typedef struct cli_demand {
    uint64_t agencies;
    uint64_t services; /* processes that open the map */
    uint64_t cores;    /* of each server */
    uint64_t reads;    /* per second, of all agencies; 0: not known */
    uint64_t writes;
    uint64_t statement_us; /* processor time of one statement on a server */
} cli_demand_t;

typedef enum cli_tier {
    CLI_TIER_SMALL = 0,  /* one server */
    CLI_TIER_MEDIUM = 1, /* a primary and replicas */
    CLI_TIER_LARGE = 2   /* shards, and notifications on servers of their own */
} cli_tier_t;

typedef struct cli_sizing {
    cli_tier_t tier;
    cli_tier_t agencies_tier; /* by the number of agencies alone */
    uint64_t load_mcores;     /* thousandths of a core that all statements keep busy */
    uint64_t write_mcores;
    uint64_t usable_mcores; /* of one server, on average */
    uint64_t agency_shards; /* by the number of agencies */
    uint64_t load_shards;   /* by the load; 1 when none is known */
    uint64_t shards;        /* a power of two */
    uint64_t shard_mcores;  /* load of one shard */
    uint64_t load_replicas; /* of a shard, by the load */
    uint64_t replicas;      /* of a shard */
    uint64_t core_servers;
    uint64_t notification_servers;
    uint64_t servers;
    uint64_t slots;
    uint64_t shard_slots;
    uint64_t halvings;  /* how often each shard can be split */
    uint64_t room;      /* agencies that may come before the next step */
    uint64_t busy;      /* statements that a server runs at once */
    uint64_t instances; /* of services, while they are being replaced */
    uint64_t pool_max;
    uint64_t direct; /* connections to one server, without PgBouncer */
    bool bouncer;    /* too many: PgBouncer */
    uint64_t max_connections;
    uint64_t bouncer_clients; /* max_client_conn; 0 without PgBouncer */
    uint64_t descriptors;     /* connections of one process to all servers */
} cli_sizing_t;

/* NULL: *ret is set; else why there is no such cluster. */
const char *cli_size(const cli_demand_t *demand, cli_sizing_t *ret);

const char *cli_tier_name(cli_tier_t tier);

/* --- sizing_lines.c --- */
/* One number and where it comes from. */
typedef struct cli_sizing_line {
    const char *name;  /* "pool.max" */
    const char *value; /* "3" */
    const char *how;   /* "ceil(32 busy / 12 instances), 2 at least" */
} cli_sizing_line_t;

typedef struct cli_sizing_lines {
    cli_sizing_line_t *items;
    size_t count;
} cli_sizing_lines_t;

/* The arithmetic, each line from those above it. */
cli_sizing_lines_t cli_sizing_lines(const cli_demand_t *demand, const cli_sizing_t *sizing);
/* What the numbers do not say, a sentence each, without names. */
cli_sizing_lines_t cli_sizing_notes(const cli_demand_t *demand, const cli_sizing_t *sizing);

/* --- sizing_map.c --- */
/* A map of that size that loads as it is; hosts are variables. */
void cli_sizing_map(const cli_sizing_t *sizing, cli_buf_t *out);

#endif
