/* Connections that do what a test says, in place of pg/conn.c: for tests of pools, probes and
 * requests without a server. Time is the test's. */
#ifndef AGDB_TESTS_FAKE_CONN_H
#define AGDB_TESTS_FAKE_CONN_H

#include "pg/conn.h"
#include "pg/conn_tx.h"

#include <stdatomic.h>

/* A COPY, and the question what became of one. By default each step is answered at once. */
typedef struct fake_copy {
    agdb_status_t refuse;         /* not OK: the COPY, or the question, cannot be sent */
    agdb__copy_phase_t stalls_at; /* the server says nothing in this phase; NONE: it does in all */
    agdb__copy_phase_t fails_at;  /* the server's error 23505 comes in this phase */
    agdb__copy_phase_t dies_at;   /* the connection is lost in this phase */
    bool full;                    /* what was put has not left: no more is taken */
    agdb__copy_mark_t mark;
    uint64_t line;      /* that the error is about */
    char put[512];      /* kept by the fake: what was put, of all copies */
    char ended[64];     /* kept by the fake: "C" for each commit asked for, "R" for a rollback */
    unsigned begun;     /* counted by the fake */
    bool ask_stalls;    /* the question is not answered */
    bool ask_dies;      /* its connection is lost */
    bool ask_is_denied; /* the server's error instead */
    agdb__copy_fate_t fate;
    unsigned asked; /* counted by the fake */
} fake_copy_t;

typedef struct fake_script {
    bool stall;           /* new connections stay in CONNECTING */
    agdb_status_t refuse; /* not OK: new connections die with it */
    const char *refuse_sqlstate;
    const char *refuse_message;   /* NULL: some text */
    agdb__hello_t hello;          /* what servers say */
    uint64_t way_us;              /* how far they are */
    bool replayed;                /* a write had happened before */
    agdb__position_t position;    /* where a write has ended, when that is wanted */
    void (*when_looked_at)(void); /* while the owner asks whether a connection is alive; or NULL */
    bool dead_when_probed;        /* a probe of a standing connection ends in LOST */
    atomic_uint opened;           /* counted by the fake */
    atomic_uint closed;
    atomic_uint runs;
    /* What a statement does; NULL: succeeds with no rows. */
    agdb_status_t (*run)(agdb__conn_t *conn, const agdb__statement_t *statement,
                         agdb_error_t **reterr);
    /* What becomes of a group's member; NULL: answered, with no rows. After one that is not
     * answered the fake does as a server does: the rest is not executed. */
    agdb__member_fate_t (*member)(const char *sql, agdb_error_t **reterr);
    /* Transactions: the same for each statement, and for "COMMIT"; what was sent is noted in `tx`:
     * "BEGIN a b | c COMMIT | ", and "ROLLBACK | ". */
    char tx[2048];
    bool key_is_there;                                 /* of a transaction's `once` */
    struct pg_result *(*take_row)(agdb__conn_t *conn); /* NULL: no rows ever */
    unsigned dropped;   /* streams that were left; counted by the fake */
    atomic_uint groups; /* counted by the fake */
    atomic_uint members;
    bool never_answers;        /* what is sent stays in flight, until fake_answer_held */
    const char *silent_node;   /* and so it does on this node; NULL: on none */
    agdb_status_t refuse_send; /* not OK: what is sent alone or added to a group fails with it */
    bool die_when_sent;        /* and the connection with it */
    agdb__conn_t *held[64];
    unsigned nheld;
    char wishes[512];        /* kept by the fake: "+a -b " for LISTEN a, UNLISTEN b */
    unsigned pings;          /* counted by the fake */
    const char *refused;     /* LISTEN of this channel is; NULL: of none */
    const char *heard[8][2]; /* channel and payload: heard in the next look, then forgotten */
    unsigned nheard;
    bool dead_when_heard;                            /* behind that the stream has ended */
    bool can_be_left;                                /* what is in flight */
    bool was_cancelled;                              /* what was left, as the server says */
    struct pg_result *(*answer)(agdb__conn_t *conn); /* rows of a statement; NULL: none */
    fake_copy_t copy;
} fake_script_t;

extern fake_script_t g_fake;

void fake_reset(void);
/* What never_answers has kept is answered now. */
void fake_answer_held(void);
/* Makes a connection look unclean, dead while idle, or in another mode. */
void fake_set_clean(agdb__conn_t *conn, bool clean);
void fake_set_alive(agdb__conn_t *conn, bool alive);
const char *fake_node(const agdb__conn_t *conn);

#endif
