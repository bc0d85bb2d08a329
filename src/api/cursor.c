/* agencydb/stream.h: cursors. */
#include "exec/cursor.h"

#include "agencydb/stream.h"
#include "base/alloc.h"
#include "base/error.h"

agdb_status_t agdb_cursor_read(const char *text, size_t len, agdb_cursor_t **ret,
                               agdb_error_t **reterr)
{
    if (ret == NULL || (text == NULL && len > 0))
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_cursor_read needs a text and a place for the cursor");
    *ret = NULL;
    return len > 0 ? agdb__cursor_read(text, len, ret, reterr) : AGDB_OK;
}

agdb_value_t agdb_cursor_value(const agdb_cursor_t *cursor, size_t index)
{
    if (cursor == NULL || index >= cursor->count || cursor->value[index].text == NULL)
        return agdb_null();
    return agdb_text_n(cursor->value[index].text, cursor->value[index].len);
}

void agdb_cursor_free(agdb_cursor_t *cursor)
{
    agdb__free(cursor);
}
