/* Counters of a client, as text for Prometheus and everything that reads its format. What each of
 * them is stands in examples/metrics/README.md. */
#ifndef AGENCYDB_METRICS_H
#define AGENCYDB_METRICS_H

#include "agencydb/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes all metrics in the Prometheus text format, version 0.0.4 (Content-Type: text/plain;
 * version=0.0.4). No I/O: the library serves no HTTP, the host's server sends the text. Counters
 * begin at 0 with the client and never go back, whatever maps come and go.
 * @param db      the client
 * @param write   gets the text piece by piece; must not call the library for this client
 * @param user    for it
 * @param reterr  may be NULL
 * @return AGDB_OK, AGDB_E_MISUSE, AGDB_E_NOMEM (what was written is not all), AGDB_E_CLOSING,
 *         AGDB_E_FORKED
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_metrics(agdb_t *db, agdb_text_fn write, void *user,
                                                 agdb_error_t **reterr);

#ifdef __cplusplus
}
#endif
#endif
