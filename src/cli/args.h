/* Reads a subcommand's command line, and prints its help, from one table. */
#ifndef AGDB_CLI_ARGS_H
#define AGDB_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cli_usage {
    const char *name;
    const char *synopsis; /* what follows "agencydb NAME" */
    const char *summary;  /* one line */
    const char *about;    /* paragraphs, or NULL */
    const char *examples; /* lines */
    const char *exits;    /* lines */
    /* Subcommands of its own, for `agencydb help --json`; ends with NULL. NULL: it has none. */
    const struct cli_command *const *parts;
} cli_usage_t;

/* The values of an option that may be given several times. */
typedef struct cli_words {
    const char **items;
    size_t count;
} cli_words_t;

/* One of `flag`, `text`, `words` and `duration_ms` is set. */
typedef struct cli_option {
    const char *name;  /* without its dashes */
    const char *value; /* what the help calls its value; NULL: it has none */
    bool *flag;
    const char **text;
    cli_words_t *words;
    uint32_t *duration_ms;
    const char *doc;
    char letter; /* its short form, as in -o; 0: none */
} cli_option_t;

#define CLI_FLAG(n, to, d)                                                                         \
    {                                                                                              \
        .name = (n), .flag = (to), .doc = (d)                                                      \
    }
#define CLI_LETTER(n, c, to, d)                                                                    \
    {                                                                                              \
        .name = (n), .letter = (c), .flag = (to), .doc = (d)                                       \
    }
#define CLI_TEXT(n, v, to, d)                                                                      \
    {                                                                                              \
        .name = (n), .value = (v), .text = (to), .doc = (d)                                        \
    }
/* One that may be given several times. */
#define CLI_WORDS(n, v, to, d)                                                                     \
    {                                                                                              \
        .name = (n), .value = (v), .words = (to), .doc = (d)                                       \
    }
/* A value such as 500ms or 2s. */
#define CLI_DURATION(n, to, d)                                                                     \
    {                                                                                              \
        .name = (n), .value = "DURATION", .duration_ms = (to), .doc = (d)                          \
    }

typedef struct cli_args {
    const cli_usage_t *usage;
    const cli_option_t *options;
    size_t noptions;
    size_t least;         /* operands at least */
    size_t most;          /* operands at most; 0: any number */
    size_t literal_after; /* after this many operands all is an operand; 0: never */
    const char **items;   /* set: the operands */
    size_t count;         /* set */
} cli_args_t;

/* The beginning of an initializer. */
#define CLI_ARGS(use, table)                                                                       \
    .usage = &(use), .options = (table), .noptions = sizeof(table) / sizeof *(table)

/* Asks for the help as one JSON object: `agencydb help --json` says it to each command. */
#define CLI_HELP_JSON "--help=json"

/* Returns -1 when the command may go on, else its exit code: help was asked for, or something is
 * wrong and was said. */
int cli_args_read(cli_args_t *args, int argc, char **argv);

#endif
