/* agencydb ps: what running processes are doing. */
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/files.h"
#include "cli/message.h"
#include "cli/status_of.h"
#include "cli/table.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const cli_usage_t k_usage = {
    .name = "ps",
    .synopsis = "[OPTIONS] SOCKET|FOLDER...",
    .summary = "Shows what running processes do",
    .about =
        "A line per process: service, process number, epoch of its map and for how long, shards\n"
        "that can be written to of all, calls that wait for a connection and for a primary,\n"
        "connections in use of all that there may be. Of a folder, all sockets in it whose names "
        "do\n"
        "not begin with a dot. Processes must have been opened with `.control`.",
    .examples = "  agencydb ps /run/agencydb\n"
                "  agencydb ps -v /run/foundation-api/agencydb.sock\n"
                "  agencydb ps --json /run/agencydb | jq '.[].shows.process'",
    .exits = "  0  every process has answered\n"
             "  1  some have not\n"
             "  2  the command line is wrong",
};

typedef struct found {
    const char *path;
    const json_t *dump;  /* NULL: */
    cli_answer_t answer; /* says why not */
} found_t;

typedef struct finds {
    found_t *items;
    size_t count;
} finds_t;

/* --- which -------------------------------------------------------------------------------------
 */

static void add_path(finds_t *finds, const char *path)
{
    finds->items = cli_grow(finds->items, finds->count, sizeof *finds->items);
    finds->items[finds->count++].path = path;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const found_t *)a)->path, ((const found_t *)b)->path);
}

/* PostgreSQL's begin with a dot, and would take a request for a broken client's. */
static bool add_folder(finds_t *finds, const char *folder)
{
    const size_t before = finds->count;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    struct stat info;

    if (dir == NULL) {
        cli_error("cannot read the folder %s: %s", folder, strerror(errno));
        return false;
    }
    while ((entry = readdir(dir)) != NULL) {
        const char *path = cli_format("%s/%s", folder, entry->d_name);

        if (entry->d_name[0] != '.' && lstat(path, &info) == 0 && S_ISSOCK(info.st_mode))
            add_path(finds, path);
    }
    closedir(dir);
    if (finds->count > before)
        qsort(finds->items + before, finds->count - before, sizeof *finds->items, by_path);
    return true;
}

/* --- a line each -------------------------------------------------------------------------------
 */

typedef struct pools {
    uint64_t waiting;
    uint64_t in_use;
    uint64_t max;
} pools_t;

static pools_t sum_pools(const json_t *dump)
{
    const json_t *pool;
    pools_t sum = {0};
    size_t i;

    json_array_foreach (json_object_get(dump, "pools"), i, pool) {
        sum.waiting += cli_json_whole(pool, "waiting");
        sum.in_use += cli_json_whole(pool, "in_use");
        sum.max += cli_json_whole(pool, "max");
    }
    return sum;
}

static void add_process(cli_table_t *table, const found_t *found)
{
    const json_t *process = json_object_get(found->dump, "process");
    const json_t *map = json_object_get(found->dump, "map");
    const cli_shards_t shards = cli_dump_shards(found->dump);
    const pools_t pools = sum_pools(found->dump);
    const char *const cells[] = {
        cli_json_string(process, "service"),
        cli_json_string(process, "pid"),
        cli_json_string(map, "epoch"),
        cli_age(cli_json_string(map, "in_use_s")),
        cli_format("%zu/%zu", shards.writable, shards.all),
        cli_format("%llu", (unsigned long long)pools.waiting),
        cli_format("%llu", (unsigned long long)shards.parked),
        cli_format("%llu/%llu", (unsigned long long)pools.in_use, (unsigned long long)pools.max),
        found->path};

    cli_table_row(table, cells);
}

static void print_processes(const finds_t *finds)
{
    static const char *const head[] = {"SERVICE", "PID",    "EPOCH", "FOR",   "WRITABLE",
                                       "WAITING", "PARKED", "USED",  "SOCKET"};
    enum { COLUMNS = sizeof head / sizeof head[0] };
    cli_table_t table;
    size_t i;

    cli_table_init(&table, COLUMNS);
    for (i = 1; i < COLUMNS - 1; i++)
        table.right[i] = true;
    cli_table_row(&table, head);
    for (i = 0; i < finds->count; i++)
        if (finds->items[i].dump != NULL)
            add_process(&table, &finds->items[i]);
    if (table.count > COLUMNS)
        cli_table_print(&table, false);
}

/* --- more of one -------------------------------------------------------------------------------
 */

/* A table of objects with the same members; nothing when there is none. */
static void print_members(const json_t *array, const char *const *head, const char *const *names,
                          size_t columns)
{
    const json_t *first = json_array_get(array, 0);
    const json_t *object;
    cli_table_t table;
    size_t i;
    size_t c;

    if (first == NULL)
        return;
    printf("\n");
    cli_table_init(&table, columns);
    for (c = 0; c < columns; c++)
        table.right[c] = c > 0 && json_is_number(json_object_get(first, names[c]));
    cli_table_row(&table, head);
    json_array_foreach (array, i, object)
        for (c = 0; c < columns; c++)
            cli_table_text(&table, cli_json_string(object, names[c]));
    cli_table_print(&table, false);
}

static void print_pools(const json_t *dump)
{
    static const char *const names[] = {"node",       "database",  "login",   "in_use",
                                        "idle",       "max",       "waiting", "connecting",
                                        "read_width", "abandoned", "opened",  "connect_failures"};
    static const char *const head[] = {"POOL",       "DATABASE",  "LOGIN",   "USED",
                                       "IDLE",       "MAX",       "WAITING", "OPENING",
                                       "READ WIDTH", "ABANDONED", "OPENED",  "FAILED"};

    print_members(json_object_get(dump, "pools"), head, names, sizeof names / sizeof names[0]);
}

static void print_ranks(const json_t *dump, const char *member, const char *title)
{
    static const char *const names[] = {"name", "calls", "seconds"};
    const char *const head[] = {title, "CALLS", "SECONDS"};

    print_members(json_object_get(dump, member), head, names, sizeof names / sizeof names[0]);
}

static void print_old_maps(const json_t *dump)
{
    static const char *const names[] = {"epoch", "calls", "replaced_s"};
    static const char *const head[] = {"OLD EPOCH", "CALLS", "SECONDS SINCE"};

    print_members(json_object_get(dump, "old_maps"), head, names, sizeof names / sizeof names[0]);
}

static void print_details(const finds_t *finds)
{
    size_t i;

    for (i = 0; i < finds->count; i++) {
        const json_t *dump = finds->items[i].dump;

        if (dump == NULL)
            continue;
        printf("\n%s:\n", finds->items[i].path);
        print_pools(dump);
        print_ranks(dump, "tags", "TAG");
        print_ranks(dump, "agencies", "AGENCY");
        print_old_maps(dump);
    }
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* What each shows of itself, as it said it. */
static void print_json(const finds_t *finds)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    cli_json_open(&json, NULL, '[');
    for (i = 0; i < finds->count; i++) {
        const found_t *found = &finds->items[i];

        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "socket", found->path);
        if (found->dump != NULL)
            cli_json_word(&json, "shows", cli_copy_n(found->answer.text, found->answer.len - 1));
        else
            cli_json_text(&json, "error", found->answer.text);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_print(&json);
}

static bool ask_all(finds_t *finds)
{
    bool good = true;
    size_t i;

    for (i = 0; i < finds->count; i++) {
        found_t *found = &finds->items[i];

        found->dump = cli_ask_dump(found->path, &found->answer);
        if (found->dump == NULL) {
            cli_error("%s", found->answer.text);
            good = false;
        }
    }
    return good;
}

static int run(int argc, char **argv)
{
    bool verbose = false;
    bool json = false;
    const cli_option_t table[] = {
        CLI_LETTER("verbose", 'v', &verbose, "also pools, tags, agencies, maps before this one"),
        CLI_FLAG("json", &json, "print what each process shows of itself, as JSON"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1};
    int code = cli_args_read(&args, argc, argv);
    finds_t finds = {0};
    bool good = true;
    size_t i;

    if (code >= 0)
        return code;
    for (i = 0; i < args.count; i++)
        if (!cli_is_folder(args.items[i]))
            add_path(&finds, args.items[i]);
        else
            good = add_folder(&finds, args.items[i]) && good;
    good = ask_all(&finds) && good;
    if (json)
        print_json(&finds);
    else
        print_processes(&finds);
    if (verbose && !json)
        print_details(&finds);
    return cli_finish(good ? CLI_OK : CLI_FAILED);
}

const cli_command_t cli_ps = {&k_usage, run};
