/* How a replica has served reads lately: which of several is asked, and which is left alone for a
 * while. Written by whoever has had an answer, without a lock: a lost update changes a grade a
 * little. @threads any */
#ifndef AGDB_EXEC_GRADE_H
#define AGDB_EXEC_GRADE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct agdb__grade {
    atomic_uint latency_us; /* moving average; 0: none yet */
    atomic_uint failures;   /* moving share of failed ones, of 1024 */
    atomic_uint ejections;  /* one after the other */
    atomic_ullong seen_us;  /* of the last answer */
    atomic_ullong out_until_us;
} agdb__grade_t;

/* It answered after `us`. */
void agdb__grade_good(agdb__grade_t *grade, uint64_t us, uint64_t now_us);
/* It failed. More than a third of late, and it is out: for 1 s, the next time 2, up to 30; what it
 * is then let in with makes that soon, unless it does well. */
void agdb__grade_bad(agdb__grade_t *grade, uint64_t now_us);
bool agdb__grade_is_out(const agdb__grade_t *grade, uint64_t now_us);
/* What a read there may cost, with so many calls waiting: to be compared. A latency that nobody has
 * seen again counts half as much with each second: else one slow answer would be the last. */
uint64_t agdb__grade_cost(const agdb__grade_t *grade, unsigned waiting, uint64_t now_us);

#endif
