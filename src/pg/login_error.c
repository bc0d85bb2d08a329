#include "pg/login_error.h"

#include "base/error.h"
#include "pg/sqlstate.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 512, OVERLOAD_RETRY_MS = 1000, STARTING_RETRY_MS = 250 };

static bool is_code(const char *at)
{
    size_t i;

    for (i = 0; i < 5; i++)
        if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'A' && at[i] <= 'Z')))
            return false;
    return at[5] == ':' && at[6] == ' ';
}

/* "FATAL:  28P01: text": the place of the code, whatever language the server speaks. */
static const char *find_code(const char *text)
{
    const char *at;

    for (at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  "))
        if (is_code(at + 3))
            return at + 3;
    return NULL;
}

/* One line: what follows "... failed: ", without the code and without the lines that say where in
 * the server's source it happened. */
static void first_line(const char *text, const char *code, char *line, size_t size)
{
    static const char failed[] = " failed: ";
    const char *prefix = strstr(text, failed);
    size_t len;

    if (code != NULL)
        text = code + 7;
    else if (prefix != NULL)
        text = prefix + sizeof failed - 1;
    while (*text == ' ' || *text == '\n')
        text++;
    len = strcspn(text, "\n");
    if (len >= size)
        len = size - 1;
    memcpy(line, text, len);
    line[len] = '\0';
}

static bool is_tls(const char *line)
{
    static const char *const word[] = {"SSL", "certificate", "TLS", "private key file"};
    size_t i;

    for (i = 0; i < sizeof word / sizeof word[0]; i++)
        if (strstr(line, word[i]) != NULL)
            return true;
    return false;
}

static agdb_status_t fail_coded(const char *state, const char *line, const char *where,
                                bool had_password, agdb_error_t **reterr)
{
    agdb_status_t st;

    switch (agdb__sql_classify(state, line)) {
    case AGDB__SQL_AUTH:
        if (strcmp(state, "3D000") == 0)
            st = agdb__fail(reterr, AGDB_E_AUTH, "%s: %s: check connection.dbname of the map",
                            where, line);
        else if (strcmp(state, "28P01") == 0 && !had_password)
            st = agdb__fail(reterr, AGDB_E_AUTH,
                            "%s: the server asks for a password and there is none: set "
                            "connection.password_file in the map",
                            where);
        else
            st = agdb__fail(reterr, AGDB_E_AUTH, "%s: %s", where, line);
        break;
    case AGDB__SQL_OVERLOAD:
        st = agdb__fail(reterr, AGDB_E_CONNECT, "%s: %s", where, line);
        agdb__error_retriable(reterr, true, OVERLOAD_RETRY_MS);
        break;
    case AGDB__SQL_GOING_AWAY:
        st = agdb__fail(reterr, AGDB_E_CONNECT, "%s: %s", where, line);
        agdb__error_retriable(reterr, true, STARTING_RETRY_MS);
        break;
    default:
        /* a start-up setting that the server does not know, too */
        st = agdb__fail(reterr, AGDB_E_CONNECT, "%s: %s%s", where, line,
                        strcmp(state, "42704") == 0 ? " (PostgreSQL 14 or newer is needed)" : "");
        break;
    }
    if (strcmp(state, "42501") == 0 && reterr != NULL && *reterr != NULL && !(*reterr)->is_static) {
        (*reterr)->status = AGDB_E_AUTH; /* no CONNECT privilege */
        st = AGDB_E_AUTH;
    }
    agdb__error_sqlstate(reterr, state);
    return st;
}

agdb_status_t agdb__login_error(const char *text, const char *where, bool had_password,
                                agdb_error_t **reterr)
{
    const char *code = find_code(text);
    char line[LINE_MAX_BYTES];
    char state[6];
    agdb_status_t st;

    first_line(text, code, line, sizeof line);
    if (code != NULL) {
        snprintf(state, sizeof state, "%.5s", code);
        st = fail_coded(state, line, where, had_password, reterr);
    } else if (is_tls(line)) {
        st = agdb__fail(reterr, AGDB_E_TLS, "%s: %s", where, line);
    } else if (strstr(line, "password") != NULL || strstr(line, "authentication") != NULL) {
        st = agdb__fail(reterr, AGDB_E_AUTH, "%s: %s", where, line);
    } else {
        st = agdb__fail(reterr, AGDB_E_CONNECT, "%s: %s", where, line);
        agdb__error_retriable(reterr, true, 0);
    }
    agdb__error_stage(reterr, AGDB_STAGE_CONNECT);
    return st;
}
