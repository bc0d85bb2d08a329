/* agencydb map new: a map to begin with. */
#include "cli/files.h"
#include "cli/map_edit.h"
#include "cli/map_file.h"
#include "cli/message.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char k_map[] =
    "# yaml-language-server: $schema=./shardmap.schema.json\n"
    "#\n"
    "# Which PostgreSQL server holds an agency's rows. `agencydb check` judges this file, "
    "`agencydb\n"
    "# show` prints it with every default filled in, `agencydb map --help` edits it.\n"
    "agencydb: 1 # version of the format\n"
    "epoch: 1    # grows with every change: programs take no older map\n"
    "hash: { algorithm: xxh3_64, slots: 4096 } # for the life of the data\n"
    "\n"
    "# Settings of every node; a keyspace, a shard or a node may have others.\n"
    "defaults:\n"
    "  connection:\n"
    "    user: agency_app\n"
    "    dbname: agency\n"
    "    # On other machines than this one TLS has to be checked:\n"
    "    #   sslmode: verify-full\n"
    "    #   sslrootcert: /etc/agencydb/ca.crt\n"
    "    # A password is read from a file at every connect, and is never written here:\n"
    "    #   password_file: /run/secrets/agency\n"
    "  pool: { min: 1, max: 8 } # connections to a node, per process\n"
    "  timeouts: { call: 5s }\n"
    "\n"
    "keyspaces:\n"
    "  # Tables that are placed together.\n"
    "  core:\n"
    "    shards:\n"
    "      # Servers that hold the same rows: a primary and its replicas, in any order. Which of "
    "them\n"
    "      # is the primary is observed, never written. A single shard owns every slot.\n"
    "      main:\n"
    "        nodes:\n"
    "          - 127.0.0.1 # or db-1.example.gov, or \"db-1.example.gov:5433\"\n";

static const cli_usage_t k_usage = {
    .name = "map new",
    .synopsis = "[OPTIONS] FILE",
    .summary = "Writes a map to begin with",
    .about = "One keyspace with one shard on this machine, and comments that say what may be\n"
             "changed. A file that is there already stays, unless '--force' is given.",
    .examples = "  agencydb map new shardmap.yaml\n"
                "  agencydb map add-node shardmap.yaml main 127.0.0.2",
    .exits = "  0  written\n"
             "  1  it is there already, or cannot be written\n"
             "  2  the command line is wrong",
};

/* What is there only in part goes. NULL, or what went wrong. */
static const char *create(const char *path, cli_span_t text)
{
    const bool was_there = access(path, F_OK) == 0;
    int error;

    if (cli_write_new_file(path, 0644, text.text, text.len))
        return NULL;
    error = errno;
    if (was_there || error == EEXIST)
        return cli_format("%s is there already: it is left as it is; '--force' replaces it", path);
    unlink(path);
    return cli_format("cannot write %s: %s", path, strerror(error));
}

/* NULL, or what went wrong. */
static const char *write_new(const char *path, bool force)
{
    const cli_span_t text = {k_map, sizeof k_map - 1};
    cli_map_file_t file;
    const char *fault;

    if (!force || access(path, F_OK) != 0)
        return create(path, text);
    fault = cli_map_file_read(path, &file);
    return fault != NULL ? fault : cli_map_file_replace(&file, text);
}

static void print_json(const char *path, const char *fault)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", path);
    cli_json_bool(&json, "ok", fault == NULL);
    cli_json_bool(&json, "written", fault == NULL);
    if (fault != NULL)
        cli_map_fault_json(&json, fault);
    cli_json_close(&json);
    cli_json_print(&json);
}

static int run(int argc, char **argv)
{
    bool force = false;
    bool json = false;
    const cli_option_t table[] = {
        CLI_FLAG("force", &force, "replace a file that is there"),
        CLI_FLAG("json", &json, "what becomes of it as one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);
    const char *fault;

    if (code >= 0)
        return code;
    fault = write_new(args.items[0], force);
    if (json)
        print_json(args.items[0], fault);
    else if (fault != NULL)
        cli_error("%s", fault);
    else
        printf("Written: %s. Put your servers in, then 'agencydb check %s'.\n", args.items[0],
               args.items[0]);
    return cli_finish(fault == NULL ? CLI_OK : CLI_FAILED);
}

const cli_command_t cli_map_new = {&k_usage, run};
