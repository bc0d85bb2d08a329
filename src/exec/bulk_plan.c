#include "exec/bulk_plan.h"

#include "base/error.h"

enum { SQL_MAX = 1 << 18, COLUMNS_MAX = 1600 /* the server's */ };

/* --- checks ------------------------------------------------------------------------------------
 */

static void fill(agdb_copy_options_t *o)
{
    const bool csv = o->format == AGDB_COPY_CSV;

    if (o->delimiter == '\0')
        o->delimiter = csv ? ',' : '\t';
    if (o->quote == '\0')
        o->quote = '"';
    if (o->escape == '\0')
        o->escape = o->quote;
    if (o->null_text == NULL)
        o->null_text = csv ? "" : "\\N";
    if (o->commit_every == 0)
        o->commit_every = AGDB_COPY_COMMIT_EVERY;
    if (o->buffer_bytes == 0)
        o->buffer_bytes = AGDB_COPY_BUFFER;
    if (o->timeout_ms == 0)
        o->timeout_ms = AGDB_COPY_TIMEOUT_MS;
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* The server's rules: what it would refuse, or take for something else. */
static const char *check_signs(const agdb_copy_options_t *o)
{
    const bool csv = o->format == AGDB_COPY_CSV;

    if (is_line_end(o->delimiter) || is_line_end(o->quote) || is_line_end(o->escape))
        return ".delimiter, .quote and .escape cannot be line ends";
    if ((unsigned char)o->delimiter > 0x7f || (unsigned char)o->quote > 0x7f ||
        (unsigned char)o->escape > 0x7f)
        return ".delimiter, .quote and .escape are one ASCII character each";
    if (!csv && strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", o->delimiter) != NULL)
        return ".delimiter of the text format cannot be a backslash, a dot, a letter or a digit";
    if (csv && o->delimiter == o->quote)
        return ".delimiter and .quote must differ";
    if (strpbrk(o->null_text, "\r\n") != NULL || strchr(o->null_text, o->delimiter) != NULL ||
        (csv && strchr(o->null_text, o->quote) != NULL))
        return ".null_text cannot hold line ends, the delimiter or the quote";
    return NULL;
}

static const char *check_format(const agdb_copy_options_t *o)
{
    switch (o->format) {
    case AGDB_COPY_TEXT:
        if (o->quote != '\0' || o->escape != '\0')
            return ".quote and .escape are of AGDB_COPY_CSV only";
        return NULL;
    case AGDB_COPY_CSV:
        return NULL;
    case AGDB_COPY_BINARY:
        if (o->delimiter != '\0' || o->quote != '\0' || o->escape != '\0' || o->null_text != NULL ||
            o->header)
            return "AGDB_COPY_BINARY has no .delimiter, .quote, .escape, .null_text, .header";
        return NULL;
    }
    return "unknown .format";
}

static const char *check_table(const agdb_copy_options_t *o)
{
    size_t i;

    if (o->table == NULL || o->table[0] == '\0')
        return "there is no .table";
    if (o->schema != NULL && o->schema[0] == '\0')
        return ".schema is empty";
    if (o->ncolumns > COLUMNS_MAX || (o->columns == NULL && o->ncolumns > 0))
        return ".ncolumns is not the number of .columns";
    for (i = 0; i < o->ncolumns; i++)
        if (o->columns[i] == NULL || o->columns[i][0] == '\0')
            return "one of .columns is NULL or empty";
    return NULL;
}

/* Both ways; fills. */
static const char *check_both(agdb_copy_options_t *o)
{
    const char *why = check_format(o);

    if (why != NULL)
        return why;
    fill(o);
    return o->format == AGDB_COPY_BINARY ? NULL : check_signs(o);
}

static const char *check_key(const agdb_copy_options_t *o)
{
    const bool named = o->key_column != NULL;

    if (named && o->key_index != 0)
        return "the key is given twice: .key_column and .key_index";
    if (o->shard != NULL && (named || o->key_index != 0))
        return "there are two targets: .shard and a key column";
    if (named && o->ncolumns == 0 && !o->header)
        return ".key_column needs .columns or a .header to be found in: or give .key_index";
    if (named && o->ncolumns > 0 && agdb__bulk_find(o->key_column, o->columns, o->ncolumns) < 0)
        return ".key_column is not among .columns";
    if (o->key_index > COLUMNS_MAX || (o->ncolumns > 0 && o->key_index > o->ncolumns))
        return ".key_index is behind the last column";
    return NULL;
}

static agdb_status_t judged(const char *why, agdb_error_t **reterr)
{
    return why == NULL ? AGDB_OK : agdb__fail(reterr, AGDB_E_INVAL, "copy options: %s", why);
}

agdb_status_t agdb__bulk_check_in(agdb_copy_options_t *o, agdb_error_t **reterr)
{
    const char *why = check_table(o);

    if (why == NULL && (o->query != NULL || o->key.data != NULL || o->access != AGDB_WRITE))
        why = ".query, .key and .access are of agdb_copy_out only";
    if (why == NULL)
        why = check_key(o);
    if (why == NULL)
        why = check_both(o);
    return judged(why, reterr);
}

static const char *check_source(const agdb_copy_options_t *o)
{
    if (o->query == NULL)
        return check_table(o);
    if (o->table != NULL || o->schema != NULL || o->ncolumns != 0)
        return "a .query has no .table, .schema and .columns";
    return o->query[0] == '\0' ? "the .query is empty" : NULL;
}

static bool is_of_in(const agdb_copy_options_t *o)
{
    return o->key_column != NULL || o->key_index != 0 || o->commit_every != 0 ||
           o->buffer_bytes != 0 || o->stop_on_failure || o->resume != NULL;
}

agdb_status_t agdb__bulk_check_out(agdb_copy_options_t *o, agdb_error_t **reterr)
{
    const char *why = check_source(o);

    if (why == NULL && is_of_in(o))
        why = ".key_column, .key_index, .commit_every, .buffer_bytes, .stop_on_failure and .resume "
              "are of agdb_copy_in_open only";
    if (why == NULL && o->access != AGDB_WRITE && o->access != AGDB_READ &&
        o->access != AGDB_READ_REPLICA_OK)
        why = ".access of agdb_copy_out is AGDB_READ or AGDB_READ_REPLICA_OK";
    if (why == NULL && o->key.data != NULL && (o->key.len < 1 || o->key.len > AGDB_KEY_MAX))
        why = "the .key has not 1 to 255 bytes";
    if (why == NULL && o->key.data != NULL && o->shard != NULL)
        why = "there are two targets: .key and .shard";
    if (why == NULL)
        why = check_both(o);
    return judged(why, reterr);
}

int agdb__bulk_find(const char *name, const char *const *names, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

/* --- the statement ------------------------------------------------------------------------------
 */

/* A name, or with '\'' a string: both double the sign within. */
static void add_quoted(agdb__buf_t *sql, const char *text, size_t len, char sign)
{
    size_t i;

    agdb__buf_add(sql, &sign, 1);
    for (i = 0; i < len; i++) {
        if (text[i] == sign)
            agdb__buf_add(sql, &sign, 1);
        agdb__buf_add(sql, &text[i], 1);
    }
    agdb__buf_add(sql, &sign, 1);
}

/* Nothing but quotes is special in it: standard_conforming_strings is on. */
static void add_sign(agdb__buf_t *sql, const char *name, char sign)
{
    agdb__buf_printf(sql, ", %s ", name);
    add_quoted(sql, &sign, 1, '\'');
}

static void add_table(agdb__buf_t *sql, const agdb_copy_options_t *o, const char *const *columns,
                      size_t ncolumns)
{
    size_t i;

    if (o->schema != NULL) {
        add_quoted(sql, o->schema, strlen(o->schema), '"');
        agdb__buf_text(sql, ".");
    }
    add_quoted(sql, o->table, strlen(o->table), '"');
    for (i = 0; i < ncolumns; i++) {
        agdb__buf_text(sql, i == 0 ? " (" : ", ");
        add_quoted(sql, columns[i], strlen(columns[i]), '"');
    }
    agdb__buf_text(sql, ncolumns > 0 ? ")" : "");
}

static void add_format(agdb__buf_t *sql, const agdb_copy_options_t *o)
{
    static const char *const name[] = {"text", "csv", "binary"};

    agdb__buf_printf(sql, " WITH (FORMAT %s", name[o->format]);
    if (o->format == AGDB_COPY_BINARY)
        return;
    add_sign(sql, "DELIMITER", o->delimiter);
    agdb__buf_text(sql, ", NULL ");
    add_quoted(sql, o->null_text, strlen(o->null_text), '\'');
    if (o->format == AGDB_COPY_CSV) {
        add_sign(sql, "QUOTE", o->quote);
        add_sign(sql, "ESCAPE", o->escape);
    }
}

char *agdb__bulk_sql_in(const agdb_copy_options_t *o, const char *const *columns, size_t ncolumns)
{
    agdb__buf_t sql;

    agdb__buf_init(&sql, SQL_MAX);
    agdb__buf_text(&sql, "COPY ");
    add_table(&sql, o, columns, ncolumns);
    agdb__buf_text(&sql, " FROM STDIN");
    add_format(&sql, o);
    agdb__buf_text(&sql, ")");
    return agdb__buf_take(&sql);
}

/* The line end lets a query end in a comment. */
char *agdb__bulk_sql_out(const agdb_copy_options_t *o, bool header)
{
    agdb__buf_t sql;

    agdb__buf_init(&sql, SQL_MAX);
    agdb__buf_text(&sql, "COPY ");
    if (o->query != NULL)
        agdb__buf_printf(&sql, "(%s\n)", o->query);
    else
        add_table(&sql, o, o->columns, o->ncolumns);
    agdb__buf_text(&sql, " TO STDOUT");
    add_format(&sql, o);
    agdb__buf_text(&sql, header ? ", HEADER true)" : ")");
    return agdb__buf_take(&sql);
}
