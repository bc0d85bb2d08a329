#include "client/endpoint.h"

#include "base/alloc.h"

#include <stdio.h>

/* Connections being made to one node at once. A restarted server meets this many logins from each
 * process, not one from each waiting thread. */
enum { HANDSHAKES = 4 };

/* What the keeper's own connections add to the service's name. */
static const char k_keeper[] = " keeper";

static uint64_t number(const agdb__map_node_t *node, agdb__setting_t id)
{
    return node->settings.number[id];
}

static const char *text(const agdb__map_node_t *node, agdb__setting_t id)
{
    return node->settings.text[id];
}

const char *agdb__endpoint_user(const agdb__map_node_t *node, const agdb__topology_env_t *env)
{
    return env->login != NULL ? env->login : text(node, AGDB_S_USER);
}

/* --- drafts: texts are the map's ---------------------------------------------------------------
 */

static void add_option(agdb__endpoint_t *e, const char *keyword, const char *value)
{
    if (value == NULL)
        return;
    e->keywords[e->login.noptions] = keyword;
    e->values[e->login.noptions++] = value;
}

static void add_options(agdb__endpoint_t *e, const agdb__map_node_t *node)
{
    add_option(e, "sslmode", text(node, AGDB_S_SSLMODE));
    add_option(e, "sslrootcert", text(node, AGDB_S_SSLROOTCERT));
    add_option(e, "sslcert", text(node, AGDB_S_SSLCERT));
    add_option(e, "sslkey", text(node, AGDB_S_SSLKEY));
    add_option(e, "sslcrl", text(node, AGDB_S_SSLCRL));
    add_option(e, "ssl_min_protocol_version", text(node, AGDB_S_SSL_MIN));
    add_option(e, "channel_binding", text(node, AGDB_S_CHANNEL_BINDING));
    snprintf(e->numbers[0], sizeof e->numbers[0], "%llu",
             (unsigned long long)(number(node, AGDB_S_KEEPALIVES_IDLE) / 1000));
    add_option(e, "keepalives_idle", e->numbers[0]);
    snprintf(e->numbers[1], sizeof e->numbers[1], "%llu",
             (unsigned long long)number(node, AGDB_S_TCP_USER_TIMEOUT));
    add_option(e, "tcp_user_timeout", e->numbers[1]);
    e->login.keywords = e->keywords;
    e->login.values = e->values;
}

static void set_password_source(agdb__login_t *login, const agdb__map_node_t *node,
                                const agdb__topology_env_t *env)
{
    bool asked = env->login != NULL && env->password != NULL;

    if (!asked) {
        login->password_file = text(node, AGDB_S_PASSWORD_FILE);
        login->password_env = text(node, AGDB_S_PASSWORD_ENV);
        login->passfile = text(node, AGDB_S_PASSFILE);
        asked =
            login->password_file == NULL && login->password_env == NULL && login->passfile == NULL;
    }
    if (asked) {
        login->password = env->password;
        login->password_user = env->password_user;
    }
}

agdb__endpoint_t *agdb__endpoint_draft(const agdb__want_endpoint_t *want,
                                       const agdb__topology_env_t *env)
{
    const agdb__map_node_t *node = want->node;
    agdb__endpoint_t *e = agdb__calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->login = (agdb__login_t){
        .node = node->name,
        .host = node->host,
        .port = node->port,
        .user = agdb__endpoint_user(node, env),
        .dbname = text(node, AGDB_S_DBNAME),
        .service = env->service,
        .search_path = text(node, AGDB_S_SEARCH_PATH),
        .connect_ms = (uint32_t)number(node, AGDB_S_TIMEOUT_CONNECT),
        .server_ms = (uint32_t)number(node, AGDB_S_TIMEOUT_SERVER),
        .comments = number(node, AGDB_S_LOG_COMMENTS) != 0,
        .pgbouncer = want->keyspace->via_pgbouncer,
        .expect = want->expect,
        .nexpect = want->nexpect,
    };
    add_options(e, node);
    set_password_source(&e->login, node, env);
    e->limits = (agdb__pool_limits_t){
        .min = (unsigned)number(node, AGDB_S_POOL_MIN),
        .max = (unsigned)number(node, AGDB_S_POOL_MAX),
        .handshakes = HANDSHAKES,
        .queue = (unsigned)number(node, AGDB_S_POOL_QUEUE),
        .queue_ms = number(node, AGDB_S_TIMEOUT_QUEUE),
        .idle_ms = number(node, AGDB_S_POOL_IDLE),
        .lifetime_ms = number(node, AGDB_S_POOL_LIFETIME),
        .grouping = want->keyspace->grouping,
    };
    if (!want->in_service) { /* one connection proves its login, and goes at once */
        e->limits.min = 0;
        e->limits.idle_ms = 0;
    }
    return e;
}

/* --- comparing ---------------------------------------------------------------------------------
 */

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool are_same_options(const agdb__login_t *a, const agdb__login_t *b)
{
    size_t i;

    if (a->noptions != b->noptions)
        return false;
    for (i = 0; i < a->noptions; i++)
        if (strcmp(a->keywords[i], b->keywords[i]) != 0 || strcmp(a->values[i], b->values[i]) != 0)
            return false;
    return true;
}

static bool are_same_identities(const agdb__login_t *a, const agdb__login_t *b)
{
    size_t i;

    if (a->nexpect != b->nexpect)
        return false;
    for (i = 0; i < a->nexpect; i++) {
        const agdb__identity_t *x = &a->expect[i];
        const agdb__identity_t *y = &b->expect[i];

        if (strcmp(x->keyspace, y->keyspace) != 0 || strcmp(x->shard, y->shard) != 0 ||
            x->slots != y->slots || x->required != y->required)
            return false;
    }
    return true;
}

static bool are_same_logins(const agdb__login_t *a, const agdb__login_t *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0 && strcmp(a->node, b->node) == 0 &&
           strcmp(a->user, b->user) == 0 && strcmp(a->dbname, b->dbname) == 0 &&
           is_same_text(a->search_path, b->search_path) &&
           is_same_text(a->password_file, b->password_file) &&
           is_same_text(a->password_env, b->password_env) &&
           is_same_text(a->passfile, b->passfile) && a->password == b->password &&
           a->connect_ms == b->connect_ms && a->server_ms == b->server_ms &&
           a->pgbouncer == b->pgbouncer && a->comments == b->comments && are_same_options(a, b) &&
           are_same_identities(a, b);
}

static bool are_same_limits(const agdb__pool_limits_t *a, const agdb__pool_limits_t *b)
{
    return a->min == b->min && a->max == b->max && a->queue == b->queue &&
           a->queue_ms == b->queue_ms && a->idle_ms == b->idle_ms &&
           a->lifetime_ms == b->lifetime_ms && a->grouping == b->grouping;
}

bool agdb__endpoint_is_same(const agdb__endpoint_t *a, const agdb__endpoint_t *b)
{
    return are_same_logins(&a->login, &b->login) && are_same_limits(&a->limits, &b->limits);
}

/* --- settling ----------------------------------------------------------------------------------
 */

static void own(agdb__arena_t *texts, const char **text)
{
    if (*text != NULL)
        *text = agdb__arena_text(texts, *text, strlen(*text));
}

static void own_identities(agdb__endpoint_t *e)
{
    agdb__identity_t *copy =
        agdb__arena_array(e->texts, e->login.nexpect, sizeof(agdb__identity_t));
    size_t i;

    for (i = 0; copy != NULL && i < e->login.nexpect; i++) {
        copy[i] = e->login.expect[i];
        own(e->texts, &copy[i].keyspace);
        own(e->texts, &copy[i].shard);
    }
    e->login.expect = copy;
}

/* The keywords are constants, and the service is the client's. */
static bool own_texts(agdb__endpoint_t *e, const agdb__topology_env_t *env)
{
    agdb__login_t *login = &e->login;
    size_t i;

    e->texts = agdb__arena_new();
    login->node = agdb__names_keep(env->names, login->node);
    if (e->texts == NULL || login->node == NULL)
        return false;
    own(e->texts, &login->host);
    own(e->texts, &login->user);
    own(e->texts, &login->dbname);
    own(e->texts, &login->search_path);
    own(e->texts, &login->password_file);
    own(e->texts, &login->password_env);
    own(e->texts, &login->passfile);
    for (i = 0; i < login->noptions; i++)
        own(e->texts, &e->values[i]);
    own_identities(e);
    return !agdb__arena_failed(e->texts);
}

static bool open_account(agdb__endpoint_t *e, const agdb__topology_env_t *env)
{
    const char *dbname = agdb__names_keep(env->names, e->login.dbname);
    const char *user = agdb__names_keep(env->names, e->login.user);
    agdb__pool_tally_t *tally = NULL;

    if (dbname != NULL && user != NULL)
        tally = agdb__books_pool(env->books, e->login.node, dbname, user);
    agdb__pool_count_in(e->pool, tally);
    return tally != NULL;
}

bool agdb__endpoint_settle(agdb__endpoint_t *e, agdb__server_t *server,
                           const agdb__topology_env_t *env)
{
    if (!own_texts(e, env))
        return false;
    e->pool = agdb__pool_new(&e->login, &e->limits, env->resolver, env->wake, env->wake_user);
    if (e->pool == NULL || !open_account(e, env))
        return false;
    agdb__ear_init(&e->ear, &e->login, env->resolver, env->hear);
    e->server = server;
    if (server->refs++ == 0) {
        agdb__server_probe_as(server, e);
        agdb__probe_init(&server->probe, &server->login, env->resolver);
    }
    return true;
}

void agdb__endpoint_free(agdb__endpoint_t *e)
{
    if (e == NULL)
        return;
    agdb__pool_free(e->pool);
    if (e->server != NULL)
        agdb__ear_fini(&e->ear);
    agdb__arena_free(e->texts);
    agdb__free(e);
}

/* --- servers ------------------------------------------------------------------------------------
 */

agdb__server_t *agdb__server_new(const agdb__map_node_t *node)
{
    agdb__server_t *server = agdb__calloc(1, sizeof *server);

    if (server == NULL)
        return NULL;
    server->port = node->port;
    server->host = agdb__strdup(node->host);
    if (server->host == NULL) {
        agdb__free(server);
        return NULL;
    }
    return server;
}

void agdb__server_free(agdb__server_t *server)
{
    if (server == NULL)
        return;
    if (server->login_of != NULL)
        agdb__probe_fini(&server->probe);
    agdb__free(server->host);
    agdb__free(server);
}

void agdb__server_probe_as(agdb__server_t *server, agdb__endpoint_t *endpoint)
{
    server->login_of = endpoint;
    server->login = endpoint->login;
    server->login.expect = NULL;
    server->login.nexpect = 0;
    /* told apart from the connections of callers, who may all have left a node that is probed */
    snprintf(server->service, sizeof server->service, "%.*s%s",
             (int)(sizeof server->service - sizeof k_keeper),
             *endpoint->login.service != '\0' ? endpoint->login.service : "agencydb", k_keeper);
    server->login.service = server->service;
    server->login.hello_comment = server->epoch;
}
