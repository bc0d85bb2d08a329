/* Where a primary's log was at what time: what "at most so old" means, and how far a replica lags.
 * The server's own clocks do not tell: the last replayed commit is old on an idle primary, and
 * "received is replayed" is true of a replica that is cut off. Pure.
 *
 * A sample's time is that of the question, so its position holds at least what was committed by
 * then. */
#ifndef AGDB_MONITOR_SAMPLES_H
#define AGDB_MONITOR_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

/* Two minutes at a question a second. */
enum { AGDB__SAMPLES = 128 };
#define AGDB__LAG_UNKNOWN UINT64_MAX

typedef struct agdb__sample {
    uint64_t at_us;
    uint64_t lsn;
} agdb__sample_t;

typedef struct agdb__samples {
    uint32_t timeline;
    unsigned count;
    unsigned next;
    agdb__sample_t ring[AGDB__SAMPLES];
} agdb__samples_t;

/* Positions of another timeline are forgotten: they do not compare. */
void agdb__samples_add(agdb__samples_t *samples, uint32_t timeline, uint64_t lsn, uint64_t at_us);
/* What a replica must have replayed so that it shows the shard as it was at most `age_us` ago: the
 * oldest sample that is not older. False: there is none, nobody can know. */
bool agdb__samples_bound(const agdb__samples_t *samples, uint64_t now_us, uint64_t age_us,
                         uint64_t *ret_lsn);
/* A replica that has just come (back) must not answer reads with what it had when it left: it has
 * joined when it has shown the shard as it was `age_us` ago once. Timelines do not matter for that:
 * right after a failover a replica does not know its own. */
typedef enum agdb__join {
    AGDB__JOIN_AWAY = 0,
    AGDB__JOIN_TRUSTED, /* there is nothing to compare with yet: no primary has been seen, or not
                           for `age_us` */
    AGDB__JOIN_DONE
} agdb__join_t;
agdb__join_t agdb__samples_join(const agdb__samples_t *samples, agdb__join_t before, uint64_t lsn,
                                uint64_t now_us, uint64_t age_us);
/* How old what a replica shows may be, at most, in microseconds; LAG_UNKNOWN when no sample tells.
 */
uint64_t agdb__samples_lag_us(const agdb__samples_t *samples, uint32_t timeline, uint64_t lsn,
                              uint64_t now_us);
/* Whether a replica is late: over the limit, and until it is known to be back at half of it. What
 * was shown when the lag was known last grows older while it is not; right after the start, or a
 * failover, there is nothing to compare with yet. All zero: a replica from now on. */
typedef struct agdb__lateness {
    bool late;
    uint64_t shown_us; /* as of when it shows the shard, at best */
} agdb__lateness_t;
/* At one of its answers, with agdb__samples_lag_us. Returns its lag, or what it may be at least. */
uint64_t agdb__lateness_see(agdb__lateness_t *lateness, uint64_t lag_us, uint64_t limit_us,
                            uint64_t now_us);

#endif
