#include "map_test.h"

#include "base/alloc.h"
#include "map/file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/agdb-file-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("agencydb: 1\n", file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_unreadable(const char *path, const char *expected)
{
    agdb_diagnostics_t *diag = agdb__diag_new(path);
    char *text = NULL;
    size_t len = 0;

    assert_false(agdb__file_read(path, diag, &text, &len));
    assert_null(text);
    assert_int_equal(diag->nitems, 1);
    assert_string_equal(diag->item[0].text, expected);
    agdb__diag_free(diag);
}

static void read_through_a_link_gives_the_text(void **state)
{
    agdb_diagnostics_t *diag = agdb__diag_new("f");
    char target[256];
    char *text = NULL;
    size_t len = 0;

    (void)state;
    snprintf(target, sizeof target, "%s", path_of("map"));
    write_file(target, 0644);
    assert_int_equal(symlink("map", path_of("link")), 0);
    assert_true(agdb__file_read(path_of("link"), diag, &text, &len));
    assert_int_equal(len, 12);
    assert_memory_equal(text, "agencydb: 1\n", 12);
    agdb__free(text);
    agdb__diag_free(diag);
    unlink(path_of("link"));
    unlink(target);
}

static void read_world_writable_file_is_refused(void **state)
{
    const char *path = path_of("open");

    (void)state;
    write_file(path, 0666);
    assert_unreadable(path, "everyone may write this file: take that away (chmod o-w)");
    unlink(path);
}

static void read_folder_or_fifo_is_refused_at_once(void **state)
{
    const char *path = path_of("fifo");

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_unreadable(path, "not a regular file");
    unlink(path);
    assert_unreadable(folder, "not a regular file");
}

static void read_file_over_a_mib_is_refused(void **state)
{
    const char *path = path_of("large");

    (void)state;
    write_file(path, 0600);
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    assert_unreadable(path, "larger than 1048576 bytes: not a shard map");
    unlink(path);
}

static void folder_of_a_path_is_absolute(void **state)
{
    char cwd[1024];
    char expected[1100];
    char *found = NULL;

    (void)state;
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_true(agdb__file_folder("/etc/a/map.yaml", &found));
    assert_string_equal(found, "/etc/a");
    agdb__free(found);
    assert_true(agdb__file_folder("/map.yaml", &found));
    assert_string_equal(found, "/");
    agdb__free(found);
    assert_true(agdb__file_folder("sub/map.yaml", &found));
    snprintf(expected, sizeof expected, "%s/sub", cwd);
    assert_string_equal(found, expected);
    agdb__free(found);
    assert_true(agdb__file_folder("map.yaml", &found));
    assert_string_equal(found, cwd);
    agdb__free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_through_a_link_gives_the_text),
        cmocka_unit_test(read_world_writable_file_is_refused),
        cmocka_unit_test(read_folder_or_fifo_is_refused_at_once),
        cmocka_unit_test(read_file_over_a_mib_is_refused),
        cmocka_unit_test(folder_of_a_path_is_absolute),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
