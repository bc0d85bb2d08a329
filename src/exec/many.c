#include "exec/many.h"

#include "base/error.h"
#include "exec/driver.h"

static size_t count_tasks(const agdb__many_item_t *items, size_t count)
{
    size_t tasks = 0;
    size_t i;

    for (i = 0; i < count; i++)
        tasks += items[i].scatter != NULL ? agdb__scatter_legs(items[i].scatter) : 1;
    return tasks;
}

static void begin(agdb__driver_t *driver, agdb__many_item_t *item, uint64_t start_us)
{
    if (item->scatter != NULL)
        agdb__scatter_begin(item->scatter, driver, item, start_us);
    else if (item->shard != NULL)
        agdb__driver_add(driver, &item->task, item->shard, &item->request, start_us);
}

static void take_done(agdb__driver_t *driver)
{
    agdb__task_t *task;

    while ((task = agdb__driver_take_done(driver)) != NULL) {
        agdb__scatter_t *scatter = task->scatter;
        agdb__many_item_t *item;

        if (scatter == NULL || !agdb__scatter_took(scatter, driver, task))
            continue;
        item = agdb__scatter_owner(scatter);
        item->task.status = agdb__scatter_conclude(scatter, &item->task.result, &item->task.error);
    }
}

static void run_all(agdb__driver_t *driver, agdb__many_item_t *items, size_t count,
                    uint64_t start_us)
{
    size_t i;

    for (i = 0; i < count; i++)
        begin(driver, &items[i], start_us);
    while (driver->live > 0) {
        agdb__driver_step(driver, AGDB__NEVER);
        take_done(driver);
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
    if (!agdb__poll_poller_init(&poller, &bell) ||
        !agdb__driver_reserve(&driver, count_tasks(items, count))) {
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
