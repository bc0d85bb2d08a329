/* What agdb_metrics says of pools: what was counted since the client began, and what those of the
 * map in use are doing. */
#ifndef AGDB_API_METRICS_POOLS_H
#define AGDB_API_METRICS_POOLS_H

#include "api/metrics_text.h"
#include "client/books.h"
#include "client/topology.h"

void agdb__metrics_pools(const agdb__books_t *books, const agdb__layout_t *l, agdb__metrics_t *m);

#endif
