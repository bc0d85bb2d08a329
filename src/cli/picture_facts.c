/* What a picture shows, taken from the map and from what the servers say. */
#include "cli/message.h"
#include "cli/picture.h"

#include <stdlib.h>

/* --- nodes ------------------------------------------------------------------------------------ */
static const char *setting(const agdb_map_t *map, size_t keyspace, size_t shard, size_t node,
                           const char *name)
{
    const char *text = cli_node_setting(map, keyspace, shard, node, name);

    return text != NULL ? text : "";
}

static const char *address_of(const char *host, const char *port)
{
    if (host[0] == '/')
        return host;
    return cli_format(strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

static const char *state_of(const char *state, const char *reads)
{
    return strcmp(state, "out") == 0        ? "out of service"
           : strcmp(state, "no-reads") == 0 ? "serves no reads"
           : strcmp(reads, "never") == 0    ? "never read"
                                            : "";
}

static cli_pictured_node_t node_of(const agdb_map_t *map, size_t k, size_t s, size_t n)
{
    return (cli_pictured_node_t){
        .name = setting(map, k, s, n, "name"),
        .address = address_of(setting(map, k, s, n, "host"), setting(map, k, s, n, "port")),
        .zone = setting(map, k, s, n, "zone"),
        .state = state_of(setting(map, k, s, n, "state"), setting(map, k, s, n, "reads")),
        .status = "",
        .reason = "",
    };
}

/* --- slots and agencies ----------------------------------------------------------------------- */
static void add_run(cli_pictured_keyspace_t *keyspace, cli_slot_run_t run)
{
    cli_pictured_shard_t *shard = &keyspace->shards[run.shard];

    keyspace->runs = cli_grow(keyspace->runs, keyspace->nruns, sizeof run);
    keyspace->runs[keyspace->nruns++] = run;
    shard->slots += run.last - run.first + 1;
    cli_buf_format(&shard->ranges, run.first == run.last ? "%s%u" : "%s%u-%u",
                   shard->ranges.len > 0 ? ", " : "", (unsigned)run.first, (unsigned)run.last);
}

static void add_slots(const agdb_map_t *map, size_t k, cli_pictured_keyspace_t *keyspace)
{
    uint32_t count = agdb_map_slots(map);
    uint32_t first = 0;
    uint32_t slot;

    for (slot = 1; slot <= count; slot++) {
        int owner = agdb_map_slot_owner(map, k, first);
        if (owner >= 0 && (slot == count || agdb_map_slot_owner(map, k, slot) != owner)) {
            add_run(keyspace, (cli_slot_run_t){first, slot - 1, (size_t)owner});
            first = slot;
        }
    }
}

static void add_to_order(cli_pictured_keyspace_t *keyspace, size_t shard, size_t *count)
{
    keyspace->shards[shard].rank = *count;
    keyspace->order[(*count)++] = shard;
}

static void find_order(cli_pictured_keyspace_t *keyspace)
{
    bool *placed = cli_alloc(keyspace->nshards * sizeof *placed);
    size_t count = 0;
    size_t i;

    keyspace->order = cli_alloc(keyspace->nshards * sizeof *keyspace->order);
    for (i = 0; i < keyspace->nruns; i++) {
        if (!placed[keyspace->runs[i].shard])
            add_to_order(keyspace, keyspace->runs[i].shard, &count);
        placed[keyspace->runs[i].shard] = true;
    }
    for (i = 0; i < keyspace->nshards; i++) {
        if (!placed[i])
            add_to_order(keyspace, i, &count);
    }
}

static cli_pictured_shard_t *find_shard(const cli_pictured_keyspace_t *keyspace, const char *name)
{
    size_t s;

    for (s = 0; s < keyspace->nshards; s++) {
        if (strcmp(keyspace->shards[s].name, name) == 0)
            return &keyspace->shards[s];
    }
    return NULL;
}

/* Pinned agencies stand at their shards; what is frozen only, where requests go that say nothing of
 * a keyspace. */
static void add_agency(const agdb_map_t *map, agdb_bytes_t key, cli_pictured_keyspace_t *keyspace,
                       bool *pinned, bool *frozen)
{
    agdb_route_info_t route = {.struct_size = sizeof route};
    cli_pictured_shard_t *shard;
    cli_buf_t shown = {0};

    if (agdb_map_route(map, keyspace->name, key, &route, NULL) != AGDB_OK)
        return;
    *pinned = *pinned || route.pinned;
    *frozen = route.frozen;
    shard = find_shard(keyspace, route.shard);
    if (shard == NULL || (!route.pinned && !(route.frozen && keyspace->is_default)))
        return;
    cli_escape_key(&shown, key.data, key.len);
    shard->agencies = cli_grow(shard->agencies, shard->nagencies, sizeof *shard->agencies);
    shard->agencies[shard->nagencies++] =
        (cli_pictured_agency_t){shown.data, route.pinned, route.frozen};
}

static void add_agencies(const agdb_map_t *map, cli_picture_t *picture)
{
    agdb_bytes_t key;
    size_t i;
    size_t k;

    for (i = 0; agdb_map_agency_key(map, i, &key); i++) {
        bool pinned = false;
        bool frozen = false;
        for (k = 0; k < picture->nkeyspaces; k++)
            add_agency(map, key, &picture->keyspaces[k], &pinned, &frozen);
        picture->pinned += pinned ? 1 : 0;
        picture->frozen += frozen ? 1 : 0;
    }
}

/* --- the map ---------------------------------------------------------------------------------- */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t count_different(const char **texts, size_t count)
{
    size_t different = 0;
    size_t i;

    qsort(texts, count, sizeof *texts, by_text);
    for (i = 0; i < count; i++)
        different += i == 0 || strcmp(texts[i - 1], texts[i]) != 0 ? 1 : 0;
    return different;
}

/* Keyspaces may share servers and regions. */
static void count_places(cli_picture_t *picture)
{
    const char **addresses = cli_alloc(sizeof *addresses);
    const char **regions = cli_alloc(sizeof *regions);
    size_t naddresses = 0;
    size_t nregions = 0;
    size_t k;
    size_t s;
    size_t n;

    for (k = 0; k < picture->nkeyspaces; k++) {
        for (s = 0; s < picture->keyspaces[k].nshards; s++) {
            const cli_pictured_shard_t *shard = &picture->keyspaces[k].shards[s];
            for (n = 0; n < shard->nnodes; n++) {
                addresses = cli_grow(addresses, naddresses, sizeof *addresses);
                addresses[naddresses++] = shard->nodes[n].address;
            }
            regions = cli_grow(regions, nregions, sizeof *regions);
            if (shard->region[0] != '\0')
                regions[nregions++] = shard->region;
        }
    }
    picture->servers = count_different(addresses, naddresses);
    picture->regions = count_different(regions, nregions);
}

static cli_pictured_shard_t shard_of(const agdb_map_t *map, size_t k, size_t s)
{
    cli_pictured_shard_t shard = {.name = agdb_map_shard_name(map, k, s),
                                  .region = agdb_map_shard_region(map, k, s),
                                  .trouble = ""};
    size_t n;

    shard.nnodes = agdb_map_node_count(map, k, s);
    shard.nodes = cli_alloc(shard.nnodes * sizeof *shard.nodes);
    for (n = 0; n < shard.nnodes; n++)
        shard.nodes[n] = node_of(map, k, s, n);
    return shard;
}

static size_t common_prefix(const cli_pictured_keyspace_t *keyspace)
{
    size_t len = keyspace->nshards > 1 ? strlen(keyspace->shards[0].name) : 0;
    size_t s;
    size_t i;

    for (s = 1; s < keyspace->nshards; s++) {
        for (i = 0; i < len && keyspace->shards[s].name[i] == keyspace->shards[0].name[i]; i++)
            ;
        len = i;
    }
    return len;
}

static cli_pictured_keyspace_t keyspace_of(const agdb_map_t *map, size_t k)
{
    int chosen = agdb_map_default_keyspace(map);
    cli_pictured_keyspace_t keyspace = {.name = agdb_map_keyspace_name(map, k),
                                        .is_default = (int)k == chosen};
    size_t s;

    keyspace.nshards = agdb_map_shard_count(map, k);
    keyspace.shards = cli_alloc(keyspace.nshards * sizeof *keyspace.shards);
    for (s = 0; s < keyspace.nshards; s++)
        keyspace.shards[s] = shard_of(map, k, s);
    add_slots(map, k, &keyspace);
    find_order(&keyspace);
    keyspace.prefix = common_prefix(&keyspace);
    return keyspace;
}

cli_picture_t cli_picture_of(const agdb_map_t *map, const char *title)
{
    cli_picture_t picture = {
        .title = title, .epoch = agdb_map_epoch(map), .slots = agdb_map_slots(map)};
    size_t k;

    picture.nkeyspaces = agdb_map_keyspace_count(map);
    picture.keyspaces = cli_alloc(picture.nkeyspaces * sizeof *picture.keyspaces);
    for (k = 0; k < picture.nkeyspaces; k++)
        picture.keyspaces[k] = keyspace_of(map, k);
    count_places(&picture);
    add_agencies(map, &picture);
    return picture;
}

/* --- what servers say ------------------------------------------------------------------------- */
static const char *trouble_of(agdb_shard_state_t state)
{
    switch (state) {
    case AGDB_SHARD_READY:
        return "";
    case AGDB_SHARD_SPLIT:
        return "two primaries";
    case AGDB_SHARD_REFUSED:
        return "no usable node";
    case AGDB_SHARD_UNSEEN:
    case AGDB_SHARD_NO_PRIMARY:
        break;
    }
    return "no primary";
}

static const char *lag_text(int64_t lag_ms)
{
    if (lag_ms < 0)
        return "replica, lag not known";
    if (lag_ms < 10000)
        return cli_format("replica, %lld ms behind", (long long)lag_ms);
    return cli_format("replica, %lld s behind", (long long)lag_ms / 1000);
}

static void see_node(cli_pictured_node_t *node, const agdb_node_info_t *info)
{
    cli_buf_t reason = {0};

    cli_buf_shown(&reason, info->reason, strlen(info->reason));
    node->reason = reason.data;
    if (info->state == AGDB_NODE_UP && info->is_primary) {
        node->seen = CLI_SEEN_PRIMARY;
        node->status = "primary";
    } else if (info->state == AGDB_NODE_UP && info->is_replica) {
        node->seen = CLI_SEEN_REPLICA;
        node->status = lag_text(info->lag_ms);
    } else if (info->state == AGDB_NODE_UP || info->state == AGDB_NODE_REFUSED) {
        node->seen = CLI_SEEN_USELESS;
        node->status = info->state == AGDB_NODE_UP ? "not usable" : "refused";
    } else {
        node->seen = CLI_SEEN_DOWN;
        node->status = "no answer";
    }
}

void cli_picture_see(const agdb_node_info_t *info, void *user)
{
    cli_picture_t *picture = user;
    cli_pictured_shard_t *shard;
    size_t k;
    size_t n;

    for (k = 0; k < picture->nkeyspaces; k++) {
        if (strcmp(picture->keyspaces[k].name, info->keyspace) != 0)
            continue;
        shard = find_shard(&picture->keyspaces[k], info->shard);
        if (shard == NULL)
            continue;
        shard->trouble = trouble_of(info->shard_state);
        for (n = 0; n < shard->nnodes; n++) {
            if (strcmp(shard->nodes[n].name, info->node) == 0)
                see_node(&shard->nodes[n], info);
        }
    }
}
