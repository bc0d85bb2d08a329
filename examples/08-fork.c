/* After fork, a client belongs to the parent: in the child every call on it returns AGDB_E_FORKED
 * and touches nothing. The child opens its own. */
#include <agencydb.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static agdb_t *open_client(const char *path)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;

    if (agdb_open(path, NULL, &db, &err) != AGDB_OK)
        fprintf(stderr, "%s\n", agdb_error_message(err));
    agdb_error_free(err);
    return db;
}

/* Returns the status; prints who asks and which server process answers, or the error. */
static agdb_status_t ask(agdb_t *db, const char *who)
{
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;
    agdb_status_t st = agdb_query(
        db,
        AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ, .sql = "SELECT pg_backend_pid()"),
        &res, &err);

    if (st == AGDB_OK)
        printf("%s: answered by server process %s\n", who, agdb_result_text(res, 0, 0));
    else
        printf("%s: %s: %s\n", who, agdb_status_name(st), agdb_error_message(err));
    fflush(stdout);
    agdb_result_free(res);
    agdb_error_free(err);
    return st;
}

static int run_child(agdb_t *parents, const char *path)
{
    int good = ask(parents, "child, with the parent's client") == AGDB_E_FORKED;
    agdb_t *db = open_client(path);

    good = db != NULL && ask(db, "child, with a client of its own") == AGDB_OK && good;
    agdb_close(db, 1000);
    return good && agdb_close(parents, 0) == AGDB_E_FORKED ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "shardmap.yaml";
    agdb_t *db = open_client(path);
    int status = 0;
    int good;
    pid_t child;

    if (db == NULL)
        return 1;
    good = ask(db, "parent, before fork") == AGDB_OK;
    child = fork();
    if (child < 0)
        return 1;
    if (child == 0)
        _exit(run_child(db, path));
    waitpid(child, &status, 0);
    good = ask(db, "parent, after fork") == AGDB_OK && good;
    agdb_close(db, 1000);
    return good && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
