/* What a client shows of itself, for callers and for its control socket. The one who asks is inside
 * the edition, or the keeper, for whom none goes away. */
#ifndef AGDB_API_SHOW_H
#define AGDB_API_SHOW_H

#include "agencydb/status.h"
#include "client/client.h"

/* Who is told, with the memory of the caller's own. */
typedef struct agdb__node_writer {
    agdb_node_fn each;
    void *user;
    const agdb_allocator_t *outer;
} agdb__node_writer_t;

typedef struct agdb__writer {
    agdb_text_fn write;
    void *user;
    const agdb_allocator_t *outer;
} agdb__writer_t;

void agdb__show_nodes(const agdb__layout_t *layout, const agdb__node_writer_t *to);
/* False: memory was out, something is missing. */
bool agdb__show_metrics(agdb_t *db, const agdb__edition_t *edition, const agdb__writer_t *to);
void agdb__show_dump(agdb_t *db, const agdb__edition_t *edition, agdb__buf_t *out);

/* What the control socket answers. The keeper's. */
void agdb__show(agdb_t *db, agdb__control_ask_t what, agdb__buf_t *out);

#endif
