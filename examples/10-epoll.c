/* An event loop of your own (epoll here) with many requests under way from one thread: the loop's
 * descriptor beside a timer of yours. */
#include <agencydb.h>

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { REQUESTS = 1000, AT_ONCE = 64 };

typedef struct service {
    agdb_loop_t *loop;
    int sent, answered, failed, ticks;
} service_t;

static void ask(service_t *s);

/* Runs inside agdb_loop_dispatch. It may submit, but must not wait: no agdb_query here. */
static void answered(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    service_t *s = user;

    if (status == AGDB_OK)
        s->answered++;
    else if (s->failed++ == 0)
        fprintf(stderr, "%s\n", agdb_error_message(error));
    agdb_result_free(result); /* ours: one of both is NULL */
    agdb_error_free(error);
    if (s->sent < REQUESTS)
        ask(s);
}

static void ask(service_t *s)
{
    static const char *const keys[] = {"epa", "cdc", "noaa", "us/ca/dph", "us/ny/dec"};
    const char *key = keys[s->sent % 5];
    agdb_error_t *err = NULL;

    s->sent++; /* the request is copied: its parameters may go */
    if (agdb_submit(s->loop,
                    AGDB_REQUEST(.key = agdb_key(key), .access = AGDB_READ_REPLICA_OK,
                                 .sql = "SELECT count(*) FROM air_reading WHERE agency = $1",
                                 AGDB_PARAMS(agdb_text(key)), .timeout_ms = 5000),
                    answered, s, NULL, &err) != AGDB_OK) {
        s->failed++; /* AGDB_E_BUSY: too many at once */
        fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_error_free(err);
    }
}

static int add(int epoll, int fd)
{
    struct epoll_event event;

    memset(&event, 0, sizeof event);
    event.events = EPOLLIN; /* level-triggered */
    event.data.fd = fd;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Until everything is answered and the timer has ticked three times. */
static int run(service_t *s, int epoll, int timer)
{
    struct epoll_event event[8];
    unsigned long long ticks;
    int i, n;

    while (s->answered + s->failed < REQUESTS || s->ticks < 3) {
        n = epoll_wait(epoll, event, 8, -1); /* deadlines make the descriptor readable, too */
        for (i = 0; i < n; i++) {
            if (event[i].data.fd == timer && read(timer, &ticks, sizeof ticks) == sizeof ticks)
                s->ticks += (int)ticks;
            else if (event[i].data.fd != timer && agdb_loop_dispatch(s->loop, NULL) != AGDB_OK)
                return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct itimerspec every = {{0, 20 * 1000000L}, {0, 20 * 1000000L}};
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    const int epoll = epoll_create1(0);
    service_t s = {0};
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;
    int i, rc = 1;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &db, &err) != AGDB_OK ||
        agdb_loop_open(db, NULL, &s.loop, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        goto out;
    }
    if (add(epoll, agdb_loop_fd(s.loop)) != 0 || add(epoll, timer) != 0 ||
        timerfd_settime(timer, 0, &every, NULL) != 0)
        goto out;
    for (i = 0; i < AT_ONCE; i++)
        ask(&s);
    rc = run(&s, epoll, timer);
    printf("%d answers, %d failures, the timer ticked: %s\n", s.answered, s.failed,
           s.ticks >= 3 ? "yes" : "no");
    rc = rc == 0 && s.answered == REQUESTS ? 0 : 1;
out:
    agdb_loop_close(s.loop); /* loops first, then their client */
    agdb_error_clear(&err);
    agdb_close(db, 1000);
    close(timer);
    close(epoll);
    return rc;
}
