/* The rules are those of psql's scanner (psqlscan.l). A word is looked at in two ways only: the
 * first few of a statement tell its kind, and in CREATE FUNCTION and CREATE PROCEDURE those outside
 * of parentheses count BEGIN, CASE and END. All else is skipped. */
#include "cli/sql_split.h"

#include <strings.h>

enum { FIRST_WORDS = 4, WORD_ROOM = 16 };

typedef struct scan {
    const char *text;
    size_t len;
    size_t at;
    cli_place_in_t place; /* of text[at] */
    cli_sql_t *out;

    /* the statement that is being read */
    bool open; /* a token of it was seen */
    size_t start;
    size_t end; /* behind its last token */
    cli_place_in_t start_place;
    unsigned parens;
    cli_place_in_t paren_place; /* of the outermost one */
    unsigned begins;
    cli_place_in_t begin_place;
    char words[FIRST_WORDS][WORD_ROOM]; /* lower case; a longer one is cut, and no keyword then */
    size_t nwords;
} scan_t;

/* --- bytes ------------------------------------------------------------------------------------ */
static char peek(const scan_t *s, size_t ahead)
{
    return s->at + ahead < s->len ? s->text[s->at + ahead] : '\0';
}

static void step(scan_t *s)
{
    char c = s->text[s->at++];

    /* "\r\n" is one line end: its '\n' counts */
    if (c == '\n' || (c == '\r' && peek(s, 0) != '\n')) {
        s->place.line++;
        s->place.column = 1;
    } else if (((unsigned char)peek(s, 0) & 0xc0) != 0x80) {
        s->place.column++;
    }
}

static void skip(scan_t *s, size_t count)
{
    while (count-- > 0 && s->at < s->len)
        step(s);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c) || c == '$';
}

static bool fail(scan_t *s, cli_place_in_t place, char *mistake)
{
    s->out->mistake = mistake;
    s->out->mistake_at = place;
    return false;
}

/* --- comments --------------------------------------------------------------------------------- */
/* "agencydb: WORD" in a line comment, which `text` is without its dashes. */
static bool take_remark(scan_t *s, const char *text, size_t len, cli_place_in_t place)
{
    static const char k_name[] = "agencydb:";
    static const char k_word[] = "no-transaction";

    while (len > 0 && is_space(*text))
        text++, len--;
    while (len > 0 && is_space(text[len - 1]))
        len--;
    if (len < sizeof k_name - 1 || strncmp(text, k_name, sizeof k_name - 1) != 0)
        return true;
    text += sizeof k_name - 1;
    len -= sizeof k_name - 1;
    while (len > 0 && is_space(*text))
        text++, len--;
    if (len != sizeof k_word - 1 || strncmp(text, k_word, len) != 0)
        return fail(s, place,
                    cli_format("'%.*s' is unknown here; '-- agencydb: no-transaction' is known",
                               (int)(len < 40 ? len : 40), text));
    if (place.line != 1 || place.column != 1)
        return fail(s, place, cli_copy("'-- agencydb: no-transaction' must be the first line"));
    s->out->no_transaction = true;
    return true;
}

static bool skip_line_comment(scan_t *s)
{
    cli_place_in_t place = s->place;
    size_t start = s->at + 2;

    while (s->at < s->len && s->text[s->at] != '\n' && s->text[s->at] != '\r')
        step(s);
    return take_remark(s, s->text + start, s->at - start, place);
}

static bool skip_block_comment(scan_t *s)
{
    cli_place_in_t place = s->place;
    unsigned depth = 0;

    do {
        if (s->at >= s->len)
            return fail(s, place, cli_copy("the comment that begins here is not closed with */"));
        if (peek(s, 0) == '/' && peek(s, 1) == '*') {
            depth++;
            skip(s, 2);
        } else if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            depth--;
            skip(s, 2);
        } else {
            step(s);
        }
    } while (depth > 0);
    return true;
}

/* --- strings ---------------------------------------------------------------------------------- */
/* An E'...' goes on in a string behind it when white space with a line end, or comments that end a
 * line, are all that stands between. */
static bool goes_on(const scan_t *s, size_t *ret_at)
{
    bool line_end = false;
    size_t at;

    for (at = s->at; at < s->len; at++) {
        if (s->text[at] == '-' && at + 1 < s->len && s->text[at + 1] == '-') {
            while (at + 1 < s->len && s->text[at + 1] != '\n' && s->text[at + 1] != '\r')
                at++;
        } else if (!is_space(s->text[at])) {
            break;
        } else {
            line_end = line_end || s->text[at] == '\n' || s->text[at] == '\r';
        }
    }
    *ret_at = at;
    return line_end && at < s->len && s->text[at] == '\'';
}

/* The scanner is at the opening quote. */
static bool skip_quoted(scan_t *s, bool escapes)
{
    cli_place_in_t place = s->place;
    const char quote = peek(s, 0);
    size_t next;

    step(s);
    while (s->at < s->len) {
        if (escapes && peek(s, 0) == '\\') {
            skip(s, 2);
            continue;
        }
        if (peek(s, 0) != quote) {
            step(s);
            continue;
        }
        step(s);
        if (peek(s, 0) == quote)
            step(s);
        else if (escapes && goes_on(s, &next))
            skip(s, next + 1 - s->at);
        else
            return true;
    }
    return fail(s, place,
                cli_copy(quote == '"' ? "the quoted name that begins here is not closed with \""
                                      : "the string that begins here is not closed with '"));
}

/* The scanner is at a dollar sign: the length of $tag$, or 0. */
static size_t dollar_tag(const scan_t *s)
{
    size_t n = 1;

    if (is_word_start(peek(s, n)))
        while (is_word_start(peek(s, n)) || is_digit(peek(s, n)))
            n++;
    return peek(s, n) == '$' ? n + 1 : 0;
}

static bool skip_dollar(scan_t *s)
{
    const char *tag = s->text + s->at;
    cli_place_in_t place = s->place;
    size_t len = dollar_tag(s);
    const char *close;

    if (len == 0) { /* a parameter, or something that the server will refuse */
        do
            step(s);
        while (is_digit(peek(s, 0)));
        return true;
    }
    skip(s, len);
    close = memmem(s->text + s->at, s->len - s->at, tag, len);
    if (close == NULL)
        return fail(s, place,
                    cli_format("the text that begins here is not closed with %.*s",
                               (int)(len < 64 ? len : 64), tag));
    skip(s, (size_t)(close - (s->text + s->at)) + len);
    return true;
}

/* --- words ------------------------------------------------------------------------------------ */
static bool word_is(const scan_t *s, size_t index, const char *word)
{
    return index < s->nwords && strcmp(s->words[index], word) == 0;
}

static bool makes_routine(const scan_t *s)
{
    size_t at = word_is(s, 1, "or") && word_is(s, 2, "replace") ? 3 : 1;

    return word_is(s, 0, "create") && (word_is(s, at, "function") || word_is(s, at, "procedure"));
}

/* Inside a routine's BEGIN ATOMIC ... END a semicolon ends nothing; a CASE has an END, too. */
static void count_begins(scan_t *s, const char *word, size_t len, cli_place_in_t place)
{
    if (s->parens > 0 || !makes_routine(s))
        return;
    if (len == 5 && strncasecmp(word, "begin", 5) == 0) {
        if (s->begins++ == 0)
            s->begin_place = place;
    } else if (len == 4 && strncasecmp(word, "case", 4) == 0) {
        s->begins += s->begins > 0 ? 1 : 0;
    } else if (len == 3 && strncasecmp(word, "end", 3) == 0) {
        s->begins -= s->begins > 0 ? 1 : 0;
    }
}

static bool skip_word(scan_t *s)
{
    cli_place_in_t place = s->place;
    size_t start = s->at;
    size_t len;
    size_t i;

    while (is_word(peek(s, 0)))
        step(s);
    len = s->at - start;
    if (len == 1 && (s->text[start] | 0x20) == 'e' && peek(s, 0) == '\'')
        return skip_quoted(s, true);
    if (s->nwords < FIRST_WORDS) {
        char *word = s->words[s->nwords++];
        memset(word, 0, WORD_ROOM);
        for (i = 0; i < len && i < WORD_ROOM - 1; i++) {
            char c = s->text[start + i];
            word[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
    }
    count_begins(s, s->text + start, len, place);
    return true;
}

/* --- statements ------------------------------------------------------------------------------- */
static cli_sql_kind_t kind_of(const scan_t *s)
{
    static const char *const k_control[] = {"begin",    "start", "commit",    "end",
                                            "rollback", "abort", "savepoint", "release"};
    size_t i;

    for (i = 0; i < sizeof k_control / sizeof k_control[0]; i++)
        if (word_is(s, 0, k_control[i]))
            return CLI_SQL_TRANSACTION;
    if (word_is(s, 0, "prepare") && word_is(s, 1, "transaction"))
        return CLI_SQL_TRANSACTION;
    return word_is(s, 0, "set") || word_is(s, 0, "reset") ? CLI_SQL_SETTING : CLI_SQL_PLAIN;
}

static bool end_statement(scan_t *s)
{
    cli_sql_t *out = s->out;
    cli_sql_statement_t *statement;

    if (!s->open)
        return true;
    /* at once: what follows may be rows, and not SQL */
    if (word_is(s, 0, "copy"))
        return fail(s, s->start_place,
                    cli_copy("COPY cannot run here: it would give every shard the same rows; write "
                             "INSERT, or load each shard's own rows with a program"));
    out->items = cli_grow(out->items, out->count, sizeof *out->items);
    statement = &out->items[out->count++];
    statement->text = cli_copy_n(s->text + s->start, s->end - s->start);
    statement->at = s->start_place;
    statement->kind = kind_of(s);
    s->open = false;
    s->parens = 0;
    s->begins = 0;
    s->nwords = 0;
    return true;
}

static bool refuse_backslash(scan_t *s)
{
    return fail(s, s->place,
                cli_copy("a backslash command is psql's own and cannot run here: write it as SQL, "
                         "or take it out"));
}

static bool skip_token(scan_t *s)
{
    const char c = peek(s, 0);

    if (c == '\'' || c == '"')
        return skip_quoted(s, false);
    if (c == '$')
        return skip_dollar(s);
    if (is_word_start(c))
        return skip_word(s);
    if (c == '\\')
        return refuse_backslash(s);
    if (c == '(' && s->parens++ == 0)
        s->paren_place = s->place;
    else if (c == ')' && s->parens > 0)
        s->parens--;
    step(s);
    if (is_digit(c)) /* a letter that touches a number begins no word */
        while (is_word(peek(s, 0)) && peek(s, 0) != '$')
            step(s);
    return true;
}

static bool read_token(scan_t *s)
{
    if (!s->open) {
        s->open = true;
        s->start = s->at;
        s->start_place = s->place;
    }
    if (!skip_token(s))
        return false;
    s->end = s->at;
    return true;
}

static bool read_piece(scan_t *s)
{
    const char c = peek(s, 0);

    if (is_space(c)) {
        step(s);
        return true;
    }
    if (c == '-' && peek(s, 1) == '-')
        return skip_line_comment(s);
    if (c == '/' && peek(s, 1) == '*')
        return skip_block_comment(s);
    if (c == ';' && s->parens == 0 && s->begins == 0) {
        step(s);
        return end_statement(s);
    }
    return read_token(s);
}

/* --- the whole text --------------------------------------------------------------------------- */
static bool check_bytes(scan_t *s)
{
    scan_t look = *s;

    while (look.at < look.len) {
        size_t n = cli_utf8_length(look.text + look.at, look.len - look.at);
        if (look.text[look.at] == '\0')
            return fail(s, look.place, cli_copy("a NUL byte has no place in SQL"));
        if (n == 0)
            return fail(s, look.place,
                        cli_copy("these bytes are not UTF-8: save the file as that"));
        skip(&look, n);
    }
    return true;
}

bool cli_sql_split(const char *text, size_t len, cli_sql_t *ret)
{
    static const char k_mark[] = "\xef\xbb\xbf";
    scan_t s = {.text = text, .len = len, .place = {1, 1}, .out = ret};

    *ret = (cli_sql_t){0};
    if (len >= 3 && memcmp(text, k_mark, 3) == 0)
        s.at = 3;
    if (!check_bytes(&s))
        return false;
    while (s.at < s.len)
        if (!read_piece(&s))
            return false;
    if (s.open && s.parens > 0)
        return fail(&s, s.paren_place, cli_copy("the parenthesis that opens here is not closed"));
    if (s.open && s.begins > 0)
        return fail(&s, s.begin_place, cli_copy("the body that begins here has no END"));
    return end_statement(&s);
}

bool cli_sql_judge(cli_sql_t *sql, bool in_transaction)
{
    const char *mistake = NULL;
    size_t i;

    for (i = 0; i < sql->count && mistake == NULL; i++) {
        if (sql->items[i].kind == CLI_SQL_TRANSACTION)
            mistake = in_transaction ? "transaction control cannot stand here: the file is one "
                                       "transaction already; take it out"
                                     : "transaction control cannot stand here: each statement is a "
                                       "transaction of its own; split the file";
        else if (sql->items[i].kind == CLI_SQL_SETTING && !in_transaction)
            mistake = "a setting does not last to the next statement without a transaction: give "
                      "it to the role with ALTER ROLE ... SET";
        if (mistake != NULL)
            sql->mistake_at = sql->items[i].at;
    }
    sql->mistake = mistake != NULL ? cli_copy(mistake) : NULL;
    return mistake == NULL;
}

cli_place_in_t cli_sql_locate(const cli_sql_statement_t *statement, size_t position)
{
    scan_t s = {.text = statement->text, .len = strlen(statement->text), .place = statement->at};

    while (position > 1 && s.at < s.len) {
        skip(&s, cli_utf8_length(s.text + s.at, s.len - s.at));
        position--;
    }
    return s.place;
}
