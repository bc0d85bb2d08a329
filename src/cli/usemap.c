/* The map that clients of a cluster with free ports use: the cluster's own, with other ports, names
 * and password files. */
#include "cli/cluster.h"
#include "cli/message.h"

#include <errno.h>

typedef struct use_map {
    const cli_cluster_t *cluster;
    cli_buf_t text;
} use_map_t;

static const cli_place_t *find_place(const cli_cluster_t *cluster, const agdb_map_setting_t *at)
{
    const cli_place_t *place = cluster->places;

    while (place->keyspace != at->keyspace || place->shard != at->shard || place->node != at->node)
        place++;
    return place;
}

static const char *rewrite(const agdb_map_setting_t *setting, void *user)
{
    const cli_cluster_t *cluster = ((const use_map_t *)user)->cluster;
    const cli_place_t *place = find_place(cluster, setting);

    if (strcmp(setting->name, "port") == 0)
        return cli_format("%u", cluster->servers[place->server].port);
    if (place->password_file == NULL)
        return setting->value;
    if (strcmp(setting->name, "connection.password_file") == 0)
        return place->password_file;
    /* one source of the password, not two */
    if (strcmp(setting->name, "connection.passfile") == 0)
        return NULL;
    return setting->value;
}

static void take(const char *text, size_t len, void *user)
{
    cli_buf_add(&((use_map_t *)user)->text, text, len);
}

/* It is loaded once, so that a mistake shows here and not in a program. */
static bool take_names(cli_cluster_t *cluster)
{
    agdb_map_t *map = cli_load_map(cluster->use_path);
    size_t i;

    for (i = 0; i < cluster->nplaces && map != NULL; i++) {
        cli_place_t *place = &cluster->places[i];
        place->node_name =
            cli_node_setting(map, place->keyspace, place->shard, place->node, "name");
    }
    agdb_map_free(map);
    return map != NULL;
}

bool cli_write_use_map(cli_cluster_t *cluster, const agdb_map_t *map)
{
    use_map_t use = {.cluster = cluster};
    agdb_error_t *err = NULL;

    cli_buf_format(&use.text, "# Written by agencydb up --free-ports from %s\n", cluster->map_path);
    if (agdb_map_write(map, AGDB_MAP_YAML, rewrite, take, &use, &err) != AGDB_OK) {
        cli_report(err);
        agdb_error_clear(&err);
        return false;
    }
    if (!cli_write_file(cluster->use_path, 0644, use.text.data, use.text.len)) {
        cli_error("cannot write %s: %s", cluster->use_path, strerror(errno));
        return false;
    }
    return take_names(cluster);
}
