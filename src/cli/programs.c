/* Where PostgreSQL's programs are. */
#include "cli/cluster.h"
#include "cli/message.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static bool has_programs(const char *bindir)
{
    return access(cli_format("%s/postgres", bindir), X_OK) == 0 &&
           access(cli_format("%s/initdb", bindir), X_OK) == 0 &&
           access(cli_format("%s/pg_basebackup", bindir), X_OK) == 0;
}

/* What `pg_config --bindir` says; NULL when there is none, or it has no server programs. */
static const char *configured_bindir(void)
{
    const char *path = getenv("PATH");
    char *dirs = cli_copy(path != NULL ? path : "/usr/bin");
    char *next = dirs;

    while (next != NULL) {
        char *dir = next;
        char *program;
        char *bindir;
        next = strchr(dir, ':');
        if (next != NULL)
            *next++ = '\0';
        program = cli_format("%s/pg_config", dir);
        if (dir[0] != '/' || access(program, X_OK) != 0)
            continue;
        bindir = cli_output((const char *const[]){program, "--bindir", NULL});
        if (bindir == NULL)
            return NULL;
        bindir[strcspn(bindir, "\n")] = '\0';
        return has_programs(bindir) ? bindir : NULL;
    }
    return NULL;
}

/* Debian keeps versions side by side. */
static const char *newest_bindir(void)
{
    static const char k_root[] = "/usr/lib/postgresql";
    DIR *dir = opendir(k_root);
    const struct dirent *entry;
    const char *best = NULL;
    uint64_t best_version = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *bindir = cli_format("%s/%s/bin", k_root, entry->d_name);
        uint64_t version;
        if (cli_number(entry->d_name, 1000, &version) && version > best_version &&
            has_programs(bindir)) {
            best = bindir;
            best_version = version;
        }
    }
    if (dir != NULL)
        closedir(dir);
    return best;
}

const char *cli_find_bindir(const char *given)
{
    const char *found;

    if (given != NULL) {
        given = cli_absolute(given);
        if (has_programs(given))
            return given;
        cli_error("%s has no postgres, initdb and pg_basebackup", given);
        return NULL;
    }
    found = configured_bindir();
    if (found == NULL)
        found = newest_bindir();
    if (found == NULL)
        cli_error("the programs of a PostgreSQL server are not found; install them (Debian: "
                  "apt-get install postgresql) or name their folder with '--bindir'");
    return found;
}
