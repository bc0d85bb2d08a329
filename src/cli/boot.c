/* All servers of a cluster at once. A worker process makes each primary; when it takes connections
 * a further one makes each of its replicas. Workers say themselves what went wrong. */
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/message.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef bool (*work_fn)(const cli_cluster_t *cluster, size_t server);

/* --- workers ---------------------------------------------------------------------------------- */
/* False: there is none, and an error was said. */
static bool fork_worker(const cli_cluster_t *cluster, size_t server, work_fn work, pid_t *ret)
{
    pid_t parent = getpid();

    fflush(NULL);
    *ret = fork();
    if (*ret < 0)
        cli_error("cannot start a worker: %s", strerror(errno));
    if (*ret != 0)
        return *ret > 0;
    /* a worker whose parent is gone would make a cluster that nobody waits for */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    _exit(getppid() == parent && work(cluster, server) ? CLI_OK : CLI_FAILED);
}

/* Waits for them; an interrupt is passed on. */
static bool wait_workers(const pid_t *pids, size_t count)
{
    bool good = true;
    size_t i;

    for (i = 0; i < count; i++)
        good = (pids[i] <= 0 || cli_wait(pids[i]) == CLI_OK) && good;
    return good;
}

static bool work_start(const cli_cluster_t *cluster, size_t server)
{
    if (!cli_start_server(cluster, server))
        return false;
    cli_progress("  %s is up", cluster->servers[server].label);
    return true;
}

static bool work_replica(const cli_cluster_t *cluster, size_t server)
{
    return cli_make_replica(cluster, server) && work_start(cluster, server);
}

static bool work_primary(const cli_cluster_t *cluster, size_t server)
{
    pid_t *pids = cli_alloc((cluster->nservers + 1) * sizeof *pids);
    bool good = cli_make_primary(cluster, server) && work_start(cluster, server);
    size_t i;

    for (i = 0; i < cluster->nservers && good; i++) {
        if (cluster->servers[i].replica && cluster->servers[i].primary == server)
            good = fork_worker(cluster, i, work_replica, &pids[i]);
    }
    return wait_workers(pids, cluster->nservers) && good;
}

/* --- the command ------------------------------------------------------------------------------ */
/* `work_replicas` NULL: the primaries' workers make their replicas. */
static bool run_workers(cli_cluster_t *cluster, work_fn work_primaries, work_fn work_replicas)
{
    pid_t *pids = cli_alloc((cluster->nservers + 1) * sizeof *pids);
    bool good = true;
    size_t i;

    for (i = 0; i < cluster->nservers && good; i++) {
        work_fn work = cluster->servers[i].replica ? work_replicas : work_primaries;
        if (cluster->servers[i].pid == 0 && work != NULL)
            good = fork_worker(cluster, i, work, &pids[i]);
    }
    good = wait_workers(pids, cluster->nservers) && good;
    for (i = 0; i < cluster->nservers && good; i++) {
        cli_server_t *server = &cluster->servers[i];
        server->pid = cli_server_pid(server->data);
        if (server->pid == 0) {
            cli_error("%s: the server ended; log %s", server->label, server->log);
            good = false;
        }
    }
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
