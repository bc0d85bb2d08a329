#include "map/hash.h"

#include <xxhash.h>

uint64_t agdb__hash_key(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}

agdb__digest_t agdb__hash_text(const void *data, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits(data, len);

    return (agdb__digest_t){.high = hash.high64, .low = hash.low64};
}
