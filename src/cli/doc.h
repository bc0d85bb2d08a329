/* A document as a tree: read from JSON, changed, written as YAML. */
#ifndef AGDB_CLI_DOC_H
#define AGDB_CLI_DOC_H

#include "cli/text.h"

typedef enum cli_doc_kind {
    CLI_DOC_TEXT,
    CLI_DOC_WORD, /* a number, true, false, null: written as it was */
    CLI_DOC_LIST,
    CLI_DOC_OBJECT
} cli_doc_kind_t;

typedef struct cli_doc {
    cli_doc_kind_t kind;
    const char *name; /* its key inside an object */
    char *text;
    struct cli_doc *first; /* what a list or an object holds, in order */
    struct cli_doc *next;
} cli_doc_t;

/* NULL: it is not JSON. Text that holds U+0000 is refused. */
cli_doc_t *cli_doc_read(const char *json);
/* The member of an object, or NULL. */
cli_doc_t *cli_doc_get(const cli_doc_t *object, const char *name);
/* The element of a list, or NULL. */
cli_doc_t *cli_doc_at(const cli_doc_t *list, size_t index);
/* Sets a member to a text, at its place or at the end. */
void cli_doc_set(cli_doc_t *object, const char *name, cli_doc_kind_t kind, const char *text);
/* The object that is a member; made when it is missing. */
cli_doc_t *cli_doc_object(cli_doc_t *object, const char *name);
void cli_doc_remove(cli_doc_t *object, const char *name);
void cli_doc_write(const cli_doc_t *doc, cli_buf_t *out);

#endif
