/* What bytes may stand where. */
#ifndef AGDB_MAP_TEXT_H
#define AGDB_MAP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the first character when it is valid UTF-8 and no control character; else 0. */
size_t agdb__text_printable(const char *text, size_t len);
/* Whether all of it is. */
bool agdb__text_is_printable(const char *text, size_t len);
/* Whether all of it is UTF-8, control characters or not, but no NUL. */
bool agdb__text_is_utf8(const void *text, size_t len);
/* Where the first byte is that may not stand in a map file, and why; -1: nowhere. */
long agdb__text_find_bad(const char *text, size_t len, const char **ret_why);
/* 1 to 63 of A-Z a-z 0-9 _ . -, with no . or - in front */
bool agdb__text_is_name(const char *text, size_t len);
/* The decimal digits in front, as a number; too large ones become UINT64_MAX. Returns how many
 * there are. */
size_t agdb__text_digits(const char *text, size_t len, uint64_t *ret);
/* The value of a hex digit; -1: it is none. */
int agdb__text_hex(char c);
/* Whether a YAML tool would read this plain scalar as something else than text. */
bool agdb__text_is_rewritten(const char *text, size_t len);

#endif
