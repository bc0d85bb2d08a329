/* What is told of a call that took longer than `log.slow` of the map, and advice that follows from
 * many calls. Values of requests are never told, statements not either: their tag is. */
#ifndef AGDB_EXEC_SLOW_H
#define AGDB_EXEC_SLOW_H

#include "exec/call.h"

/* If it was slow. AGDB_OK, or what it has failed with. */
void agdb__slow_tell(const agdb__call_t *call, agdb_status_t status, const agdb_timing_t *timing);

/* The line of a record: `slow 812 ms epa readings.list east-1/db-e2 queue 3 connect 0 exec 809
 * group 1`, with what there is besides at its place. */
void agdb__slow_line(const agdb_log_record_t *record, char *ret, size_t size);

#endif
