#include "pg/resolve_job.h"

#include "base/alloc.h"
#include "base/error.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

/* --- life ------------------------------------------------------------------------------------ */

static bool copy_text(char **ret, const char *text)
{
    if (text == NULL)
        return true;
    *ret = agdb__strdup(text);
    return *ret != NULL;
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
    agdb__free(job->passfile);
    agdb__free(job);
}

bool agdb__resolve_is_orphan(const agdb__resolve_t *job)
{
    return atomic_load_explicit(&job->references, memory_order_acquire) == 1;
}

/* --- look-up --------------------------------------------------------------------------------- */

static void add_address(agdb__resolve_t *job, const char *address)
{
    size_t i;

    for (i = 0; i < job->count; i++)
        if (strcmp(job->text[i], address) == 0)
            return;
    if (job->count < AGDB__ADDRESSES_MAX && strlen(address) < AGDB__ADDRESS_SIZE) {
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
    char text[AGDB__ADDRESS_SIZE];
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

void agdb__resolve_share(agdb__resolve_t *job, const agdb__resolve_t *other)
{
    size_t i;

    if (other->count == 0)
        agdb__error_move(&job->error, agdb__error_dup(other->error));
    for (i = 0; i < other->count; i++)
        add_address(job, other->text[i]);
}

/* --- password -------------------------------------------------------------------------------- */

static agdb_status_t read_password(agdb__resolve_t *job, agdb_error_t **reterr)
{
    if (job->password_file != NULL)
        return agdb__secret_from_file(job->password_file, job->password, reterr);
    return agdb__secret_from_passfile(job->passfile, job->host, job->port, job->dbname, job->user,
                                      job->password, reterr);
}

static agdb_status_t ask_password(agdb__resolve_t *job, agdb_error_t **reterr)
{
    if (!job->ask(job->node, job->user, job->password, sizeof job->password, job->ask_user))
        return agdb__fail(reterr, AGDB_E_AUTH,
                          "the password callback has no password for user '%s'", job->user);
    job->password[sizeof job->password - 1] = '\0';
    return AGDB_OK;
}

/* --- lanes ----------------------------------------------------------------------------------- */

agdb__lane_t agdb__resolve_next_lane(const agdb__resolve_t *job)
{
    if (job->error != NULL)
        return AGDB__LANES;
    if (job->count == 0)
        return AGDB__LANE_LOOK_UP;
    if (job->has_password)
        return AGDB__LANES;
    return job->ask != NULL ? AGDB__LANE_ASK : AGDB__LANE_FILE;
}

static void end_piece(agdb__resolve_t *job, agdb_status_t st)
{
    if (st == AGDB_OK)
        return;
    agdb__error_stage(&job->error, AGDB_STAGE_RESOLVE);
    agdb__error_retriable(&job->error, true, 0);
}

void agdb__resolve_work(agdb__resolve_t *job)
{
    agdb_status_t st;

    if (job->lane == AGDB__LANE_LOOK_UP) {
        st = look_up(job, 0, &job->error);
    } else {
        st = job->lane == AGDB__LANE_ASK ? ask_password(job, &job->error)
                                         : read_password(job, &job->error);
        job->has_password = true;
    }
    end_piece(job, st);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool agdb__resolve_is_alike(const agdb__resolve_t *a, const agdb__resolve_t *b)
{
    if (a->lane != b->lane)
        return false;
    if (a->lane == AGDB__LANE_FILE)
        return is_same_text(a->password_file, b->password_file) &&
               is_same_text(a->passfile, b->passfile);
    return strcmp(a->host, b->host) == 0 &&
           (a->lane == AGDB__LANE_LOOK_UP || (a->port == b->port && strcmp(a->user, b->user) == 0));
}

/* --- beginning ------------------------------------------------------------------------------- */

static bool copy_login(agdb__resolve_t *job, const agdb__login_t *login)
{
    const bool from_env = login->password_file == NULL && login->password_env != NULL;
    const bool from_file = !from_env && (login->password_file != NULL || login->passfile != NULL);

    job->port = login->port;
    job->ask = from_env || from_file ? NULL : login->password;
    job->ask_user = login->password_user;
    job->has_password = !from_file && job->ask == NULL;
    return copy_text(&job->node, login->node) && copy_text(&job->host, login->host) &&
           copy_text(&job->user, login->user) && copy_text(&job->dbname, login->dbname) &&
           copy_text(&job->password_file, login->password_file) &&
           copy_text(&job->passfile, login->passfile);
}

agdb__resolve_t *agdb__resolve_new(const agdb__login_t *login)
{
    agdb__resolve_t *job = agdb__calloc(1, sizeof *job);

    if (job == NULL)
        return NULL;
    atomic_init(&job->references, 1);
    atomic_init(&job->done, false);
    if (!copy_login(job, login)) {
        agdb__resolve_release(job);
        return NULL;
    }
    (void)look_up(job, AI_NUMERICHOST, NULL);
    if (login->password_file == NULL && login->password_env != NULL)
        end_piece(job, agdb__secret_from_env(login->password_env, job->password, &job->error));
    return job;
}

/* --- outcome --------------------------------------------------------------------------------- */

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
