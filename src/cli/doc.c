#include "cli/doc.h"

#include "cli/json.h"

#include <strings.h>

enum { DEPTH = 32 };

/* --- reading ---------------------------------------------------------------------------------- */
typedef struct reader {
    const char *at;
    unsigned depth;
} reader_t;

static cli_doc_t *read_value(reader_t *in);

static void skip_blanks(reader_t *in)
{
    in->at += strspn(in->at, " \t\r\n");
}

static bool take(reader_t *in, char c)
{
    skip_blanks(in);
    if (*in->at != c)
        return false;
    in->at++;
    return true;
}

static void add_utf8(cli_buf_t *out, uint32_t code)
{
    unsigned char bytes[4];
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char k_lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t i;

    for (i = len; i > 1; i--) {
        bytes[i - 1] = (unsigned char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    bytes[0] = (unsigned char)(k_lead[len == 1 ? 0 : len] | code);
    cli_buf_add(out, bytes, len);
}

/* Four hex digits after "\u"; a pair of them for characters above U+FFFF. */
static bool read_escaped_code(reader_t *in, cli_buf_t *out)
{
    unsigned char pair[2];
    uint32_t code;

    if (strlen(in->at) < 4 || cli_unhex(in->at, 4, pair, 2) != 2)
        return false;
    code = (uint32_t)(pair[0] << 8 | pair[1]);
    in->at += 4;
    if (code >= 0xd800 && code < 0xdc00 && strncmp(in->at, "\\u", 2) == 0 && strlen(in->at) >= 6 &&
        cli_unhex(in->at + 2, 4, pair, 2) == 2) {
        code = 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)(pair[0] << 8 | pair[1]) - 0xdc00);
        in->at += 6;
    }
    if (code == 0 || code > 0x10ffff)
        return false;
    add_utf8(out, code);
    return true;
}

static bool read_escape(reader_t *in, cli_buf_t *out)
{
    static const char k_letters[] = "\"\\/bfnrt";
    static const char k_meant[] = "\"\\/\b\f\n\r\t";
    char letter = *in->at;
    const char *found = letter != '\0' ? strchr(k_letters, letter) : NULL;

    if (letter == '\0')
        return false;
    in->at++;
    if (letter == 'u')
        return read_escaped_code(in, out);
    if (found == NULL)
        return false;
    cli_buf_add(out, &k_meant[found - k_letters], 1);
    return true;
}

static char *read_text(reader_t *in)
{
    cli_buf_t out = {0};

    cli_buf_add(&out, "", 0);
    if (!take(in, '"'))
        return NULL;
    while (*in->at != '"') {
        size_t plain = strcspn(in->at, "\"\\");
        cli_buf_add(&out, in->at, plain);
        in->at += plain;
        if (*in->at == '\0')
            return NULL;
        if (*in->at == '\\') {
            in->at++;
            if (!read_escape(in, &out))
                return NULL;
        }
    }
    in->at++;
    return out.data;
}

static bool read_items(reader_t *in, cli_doc_t *doc, char end)
{
    cli_doc_t **tail = &doc->first;

    if (take(in, end))
        return true;
    do {
        char *name = NULL;
        cli_doc_t *item;
        if (doc->kind == CLI_DOC_OBJECT && ((name = read_text(in)) == NULL || !take(in, ':')))
            return false;
        item = read_value(in);
        if (item == NULL)
            return false;
        item->name = name;
        *tail = item;
        tail = &item->next;
    } while (take(in, ','));
    return take(in, end);
}

static cli_doc_t *read_value(reader_t *in)
{
    cli_doc_t *doc = cli_alloc(sizeof *doc);
    bool good;

    if (++in->depth > DEPTH)
        return NULL;
    skip_blanks(in);
    if (*in->at == '"') {
        doc->kind = CLI_DOC_TEXT;
        doc->text = read_text(in);
        good = doc->text != NULL;
    } else if (*in->at == '{' || *in->at == '[') {
        doc->kind = *in->at == '{' ? CLI_DOC_OBJECT : CLI_DOC_LIST;
        in->at++;
        good = read_items(in, doc, doc->kind == CLI_DOC_OBJECT ? '}' : ']');
    } else {
        size_t len = strspn(in->at, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
        doc->kind = CLI_DOC_WORD;
        doc->text = cli_copy_n(in->at, len);
        in->at += len;
        good = len > 0;
    }
    in->depth--;
    return good ? doc : NULL;
}

cli_doc_t *cli_doc_read(const char *json)
{
    reader_t in = {.at = json};
    cli_doc_t *doc = read_value(&in);

    skip_blanks(&in);
    return *in.at == '\0' ? doc : NULL;
}

/* --- changing --------------------------------------------------------------------------------- */
cli_doc_t *cli_doc_get(const cli_doc_t *object, const char *name)
{
    cli_doc_t *item;

    if (object == NULL || object->kind != CLI_DOC_OBJECT)
        return NULL;
    for (item = object->first; item != NULL; item = item->next) {
        if (strcmp(item->name, name) == 0)
            return item;
    }
    return NULL;
}

cli_doc_t *cli_doc_at(const cli_doc_t *list, size_t index)
{
    cli_doc_t *item = list != NULL && list->kind == CLI_DOC_LIST ? list->first : NULL;

    for (; item != NULL && index > 0; index--)
        item = item->next;
    return item;
}

static cli_doc_t *member(cli_doc_t *object, const char *name)
{
    cli_doc_t *item = cli_doc_get(object, name);
    cli_doc_t **tail = &object->first;

    if (item != NULL)
        return item;
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = cli_alloc(sizeof **tail);
    (*tail)->name = name;
    return *tail;
}

void cli_doc_set(cli_doc_t *object, const char *name, cli_doc_kind_t kind, const char *text)
{
    cli_doc_t *item = member(object, name);

    item->kind = kind;
    item->text = cli_copy(text);
    item->first = NULL;
}

cli_doc_t *cli_doc_object(cli_doc_t *object, const char *name)
{
    cli_doc_t *item = member(object, name);

    if (item->kind != CLI_DOC_OBJECT) {
        item->kind = CLI_DOC_OBJECT;
        item->first = NULL;
    }
    return item;
}

void cli_doc_remove(cli_doc_t *object, const char *name)
{
    cli_doc_t **at;

    for (at = &object->first; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->name, name) == 0) {
            *at = (*at)->next;
            return;
        }
    }
}

/* --- writing ---------------------------------------------------------------------------------- */
/* Simple names stand without quotes, when no reader takes them for something else. */
static bool is_plain(const char *text)
{
    static const char *const k_words[] = {"true", "false", "yes", "no", "on",
                                          "off",  "null",  "y",   "n"};
    static const char k_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t i;

    if (text[0] == '\0' || strchr(k_letters, text[0]) == NULL)
        return false;
    for (i = 0; text[i] != '\0'; i++) {
        if (strchr(k_letters, text[i]) == NULL && strchr("0123456789-./", text[i]) == NULL)
            return false;
    }
    for (i = 0; i < sizeof k_words / sizeof k_words[0]; i++) {
        if (strcasecmp(text, k_words[i]) == 0)
            return false;
    }
    return true;
}

static void write_scalar(const char *text, bool word, cli_buf_t *out)
{
    if (word || is_plain(text))
        cli_buf_text(out, text);
    else
        cli_json_quote(out, text, strlen(text));
}

static bool is_scalar(const cli_doc_t *doc)
{
    return doc->kind == CLI_DOC_TEXT || doc->kind == CLI_DOC_WORD;
}

/* Plain values and lists of them stand on one line. */
static bool fits_line(const cli_doc_t *doc)
{
    const cli_doc_t *item;

    if (doc->kind != CLI_DOC_LIST)
        return is_scalar(doc) || doc->first == NULL;
    for (item = doc->first; item != NULL && is_scalar(item); item = item->next)
        ;
    return item == NULL;
}

static void write_value(const cli_doc_t *doc, unsigned depth, bool in_list, cli_buf_t *out);

static void write_object(const cli_doc_t *doc, unsigned depth, bool in_list, cli_buf_t *out)
{
    const cli_doc_t *item;
    bool first = true;

    for (item = doc->first; item != NULL; item = item->next) {
        /* the first member of an object in a list stands behind the dash */
        if (!(in_list && first))
            cli_buf_format(out, "\n%*s", (int)depth * 2, "");
        first = false;
        write_scalar(item->name, false, out);
        cli_buf_text(out, ":");
        if (fits_line(item))
            cli_buf_text(out, " ");
        write_value(item, depth + 1, false, out);
    }
}

static void write_list(const cli_doc_t *doc, unsigned depth, cli_buf_t *out)
{
    bool flow = fits_line(doc);
    const cli_doc_t *item;

    cli_buf_text(out, flow ? "[" : "");
    for (item = doc->first; item != NULL; item = item->next) {
        if (!flow)
            cli_buf_format(out, "\n%*s- ", (int)depth * 2, "");
        else if (item != doc->first)
            cli_buf_text(out, ", ");
        write_value(item, depth + 1, true, out);
    }
    cli_buf_text(out, flow ? "]" : "");
}

static void write_value(const cli_doc_t *doc, unsigned depth, bool in_list, cli_buf_t *out)
{
    switch (doc->kind) {
    case CLI_DOC_TEXT:
    case CLI_DOC_WORD:
        write_scalar(doc->text, doc->kind == CLI_DOC_WORD, out);
        break;
    case CLI_DOC_LIST:
        write_list(doc, depth, out);
        break;
    case CLI_DOC_OBJECT:
        if (doc->first == NULL)
            cli_buf_text(out, "{}");
        write_object(doc, depth, in_list, out);
        break;
    }
}

void cli_doc_write(const cli_doc_t *doc, cli_buf_t *out)
{
    size_t start = out->len;

    write_value(doc, 0, false, out);
    cli_buf_text(out, "\n");
    if (out->len > start && out->data[start] == '\n') {
        memmove(out->data + start, out->data + start + 1, out->len - start);
        out->len--;
    }
}
