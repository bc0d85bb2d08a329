#include "cli/json_read.h"

typedef struct reader {
    const char *at;
    const char *end;
    unsigned depth;
} reader_t;

static bool read_value(reader_t *r, cli_json_value_t *ret);

static void skip_space(reader_t *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

/* Takes that character, if it is next behind spaces. */
static bool take(reader_t *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(reader_t *r, const char *word)
{
    const size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

/* --- strings -----------------------------------------------------------------------------------
 */

static void add_character(cli_buf_t *out, unsigned long c)
{
    char bytes[3];
    size_t n = 0;

    if (c < 0x80) {
        bytes[n++] = (char)c;
    } else if (c < 0x800) {
        bytes[n++] = (char)(0xc0 | c >> 6);
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        bytes[n++] = (char)(0xe0 | c >> 12);
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    }
    cli_buf_add(out, bytes, n);
}

/* Four digits. Surrogates, and what a C string cannot hold, become U+FFFD. */
static bool read_number_of_character(reader_t *r, cli_buf_t *out)
{
    unsigned char bytes[2];
    unsigned long c;

    if (r->end - r->at < 4 || cli_unhex(r->at, 4, bytes, sizeof bytes) != 2)
        return false;
    r->at += 4;
    c = (unsigned long)bytes[0] << 8 | bytes[1];
    add_character(out, c == 0 || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c);
    return true;
}

static bool read_escape(reader_t *r, cli_buf_t *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (r->at == r->end)
        return false;
    if (*r->at == 'u') {
        r->at++;
        return read_number_of_character(r, out);
    }
    found = memchr(from, *r->at, sizeof from - 1);
    if (found == NULL)
        return false;
    r->at++;
    cli_buf_add(out, &to[found - from], 1);
    return true;
}

/* Behind its first quote. */
static bool read_string(reader_t *r, const char **ret)
{
    cli_buf_t out = {0};

    cli_buf_add(&out, "", 0);
    while (r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20)
            return false;
        if (*r->at++ != '\\')
            cli_buf_add(&out, r->at - 1, 1);
        else if (!read_escape(r, &out))
            return false;
    }
    *ret = out.data;
    return take(r, '"');
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static size_t take_digits(reader_t *r)
{
    const char *begin = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - begin);
}

static bool take_one_of(reader_t *r, const char *set)
{
    if (r->at == r->end || strchr(set, *r->at) == NULL || *r->at == '\0')
        return false;
    r->at++;
    return true;
}

static bool read_number(reader_t *r, cli_json_value_t *ret)
{
    const char *begin = r->at;
    size_t whole;

    (void)take_one_of(r, "-");
    whole = take_digits(r);
    if (whole == 0 || (whole > 1 && r->at[-(ptrdiff_t)whole] == '0'))
        return false;
    if (take_one_of(r, ".") && take_digits(r) == 0)
        return false;
    if (take_one_of(r, "eE")) {
        (void)take_one_of(r, "+-");
        if (take_digits(r) == 0)
            return false;
    }
    ret->kind = CLI_JSON_NUMBER;
    ret->text = cli_copy_n(begin, (size_t)(r->at - begin));
    return true;
}

static bool read_item(reader_t *r, bool named, cli_json_value_t *ret)
{
    const char *name = NULL;

    if (named && (!take(r, '"') || !read_string(r, &name) || !take(r, ':')))
        return false;
    if (!read_value(r, ret))
        return false;
    ret->name = name;
    return true;
}

/* Behind its first bracket. */
static bool read_items(reader_t *r, char close, cli_json_value_t *ret)
{
    bool ok = r->depth++ < CLI_JSON_NESTING;

    ret->kind = close == '}' ? CLI_JSON_OBJECT : CLI_JSON_ARRAY;
    if (ok && !take(r, close)) {
        do {
            ret->items = cli_grow(ret->items, ret->count, sizeof *ret->items);
            ok = read_item(r, close == '}', &ret->items[ret->count++]);
        } while (ok && take(r, ','));
        ok = ok && take(r, close);
    }
    r->depth--;
    return ok;
}

static bool read_value(reader_t *r, cli_json_value_t *ret)
{
    *ret = (cli_json_value_t){.kind = CLI_JSON_NULL};
    if (take(r, '{'))
        return read_items(r, '}', ret);
    if (take(r, '['))
        return read_items(r, ']', ret);
    if (take(r, '"')) {
        ret->kind = CLI_JSON_STRING;
        return read_string(r, &ret->text);
    }
    if (take_word(r, "null"))
        return true;
    if (take_word(r, "true") || take_word(r, "false")) {
        ret->kind = CLI_JSON_BOOL;
        ret->truth = r->at[-2] == 'u';
        return true;
    }
    return read_number(r, ret);
}

const cli_json_value_t *cli_json_read(const char *text, size_t len)
{
    reader_t r = {.at = text, .end = text + len};
    cli_json_value_t *value = cli_alloc(sizeof *value);

    if (!read_value(&r, value))
        return NULL;
    skip_space(&r);
    return r.at == r.end ? value : NULL;
}

/* --- looking -----------------------------------------------------------------------------------
 */

const cli_json_value_t *cli_json_get(const cli_json_value_t *object, const char *name)
{
    static const cli_json_value_t nothing = {.kind = CLI_JSON_NULL};
    size_t i;

    for (i = 0; i < object->count; i++)
        if (object->items[i].name != NULL && strcmp(object->items[i].name, name) == 0)
            return &object->items[i];
    return &nothing;
}

const char *cli_json_string(const cli_json_value_t *object, const char *name)
{
    const cli_json_value_t *value = cli_json_get(object, name);

    return value->text != NULL ? value->text : "";
}

bool cli_json_truth(const cli_json_value_t *object, const char *name)
{
    return cli_json_get(object, name)->truth;
}

uint64_t cli_json_whole(const cli_json_value_t *object, const char *name)
{
    uint64_t number = 0;

    return cli_number(cli_json_string(object, name), UINT64_MAX, &number) ? number : 0;
}
