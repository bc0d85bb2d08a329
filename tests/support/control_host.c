/* A process with a control socket, for the tests of the command:
 *
 *     control_host MAP SOCKET SERVICE
 *
 * says "ready" when every shard has a primary; then each line "KEY TAG SQL" is a statement, after
 * which it says "done" or the error. "hold KEY TAG SQL" runs it beside the next ones and says
 * "held". Ends with its input. */
#include "agencydb.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct statement {
    agdb_t *db;
    char key[64];
    char tag[64];
    char sql[512];
} statement_t;

static bool read_statement(const char *line, statement_t *ret)
{
    return sscanf(line, "%63s %63s %511[^\n]", ret->key, ret->tag, ret->sql) == 3;
}

static void say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

static agdb_status_t run(const statement_t *s, agdb_error_t **reterr)
{
    return agdb_query(s->db, AGDB_REQUEST(.key = agdb_key(s->key), .sql = s->sql, .tag = s->tag),
                      NULL, reterr);
}

static void *run_aside(void *user)
{
    statement_t *s = user;

    (void)!run(s, NULL);
    free(s);
    return NULL;
}

static bool hold(const statement_t *statement)
{
    statement_t *copy = malloc(sizeof *copy);
    pthread_t thread;

    if (copy == NULL)
        return false;
    *copy = *statement;
    if (pthread_create(&thread, NULL, run_aside, copy) != 0) {
        free(copy);
        return false;
    }
    pthread_detach(thread);
    return true;
}

static void take_line(agdb_t *db, const char *line)
{
    const bool aside = strncmp(line, "hold ", 5) == 0;
    agdb_error_t *error = NULL;
    statement_t s = {.db = db};

    if (!read_statement(aside ? line + 5 : line, &s))
        say("KEY TAG SQL are missing");
    else if (aside)
        say(hold(&s) ? "held" : "no thread");
    else
        say(run(&s, &error) == AGDB_OK ? "done" : agdb_error_message(error));
    agdb_error_free(error);
}

int main(int argc, char **argv)
{
    agdb_options_t options = {.struct_size = sizeof options};
    agdb_error_t *error = NULL;
    char line[1024];
    agdb_t *db = NULL;

    if (argc != 4) {
        fprintf(stderr, "usage: control_host MAP SOCKET SERVICE\n");
        return 2;
    }
    options.control = argv[2];
    options.service = argv[3];
    if (agdb_open(argv[1], &options, &db, &error) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_PRIMARIES, 30000, &error) != AGDB_OK) {
        say(agdb_error_message(error));
        return 1;
    }
    say("ready");
    while (fgets(line, sizeof line, stdin) != NULL)
        take_line(db, line);
    return agdb_close(db, 10000) == AGDB_OK ? 0 : 1;
}
