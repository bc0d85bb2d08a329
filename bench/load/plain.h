/* libpq as a careful program writes it by hand: shared by the sides `raw` and `mutexpool`. */
#ifndef BENCH_PLAIN_H
#define BENCH_PLAIN_H

#include "load/load.h"

#include <libpq-fe.h>

typedef struct plain {
    PGconn *conn;
    bool prepared[MAX_STATEMENTS];
} plain_t;

bool plain_open(plain_t *plain, const char *conninfo);
void plain_close(plain_t *plain);
bool plain_run(plain_t *plain, const workload_t *work, const operation_t *op, bool unnamed,
               const char *side);
/* A statement without parameters and rows: true when the server says `answer`. */
bool plain_command(plain_t *plain, const char *sql, const char *answer, const char *side);
bool plain_sleep(plain_t *plain, const char *side);

#endif
