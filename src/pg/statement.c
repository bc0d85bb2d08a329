/* The classifier reads words, it does not parse SQL:
 *  - the first keyword (behind white space, comments and parentheses) decides by a table;
 *  - a few function names anywhere make a statement SESSION. They count in strings and in quoted
 *    identifiers too, because a string may be SQL that a function runs: that costs a reconnect,
 *    never correctness. In comments nothing counts.
 *  - a word that is not in the table is SESSION: a newer server may know it, this file does not.
 * Strings are told from comments by the rules of standard_conforming_strings = on, which every
 * connection sets. */
#include "pg/statement.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { WORD_MAX = 64 };

typedef enum token_kind { TOKEN_END = 0, TOKEN_WORD, TOKEN_QUOTED_WORD, TOKEN_OTHER } token_kind_t;

typedef struct lexer {
    const char *at;
    const char *quote_end; /* inside a string: its end; NULL outside */
    size_t closing;        /* length of what closes it */
    char word[WORD_MAX];   /* lower case; cut when longer, and equal to nothing then */
} lexer_t;

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind a comment that begins at `at`, or `at` itself. Comments nest, as in PostgreSQL. */
static const char *skip_comment(const char *at)
{
    unsigned depth = 0;

    if (at[0] == '-' && at[1] == '-') {
        while (*at != '\0' && *at != '\n' && *at != '\r')
            at++;
        return at;
    }
    if (at[0] != '/' || at[1] != '*')
        return at;
    do {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            depth--;
            at += 2;
        } else {
            at++;
        }
    } while (depth != 0 && *at != '\0');
    return at;
}

/* The closing quote of a text that begins at `at` (behind its opening quote), or the end. A
 * doubled quote splits the text into two, which is fine for looking at its words. */
static const char *find_quote(const char *at, char quote, bool backslash)
{
    while (*at != '\0' && *at != quote) {
        if (backslash && at[0] == '\\' && at[1] != '\0')
            at++;
        at++;
    }
    return at;
}

/* `at` is a dollar sign: the opening tag's length ($$, $tag$), or 0. */
static size_t dollar_tag(const char *at)
{
    size_t n = 1;

    if (at[1] >= '0' && at[1] <= '9')
        return 0;
    while (is_word(at[n]) && at[n] != '$')
        n++;
    return at[n] == '$' ? n + 1 : 0;
}

static const char *find_tag(const char *at, const char *tag, size_t len)
{
    for (; *at != '\0'; at++)
        if (strncmp(at, tag, len) == 0)
            return at;
    return at;
}

static void take_word(lexer_t *x)
{
    size_t n = 0;

    while (is_word(*x->at) && (x->quote_end == NULL || x->at < x->quote_end)) {
        char c = *x->at++;
        if (n < WORD_MAX - 1)
            x->word[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        else
            x->word[0] = '?';
    }
    x->word[n] = '\0';
}

/* Words of the string or quoted identifier that the lexer is in; false behind its last one. */
static bool next_quoted_word(lexer_t *x)
{
    while (x->at < x->quote_end && !is_word_start(*x->at))
        x->at++;
    if (x->at < x->quote_end) {
        take_word(x);
        return true;
    }
    if (*x->at != '\0')
        x->at += x->closing;
    x->quote_end = NULL;
    return false;
}

/* Goes into a string when one begins here. */
static bool enter_quotes(lexer_t *x)
{
    const char *at = x->at;
    const bool escapes = (at[0] == 'e' || at[0] == 'E') && at[1] == '\'';
    size_t tag;

    if (escapes || at[0] == '\'' || at[0] == '"') {
        x->at += escapes ? 2 : 1;
        x->quote_end = find_quote(x->at, x->at[-1], escapes);
        x->closing = 1;
        return true;
    }
    tag = at[0] == '$' ? dollar_tag(at) : 0;
    if (tag == 0)
        return false;
    x->quote_end = find_tag(at + tag, at, tag);
    x->closing = tag;
    x->at = at + tag;
    return true;
}

static token_kind_t next_token(lexer_t *x)
{
    for (;;) {
        if (x->quote_end != NULL) {
            if (next_quoted_word(x))
                return TOKEN_QUOTED_WORD;
            continue;
        }
        if (*x->at == '\0')
            return TOKEN_END;
        if (skip_comment(x->at) != x->at) {
            x->at = skip_comment(x->at);
        } else if (is_space(*x->at)) {
            x->at++;
        } else if (enter_quotes(x)) {
            continue;
        } else if (is_word_start(*x->at)) {
            take_word(x);
            return TOKEN_WORD;
        } else {
            /* A number takes the letters that touch it along: 1e5 holds no word. */
            bool number = *x->at >= '0' && *x->at <= '9';
            x->at++;
            while (number && is_word(*x->at))
                x->at++;
            x->word[0] = x->at[-1];
            x->word[1] = '\0';
            return TOKEN_OTHER;
        }
    }
}

static const char k_refuse_tx[] =
    "transaction control has no place in a request: use agdb_begin, agdb_commit and agdb_rollback, "
    "agdb_savepoint, or agdb_run";
static const char k_refuse_copy[] =
    "COPY has no place in a request: use INSERT with array parameters, or SELECT";
static const char k_refuse_listen[] =
    "LISTEN needs a session of its own, which a request does not have: use NOTIFY here only";
static const char k_refuse_cursor[] =
    "cursors do not outlive a request: use LIMIT with a condition on the last key seen";
static const char k_refuse_empty[] = "the statement is empty";

static const struct {
    const char *word;
    agdb__statement_class_t means;
    const char *refusal;
} k_first[] = {
    {"select", AGDB__ST_PLAIN, NULL},
    {"insert", AGDB__ST_PLAIN, NULL},
    {"update", AGDB__ST_PLAIN, NULL},
    {"delete", AGDB__ST_PLAIN, NULL},
    {"with", AGDB__ST_PLAIN, NULL},
    {"values", AGDB__ST_PLAIN, NULL},
    {"table", AGDB__ST_PLAIN, NULL},
    {"merge", AGDB__ST_PLAIN, NULL},
    {"explain", AGDB__ST_PLAIN, NULL},
    {"show", AGDB__ST_PLAIN, NULL},
    {"notify", AGDB__ST_PLAIN, NULL},
    {"create", AGDB__ST_ALONE, NULL},
    {"alter", AGDB__ST_ALONE, NULL},
    {"drop", AGDB__ST_ALONE, NULL},
    {"truncate", AGDB__ST_ALONE, NULL},
    {"vacuum", AGDB__ST_ALONE, NULL},
    {"analyze", AGDB__ST_ALONE, NULL},
    {"analyse", AGDB__ST_ALONE, NULL},
    {"reindex", AGDB__ST_ALONE, NULL},
    {"cluster", AGDB__ST_ALONE, NULL},
    {"refresh", AGDB__ST_ALONE, NULL},
    {"grant", AGDB__ST_ALONE, NULL},
    {"revoke", AGDB__ST_ALONE, NULL},
    {"comment", AGDB__ST_ALONE, NULL},
    {"security", AGDB__ST_ALONE, NULL},
    {"import", AGDB__ST_ALONE, NULL},
    {"reassign", AGDB__ST_ALONE, NULL},
    {"checkpoint", AGDB__ST_ALONE, NULL},
    {"lock", AGDB__ST_ALONE, NULL}, /* gone with its own transaction */
    {"set", AGDB__ST_SESSION, NULL},
    {"reset", AGDB__ST_SESSION, NULL},
    {"do", AGDB__ST_SESSION, NULL},
    {"call", AGDB__ST_SESSION, NULL},
    {"prepare", AGDB__ST_SESSION, NULL},
    {"execute", AGDB__ST_SESSION, NULL},
    {"deallocate", AGDB__ST_SESSION, NULL},
    {"discard", AGDB__ST_SESSION, NULL},
    {"load", AGDB__ST_SESSION, NULL},
    {"declare", AGDB__ST_SESSION, NULL}, /* WITH HOLD */
    {"begin", AGDB__ST_REFUSED, k_refuse_tx},
    {"start", AGDB__ST_REFUSED, k_refuse_tx},
    {"commit", AGDB__ST_REFUSED, k_refuse_tx},
    {"end", AGDB__ST_REFUSED, k_refuse_tx},
    {"rollback", AGDB__ST_REFUSED, k_refuse_tx},
    {"abort", AGDB__ST_REFUSED, k_refuse_tx},
    {"savepoint", AGDB__ST_REFUSED, k_refuse_tx},
    {"release", AGDB__ST_REFUSED, k_refuse_tx},
    {"copy", AGDB__ST_REFUSED, k_refuse_copy},
    {"listen", AGDB__ST_REFUSED, k_refuse_listen},
    {"unlisten", AGDB__ST_REFUSED, k_refuse_listen},
    {"fetch", AGDB__ST_REFUSED, k_refuse_cursor},
    {"move", AGDB__ST_REFUSED, k_refuse_cursor},
    {"close", AGDB__ST_REFUSED, k_refuse_cursor},
};

/* What leaves something behind in the session, wherever it is called. */
static const char *const k_session_words[] = {
    "set_config",
    "setseed",
    "pg_temp",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_shared",
    "pg_advisory_unlock_all",
    "pg_backup_start",
    "pg_backup_stop",
    "pg_start_backup",
    "pg_stop_backup",
    "pg_create_physical_replication_slot",
    "pg_create_logical_replication_slot",
    "pg_copy_physical_replication_slot",
    "pg_copy_logical_replication_slot",
    "pg_replication_origin_session_setup",
    "pg_replication_origin_session_reset",
    "dblink_connect",
    "dblink_connect_u",
    "dblink_disconnect",
    "dblink_open",
    "dblink_send_query",
};

/* What lasts until the transaction ends, which others would share, or waits for locks. */
static const char *const k_alone_words[] = {
    "pg_advisory_xact_lock",     "pg_advisory_xact_lock_shared",
    "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared",
    "pg_export_snapshot",
};

/* Families of such functions: large objects, other servers. */
static const char *const k_alone_prefixes[] = {"lo_", "dblink"};

static bool is_any_of(const char *word, const char *const *list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

static bool wants_to_be_alone(const char *word)
{
    size_t i;

    for (i = 0; i < sizeof k_alone_prefixes / sizeof k_alone_prefixes[0]; i++)
        if (strncmp(word, k_alone_prefixes[i], strlen(k_alone_prefixes[i])) == 0)
            return true;
    return is_any_of(word, k_alone_words, sizeof k_alone_words / sizeof k_alone_words[0]);
}

static bool is_temp(const char *word)
{
    return strcmp(word, "temp") == 0 || strcmp(word, "temporary") == 0;
}

/* CREATE [OR REPLACE] [LOCAL | GLOBAL] TEMP ..., SELECT ... INTO [LOCAL | GLOBAL] TEMP ...: a TEMP
 * with such words before it. INSERT INTO temp and MERGE INTO temp name a table. */
typedef struct temp_watch {
    bool armed;
    bool inserts; /* the word before was INSERT or MERGE */
} temp_watch_t;

static bool makes_temp(temp_watch_t *w, const char *word)
{
    static const char *const between[] = {"or", "replace", "local", "global"};

    if (w->armed && is_temp(word))
        return true;
    if (strcmp(word, "create") == 0 || (strcmp(word, "into") == 0 && !w->inserts))
        w->armed = true;
    else if (w->armed && !is_any_of(word, between, sizeof between / sizeof between[0]))
        w->armed = false;
    w->inserts = strcmp(word, "insert") == 0 || strcmp(word, "merge") == 0;
    return false;
}

static size_t find_first(const char *word)
{
    size_t i;

    for (i = 0; i < sizeof k_first / sizeof k_first[0]; i++)
        if (strcmp(k_first[i].word, word) == 0)
            break;
    return i;
}

/* The statement's first keyword in x->word; false when there is none. */
static bool first_word(lexer_t *x)
{
    token_kind_t kind;

    do {
        kind = next_token(x);
    } while (kind == TOKEN_OTHER && (x->word[0] == '(' || x->word[0] == ';'));
    if (kind == TOKEN_END)
        return false;
    if (kind != TOKEN_WORD)
        x->word[0] = '\0'; /* not a keyword: equal to nothing */
    return true;
}

/* What the words behind the first say: PLAIN, ALONE or SESSION. */
static agdb__statement_class_t judge_words(lexer_t *x, bool explain)
{
    const size_t count = sizeof k_session_words / sizeof k_session_words[0];
    agdb__statement_class_t means = AGDB__ST_PLAIN;
    temp_watch_t watch = {false, false};
    token_kind_t kind;

    (void)makes_temp(&watch, x->word);
    while ((kind = next_token(x)) != TOKEN_END) {
        if (kind == TOKEN_OTHER) {
            /* U&"..." spells any name with escapes */
            if (x->word[0] == '&' && (*x->at == '"' || *x->at == '\''))
                return AGDB__ST_SESSION;
            continue;
        }
        if (is_any_of(x->word, k_session_words, count))
            return AGDB__ST_SESSION;
        if (kind == TOKEN_WORD && makes_temp(&watch, x->word))
            return AGDB__ST_SESSION;
        if (explain && kind == TOKEN_WORD &&
            (strcmp(x->word, "execute") == 0 || strcmp(x->word, "declare") == 0))
            return AGDB__ST_SESSION;
        if (wants_to_be_alone(x->word))
            means = AGDB__ST_ALONE;
    }
    return means;
}

agdb__statement_class_t agdb__statement_classify(const char *sql)
{
    lexer_t x = {.at = sql};
    agdb__statement_class_t words;
    size_t row;

    if (!first_word(&x))
        return AGDB__ST_REFUSED;
    row = find_first(x.word);
    if (row == sizeof k_first / sizeof k_first[0])
        return AGDB__ST_SESSION;
    if (strcmp(x.word, "prepare") == 0)
        return next_token(&x) == TOKEN_WORD && strcmp(x.word, "transaction") == 0
                   ? AGDB__ST_REFUSED
                   : AGDB__ST_SESSION;
    if (k_first[row].means != AGDB__ST_PLAIN && k_first[row].means != AGDB__ST_ALONE)
        return k_first[row].means;
    words = judge_words(&x, strcmp(x.word, "explain") == 0);
    return words > k_first[row].means ? words : k_first[row].means;
}

const char *agdb__statement_refusal(const char *sql)
{
    lexer_t x = {.at = sql};
    size_t row;

    if (!first_word(&x))
        return k_refuse_empty;
    row = find_first(x.word);
    if (row < sizeof k_first / sizeof k_first[0] && k_first[row].refusal != NULL)
        return k_first[row].refusal;
    return k_refuse_tx; /* PREPARE TRANSACTION */
}

static bool has_word(lexer_t *x, const char *const *words, size_t count)
{
    token_kind_t kind;

    while ((kind = next_token(x)) != TOKEN_END)
        if (kind != TOKEN_OTHER && is_any_of(x->word, words, count))
            return true;
    return false;
}

const char *agdb__statement_refusal_in_tx(const char *sql, bool read_only)
{
    static const char *const mode[] = {"transaction", "transaction_read_only", "write"};
    static const char *const executes[] = {"execute"};
    lexer_t x = {.at = sql};
    bool sets;

    if (!first_word(&x))
        return NULL;
    sets = strcmp(x.word, "set") == 0 || strcmp(x.word, "reset") == 0;
    if (strcmp(x.word, "execute") == 0 ||
        (strcmp(x.word, "explain") == 0 && has_word(&x, executes, 1)))
        return "EXECUTE may end the transaction: give the statement itself, it is prepared behind "
               "the call";
    if (read_only && sets && has_word(&x, mode, sizeof mode / sizeof mode[0]))
        return "the transaction only reads: .access = AGDB_WRITE in its options lets it write";
    return NULL;
}
