/* What is told of a call that took longer than `log.slow` of the map, and advice that follows from
 * many calls. Values of requests are never told, statements not either: their tag is. */
#ifndef AGDB_EXEC_SLOW_H
#define AGDB_EXEC_SLOW_H

#include "exec/call.h"

/* If it was slow. AGDB_OK, or what it has failed with. */
void agdb__slow_tell(const agdb__call_t *call, agdb_status_t status, uint64_t exec_us,
                     uint64_t wait_us);

#endif
