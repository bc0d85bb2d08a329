#include "cli/control.h"

#include "cli/process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A process answers at once, but for one that reads the map's file again from a slow place. */
enum { ANSWER_MS = 45000, LONGEST = 64 << 20 };

static cli_answer_t failed(const char *socket_path, const char *why)
{
    char *text = cli_format("%s: %s", socket_path, why);

    return (cli_answer_t){.text = text, .len = strlen(text)};
}

static const char *why_not_connected(int error)
{
    switch (error) {
    case ENOENT:
        return "there is no such socket: does the process run, with `.control` set to this path?";
    case ECONNREFUSED:
        return "nobody listens there: the process has ended";
    case EACCES:
        return "permission denied: only the user of the process and root may ask";
    case EAGAIN:
        return "too many others wait there: try again";
    default:
        return strerror(error);
    }
}

/* -1 with errno. */
static int connect_to(const char *socket_path)
{
    static const struct timeval patience = {.tv_sec = 10}; /* also for connect */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;
    int error;

    if (strlen(socket_path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* To the end of the stream. NULL, or why not. */
static const char *receive(int fd, cli_buf_t *ret)
{
    const uint64_t until = cli_now_ms() + ANSWER_MS;
    char piece[65536];

    for (;;) {
        const uint64_t now = cli_now_ms();
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (now >= until || poll(&ready, 1, (int)(until - now)) == 0)
            return "it does not answer";
        n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
        if (n == 0)
            return NULL;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return ret->len > 0 ? NULL : strerror(errno);
        if (n > 0)
            cli_buf_add(ret, piece, (size_t)n);
        if (ret->len > LONGEST)
            return "its answer is longer than any that a client gives";
    }
}

static cli_answer_t understand(const char *socket_path, const cli_buf_t *got)
{
    static const char good[] = "ok\n";
    static const char bad[] = "error ";

    if (got->len >= sizeof good - 1 && memcmp(got->data, good, sizeof good - 1) == 0)
        return (cli_answer_t){true, got->data + sizeof good - 1, got->len - (sizeof good - 1)};
    if (got->len > sizeof bad - 1 && memcmp(got->data, bad, sizeof bad - 1) == 0) {
        size_t len = got->len - (sizeof bad - 1);
        const char *text = got->data + sizeof bad - 1;

        return failed(socket_path, cli_copy_n(text, text[len - 1] == '\n' ? len - 1 : len));
    }
    return failed(socket_path, "what answers there is no client of this library");
}

cli_answer_t cli_ask(const char *socket_path, const char *request)
{
    const char *line = cli_format("%s\n", request);
    int fd = connect_to(socket_path);
    const char *unsaid = NULL;
    const char *why;
    cli_buf_t got = {0};

    if (fd < 0)
        return failed(socket_path, why_not_connected(errno));
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
        unsaid = strerror(errno); /* it may have said why before it hung up */
    why = receive(fd, &got);
    close(fd);
    if (got.len == 0 && unsaid != NULL)
        why = unsaid;
    return why != NULL ? failed(socket_path, why) : understand(socket_path, &got);
}

/* Memory of the command is not given back: cli/text.h. */
static void keep(void *memory)
{
    (void)memory;
}

/* A dump is lines. */
static bool broke_off(const char *text, size_t len, const json_error_t *error)
{
    return len == 0 || text[len - 1] != '\n' ||
           json_error_code(error) == json_error_premature_end_of_input;
}

const json_t *cli_read_dump(const char *text, size_t len, const char **ret_why)
{
    json_error_t error;
    const json_t *dump;

    json_set_alloc_funcs(cli_alloc, keep);
    dump = json_loadb(text, len, 0, &error);
    if (json_is_object(dump))
        return dump;
    if (dump == NULL && broke_off(text, len, &error))
        *ret_why = "its answer broke off: is it ending?";
    else
        *ret_why = cli_format("its answer is not understood: %s",
                              dump == NULL ? error.text : "it is no object");
    return NULL;
}

const json_t *cli_ask_dump(const char *socket_path, cli_answer_t *ret)
{
    const json_t *dump;
    const char *why;

    *ret = cli_ask(socket_path, "dump");
    if (!ret->ok)
        return NULL;
    dump = cli_read_dump(ret->text, ret->len, &why);
    if (dump == NULL)
        *ret = failed(socket_path, why);
    return dump;
}
