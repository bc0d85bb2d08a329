/* Inside of a connection; for the conn_*.c files only. */
#ifndef AGDB_PG_CONN_IMPL_H
#define AGDB_PG_CONN_IMPL_H

#include "pg/conn.h"
#include "pg/conn_fsm.h"
#include "pg/stmt_cache.h"

struct pg_conn;

/* What the server's answer must look like, one step per command that was queued. */
typedef enum agdb__step_kind {
    AGDB__STEP_SYNC = 0, /* the end of an implicit transaction */
    AGDB__STEP_OPTIONAL, /* its failure does not matter */
    AGDB__STEP_REQUIRED, /* its failure ends the connection */
    AGDB__STEP_PARSE,    /* of `pending` */
    AGDB__STEP_ANSWER    /* its result is what was asked for */
} agdb__step_kind_t;

enum { AGDB__VICTIMS_MAX = 4, AGDB__STEPS_MAX = 2 * AGDB__VICTIMS_MAX + 8 };

/* What an IN_FLIGHT or INTRODUCING connection waits for. */
typedef enum agdb__work {
    AGDB__WORK_STATEMENT = 0,
    AGDB__WORK_HELLO,
    AGDB__WORK_IDENTITY
} agdb__work_t;

struct agdb__conn {
    agdb__conn_state_t state;
    const agdb__login_t *login;
    agdb__resolve_t *job;
    struct pg_conn *pg;
    uint64_t deadline_us; /* of the whole attempt or probe */
    uint64_t address_us;  /* of this address */
    size_t next_address;
    short events;
    agdb_error_t *error; /* DEAD: why; CONNECTING: what the last address said */
    agdb__hello_t hello;

    /* work in flight */
    agdb__work_t work;
    unsigned char step[AGDB__STEPS_MAX]; /* agdb__step_kind_t */
    size_t nsteps;
    size_t at_step;
    bool step_has_result;     /* of this step, the NULL behind it is still to come */
    struct pg_result *answer; /* the statement's result, or the error of its preparation */
    bool answer_is_error;
    bool flushed;   /* everything has left, as far as can be known */
    bool answered;  /* the answer's Sync came, the transaction is over */
    bool too_big;   /* given up for max_bytes */
    bool read_only; /* of the statement */
    agdb__statement_class_t kind;
    uint64_t max_rows;
    uint64_t max_bytes;
    uint64_t arrived; /* lower bound of the bytes that came; see conn_receive.c */
    unsigned reads;
    agdb__stmt_t *stmt;    /* cached statement that runs; owned by the cache */
    agdb__stmt_t *pending; /* being prepared; owned here until its ParseComplete */

    /* the session */
    bool mode_read_only; /* which of the two modes it is in */
    bool mode_set;       /* false: as the server started it, which serves as read-write */
    bool dirty;          /* must not be used again */
    bool tainted;        /* a statement may have left session state */
    bool farewell;       /* a FATAL notice came while nothing was asked */
    agdb__stmt_cache_t cache;
    char victim[AGDB__VICTIMS_MAX][AGDB__STMT_NAME_SIZE]; /* to be dropped on the server */
    size_t nvictims;
};

/* --- conn_error.c --- */
/* The connection is DEAD, because of this. The status is LOST when a statement was in flight. */
void agdb__conn_die(agdb__conn_t *conn, agdb_status_t status, agdb_stage_t stage,
                    const char *format, ...) AGDB_PRINTF(4, 5);
/* The same with an error that is there already. */
void agdb__conn_die_of(agdb__conn_t *conn, agdb_error_t *take_error);
/* libpq's own words about the connection, first line, without its prefix. Uses `buf`. */
const char *agdb__conn_pq_message(const agdb__conn_t *conn, char *buf, size_t size);
/* An error from a result of the server: status SERVER, SQLSTATE, fields, outcome REJECTED or, when
 * the server does not know either, UNKNOWN. */
agdb_status_t agdb__conn_server_error(const agdb__conn_t *conn, const struct pg_result *rows,
                                      agdb_error_t **reterr);

/* --- conn_hello.c --- */
bool agdb__conn_queue_hello(agdb__conn_t *conn);
/* The answer is complete. True: the introduction is over; false: more was asked, or DEAD. */
bool agdb__conn_take_hello(agdb__conn_t *conn);

/* --- conn_send.c --- */
void agdb__conn_begin_work(agdb__conn_t *conn, agdb__work_t work);
/* Queues a statement without parameters; false when libpq has no memory or no connection. */
bool agdb__conn_queue_sql(agdb__conn_t *conn, const char *sql, agdb__step_kind_t kind);
bool agdb__conn_queue_sync(agdb__conn_t *conn);
void agdb__conn_flush(agdb__conn_t *conn);

/* --- conn_receive.c --- */
/* Reads and checks what has come. True when all steps are done. */
bool agdb__conn_read(agdb__conn_t *conn);
void agdb__conn_drop_answer(agdb__conn_t *conn);

#endif
