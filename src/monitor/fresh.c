#include "monitor/fresh.h"

agdb__fresh_t agdb__fresh(const agdb__position_t *need, const agdb__position_t *history,
                          const agdb__standing_t *nodes, uint32_t count, uint32_t replicas)
{
    agdb__fresh_t fresh = {0, 0, false};
    uint32_t i;

    fresh.ahead =
        need->system_identifier == history->system_identifier && need->timeline > history->timeline;
    if (need->lsn == 0 || !agdb__same_history(need, history))
        return fresh;
    for (i = 0; i < count; i++) {
        const uint32_t bit = (uint32_t)1 << i;

        if ((replicas & bit) == 0 || nodes[i].timeline != need->timeline)
            continue;
        if (nodes[i].lsn >= need->lsn)
            fresh.sure |= bit;
        else if (nodes[i].lacks == 0 || need->lsn < nodes[i].lacks)
            fresh.maybe |= bit;
    }
    return fresh;
}
