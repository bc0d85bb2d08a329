#include "ledger.h"

#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>

/* An entry: bits 0-1 fate, 2-3 place, 4-5 how often it was seen there (3: or more), 6 seen
 * elsewhere. */
enum { FATE = 3, PLACE_SHIFT = 2, SEEN_SHIFT = 4, SEEN_MAX = 3, ELSEWHERE = 64 };

void ledger_open(ledger_t *ledger, size_t size)
{
    *ledger = (ledger_t){.entry = calloc(size, 1), .size = size};
    assert_non_null(ledger->entry);
}

void ledger_close(ledger_t *ledger)
{
    free(ledger->entry);
    ledger->entry = NULL;
}

void ledger_note(ledger_t *ledger, size_t op, ledger_fate_t fate, unsigned place)
{
    ledger->entry[op] = (unsigned char)((unsigned)fate | place << PLACE_SHIFT);
}

static unsigned seen(unsigned entry)
{
    return entry >> SEEN_SHIFT & SEEN_MAX;
}

void ledger_see(ledger_t *ledger, long long op, unsigned place)
{
    unsigned char *entry;

    if (op < 0 || (unsigned long long)op >= ledger->size) {
        ledger->strangers++;
        return;
    }
    entry = &ledger->entry[op];
    if ((*entry & FATE) != LEDGER_NEVER && (*entry >> PLACE_SHIFT & 3) != place)
        *entry |= ELSEWHERE;
    else if (seen(*entry) < SEEN_MAX)
        *entry = (unsigned char)(*entry + (1 << SEEN_SHIFT));
}

ledger_verdict_t ledger_judge(const ledger_t *ledger)
{
    ledger_verdict_t v = {.foreign = ledger->strangers};
    size_t op;

    for (op = 0; op < ledger->size; op++) {
        const unsigned entry = ledger->entry[op];
        const unsigned fate = entry & FATE;
        const bool there = seen(entry) > 0;

        v.acknowledged += fate == LEDGER_ACKNOWLEDGED;
        v.failed += fate == LEDGER_FAILED;
        v.unknown += fate == LEDGER_UNKNOWN;
        v.happened += fate == LEDGER_UNKNOWN && there;
        v.lost += fate == LEDGER_ACKNOWLEDGED && !there;
        v.ghost += (fate == LEDGER_FAILED || fate == LEDGER_NEVER) && there;
        v.dup += seen(entry) > 1;
        v.foreign += (entry & ELSEWHERE) != 0;
    }
    return v;
}
