/* Lists of words, "a|b|c", and the one that was meant most likely. */
#ifndef AGDB_MAP_SUGGEST_H
#define AGDB_MAP_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

enum { AGDB__LIST_SIZE = 512, AGDB__WORD_MAX = 64 };

/* Which word it is, from 0; -1: none. */
int agdb__word_find(const char *words, const char *text, size_t len);
/* "a, b, c" */
const char *agdb__word_list(const char *words, char buf[AGDB__LIST_SIZE]);

/* The nearest of the names offered so far. */
typedef struct agdb__nearest {
    const char *text;
    size_t len;
    const char *name; /* NULL: none is near */
    size_t name_len;
    size_t distance;
    size_t offered; /* far too many are not looked at: this is a courtesy */
} agdb__nearest_t;

void agdb__nearest_offer(agdb__nearest_t *nearest, const char *name, size_t len);
void agdb__nearest_offer_words(agdb__nearest_t *nearest, const char *words);

#endif
