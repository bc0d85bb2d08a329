/* Writes JSON into a buffer: commas, escapes and indentation are its business. Numbers are made of
 * digits here: the host's locale has no say. */
#ifndef AGDB_API_JSON_H
#define AGDB_API_JSON_H

#include "base/buf.h"

enum { AGDB__JSON_DEPTH = 16 };

/* Starts as zeroes but for `out`. */
typedef struct agdb__json {
    agdb__buf_t *out;
    unsigned depth;
    char close[AGDB__JSON_DEPTH];
    bool filled[AGDB__JSON_DEPTH];
} agdb__json_t;

/* `name` is NULL for elements of an array and at the top. `bracket` is '{' or '['. */
void agdb__json_open(agdb__json_t *json, const char *name, char bracket);
void agdb__json_close(agdb__json_t *json);
/* NULL is null. Bytes that are not UTF-8 become U+FFFD. */
void agdb__json_text(agdb__json_t *json, const char *name, const char *text);
void agdb__json_count(agdb__json_t *json, const char *name, uint64_t count);
void agdb__json_bool(agdb__json_t *json, const char *name, bool truth);
void agdb__json_null(agdb__json_t *json, const char *name);
/* Microseconds as milliseconds, or as seconds, with all digits; an age in seconds has three. */
void agdb__json_ms(agdb__json_t *json, const char *name, uint64_t us);
void agdb__json_s(agdb__json_t *json, const char *name, uint64_t us);
void agdb__json_age(agdb__json_t *json, const char *name, uint64_t us);

#endif
