/* Which node a call goes to: fresh enough, of the own zone, in good health, and the less costly one
 * of two. */
#ifndef AGDB_EXEC_CHOICE_H
#define AGDB_EXEC_CHOICE_H

#include "exec/call.h"
#include "monitor/choose.h"

/* How soon a read that no replica was fresh enough for looks again, while there is no primary. */
enum { AGDB__LOOK_AGAIN_US = 50000 };

/* By this view, and not one of the nodes that were tried before. Notes in the call what it has
 * chosen, and what has to be proven there. */
agdb__choice_t agdb__call_choose(agdb__call_t *call, agdb__view_t view, uint64_t now_us);

#endif
