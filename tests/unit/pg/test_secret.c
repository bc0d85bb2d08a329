#include "pg/secret.h"

#include "base/error.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

static char s_path[] = "/tmp/agdb-secret-XXXXXX";
static char s_buf[AGDB__SECRET_MAX];

static int setup(void **state)
{
    int fd;

    (void)state;
    memcpy(s_path + sizeof s_path - 7, "XXXXXX", 6);
    fd = mkstemp(s_path);
    return fd >= 0 && close(fd) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(s_path);
}

static void fill(const char *text, size_t len, mode_t mode)
{
    int fd = open(s_path, O_WRONLY | O_TRUNC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void expect_file(const char *text, size_t len, const char *secret)
{
    fill(text, len, 0644);
    assert_int_equal(agdb__secret_from_file(s_path, s_buf, NULL), AGDB_OK);
    assert_string_equal(s_buf, secret);
}

static void from_file_gives_the_whole_content_without_the_last_newline(void **state)
{
    (void)state;
    expect_file("se cret", 7, "se cret");
    expect_file("secret\n", 7, "secret");
    expect_file("secret\r\n", 8, "secret");
    expect_file("two\nlines\n", 10, "two\nlines");
    expect_file("two\n\n", 5, "two\n");
}

static void expect_refused(const char *path, const char *part)
{
    agdb_error_t *error = NULL;

    assert_int_equal(agdb__secret_from_file(path, s_buf, &error), AGDB_E_AUTH);
    assert_non_null(strstr(error->message, part));
    assert_non_null(strstr(error->message, path));
    assert_null(strstr(error->message, "hush"));
    agdb__error_free(error);
}

static void from_file_unusable_is_refused_without_its_content(void **state)
{
    static char big[AGDB__SECRET_MAX + 1];

    (void)state;
    expect_refused("/nonexistent/secret", "No such file");
    expect_refused("/tmp", "not a regular file");
    fill("", 0, 0600);
    expect_refused(s_path, "is empty");
    fill("hush\0hush", 9, 0600);
    expect_refused(s_path, "NUL");
    memset(big, 'h', sizeof big);
    fill(big, sizeof big, 0600);
    expect_refused(s_path, "is over");
}

static void from_env_unset_is_refused(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    setenv("AGDB_TEST_SECRET", "s3", 1);
    assert_int_equal(agdb__secret_from_env("AGDB_TEST_SECRET", s_buf, NULL), AGDB_OK);
    assert_string_equal(s_buf, "s3");
    unsetenv("AGDB_TEST_SECRET");
    assert_int_equal(agdb__secret_from_env("AGDB_TEST_SECRET", s_buf, &error), AGDB_E_AUTH);
    assert_non_null(strstr(error->message, "AGDB_TEST_SECRET"));
    agdb__error_free(error);
}

static agdb_status_t look(const char *host, unsigned port, const char *dbname, const char *user,
                          agdb_error_t **reterr)
{
    return agdb__secret_from_passfile(s_path, host, port, dbname, user, s_buf, reterr);
}

static void from_passfile_the_first_matching_line_counts(void **state)
{
    static const char text[] = "# db-1:5432:agency:app:comment\n"
                               "db-1:5432:agency:app:one\n"
                               "db-1:*:agency:app:two\r\n"
                               "\n"
                               "db\\:2:5432:a\\\\b:app:th\\:ree\\\\\n"
                               "*:*:*:other:four";

    (void)state;
    fill(text, sizeof text - 1, 0600);
    assert_int_equal(look("db-1", 5432, "agency", "app", NULL), AGDB_OK);
    assert_string_equal(s_buf, "one");
    assert_int_equal(look("db-1", 5433, "agency", "app", NULL), AGDB_OK);
    assert_string_equal(s_buf, "two");
    assert_int_equal(look("db:2", 5432, "a\\b", "app", NULL), AGDB_OK);
    assert_string_equal(s_buf, "th:ree\\");
    assert_int_equal(look("x", 1, "y", "other", NULL), AGDB_OK);
    assert_string_equal(s_buf, "four");
    assert_int_equal(look("db-1", 5432, "agency2", "app", NULL), AGDB_E_AUTH);
    assert_int_equal(look("db-11", 5432, "agency", "app", NULL), AGDB_E_AUTH);
}

static void from_passfile_open_to_others_is_refused_with_the_remedy(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    fill("*:*:*:*:hush\n", 13, 0640);
    assert_int_equal(look("a", 1, "b", "c", &error), AGDB_E_AUTH);
    assert_non_null(strstr(error->message, "chmod 600"));
    assert_null(strstr(error->message, "hush"));
    agdb__error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_file_gives_the_whole_content_without_the_last_newline),
        cmocka_unit_test(from_file_unusable_is_refused_without_its_content),
        cmocka_unit_test(from_env_unset_is_refused),
        cmocka_unit_test(from_passfile_the_first_matching_line_counts),
        cmocka_unit_test(from_passfile_open_to_others_is_refused_with_the_remedy),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
