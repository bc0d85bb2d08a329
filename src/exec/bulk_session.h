/* What a load means for a session. */
#ifndef AGDB_EXEC_BULK_SESSION_H
#define AGDB_EXEC_BULK_SESSION_H

#include "exec/bulk_in.h"

/* At its end: the session of the options, if there is one, is advanced behind what each shard has
 * committed, in a round trip for each of them; where that cannot be had, or nobody knows what is
 * committed, it reads from the primary. */
void agdb__bulk_tell_session(const agdb__bulk_in_t *b);

#endif
