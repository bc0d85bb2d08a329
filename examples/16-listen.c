/* NOTIFY, heard by a service: what matters is in a table, a notification says that something is
 * new, and MISSED that the table has to be read again. */
#include <agencydb.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ALERTS "disaster_alerts"

typedef struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int ready, heard;
} inbox_t;

static void must(agdb_status_t status, agdb_error_t *err)
{
    if (status == AGDB_OK)
        return;
    fprintf(stderr, "%s\n", agdb_error_message(err));
    exit(1);
}

/* Runs on a thread of the library's, one event after the other. It may call agdb_query. */
static void on_event(const agdb_notification_t *n, void *user)
{
    inbox_t *inbox = user;

    pthread_mutex_lock(&inbox->lock);
    switch (agdb_notification_kind(n)) {
    case AGDB_LISTEN_SUBSCRIBED: /* nothing is missed from here on: read the table now */
        inbox->ready = 1;
        break;
    case AGDB_LISTEN_NOTIFIED:
        inbox->heard++;
        printf("%llu: %s\n", (unsigned long long)agdb_notification_sequence(n),
               agdb_notification_payload(n));
        break;
    case AGDB_LISTEN_MISSED: /* after a failover, say: read the table again */
        fprintf(stderr, "missed some: %s\n", agdb_notification_reason(n));
        break;
    case AGDB_LISTEN_LOST: /* not heard for now; MISSED will follow */
        fprintf(stderr, "lost: %s\n", agdb_notification_reason(n));
        break;
    }
    pthread_cond_signal(&inbox->changed);
    pthread_mutex_unlock(&inbox->lock);
}

/* A write that tells of itself: both happen, or none. */
static void publish(agdb_t *db, const char *title)
{
    agdb_error_t *err = NULL;

    must(
        agdb_query(db,
                   AGDB_REQUEST(.key = agdb_key("fema"),
                                .sql = "WITH new AS (INSERT INTO agency (key, name) VALUES ($1, $2)"
                                       " ON CONFLICT (key) DO UPDATE SET name = excluded.name"
                                       " RETURNING name)"
                                       " SELECT pg_notify('" ALERTS "', name) FROM new",
                                AGDB_PARAMS(agdb_text("fema"), agdb_text(title))),
                   NULL, &err),
        err);
}

static void wait_for(inbox_t *inbox, const int *what, int count)
{
    pthread_mutex_lock(&inbox->lock);
    while (*what < count)
        pthread_cond_wait(&inbox->changed, &inbox->lock);
    pthread_mutex_unlock(&inbox->lock);
}

int main(int argc, char **argv)
{
    inbox_t inbox = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    agdb_listener_t *listener = NULL;
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: 16-listen MAP\n");
        return 2;
    }
    must(agdb_open(argv[1], NULL, &db, &err), err);
    must(agdb_listen(db, AGDB_LISTEN(.key = agdb_key("fema"), .channel = ALERTS), on_event, &inbox,
                     &listener, &err),
         err);
    wait_for(&inbox, &inbox.ready, 1);
    publish(db, "FEMA: river rising");
    publish(db, "FEMA: river falling");
    wait_for(&inbox, &inbox.heard, 2);
    agdb_unlisten(listener); /* from here on the callback is not called any more */
    publish(db, "Federal Emergency Management Agency");
    agdb_close(db, 1000);
    printf("%d heard\n", inbox.heard);
    return inbox.heard == 2 ? 0 : 1;
}
