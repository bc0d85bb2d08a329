#include "map/file.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "map/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static void complain(agdb_diagnostics_t *diag, const char *what, int error)
{
    char buf[128];

    agdb__diag_error(diag, 1, 1, "%s: %s", what, strerror_r(error, buf, sizeof buf));
}

/* Links are followed, since a Kubernetes ConfigMap consists of them: what counts is the file that
 * was opened. */
static bool check_opened(int fd, agdb_diagnostics_t *diag)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        complain(diag, "cannot be examined", errno);
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        agdb__diag_error(diag, 1, 1, "not a regular file");
        return false;
    }
    if ((st.st_mode & S_IWOTH) != 0) {
        agdb__diag_error(diag, 1, 1, "everyone may write this file: take that away (chmod o-w)");
        return false;
    }
    if (st.st_size > AGDB__MAP_BYTES_MAX) {
        agdb__diag_error(diag, 1, 1, "larger than %d bytes: not a shard map", AGDB__MAP_BYTES_MAX);
        return false;
    }
    return true;
}

/* One byte more than allowed is read, so that a file that grows meanwhile is refused and not cut.
 */
static bool read_all(int fd, agdb_diagnostics_t *diag, char *data, size_t *ret_len)
{
    size_t len = 0;

    while (len <= AGDB__MAP_BYTES_MAX) {
        ssize_t n = read(fd, data + len, AGDB__MAP_BYTES_MAX + 1 - len);
        if (n == 0)
            break;
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR) {
            complain(diag, "cannot be read", errno);
            return false;
        }
    }
    *ret_len = len;
    return true;
}

bool agdb__file_read(const char *path, agdb_diagnostics_t *diag, char **ret, size_t *ret_len)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *data = NULL;
    bool ok = false;

    if (fd < 0) {
        complain(diag, "cannot be opened", errno);
        return false;
    }
    if (!check_opened(fd, diag))
        goto out;
    data = agdb__malloc(AGDB__MAP_BYTES_MAX + 1);
    if (data == NULL) {
        diag->lost_memory = true;
        goto out;
    }
    if (!read_all(fd, diag, data, ret_len))
        goto out;
    *ret = data;
    data = NULL;
    ok = true;
out:
    agdb__free(data);
    close(fd);
    return ok;
}

bool agdb__file_folder(const char *path, char **ret)
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    bool absolute = len > 0 && path[0] == '/';
    char cwd[PATH_MAX] = "";
    agdb__buf_t folder;

    *ret = NULL;
    if (!absolute && getcwd(cwd, sizeof cwd) == NULL)
        return true;
    agdb__buf_init(&folder, SIZE_MAX / 2);
    agdb__buf_text(&folder, cwd);
    if (!absolute && len > 0)
        agdb__buf_text(&folder, "/");
    agdb__buf_add(&folder, path, len);
    *ret = agdb__buf_take(&folder);
    return *ret != NULL;
}
