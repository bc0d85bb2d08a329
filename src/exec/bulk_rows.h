/* Cuts a stream of COPY data into rows, however it is chopped, and finds the key of each. Pure, but
 * for the memory of a row that lies in two chunks.
 *
 *   feed a chunk, then next until MORE; ...; finish, then next until MORE
 *
 * Where rows end is decided as the server does (CopyReadLineText): what is one row here is one row
 * there, or an error there. What would make the server stop reading is an error here. */
#ifndef AGDB_EXEC_BULK_ROWS_H
#define AGDB_EXEC_BULK_ROWS_H

#include "agencydb/copy.h"
#include "agencydb/error.h"

enum { AGDB__BULK_ROW_MAX = 1 << 30 };

/* How the stream looks; borrowed. */
typedef struct agdb__bulk_shape {
    agdb_copy_format_t format;
    char delimiter;
    char quote;
    char escape;
    const char *null_text;
    bool header;
    bool bare;     /* binary: rows without the stream's header and trailer */
    int key_field; /* from 0; -1: none */
} agdb__bulk_shape_t;

typedef enum agdb__bulk_eol {
    AGDB__EOL_UNKNOWN = 0,
    AGDB__EOL_NL,
    AGDB__EOL_CRNL,
    AGDB__EOL_CR
} agdb__bulk_eol_t;

typedef enum agdb__bulk_part { /* of a binary stream */
                               AGDB__PART_HEADER = 0,
                               AGDB__PART_COUNT,
                               AGDB__PART_LENGTH,
                               AGDB__PART_DATA
} agdb__bulk_part_t;

typedef struct agdb__bulk_row {
    const unsigned char *data; /* until the next call */
    size_t len;                /* with its line end */
    agdb_bytes_t key;          /* empty without key_field */
    uint64_t number;           /* from 1, without the header */
    uint64_t end;              /* byte of the input behind it */
} agdb__bulk_row_t;

typedef enum agdb__bulk_got {
    AGDB__BULK_MORE = 0, /* feed, or finished */
    AGDB__BULK_ROW,
    AGDB__BULK_HEADER, /* text, CSV: a row with names; the key is not looked for */
    AGDB__BULK_BAD     /* agdb__bulk_rows_fail says why */
} agdb__bulk_got_t;

typedef struct agdb__bulk_rows {
    agdb__bulk_shape_t shape;
    const unsigned char *at; /* of the chunk, what was not taken yet */
    const unsigned char *end;
    unsigned char *carry; /* of a row whose end has not come yet */
    size_t carried;
    size_t room;
    bool given;      /* the row given last was the carry */
    bool finishing;  /* no chunk follows */
    bool had_header; /* or there is none to come */
    bool ended;      /* the end marker, or the trailer, has come */
    uint64_t number;
    uint64_t offset; /* of the input, behind the row given last */
    agdb__bulk_eol_t eol;

    /* within a row, at the end of a chunk */
    bool escaped;      /* text: the next byte is */
    bool in_quote;     /* CSV */
    bool after_escape; /* CSV, where escape and quote differ */
    bool after_cr;     /* while the kind of line end is not known */
    agdb__bulk_part_t part;
    unsigned have; /* bytes of the number that is coming */
    uint32_t value;
    uint32_t fields; /* still to come */
    uint64_t skip;   /* bytes of a value still to come */

    const char *why;   /* BAD; NULL: no memory */
    uint64_t bad_row;  /* BAD; 0: the header */
    uint64_t bad_byte; /* where it begins */
    size_t null_len;
    unsigned char key[AGDB_KEY_MAX];
} agdb__bulk_rows_t;

void agdb__bulk_rows_init(agdb__bulk_rows_t *rows, const agdb__bulk_shape_t *shape);
void agdb__bulk_rows_fini(agdb__bulk_rows_t *rows);
/* Borrowed until the next feed. */
void agdb__bulk_rows_feed(agdb__bulk_rows_t *rows, const void *data, size_t len);
/* What has come of a last row is one. */
void agdb__bulk_rows_finish(agdb__bulk_rows_t *rows);
agdb__bulk_got_t agdb__bulk_rows_next(agdb__bulk_rows_t *rows, agdb__bulk_row_t *ret);
/* INVAL with row, byte and reason; or NOMEM. */
agdb_status_t agdb__bulk_rows_fail(const agdb__bulk_rows_t *rows, agdb_error_t **reterr);

typedef enum agdb__bulk_field {
    AGDB__FIELD_FOUND = 0,
    AGDB__FIELD_NULL,
    AGDB__FIELD_MISSING, /* the row has less */
    AGDB__FIELD_LONG     /* does not fit into `buf` */
} agdb__bulk_field_t;

/* A field's value, with escapes undone. *ret lies in the row or in `buf`. */
agdb__bulk_field_t agdb__bulk_field(const agdb__bulk_rows_t *rows, const agdb__bulk_row_t *row,
                                    unsigned field, unsigned char *buf, size_t size,
                                    agdb_bytes_t *ret);

/* --- of the formats, for bulk_rows.c ------------------------------------------------------------
 *
 * Scan: behind the row's end, or NULL: more is needed, or `why` is set. `from` is where the row, or
 * the rest of it, begins. */
const unsigned char *agdb__bulk_text_scan(agdb__bulk_rows_t *rows, const unsigned char *from,
                                          const unsigned char *end);
const unsigned char *agdb__bulk_csv_scan(agdb__bulk_rows_t *rows, const unsigned char *from,
                                         const unsigned char *end);
const unsigned char *agdb__bulk_binary_scan(agdb__bulk_rows_t *rows, const unsigned char *from,
                                            const unsigned char *end);
/* Most rows: whole in the chunk, and with nothing in them that wants a second look. Fills all but
 * number and end; false: look closer. */
bool agdb__bulk_text_plain(const agdb__bulk_rows_t *rows, agdb__bulk_row_t *ret);
/* Field: of a row without its line end. */
agdb__bulk_field_t agdb__bulk_text_field(const agdb__bulk_shape_t *shape, const unsigned char *row,
                                         size_t len, unsigned field, unsigned char *buf,
                                         size_t size, agdb_bytes_t *ret);
agdb__bulk_field_t agdb__bulk_csv_field(const agdb__bulk_shape_t *shape, const unsigned char *row,
                                        size_t len, unsigned field, unsigned char *buf, size_t size,
                                        agdb_bytes_t *ret);
agdb__bulk_field_t agdb__bulk_binary_field(const unsigned char *row, size_t len, unsigned field,
                                           agdb_bytes_t *ret);
/* Whether the byte at `at` has an odd number of backslashes ahead of it, back to `from`. */
bool agdb__bulk_is_escaped(const unsigned char *from, const unsigned char *at);
/* NULL, or why the stream's header is no good. */
const char *agdb__bulk_binary_check(const unsigned char *header, size_t len);

#endif
