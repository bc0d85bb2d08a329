#include "pg/login_error.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#define TCP "connection to server at \"127.0.0.1\", port 18432 failed: "

static const struct {
    const char *text; /* libpq's, with PQERRORS_VERBOSE */
    bool had_password;
    agdb_status_t status;
    const char *state;
    const char *message; /* behind "cannot connect to x: " */
    uint32_t retry_ms;
} k_rows[] = {
    {TCP "FATAL:  28P01: password authentication failed for user \"a\"\nLOCATION:  auth_failed\n",
     true, AGDB_E_AUTH, "28P01", "password authentication failed for user \"a\"", 0},
    {TCP "FATAL:  28P01: password authentication failed for user \"a\"\n", false, AGDB_E_AUTH,
     "28P01",
     "the server asks for a password and there is none: set connection.password_file in the map",
     0},
    {TCP "PANNE:  28000: pas d'entree dans pg_hba.conf\n", true, AGDB_E_AUTH, "28000",
     "pas d'entree dans pg_hba.conf", 0},
    {TCP "FATAL:  28000: connection requires a valid client certificate\n", true, AGDB_E_AUTH,
     "28000", "connection requires a valid client certificate", 0},
    {TCP "FATAL:  3D000: database \"b\" does not exist\n", true, AGDB_E_AUTH, "3D000",
     "database \"b\" does not exist: check connection.dbname of the map", 0},
    {TCP "FATAL:  42501: permission denied for database \"b\"\n", true, AGDB_E_AUTH, "42501",
     "permission denied for database \"b\"", 0},
    {TCP "FATAL:  53300: sorry, too many clients already\n", true, AGDB_E_CONNECT, "53300",
     "sorry, too many clients already", 1000},
    {TCP "FATAL:  57P03: the database system is starting up\n", true, AGDB_E_CONNECT, "57P03",
     "the database system is starting up", 250},
    {TCP "FATAL:  42704: unrecognized configuration parameter \"x\"\n", true, AGDB_E_CONNECT,
     "42704", "unrecognized configuration parameter \"x\" (PostgreSQL 14 or newer is needed)", 0},
    {TCP "Connection refused\n\tIs the server running on that host?\n", true, AGDB_E_CONNECT, "",
     "Connection refused", 0},
    {"connection to server on socket \"/d/.s.PGSQL.1\" failed: No such file or directory\n\tIs\n",
     true, AGDB_E_CONNECT, "", "No such file or directory", 0},
    {TCP "server certificate for \"localhost\" does not match host name \"wrong.example\"\n", true,
     AGDB_E_TLS, "",
     "server certificate for \"localhost\" does not match host name \"wrong.example\"", 0},
    {TCP "SSL error: certificate verify failed\n", true, AGDB_E_TLS, "",
     "SSL error: certificate verify failed", 0},
    {TCP "root certificate file \"/x\" does not exist\nEither provide\n", true, AGDB_E_TLS, "",
     "root certificate file \"/x\" does not exist", 0},
    {TCP "server does not support SSL, but SSL was required\n", true, AGDB_E_TLS, "",
     "server does not support SSL, but SSL was required", 0},
    {TCP "host name must be specified for a verified SSL connection\n", true, AGDB_E_TLS, "",
     "host name must be specified for a verified SSL connection", 0},
    {TCP "fe_sendauth: no password supplied\n", false, AGDB_E_AUTH, "",
     "fe_sendauth: no password supplied", 0},
    {"definition of service \"x\" not found\n", true, AGDB_E_CONNECT, "",
     "definition of service \"x\" not found", 0},
    {"", true, AGDB_E_CONNECT, "", "", 0},
};

static void login_error_each_text_as_the_table_says(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof k_rows / sizeof k_rows[0]; i++) {
        agdb_error_t *error = NULL;
        char message[256] = "cannot connect to x: ";

        strncat(message, k_rows[i].message, sizeof message - strlen(message) - 1);
        assert_int_equal(agdb__login_error(k_rows[i].text, "cannot connect to x",
                                           k_rows[i].had_password, &error),
                         k_rows[i].status);
        assert_int_equal(error->status, k_rows[i].status);
        assert_string_equal(error->message, message);
        assert_string_equal(error->sqlstate, k_rows[i].state);
        assert_int_equal(error->retry_after_ms, k_rows[i].retry_ms);
        assert_int_equal(error->stage, AGDB_STAGE_CONNECT);
        agdb__error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(login_error_each_text_as_the_table_says)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
