#include "cli/process.h"

#include "cli/files.h"
#include "cli/message.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- interrupts and time ---------------------------------------------------------------------- */
static volatile sig_atomic_t s_interrupted;

static void on_interrupt(int number)
{
    (void)number;
    s_interrupted = 1;
}

void cli_catch_interrupts(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

bool cli_interrupted(void)
{
    return s_interrupted != 0;
}

void cli_sleep_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L};

    nanosleep(&pause, NULL);
}

uint64_t cli_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- users ------------------------------------------------------------------------------------ */
bool cli_become(const cli_user_t *user)
{
    if (!user->change)
        return true;
    return initgroups(user->name, user->gid) == 0 && setgid(user->gid) == 0 &&
           setuid(user->uid) == 0;
}

bool cli_find_user(const char *name, cli_user_t *ret)
{
    const char *wanted = name != NULL ? name : "postgres";
    bool root = geteuid() == 0;
    const struct passwd *entry = root ? getpwnam(wanted) : getpwuid(geteuid());

    *ret = (cli_user_t){.change = root,
                        .uid = entry != NULL ? entry->pw_uid : geteuid(),
                        .gid = entry != NULL ? entry->pw_gid : getegid(),
                        .name = cli_copy(entry != NULL ? entry->pw_name : ""),
                        .home = cli_copy(entry != NULL ? entry->pw_dir : "/")};
    if (root && (entry == NULL || entry->pw_uid == 0)) {
        cli_error("PostgreSQL does not run as root, and there is no other user '%s'; name one with "
                  "'--run-as USER'",
                  wanted);
        return false;
    }
    if (!root && name != NULL && strcmp(name, ret->name) != 0) {
        cli_error("only root can start servers as user '%s'; leave '--run-as' out", name);
        return false;
    }
    return true;
}

/* --- programs --------------------------------------------------------------------------------- */
/* The parent reads why from the pipe, which closes by itself when the program begins. */
static void child_fail(int report, const char *step)
{
    dprintf(report, "cannot %s: %s", step, strerror(errno));
    _exit(126);
}

/* Nothing of the caller's environment reaches servers and tools: PGHOST, PGOPTIONS and their like
 * would bend what they do. */
static char **child_environment(const cli_user_t *user)
{
    static const char *const k_kept[] = {"PATH", "LD_LIBRARY_PATH", "TZ", "TMPDIR", "ASAN_OPTIONS"};
    char **env = cli_alloc(16 * sizeof *env);
    size_t count = 0;
    size_t i;

    for (i = 0; i < sizeof k_kept / sizeof k_kept[0]; i++) {
        const char *value = getenv(k_kept[i]);
        if (value != NULL)
            env[count++] = cli_format("%s=%s", k_kept[i], value);
    }
    env[count++] = cli_format("HOME=%s", user->home);
    env[count++] = cli_copy("LC_ALL=C");
    return env;
}

static void child_run(const cli_program_t *program, char **env, int input, int report)
{
    struct sigaction action;
    static const int k_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    size_t i;
    int log;

    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (i = 0; i < sizeof k_signals / sizeof k_signals[0]; i++)
        sigaction(k_signals[i], &action, NULL);
    if (program->detached && setsid() < 0)
        child_fail(report, "setsid");
    if (!cli_become(program->user))
        child_fail(report, "change the user");
    umask(077);
    if (chdir("/") != 0)
        child_fail(report, "chdir");
    log = open(program->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log < 0)
        child_fail(report, "open the log");
    if (dup2(input, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        child_fail(report, "dup2");
    execve(program->argv[0], (char *const *)(uintptr_t)program->argv, env);
    child_fail(report, "execute");
}

/* Where the program's standard input comes from; a text is written to a pipe by a caller. */
static int open_input(const cli_program_t *program, int *ret_feed)
{
    int ends[2];

    *ret_feed = -1;
    if (program->input == NULL)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    *ret_feed = ends[1];
    return ends[0];
}

static void feed(int fd, const char *text)
{
    /* a program that ended early says so by its exit code */
    (void)cli_write_all(fd, text, strlen(text));
    close(fd);
}

/* All that comes from a pipe until it closes; "" when it is nothing. */
static char *read_all(int fd)
{
    cli_buf_t out = {0};
    char chunk[1024];
    ssize_t n;

    cli_buf_add(&out, "", 0);
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
        cli_buf_add(&out, chunk, n > 0 ? (size_t)n : 0);
    close(fd);
    return out.data;
}

pid_t cli_start(const cli_program_t *program, char **ret_why)
{
    char **env = child_environment(program->user);
    const char *failure;
    int report[2];
    int feed_fd;
    int input = open_input(program, &feed_fd);
    pid_t pid;

    if (input < 0 || pipe2(report, O_CLOEXEC) != 0) {
        *ret_why = cli_format("cannot start %s: %s", program->argv[0], strerror(errno));
        return -1;
    }
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        child_run(program, env, input, report[1]);
    close(report[1]);
    close(input);
    failure = pid < 0 ? cli_format("cannot fork: %s", strerror(errno)) : read_all(report[0]);
    if (failure[0] != '\0') {
        *ret_why = cli_format("%s (program %s, log %s, user %s)", failure, program->argv[0],
                              program->log, program->user->name);
        if (pid > 0)
            waitpid(pid, NULL, 0);
        pid = -1;
    }
    if (feed_fd >= 0 && pid > 0)
        feed(feed_fd, program->input);
    else if (feed_fd >= 0)
        close(feed_fd);
    return pid;
}

int cli_wait(pid_t pid)
{
    bool told = false;
    int status = 0;
    unsigned pause = 1;

    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            break;
        if (ended < 0 && errno != EINTR)
            return 127;
        if (cli_interrupted() && !told) {
            kill(pid, SIGTERM);
            told = true;
        }
        cli_sleep_ms(pause);
        pause = pause < 10 ? pause + 1 : 10;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

char *cli_output(const char *const *argv)
{
    char *out;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (dup2(ends[1], 1) >= 0)
            execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    out = read_all(ends[0]);
    return pid > 0 && cli_wait(pid) == 0 ? out : NULL;
}

bool cli_run(const cli_program_t *program, char **ret_why)
{
    pid_t pid = cli_start(program, ret_why);
    const char *name = strrchr(program->argv[0], '/');
    int code;

    if (pid < 0)
        return false;
    code = cli_wait(pid);
    if (code == 0)
        return true;
    name = name != NULL ? name + 1 : program->argv[0];
    if (code > 128)
        *ret_why = cli_format("%s was ended by signal %d", name, code - 128);
    else
        *ret_why = cli_format("%s failed with code %d", name, code);
    return false;
}
