#include "pg/conninfo.h"

#include "base/error.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KNOWN_MAX = 128, KEYWORD_SIZE = 40, OPTIONS_MAX = 16 * 1024 };

/* A path that is no file anywhere (ENOTDIR): libpq takes it for "not there" and goes on without. */
#define NO_FILE "/dev/null/none"

/* What an option gets when the login does not set it. */
static const struct {
    const char *keyword;
    const char *value;
} k_neutral[] = {
    {"client_encoding", "UTF8"},
    {"connect_timeout", "0"},
    {"gssencmode", "disable"},
    {"gssdelegation", "0"},
    {"gsslib", "gssapi"},
    {"krbsrvname", "postgres"},
    {"sslmode", "prefer"},
    {"sslnegotiation", "postgres"},
    {"sslcompression", "0"},
    {"sslsni", "1"},
    {"sslcert", NO_FILE},
    {"sslkey", NO_FILE},
    {"sslcertmode", "allow"},
    {"sslrootcert", NO_FILE},
    {"sslcrl", NO_FILE},
    {"sslcrldir", NO_FILE},
    {"ssl_min_protocol_version", "TLSv1.2"},
    {"ssl_max_protocol_version", "TLSv1.3"},
    {"min_protocol_version", "3.0"},
    {"max_protocol_version", "3.0"},
    {"channel_binding", "prefer"},
    {"require_auth", "password,md5,gss,sspi,scram-sha-256,none"},
    {"passfile", NO_FILE},
    {"target_session_attrs", "any"},
    {"load_balance_hosts", "disable"},
    {"keepalives", "1"},
};

static char s_known[KNOWN_MAX][KEYWORD_SIZE];
static size_t s_nknown;

/* An empty connection string parsed: the list of options, without defaults, hence without a look
 * at the environment or the user database. */
static void list_known(void)
{
    PQconninfoOption *list = PQconninfoParse("", NULL);
    const PQconninfoOption *o;

    for (o = list; o != NULL && o->keyword != NULL && s_nknown < KNOWN_MAX; o++)
        snprintf(s_known[s_nknown++], KEYWORD_SIZE, "%s", o->keyword);
    PQconninfoFree(list);
}

bool agdb__conninfo_knows(const char *keyword)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t i;

    pthread_once(&once, list_known);
    for (i = 0; i < s_nknown; i++)
        if (strcmp(s_known[i], keyword) == 0)
            return true;
    return false;
}

static bool has(const agdb__conninfo_t *info, const char *keyword)
{
    size_t i;

    for (i = 0; i < info->count; i++)
        if (strcmp(info->keyword[i], keyword) == 0)
            return true;
    return false;
}

static void add(agdb__conninfo_t *info, const char *keyword, const char *value)
{
    if (info->count < AGDB__CONNINFO_MAX && agdb__conninfo_knows(keyword)) {
        info->keyword[info->count] = keyword;
        info->value[info->count] = value;
        info->count++;
    }
}

/* One `-c name=value`; the server splits `options` at white space that no backslash precedes. */
static void add_setting(agdb__buf_t *b, const char *name, const char *value)
{
    agdb__buf_printf(b, "%s-c %s=", b->len != 0 ? " " : "", name);
    for (; *value != '\0'; value++) {
        if (*value == ' ' || *value == '\\' || (*value >= '\t' && *value <= '\r'))
            agdb__buf_text(b, "\\");
        agdb__buf_add(b, value, 1);
    }
}

static void build_options(agdb__buf_t *b, const agdb__login_t *login)
{
    static const char *const fixed[][2] = {
        {"TimeZone", "UTC"},
        {"DateStyle", "ISO, MDY"},
        {"IntervalStyle", "postgres"},
        {"bytea_output", "hex"},
        {"extra_float_digits", "1"},
        {"standard_conforming_strings", "on"},
        {"default_transaction_isolation", "read committed"},
        {"statement_timeout", "0"},
        /* the server stops working for a client that is gone */
        {"client_connection_check_interval", "1000ms"},
    };
    size_t i;

    for (i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        add_setting(b, fixed[i][0], fixed[i][1]);
    if (login->search_path != NULL && *login->search_path != '\0')
        add_setting(b, "search_path", login->search_path);
}

static agdb_status_t add_options(agdb__conninfo_t *info, const agdb__login_t *login,
                                 agdb_error_t **reterr)
{
    if (login->pgbouncer) {
        /* Older PgBouncers refuse `options` whatever it holds, so it is sent only where it has to
         * keep PGOPTIONS out. */
        if (getenv("PGOPTIONS") != NULL)
            add(info, "options", " ");
        return AGDB_OK;
    }
    build_options(&info->options, login);
    if (info->options.failed)
        return agdb__fail(reterr, AGDB_E_CONNECT, "search_path is too long");
    add(info, "options", info->options.data);
    return AGDB_OK;
}

/* With a TCP address: host (which TLS verifies) and hostaddr. On a socket an absent or empty
 * hostaddr would come from PGHOSTADDR and turn the connection to TCP; "," is a list of two empty
 * addresses, which goes with a host list of two: libpq tries the same socket twice. */
static agdb_status_t add_host(agdb__conninfo_t *info, const agdb__login_t *login,
                              const char *address, agdb_error_t **reterr)
{
    if (strchr(login->host, ',') != NULL || *login->host == '\0')
        return agdb__fail(reterr, AGDB_E_CONNECT, "'%s' is not one host name", login->host);
    snprintf(info->port, sizeof info->port, "%u", login->port);
    add(info, "port", info->port);
    if (login->host[0] != '/') {
        add(info, "host", login->host);
        add(info, "hostaddr", address);
        add(info, "requirepeer", "none"); /* looked at on sockets only */
        return AGDB_OK;
    }
    agdb__buf_printf(&info->host, "%s,%s", login->host, login->host);
    if (info->host.failed)
        return agdb__fail_nomem(reterr);
    info->hosts[0] = ',';
    add(info, "host", info->host.data);
    add(info, "hostaddr", info->hosts);
    return AGDB_OK;
}

/* libpq ignores a revocation list that it cannot read, and then accepts revoked certificates. */
static agdb_status_t check_crl(const char *keyword, const char *value, agdb_error_t **reterr)
{
    if (strcmp(keyword, "sslcrl") == 0 && access(value, R_OK) != 0)
        return agdb__fail(reterr, AGDB_E_TLS, "sslcrl '%s' cannot be read", value);
    return AGDB_OK;
}

static agdb_status_t add_login_options(agdb__conninfo_t *info, const agdb__login_t *login,
                                       agdb_error_t **reterr)
{
    agdb_status_t st;
    size_t i;

    for (i = 0; i < login->noptions; i++) {
        const char *keyword = login->keywords[i];
        if (login->values[i] == NULL || *login->values[i] == '\0')
            continue; /* the neutral value, as if it had not been named */
        if (has(info, keyword))
            return agdb__fail(reterr, AGDB_E_CONNECT, "connection option '%s' may not be set here",
                              keyword);
        if (!agdb__conninfo_knows(keyword))
            return agdb__fail(reterr, AGDB_E_CONNECT,
                              "this libpq (version %d) does not know the connection option '%s'",
                              PQlibVersion(), keyword);
        st = check_crl(keyword, login->values[i], reterr);
        if (st != AGDB_OK)
            return st;
        add(info, keyword, login->values[i]);
    }
    return AGDB_OK;
}

agdb_status_t agdb__conninfo_build(agdb__conninfo_t *info, const agdb__login_t *login,
                                   const char *address, const char *password, agdb_error_t **reterr)
{
    agdb_status_t st;
    size_t i;

    *info = (agdb__conninfo_t){0};
    agdb__buf_init(&info->host, OPTIONS_MAX);
    agdb__buf_init(&info->options, OPTIONS_MAX);
    st = add_host(info, login, address, reterr);
    if (st != AGDB_OK)
        return st;
    add(info, "user", login->user);
    add(info, "dbname", login->dbname);
    add(info, "password", *password != '\0' ? password : AGDB__NO_PASSWORD);
    add(info, "application_name",
        login->service != NULL && *login->service != '\0' ? login->service : "agencydb");
    st = add_options(info, login, reterr);
    if (st == AGDB_OK)
        st = add_login_options(info, login, reterr);
    if (st != AGDB_OK)
        return st;
    for (i = 0; i < sizeof k_neutral / sizeof k_neutral[0]; i++)
        if (!has(info, k_neutral[i].keyword))
            add(info, k_neutral[i].keyword, k_neutral[i].value);
    return AGDB_OK;
}

void agdb__conninfo_fini(agdb__conninfo_t *info)
{
    agdb__buf_fini(&info->host);
    agdb__buf_fini(&info->options);
}
