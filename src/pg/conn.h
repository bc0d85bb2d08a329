/* One non-blocking connection to one server, as a state machine.
 *
 * Owned by one thread at a time: the keeper while it is being made, then whoever claimed it. The
 * owner waits for the socket (agdb__conn_fd, agdb__conn_events) and calls agdb__conn_step. The
 * states and their order are described at the top of conn_fsm.c. */
#ifndef AGDB_PG_CONN_H
#define AGDB_PG_CONN_H

#include "pg/login.h"
#include "pg/resolver.h"
#include "pg/result.h"
#include "pg/statement.h"

#include <stdint.h>

typedef struct agdb__conn agdb__conn_t;

typedef enum agdb__conn_state {
    AGDB__CONN_RESOLVING = 0, /* a helper thread looks up the name and the password */
    AGDB__CONN_CONNECTING,    /* TCP, TLS, login */
    AGDB__CONN_INTRODUCING,   /* asks role and identity */
    AGDB__CONN_READY,         /* nothing pending, transaction status idle */
    AGDB__CONN_IN_FLIGHT,     /* a statement or a group was sent */
    AGDB__CONN_DEAD,          /* of no use; close it */
    AGDB__CONN_STATES
} agdb__conn_state_t;

/* What a server said of itself when it was last asked. */
typedef struct agdb__hello {
    bool in_recovery;
    bool stamped;      /* every expected identity was there */
    bool commits_wait; /* a commit of this session waits for a disk or a standby */
    uint32_t timeline; /* of a primary: the one it writes; of a replica: the one it replays */
    uint64_t system_identifier;
    uint64_t lsn;        /* primary: where it writes next; replica: replayed */
    int server_version;  /* 150018 */
    int process;         /* that answered */
    uint64_t started_us; /* when its server was, by its own clock */
} agdb__hello_t;

/* As PQlibVersion says it: 150004 is 15.4. */
int agdb__conn_libpq(void);

/* Starts connecting; the attempt ends at `deadline_us` with AGDB__CONN_DEAD. `login` is borrowed
 * until agdb__conn_close. Returns NULL when memory is out. */
agdb__conn_t *agdb__conn_open(const agdb__login_t *login, agdb__resolver_t *resolver,
                              uint64_t now_us, uint64_t deadline_us);
/* In any state; never blocks. NULL is fine. */
void agdb__conn_close(agdb__conn_t *conn);

agdb__conn_state_t agdb__conn_state(const agdb__conn_t *conn);
int agdb__conn_fd(const agdb__conn_t *conn);       /* -1: nothing to poll (resolving, dead) */
short agdb__conn_events(const agdb__conn_t *conn); /* POLLIN, POLLOUT or both */
/* Goes as far as it can without blocking; returns the state. Handles its deadline. */
agdb__conn_state_t agdb__conn_step(agdb__conn_t *conn, uint64_t now_us);
/* When it wants to be stepped at the latest, whatever the socket does. */
uint64_t agdb__conn_wake_us(const agdb__conn_t *conn);

/* Why it is DEAD: status CONNECT, AUTH, TLS, WRONG_SHARD, TIMEOUT, LOST, TOO_BIG, NOMEM with stage
 * RESOLVE, CONNECT or EXECUTE, and node (set, not put before the message). Borrowed; NULL in other
 * states. */
const agdb_error_t *agdb__conn_error(const agdb__conn_t *conn);
/* From INTRODUCING's end on. Updated by agdb__conn_probe. */
const agdb__hello_t *agdb__conn_hello(const agdb__conn_t *conn);
/* To the server and back, as it was when the connection was made. */
uint64_t agdb__conn_way_us(const agdb__conn_t *conn);
/* What the connection last heard for free (ParameterStatus in_hot_standby). */
bool agdb__conn_in_recovery(agdb__conn_t *conn);
int agdb__conn_backend_pid(const agdb__conn_t *conn);

/* READY -> IN_FLIGHT: asks role and identity again; agdb__conn_step brings it back to READY with a
 * new hello, or to DEAD. The keeper's. */
agdb_status_t agdb__conn_probe(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us);

/* READY -> IN_FLIGHT: puts the statement into the connection's buffers, with what must go ahead of
 * it (preparation, read-only mode), and begins to send. Nothing of the caller's is referenced after
 * the return. Fails without sending: AGDB_E_INVAL (parameters), AGDB_E_UNSUPPORTED (a
 * statement that has no place in a request), AGDB_E_NOMEM, AGDB_E_LOST. */
agdb_status_t agdb__conn_send(agdb__conn_t *conn, const agdb__statement_t *statement,
                              agdb_error_t **reterr);

/* READY again after a statement: its rows, or its error. Errors carry SQLSTATE, fields, outcome
 * and stage EXECUTE. *ret_rows is a PGresult for agdb__result_new. Works in DEAD as well. Outcomes:
 *  - NOT_SENT with the status NOT_FRESH: the server has not replayed `at_least`, and did not
 * execute the statement.
 *  - REJECTED with the status INVAL: the key of `once` is that of another statement.
 *  - REJECTED: the server's error of the statement, or its farewell (57P01, then DEAD) instead of
 *    an answer; a read over max_rows or max_bytes (AGDB_E_TOO_BIG).
 *  - NOT_SENT: DEAD with a rest unsent, without which nothing commits.
 *  - UNKNOWN: everything else in DEAD, an answer without its Sync included; 40003 and 08007; a
 *    write over max_rows or max_bytes: it was executed, its rows are not given. Retriable when the
 *    statement only reads. */
agdb_status_t agdb__conn_receive(agdb__conn_t *conn, struct pg_result **ret_rows,
                                 agdb_error_t **reterr);

/* Where in the log the last statement ended, when that was wanted: at or behind its commit. lsn 0:
 * it could not be had. After agdb__conn_receive has returned AGDB_OK. */
agdb__position_t agdb__conn_position(const agdb__conn_t *conn);
/* Whether the last statement had happened before, by its `once`: agdb__conn_receive has returned
 * AGDB_OK and an answer without rows. */
bool agdb__conn_was_replayed(const agdb__conn_t *conn);

/* The deadline of the statement in flight has passed, `waited_us` after it was sent: DEAD with the
 * status TIMEOUT, and agdb__conn_receive says what became of it. */
void agdb__conn_expire(agdb__conn_t *conn, uint64_t waited_us);

/* Blocks on the socket until it is not IN_FLIGHT any more. False: the time is over, and it can be
 * left; what cannot be left is DEAD then. */
bool agdb__conn_wait(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us);

/* --- streams ------------------------------------------------------------------------------------
 *
 * The rows of a `streamed` statement are taken while it is IN_FLIGHT, and the socket is not read
 * further as long as one is there to be taken: who is slow slows the server down. A row that has
 * come is the caller's also when the connection has failed since. When there are no more it is
 * READY or DEAD, and agdb__conn_receive tells which: an answer without rows is the end. */

/* The next row that has come, in a PGresult of its own; NULL: none yet, step the connection. */
struct pg_result *agdb__conn_take_row(agdb__conn_t *conn);
/* Nobody takes rows any more: what comes is dropped. For a connection that is to be left. */
void agdb__conn_drop_rows(agdb__conn_t *conn);

/* --- leaving what is under way ------------------------------------------------------------------
 *
 * Who cannot wait any longer may leave an IN_FLIGHT connection to somebody who can: it is stepped
 * until it is READY, its statement cancelled meanwhile, and is of use again. */

/* Whether that makes sense: everything has been sent, and the process that serves it is known,
 * which it is not behind a PgBouncer, declared in the map or not. */
bool agdb__conn_can_be_left(const agdb__conn_t *conn);
/* Whether what is under way runs alone: a group is over soon by itself. */
bool agdb__conn_is_alone(const agdb__conn_t *conn);
/* READY: drops the answer that nobody has received. True when the server says that it has cancelled
 * the statement. */
bool agdb__conn_forget(agdb__conn_t *conn);

/* Of the keeper's statements: DEAD at this time. */
void agdb__conn_set_deadline(agdb__conn_t *conn, uint64_t deadline_us);

/* The whole of it, blocking on the connection's socket at most until `deadline_us`: send, poll,
 * step, receive. On AGDB_E_TIMEOUT the statement may still run: the connection is IN_FLIGHT when it
 * can be left, else DEAD. The outcome is UNKNOWN, or NOT_SENT when not a byte had left. */
agdb_status_t agdb__conn_run(agdb__conn_t *conn, const agdb__statement_t *statement,
                             uint64_t deadline_us, struct pg_result **ret_rows,
                             agdb_error_t **reterr);

/* The class of the statement last given to agdb__conn_send or agdb__conn_run; of a group: PLAIN. */
agdb__statement_class_t agdb__conn_last_kind(const agdb__conn_t *conn);

/* --- groups: several statements in one flush, under one Sync ------------------------------------
 *
 * READY -> begin, add..., end -> IN_FLIGHT -> step... -> READY or DEAD -> receive each. The members
 * are executed in order: reads in one transaction that is read-only, writes each in a transaction
 * of its own. After the first failure the later ones come back as never executed. One thing at a
 * time: between begin and end nothing else may be asked of the connection. */
enum { AGDB__GROUP_MAX = 64 };

typedef enum agdb__group_kind { AGDB__GROUP_READS = 0, AGDB__GROUP_WRITES } agdb__group_kind_t;

typedef enum agdb__member_fate {
    AGDB__MEMBER_ANSWERED,
    AGDB__MEMBER_FAILED,
    AGDB__MEMBER_NOT_EXECUTED, /* certainly not: may be sent again */
    AGDB__MEMBER_LOST          /* the connection ended before its answer was complete */
} agdb__member_fate_t;

/* The lock_timeout of groups of writes, so that a row lock that somebody holds does not stall
 * strangers (55P03 then; run it alone, where there is none). 0, the default: as the server has it.
 * Session state, changed only when another kind of work comes. */
void agdb__conn_set_lock_ms(agdb__conn_t *conn, uint32_t lock_ms);
/* Forgets what was not received of the last work. */
void agdb__conn_group_begin(agdb__conn_t *conn, agdb__group_kind_t kind);
/* Puts one more into the buffers; nothing of the caller's is referenced after the return. On
 * failure the statement is no member of the group, and certainly not executed:
 *  - AGDB_E_INVAL: its parameters cannot be sent; AGDB_E_UNSUPPORTED: it must not ride in this
 *    group (it is not of class PLAIN, or read_only is not the group's); AGDB_E_MISUSE: the group is
 * full or was not begun; AGDB_E_NOMEM for its parameters, with the connection still READY. Nothing
 * of it was queued, the group goes on.
 *  - AGDB_E_LOST, AGDB_E_NOMEM with the connection DEAD. Earlier reads are lost with it; of earlier
 *    WRITES SOME MAY HAVE BEEN COMMITTED: only agdb__conn_group_end and _receive know. */
agdb_status_t agdb__conn_group_add(agdb__conn_t *conn, const agdb__statement_t *statement,
                                   agdb_error_t **reterr);
/* Ends the group and begins to send. Returns how many members there are to receive, also when the
 * connection is DEAD; with none it is still READY and nothing was sent. */
size_t agdb__conn_group_end(agdb__conn_t *conn);
/* READY again, or DEAD: what became of member `i`, which may be asked once.
 *  - ANSWERED: *ret_rows as from agdb__conn_receive. Also in DEAD, when a read's answer had come
 *    whole, which leaves nothing to undo; or when a write's COMMIT was confirmed.
 *  - FAILED: *reterr as from agdb__conn_receive: the server's error of the statement or of its
 *    COMMIT, its farewell, 40000 for a COMMIT that it answered with ROLLBACK, or TOO_BIG of this
 *    member's own limits.
 *  - NOT_EXECUTED: no error is made.
 *  - LOST: *reterr says why. A read is retriable. A write's outcome is UNKNOWN, or NOT_SENT and
 *    retriable when its COMMIT was not even queued. MISUSE: there is no such member to receive. */
agdb__member_fate_t agdb__conn_group_receive(agdb__conn_t *conn, size_t i,
                                             struct pg_result **ret_rows, agdb_error_t **reterr);

/* --- listening ----------------------------------------------------------------------------------
 *
 * A connection that is kept for what the server says unasked. Its owner calls agdb__conn_hear
 * whenever the socket is readable, and steps it while it is IN_FLIGHT. */
typedef struct agdb__channel_wish {
    const char *channel; /* exact, 63 bytes at most; quoted when it is sent */
    bool listen;         /* false: no more */
} agdb__channel_wish_t;

/* READY -> IN_FLIGHT: LISTEN or UNLISTEN for each, 1 to AGDB__GROUP_MAX, each in a transaction of
 * its own. MISUSE: nothing was sent; UNSUPPORTED (behind a pooler, declared or not), LOST, NOMEM:
 * DEAD. */
agdb_status_t agdb__conn_listen(agdb__conn_t *conn, const agdb__channel_wish_t *wish, size_t count,
                                uint64_t deadline_us);
/* READY again: the wish was committed, or the server's error. */
agdb_status_t agdb__conn_listened(agdb__conn_t *conn, size_t i, agdb_error_t **reterr);
/* READY -> IN_FLIGHT: back in READY the server has shown that it lives. */
agdb_status_t agdb__conn_ping(agdb__conn_t *conn, uint64_t deadline_us);

/* Both texts are borrowed for the length of the call; `process` has sent it. */
typedef void (*agdb__notified_fn)(void *user, const char *channel, const char *payload,
                                  int process);
/* READY or IN_FLIGHT: gives each notification that has come, and returns how many; in READY it
 * reads first, within limits, and at the end of the stream the connection is DEAD. */
size_t agdb__conn_hear(agdb__conn_t *conn, agdb__notified_fn each, void *user);

/* --- COPY: a stream in or out, in a transaction of its own
 * ----------------------------------------
 *
 * READY -> copy_begin -> IN_FLIGHT: STARTING -> OPEN -> ENDING -> READY or DEAD -> copy_receive.
 * libpq cannot COPY in pipeline mode, which is left for as long. Until all of it is over the
 * connection is not clean, and cannot be left. */
typedef enum agdb__copy_phase {
    AGDB__COPY_NONE = 0,
    AGDB__COPY_HEAD,     /* statements ahead of it, in pipeline mode */
    AGDB__COPY_STARTING, /* sent, not answered */
    AGDB__COPY_OPEN,     /* rows go in, or come out */
    AGDB__COPY_ENDING,
    AGDB__COPY_TAIL /* out: its transaction's end, in pipeline mode */
} agdb__copy_phase_t;

/* Of a COPY's transaction: what the server can be asked for later. */
typedef struct agdb__copy_mark {
    uint64_t xid; /* 0: none */
    uint32_t timeline;
    uint64_t system_identifier;
} agdb__copy_mark_t;

/* `sql` is one COPY, FROM STDIN or TO STDOUT, borrowed until it is OPEN. Fails without sending:
 * AGDB_E_LOST, AGDB_E_NOMEM. */
agdb_status_t agdb__conn_copy_begin(agdb__conn_t *conn, const char *sql, bool out,
                                    agdb_error_t **reterr);
agdb__copy_phase_t agdb__conn_copy_phase(const agdb__conn_t *conn);
/* In, OPEN: puts whole rows into the buffers and begins to send. False: those before have not left
 * yet, or it is not OPEN any more. */
bool agdb__conn_copy_put(agdb__conn_t *conn, const void *data, size_t len);
/* In, OPEN: no rows follow; it is committed, or with `why` (not NULL) rolled back. A server that
 * has something to say amid the rows, which is an error most of the time, ends it in a step by
 * itself: at what was put so far. */
void agdb__conn_copy_end(agdb__conn_t *conn, const char *why);
/* Out, OPEN: the next row, to be freed by agdb__conn_copy_free; NULL: none for now. */
char *agdb__conn_copy_get(agdb__conn_t *conn, size_t *ret_len);
void agdb__conn_copy_free(char *row);
/* In, from OPEN on. */
agdb__copy_mark_t agdb__conn_copy_mark(const agdb__conn_t *conn);
/* In, ahead of receive: the line of the rows put so far, from 1, that the server's error is about;
 * 0: it names none, or not in English. */
uint64_t agdb__conn_copy_line(const agdb__conn_t *conn);
/* What became of such a transaction: READY -> ask -> IN_FLIGHT -> step... -> READY or DEAD ->
 * asked. UNKNOWN: the server cannot tell, or is another one, or on another timeline by now. */
typedef enum agdb__copy_fate {
    AGDB__FATE_UNKNOWN = 0,
    AGDB__FATE_COMMITTED,
    AGDB__FATE_ABORTED,
    AGDB__FATE_IN_PROGRESS
} agdb__copy_fate_t;
agdb_status_t agdb__conn_copy_ask(agdb__conn_t *conn, const agdb__copy_mark_t *mark,
                                  agdb_error_t **reterr);
agdb_status_t agdb__conn_copy_asked(agdb__conn_t *conn, agdb__copy_fate_t *ret,
                                    agdb_error_t **reterr);
/* READY, or DEAD: what became of it; *ret_rows as the server counts. Outcomes of errors: NOT_SENT:
 * it did not come to OPEN, for a reason of the connection. REJECTED: certainly not committed, by
 * the server's error or because its end had not left. UNKNOWN: the answer to its end was lost. */
agdb_status_t agdb__conn_copy_receive(agdb__conn_t *conn, uint64_t *ret_rows,
                                      agdb_error_t **reterr);

/* Ends the connection, whatever it is doing: DEAD with the status LOST and this reason. */
void agdb__conn_abort(agdb__conn_t *conn, const char *why);

/* READY, idle transaction, nothing pending, and no statement that may have left session state. */
bool agdb__conn_is_clean(const agdb__conn_t *conn);
/* For a connection that has been idle: looks at its socket without blocking; false when the server
 * has closed it or sent a farewell. */
bool agdb__conn_is_alive(agdb__conn_t *conn);
/* Whether its next read-only (or read-write) statement needs no change of mode. */
bool agdb__conn_is_read_only(const agdb__conn_t *conn);

#endif
