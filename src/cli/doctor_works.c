/* Who does how much on a shard, by service and tag. */
#include "cli/doctor_report.h"

#include <stdlib.h>

static cli_work_t *find(cli_works_t *works, const cli_session_t *session)
{
    const char *tag = session->tag != NULL ? session->tag : "";
    size_t i;

    for (i = 0; i < works->count; i++)
        if (strcmp(works->items[i].service, session->service) == 0 &&
            strcmp(works->items[i].tag, tag) == 0)
            return &works->items[i];
    works->items = cli_grow(works->items, works->count, sizeof *works->items);
    works->items[works->count] = (cli_work_t){.service = session->service, .tag = tag};
    return &works->items[works->count++];
}

static void count(cli_works_t *works, const cli_session_t *session)
{
    const bool runs = cli_session_runs(session);
    const bool waits = cli_session_is_in(session, "active") && !runs;
    const bool idles = session->state != NULL && strncmp(session->state, "idle in", 7) == 0;
    cli_work_t *work;

    if (cli_session_is_in(session, "idle"))
        return;
    work = find(works, session);
    work->running += runs;
    work->waiting += waits;
    work->idle_in_transaction += idles;
    work->hidden += session->state == NULL;
    if ((runs || waits || idles) &&
        (work->longest == NULL || session->state_ms > work->longest->state_ms))
        work->longest = session;
}

static int by_load(const void *a, const void *b)
{
    const cli_work_t *left = a;
    const cli_work_t *right = b;
    const size_t l = left->running + left->waiting + left->idle_in_transaction;
    const size_t r = right->running + right->waiting + right->idle_in_transaction;
    const int order = strcmp(left->service, right->service);

    if (l != r)
        return l > r ? -1 : 1;
    return order != 0 ? order : strcmp(left->tag, right->tag);
}

cli_works_t cli_doctor_works(const cli_doctor_t *doctor)
{
    cli_works_t works = {0};
    size_t i;
    size_t s;

    for (i = 0; i < doctor->nodes.count; i++)
        for (s = 0; s < doctor->sessions[i].count; s++)
            count(&works, &doctor->sessions[i].items[s]);
    if (works.count > 0)
        qsort(works.items, works.count, sizeof *works.items, by_load);
    return works;
}
