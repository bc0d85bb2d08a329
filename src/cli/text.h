/* Memory and text of the command. It runs for moments and then ends, so memory is not given back,
 * but where it goes on for long: everything hangs on one list until the process ends. */
#ifndef AGDB_CLI_TEXT_H
#define AGDB_CLI_TEXT_H

#include "agencydb.h"

#include <stdarg.h>

/* Zeroed. Ends the process when there is no memory. Any thread may ask. */
void *cli_alloc(size_t size);
/* For commands that go on for long: what was allocated behind the mark is given back. Only one
 * thread may allocate meanwhile. */
void *cli_mark(void);
void cli_release(void *mark);
char *cli_copy(const char *text);
char *cli_copy_n(const char *text, size_t len);
char *cli_format(const char *format, ...) AGDB_PRINTF(1, 2);
char *cli_format_list(const char *format, va_list list) AGDB_PRINTF(1, 0);

/* The array with room for one element behind its `count`, zeroed; it may have moved. */
void *cli_grow(void *array, size_t count, size_t size);

/* Grows as needed; `data` is always NUL-terminated once something was added. Starts as zeroes. */
typedef struct cli_buf {
    char *data;
    size_t len;
    size_t room;
} cli_buf_t;

void cli_buf_add(cli_buf_t *buf, const void *data, size_t len);
void cli_buf_text(cli_buf_t *buf, const char *text);
void cli_buf_format(cli_buf_t *buf, const char *format, ...) AGDB_PRINTF(2, 3);
/* An agdb_text_fn whose user is a cli_buf_t. */
void cli_buf_take(const char *text, size_t len, void *user);
/* An agdb_text_fn that writes to standard output. */
void cli_print_take(const char *text, size_t len, void *user);

/* The text between two `quote`s, with those inside doubled: for SQL and for configuration files. */
char *cli_quoted(const char *text, char quote);
/* Text for people, on one line: control characters are shown as \n, \t, \xHH. */
void cli_buf_shown(cli_buf_t *buf, const char *text, size_t len);
/* Key bytes for people: what is outside printable ASCII, tab and backslash become \xHH. */
void cli_escape_key(cli_buf_t *buf, const void *key, size_t len);
void cli_hex(cli_buf_t *buf, const void *data, size_t len);
/* Hex digits to bytes. Returns the number of bytes, or -1 when the text is not hex, or has more
 * than `room` bytes. */
int cli_unhex(const char *text, size_t len, unsigned char *out, size_t room);

/* An agency's key as a map spells it: itself, or hex:... The bytes are `text` or in `room`. False:
 * it is no key. */
bool cli_agency_key(const char *text, size_t len, unsigned char room[AGDB_KEY_MAX],
                    agdb_bytes_t *ret);

/* Bytes of the UTF-8 character at `text`, of which `left` are there; 0 when it is none. */
size_t cli_utf8_length(const char *text, size_t left);

/* "500ms", "2s", "1m", "1h" to milliseconds; false when it is no such thing, or over a day. */
bool cli_duration(const char *text, uint32_t *ret_ms);
/* A decimal number up to max; false when the text is anything else. */
bool cli_number(const char *text, uint64_t max, uint64_t *ret);

/* Of `names`, the one that is nearest to `word`; NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);

#endif
