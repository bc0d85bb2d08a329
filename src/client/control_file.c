#include "client/control_file.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Connections that wait to be accepted; how long somebody else may be at the folder. */
enum { BACKLOG = 16, LOCK_TRIES = 200, LOCK_NS = 5000000 };

static agdb_status_t fail_errno(const char *path, const char *what, agdb_error_t **reterr)
{
    char buf[128];
    const char *why = strerror_r(errno, buf, sizeof buf);

    return agdb__fail(reterr, AGDB_E_INVAL, "control socket %s: %s: %s", path, what, why);
}

/* --- the folder --------------------------------------------------------------------------------
 */

/* The name, and room for the folder before it. */
static agdb_status_t split(const char *path, char folder[PATH_MAX], agdb__control_file_t *f,
                           agdb_error_t **reterr)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    if (strlen(path) > AGDB__CONTROL_PATH_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "control socket %s: the path has %zu bytes, and the system takes %d: "
                          "choose a shorter one",
                          path, strlen(path), (int)AGDB__CONTROL_PATH_MAX);
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "control socket %s: the path names a folder", path);
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(folder, PATH_MAX, "%.*s",
             slash == NULL ? 1
             : len > 0     ? (int)len
                           : 1,
             slash == NULL ? "." : path);
    return AGDB_OK;
}

static agdb_status_t open_folder(const char *path, agdb__control_file_t *f, agdb_error_t **reterr)
{
    char folder[PATH_MAX];
    struct stat st;

    if (split(path, folder, f, reterr) != AGDB_OK)
        return AGDB_E_INVAL;
    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->folder < 0 || fstat(f->folder, &st) != 0)
        return fail_errno(path, "its folder cannot be opened", reterr);
    if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "control socket %s: anybody may write to its folder and take its place: "
                          "choose another one, or 'chmod o-w %s'",
                          path, folder);
    return AGDB_OK;
}

/* Others look at a socket and replace it under the same lock, so that no two take one place. */
static bool lock_folder(const agdb__control_file_t *f, int tries)
{
    const struct timespec pause = {.tv_nsec = LOCK_NS};

    while (flock(f->folder, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || --tries <= 0)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

/* --- what is there -----------------------------------------------------------------------------
 */

/* Who began to listen there; 0: that cannot be told. */
static pid_t listener_of(int connection)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof peer;

    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

/* A child that was forked holds its parent's socket open, also when the parent has died: nobody
 * listens there. `ret_why` is errno, or 0. */
static bool is_stale(const char *path, int *ret_why)
{
    const struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale = false;
    pid_t pid;

    *ret_why = 0;
    if (fd < 0) {
        *ret_why = errno;
    } else if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        pid = listener_of(fd);
        stale = pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
    } else if (errno == ECONNREFUSED || errno == ENOENT) {
        stale = true;
    } else if (errno != EAGAIN) { /* that is one with a long line */
        *ret_why = errno;
    }
    if (fd >= 0)
        close(fd);
    return stale;
}

static agdb_status_t clear_place(const char *path, const agdb__control_file_t *f,
                                 agdb_error_t **reterr)
{
    struct stat st;
    int why;

    if (fstatat(f->folder, f->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? AGDB_OK : fail_errno(path, "it cannot be looked at", reterr);
    if (!S_ISSOCK(st.st_mode))
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "control socket %s: there is something that is no socket: remove it, or "
                          "choose another path",
                          path);
    if (!is_stale(path, &why)) {
        errno = why;
        return why != 0 ? fail_errno(path, "whether somebody listens there cannot be told", reterr)
                        : agdb__fail(reterr, AGDB_E_INVAL,
                                     "control socket %s: another client listens there: give each "
                                     "client and process a path of its own",
                                     path);
    }
    if (unlinkat(f->folder, f->name, 0) != 0 && errno != ENOENT)
        return fail_errno(path, "the socket of a process that has ended cannot be removed", reterr);
    return AGDB_OK;
}

/* --- making it ---------------------------------------------------------------------------------
 */

/* The mode of a socket is that of its file from the first moment on, less the umask; and nobody can
 * connect before it listens. */
static agdb_status_t bind_it(const char *path, agdb__control_file_t *f, agdb_error_t **reterr)
{
    const struct sockaddr_un address = address_of(path);
    struct stat st;

    f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (f->fd < 0 || fchmod(f->fd, S_IRUSR | S_IWUSR) != 0)
        return fail_errno(path, "no socket", reterr);
    if (bind(f->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return fail_errno(path, "it cannot be made", reterr);
    if (fstatat(f->folder, f->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno(path, "it cannot be looked at", reterr);
    f->device = st.st_dev;
    f->inode = st.st_ino;
    f->owner = st.st_uid;
    if (!S_ISSOCK(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return agdb__fail(
            reterr, AGDB_E_INVAL,
            "control socket %s: its file system keeps no modes: choose another folder", path);
    if (listen(f->fd, BACKLOG) != 0)
        return fail_errno(path, "nobody can listen there", reterr);
    return AGDB_OK;
}

agdb_status_t agdb__control_file_open(const char *path, agdb__control_file_t *ret,
                                      agdb_error_t **reterr)
{
    agdb__control_file_t f = {.fd = -1, .folder = -1};
    agdb_status_t st = open_folder(path, &f, reterr);

    if (st == AGDB_OK && !lock_folder(&f, LOCK_TRIES))
        st = fail_errno(path, "its folder is locked by another process", reterr);
    if (st == AGDB_OK)
        st = clear_place(path, &f, reterr);
    if (st == AGDB_OK)
        st = bind_it(path, &f, reterr);
    if (f.folder >= 0)
        (void)flock(f.folder, LOCK_UN);
    *ret = f;
    if (st != AGDB_OK)
        agdb__control_file_close(ret);
    return st;
}

/* --- the end -----------------------------------------------------------------------------------
 */

static bool is_ours(const agdb__control_file_t *f)
{
    struct stat st;

    return f->inode != 0 && fstatat(f->folder, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_dev == f->device && st.st_ino == f->inode;
}

/* Shut down first: a child that was forked has the same socket open. Without the lock the file
 * stays, as that of a process that has died does. */
void agdb__control_file_close(agdb__control_file_t *f)
{
    enum { FEW_TRIES = 4 };

    if (f->fd >= 0) {
        if (lock_folder(f, FEW_TRIES) && is_ours(f))
            (void)unlinkat(f->folder, f->name, 0);
        (void)shutdown(f->fd, SHUT_RDWR);
        close(f->fd);
    }
    if (f->folder >= 0) {
        (void)flock(f->folder, LOCK_UN);
        close(f->folder);
    }
    *f = (agdb__control_file_t){.fd = -1, .folder = -1};
}

bool agdb__control_file_admits(const agdb__control_file_t *f, int connection)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof peer;

    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    return peer.uid == f->owner || peer.uid == 0;
}
