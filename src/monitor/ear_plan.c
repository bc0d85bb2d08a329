/* The life of a listening connection:
 *
 *   NONE     Opened when somebody wants to hear something, the server is the primary of one of
 *            them, and the time to wait after the last failure is over.
 *   MAKING   Its own deadline ends it. Closed early when nobody wants it any more, or the server
 *            has lost its place meanwhile.
 *   QUIET    Asked for channels as they come and go; when nothing else is due, asked to show that
 *            it lives. It stays when the shard has no known primary: its own signs of life judge
 * it. ASKING   The deadline of the question ends it.
 *
 * And of a subscription:
 *
 *   NOT_YET  first LISTEN committed: SUBSCRIBED. Refused: LOST, once.
 *   STANDS   cut: LOST.
 *   AWAY     committed again: MISSED, always; nobody knows what was said meanwhile. */
#include "monitor/ear_plan.h"

#include "base/clock.h"

#include <string.h>

enum { FIRST_MS = 50, LAST_MS = 500, OVERLOAD_MS = 1000, PERSON_MS = 3000, DOUBLINGS = 4 };

static agdb__ear_deed_t decide_quiet(const agdb__ear_facts_t *facts, uint64_t now_us)
{
    if (facts->is_replica)
        return AGDB__EAR_GIVE_UP;
    if (now_us >= facts->ask_us)
        return AGDB__EAR_ASK;
    return now_us >= facts->ping_us ? AGDB__EAR_PING : AGDB__EAR_WAIT;
}

agdb__ear_deed_t agdb__ear_decide(const agdb__ear_facts_t *facts, uint64_t now_us)
{
    if (facts->state == AGDB__EAR_NONE)
        return facts->wanted && facts->may_open && now_us >= facts->open_us ? AGDB__EAR_OPEN
                                                                            : AGDB__EAR_WAIT;
    if (!facts->wanted)
        return AGDB__EAR_CLOSE;
    if (facts->state == AGDB__EAR_MAKING)
        return facts->may_open ? AGDB__EAR_WAIT : AGDB__EAR_CLOSE;
    return facts->state == AGDB__EAR_QUIET ? decide_quiet(facts, now_us) : AGDB__EAR_WAIT;
}

uint64_t agdb__ear_wake_us(const agdb__ear_facts_t *facts)
{
    if (facts->state == AGDB__EAR_NONE)
        return facts->wanted && facts->may_open ? facts->open_us : AGDB__NEVER;
    if (facts->state == AGDB__EAR_QUIET)
        return agdb__min_us(facts->ask_us, facts->ping_us);
    return AGDB__NEVER;
}

static bool needs_person(agdb_status_t status)
{
    return status == AGDB_E_AUTH || status == AGDB_E_TLS || status == AGDB_E_WRONG_SHARD ||
           status == AGDB_E_UNSUPPORTED;
}

uint64_t agdb__ear_backoff_ms(agdb__rng_t *rng, unsigned failures, agdb_status_t status,
                              const char *sqlstate)
{
    uint64_t ms = LAST_MS;

    if (strcmp(sqlstate, "53300") == 0)
        ms = OVERLOAD_MS;
    else if (needs_person(status) && failures > DOUBLINGS)
        ms = PERSON_MS;
    else if (failures <= DOUBLINGS)
        ms = (uint64_t)FIRST_MS << (failures > 0 ? failures - 1 : 0);
    return agdb__rng_jitter(rng, ms);
}

agdb__tidings_t agdb__hearing_step(agdb__hearing_t *hearing, agdb__heard_t heard)
{
    const agdb__hearing_t was = *hearing;

    switch (heard) {
    case AGDB__HEARD_CONFIRMED:
    case AGDB__HEARD_NOTIFIED:
        *hearing = AGDB__HEARING_STANDS;
        if (was == AGDB__HEARING_STANDS)
            return AGDB__TELL_NOTHING;
        return was == AGDB__HEARING_AWAY ? AGDB__TELL_MISSED : AGDB__TELL_SUBSCRIBED;
    case AGDB__HEARD_REFUSED:
        if (was == AGDB__HEARING_NOT_YET)
            *hearing = AGDB__HEARING_REFUSED;
        else if (was == AGDB__HEARING_STANDS)
            *hearing = AGDB__HEARING_AWAY;
        return *hearing != was ? AGDB__TELL_LOST : AGDB__TELL_NOTHING;
    case AGDB__HEARD_CUT:
        if (was != AGDB__HEARING_STANDS)
            return AGDB__TELL_NOTHING;
        *hearing = AGDB__HEARING_AWAY;
        return AGDB__TELL_LOST;
    }
    return AGDB__TELL_NOTHING;
}
