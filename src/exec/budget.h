/* How much the calls of a shard may be repeated: a part of what is asked, and a reserve for the
 * moment when a server goes. A sick shard is not made sicker by callers who all try again.
 *
 * A bucket: each call puts 1 in, each repetition of what a server has felt takes 10 out. So in the
 * long run repetitions add a tenth to the load, and at most RESERVE of them come at once (64
 * callers whose primary dies repeat two or three times each). A full bucket, the usual case, is
 * only read. */
#ifndef AGDB_EXEC_BUDGET_H
#define AGDB_EXEC_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>

enum { AGDB__BUDGET_COST = 10, AGDB__BUDGET_RESERVE = 500 };

/* Full when all is zero. @threads any */
typedef struct agdb__budget {
    atomic_int taken;
} agdb__budget_t;

void agdb__budget_earn(agdb__budget_t *budget);
/* Whether there is enough for one repetition; takes it. */
bool agdb__budget_spend(agdb__budget_t *budget);

#endif
