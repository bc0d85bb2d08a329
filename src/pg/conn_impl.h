/* Inside of a connection; for the conn_*.c files only. */
#ifndef AGDB_PG_CONN_IMPL_H
#define AGDB_PG_CONN_IMPL_H

#include "pg/conn.h"
#include "pg/conn_fsm.h"
#include "pg/params.h"
#include "pg/stmt_cache.h"

struct pg_conn;

/* What the server's answer must look like, one step per command that was queued. */
typedef enum agdb__step_kind {
    AGDB__STEP_SYNC = 0, /* the end of an implicit transaction */
    AGDB__STEP_DROP,     /* of a victim; its failure does not matter */
    AGDB__STEP_REQUIRED, /* its failure ends the connection */
    AGDB__STEP_PARSE,    /* of a member's `pending` */
    AGDB__STEP_ANSWER,   /* its result is what a member asked for */
    AGDB__STEP_COMMIT,   /* its tag says what became of a member's transaction */
    AGDB__STEP_GUARD,    /* fails when the server is behind; what follows is not executed then */
    AGDB__STEP_POSITION, /* behind a write; without it the write stands as it is */
    AGDB__STEP_ONCE      /* fails when the write has happened already; it is not executed then */
} agdb__step_kind_t;

typedef struct agdb__step {
    unsigned char kind; /* agdb__step_kind_t */
    unsigned char of;   /* DROP: the victim; PARSE, ANSWER, COMMIT, GUARD: the member */
} agdb__step_t;

/* A group makes at most one victim per member that is prepared and one that is stale, while those
 * of the group before it are being dropped. */
enum {
    AGDB__VICTIMS_MAX = 2 * (AGDB__GROUP_MAX + 1),
    AGDB__HEAD_STEPS = AGDB__VICTIMS_MAX + 12, /* drops, mode or settings, Syncs, BEGIN or guard */
    AGDB__STEPS_MAX = AGDB__HEAD_STEPS + 4 * AGDB__GROUP_MAX + 8 /* COMMIT, Syncs, position */
};

/* Of a member that is a transaction of its own. */
typedef enum agdb__commit {
    AGDB__COMMIT_NOT_QUEUED = 0, /* the server certainly has not heard of it */
    AGDB__COMMIT_QUEUED,
    AGDB__COMMIT_CONFIRMED,
    AGDB__COMMIT_ROLLED_BACK /* the server has answered it with ROLLBACK */
} agdb__commit_t;

/* One of the statements in flight. What runs alone is a group of one. */
typedef struct agdb__member {
    struct pg_result *answer; /* its result, or its error, or that of its preparation */
    agdb__stmt_t *stmt;       /* that it runs: owned by the cache, or some member's `pending` */
    agdb__stmt_t *pending;    /* being prepared for it; owned here until its ParseComplete */
    uint64_t max_rows;
    uint64_t max_bytes;
    uint64_t at_least;     /* what a replica must have replayed; 0: anything */
    agdb__commit_t commit; /* in a group of writes */
    bool answer_is_error;
    bool received; /* its fate has been told */
} agdb__member_t;

/* What an IN_FLIGHT or INTRODUCING connection waits for. */
typedef enum agdb__work {
    AGDB__WORK_STATEMENT = 0,
    AGDB__WORK_GROUP,
    AGDB__WORK_TX,
    AGDB__WORK_HELLO,
    AGDB__WORK_IDENTITY,
    AGDB__WORK_WAY,    /* a Sync with nothing to do */
    AGDB__WORK_LISTEN, /* LISTEN and UNLISTEN, each under its Sync */
    AGDB__WORK_COPY    /* conn_copy.c */
} agdb__work_t;

typedef enum agdb__tx_state {
    AGDB__TX_NONE = 0,
    AGDB__TX_OPEN,  /* stays open behind what is in flight */
    AGDB__TX_ENDING /* must be over before READY */
} agdb__tx_state_t;

/* A COPY: at what, and what came of it. */
typedef struct agdb__copying {
    agdb__copy_phase_t phase;
    const char *sql; /* borrowed until it is OPEN */
    bool out;
    bool told;        /* in: its end has been put into the buffers */
    bool over;        /* the server has answered it to its end */
    bool done;        /* it has succeeded; in: it is committed */
    unsigned notices; /* heard while it is OPEN */
    uint64_t rows;
    agdb__copy_mark_t mark;
    struct pg_result *failure; /* the server's error */
} agdb__copying_t;

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
    bool is_primary; /* for good: to become a replica the server has to start anew */
    uint64_t way_from_us;
    uint64_t way_us;

    /* work in flight */
    agdb__work_t work;
    agdb__step_t step[AGDB__STEPS_MAX];
    size_t nsteps;
    size_t at_step;
    agdb__member_t member[AGDB__GROUP_MAX];
    size_t nmembers;
    size_t failed_member; /* the first with an error; the server skips those behind it */
    bool gathering;       /* a group between its begin and its end */
    agdb__tx_state_t tx;
    const struct agdb__tx_mode *opening; /* its BEGIN is not queued yet; borrowed */
    bool rolling_back;                   /* the transaction that was left open */
    bool step_has_result;                /* of this step, the NULL behind it is still to come */
    bool skipping; /* an error came, nothing is executed before the next Sync */
    bool flushed;  /* everything has left, as far as can be known */
    bool answered; /* the answer's Sync came, the transaction is over */
    bool has_tail; /* something is queued behind the Sync that commits */
    bool wants_position;
    bool guard_queued;
    uint64_t guarded; /* by the guards so far: members need not have replayed more */
    uint64_t behind;  /* not replayed, as the guard that failed says; 0: none failed */
    bool replayed;    /* the write has happened already */
    bool reused;      /* its key is another write's */
    agdb__position_t position;
    bool read_only; /* of the statements */
    agdb__statement_class_t kind;
    bool streaming;        /* the rows of the answer come one by one */
    bool single_rows;      /* libpq was told so */
    bool dropping;         /* nobody takes them any more */
    struct pg_result *row; /* that has come, and is to be taken */
    uint64_t arrived;      /* of the member that is coming; lower bound, see conn_receive.c */
    unsigned reads;

    /* the session */
    bool mode_read_only;   /* false: as the server has started it */
    bool mode_unhurried;   /* of these: without a statement_timeout, for a stream */
    uint32_t mode_lock_ms; /* lock_timeout; 0: as the server has started it */
    uint32_t lock_ms;      /* the one that groups of writes shall have */
    bool knows_tx;         /* BEGIN and the COMMITs of groups are prepared */
    bool knows_guard;      /* so is the guard */
    bool knows_position;   /* and the question for the position */
    bool knows_once;       /* and the insertion of keys */
    bool dirty;            /* must not be used again */
    bool tainted;          /* a statement may have left session state */
    bool farewell;         /* a FATAL notice came while nothing was asked */
    agdb__stmt_cache_t cache;
    agdb__copying_t copy;
    uint64_t victim[AGDB__VICTIMS_MAX]; /* numbers of statements to be dropped on the server; 0:
                                           is dropped */
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
/* Not localized, where the server says it so; PgBouncer 1.18 has one form only. */
const char *agdb__conn_severity(const struct pg_result *rows);
/* Of an error; "" when it has none: libpq's own. */
const char *agdb__conn_sqlstate(const struct pg_result *rows);
/* An error from a result of the server: status SERVER, SQLSTATE, fields, outcome REJECTED or, when
 * the server does not know either, UNKNOWN. */
agdb_status_t agdb__conn_server_error(const agdb__conn_t *conn, const struct pg_result *rows,
                                      agdb_error_t **reterr);

/* --- conn_hello.c --- */
bool agdb__conn_queue_hello(agdb__conn_t *conn);
/* The answer is complete. True: the introduction is over; false: more was asked, or DEAD. */
bool agdb__conn_take_hello(agdb__conn_t *conn);
/* The last part of the introduction of a new connection: measures the way to the server and back.
 * False: DEAD. */
bool agdb__conn_queue_way(agdb__conn_t *conn);
void agdb__conn_take_way(agdb__conn_t *conn);

/* --- conn_member.c --- */
void agdb__conn_drop_members(agdb__conn_t *conn);
/* There must be room. */
agdb__member_t *agdb__conn_add_member(agdb__conn_t *conn, uint64_t max_rows, uint64_t max_bytes);
/* Takes the last one back. */
void agdb__conn_remove_member(agdb__conn_t *conn);
void agdb__conn_set_answer(agdb__conn_t *conn, agdb__member_t *member, struct pg_result *take_rows,
                           bool is_error);
/* The statement as the cache knows it, or as an earlier member of the group is preparing it. */
agdb__stmt_t *agdb__conn_find_stmt(agdb__conn_t *conn, const agdb__stmt_key_t *key);
/* Of the member's `pending`: it is known to the server; it is not. */
void agdb__conn_stmt_prepared(agdb__conn_t *conn, agdb__member_t *member);
void agdb__conn_stmt_not_prepared(agdb__conn_t *conn, agdb__member_t *member);
/* The plan or the name that the member runs is of no use any more. */
void agdb__conn_stmt_stale(agdb__conn_t *conn, agdb__member_t *member, bool is_on_server);
/* Before sending: forgets the victims that were dropped. */
void agdb__conn_pack_victims(agdb__conn_t *conn);

/* --- conn_queue.c --- */
/* For a statement, hello and identity there is one member from the beginning. */
void agdb__conn_begin_work(agdb__conn_t *conn, agdb__work_t work);
/* `queued` is what libpq returned for the command. Here and below: false when libpq has no memory
 * or no connection. */
bool agdb__conn_add_step(agdb__conn_t *conn, int queued, agdb__step_kind_t kind, size_t of);
/* Queues a statement without parameters (the ANSWER is that of the last member). */
bool agdb__conn_queue_sql(agdb__conn_t *conn, const char *sql, agdb__step_kind_t kind);
bool agdb__conn_queue_sync(agdb__conn_t *conn);
/* Ahead of the first statement: what the session has to be rid of, and its mode. Nothing behind a
 * PgBouncer. */
bool agdb__conn_queue_head(agdb__conn_t *conn, bool read_only, uint32_t lock_ms);
agdb__stmt_key_t agdb__conn_key_of(const agdb__conn_t *conn, const agdb__statement_t *statement,
                                   const agdb__params_t *p);
/* What the text is, decided once for each that is cached. */
agdb__statement_class_t agdb__conn_look_up(agdb__conn_t *conn, const agdb__stmt_key_t *key,
                                           agdb__stmt_t **ret);
/* The last member's statement, prepared when that pays. */
bool agdb__conn_queue_member(agdb__conn_t *conn, const agdb__stmt_key_t *key,
                             const agdb__params_t *p);
/* Behind a PgBouncer nothing may stay in the session: reads are wrapped into a transaction. */
bool agdb__conn_queue_read_begin(agdb__conn_t *conn);
bool agdb__conn_queue_read_end(agdb__conn_t *conn);
void agdb__conn_flush(agdb__conn_t *conn);

/* --- conn_send.c --- */
/* What was asked last could not be queued; LOST or NOMEM, as the connection's error. */
agdb_status_t agdb__conn_die_unsent(agdb__conn_t *conn);
/* The same, with that error for the caller: what he asked is not sent. */
agdb_status_t agdb__conn_fail_unsent(agdb__conn_t *conn, agdb_error_t **reterr);
agdb_status_t agdb__conn_fail_unusable(const agdb__conn_t *conn, agdb_error_t **reterr);
void agdb__conn_go_in_flight(agdb__conn_t *conn);
/* Whether a statement of this class may be sent alone; if not, the error of why. */
agdb_status_t agdb__conn_check_class(const agdb__conn_t *conn, agdb__statement_class_t kind,
                                     const char *sql, agdb_error_t **reterr);

/* --- conn_fresh.c --- */
/* In SQL: where a primary writes next, in bytes, and its timeline. The log's next free byte lies
 * behind the header of its page (24 bytes, 40 at the beginning of a segment) when nothing is on
 * that page yet; a replica that has replayed everything says where the page begins. */
#define AGDB__INSERT_FROM                                                                          \
    "(SELECT pg_current_wal_insert_lsn() AS lsn OFFSET 0) l, pg_walfile_name_offset(l.lsn) w"
#define AGDB__INSERT_LSN                                                                           \
    "l.lsn - '0/0'::pg_lsn - CASE WHEN w.file_offset = 40 THEN 40"                                 \
    " WHEN w.file_offset % 8192 = 24 THEN 24 ELSE 0 END"
#define AGDB__INSERT_TIMELINE "('x' || substr(w.file_name, 1, 8))::bit(32)::bigint"
/* Ahead of the last member, in its transaction, if it needs one; behind it, in one of its own. */
bool agdb__conn_queue_guard(agdb__conn_t *conn, const agdb__position_t *at_least);
bool agdb__conn_queue_position(agdb__conn_t *conn);
/* What came of them. */
void agdb__conn_take_guard(agdb__conn_t *conn, size_t of, struct pg_result *take_rows);
void agdb__conn_take_position(agdb__conn_t *conn, struct pg_result *take_rows);
/* A guard has failed: whether the member was not executed because of it. */
bool agdb__conn_is_behind(const agdb__conn_t *conn, const agdb__member_t *member);
agdb_status_t agdb__conn_fail_behind(agdb__member_t *member, agdb_error_t **reterr);

/* --- conn_once.c --- */
/* A write in a transaction of its own, with its key ahead of it: a group of one. */
bool agdb__conn_queue_once(agdb__conn_t *conn, const agdb__statement_t *statement,
                           const agdb__stmt_key_t *key, const agdb__params_t *p);
/* The key alone, inside a transaction. */
bool agdb__conn_queue_key(agdb__conn_t *conn, const agdb__once_t *once);
agdb_status_t agdb__conn_fail_reused(agdb_error_t **reterr);
/* Adds what to do when the table of the keys is not there. */
void agdb__conn_explain_once(agdb_error_t **error);
void agdb__conn_take_once(agdb__conn_t *conn, struct pg_result *take_rows);
/* Instead of agdb__conn_receive. */
agdb_status_t agdb__conn_receive_once(agdb__conn_t *conn, struct pg_result **ret_rows,
                                      agdb_error_t **reterr);

/* --- conn_group.c --- */
/* Ahead of all that may fail: BEGIN and COMMIT are prepared. */
bool agdb__conn_prepare_tx(agdb__conn_t *conn);
/* BEGIN; the COMMIT of a member and a Sync. */
bool agdb__conn_queue_begin(agdb__conn_t *conn);
bool agdb__conn_queue_commit(agdb__conn_t *conn, size_t of);
/* All was answered: sends a ROLLBACK when a transaction was left open that must not be. True: there
 * is more to wait for, or the connection is DEAD. */
bool agdb__conn_roll_back(agdb__conn_t *conn);

/* --- conn_answer.c --- */
/* The member's answer is an error, or the rows count: gives them or makes the error. */
agdb_status_t agdb__conn_take_out(agdb__conn_t *conn, agdb__member_t *member,
                                  struct pg_result **ret_rows, agdb_error_t **reterr);
/* DEAD: the connection's error, with this outcome of the request. */
void agdb__conn_fail_dead(const agdb__conn_t *conn, agdb_outcome_t outcome, agdb_error_t **reterr);
/* The server has answered COMMIT with ROLLBACK; its words are a tag only. */
void agdb__conn_fail_rolled_back(agdb_error_t **reterr);
/* READY or DEAD: everything that will come has come. */
bool agdb__conn_is_over(const agdb__conn_t *conn);

/* --- conn_tx.c --- */
/* All was answered: whether its transaction must be rolled back. */
bool agdb__conn_tx_must_roll_back(const agdb__conn_t *conn);
/* READY: whether the transaction's state is what it should be. */
bool agdb__conn_tx_is_sound(agdb__conn_t *conn);

/* --- conn_stream.c --- */
/* Ahead of whatever libpq is asked for next: whether it may be asked. Not while a row is there. */
bool agdb__conn_stream_goes_on(agdb__conn_t *conn);
/* Whether it is a row of a stream; it is taken then, and the connection DEAD if it is too big. */
bool agdb__conn_keep_row(agdb__conn_t *conn, agdb__step_t step, struct pg_result *take_row);

/* --- conn_copy.c --- */
/* Goes on with a COPY. True: it is over, and the connection as ready for a statement as before. */
bool agdb__conn_copy_step(agdb__conn_t *conn);
void agdb__conn_copy_drop(agdb__conn_t *conn);

/* --- conn_receive.c --- */
/* Takes what has been read from the socket. */
void agdb__conn_drain(agdb__conn_t *conn);
/* Reads and checks what has come. True when all steps are done. */
bool agdb__conn_read(agdb__conn_t *conn);
/* Of the member whose answer is being read. */
size_t agdb__conn_at_member(const agdb__conn_t *conn);

#endif
