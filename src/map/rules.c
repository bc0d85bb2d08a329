#include "map/level.h"

#include "map/host.h"
#include "map/load_impl.h"

#include <stdio.h>

/* One remark for each place in the file, however many nodes it spoils. */
static bool blame_once(agdb__tree_t *place)
{
    bool first = !place->is_blamed;

    place->is_blamed = true;
    return first;
}

static bool verifies(const char *sslmode)
{
    return strcmp(sslmode, "verify-full") == 0 || strcmp(sslmode, "verify-ca") == 0;
}

static void check_tls(agdb__load_t *l, const agdb__level_t *level, const char *host,
                      const char *shown, agdb__tree_t *at)
{
    const char *sslmode = level->value.text[AGDB_S_SSLMODE];
    agdb__tree_t *said = level->from[AGDB_S_SSLMODE];
    agdb__tree_t *place = said != NULL ? said : at;

    if (sslmode == NULL || agdb__host_is_socket(host))
        return;
    if (verifies(sslmode) && level->value.text[AGDB_S_SSLROOTCERT] == NULL) {
        if (blame_once(place))
            agdb__diag_error(l->diag, place->line, place->column,
                             "sslmode %s needs sslrootcert: the file of the authorities to trust",
                             sslmode);
        return;
    }
    if (strcmp(sslmode, "verify-full") == 0 || agdb__host_is_loopback(host) ||
        level->value.number[AGDB_S_INSECURE] != 0 || !blame_once(place))
        return;
    agdb__diag_error(l->diag, place->line, place->column,
                     "sslmode %s%s does not prove who node %s is: say sslmode: verify-full with "
                     "sslrootcert, or insecure: true beside it",
                     sslmode, said == NULL ? " (the default)" : "", shown);
}

static void check_certificate(agdb__load_t *l, const agdb__level_t *level)
{
    agdb__tree_t *cert = level->from[AGDB_S_SSLCERT];
    agdb__tree_t *key = level->from[AGDB_S_SSLKEY];

    if (cert != NULL && key == NULL && blame_once(cert))
        agdb__diag_error(l->diag, cert->line, cert->column,
                         "sslcert needs sslkey: the file of its key");
    if (key != NULL && cert == NULL && blame_once(key))
        agdb__diag_error(l->diag, key->line, key->column,
                         "sslkey needs sslcert: the file of its certificate");
}

static void check_pool(agdb__load_t *l, const agdb__level_t *level)
{
    unsigned long long min = level->value.number[AGDB_S_POOL_MIN];
    unsigned long long max = level->value.number[AGDB_S_POOL_MAX];
    const agdb__tree_t *min_from = level->from[AGDB_S_POOL_MIN];
    const agdb__tree_t *max_from = level->from[AGDB_S_POOL_MAX];
    agdb__tree_t *place = level->from[max_from != NULL ? AGDB_S_POOL_MAX : AGDB_S_POOL_MIN];

    if (min <= max || place == NULL || !blame_once(place))
        return;
    if (min_from != NULL && max_from != NULL)
        agdb__diag_error(l->diag, place->line, place->column,
                         "pool.max %s is below pool.min %s of line %u", AGDB__SHOWN(max_from),
                         AGDB__SHOWN(min_from), min_from->line);
    else if (max_from != NULL)
        agdb__diag_error(l->diag, place->line, place->column,
                         "pool.max %s is below pool.min %llu (the default)", AGDB__SHOWN(max_from),
                         min);
    else
        agdb__diag_error(l->diag, place->line, place->column,
                         "pool.min %s is above pool.max %llu (the default): raise max too",
                         AGDB__SHOWN(min_from), max);
}

void agdb__level_check(agdb__load_t *l, const agdb__level_t *level, const char *host,
                       const char *shown, agdb__tree_t *at)
{
    check_tls(l, level, host, shown, at);
    check_certificate(l, level);
    check_pool(l, level);
}

/* --- shared connections ----------------------------------------------------------------------- */

/* What stands in the set of logins: the first node there. */
typedef struct login_use {
    const agdb__tree_t *at;
    const agdb__map_node_t *node;
    bool via_pgbouncer;
} login_use_t;

/* Whether a connection is another one with another value. */
static bool shapes_connections(agdb__setting_t id)
{
    switch (id) {
    case AGDB_S_INSECURE:
    case AGDB_S_TIMEOUT_CALL:
    case AGDB_S_TIMEOUT_PARK:
    case AGDB_S_REPLICA_MAX_LAG:
    case AGDB_S_REPLICA_HEDGE:
    case AGDB_S_KEYS_KEEP:
        return false;
    default:
        return true;
    }
}

static bool is_same_value(const agdb__settings_t *a, const agdb__settings_t *b, size_t id)
{
    if (a->text[id] == NULL || b->text[id] == NULL)
        return a->text[id] == b->text[id] && a->number[id] == b->number[id];
    return strcmp(a->text[id], b->text[id]) == 0;
}

/* The first setting in which two nodes differ; AGDB_S__COUNT: none. */
static size_t first_difference(const agdb__map_node_t *a, const agdb__map_node_t *b)
{
    size_t id;

    for (id = 0; id < AGDB_S__COUNT; id++)
        if (shapes_connections((agdb__setting_t)id) &&
            !is_same_value(&a->settings, &b->settings, id))
            break;
    return id;
}

/* The first node with this node's login; NULL: it is the first, or memory is out. */
static const login_use_t *find_login(agdb__load_t *l, const agdb__map_node_t *node,
                                     const agdb__tree_t *at)
{
    const char *dbname = node->settings.text[AGDB_S_DBNAME];
    const char *user = node->settings.text[AGDB_S_USER];
    size_t size = strlen(node->host) + strlen(dbname) + strlen(user) + 16;
    char *key = agdb__arena_alloc(l->scratch, size);
    login_use_t *use = agdb__arena_alloc(l->scratch, sizeof *use);

    if (key == NULL || use == NULL)
        return NULL;
    *use = (login_use_t){at, node, l->via_pgbouncer};
    snprintf(key, size, "%s\n%u\n%s\n%s", node->host, (unsigned)node->port, dbname, user);
    return agdb__set_put(&l->logins, key, strlen(key), use);
}

void agdb__level_check_shared(agdb__load_t *l, const agdb__level_t *level,
                              const agdb__map_node_t *node, const char *shown, agdb__tree_t *at)
{
    const login_use_t *first = find_login(l, node, at);
    agdb__tree_t *place = at;
    const char *what = "via";
    size_t id;

    if (first == NULL)
        return;
    id = first_difference(first->node, node);
    if (id < AGDB_S__COUNT) {
        what = agdb__setting_rows[id].name;
        place = level->from[id] != NULL ? level->from[id] : at;
    } else if (first->via_pgbouncer == l->via_pgbouncer) {
        return;
    }
    if (blame_once(place))
        agdb__diag_error(l->diag, at->line, at->column,
                         "node %s is the server, database and user of line %u with another %s: "
                         "they share connections, so both must say the same",
                         shown, first->at->line, what);
}
