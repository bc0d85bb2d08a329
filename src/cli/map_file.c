#include "cli/map_file.h"

#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *trouble(const char *what, const char *path)
{
    return cli_format("cannot %s %s: %s", what, path, strerror(errno));
}

const char *cli_map_file_read(const char *path, cli_map_file_t *ret)
{
    char real[PATH_MAX];
    struct stat info;

    if (realpath(path, real) == NULL || stat(real, &info) != 0)
        return trouble("find", path);
    ret->path = cli_copy(real);
    ret->text.text = cli_read_file(real, &ret->text.len);
    if (ret->text.text == NULL)
        return trouble("read", path);
    ret->mode = info.st_mode & 07777;
    ret->uid = info.st_uid;
    ret->gid = info.st_gid;
    return NULL;
}

/* Others of this command wait for each other; -1: locks are not possible there, which is no reason
 * to stop. */
static int lock(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
        continue;
    return fd;
}

static bool is_unchanged(const cli_map_file_t *file)
{
    size_t len = 0;
    const char *text = cli_read_file(file->path, &len);

    return text != NULL && len == file->text.len && memcmp(text, file->text.text, len) == 0;
}

static bool fill(int fd, const cli_map_file_t *file, cli_span_t text)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return false;
    if ((info.st_uid != file->uid || info.st_gid != file->gid) &&
        fchown(fd, file->uid, file->gid) != 0)
        return false;
    return fchmod(fd, file->mode) == 0 && cli_write_all(fd, text.text, text.len) && fsync(fd) == 0;
}

/* So that the new name is there after a crash, too. */
static bool sync_folder(const char *path)
{
    const int fd = open(cli_folder(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done;

    if (fd < 0)
        return false;
    done = fsync(fd) == 0 || errno == EINVAL; /* some file systems cannot */
    close(fd);
    return done;
}

static const char *replace(const cli_map_file_t *file, cli_span_t text)
{
    const char *name = strrchr(file->path, '/') + 1;
    char *part = cli_format("%s/.%s.XXXXXX", cli_folder(file->path), name);
    const int fd = mkostemp(part, O_CLOEXEC);
    const char *fault = NULL;

    if (fd < 0)
        return trouble("write a new file beside", file->path);
    if (!fill(fd, file, text))
        fault = trouble("write", part);
    if (close(fd) != 0 && fault == NULL)
        fault = trouble("write", part);
    if (fault == NULL && !is_unchanged(file))
        fault = cli_format("%s was changed meanwhile by somebody else: look at it, and run the "
                           "command again",
                           file->path);
    if (fault == NULL && rename(part, file->path) != 0)
        fault = trouble("replace", file->path);
    if (fault != NULL)
        unlink(part);
    else if (!sync_folder(file->path))
        fault = cli_format("%s is replaced, but may not be so after a crash: %s", file->path,
                           strerror(errno));
    return fault;
}

/* A signal waits for the end, so that no half-written file stays beside the map. */
const char *cli_map_file_replace(const cli_map_file_t *file, cli_span_t text)
{
    const int held = lock(file->path);
    const char *fault;
    sigset_t ends;
    sigset_t before;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, &before);
    fault = replace(file, text);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (held >= 0)
        close(held);
    return fault;
}
