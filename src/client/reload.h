/* From a map that somebody has read to the one in use. Reading is done wherever it may block; the
 * keeper, alone, decides whether the map may replace the current one, lays it out and publishes. */
#ifndef AGDB_CLIENT_RELOAD_H
#define AGDB_CLIENT_RELOAD_H

#include "agencydb/client.h"
#include "base/sync.h"
#include "client/lookout.h"

typedef struct agdb__reload_ask agdb__reload_ask_t;

typedef struct agdb__reload {
    agdb__mutex_t lock;
    agdb__cond_t answered;
    bool has_lock;
    agdb__reload_ask_t *asks; /* under the lock, the oldest first */
} agdb__reload_t;

/* False: no memory. */
bool agdb__reload_init(agdb__reload_t *reload);
void agdb__reload_fini(agdb__reload_t *reload);

/* Takes the map, also on failure, and waits until it is in use or refused: AGDB_E_MAP_STALE,
 * AGDB_E_NOMEM, AGDB_E_CLOSING. The caller is inside an edition, and not the keeper. */
agdb_status_t agdb__reload_ask(agdb_t *db, agdb_map_t *take_map, agdb_error_t **reterr);

/* --- the keeper's --- */

/* The first map of all: nothing is in use, and no keeper runs. Takes the map, also on failure. */
agdb_status_t agdb__reload_first(agdb_t *db, agdb_map_t *take_map, agdb_error_t **reterr);
/* The map's file was read on request: puts the map in use, or says why not. What it takes of the
 * sight is gone from there. */
agdb_status_t agdb__reload_sight(agdb_t *db, agdb__sight_t *sight, agdb_error_t **reterr);
/* Answers those who ask, and looks after the file. */
void agdb__reload_step(agdb_t *db, uint64_t now_us);

#endif
