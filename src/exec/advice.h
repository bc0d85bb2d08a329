/* Looks for call sites that could say more than they do. One advice for each tag. */
#ifndef AGDB_EXEC_ADVICE_H
#define AGDB_EXEC_ADVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* TAGS: of so many; further ones get no advice. AFTER: so many calls without an exception. */
enum { AGDB__ADVICE_TAGS = 256, AGDB__ADVICE_AFTER = 1000 };

typedef struct agdb__advice {
    struct {
        atomic_ullong hash;  /* of the tag; 0: nobody's */
        atomic_uint selects; /* in a row, or OVER */
    } tag[AGDB__ADVICE_TAGS];
} agdb__advice_t;

/* A call that may write was answered as by SELECT, or not. True once for each tag: it has been like
 * that AFTER times, and never otherwise. */
bool agdb__advice_note(agdb__advice_t *advice, const char *tag, bool is_select);

#endif
