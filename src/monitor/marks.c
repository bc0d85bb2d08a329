#include "monitor/marks.h"

bool agdb__marks_init(agdb__marks_t *marks, uint32_t nnodes)
{
    *marks = (agdb__marks_t){.nnodes = nnodes};
    return agdb__mutex_init(&marks->lock);
}

void agdb__marks_fini(agdb__marks_t *marks)
{
    agdb__mutex_fini(&marks->lock);
}

void agdb__marks_set_history(agdb__marks_t *marks, uint64_t system_identifier, uint32_t timeline)
{
    agdb__lock(&marks->lock);
    marks->history.system_identifier = system_identifier;
    marks->history.timeline = timeline;
    agdb__unlock(&marks->lock);
}

void agdb__marks_set_node(agdb__marks_t *marks, uint32_t i, uint32_t timeline, uint64_t lsn)
{
    agdb__lock(&marks->lock);
    marks->node[i].timeline = timeline;
    marks->node[i].lsn = lsn;
    agdb__unlock(&marks->lock);
}

void agdb__marks_add_sample(agdb__marks_t *marks, uint32_t timeline, uint64_t lsn, uint64_t at_us)
{
    agdb__lock(&marks->lock);
    agdb__samples_add(&marks->samples, timeline, lsn, at_us);
    agdb__unlock(&marks->lock);
}

void agdb__marks_inherit(agdb__marks_t *marks, agdb__marks_t *from)
{
    agdb__lock(&from->lock);
    marks->history = from->history;
    marks->samples = from->samples;
    agdb__unlock(&from->lock);
}

agdb__fresh_t agdb__marks_fresh(agdb__marks_t *marks, const agdb__position_t *need,
                                uint32_t replicas, uint64_t now_us)
{
    agdb__standing_t nodes[AGDB__VIEW_NODES_MAX];
    agdb__fresh_t fresh;
    uint32_t i;

    agdb__lock(&marks->lock);
    for (i = 0; i < marks->nnodes; i++) {
        const agdb__mark_t *mark = &marks->node[i];

        nodes[i] = (agdb__standing_t){mark->timeline, mark->lsn,
                                      now_us < mark->lacks_until_us ? mark->lacks : 0};
    }
    fresh = agdb__fresh(need, &marks->history, nodes, marks->nnodes, replicas);
    agdb__unlock(&marks->lock);
    return fresh;
}

bool agdb__marks_are_of(agdb__marks_t *marks, const agdb__position_t *need)
{
    bool same;

    agdb__lock(&marks->lock);
    same = agdb__same_history(need, &marks->history);
    agdb__unlock(&marks->lock);
    return same;
}

bool agdb__marks_bound(agdb__marks_t *marks, uint64_t age_us, uint64_t now_us,
                       agdb__position_t *ret)
{
    bool known;

    agdb__lock(&marks->lock);
    *ret = marks->history;
    known = marks->samples.timeline == marks->history.timeline &&
            agdb__samples_bound(&marks->samples, now_us, age_us, &ret->lsn);
    agdb__unlock(&marks->lock);
    return known;
}

agdb__join_t agdb__marks_join(agdb__marks_t *marks, agdb__join_t before, uint64_t lsn,
                              uint64_t now_us, uint64_t age_us)
{
    agdb__join_t join;

    agdb__lock(&marks->lock);
    join = agdb__samples_join(&marks->samples, before, lsn, now_us, age_us);
    agdb__unlock(&marks->lock);
    return join;
}

void agdb__marks_fell_behind(agdb__marks_t *marks, uint32_t i, uint64_t lsn, uint64_t now_us)
{
    agdb__mark_t *mark = &marks->node[i];

    agdb__lock(&marks->lock);
    if (now_us >= mark->lacks_until_us || lsn < mark->lacks)
        mark->lacks = lsn;
    mark->lacks_until_us = now_us + AGDB__BEHIND_US;
    agdb__unlock(&marks->lock);
}

uint64_t agdb__marks_lag_us(agdb__marks_t *marks, uint32_t i, uint64_t now_us)
{
    uint64_t lag_us;

    agdb__lock(&marks->lock);
    lag_us =
        agdb__samples_lag_us(&marks->samples, marks->node[i].timeline, marks->node[i].lsn, now_us);
    agdb__unlock(&marks->lock);
    return lag_us;
}

uint32_t agdb__marks_timeline(agdb__marks_t *marks, uint32_t i)
{
    uint32_t timeline;

    agdb__lock(&marks->lock);
    timeline = marks->node[i].timeline;
    agdb__unlock(&marks->lock);
    return timeline;
}
