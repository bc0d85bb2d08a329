#include "exec/tally.h"

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

void agdb__tally_whose(agdb__shard_tally_t *shard, agdb_bytes_t agency, const char *tag,
                       uint64_t total_us)
{
    if (agency.len > 0)
        agdb__ranks_note(shard->agencies, agency.data, agency.len, total_us);
    if (tag != NULL)
        agdb__ranks_note(shard->tags, tag, strnlen(tag, AGDB__RANK_NAME), total_us);
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
