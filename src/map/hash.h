/* The hash contract: XXH3, 64 bits, seed 0. Only hash.c knows the library behind it. */
#ifndef AGDB_MAP_HASH_H
#define AGDB_MAP_HASH_H

#include "map/model.h"

uint64_t agdb__hash_key(const void *data, size_t len);
agdb__digest_t agdb__hash_text(const void *data, size_t len); /* XXH3, 128 bits */

#endif
