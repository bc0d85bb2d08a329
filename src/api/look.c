#include "api/look.h"

#include "base/clock.h"
#include "map/text.h"

#include <stdio.h>

/* --- nodes -------------------------------------------------------------------------------------
 */

agdb__look_t agdb__look_at(agdb__shard_entry_t *entry, uint32_t i)
{
    agdb__shard_t *shard = &entry->shard;
    agdb__look_t look = {.view = agdb__board_view(&shard->board),
                         .health = agdb__board_health(&shard->board, i),
                         .lag_us = AGDB__LAG_UNKNOWN};

    look.is_primary = look.view.state == AGDB__SHARD_READY && look.view.primary == i;
    look.is_replica = (look.view.replicas >> i & 1) != 0;
    if (look.is_primary)
        look.lag_us = 0;
    else if (look.is_replica)
        look.lag_us = agdb__marks_lag_us(&shard->marks, i, agdb__now_us());
    if (look.is_primary || look.is_replica)
        look.timeline = agdb__marks_timeline(&shard->marks, i);
    return look;
}

uint32_t agdb__look_parked(agdb__shard_entry_t *entry)
{
    return atomic_load_explicit(&entry->shard.parked, memory_order_relaxed);
}

/* The keeper may have looked at its clock later than who asks. */
uint64_t agdb__look_without_us(const agdb__shard_entry_t *entry, uint64_t now_us)
{
    const uint64_t since_us = agdb__board_without_us(&entry->shard.board);

    return since_us != 0 && since_us < now_us ? now_us - since_us : 0;
}

agdb_shard_state_t agdb__look_shard_state(agdb__shard_state_t state)
{
    switch (state) {
    case AGDB__SHARD_UNSEEN:
        break;
    case AGDB__SHARD_READY:
        return AGDB_SHARD_READY;
    case AGDB__SHARD_NO_PRIMARY:
        return AGDB_SHARD_NO_PRIMARY;
    case AGDB__SHARD_REFUSED:
        return AGDB_SHARD_REFUSED;
    case AGDB__SHARD_SPLIT:
        return AGDB_SHARD_SPLIT;
    }
    return AGDB_SHARD_UNSEEN;
}

agdb_node_state_t agdb__look_node_state(agdb__health_t health)
{
    switch (health) {
    case AGDB__HEALTH_UNSEEN:
        break;
    case AGDB__HEALTH_DOWN:
        return AGDB_NODE_DOWN;
    case AGDB__HEALTH_REFUSED:
        return AGDB_NODE_REFUSED;
    case AGDB__HEALTH_UP:
        return AGDB_NODE_UP;
    }
    return AGDB_NODE_UNSEEN;
}

const char *agdb__look_shard_word(agdb_shard_state_t state)
{
    switch (state) {
    case AGDB_SHARD_UNSEEN:
        break;
    case AGDB_SHARD_READY:
        return "ready";
    case AGDB_SHARD_NO_PRIMARY:
        return "no-primary";
    case AGDB_SHARD_REFUSED:
        return "refused";
    case AGDB_SHARD_SPLIT:
        return "split";
    }
    return "unseen";
}

const char *agdb__look_node_word(agdb_node_state_t state)
{
    switch (state) {
    case AGDB_NODE_UNSEEN:
        break;
    case AGDB_NODE_DOWN:
        return "down";
    case AGDB_NODE_REFUSED:
        return "refused";
    case AGDB_NODE_UP:
        return "up";
    }
    return "unseen";
}

/* --- pools -------------------------------------------------------------------------------------
 */

static bool is_first(const agdb__layout_t *l, size_t s, uint32_t i)
{
    const agdb__endpoint_t *endpoint = l->shards[s]->place[i].endpoint;
    size_t t;
    uint32_t n;

    for (t = 0; t <= s; t++)
        for (n = 0; n < l->shards[t]->shard.nnodes && (t < s || n < i); n++)
            if (l->shards[t]->place[n].endpoint == endpoint)
                return false;
    return true;
}

void agdb__each_pool(const agdb__layout_t *l, agdb__pool_fn each, void *user)
{
    size_t s;
    uint32_t i;

    for (s = 0; s < l->nshards; s++)
        for (i = 0; i < l->shards[s]->shard.nnodes; i++)
            if (is_first(l, s, i)) {
                const agdb__endpoint_t *endpoint = l->shards[s]->place[i].endpoint;
                const agdb__pool_gauges_t gauges = agdb__pool_gauges(endpoint->pool);

                each(endpoint, &gauges, user);
            }
}

/* --- accounts ----------------------------------------------------------------------------------
 */

agdb__shard_account_t *agdb__first_shard(agdb_t *db)
{
    return atomic_load_explicit(&db->books.shards, memory_order_acquire);
}

agdb__pool_account_t *agdb__first_pool(agdb_t *db)
{
    return atomic_load_explicit(&db->books.pools, memory_order_acquire);
}

const char *agdb__rank_text(const agdb__rank_t *rank, char buf[AGDB__RANK_TEXT])
{
    const bool is_cut = rank->len > AGDB__RANK_NAME;
    agdb__map_agency_t as = {.key = (const unsigned char *)rank->name,
                             .key_len = is_cut ? AGDB__RANK_NAME : rank->len};
    unsigned less;

    for (less = 0; is_cut && less < 4; less++)
        if (agdb__text_is_utf8(rank->name, AGDB__RANK_NAME - less)) {
            as.key_len = AGDB__RANK_NAME - less;
            break;
        }
    (void)agdb__key_text(&as, buf);
    if (is_cut)
        snprintf(buf + strlen(buf), 16, "~%08x", (unsigned)(rank->hash >> 32));
    return buf;
}
