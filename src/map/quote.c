#include "map/quote.h"

#include "map/text.h"

#include <stdio.h>

static void add_char(agdb__buf_t *out, const char *at, size_t n)
{
    switch (*at) {
    case '"':
        agdb__buf_text(out, "\\\"");
        break;
    case '\\':
        agdb__buf_text(out, "\\\\");
        break;
    case '\n':
        agdb__buf_text(out, "\\n");
        break;
    case '\t':
        agdb__buf_text(out, "\\t");
        break;
    default:
        if (n > 0)
            agdb__buf_add(out, at, n);
        else if ((unsigned char)*at < 0x80)
            agdb__buf_printf(out, "\\u%04x", (unsigned)(unsigned char)*at);
        else
            agdb__buf_text(out, "\\ufffd");
        break;
    }
}

static void add_quoted(agdb__buf_t *out, const char *text, size_t len, bool double_dollars)
{
    size_t at = 0;

    agdb__buf_add(out, "\"", 1);
    while (at < len) {
        size_t n = agdb__text_printable(text + at, len - at);
        if (double_dollars && text[at] == '$')
            agdb__buf_add(out, "$", 1);
        add_char(out, text + at, n);
        at += n > 0 ? n : 1;
    }
    agdb__buf_add(out, "\"", 1);
}

void agdb__quote_json(agdb__buf_t *out, const char *text, size_t len)
{
    add_quoted(out, text, len, false);
}

void agdb__quote_value(agdb__buf_t *out, const char *text)
{
    add_quoted(out, text, strlen(text), true);
}

const char *agdb__key_text(const agdb__map_agency_t *agency, char buf[AGDB__KEY_TEXT])
{
    const char *text = (const char *)agency->key;
    size_t i;

    if (agdb__text_is_printable(text, agency->key_len) &&
        (agency->key_len < 4 || memcmp(text, "hex:", 4) != 0)) {
        memcpy(buf, text, agency->key_len);
        buf[agency->key_len] = '\0';
        return buf;
    }
    memcpy(buf, "hex:", 5);
    for (i = 0; i < agency->key_len; i++)
        snprintf(buf + 4 + 2 * i, 3, "%02x", (unsigned)agency->key[i]);
    return buf;
}
