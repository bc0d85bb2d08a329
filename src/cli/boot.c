/* All servers of a cluster at once. A worker process makes each primary; when it takes connections
 * a further one makes each of its replicas. Workers report to the command through a pipe, in
 * records that a pipe never tears apart. */
#include "cli/cluster.h"
#include "cli/message.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct report {
    uint32_t server;
    int32_t pid; /* -1: it failed, for the reason in `text` */
    char text[PIPE_BUF - 16];
} report_t;

_Static_assert(sizeof(report_t) <= PIPE_BUF, "a report must be written in one piece");

enum { WORKER_FAILED = 1 };

typedef int (*work_fn)(const cli_cluster_t *cluster, size_t server, int out);

static void send_report(int out, size_t server, pid_t pid, const char *text)
{
    report_t report;
    ssize_t n;

    memset(&report, 0, sizeof report);
    report.server = (uint32_t)server;
    report.pid = (int32_t)pid;
    snprintf(report.text, sizeof report.text, "%s", text != NULL ? text : "");
    do
        n = write(out, &report, sizeof report);
    while (n < 0 && errno == EINTR);
}

/* --- workers ---------------------------------------------------------------------------------- */
static pid_t fork_worker(const cli_cluster_t *cluster, size_t server, int out, work_fn work)
{
    pid_t parent = getpid();
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid != 0)
        return pid;
    /* nobody would hear the report of a worker whose parent is gone */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(WORKER_FAILED);
    _exit(work(cluster, server, out));
}

static int work_start(const cli_cluster_t *cluster, size_t server, int out)
{
    char *why = NULL;
    pid_t pid = 0;

    if (!cli_start_server(cluster, server, &pid, &why)) {
        send_report(out, server, -1, why);
        return WORKER_FAILED;
    }
    send_report(out, server, pid, NULL);
    return 0;
}

static int work_replica(const cli_cluster_t *cluster, size_t server, int out)
{
    char *why = NULL;

    if (!cli_make_replica(cluster, server, &why)) {
        send_report(out, server, -1, why);
        return WORKER_FAILED;
    }
    return work_start(cluster, server, out);
}

static int wait_workers(const pid_t *pids, size_t count)
{
    int failed = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (pids[i] > 0 && cli_wait(pids[i]) != 0)
            failed = WORKER_FAILED;
    }
    return failed;
}

static int work_primary(const cli_cluster_t *cluster, size_t server, int out)
{
    pid_t *pids = cli_alloc((cluster->nservers + 1) * sizeof *pids);
    char *why = NULL;
    size_t i;

    if (!cli_make_primary(cluster, server, &why)) {
        send_report(out, server, -1, why);
        return WORKER_FAILED;
    }
    if (work_start(cluster, server, out) != 0)
        return WORKER_FAILED;
    for (i = 0; i < cluster->nservers; i++) {
        if (cluster->servers[i].replica && cluster->servers[i].primary == server &&
            (pids[i] = fork_worker(cluster, i, out, work_replica)) < 0)
            send_report(out, i, -1, "cannot fork");
    }
    return wait_workers(pids, cluster->nservers);
}

/* --- the command ------------------------------------------------------------------------------ */
static bool read_report(int in, report_t *report)
{
    size_t have = 0;

    while (have < sizeof *report) {
        ssize_t n = read(in, (char *)report + have, sizeof *report - have);
        if (n == 0 || (n < 0 && errno != EINTR) || (n < 0 && cli_interrupted()))
            return false;
        have += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Returns how many servers are up. */
static size_t take_reports(cli_cluster_t *cluster, int in)
{
    report_t report;
    size_t ready = 0;

    while (read_report(in, &report)) {
        if (report.server >= cluster->nservers)
            continue;
        report.text[sizeof report.text - 1] = '\0';
        if (report.pid < 0) {
            if (!cli_interrupted())
                cli_error("%s", report.text);
            continue;
        }
        cluster->servers[report.server].pid = (pid_t)report.pid;
        ready++;
        cli_progress("  %zu of %zu  %s", ready, cluster->nservers,
                     cluster->servers[report.server].label);
    }
    return ready;
}

/* `work_replicas` NULL: the primaries' workers make their replicas. */
static bool run_workers(cli_cluster_t *cluster, work_fn work_primaries, work_fn work_replicas)
{
    pid_t *pids = cli_alloc((cluster->nservers + 1) * sizeof *pids);
    bool good = true;
    int ends[2];
    size_t running = 0;
    size_t i;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        cli_error("cannot make a pipe: %s", strerror(errno));
        return false;
    }
    for (i = 0; i < cluster->nservers && good; i++) {
        work_fn work = cluster->servers[i].replica ? work_replicas : work_primaries;
        if (cluster->servers[i].pid > 0)
            running++;
        else if (work != NULL && (pids[i] = fork_worker(cluster, i, ends[1], work)) < 0) {
            cli_error("cannot start a worker: %s", strerror(errno));
            good = false;
        }
    }
    close(ends[1]);
    running += take_reports(cluster, ends[0]);
    /* an interrupt is passed on by the waiting */
    good = wait_workers(pids, cluster->nservers) == 0 && good && running == cluster->nservers;
    close(ends[0]);
    if (cli_interrupted())
        cli_error("interrupted");
    return good && !cli_interrupted();
}

bool cli_boot(cli_cluster_t *cluster)
{
    return run_workers(cluster, work_primary, NULL);
}

bool cli_boot_again(cli_cluster_t *cluster)
{
    return run_workers(cluster, work_start, work_start);
}
