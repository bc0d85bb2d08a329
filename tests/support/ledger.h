/* What became of each write, a byte each: what its caller was told, and where the servers have it.
 * An operation's entry is written by its own thread, then by who reads the servers. */
#ifndef AGDB_TESTS_LEDGER_H
#define AGDB_TESTS_LEDGER_H

#include <stddef.h>
#include <stdint.h>

typedef enum ledger_fate {
    LEDGER_NEVER = 0, /* there is no such operation */
    LEDGER_ACKNOWLEDGED,
    LEDGER_FAILED, /* rejected, or not sent */
    LEDGER_UNKNOWN
} ledger_fate_t;

typedef struct ledger {
    unsigned char *entry;
    size_t size;
    unsigned long strangers; /* rows that no operation of this ledger can have written */
} ledger_t;

typedef struct ledger_verdict {
    unsigned long acknowledged;
    unsigned long failed;
    unsigned long unknown;
    unsigned long happened; /* of the unknown ones */
    unsigned long lost;     /* acknowledged, and not there */
    unsigned long ghost;    /* failed, or never tried, and there */
    unsigned long dup;      /* there more than once */
    unsigned long foreign;  /* there, at another operation's place */
} ledger_verdict_t;

enum { LEDGER_PLACES = 4 };

void ledger_open(ledger_t *ledger, size_t size);
void ledger_close(ledger_t *ledger);

/* The operation was for `place` (a table of a shard, below LEDGER_PLACES). */
void ledger_note(ledger_t *ledger, size_t op, ledger_fate_t fate, unsigned place);
/* A row was found at `place`. */
void ledger_see(ledger_t *ledger, long long op, unsigned place);
ledger_verdict_t ledger_judge(const ledger_t *ledger);

#endif
