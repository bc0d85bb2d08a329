#include "base/buf.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_ROOM = 256 };

void agdb__buf_init(agdb__buf_t *b, size_t ceiling)
{
    *b = (agdb__buf_t){.ceiling = ceiling};
}

void agdb__buf_fini(agdb__buf_t *b)
{
    agdb__free(b->data);
    agdb__buf_init(b, b->ceiling);
}

/* Makes room for `len` more bytes and a NUL. */
static bool reserve(agdb__buf_t *b, size_t len)
{
    size_t room = b->room != 0 ? b->room : FIRST_ROOM;
    char *grown;

    if (b->failed)
        return false;
    if (len > b->ceiling - b->len) {
        b->failed = true;
        return false;
    }
    if (b->len + len < b->room)
        return true;
    while (room <= b->len + len)
        room *= 2;
    grown = agdb__realloc(b->data, room);
    if (grown == NULL) {
        b->failed = true;
        return false;
    }
    b->data = grown;
    b->room = room;
    return true;
}

void agdb__buf_add(agdb__buf_t *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void agdb__buf_text(agdb__buf_t *b, const char *text)
{
    agdb__buf_add(b, text, strlen(text));
}

void agdb__buf_printf(agdb__buf_t *b, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        b->failed = true;
        return;
    }
    if (!reserve(b, (size_t)len))
        return;
    va_start(args, format);
    vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
    va_end(args);
    b->len += (size_t)len;
}

char *agdb__buf_take(agdb__buf_t *b)
{
    char *data = NULL;

    if (!b->failed)
        data = b->data != NULL ? b->data : agdb__strdup("");
    else
        agdb__free(b->data);
    agdb__buf_init(b, b->ceiling);
    return data;
}
