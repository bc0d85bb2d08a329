#include "pg/comment.h"

#include <stdio.h>
#include <string.h>

/* Unreserved characters of a URL stay, all others are written as %XX; so no text ends the comment.
 */
static void add_encoded(agdb__buf_t *out, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    const char *at;

    for (at = text; *at != '\0'; at++)
        if (strchr(plain, *at) != NULL)
            agdb__buf_add(out, at, 1);
        else
            agdb__buf_printf(out, "%%%02X", (unsigned)(unsigned char)*at);
}

/* Keys stand in the order of their bytes. */
void agdb__comment(agdb__buf_t *out, const char *sql, const char *tag, const char *service)
{
    agdb__buf_text(out, sql);
    if (strstr(sql, "/*") != NULL)
        return;
    /* behind a comment that goes to the end of its line it would be lost */
    agdb__buf_text(out, strstr(sql, "--") != NULL ? "\n/*action='" : " /*action='");
    add_encoded(out, tag);
    agdb__buf_text(out, "',application='");
    add_encoded(out, service);
    agdb__buf_text(out, "',db_driver='libagencydb'*/");
}

void agdb__comment_epoch(char buf[AGDB__COMMENT_EPOCH], uint64_t epoch)
{
    snprintf(buf, AGDB__COMMENT_EPOCH, "/*epoch='%llu'*/ ", (unsigned long long)epoch);
}
