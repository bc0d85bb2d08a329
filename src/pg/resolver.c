#include "pg/resolver.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"
#include "pg/secret.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
    HELPERS_MAX = 8,
    ADDRESSES_MAX = 8,
    ADDRESS_SIZE = 64, /* an IPv6 address with a scope */
    HELPER_IDLE_MS = 10000
};

/* Two hold a job: who asked, and the queue or the helper that works on it. */
struct agdb__resolve {
    atomic_int references;
    atomic_bool done; /* what is below `outputs` is written before, and only read after */
    struct agdb__resolve *next;

    char *node;
    char *host;
    uint16_t port;
    char *user;
    char *dbname;
    char *password_file;
    char *password_env;
    char *passfile;
    agdb_password_fn ask;
    void *ask_user;

    /* outputs */
    agdb_error_t *error;
    size_t count;
    const char *address[ADDRESSES_MAX];
    char text[ADDRESSES_MAX][ADDRESS_SIZE];
    char password[AGDB__SECRET_MAX];
};

/* Held by its owner and by each helper; what hangs in a helper keeps it alive. */
struct agdb__resolver {
    agdb__mutex_t mutex; /* the queue and the numbers below */
    agdb__cond_t work;
    agdb__mutex_t wake_mutex; /* held while waking, so that closing can wait for that */
    void (*wake)(void *user);
    void *user;
    bool wake_closed;
    bool closed;
    int references;
    int helpers;
    int idle;
    agdb__resolve_t *first;
    agdb__resolve_t *last;
};

static void resolver_unref_locked(agdb__resolver_t *r)
{
    const bool gone = --r->references == 0;

    agdb__unlock(&r->mutex);
    if (!gone)
        return;
    agdb__cond_fini(&r->work);
    agdb__mutex_fini(&r->wake_mutex);
    agdb__mutex_fini(&r->mutex);
    agdb__free(r);
}

/* Jobs and the resolver may outlive the client, and so the client's allocator: they come from the
 * C library. */
agdb__resolver_t *agdb__resolver_new(void (*wake)(void *user), void *user)
{
    const agdb_allocator_t *before = agdb__alloc_enter(NULL);
    agdb__resolver_t *r = agdb__calloc(1, sizeof *r);
    bool mutex = false;
    bool wake_mutex = false;

    (void)agdb__alloc_enter(before);
    if (r == NULL)
        return NULL;
    mutex = agdb__mutex_init(&r->mutex);
    wake_mutex = agdb__mutex_init(&r->wake_mutex);
    if (!mutex || !wake_mutex || !agdb__cond_init(&r->work)) {
        if (wake_mutex)
            agdb__mutex_fini(&r->wake_mutex);
        if (mutex)
            agdb__mutex_fini(&r->mutex);
        agdb__free(r);
        return NULL;
    }
    r->wake = wake;
    r->user = user;
    r->references = 1;
    return r;
}

void agdb__resolver_free(agdb__resolver_t *r)
{
    agdb__resolve_t *job;

    if (r == NULL)
        return;
    agdb__lock(&r->wake_mutex);
    r->wake_closed = true;
    agdb__unlock(&r->wake_mutex);
    agdb__lock(&r->mutex);
    r->closed = true;
    job = r->first;
    r->first = NULL;
    r->last = NULL;
    while (job != NULL) {
        agdb__resolve_t *next = job->next;
        agdb__resolve_release(job);
        job = next;
    }
    agdb__cond_broadcast(&r->work);
    resolver_unref_locked(r);
}

void agdb__resolve_release(agdb__resolve_t *job)
{
    if (job == NULL || atomic_fetch_sub_explicit(&job->references, 1, memory_order_acq_rel) != 1)
        return;
    explicit_bzero(job->password, sizeof job->password);
    agdb__error_free(job->error);
    agdb__free(job->node);
    agdb__free(job->host);
    agdb__free(job->user);
    agdb__free(job->dbname);
    agdb__free(job->password_file);
    agdb__free(job->password_env);
    agdb__free(job->passfile);
    agdb__free(job);
}

/* --- the work itself ------------------------------------------------------------------------- */

static void add_address(agdb__resolve_t *job, const char *address)
{
    size_t i;

    for (i = 0; i < job->count; i++)
        if (strcmp(job->text[i], address) == 0)
            return;
    if (job->count < ADDRESSES_MAX && strlen(address) < ADDRESS_SIZE) {
        memcpy(job->text[job->count], address, strlen(address) + 1);
        job->address[job->count] = job->text[job->count];
        job->count++;
    }
}

static agdb_status_t look_up(agdb__resolve_t *job, int flags, agdb_error_t **reterr)
{
    /* Not AI_ADDRCONFIG: in a container with loopback only it hides 127.0.0.1. */
    const struct addrinfo hints = {
        .ai_flags = flags, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char text[ADDRESS_SIZE];
    struct addrinfo *list = NULL;
    struct addrinfo *a;
    int rc;

    if (job->host[0] == '/') {
        add_address(job, "");
        return AGDB_OK;
    }
    rc = getaddrinfo(job->host, NULL, &hints, &list);
    if (rc != 0)
        return agdb__fail(reterr, AGDB_E_CONNECT, "host name '%s' does not resolve: %s", job->host,
                          gai_strerror(rc));
    for (a = list; a != NULL; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
            add_address(job, text);
    freeaddrinfo(list);
    if (job->count == 0)
        return agdb__fail(reterr, AGDB_E_CONNECT, "host name '%s' has no usable address",
                          job->host);
    return AGDB_OK;
}

static agdb_status_t get_password(agdb__resolve_t *job, agdb_error_t **reterr)
{
    if (job->password_file != NULL)
        return agdb__secret_from_file(job->password_file, job->password, reterr);
    if (job->password_env != NULL)
        return agdb__secret_from_env(job->password_env, job->password, reterr);
    if (job->passfile != NULL)
        return agdb__secret_from_passfile(job->passfile, job->host, job->port, job->dbname,
                                          job->user, job->password, reterr);
    if (job->ask == NULL)
        return AGDB_OK;
    if (!job->ask(job->node, job->user, job->password, sizeof job->password, job->ask_user))
        return agdb__fail(reterr, AGDB_E_AUTH,
                          "the password callback has no password for user '%s'", job->user);
    job->password[sizeof job->password - 1] = '\0';
    return AGDB_OK;
}

static void work_on(agdb__resolve_t *job)
{
    agdb_status_t st = job->count == 0 ? look_up(job, 0, &job->error) : AGDB_OK;

    if (st == AGDB_OK)
        st = get_password(job, &job->error);
    if (st != AGDB_OK) {
        agdb__error_stage(&job->error, AGDB_STAGE_RESOLVE);
        agdb__error_retriable(&job->error, true, 0);
    }
    atomic_store_explicit(&job->done, true, memory_order_release);
}

/* --- helpers --------------------------------------------------------------------------------- */

/* The next job; NULL when there is none for a while, or never again. Enters and leaves locked. */
static agdb__resolve_t *next_job_locked(agdb__resolver_t *r)
{
    const uint64_t until_us = agdb__after_ms(agdb__now_us(), HELPER_IDLE_MS);
    agdb__resolve_t *job;
    bool in_time = true;

    r->idle++;
    while (r->first == NULL && !r->closed && in_time)
        in_time = agdb__cond_wait(&r->work, &r->mutex, until_us);
    r->idle--;
    job = r->first;
    if (job != NULL) {
        r->first = job->next;
        if (r->first == NULL)
            r->last = NULL;
    }
    return job;
}

static void *help(void *arg)
{
    agdb__resolver_t *r = arg;
    agdb__resolve_t *job;

    agdb__lock(&r->mutex);
    while ((job = next_job_locked(r)) != NULL) {
        agdb__unlock(&r->mutex);
        work_on(job);
        agdb__resolve_release(job);
        agdb__lock(&r->wake_mutex);
        if (!r->wake_closed && r->wake != NULL)
            r->wake(r->user);
        agdb__unlock(&r->wake_mutex);
        agdb__lock(&r->mutex);
    }
    r->helpers--;
    resolver_unref_locked(r);
    return NULL;
}

/* Queues a job and sees to a helper for it. False: no helper could be had. */
static bool hand_over(agdb__resolver_t *r, agdb__resolve_t *job)
{
    const agdb__resolve_t *waiting;
    pthread_t thread;
    int queued = 1;

    agdb__lock(&r->mutex);
    for (waiting = r->first; waiting != NULL; waiting = waiting->next)
        queued++;
    if (queued > r->idle && r->helpers < HELPERS_MAX) {
        r->references++;
        r->helpers++;
        if (!agdb__thread_start(&thread, true, help, r)) {
            r->references--;
            r->helpers--;
        }
    }
    if (r->helpers == 0) {
        agdb__unlock(&r->mutex);
        return false;
    }
    job->next = NULL;
    if (r->last != NULL)
        r->last->next = job;
    else
        r->first = job;
    r->last = job;
    agdb__cond_signal(&r->work);
    agdb__unlock(&r->mutex);
    return true;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static bool copy_text(char **ret, const char *text)
{
    if (text == NULL)
        return true;
    *ret = agdb__strdup(text);
    return *ret != NULL;
}

static agdb__resolve_t *job_new(const agdb__login_t *login)
{
    agdb__resolve_t *job = agdb__calloc(1, sizeof *job);

    if (job == NULL)
        return NULL;
    atomic_init(&job->references, 1);
    atomic_init(&job->done, false);
    job->port = login->port;
    job->ask = login->password;
    job->ask_user = login->password_user;
    if (!copy_text(&job->node, login->node) || !copy_text(&job->host, login->host) ||
        !copy_text(&job->user, login->user) || !copy_text(&job->dbname, login->dbname) ||
        !copy_text(&job->password_file, login->password_file) ||
        !copy_text(&job->password_env, login->password_env) ||
        !copy_text(&job->passfile, login->passfile)) {
        agdb__resolve_release(job);
        return NULL;
    }
    return job;
}

/* What needs no waiting: an address or a socket, and no password from a file or a callback. */
static bool is_quick(agdb__resolve_t *job)
{
    if (look_up(job, AI_NUMERICHOST, NULL) != AGDB_OK)
        return false;
    return job->password_file == NULL && job->passfile == NULL &&
           (job->password_env != NULL || job->ask == NULL);
}

agdb__resolve_t *agdb__resolve_start(agdb__resolver_t *r, const agdb__login_t *login)
{
    const agdb_allocator_t *before = agdb__alloc_enter(NULL);
    agdb__resolve_t *job = job_new(login);

    if (job != NULL && is_quick(job)) {
        work_on(job);
    } else if (job != NULL) {
        atomic_store_explicit(&job->references, 2, memory_order_relaxed);
        if (!hand_over(r, job)) {
            atomic_store_explicit(&job->references, 1, memory_order_relaxed);
            agdb__resolve_release(job);
            job = NULL;
        }
    }
    (void)agdb__alloc_enter(before);
    return job;
}

bool agdb__resolve_is_done(const agdb__resolve_t *job)
{
    return atomic_load_explicit(&job->done, memory_order_acquire);
}

agdb_status_t agdb__resolve_result(const agdb__resolve_t *job, const char *const **ret_addresses,
                                   size_t *ret_count, const char **ret_password,
                                   agdb_error_t **reterr)
{
    if (job->error != NULL) {
        agdb__error_move(reterr, agdb__error_dup(job->error));
        return job->error->status;
    }
    *ret_addresses = job->address;
    *ret_count = job->count;
    *ret_password = job->password;
    return AGDB_OK;
}
