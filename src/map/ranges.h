/* Slots: as the text of a map, and as sets. */
#ifndef AGDB_MAP_RANGES_H
#define AGDB_MAP_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number, or two with '-' between, as they stand: the order is not checked. */
bool agdb__range_parse(const char *text, size_t len, uint32_t *first, uint32_t *last);
/* Room for two numbers of 32 bits. */
enum { AGDB__RANGE_SIZE = 24 };
/* "5" or "5-9" */
const char *agdb__range_text(char buf[AGDB__RANGE_SIZE], uint32_t first, uint32_t last);

/* A set of slots: one bool for each of the map's. */

/* The first run in it from `*first` on; false: there is none. */
bool agdb__range_next(const bool *set, uint32_t slots, uint32_t *first, uint32_t *last);
size_t agdb__range_count(const bool *set, uint32_t slots);
/* "0-1023, 2048", as a command's user writes it, commas or spaces between. Returns the first word
 * that is no range of the map's slots, or NULL when all are in the set. */
const char *agdb__range_read(const char *text, uint32_t slots, bool *ret_set, size_t *ret_len);
/* Takes `count` of them out of `from` and into `to`: whole runs from the end as far as they fit,
 * and the end of one more. */
void agdb__range_move(bool *from, bool *to, uint32_t slots, size_t count);

#endif
