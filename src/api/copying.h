/* What both ways of copying need at the border. */
#ifndef AGDB_API_COPYING_H
#define AGDB_API_COPYING_H

#include "agencydb/copy.h"
#include "client/client.h"

/* The shards that the options mean: the named one, the key's, or all of the keyspace; to be freed,
 * also on failure. */
agdb_status_t agdb__copying_shards(const agdb__edition_t *edition,
                                   const agdb_copy_options_t *options, size_t *ret_keyspace,
                                   agdb__shard_t ***ret, size_t *ret_count, agdb_error_t **reterr);

#endif
