#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_stream(FILE *file, size_t *ret_len)
{
    enum { MOST = 16 << 20 };
    cli_buf_t buf = {0};
    char chunk[8192];
    size_t n;
    int error = 0;

    cli_buf_add(&buf, "", 0);
    while (buf.len <= MOST && (n = fread(chunk, 1, sizeof chunk, file)) > 0)
        cli_buf_add(&buf, chunk, n);
    if (ferror(file))
        error = errno;
    else if (buf.len > MOST)
        error = EFBIG;
    errno = error;
    if (ret_len != NULL)
        *ret_len = buf.len;
    return error == 0 ? buf.data : NULL;
}

char *cli_read_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    char *text;
    int error;

    if (file == NULL)
        return NULL;
    text = read_stream(file, ret_len);
    error = errno;
    fclose(file);
    errno = error;
    return text;
}

char *cli_read_input(size_t *ret_len)
{
    return read_stream(stdin, ret_len);
}

bool cli_write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

bool cli_write_new_file(const char *path, mode_t mode, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    bool done;

    if (fd < 0)
        return false;
    done = fchmod(fd, mode) == 0 && cli_write_all(fd, text, len);
    return close(fd) == 0 && done;
}

bool cli_write_file(const char *path, mode_t mode, const char *text, size_t len)
{
    char *part = cli_format("%s.part", path);

    unlink(part);
    return cli_write_new_file(part, mode, text, len) && rename(part, path) == 0;
}

bool cli_write_file_of(const char *path, const cli_user_t *user, const char *text)
{
    return cli_write_file(path, 0600, text, strlen(text)) &&
           (!user->change || lchown(path, user->uid, user->gid) == 0);
}

bool cli_make_folders(const char *path, mode_t mode)
{
    char *copy = cli_copy(path);
    char *at = copy;

    while ((at = strchr(at + 1, '/')) != NULL) {
        *at = '\0';
        if (mkdir(copy, mode) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return (mkdir(copy, mode) == 0 || errno == EEXIST);
}

bool cli_make_folder_of(const char *path, const cli_user_t *user)
{
    return mkdir(path, 0700) == 0 && (!user->change || lchown(path, user->uid, user->gid) == 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

bool cli_remove_tree(const char *path)
{
    enum { DESCRIPTORS = 16 };

    return nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 ||
           errno == ENOENT;
}

char *cli_tail(const char *path, size_t lines)
{
    size_t len = 0;
    char *text = cli_read_file(path, &len);
    cli_buf_t out = {0};
    size_t start;
    size_t seen = 0;

    cli_buf_add(&out, "", 0);
    if (text == NULL)
        return out.data;
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    for (start = len; start > 0; start--) {
        if (text[start - 1] == '\n' && ++seen == lines)
            break;
    }
    while (start < len) {
        size_t line = strcspn(text + start, "\n");
        cli_buf_format(&out, "\n    %.*s", (int)(line < 300 ? line : 300), text + start);
        start += line + 1;
    }
    return out.data;
}

char *cli_absolute(const char *path)
{
    char real[PATH_MAX];
    char here[PATH_MAX];

    if (realpath(path, real) != NULL)
        return cli_copy(real);
    if (path[0] != '/' && getcwd(here, sizeof here) != NULL)
        path = cli_format("%s/%s", here, path);
    /* what does not exist yet hangs on what does */
    if (strrchr(path, '/') > path) {
        char *folder = cli_absolute(cli_folder(path));
        return cli_format("%s%s", strcmp(folder, "/") == 0 ? "" : folder, strrchr(path, '/'));
    }
    return cli_copy(path);
}

char *cli_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return cli_copy(".");
    return slash == path ? cli_copy("/") : cli_copy_n(path, (size_t)(slash - path));
}

bool cli_is_folder(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *cli_random_hex(size_t len)
{
    unsigned char *bytes = cli_alloc(len + 1);
    cli_buf_t out = {0};
    size_t have = 0;

    while (have < len) {
        ssize_t n = getrandom(bytes + have, len - have, 0);
        if (n > 0)
            have += (size_t)n;
    }
    cli_hex(&out, bytes, len);
    return out.data;
}
