/* libagencydb: agency keys to PostgreSQL shards, one query call.
 *
 * The whole life cycle:
 *
 *     agdb_t *db = NULL;
 *     agdb_error_t *err = NULL;
 *     agdb_result_t *res = NULL;
 *
 *     if (agdb_open("shardmap.yaml", NULL, &db, &err) != AGDB_OK)       // waits for no server
 *         die(agdb_error_message(err));
 *
 *     if (agdb_query(db, AGDB_REQUEST(.key = agdb_key("epa"),           // which agency
 *                                     .sql = "SELECT site, pm25 FROM air_reading"
 *                                            " WHERE agency = $1 AND day = $2",
 *                                     AGDB_PARAMS(agdb_text("epa"), agdb_text("2026-11-23")),
 *                                     .access = AGDB_READ_REPLICA_OK,   // may lag a little
 *                                     .timeout_ms = 200),               // for all of it
 *                    &res, &err) == AGDB_OK) {
 *         for (size_t i = 0; i < agdb_result_rows(res); i++)
 *             printf("%s %s\n", agdb_result_text(res, i, 0), agdb_result_text(res, i, 1));
 *     } else {
 *         fprintf(stderr, "%s (%s)\n", agdb_error_message(err),         // names shard and node
 *                 agdb_outcome_name(agdb_error_outcome(err)));          // what became of it
 *     }
 *     agdb_result_free(res);
 *     agdb_error_clear(&err);
 *     agdb_close(db, 1000);
 *
 * Rules that hold everywhere: input is copied or only used until the call returns; `ret` outputs
 * are owned by the caller and freed by the _free of their type; texts from accessors are borrowed
 * from their object. Each type and function says which threads may use it:
 *   @threads any     from any thread, at any time
 *   @threads one     one thread at a time
 *   @threads frozen  immutable after creation: share it freely, free it once
 *
 * Include this file only: the names of the topic files below may change. */
#ifndef AGENCYDB_H
#define AGENCYDB_H

/* The order in which a new user meets them. */
/* clang-format off */
#include "agencydb/version.h"
#include "agencydb/base.h"
#include "agencydb/error.h"
#include "agencydb/session.h"
#include "agencydb/scatter.h"
#include "agencydb/request.h"
#include "agencydb/result.h"
#include "agencydb/log.h"
#include "agencydb/map.h"
#include "agencydb/trace.h"
#include "agencydb/client.h"
#include "agencydb/tx.h"
#include "agencydb/loop.h"
#include "agencydb/listen.h"
#include "agencydb/stream.h"
#include "agencydb/copy.h"
#include "agencydb/status.h"
#include "agencydb/metrics.h"
/* clang-format on */

#endif
