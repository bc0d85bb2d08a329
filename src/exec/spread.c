#include "exec/spread.h"

#include "pg/conn.h"

enum { WORTH_A_GROUP = 8, GROUPS_MAX = 4 };

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

agdb__spread_t agdb__spread_plan(const agdb__spread_load_t *load)
{
    size_t shorts = load->shorts + load->riding;
    size_t groups = at_most(divide_up(shorts, WORTH_A_GROUP), GROUPS_MAX);
    size_t loners = at_most(load->alones + load->loners, load->room);

    groups = at_most(groups, load->room);
    if (groups + loners > load->room) {
        groups = loners < load->room ? load->room - loners : 1;
        if (load->room > groups) /* else they take turns on the only one */
            loners = load->room - groups;
    }
    if (shorts == 0)
        groups = 0;
    return (agdb__spread_t){
        .groups = (unsigned)groups,
        .loners = (unsigned)loners,
        .share = groups > 0 ? at_most(divide_up(shorts, groups), AGDB__GROUP_MAX) : 0,
    };
}

agdb__turn_t agdb__spread_turn(const agdb__spread_load_t *load)
{
    agdb__spread_t plan = agdb__spread_plan(load);
    bool shorts = load->shorts > 0 && load->groups < plan.groups;
    bool alones = load->alones > 0 && load->loners < plan.loners;

    if (shorts && alones)
        return load->last_was_short ? AGDB__TURN_ALONE : AGDB__TURN_SHORT;
    if (shorts)
        return AGDB__TURN_SHORT;
    return alones ? AGDB__TURN_ALONE : AGDB__TURN_NONE;
}
