/* What the load has seen since it was last asked: answers by kind, errors, and the shard's
 * primaries as events tell of them. @threads any */
#ifndef AGDB_TESTS_TALLY_H
#define AGDB_TESTS_TALLY_H

#include "agencydb.h"

/* Writes are those below READ. */
typedef enum kind {
    PLAIN,      /* neither of the next two */
    IDEMPOTENT, /* as `.idempotent` says */
    KEYED,      /* with an idempotency key */
    RUN,        /* two statements of agdb_run, once */
    SESSION,    /* plain, with a session */
    READ,
    READ_REPLICA,
    READ_SESSION, /* of what a SESSION has written */
    KINDS
} kind_t;

/* One call that came back. */
typedef struct answer {
    kind_t kind;
    agdb_status_t status;
    const agdb_error_t *error;
    const agdb_result_t *res;
    uint64_t start_us;
    bool stale;   /* the read did not show what its token stands for */
    bool crossed; /* the token is of another timeline than the last write's */
} answer_t;

bool tally_open(void);
const char *tally_name(kind_t kind);

/* Of thread `number`. */
void tally_answer(unsigned number, const answer_t *answer);
/* As agdb_options_t.event. */
void tally_event(const agdb_event_t *event, void *user);
/* Prints all as a line of JSON, and begins again. `threads`: how many there are. */
void tally_report(unsigned threads);

#endif
