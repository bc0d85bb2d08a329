/* Services' sessions are in the map's databases, as the map's roles; a service may log in as
 * another one, but then its keeper is there, too. That one's connection stays: a node that is out
 * is still looked at. */
#include "cli/drained.h"

#include "cli/cli.h"
#include "cli/message.h"
#include "cli/process.h"
#include "cli/sessions.h"

#include <stdio.h>

/* What one look has found. */
typedef struct rest {
    const char *fault;  /* why it is not known */
    size_t connections; /* of services */
    size_t keepers;
    cli_buf_t who; /* "foundation-api at 10.1.2.3 (4), ..." */
} rest_t;

static bool is_same_client(const cli_session_t *a, const cli_session_t *b)
{
    return strcmp(a->service, b->service) == 0 && (a->host == NULL) == (b->host == NULL) &&
           (a->host == NULL || strcmp(a->host, b->host) == 0);
}

/* Another role's session may be seen without its host. */
static bool has_keeper(const cli_session_t *session, const cli_sessions_t *all)
{
    size_t i;

    for (i = 0; i < all->count; i++)
        if (all->items[i].is_keeper && strcmp(all->items[i].service, session->service) == 0)
            return true;
    return false;
}

static bool is_of_a_service(const cli_session_t *session, const cli_sessions_t *all,
                            const cli_nodes_t *nodes)
{
    size_t i;

    for (i = 0; i < nodes->count; i++)
        if (strcmp(nodes->items[i].dbname, session->dbname) == 0 &&
            (strcmp(nodes->items[i].user, session->user) == 0 || has_keeper(session, all)))
            return true;
    return false;
}

static void name_clients(const cli_session_t *const *sessions, size_t count, cli_buf_t *out)
{
    size_t i;
    size_t k;

    for (i = 0; i < count; i++) {
        size_t same = 0;

        for (k = 0; k < i && !is_same_client(sessions[k], sessions[i]); k++)
            ;
        if (k < i)
            continue;
        for (k = i; k < count; k++)
            same += is_same_client(sessions[k], sessions[i]);
        cli_buf_format(out, "%s%s at %s (%zu)", out->len > 0 ? ", " : "",
                       sessions[i]->service[0] != '\0' ? sessions[i]->service : "a nameless one",
                       sessions[i]->host != NULL ? sessions[i]->host : "a hidden host", same);
    }
}

static void count_server(const cli_sessions_t *all, const cli_nodes_t *nodes, rest_t *rest)
{
    const cli_session_t **left = cli_alloc((all->count + 1) * sizeof *left);
    size_t count = 0;
    size_t i;

    for (i = 0; i < all->count; i++) {
        const cli_session_t *session = &all->items[i];

        if (!is_of_a_service(session, all, nodes))
            continue;
        if (session->is_keeper)
            rest->keepers++;
        else
            left[count++] = session;
    }
    rest->connections += count;
    name_clients(left, count, &rest->who);
}

static rest_t look(cli_inspect_t *inspect)
{
    const cli_nodes_t *nodes = inspect->nodes;
    rest_t rest = {0};
    cli_sight_t *sights = cli_look(inspect);
    bool *skip = cli_sessions_skip(nodes, sights);
    cli_sessions_t *all = cli_sessions_gather(inspect, skip);
    size_t i;

    for (i = 0; i < nodes->count; i++) {
        if (sights[i].reason != NULL)
            rest.fault = sights[i].reason;
        else if (!skip[i] && all[i].fault != NULL)
            rest.fault = all[i].fault;
        else if (!skip[i])
            count_server(&all[i], nodes, &rest);
    }
    return rest;
}

static void tell_json(const cli_drained_t *options, const rest_t *rest, uint64_t waited_ms)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "node", options->node);
    cli_json_bool(&json, "drained", rest->fault == NULL && rest->connections == 0);
    cli_json_number(&json, "waited_ms", waited_ms);
    if (rest->fault != NULL) {
        cli_json_text(&json, "reason", rest->fault);
    } else {
        cli_json_number(&json, "connections", rest->connections);
        cli_json_number(&json, "keepers", rest->keepers);
    }
    cli_json_close(&json);
    cli_json_print(&json);
}

static int tell(const cli_drained_t *options, const rest_t *rest, uint64_t waited_ms)
{
    const bool drained = rest->fault == NULL && rest->connections == 0;

    if (options->json)
        tell_json(options, rest, waited_ms);
    else if (drained)
        printf("%s is drained: no connection of a service is left (%zu of keepers, which look at "
               "it)\n",
               options->node, rest->keepers);
    if (rest->fault != NULL)
        cli_error("%s cannot be asked: %s", options->node, rest->fault);
    else if (!drained)
        cli_error("%s is not drained: %zu connection%s left: %s", options->node, rest->connections,
                  rest->connections == 1 ? " is" : "s are", rest->who.data);
    return cli_finish(drained ? CLI_OK : CLI_FAILED);
}

static void warn_of_state(const cli_drained_t *options, const cli_nodes_t *nodes)
{
    size_t i;

    for (i = 0; i < nodes->count; i++)
        if (!cli_node_is_out(&nodes->items[i])) {
            fprintf(stderr, "%s is '%s' in this map, not 'out': services that use it stay on it.\n",
                    options->node, nodes->items[i].state);
            return;
        }
}

/* A server that is to be stopped may be the server of other nodes, too. */
static void warn_of_neighbours(const cli_drained_t *options, const cli_inspect_t *inspect)
{
    const cli_nodes_t all = cli_nodes_pick(inspect->map, NULL, NULL, NULL);
    const cli_nodes_t *nodes = inspect->nodes;
    size_t i;
    size_t k;

    for (i = 0; i < all.count; i++)
        for (k = 0; k < nodes->count; k++)
            if (strcmp(all.items[i].where, nodes->items[k].where) == 0 &&
                strcmp(all.items[i].name, options->node) != 0) {
                fprintf(stderr, "%s / %s / %s is on the same server: wait for it, too.\n",
                        all.items[i].keyspace, all.items[i].shard, all.items[i].name);
                break;
            }
}

int cli_wait_drained(cli_inspect_t *inspect, const cli_drained_t *options)
{
    enum { PAUSE_MS = 500 };
    const uint64_t begin = cli_now_ms();
    rest_t rest;

    warn_of_state(options, inspect->nodes);
    warn_of_neighbours(options, inspect);
    for (;;) {
        void *mark = cli_mark();
        const uint64_t now = cli_now_ms();

        rest = look(inspect);
        if ((rest.fault == NULL && rest.connections == 0) || cli_interrupted() ||
            now - begin + PAUSE_MS > options->timeout_ms)
            break;
        cli_progress("%zu connections are left", rest.connections);
        cli_release(mark);
        cli_sleep_ms(PAUSE_MS);
    }
    return tell(options, &rest, cli_now_ms() - begin);
}
