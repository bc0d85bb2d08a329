#include "cli/json.h"

#include <stdio.h>

/* Bytes that are not UTF-8 become U+FFFD. */
static void quote(cli_buf_t *out, const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t i = 0;

    cli_buf_add(out, "\"", 1);
    while (i < len) {
        size_t n = cli_utf8_length(text + i, len - i);
        if (n == 0) {
            cli_buf_text(out, "\\ufffd");
            n = 1;
        } else if (bytes[i] == '"' || bytes[i] == '\\') {
            char escaped[2] = {'\\', text[i]};
            cli_buf_add(out, escaped, 2);
        } else if (bytes[i] == '\n') {
            cli_buf_text(out, "\\n");
        } else if (bytes[i] < 0x20 || bytes[i] == 0x7f) {
            cli_buf_format(out, "\\u%04x", bytes[i]);
        } else {
            cli_buf_add(out, text + i, n);
        }
        i += n;
    }
    cli_buf_add(out, "\"", 1);
}

static void line_break(cli_json_t *json)
{
    if (!json->compact)
        cli_buf_format(json->out, "\n%*s", (int)json->depth * 2, "");
}

static void start_value(cli_json_t *json, const char *name)
{
    if (json->depth > 0) {
        if (json->filled[json->depth - 1])
            cli_buf_text(json->out, json->compact ? ", " : ",");
        json->filled[json->depth - 1] = true;
        line_break(json);
    }
    if (name != NULL) {
        quote(json->out, name, strlen(name));
        cli_buf_text(json->out, ": ");
    }
}

void cli_json_open(cli_json_t *json, const char *name, char bracket)
{
    start_value(json, name);
    cli_buf_add(json->out, &bracket, 1);
    if (json->depth < CLI_JSON_DEPTH) {
        json->close[json->depth] = bracket == '{' ? '}' : ']';
        json->filled[json->depth] = false;
        json->depth++;
    }
}

void cli_json_close(cli_json_t *json)
{
    if (json->depth == 0)
        return;
    json->depth--;
    if (json->filled[json->depth])
        line_break(json);
    cli_buf_add(json->out, &json->close[json->depth], 1);
}

void cli_json_text_n(cli_json_t *json, const char *name, const char *text, size_t len)
{
    start_value(json, name);
    quote(json->out, text, len);
}

void cli_json_text(cli_json_t *json, const char *name, const char *text)
{
    cli_json_text_n(json, name, text, strlen(text));
}

void cli_json_number(cli_json_t *json, const char *name, uint64_t number)
{
    start_value(json, name);
    cli_buf_format(json->out, "%llu", (unsigned long long)number);
}

void cli_json_word(cli_json_t *json, const char *name, const char *word)
{
    start_value(json, name);
    cli_buf_text(json->out, word);
}

void cli_json_bool(cli_json_t *json, const char *name, bool truth)
{
    start_value(json, name);
    cli_buf_text(json->out, truth ? "true" : "false");
}

void cli_json_null(cli_json_t *json, const char *name)
{
    start_value(json, name);
    cli_buf_text(json->out, "null");
}

void cli_json_print(cli_json_t *json)
{
    cli_buf_add(json->out, "\n", 1);
    fwrite(json->out->data, 1, json->out->len, stdout);
    json->out->len = 0;
}
