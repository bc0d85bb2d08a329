/* Read your own writes: a session's text goes from one request to the next, as a cookie would. */
#include <agencydb.h>

#include <stdio.h>
#include <stdlib.h>

static void must(agdb_status_t status, agdb_error_t *err)
{
    if (status == AGDB_OK)
        return;
    fprintf(stderr, "%s\n", agdb_error_message(err));
    exit(1);
}

/* A request of a web service that writes; `cookie` is what the browser gets back. */
static void save(agdb_t *db, const char *name, char *cookie, size_t size)
{
    agdb_session_t *session = NULL;
    agdb_error_t *err = NULL;

    must(agdb_session_new(&session, &err), err);
    must(
        agdb_query(db,
                   AGDB_REQUEST(.key = agdb_key("cdc"),
                                .sql = "INSERT INTO agency (key, name) VALUES ($1, $2)"
                                       " ON CONFLICT (key) DO UPDATE SET name = excluded.name",
                                AGDB_PARAMS(agdb_text("cdc"), agdb_text(name)), .session = session),
                   NULL, &err),
        err);
    (void)agdb_session_text(session, cookie, size);
    agdb_session_free(session);
}

/* The next one, perhaps in another process: sees what was saved, on a replica when one has it. */
static void show(agdb_t *db, const char *cookie, char *name, size_t size)
{
    agdb_session_t *session = NULL;
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;

    must(agdb_session_new(&session, &err), err);
    must(agdb_session_merge(session, cookie, strlen(cookie), &err), err);
    must(agdb_query(db,
                    AGDB_REQUEST(.key = agdb_key("cdc"),
                                 .sql = "SELECT name FROM agency WHERE key = $1",
                                 AGDB_PARAMS(agdb_text("cdc")), .access = AGDB_READ_SESSION,
                                 .session = session),
                    &res, &err),
         err);
    snprintf(name, size, "%s", agdb_result_text(res, 0, 0));
    agdb_result_free(res);
    agdb_session_free(session);
}

static void print_node(const agdb_node_info_t *node, void *user)
{
    (void)user;
    if (strcmp(node->shard, "east-1") == 0)
        printf("%s: %s\n", node->node, node->is_primary ? "primary" : "replica");
}

int main(int argc, char **argv)
{
    char cookie[AGDB_SESSION_TEXT_MAX];
    char name[64];
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;
    int right = 0;
    int i;

    if (argc != 2) {
        fprintf(stderr, "usage: 12-session MAP\n");
        return 2;
    }
    must(agdb_open(argv[1], NULL, &db, &err), err);
    must(agdb_wait_ready(db, AGDB_READY_ALL, 5000, &err), err);
    for (i = 0; i < 100; i++) {
        char want[64];

        snprintf(want, sizeof want, "Name number %d", i);
        save(db, want, cookie, sizeof cookie);
        show(db, cookie, name, sizeof name);
        right += strcmp(name, want) == 0;
    }
    printf("%d of 100 reads saw the write before them\n", right);
    must(agdb_status(db, print_node, NULL, &err), err);
    (void)agdb_close(db, 1000);
    return right == 100 ? 0 : 1;
}
