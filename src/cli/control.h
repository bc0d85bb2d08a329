/* The control sockets of running processes. */
#ifndef AGDB_CLI_CONTROL_H
#define AGDB_CLI_CONTROL_H

#include "cli/json_member.h"

/* What was answered. */
typedef struct cli_answer {
    bool ok;
    char *text; /* behind the first line; or, when it is not ok, why, a line each */
    size_t len;
} cli_answer_t;

/* Says one line to the process behind that socket and takes its answer. */
cli_answer_t cli_ask(const char *socket_path, const char *request);

/* What a process shows of itself: an object. NULL: `*ret_why` says why the text is none. */
const json_t *cli_read_dump(const char *text, size_t len, const char **ret_why);
/* What the process shows of itself; its text is `ret_answer`'s. NULL: that says why not. */
const json_t *cli_ask_dump(const char *socket_path, cli_answer_t *ret_answer);

#endif
