/* The same on libuv: a uv_poll_t on the loop's descriptor is all that is needed.
 *
 *     cc -o uv 11-libuv.c $(pkg-config --cflags --libs agencydb libuv) */
#include <agencydb.h>

#include <stdio.h>
#include <uv.h>

typedef struct service {
    agdb_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer;
    int answered, cancelled, failed, ticks;
    uint64_t slow;
} service_t;

static void finished(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    service_t *s = user;

    if (status == AGDB_OK)
        s->answered++;
    else if (status == AGDB_E_CANCELLED)
        s->cancelled++;
    else if (s->failed++ == 0)
        fprintf(stderr, "%s\n", agdb_error_message(error));
    agdb_result_free(result);
    agdb_error_free(error);
    if (agdb_loop_outstanding(s->loop) == 0) { /* nothing more to wait for: uv_run ends */
        uv_poll_stop(&s->poll);
        uv_timer_stop(&s->timer);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    service_t *s = poll->data;

    (void)status;
    (void)events;
    if (agdb_loop_dispatch(s->loop, NULL) != AGDB_OK)
        fprintf(stderr, "dispatch failed\n");
}

/* Nobody wants to wait for the slow one: its callback hears of that at the next dispatch. */
static void on_tick(uv_timer_t *timer)
{
    service_t *s = timer->data;

    if (++s->ticks == 5 && agdb_cancel(s->loop, s->slow))
        printf("the slow request was given up\n");
}

static int submit(service_t *s, const char *key, const char *sql, uint64_t *ret_id)
{
    agdb_error_t *err = NULL;

    if (agdb_submit(s->loop,
                    AGDB_REQUEST(.key = agdb_key(key), .sql = sql, .access = AGDB_READ,
                                 .timeout_ms = 20000),
                    finished, s, ret_id, &err) == AGDB_OK)
        return 0;
    fprintf(stderr, "%s\n", agdb_error_message(err));
    agdb_error_free(err);
    return -1;
}

static int start(service_t *s, uv_loop_t *uv)
{
    int i, rc = 0;

    s->poll.data = s;
    s->timer.data = s;
    if (uv_poll_init(uv, &s->poll, agdb_loop_fd(s->loop)) != 0 || uv_timer_init(uv, &s->timer) != 0)
        return -1;
    for (i = 0; i < 100; i++)
        rc |= submit(s, i % 2 == 0 ? "epa" : "us/ca/dph", "SELECT now()", NULL);
    rc |= submit(s, "cdc", "SELECT pg_sleep(15)", &s->slow);
    rc |= uv_poll_start(&s->poll, UV_READABLE, on_readable);
    rc |= uv_timer_start(&s->timer, on_tick, 50, 50);
    return rc;
}

int main(int argc, char **argv)
{
    uv_loop_t *uv = uv_default_loop();
    service_t s = {0};
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;
    int rc = 1;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &db, &err) != AGDB_OK ||
        agdb_loop_open(db, NULL, &s.loop, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        goto out;
    }
    if (start(&s, uv) == 0) {
        uv_run(uv, UV_RUN_DEFAULT);
        printf("%d answers, %d cancelled, %d failures\n", s.answered, s.cancelled, s.failed);
        rc = s.answered == 100 && s.cancelled == 1 ? 0 : 1;
    }
    uv_close((uv_handle_t *)&s.poll, NULL); /* before the descriptor goes */
    uv_close((uv_handle_t *)&s.timer, NULL);
    uv_run(uv, UV_RUN_DEFAULT);
out:
    agdb_loop_close(s.loop);
    agdb_error_clear(&err);
    agdb_close(db, 1000);
    return rc;
}
