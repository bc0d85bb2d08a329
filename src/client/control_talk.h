/* One conversation on the control socket: a line comes, a text goes. Bytes and times are given:
 * pure, but for the memory of the answer.
 *
 * The line is dump, metrics, status, reload or version, with a line feed. The answer's first line
 * is "ok" or "error <why>"; the rest, to the end of the stream, is the text that was asked for, or
 * a line for each further mistake. */
#ifndef AGDB_CLIENT_CONTROL_TALK_H
#define AGDB_CLIENT_CONTROL_TALK_H

#include "agencydb/error.h"
#include "base/buf.h"

typedef enum agdb__control_ask {
    AGDB__CONTROL_NOTHING = 0, /* not yet, or not in order */
    AGDB__CONTROL_DUMP,
    AGDB__CONTROL_METRICS,
    AGDB__CONTROL_STATUS,
    AGDB__CONTROL_RELOAD,
    AGDB__CONTROL_VERSION
} agdb__control_ask_t;

/* How long a line may be and take to come; how long the map's file may take; how long an answer may
 * be, not be read on, and take in all. */
enum {
    AGDB__TALK_LINE = 64,
    AGDB__TALK_LISTEN_MS = 3000,
    AGDB__TALK_RELOAD_MS = 30000,
    AGDB__TALK_ANSWER = 16 << 20,
    AGDB__TALK_STALL_MS = 3000,
    AGDB__TALK_SPEAK_MS = 30000
};

typedef enum agdb__talk_state {
    AGDB__TALK_OVER = 0,
    AGDB__TALK_LISTENS,
    AGDB__TALK_WAITS, /* for the map's file */
    AGDB__TALK_SPEAKS
} agdb__talk_state_t;

typedef struct agdb__talk {
    agdb__talk_state_t state;
    uint64_t until_us;
    uint64_t end_us; /* of the answer */
    char line[AGDB__TALK_LINE];
    size_t len;
    agdb__buf_t answer;
    const char *instead; /* of the answer, which could not be made */
    size_t sent;
} agdb__talk_t;

void agdb__talk_begin(agdb__talk_t *talk, uint64_t now_us);
/* Over, whatever was under way. */
void agdb__talk_end(agdb__talk_t *talk);

/* While it listens: `len` bytes have come, or (0) the other side has ended. What is asked, once;
 * what is not in order has its answer already. */
agdb__control_ask_t agdb__talk_hear(agdb__talk_t *talk, const void *data, size_t len,
                                    uint64_t now_us);
/* The map's file is being read. */
void agdb__talk_wait(agdb__talk_t *talk, uint64_t now_us);
/* The answer: what is added to the buffer that this returns, until agdb__talk_speak. */
agdb__buf_t *agdb__talk_ok(agdb__talk_t *talk);
void agdb__talk_speak(agdb__talk_t *talk, uint64_t now_us);
/* Or this is the answer. */
void agdb__talk_fail(agdb__talk_t *talk, const char *why, uint64_t now_us);
void agdb__talk_fail_with(agdb__talk_t *talk, const agdb_error_t *error, uint64_t now_us);

/* While it speaks: what is to be sent next, and that so much of it has gone. */
size_t agdb__talk_rest(const agdb__talk_t *talk, const char **ret);
void agdb__talk_sent(agdb__talk_t *talk, size_t len, uint64_t now_us);

/* Time goes by: who says nothing is told so, who does not read is left. */
void agdb__talk_look(agdb__talk_t *talk, uint64_t now_us);

#endif
