#include "client/client.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "client/keeper.h"
#include "map/file.h"

#include <sys/eventfd.h>
#include <unistd.h>

static agdb__ending_t *ending_new(void)
{
    agdb__ending_t *e = agdb__calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->refs = 2; /* the keeper and the closer */
    if (!agdb__mutex_init(&e->lock)) {
        agdb__free(e);
        return NULL;
    }
    if (!agdb__cond_init(&e->cond)) {
        agdb__mutex_fini(&e->lock);
        agdb__free(e);
        return NULL;
    }
    return e;
}

static void ending_free(agdb__ending_t *e)
{
    if (e == NULL)
        return;
    agdb__cond_fini(&e->cond);
    agdb__mutex_fini(&e->lock);
    agdb__free(e);
}

static void ending_unref(agdb__ending_t *e)
{
    unsigned left;

    agdb__lock(&e->lock);
    left = --e->refs;
    agdb__unlock(&e->lock);
    if (left == 0)
        ending_free(e);
}

/* Frees all but the ending. The keeper does not run any more, or never did. */
static void client_free(agdb_t *db)
{
    agdb__sentry_fini(&db->sentry); /* wakes nobody any more */
    agdb__control_free(db->control);
    agdb__listening_fini(&db->listening);
    agdb__editions_fini(&db->editions);
    agdb__topology_fini(&db->topology);
    agdb__resolver_free(db->resolver);
    agdb__reload_fini(&db->reload);
    agdb__pollset_fini(&db->pollset);
    agdb__books_fini(&db->books);
    agdb__names_fini(&db->names);
    if (db->wake_fd >= 0)
        close(db->wake_fd);
    agdb__free(db->service);
    agdb__free(db->login);
    agdb__free(db->zone);
    agdb__free(db->path);
    if (db->has_loops_lock)
        agdb__mutex_fini(&db->loops_lock);
    agdb__free(db);
}

static void *keeper_main(void *arg)
{
    agdb_t *db = arg;
    agdb__ending_t *ending = db->ending;

    (void)agdb__alloc_enter(db->allocator);
    agdb__keeper_run(db);
    client_free(db);
    agdb__lock(&ending->lock);
    ending->done = true;
    agdb__cond_broadcast(&ending->cond);
    agdb__unlock(&ending->lock);
    ending_unref(ending);
    return NULL;
}

/* Whatever the working directory is later. False: no memory. */
static bool keep_path(agdb_t *db, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char *folder = NULL;
    agdb__buf_t buf;

    if (!agdb__file_folder(path, &folder))
        return false;
    agdb__buf_init(&buf, SIZE_MAX / 2);
    agdb__buf_printf(&buf, "%s%s%s", folder != NULL ? folder : "", folder != NULL ? "/" : "",
                     folder != NULL ? name : path);
    agdb__free(folder);
    db->path = agdb__buf_take(&buf);
    return db->path != NULL;
}

/* NULL stays NULL. False: no memory. */
static bool keep_text(char **ret, const char *text)
{
    *ret = text != NULL ? agdb__strdup(text) : NULL;
    return text == NULL || *ret != NULL;
}

static bool keep_texts(agdb_t *db, const char *path, const agdb_options_t *options)
{
    return keep_text(&db->service, options->service != NULL ? options->service : "agencydb") &&
           keep_text(&db->login, options->login) && keep_text(&db->zone, options->zone) &&
           (path == NULL || keep_path(db, path));
}

static void init_env(agdb_t *db, const agdb_options_t *options)
{
    db->env = (agdb__topology_env_t){.service = db->service,
                                     .login = db->login,
                                     .password = options->password,
                                     .password_user = options->password_user,
                                     .zone = db->zone,
                                     .allow_unstamped = options->allow_unstamped,
                                     .resolver = db->resolver,
                                     .wake = agdb__keeper_wake,
                                     .wake_user = db,
                                     .hear = agdb__listening_hear,
                                     .names = &db->names,
                                     .books = &db->books,
                                     .logger = &db->logger};
}

/* Every field has a value that client_free accepts afterwards, also on failure: no memory. */
static bool init_fields(agdb_t *db, const char *path, const agdb_options_t *options)
{
    db->fork_generation = agdb__fork_generation();
    db->opened_us = agdb__now_us();
    db->allocator = options->allocator;
    agdb__gate_init(&db->gate);
    db->logger = (agdb__logger_t){options->log, options->log_user,
                                  options->log_level != 0 ? options->log_level : AGDB_LOG_INFO,
                                  options->record, options->record_user};
    db->event = options->event;
    db->event_user = options->event_user;
    db->trace_begin = options->trace_begin;
    db->trace_end = options->trace_end;
    db->trace_user = options->trace_user;
    db->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    db->resolver = agdb__resolver_new(agdb__keeper_wake, db);
    db->has_loops_lock = agdb__mutex_init(&db->loops_lock);
    db->listening.post = agdb__post_new(agdb__keeper_wake, db);
    db->ending = ending_new();
    if (!keep_texts(db, path, options) || !agdb__books_init(&db->books) ||
        !agdb__editions_init(&db->editions) || !agdb__reload_init(&db->reload) ||
        db->resolver == NULL || !db->has_loops_lock || db->listening.post == NULL ||
        db->ending == NULL)
        return false;
    init_env(db, options);
    agdb__sentry_init(&db->sentry, options->watch ? db->path : NULL, agdb__keeper_wake, db);
    return true;
}

static agdb_status_t open_control(agdb_t *db, const agdb__opening_t *o, agdb_error_t **reterr)
{
    if (o->options->control == NULL)
        return AGDB_OK;
    return agdb__control_open(o->options->control, o->show, &db->control, reterr);
}

/* All but the keeper. Takes the map. */
static agdb_status_t prepare(agdb_t *db, const agdb__opening_t *o, agdb_error_t **reterr)
{
    agdb_status_t st = AGDB_OK;

    db->sentry.inotify = -1;
    if (!init_fields(db, o->path, o->options))
        st = agdb__fail_nomem(reterr);
    else if (db->wake_fd < 0)
        st = agdb__fail(reterr, AGDB_E_NOMEM, "no event descriptor: the process has too many open");
    if (st == AGDB_OK)
        st = open_control(db, o, reterr);
    if (st == AGDB_OK)
        return agdb__reload_first(db, o->map, reterr);
    agdb__map_unref(o->map);
    return st;
}

agdb_status_t agdb__client_open(const agdb__opening_t *opening, agdb_t **ret, agdb_error_t **reterr)
{
    agdb_t *db = agdb__calloc(1, sizeof *db);
    agdb_status_t st;

    if (db == NULL) {
        agdb__map_unref(opening->map);
        return agdb__fail_nomem(reterr);
    }
    st = prepare(db, opening, reterr);
    if (st == AGDB_OK && !agdb__thread_start(&db->keeper, false, keeper_main, db))
        st = agdb__fail(reterr, AGDB_E_NOMEM, "the keeper thread cannot be started");
    if (st == AGDB_OK) {
        *ret = db;
        return AGDB_OK;
    }
    ending_free(db->ending);
    client_free(db);
    return st;
}

/* The closer stays inside the gate meanwhile, so that the keeper does not free what it touches. */
static void shut(agdb_t *db)
{
    if (!agdb__gate_enter(&db->gate))
        return;
    agdb__gate_close(&db->gate);
    agdb__editions_close(&db->editions);
    agdb__client_tell_watchers(db);
    agdb__post_stop(db->listening.post);
    agdb__keeper_wake(db);       /* which sends everybody away who waits */
    agdb__gate_leave(&db->gate); /* from here on the keeper may free everything */
}

void agdb__client_tell_watchers(agdb_t *db)
{
    agdb__lock(&db->loops_lock);
    agdb__watchers_tell(&db->loops);
    agdb__unlock(&db->loops_lock);
}

void agdb__client_watch(agdb_t *db, agdb__watcher_t *w)
{
    agdb__lock(&db->loops_lock);
    agdb__watchers_add(&db->loops, w);
    agdb__unlock(&db->loops_lock);
}

void agdb__client_unwatch(agdb_t *db, agdb__watcher_t *w)
{
    agdb__lock(&db->loops_lock);
    agdb__watchers_remove(&db->loops, w);
    agdb__unlock(&db->loops_lock);
}

agdb_status_t agdb__client_close(agdb_t *db, uint64_t deadline_us)
{
    agdb__ending_t *ending = db->ending;
    pthread_t keeper = db->keeper;
    bool done;

    shut(db);
    agdb__lock(&ending->lock);
    while (!ending->done && agdb__cond_wait(&ending->cond, &ending->lock, deadline_us))
        continue;
    done = ending->done;
    agdb__unlock(&ending->lock);
    if (done)
        pthread_join(keeper, NULL);
    else
        pthread_detach(keeper);
    ending_unref(ending);
    return done ? AGDB_OK : AGDB_E_TIMEOUT;
}
