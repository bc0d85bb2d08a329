#include "api/metrics_pools.h"

static agdb__pool_account_t *first_pool(const agdb__books_t *books)
{
    return atomic_load_explicit(&books->pools, memory_order_acquire);
}

static void put_connects(const agdb__books_t *books, agdb__metrics_t *m)
{
    const agdb__pool_account_t *p;
    int status;

    agdb__metrics_begin(m, AGDB__METRIC_CONNECT);
    for (p = first_pool(books); p != NULL; p = p->next) {
        agdb__counted_t counted = {.count = 0};

        agdb__histogram_add_to(&p->tally.connect, &counted);
        agdb__metrics_seconds(m, &counted, p->node, p->dbname, p->user, NULL);
    }
    agdb__metrics_begin(m, AGDB__METRIC_CONNECT_FAILURES);
    for (p = first_pool(books); p != NULL; p = p->next)
        for (status = 0; status < AGDB__CONNECT_STATUSES; status++)
            if (status == -AGDB_E_CONNECT || agdb__counter(&p->tally.failed[status]) > 0)
                agdb__metrics_number(m, (double)agdb__counter(&p->tally.failed[status]), p->node,
                                     p->dbname, p->user, agdb_status_name(-status));
}

static void put_closed(const agdb__books_t *books, agdb__metrics_t *m)
{
    static const char *const reason[AGDB__CLOSED_REASONS] = {"idle",    "lifetime", "lost",
                                                             "unclean", "dropped",  "retired"};
    const agdb__pool_account_t *p;
    unsigned i;

    agdb__metrics_begin(m, AGDB__METRIC_CLOSED);
    for (p = first_pool(books); p != NULL; p = p->next)
        for (i = 0; i < AGDB__CLOSED_REASONS; i++)
            agdb__metrics_number(m, (double)agdb__counter(&p->tally.closed[i]), p->node, p->dbname,
                                 p->user, reason[i]);
}

static const char *const k_kind[AGDB__GROUP_KINDS] = {"read", "write"};

static void put_groups(const agdb__books_t *books, agdb__metrics_t *m)
{
    const agdb__pool_account_t *p;
    unsigned kind;

    agdb__metrics_begin(m, AGDB__METRIC_GROUPS);
    for (p = first_pool(books); p != NULL; p = p->next)
        for (kind = 0; kind < AGDB__GROUP_KINDS; kind++) {
            agdb__counted_t counted = {.count = 0};

            agdb__histogram_add_to(&p->tally.group[kind], &counted);
            agdb__metrics_sizes(m, &counted, p->node, p->dbname, p->user, k_kind[kind]);
        }
}

/* Of the map in use. Several shards may share one, and nodes of several shards may be called alike:
 * those are added up, as their counters are. */
typedef void (*pool_fn)(agdb__metrics_t *m, const agdb__login_t *login,
                        const agdb__pool_gauges_t *gauges);

static const agdb__endpoint_t *endpoint_at(const agdb__layout_t *l, size_t s, uint32_t i)
{
    return l->shards[s]->place[i].endpoint;
}

static bool are_called_alike(const agdb__login_t *a, const agdb__login_t *b)
{
    return strcmp(a->node, b->node) == 0 && strcmp(a->dbname, b->dbname) == 0 &&
           strcmp(a->user, b->user) == 0;
}

/* The first place of that endpoint, or (by name) of any that is called alike. */
static bool is_first(const agdb__layout_t *l, size_t s, uint32_t i, bool by_name)
{
    const agdb__endpoint_t *endpoint = endpoint_at(l, s, i);
    size_t t;
    uint32_t n;

    for (t = 0; t <= s; t++)
        for (n = 0; n < l->shards[t]->shard.nnodes && (t < s || n < i); n++)
            if (endpoint_at(l, t, n) == endpoint ||
                (by_name && are_called_alike(&endpoint_at(l, t, n)->login, &endpoint->login)))
                return false;
    return true;
}

static void add_gauges(agdb__pool_gauges_t *sum, const agdb__pool_gauges_t *g)
{
    unsigned kind;

    sum->idle += g->idle;
    sum->in_use += g->in_use;
    sum->connecting += g->connecting;
    sum->left += g->left;
    sum->waiting += g->waiting;
    sum->max += g->max;
    for (kind = 0; kind < AGDB__GROUP_KINDS; kind++)
        sum->width[kind] += g->width[kind];
}

static agdb__pool_gauges_t gauges_of_all(const agdb__layout_t *l, const agdb__login_t *login)
{
    agdb__pool_gauges_t sum = {.idle = 0};
    size_t s;
    uint32_t i;

    for (s = 0; s < l->nshards; s++)
        for (i = 0; i < l->shards[s]->shard.nnodes; i++)
            if (are_called_alike(&endpoint_at(l, s, i)->login, login) && is_first(l, s, i, false)) {
                const agdb__pool_gauges_t one = agdb__pool_gauges(endpoint_at(l, s, i)->pool);

                add_gauges(&sum, &one);
            }
    return sum;
}

static void for_each_pool(const agdb__layout_t *l, agdb__metrics_t *m, pool_fn put)
{
    size_t s;
    uint32_t i;

    for (s = 0; s < l->nshards; s++)
        for (i = 0; i < l->shards[s]->shard.nnodes; i++)
            if (is_first(l, s, i, true)) {
                const agdb__login_t *login = &endpoint_at(l, s, i)->login;
                const agdb__pool_gauges_t gauges = gauges_of_all(l, login);

                put(m, login, &gauges);
            }
}

static void put_connections(agdb__metrics_t *m, const agdb__login_t *login,
                            const agdb__pool_gauges_t *g)
{
    const struct {
        const char *state;
        unsigned count;
    } of[] = {{"in_use", g->in_use},
              {"idle", g->idle},
              {"connecting", g->connecting},
              {"abandoned", g->left}};
    size_t i;

    for (i = 0; i < sizeof of / sizeof of[0]; i++)
        agdb__metrics_number(m, of[i].count, login->node, login->dbname, login->user, of[i].state);
}

static void put_max(agdb__metrics_t *m, const agdb__login_t *login, const agdb__pool_gauges_t *g)
{
    agdb__metrics_number(m, g->max, login->node, login->dbname, login->user);
}

static void put_waiting(agdb__metrics_t *m, const agdb__login_t *login,
                        const agdb__pool_gauges_t *g)
{
    agdb__metrics_number(m, g->waiting, login->node, login->dbname, login->user);
}

static void put_width(agdb__metrics_t *m, const agdb__login_t *login, const agdb__pool_gauges_t *g)
{
    unsigned kind;

    for (kind = 0; kind < AGDB__GROUP_KINDS; kind++)
        agdb__metrics_number(m, g->width[kind], login->node, login->dbname, login->user,
                             k_kind[kind]);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void agdb__metrics_pools(const agdb__books_t *books, const agdb__layout_t *l, agdb__metrics_t *m)
{
    put_connects(books, m);
    put_closed(books, m);
    put_groups(books, m);
    agdb__metrics_begin(m, AGDB__METRIC_CONNECTIONS);
    for_each_pool(l, m, put_connections);
    agdb__metrics_begin(m, AGDB__METRIC_MAX);
    for_each_pool(l, m, put_max);
    agdb__metrics_begin(m, AGDB__METRIC_WAITING);
    for_each_pool(l, m, put_waiting);
    agdb__metrics_begin(m, AGDB__METRIC_WIDTH);
    for_each_pool(l, m, put_width);
}
