#include "exec/tally.h"

#include "base/rng.h"
#include "base/sync.h"

static unsigned place_of(agdb_access_t access)
{
    return (unsigned)access < AGDB__ACCESSES ? (unsigned)access : 0;
}

static unsigned place_of_status(agdb_status_t status)
{
    const unsigned n = (unsigned)(status < 0 ? -status : status);

    return n < AGDB__STATUSES ? n : AGDB__STATUSES - 1;
}

void agdb__tally_ok(agdb__node_tally_t *tally, agdb_access_t access, uint64_t exec_us,
                    uint64_t wait_us)
{
    agdb__tally_stripe_t *mine = &tally->stripe[agdb__thread_number() % AGDB__TALLY_STRIPES];

    agdb__histogram_note(&mine->execute[place_of(access)], exec_us);
    if (wait_us >= AGDB__WAIT_COUNTS_US)
        agdb__histogram_note(&mine->wait, wait_us);
}

void agdb__tally_failed(agdb__shard_tally_t *shard, agdb__node_tally_t *node, agdb_access_t access,
                        agdb_status_t status)
{
    atomic_ullong(*failed)[AGDB__STATUSES] = node != NULL ? node->failed : shard->failed;

    agdb__count(&failed[place_of(access)][place_of_status(status)]);
}

/* For how many calls this one stands; 0: it is not ranked. At random, because a program may repeat
 * a few calls in turn, and every eighth would always be the same one. */
static unsigned weight(uint64_t total_us)
{
    static _Thread_local unsigned calls;
    static _Thread_local agdb__rng_t rng;

    if (calls < AGDB__RANKED_FIRST) {
        calls++;
        return 1;
    }
    if (total_us >= AGDB__RANKED_SLOW_US)
        return 1;
    return agdb__rng_next(&rng) % AGDB__RANKED_ONE_OF == 0 ? AGDB__RANKED_ONE_OF : 0;
}

void agdb__tally_whose(agdb__shard_tally_t *shard, agdb_bytes_t agency, const char *tag,
                       uint64_t total_us)
{
    const unsigned calls = agency.len > 0 || tag != NULL ? weight(total_us) : 0;

    if (calls == 0)
        return;
    if (agency.len > 0)
        agdb__ranks_note(shard->agencies, agency.data, agency.len, calls, calls * total_us);
    if (tag != NULL)
        agdb__ranks_note(shard->tags, tag, strnlen(tag, AGDB__RANK_TAG), calls, calls * total_us);
}

/* --- reading -----------------------------------------------------------------------------------
 */

void agdb__tally_execute(const agdb__node_tally_t *tally, agdb_access_t access,
                         agdb__counted_t *ret)
{
    unsigned i;

    *ret = (agdb__counted_t){.count = 0};
    for (i = 0; i < AGDB__TALLY_STRIPES; i++)
        agdb__histogram_add_to(&tally->stripe[i].execute[place_of(access)], ret);
}

void agdb__tally_wait(const agdb__node_tally_t *tally, agdb__counted_t *ret)
{
    uint64_t calls = 0;
    unsigned access;
    unsigned i;

    *ret = (agdb__counted_t){.count = 0};
    for (i = 0; i < AGDB__TALLY_STRIPES; i++)
        agdb__histogram_add_to(&tally->stripe[i].wait, ret);
    for (access = 0; access < AGDB__ACCESSES; access++) {
        agdb__counted_t execute;

        agdb__tally_execute(tally, (agdb_access_t)access, &execute);
        calls += execute.count;
    }
    if (calls > ret->count) { /* read later than the waits */
        ret->bucket[0] += calls - ret->count;
        ret->count = calls;
    }
}
