#include "map_test.h"

#include <dirent.h>
#include <stdlib.h>

/* Each tests/maps/broken/NNN-name.yaml, against NNN-name.expect: LINE:COL: KIND: TEXT. */

#define FOLDER AGDB_SOURCE_DIR "/tests/maps/broken"

enum { ENOUGH = 120, FILE_MAX = 65536 };

static const char *const k_secrets[] = {"s3cr3t", "987654"};

static int set_variables(void **state)
{
    (void)state;
    setenv("AGDB_TEST_SECRET", "s3cr3t-value", 1);
    setenv("AGDB_TEST_NUMBER", "987654", 1);
    setenv("AGDB_TEST_NUMBER7", "7", 1);
    setenv("AGDB_TEST_HOST", "s3cr3t.example.gov", 1);
    setenv("AGDB_TEST_EMPTY", "", 1);
    setenv("AGDB_TEST_DOLLAR", "${HOME}", 1);
    setenv("AGDB_TEST_NEWLINE", "a\nb", 1);
    unsetenv("AGDB_TEST_UNSET");
    return 0;
}

static int is_map(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".yaml") == 0;
}

static void read_expected(const char *name, char *text)
{
    char path[1024];
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "%s/%.*s.expect", FOLDER, (int)(strlen(name) - 5), name);
    file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s is missing", path);
    n = fread(text, 1, FILE_MAX - 1, file);
    text[n] = '\0';
    fclose(file);
}

static void write_found(const agdb_diagnostics_t *diag, char *text)
{
    size_t at = 0;
    size_t i;

    text[0] = '\0';
    for (i = 0; diag != NULL && i < diag->nitems; i++)
        at += (size_t)snprintf(text + at, FILE_MAX - at, "%u:%u: %s: %s\n", diag->item[i].line,
                               diag->item[i].column, diag->item[i].is_error ? "error" : "warning",
                               diag->item[i].text);
}

/* One child per error, and the first one in the message. */
static void check_error(const agdb_error_t *error, const agdb_diagnostics_t *diag)
{
    size_t child = 0;
    size_t i;

    assert_non_null(error);
    assert_int_equal(error->status, AGDB_E_MAP_INVALID);
    for (i = 0; i < diag->nitems; i++) {
        const agdb_diagnostic_t *d = &diag->item[i];
        char expected[1400];
        if (!d->is_error)
            continue;
        snprintf(expected, sizeof expected, "%s:%u:%u: %s", d->file, d->line, d->column, d->text);
        assert_true(child < error->nchild);
        assert_string_equal(error->child[child]->message, expected);
        if (child == 0)
            assert_memory_equal(error->message, expected, strlen(expected));
        child++;
    }
    assert_int_equal(error->nchild, child);
}

static void check_map(const char *name)
{
    static char expected[FILE_MAX];
    static char found[FILE_MAX];
    char path[1024];
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    agdb_error_t *error = NULL;
    size_t i;

    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    read_expected(name, expected);
    if (agdb__map_load_file(path, &map, &diag, &error) != AGDB_E_MAP_INVALID)
        fail_msg("%s was not refused", name);
    write_found(diag, found);
    if (strcmp(found, expected) != 0)
        fail_msg("%s\n--- expected\n%s--- found\n%s", name, expected, found);
    check_error(error, diag);
    for (i = 0; i < AGDB_COUNT(k_secrets); i++)
        if (strstr(found, k_secrets[i]) != NULL || strstr(error->message, k_secrets[i]) != NULL)
            fail_msg("%s shows the value of a variable: %s", name, found);
    agdb__diag_free(diag);
    agdb__error_free(error);
}

static void load_broken_maps_gives_exact_diagnostics(void **state)
{
    struct dirent **entries = NULL;
    int n = scandir(FOLDER, &entries, is_map, alphasort);
    int i;

    (void)state;
    assert_true(n >= ENOUGH);
    for (i = 0; i < n; i++) {
        check_map(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(load_broken_maps_gives_exact_diagnostics)};

    return cmocka_run_group_tests(tests, set_variables, NULL);
}
