/* The command line of bench_load. */
#include "load/ours.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct option k_options[] = {
    {"side", required_argument, NULL, 's'},    {"pair", required_argument, NULL, 'b'},
    {"work", required_argument, NULL, 'w'},    {"map", required_argument, NULL, 'm'},
    {"primary", required_argument, NULL, 'p'}, {"replica", required_argument, NULL, 'r'},
    {"threads", required_argument, NULL, 't'}, {"pool", required_argument, NULL, 'c'},
    {"limit", required_argument, NULL, 'l'},   {"rows", required_argument, NULL, 'n'},
    {"warm", required_argument, NULL, 'W'},    {"seconds", required_argument, NULL, 'S'},
    {"every", required_argument, NULL, 'e'},   {"census", required_argument, NULL, 'C'},
    {"sql", required_argument, NULL, 'q'},     {"unnamed", no_argument, NULL, 'u'},
    {"disturb", no_argument, NULL, 'd'},       {NULL, 0, NULL, 0},
};

static bool add_server(const char **list, unsigned *count, const char *conninfo)
{
    if (*count == MAX_SERVERS)
        return false;
    list[(*count)++] = conninfo;
    return true;
}

static bool take(options_t *o, int option, char *value)
{
    switch (option) {
    case 's':
        o->side = value;
        break;
    case 'b':
        o->pair = value;
        break;
    case 'w':
        o->work = value;
        break;
    case 'm':
        o->map = value;
        break;
    case 'p':
        return add_server(o->primary, &o->primaries, value);
    case 'r':
        return add_server(o->replica, &o->replicas, value);
    case 't':
        o->threads = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'c':
        o->pool = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'l':
        o->limit = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'n':
        o->rows = strtoll(value, NULL, 10);
        break;
    case 'W':
        o->warm = strtod(value, NULL);
        break;
    case 'S':
        o->seconds = strtod(value, NULL);
        break;
    case 'e':
        o->every = strtod(value, NULL);
        break;
    case 'C':
        o->census = value;
        break;
    case 'q':
        o->read_sql = value;
        break;
    case 'u':
        o->unnamed = true;
        break;
    case 'd':
        o->disturb = true;
        break;
    default:
        return false;
    }
    return true;
}

bool options_parse(options_t *o, int argc, char **argv)
{
    int option;

    *o = (options_t){.side = "raw",
                     .work = "read",
                     .threads = 1,
                     .pool = 4,
                     .limit = 1,
                     .rows = 10000,
                     .warm = 0.3,
                     .seconds = 1};
    while ((option = getopt_long(argc, argv, "", k_options, NULL)) != -1)
        if (!take(o, option, optarg))
            return false;
    if (optind < argc || o->threads == 0 || o->pool == 0 || o->rows < 1 || o->seconds <= 0 ||
        o->rows < (int64_t)o->limit || side_named(o->side) == NULL ||
        (o->pair != NULL && side_named(o->pair) == NULL)) {
        (void)fprintf(stderr, "bench_load: bad arguments\n");
        return false;
    }
    if (o->primaries == 0 && side_named(o->side)->open != ours_open) {
        (void)fprintf(stderr, "bench_load: --primary is missing\n");
        return false;
    }
    return true;
}
