#include "cli/census.h"

#include "cli/message.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static cli_census_row_t *find_row(cli_census_t *census, const cli_session_t *session)
{
    size_t i;

    for (i = 0; i < census->count; i++)
        if (strcmp(census->rows[i].service, session->service) == 0 &&
            is_same(census->rows[i].host, session->host))
            return &census->rows[i];
    census->rows = cli_grow(census->rows, census->count, sizeof *census->rows);
    census->rows[census->count] = (cli_census_row_t){
        .service = session->service, .host = session->host, .last_node = SIZE_MAX, .oldest_ms = -1};
    return &census->rows[census->count++];
}

void cli_census_add(cli_census_t *census, size_t node, const cli_session_t *session)
{
    cli_census_row_t *row = find_row(census, session);

    row->nodes += row->last_node != node;
    row->last_node = node;
    if (session->is_keeper) {
        row->keepers++;
        row->unseen_keepers += session->state == NULL;
        cli_epochs_add(&row->epochs, node, session->epoch);
        return;
    }
    row->connections++;
    if (session->state == NULL)
        row->unseen++;
    else if (strncmp(session->state, "idle in", 7) == 0)
        row->in_transaction++;
    else if (cli_session_is_in(session, "idle"))
        row->idle++;
    else
        row->active++;
    if (session->transaction_ms > row->oldest_ms)
        row->oldest_ms = session->transaction_ms;
}

static int by_name(const void *a, const void *b)
{
    const cli_census_row_t *left = a;
    const cli_census_row_t *right = b;
    const int order = strcmp(left->service, right->service);

    if (order != 0)
        return order;
    return strcmp(left->host != NULL ? left->host : "", right->host != NULL ? right->host : "");
}

static void add_sessions(cli_census_t *census, const cli_nodes_t *nodes, size_t node,
                         const cli_sessions_t *sessions, const char *service)
{
    size_t i;

    for (i = 0; i < sessions->count; i++) {
        const cli_session_t *session = &sessions->items[i];

        if (cli_session_is_of(session, nodes, nodes->items[node].where) &&
            (service == NULL || strcmp(service, session->service) == 0))
            cli_census_add(census, node, session);
    }
}

cli_census_t cli_census_take(cli_inspect_t *inspect, const char *service)
{
    const cli_nodes_t *nodes = inspect->nodes;
    cli_census_t census = {.sights = cli_look(inspect),
                           .faults = cli_alloc((nodes->count + 1) * sizeof *census.faults)};
    bool *skip = cli_sessions_skip(nodes, census.sights);
    cli_sessions_t *sessions = cli_sessions_gather(inspect, skip);
    size_t i;

    for (i = 0; i < nodes->count; i++) {
        census.faults[i] = census.sights[i].reason;
        if (skip[i])
            continue;
        census.faults[i] = sessions[i].fault;
        add_sessions(&census, nodes, i, &sessions[i], service);
    }
    if (census.count > 0)
        qsort(census.rows, census.count, sizeof *census.rows, by_name);
    return census;
}

size_t cli_census_tell_faults(const cli_census_t *census, const cli_nodes_t *nodes)
{
    size_t failed = 0;
    size_t i;

    for (i = 0; i < nodes->count; i++)
        if (census->faults[i] != NULL) {
            failed++;
            cli_error("%s / %s / %s could not be asked: %s", nodes->items[i].keyspace,
                      nodes->items[i].shard, nodes->items[i].name, census->faults[i]);
        }
    return failed;
}

void cli_census_tell_blind(const cli_census_t *census, const cli_nodes_t *nodes)
{
    const cli_sight_t *blind = NULL;
    size_t hidden = 0;
    size_t i;

    for (i = 0; i < nodes->count; i++)
        if (census->faults[i] == NULL && !census->sights[i].sees_all)
            blind = &census->sights[i];
    for (i = 0; i < census->count; i++)
        hidden += census->rows[i].unseen + census->rows[i].unseen_keepers;
    if (blind != NULL && hidden > 0)
        fprintf(stderr,
                "Role '%s' may not see what %zu sessions of other roles do: GRANT pg_monitor TO "
                "%s.\n",
                blind->login, hidden, cli_quoted(blind->login, '"'));
}
