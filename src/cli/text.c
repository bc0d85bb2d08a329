#include "cli/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- memory ----------------------------------------------------------------------------------- */
typedef struct block {
    struct block *next;
} block_t;

/* Reachable until the end, so that leak checkers look at the library only. */
static block_t *s_blocks;
static pthread_mutex_t s_blocks_lock = PTHREAD_MUTEX_INITIALIZER;

void *cli_alloc(size_t size)
{
    static const char message[] = "agencydb: out of memory\n";
    block_t *block = size < SIZE_MAX - sizeof *block ? calloc(1, sizeof *block + size) : NULL;

    if (block == NULL) {
        if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
            _exit(1);
        _exit(1);
    }
    pthread_mutex_lock(&s_blocks_lock);
    block->next = s_blocks;
    s_blocks = block;
    pthread_mutex_unlock(&s_blocks_lock);
    return block + 1;
}

void *cli_mark(void)
{
    void *mark;

    pthread_mutex_lock(&s_blocks_lock);
    mark = s_blocks;
    pthread_mutex_unlock(&s_blocks_lock);
    return mark;
}

void cli_release(void *mark)
{
    pthread_mutex_lock(&s_blocks_lock);
    while (s_blocks != NULL && s_blocks != mark) {
        block_t *next = s_blocks->next;

        free(s_blocks);
        s_blocks = next;
    }
    pthread_mutex_unlock(&s_blocks_lock);
}

char *cli_copy_n(const char *text, size_t len)
{
    char *copy = cli_alloc(len + 1);

    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *cli_copy(const char *text)
{
    return cli_copy_n(text, strlen(text));
}

char *cli_format_list(const char *format, va_list list)
{
    va_list again;
    int len;
    char *text;

    va_copy(again, list);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        return cli_copy("");
    text = cli_alloc((size_t)len + 1);
    if (vsnprintf(text, (size_t)len + 1, format, list) < 0)
        text[0] = '\0';
    return text;
}

char *cli_format(const char *format, ...)
{
    va_list list;
    char *text;

    va_start(list, format);
    text = cli_format_list(format, list);
    va_end(list);
    return text;
}

void *cli_grow(void *array, size_t count, size_t size)
{
    void *grown;

    if ((count & (count - 1)) != 0) /* it grows at powers of two */
        return array;
    grown = cli_alloc((2 * count + 1) * size);
    if (count > 0)
        memcpy(grown, array, count * size);
    return grown;
}

/* --- buffers ---------------------------------------------------------------------------------- */
void cli_buf_add(cli_buf_t *buf, const void *data, size_t len)
{
    if (buf->room - buf->len <= len) {
        size_t room = buf->room * 2 > buf->len + len + 1 ? buf->room * 2 : buf->len + len + 64;
        char *grown = cli_alloc(room);
        if (buf->len > 0)
            memcpy(grown, buf->data, buf->len);
        buf->data = grown;
        buf->room = room;
    }
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void cli_buf_text(cli_buf_t *buf, const char *text)
{
    cli_buf_add(buf, text, strlen(text));
}

void cli_buf_format(cli_buf_t *buf, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    cli_buf_text(buf, cli_format_list(format, list));
    va_end(list);
}

void cli_buf_take(const char *text, size_t len, void *user)
{
    cli_buf_add(user, text, len);
}

void cli_print_take(const char *text, size_t len, void *user)
{
    (void)user;
    fwrite(text, 1, len, stdout);
}

/* --- forms ------------------------------------------------------------------------------------ */
static const char k_digits[] = "0123456789abcdef";

char *cli_quoted(const char *text, char quote)
{
    cli_buf_t out = {0};

    cli_buf_add(&out, &quote, 1);
    for (; *text != '\0'; text++) {
        if (*text == quote)
            cli_buf_add(&out, &quote, 1);
        cli_buf_add(&out, text, 1);
    }
    cli_buf_add(&out, &quote, 1);
    return out.data;
}

void cli_escape_key(cli_buf_t *buf, const void *key, size_t len)
{
    const unsigned char *bytes = key;
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = bytes[i];
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            cli_buf_add(buf, &bytes[i], 1);
        } else {
            char escaped[4] = {'\\', 'x', k_digits[c >> 4], k_digits[c & 15]};
            cli_buf_add(buf, escaped, sizeof escaped);
        }
    }
}

void cli_buf_shown(cli_buf_t *buf, const char *text, size_t len)
{
    size_t i;

    cli_buf_add(buf, "", 0);
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            cli_buf_text(buf, "\\n");
        else if (c == '\t')
            cli_buf_text(buf, "\\t");
        else if (c < 0x20 || c == 0x7f)
            cli_buf_format(buf, "\\x%02x", c);
        else
            cli_buf_add(buf, &text[i], 1);
    }
}

void cli_hex(cli_buf_t *buf, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    size_t i;

    for (i = 0; i < len; i++) {
        char pair[2] = {k_digits[bytes[i] >> 4], k_digits[bytes[i] & 15]};
        cli_buf_add(buf, pair, sizeof pair);
    }
}

size_t cli_utf8_length(const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t len = at[0] < 0x80             ? 1
                 : (at[0] & 0xe0) == 0xc0 ? 2
                 : (at[0] & 0xf0) == 0xe0 ? 3
                 : (at[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    size_t i;

    if (len == 0 || len > left || (len == 2 && at[0] < 0xc2) || at[0] > 0xf4)
        return 0;
    for (i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return len;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int cli_unhex(const char *text, size_t len, unsigned char *out, size_t room)
{
    size_t i;

    if (len % 2 != 0 || len / 2 > room)
        return -1;
    for (i = 0; i < len / 2; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i] = (unsigned char)(high * 16 + low);
    }
    return (int)(len / 2);
}

bool cli_agency_key(const char *text, size_t len, unsigned char room[AGDB_KEY_MAX],
                    agdb_bytes_t *ret)
{
    static const char k_hex[] = "hex:";
    const size_t n = sizeof k_hex - 1;
    int bytes;

    *ret = agdb_bytes(text, len);
    if (len < n || memcmp(text, k_hex, n) != 0)
        return len >= 1 && len <= AGDB_KEY_MAX;
    bytes = cli_unhex(text + n, len - n, room, AGDB_KEY_MAX);
    *ret = agdb_bytes(room, bytes > 0 ? (size_t)bytes : 0);
    return bytes > 0;
}

bool cli_number(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t number = 0;
    const char *at = text;

    if (*at == '\0')
        return false;
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        if (number > (max - (uint64_t)(*at - '0')) / 10)
            return false;
        number = number * 10 + (uint64_t)(*at - '0');
    }
    *ret = number;
    return number <= max;
}

bool cli_duration(const char *text, uint32_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint32_t ms;
    } k_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    static const uint32_t max_ms = 45u * 86400000; /* what the type holds, rounded down */
    size_t digits = strspn(text, "0123456789");
    uint64_t number;
    size_t i;

    if (!cli_number(cli_copy_n(text, digits), max_ms, &number) || number == 0)
        return false;
    for (i = 0; i < sizeof k_units / sizeof k_units[0]; i++) {
        if (strcmp(text + digits, k_units[i].unit) == 0 && number <= max_ms / k_units[i].ms) {
            *ret_ms = (uint32_t)number * k_units[i].ms;
            return true;
        }
    }
    return false;
}

/* --- suggestions ------------------------------------------------------------------------------ */
static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits that turn one word into the other; two letters in the wrong order count as one. */
static size_t edits(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    size_t cost[LONGEST + 1][LONGEST + 1]; /* of the first i letters of a and j of b */
    size_t la = strlen(a);
    size_t lb = strlen(b);
    size_t i;
    size_t j;

    if (la > LONGEST || lb > LONGEST)
        return LONGEST;
    for (i = 0; i <= la; i++) {
        for (j = 0; j <= lb; j++) {
            cost[i][j] = i + j;
            if (i == 0 || j == 0)
                continue;
            cost[i][j] = least(cost[i - 1][j], cost[i][j - 1]) + 1;
            cost[i][j] = least(cost[i][j], cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[la][lb];
}

const char *cli_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_edits = strlen(word) / 3 + 2;
    size_t i;

    for (i = 0; i < count; i++) {
        size_t n = edits(word, names[i]);
        if (n < best_edits && n < strlen(names[i])) {
            best_edits = n;
            best = names[i];
        }
    }
    return best;
}
