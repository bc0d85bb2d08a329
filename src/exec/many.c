#include "exec/many.h"

#include "base/error.h"
#include "exec/driver.h"

static void run_all(agdb__driver_t *driver, agdb__many_item_t *items, size_t count,
                    uint64_t start_us)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (items[i].shard != NULL)
            agdb__driver_add(driver, &items[i].task, items[i].shard, &items[i].request, start_us);
    while (driver->live > 0) {
        agdb__driver_step(driver, AGDB__NEVER);
        while (agdb__driver_take_done(driver) != NULL)
            continue;
        agdb__driver_rest(driver);
    }
}

agdb_status_t agdb__many_run(agdb__many_item_t *items, size_t count, uint64_t start_us,
                             agdb_error_t **reterr)
{
    agdb_status_t st = AGDB_E_NOMEM;
    agdb__poll_poller_t poller = {.room = 0};
    agdb__driver_t driver;
    agdb__bell_t bell;

    if (!agdb__bell_init(&bell))
        return agdb__fail(reterr, AGDB_E_NOMEM,
                          "no event descriptor: the process has too many open");
    agdb__driver_init(&driver, &bell, &poller.base);
    if (!agdb__poll_poller_init(&poller, &bell) || !agdb__driver_reserve(&driver, count)) {
        (void)agdb__fail_nomem(reterr);
        goto out;
    }
    run_all(&driver, items, count, start_us);
    st = AGDB_OK;
out:
    agdb__driver_fini(&driver);
    agdb__poll_poller_fini(&poller);
    agdb__bell_fini(&bell);
    return st;
}
