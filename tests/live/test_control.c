/* The control socket: who may come, what is answered, and that nobody at the other end can do harm.
 */
#include "agencydb.h"

#include "base/clock.h"
#include "client/control_talk.h"
#include "cluster.h"
#include "crew.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 4 << 20, SOON_MS = 10000 };

/* --- a folder for each test ---------------------------------------------------------------------
 */

static char g_folder[64];
static char g_path[96]; /* of the socket */
static char g_map[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(g_folder, sizeof g_folder, "/tmp/agdb-control.XXXXXX");
    assert_non_null(mkdtemp(g_folder));
    snprintf(g_path, sizeof g_path, "%s/a.sock", g_folder);
    snprintf(g_map, sizeof g_map, "%s/map.yaml", g_folder);
    return 0;
}

/* Nothing may be left but what the test itself has made. */
static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(g_map);
    (void)unlink(g_path);
    assert_int_equal(rmdir(g_folder), 0);
    return 0;
}

static void write_map(const char *text)
{
    FILE *file = fopen(g_map, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(g_map, 0600), 0);
}

/* Nobody is behind its port. */
static const char *lonely_map(unsigned epoch)
{
    static char text[256];

    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: %u\ndefaults: { connection: { user: a, dbname: b } }\n"
             "keyspaces: { core: { shards: { lone: { nodes: [ \"127.0.0.1:1\" ] } } } }\n",
             epoch);
    return text;
}

static agdb_status_t try_open(const char *control, agdb_t **ret, agdb_error_t **reterr)
{
    const agdb_options_t options = {
        .struct_size = sizeof options, .control = control, .service = "control-test"};

    write_map(lonely_map(1));
    return agdb_open(g_map, &options, ret, reterr);
}

static agdb_t *open_lonely(void)
{
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    if (try_open(g_path, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static void open_must_fail(const char *control, const char *says)
{
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    assert_int_equal(try_open(control, &db, &error), AGDB_E_INVAL);
    print_message("%s\n", agdb_error_message(error));
    assert_non_null(strstr(agdb_error_message(error), says));
    agdb_error_free(error);
}

/* --- the other end ------------------------------------------------------------------------------
 */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* -1 with errno. */
static int try_connect(const char *path)
{
    const struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int must_connect(void)
{
    int fd = try_connect(g_path);

    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* All that comes until the end, which must come; closes it. */
static size_t hear(int fd, char *text, size_t room)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len + 1 < room) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        if (poll(&ready, 1, agdb__poll_ms(agdb__now_us(), end_us)) != 1)
            break;
        n = read(fd, text + len, room - len - 1);
        len += n > 0 ? (size_t)n : 0;
    }
    text[len] = '\0';
    if (n != 0)
        fail_msg("no end: %s after %zu bytes", n > 0 ? "silence" : strerror(errno), len);
    close(fd);
    return len;
}

static char *ask(const char *request)
{
    static char text[TEXT_MAX];
    int fd = must_connect();

    say(fd, request);
    (void)hear(fd, text, sizeof text);
    return text;
}

static void expect(const char *request, const char *begin, const char *part)
{
    const char *text = ask(request);

    if (strncmp(text, begin, strlen(begin)) != 0 || strstr(text, part) == NULL)
        fail_msg("%s: %s", request, text);
}

static void expect_error(const char *request, const char *part)
{
    expect(request, "error ", part);
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* --- what is answered ---------------------------------------------------------------------------
 */

static void each_request_is_answered(void **state)
{
    agdb_t *db = open_lonely();
    struct stat st;

    (void)state;
    assert_int_equal(lstat(g_path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    expect("version\n", "ok\n", agdb_version());
    expect("dump\n", "ok\n{\n", "\"service\": \"control-test\"");
    expect("dump\r\n", "ok\n{\n", "\"file\": \"/tmp/agdb-control.");
    expect("metrics\n", "ok\n# HELP ", "\nagdb_map_epoch 1\n");
    expect("status\n", "ok\nkeyspace\tshard\t", "\ncore\tlone\t");
    cluster_close(db);
    assert_false(is_there(g_path));
}

static void what_is_no_request_is_an_error(void **state)
{
    agdb_t *db = open_lonely();
    char noise[8192];
    char text[1024];
    size_t i;
    int fd;

    (void)state;
    expect_error("\n", "no such request");
    expect_error("drop everything\n", "no such request");
    expect_error("dump\nreload\n", "one request for each connection");
    fd = must_connect();
    say(fd, "vers");
    (void)usleep(20000);
    say(fd, "ion\n");
    (void)hear(fd, text, sizeof text);
    assert_memory_equal(text, "ok\n", 3);
    fd = must_connect();
    say(fd, "dump");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    (void)hear(fd, text, sizeof text);
    assert_string_equal(text, "error the request has no end of its line\n");
    for (i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 7 % 251 + 11); /* no line feed among the first hundreds */
    fd = must_connect();
    assert_true(send(fd, noise, 100, MSG_NOSIGNAL) == 100);
    (void)hear(fd, text, sizeof text);
    assert_memory_equal(text, "error ", 6);
    for (i = 0; i < 50; i++) { /* and gone again */
        fd = must_connect();
        (void)send(fd, noise, i * 100, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
    }
    expect("version\n", "ok\n", "");
    cluster_close(db);
}

static void reload_reads_the_file_again(void **state)
{
    agdb_t *db = open_lonely();

    (void)state;
    expect("reload\n", "ok\nepoch 1 is in use, as before\n", "");
    write_map(lonely_map(3));
    expect("reload\n", "ok\nepoch 3 is in use, after epoch 1\n", "");
    assert_int_equal(agdb_epoch(db), 3);
    write_map(lonely_map(2));
    expect_error("reload\n", "epoch");
    write_map("agencydb: 1\nepoch: 4\nshards: 1\nnodes: 2\n");
    expect_error("reload\n", "\n"); /* a line for each mistake */
    print_message("%s", ask("reload\n"));
    assert_non_null(strchr(strchr(ask("reload\n"), '\n') + 1, '\n'));
    assert_int_equal(unlink(g_map), 0);
    expect_error("reload\n", g_map);
    assert_int_equal(agdb_epoch(db), 3);
    expect("metrics\n", "ok\n", "\nagdb_map_reloads_total 1\n");
    expect("metrics\n", "ok\n", "\nagdb_map_refusals_total 5\n");
    cluster_close(db);
}

static void reload_of_a_text_is_refused(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .control = g_path};
    const char *text = lonely_map(1);
    agdb_t *db = NULL;

    (void)state;
    assert_int_equal(agdb_open_text(text, strlen(text), &options, &db, NULL), AGDB_OK);
    expect_error("reload\n", "given as a text");
    expect("dump\n", "ok\n", "\"file\": null");
    cluster_close(db);
}

/* Half of them ask for the map, and each gets an answer of its own. */
static void ask_by_turns(crew_hand_t *hand)
{
    const char *request = hand->number % 2 == 0 ? "reload\n" : "dump\n";
    char *text = malloc(1 << 16);
    int fd = try_connect(g_path);

    (void)hand->job;
    if (fd < 0) {
        crew_wrong(hand, "connect: %s", strerror(errno));
    } else {
        say(fd, request);
        (void)hear(fd, text, 1 << 16);
        if (strncmp(text, "ok\n", 3) != 0)
            crew_wrong(hand, "%s%s", request, text);
    }
    free(text);
}

static void fifty_at_once_are_answered(void **state)
{
    agdb_t *db = open_lonely();
    static crew_t crew;

    (void)state;
    crew_start(&crew, 50, 1, ask_by_turns, NULL);
    assert_int_equal(crew_join(&crew), 0);
    cluster_close(db);
}

/* --- who holds others up ------------------------------------------------------------------------
 */

/* So many shards that what is shown of them is more than a socket takes. */
static agdb_t *open_many_shards(void)
{
    enum { SHARDS = 300 };
    const agdb_options_t options = {.struct_size = sizeof options, .control = g_path};
    static char text[SHARDS * 128 + 256];
    size_t len;
    unsigned i;
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    len = (size_t)snprintf(text, sizeof text,
                           "agencydb: 1\nepoch: 1\n"
                           "defaults: { connection: { user: a, dbname: b } }\n"
                           "keyspaces:\n  core:\n    shards:\n");
    for (i = 0; i < SHARDS; i++)
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "      s%u: { slots: [%s], nodes: [ { host: 127.0.0.1, port: 1, "
                                "connection: { dbname: b%u } } ] }\n",
                                i, i == 0 ? "0-4095" : "", i);
    if (agdb_open_text(text, len, &options, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static void nobody_is_held_up_by_others(void **state)
{
    agdb_t *db = open_many_shards();
    static char text[TEXT_MAX];
    uint64_t begin_us;
    size_t whole;
    size_t part;
    int silent[5];
    int reader;
    int half;
    size_t i;

    (void)state;
    whole = strlen(ask("dump\n"));
    print_message("a dump of %zu bytes\n", whole);
    begin_us = agdb__now_us();
    reader = must_connect();
    half = must_connect();
    say(reader, "dump\n"); /* and does not read */
    say(half, "du");
    for (i = 0; i < AGDB_COUNT(silent); i++)
        silent[i] = must_connect();
    expect("version\n", "ok\n", "");                  /* in the last place */
    assert_true(agdb__now_us() - begin_us < 2500000); /* before the others are sent away */
    (void)hear(half, text, sizeof text);
    assert_string_equal(text, "error no request came within 3 s\n");
    for (i = 0; i < AGDB_COUNT(silent); i++) {
        (void)hear(silent[i], text, sizeof text);
        assert_string_equal(text, "error no request came within 3 s\n");
    }
    (void)usleep(300000);
    part = hear(reader, text, sizeof text); /* it was left */
    print_message("%zu bytes of it were in the socket\n", part);
    assert_true(part > 0 && part < whole - 1000);
    expect("version\n", "ok\n", "");
    cluster_close(db);
}

static void more_than_there_is_room_for_wait(void **state)
{
    agdb_t *db = open_lonely();
    char text[1024];
    int full[8];
    int late;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(full); i++)
        full[i] = must_connect();
    late = must_connect();
    say(late, "version\n");
    (void)usleep(100000);
    assert_int_equal(recv(late, text, sizeof text, MSG_DONTWAIT), -1);
    for (i = 0; i < AGDB_COUNT(full); i++)
        close(full[i]);
    (void)hear(late, text, sizeof text);
    assert_memory_equal(text, "ok\n", 3);
    cluster_close(db);
}

static void closing_ends_connections_and_removes_the_socket(void **state)
{
    agdb_t *db = open_lonely();
    uint64_t begin_us;
    char text[1024];
    int silent = must_connect();

    (void)state;
    say(silent, "du");
    expect("version\n", "ok\n", ""); /* so the silent one was let in */
    begin_us = agdb__now_us();
    assert_int_equal(agdb_close(db, 5000), AGDB_OK);
    assert_true(agdb__now_us() - begin_us < 2000000);
    (void)hear(silent, text, sizeof text);
    assert_string_equal(text, "error the client is closing\n");
    assert_false(is_there(g_path));
}

/* --- who else is there --------------------------------------------------------------------------
 */

static void two_clients_do_not_share_a_path(void **state)
{
    agdb_t *first = open_lonely();
    agdb_t *second;

    (void)state;
    open_must_fail(g_path, "another client listens there");
    expect("version\n", "ok\n", "");
    cluster_close(first);
    second = open_lonely();
    expect("version\n", "ok\n", "");
    cluster_close(second);
}

/* A process that listens at the path; `leave_child` stays in one that it has forked. */
static void listen_and_die(bool leave_child, pid_t *ret_child)
{
    const struct sockaddr_un address = address_of(g_path);
    int ends[2];
    int status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        pid_t child = 0;

        if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4) != 0)
            _exit(1);
        if (leave_child)
            child = fork();
        if (leave_child && child == 0) {
            (void)alarm(20); /* whatever becomes of the test */
            for (;;)
                pause();
        }
        _exit(write(ends[1], &child, sizeof child) == sizeof child ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(read(ends[0], ret_child, sizeof *ret_child), sizeof *ret_child);
    close(ends[0]);
    close(ends[1]);
}

static void a_dead_process_socket_is_replaced(void **state)
{
    pid_t child;
    agdb_t *db;

    (void)state;
    listen_and_die(false, &child);
    assert_true(is_there(g_path));
    db = open_lonely();
    expect("version\n", "ok\n", "");
    cluster_close(db);
    listen_and_die(true, &child);
    db = open_lonely();
    expect("version\n", "ok\n", "");
    cluster_close(db);
    assert_int_equal(kill(child, SIGKILL), 0);
}

static void another_ones_socket_is_not_removed(void **state)
{
    const struct sockaddr_un address = address_of(g_path);
    agdb_t *db = open_lonely();
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(unlink(g_path), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    cluster_close(db);
    assert_true(is_there(g_path));
    close(fd);
}

static void paths_that_are_no_good_are_refused(void **state)
{
    char path[512];

    (void)state;
    open_must_fail("", "control is empty");
    open_must_fail("/tmp/", "names a folder");
    open_must_fail("/nonexistent/a.sock", "folder cannot be opened");
    write_map("");
    open_must_fail(g_map, "no socket");
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    open_must_fail(path, "choose a shorter one");
    assert_int_equal(chmod(g_folder, 0777), 0);
    open_must_fail(g_path, "anybody may write to its folder");
    assert_int_equal(chmod(g_folder, 01777), 0);
    cluster_close(open_lonely());
    assert_false(is_there(g_path));
}

static void a_relative_path_is_of_the_folder_at_that_time(void **state)
{
    const mode_t before = umask(0);
    agdb_t *db = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(chdir(g_folder), 0);
    assert_int_equal(try_open("a.sock", &db, NULL), AGDB_OK);
    assert_int_equal(chdir("/"), 0);
    (void)umask(before);
    assert_int_equal(lstat(g_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    expect("version\n", "ok\n", "");
    cluster_close(db);
    assert_false(is_there(g_path));
}

/* Exit codes of a child that asks as another user. */
enum { ANSWERED = 0, REFUSED, NOT_LET_IN, BROKEN };

static int ask_as_nobody(void)
{
    char text[256] = "";
    int fd;

    if (setgid(65534) != 0 || setuid(65534) != 0)
        return BROKEN;
    fd = try_connect(g_path);
    if (fd < 0)
        return errno == EACCES ? NOT_LET_IN : BROKEN;
    if (send(fd, "version\n", 8, MSG_NOSIGNAL) != 8 && errno != EPIPE)
        return BROKEN;
    if (read(fd, text, sizeof text - 1) <= 0)
        return BROKEN;
    return strncmp(text, "ok\n", 3) == 0                 ? ANSWERED
           : strstr(text, "for the user of its") != NULL ? REFUSED
                                                         : BROKEN;
}

static int as_nobody(void)
{
    const pid_t pid = fork();
    int status = -1;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(ask_as_nobody());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Only root can become another one. */
static void other_users_are_refused(void **state)
{
    agdb_t *db = open_lonely();

    (void)state;
    if (geteuid() == 0) {
        assert_int_equal(chmod(g_folder, 0755), 0);
        assert_int_equal(as_nobody(), NOT_LET_IN);
        assert_int_equal(chmod(g_path, 0666), 0); /* whoever did that */
        assert_int_equal(as_nobody(), REFUSED);
    }
    expect("version\n", "ok\n", "");
    cluster_close(db);
}

/* The child has all descriptors open: answers end nevertheless, and the socket stays its parent's.
 */
static void a_child_touches_nothing(void **state)
{
    agdb_t *db = open_lonely();
    char text[1024];
    int status = -1;
    int looked[2];
    int ends[2];
    int fd = must_connect();
    char c;
    pid_t pid;

    (void)state;
    say(fd, "vers");
    expect("version\n", "ok\n", ""); /* so the first one was let in */
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(looked), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const bool good =
            agdb_close(db, 10) == AGDB_E_FORKED && is_there(g_path) && write(looked[1], "", 1) == 1;

        close(ends[1]);
        close(fd);
        _exit(read(ends[0], &c, 1) == 0 && good ? 0 : 1);
    }
    close(looked[1]);
    assert_int_equal(read(looked[0], &c, 1), 1);
    close(looked[0]);
    say(fd, "ion\n");
    (void)hear(fd, text, sizeof text);
    assert_memory_equal(text, "ok\n", 3);
    cluster_close(db);
    assert_false(is_there(g_path));
    assert_int_equal(try_connect(g_path), -1);
    db = open_lonely(); /* while the child has the old one's socket */
    expect("version\n", "ok\n", "");
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect("version\n", "ok\n", "");
    cluster_close(db);
    close(ends[0]);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(each_request_is_answered),
        IN_A_FOLDER(what_is_no_request_is_an_error),
        IN_A_FOLDER(reload_reads_the_file_again),
        IN_A_FOLDER(reload_of_a_text_is_refused),
        IN_A_FOLDER(fifty_at_once_are_answered),
        IN_A_FOLDER(nobody_is_held_up_by_others),
        IN_A_FOLDER(more_than_there_is_room_for_wait),
        IN_A_FOLDER(closing_ends_connections_and_removes_the_socket),
        IN_A_FOLDER(two_clients_do_not_share_a_path),
        IN_A_FOLDER(a_dead_process_socket_is_replaced),
        IN_A_FOLDER(another_ones_socket_is_not_removed),
        IN_A_FOLDER(paths_that_are_no_good_are_refused),
        IN_A_FOLDER(a_relative_path_is_of_the_folder_at_that_time),
        IN_A_FOLDER(other_users_are_refused),
        IN_A_FOLDER(a_child_touches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
