/* Where in the text of a map something new goes, and what goes with something that leaves, so that
 * comments and all other lines stay as they are. Knows YAML's two styles, and nothing of maps.
 *
 * A block has an entry to a line, all from the same column. A new one stands behind the last line
 * of the one before it, with the comment lines that go with that: in a block's end those that are
 * not further left, inside of it those that are further right. A flow collection has brackets and
 * commas and may have an entry to a line, too: a new one follows the form of the one before it. */
#ifndef AGDB_MAP_LAYOUT_H
#define AGDB_MAP_LAYOUT_H

#include "map/splice.h"
#include "map/tree.h"

typedef struct agdb__layout {
    const char *text;
    size_t len;
    agdb__splices_t splices; /* what is to be done, so far */
} agdb__layout_t;

/* Puts an entry behind `after`, a child of `coll`; NULL: behind the last one. For a block it is
 * lines without their indentation, '\n' between them, with the dash of an item; for a flow it is
 * one line. Several in one place are one entry. Borrowed. */
void agdb__layout_add(agdb__layout_t *l, const agdb__tree_t *coll, const agdb__tree_t *after,
                      const char *entry);
/* Puts an entry before the child of `coll`, which stands behind `key`. */
void agdb__layout_add_before(agdb__layout_t *l, const agdb__tree_t *key, const agdb__tree_t *child,
                             const char *entry);
/* Takes the children out that are marked as dropped, with their lines where they have them to
 * themselves. A collection that is empty then becomes `[]` or `{}`. False: `key`, or a child, is
 * written in a form that this does not know. */
bool agdb__layout_drop(agdb__layout_t *l, const agdb__tree_t *key);
/* Takes a key of the whole document out, and in a block the empty line over it when there is
 * nothing any more that it would part. False: it is written in a form that this does not know. */
bool agdb__layout_drop_section(agdb__layout_t *l, const agdb__tree_t *root, agdb__tree_t *key);
/* Whether comments stand before or between the entries behind a key that are no entry's own: on
 * their lines. */
bool agdb__layout_has_remarks(const agdb__layout_t *l, const agdb__tree_t *key);
/* Another value for a scalar: `quoted` within its quotes, or `plain` when it has none. */
void agdb__layout_replace(agdb__layout_t *l, const agdb__tree_t *scalar, const char *quoted,
                          const char *plain);
/* Whether the line before the node's, and before the comment lines over that, is empty. */
bool agdb__layout_is_apart(const agdb__layout_t *l, const agdb__tree_t *node);

#endif
