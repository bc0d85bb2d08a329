/* Typed values out of the server's text form. Pure. */
#ifndef AGDB_PG_DECODE_H
#define AGDB_PG_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which types a getter takes (pg_type OIDs). */
bool agdb__type_is_int64(uint32_t oid);
bool agdb__type_is_double(uint32_t oid);
/* The type's SQL name for the common ones, else NULL. */
const char *agdb__type_name(uint32_t oid);

/* All return false when the text is not such a value from its first to its last character. */
bool agdb__decode_int64(const char *text, int64_t *ret);
bool agdb__decode_uint64(const char *text, uint64_t *ret);
bool agdb__decode_double(const char *text, double *ret);
bool agdb__decode_bool(const char *text, bool *ret);
/* Length of a bytea in hex form. */
bool agdb__decode_bytea_length(const char *text, size_t len, size_t *ret_len);
/* Decodes into `buf`, which has room for that length. */
bool agdb__decode_bytea(const char *text, size_t len, void *buf);

#endif
