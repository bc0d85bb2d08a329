#include "pg/secret.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERROR_TEXT = 128 };

static agdb_status_t fail_errno(const char *path, agdb_error_t **reterr)
{
    char text[ERROR_TEXT];
    const char *why = strerror_r(errno, text, sizeof text);

    return agdb__fail(reterr, AGDB_E_AUTH, "password file '%s' cannot be read: %s", path, why);
}

static agdb_status_t read_all(int fd, const char *path, char *buf, size_t size, size_t *ret_len,
                              agdb_error_t **reterr)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = read(fd, buf + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(path, reterr);
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == size)
            return agdb__fail(reterr, AGDB_E_AUTH, "password file '%s' is over %zu bytes", path,
                              size - 1);
    }
    buf[len] = '\0';
    *ret_len = len;
    return AGDB_OK;
}

/* Opens without waiting (a pipe would), and accepts regular files only. */
static agdb_status_t open_regular(const char *path, bool private_only, int *ret_fd,
                                  agdb_error_t **reterr)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    agdb_status_t st = AGDB_OK;

    if (fd < 0)
        return fail_errno(path, reterr);
    if (fstat(fd, &info) != 0)
        st = fail_errno(path, reterr);
    else if (!S_ISREG(info.st_mode))
        st = agdb__fail(reterr, AGDB_E_AUTH, "password file '%s' is not a regular file", path);
    else if (private_only && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        st = agdb__fail(reterr, AGDB_E_AUTH,
                        "passfile '%s' may be read by others (mode %03o), run: chmod 600 %s", path,
                        (unsigned)(info.st_mode & 0777), path);
    if (st != AGDB_OK) {
        close(fd);
        return st;
    }
    *ret_fd = fd;
    return AGDB_OK;
}

agdb_status_t agdb__secret_from_file(const char *path, char *buf, agdb_error_t **reterr)
{
    size_t len = 0;
    int fd = -1;
    agdb_status_t st = open_regular(path, false, &fd, reterr);

    if (st != AGDB_OK)
        return st;
    st = read_all(fd, path, buf, AGDB__SECRET_MAX, &len, reterr);
    close(fd);
    if (st != AGDB_OK)
        return st;
    if (len > 0 && buf[len - 1] == '\n')
        buf[--len] = '\0';
    if (len > 0 && buf[len - 1] == '\r')
        buf[--len] = '\0';
    if (len == 0)
        return agdb__fail(reterr, AGDB_E_AUTH, "password file '%s' is empty", path);
    if (strlen(buf) != len)
        return agdb__fail(reterr, AGDB_E_AUTH, "password file '%s' holds a NUL byte", path);
    return AGDB_OK;
}

agdb_status_t agdb__secret_from_env(const char *name, char *buf, agdb_error_t **reterr)
{
    const char *value = getenv(name);

    if (value == NULL || *value == '\0')
        return agdb__fail(reterr, AGDB_E_AUTH, "environment variable %s (password_env) is not set",
                          name);
    if (strlen(value) >= AGDB__SECRET_MAX)
        return agdb__fail(reterr, AGDB_E_AUTH, "environment variable %s is over %d bytes", name,
                          AGDB__SECRET_MAX - 1);
    memcpy(buf, value, strlen(value) + 1);
    return AGDB_OK;
}

/* One field of a line, up to its ':' with backslashes undone, against a value; "*" matches all.
 * Returns what is behind the ':', or NULL. */
static const char *match_field(const char *line, const char *value)
{
    if (line[0] == '*' && line[1] == ':')
        return line + 2;
    while (*line != ':' && *line != '\0') {
        if (*line == '\\' && line[1] != '\0')
            line++;
        if (*value == '\0' || *line != *value)
            return NULL;
        line++;
        value++;
    }
    return *line == ':' && *value == '\0' ? line + 1 : NULL;
}

static bool match_line(const char *line, const char *const field[4], char *buf)
{
    size_t n = 0;
    size_t i;

    for (i = 0; i < 4 && line != NULL; i++)
        line = match_field(line, field[i]);
    if (line == NULL)
        return false;
    for (; *line != '\0'; line++) {
        if (*line == '\\' && line[1] != '\0')
            line++;
        buf[n++] = *line;
    }
    buf[n] = '\0';
    return true;
}

/* `text` is cut into lines in place. */
static bool match_text(char *text, const char *const field[4], char *buf)
{
    char *line = text;

    while (*line != '\0') {
        char *end = line + strcspn(line, "\r\n");
        bool last = *end == '\0';
        *end = '\0';
        if (*line != '#' && match_line(line, field, buf))
            return true;
        if (last)
            break;
        line = end + 1;
    }
    return false;
}

agdb_status_t agdb__secret_from_passfile(const char *path, const char *host, unsigned port,
                                         const char *dbname, const char *user, char *buf,
                                         agdb_error_t **reterr)
{
    char port_text[16];
    const char *const field[4] = {host, port_text, dbname, user};
    char text[AGDB__SECRET_MAX];
    size_t len = 0;
    int fd = -1;
    agdb_status_t st = open_regular(path, true, &fd, reterr);

    if (st != AGDB_OK)
        return st;
    snprintf(port_text, sizeof port_text, "%u", port);
    st = read_all(fd, path, text, sizeof text, &len, reterr);
    close(fd);
    if (st == AGDB_OK && !match_text(text, field, buf))
        st = agdb__fail(reterr, AGDB_E_AUTH, "passfile '%s' has no line for %s:%s:%s:%s", path,
                        host, port_text, dbname, user);
    explicit_bzero(text, sizeof text);
    return st;
}
