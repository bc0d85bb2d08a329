/* What a listener was told, line by line, for tests that wait for it: "1 subscribed east-1",
 * "2 notified east-1 payload". Long payloads are shown by their length. */
#ifndef AGDB_TESTS_JOURNAL_H
#define AGDB_TESTS_JOURNAL_H

#include "agencydb.h"
#include "base/sync.h"

enum { JOURNAL_LINES = 4096, JOURNAL_LINE = 192 };

typedef struct journal {
    agdb__mutex_t lock;
    agdb__cond_t grown;
    size_t count;
    char line[JOURNAL_LINES][JOURNAL_LINE];
    char reason[JOURNAL_LINES][JOURNAL_LINE];
    char node[JOURNAL_LINES][64];
    char payload[8192]; /* the last */
    int pid;            /* of the last */
    bool holds;         /* the callback waits until it is let go */
    bool inside;
} journal_t;

journal_t *journal_new(void);
void journal_free(journal_t *journal);
/* The callback; `user` is the journal. */
void journal_write(const agdb_notification_t *notification, void *user);
/* The next callback stands still until it is let go. */
void journal_hold(journal_t *journal, bool hold);
/* Until a callback is inside. */
void journal_wait_inside(journal_t *journal);

/* Waits until so many lines are there; the test fails when that takes too long. */
void journal_wait(journal_t *journal, size_t count);
/* The number of lines now. */
size_t journal_count(journal_t *journal);
/* Whether that was the last payload. */
bool journal_ends_with(journal_t *journal, const char *payload);
/* Line `i`, from 0, is this, as soon as it is there. */
void journal_expect(journal_t *journal, size_t i, const char *line);
/* The line's number, kind and so on are checked by journal_expect: this is its reason. */
void journal_expect_reason(journal_t *journal, size_t i, const char *part);

#endif
