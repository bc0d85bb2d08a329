/* The map that a cluster with free ports is used with: the resolved map, as a tree, with other
 * ports, names and password files. */
#include "cli/cluster.h"
#include "cli/doc.h"
#include "cli/message.h"

static cli_doc_t *find_node(const cli_doc_t *map, const cli_place_t *place)
{
    const cli_doc_t *keyspace = cli_doc_get(cli_doc_get(map, "keyspaces"), place->keyspace_name);
    const cli_doc_t *shard = cli_doc_get(cli_doc_get(keyspace, "shards"), place->shard_name);

    return cli_doc_at(cli_doc_get(shard, "nodes"), place->node);
}

/* A dollar sign would start a variable. */
static char *map_text(const char *text)
{
    cli_buf_t out = {0};

    cli_buf_add(&out, "", 0);
    for (; *text != '\0'; text++) {
        if (*text == '$')
            cli_buf_text(&out, "$");
        cli_buf_add(&out, text, 1);
    }
    return out.data;
}

/* The writer puts what all nodes share into `defaults`: a source of passwords there would be a
 * second one. */
static void edit_defaults(cli_doc_t *map, const cli_cluster_t *cluster)
{
    cli_doc_t *connection = cli_doc_get(cli_doc_get(map, "defaults"), "connection");

    if (connection != NULL && cluster->nplaces > 0 && cluster->places[0].password_file != NULL) {
        cli_doc_remove(connection, "passfile");
        cli_doc_remove(connection, "password_file");
    }
}

static void edit_node(cli_doc_t *node, const cli_cluster_t *cluster, const cli_place_t *place)
{
    const cli_server_t *server = &cluster->servers[place->server];
    cli_doc_t *connection;

    cli_doc_set(node, "port", CLI_DOC_WORD, cli_format("%u", server->port));
    if (cli_doc_get(node, "name") != NULL)
        cli_doc_set(node, "name", CLI_DOC_TEXT, map_text(place->node_name));
    if (place->password_file == NULL)
        return;
    connection = cli_doc_object(node, "connection");
    cli_doc_remove(connection, "password_env");
    cli_doc_remove(connection, "passfile");
    cli_doc_set(connection, "password_file", CLI_DOC_TEXT, map_text(place->password_file));
}

char *cli_edit_map(const agdb_map_t *map, const cli_cluster_t *cluster)
{
    cli_buf_t json = {0};
    cli_buf_t yaml = {0};
    agdb_error_t *err = NULL;
    cli_doc_t *doc;
    size_t i;

    if (agdb_map_write(map, AGDB_MAP_JSON, cli_buf_take, &json, &err) != AGDB_OK) {
        cli_report(err);
        return NULL;
    }
    doc = cli_doc_read(json.data);
    if (doc != NULL)
        edit_defaults(doc, cluster);
    for (i = 0; i < cluster->nplaces && doc != NULL; i++) {
        cli_doc_t *node = find_node(doc, &cluster->places[i]);
        if (node == NULL)
            break;
        edit_node(node, cluster, &cluster->places[i]);
    }
    if (doc == NULL || i < cluster->nplaces) {
        cli_error("the resolved map cannot be edited");
        return NULL;
    }
    cli_buf_format(&yaml, "# Written by agencydb up --free-ports from %s\n", cluster->map_path);
    cli_doc_write(doc, &yaml);
    return yaml.data;
}
