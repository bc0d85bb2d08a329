#include "monitor/samples.h"

void agdb__samples_add(agdb__samples_t *s, uint32_t timeline, uint64_t lsn, uint64_t at_us)
{
    if (s->timeline != timeline) {
        s->timeline = timeline;
        s->count = 0;
    }
    s->ring[s->next] = (agdb__sample_t){at_us, lsn};
    s->next = (s->next + 1) % AGDB__SAMPLES;
    if (s->count < AGDB__SAMPLES)
        s->count++;
}

/* The newest is 0. */
static const agdb__sample_t *nth(const agdb__samples_t *s, unsigned n)
{
    return &s->ring[(s->next + AGDB__SAMPLES - 1 - n) % AGDB__SAMPLES];
}

bool agdb__samples_bound(const agdb__samples_t *s, uint64_t now_us, uint64_t age_us,
                         uint64_t *ret_lsn)
{
    unsigned n;

    for (n = 0; n < s->count && nth(s, n)->at_us + age_us >= now_us; n++)
        *ret_lsn = nth(s, n)->lsn;
    return n > 0;
}

uint64_t agdb__samples_lag_us(const agdb__samples_t *s, uint32_t timeline, uint64_t lsn,
                              uint64_t now_us)
{
    unsigned n;

    if (timeline != s->timeline)
        return AGDB__LAG_UNKNOWN;
    for (n = 0; n < s->count; n++)
        if (nth(s, n)->lsn <= lsn)
            return now_us > nth(s, n)->at_us ? now_us - nth(s, n)->at_us : 0;
    return AGDB__LAG_UNKNOWN;
}

agdb__join_t agdb__samples_join(const agdb__samples_t *s, agdb__join_t before, uint64_t lsn,
                                uint64_t now_us, uint64_t age_us)
{
    uint64_t needed = 0;

    if (before == AGDB__JOIN_DONE)
        return before;
    if (s->count == 0)
        return AGDB__JOIN_TRUSTED;
    /* When the primary itself has not answered for so long, its last word but one has to do: what
     * it had not flushed when it died, no replica will ever have. */
    if (!agdb__samples_bound(s, now_us, age_us, &needed))
        needed = nth(s, s->count > 1 ? 1 : 0)->lsn;
    if (lsn >= needed)
        return AGDB__JOIN_DONE;
    /* Where the primary was so long ago is not known yet, only where it is now. */
    if (before == AGDB__JOIN_TRUSTED && now_us < nth(s, s->count - 1)->at_us + age_us)
        return AGDB__JOIN_TRUSTED;
    return AGDB__JOIN_AWAY;
}

uint64_t agdb__lateness_see(agdb__lateness_t *lateness, uint64_t lag_us, uint64_t limit_us,
                            uint64_t now_us)
{
    const bool known = lag_us != AGDB__LAG_UNKNOWN;

    if (known)
        lateness->shown_us = now_us - lag_us;
    else if (lateness->shown_us == 0)
        lateness->shown_us = now_us;
    lag_us = now_us - lateness->shown_us;
    if (lateness->late)
        lateness->late = !known || lag_us > limit_us / 2;
    else
        lateness->late = lag_us > limit_us;
    return lag_us;
}
