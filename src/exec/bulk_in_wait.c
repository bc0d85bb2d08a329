/* Going on with all legs of a load, and what ends it from outside. */
#include "exec/bulk_in_impl.h"

#include "base/clock.h"
#include "base/error.h"

enum {
    YIELD_US = 100000, /* waiting so long for a connection, the others are given back */
    TELL_US = 100000
};

/* --- waiting ------------------------------------------------------------------------------------
 */

void agdb__bulk_in_step(agdb__bulk_in_t *b, uint64_t now_us)
{
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        agdb__leg_step(&b->legs[i], now_us);
    b->seen_us = now_us;
}

/* Whoever waits for a connection holds no other one for long. */
static void yield_to(agdb__bulk_in_t *b, uint64_t now_us)
{
    uint64_t since_us = AGDB__NEVER;
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        if (b->legs[i].state == AGDB__LEG_WANTING)
            since_us = agdb__min_us(since_us, b->legs[i].since_us);
    if (since_us == AGDB__NEVER)
        return;
    agdb__pollset_wake(&b->pollset, since_us + YIELD_US);
    for (i = 0; now_us >= since_us + YIELD_US && i < b->target.nshards; i++)
        b->legs[i].yield = b->legs[i].lease.conn != NULL;
}

bool agdb__bulk_in_has_failed(const agdb__bulk_in_t *b, const agdb__leg_t **ret)
{
    size_t i;

    for (i = 0; i < b->target.nshards; i++)
        if (b->legs[i].state == AGDB__LEG_FAILED) {
            *ret = &b->legs[i];
            return true;
        }
    return false;
}

void agdb__bulk_in_sleep(agdb__bulk_in_t *b, uint64_t now_us)
{
    size_t i;

    agdb__pollset_clear(&b->pollset);
    yield_to(b, now_us);
    for (i = 0; i < b->target.nshards; i++)
        if (b->legs[i].yield) /* it may be able to go on at once */
            agdb__leg_step(&b->legs[i], now_us);
    agdb__pollset_add(&b->pollset, b->bell.fd, POLLIN);
    for (i = 0; i < b->target.nshards; i++)
        agdb__leg_poll(&b->legs[i], &b->pollset);
    agdb__pollset_wait(&b->pollset);
    (void)agdb__bell_hush(&b->bell, true);
}

/* --- progress, closing --------------------------------------------------------------------------
 */

static void fill_progress(const agdb__bulk_in_t *b, agdb_copy_progress_t *p)
{
    size_t i;

    *p = (agdb_copy_progress_t){.struct_size = sizeof *p,
                                .rows = b->last_row,
                                .bytes = b->last_byte,
                                .shards = (uint32_t)b->target.nshards};
    for (i = 0; i < b->target.nshards; i++) {
        p->committed += b->legs[i].committed;
        p->failed += b->legs[i].state == AGDB__LEG_FAILED;
    }
}

agdb_status_t agdb__bulk_in_stand_still(agdb__bulk_in_t *b, agdb_status_t st, const char *why)
{
    if (b->error == NULL) {
        (void)agdb__fail(&b->error, st, "%s", why);
        agdb__error_stage(&b->error, AGDB_STAGE_CHECK);
    }
    return st;
}

agdb_status_t agdb__bulk_in_tell(agdb__bulk_in_t *b, uint64_t now_us, bool last)
{
    agdb_copy_progress_t progress;
    bool go_on = true;

    if (b->call == NULL || (!last && now_us < b->told_us + TELL_US))
        return AGDB_OK;
    b->told_us = now_us;
    fill_progress(b, &progress);
    b->calling = true;
    b->call(b->call_user, &progress, &go_on);
    b->calling = false;
    return go_on || last
               ? AGDB_OK
               : agdb__bulk_in_stand_still(b, AGDB_E_CANCELLED, "the progress callback said so");
}

agdb_status_t agdb__bulk_in_look_around(agdb__bulk_in_t *b, uint64_t now_us)
{
    const agdb__leg_t *failed;

    if (agdb__gate_is_closed(b->target.gate))
        return agdb__bulk_in_stand_still(b, AGDB_E_CLOSING, "the client is closing");
    if (b->options.stop_on_failure && agdb__bulk_in_has_failed(b, &failed)) {
        (void)agdb__bulk_in_stand_still(
            b, AGDB_E_PARTIAL, failed->error != NULL ? failed->error->message : "out of memory");
        return AGDB_E_PARTIAL;
    }
    return agdb__bulk_in_tell(b, now_us, false);
}
