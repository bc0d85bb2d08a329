/* Text in double quotes, as both YAML and JSON read it; and keys of agencies as text. */
#ifndef AGDB_MAP_QUOTE_H
#define AGDB_MAP_QUOTE_H

#include "base/buf.h"
#include "map/model.h"

/* A double-quoted scalar. Bytes that are not UTF-8 become U+FFFD. */
void agdb__quote_json(agdb__buf_t *out, const char *text, size_t len);
/* The same with `$` doubled: the value of a map, which is expanded when it is loaded. */
void agdb__quote_value(agdb__buf_t *out, const char *text);

enum { AGDB__KEY_TEXT = 2 * AGDB_KEY_MAX + 8 };

/* A key as a map spells it: itself, or hex:... */
const char *agdb__key_text(const agdb__map_agency_t *agency, char buf[AGDB__KEY_TEXT]);

#endif
