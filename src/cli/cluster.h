/* A throwaway cluster for the loopback nodes of a map: what is to be booted (up_plan.c) with which
 * programs (programs.c), how one server is made, started and stopped (server.c), all of them at
 * once (boot.c), the map that it is used with (usemap.c), and what is kept of it in its folder
 * (state.c). */
#ifndef AGDB_CLI_CLUSTER_H
#define AGDB_CLI_CLUSTER_H

#include "cli/files.h"

#define CLI_ADMIN       "agencydb_admin"
#define CLI_REPLICATION "agencydb_replication"

/* One PostgreSQL server. Nodes of several keyspaces with one host:port share it. */
typedef struct cli_server {
    const char *host; /* loopback, or a socket folder inside the cluster's folder */
    unsigned map_port;
    unsigned port; /* differs from map_port with --free-ports */
    bool replica;
    size_t primary;     /* whom it follows; itself when it is a primary */
    const char *label;  /* of its first node, for messages */
    const char *folder; /* its own: data, log, secrets */
    const char *data;
    const char *log;
    const char *socket; /* private folder of its Unix socket */
    pid_t pid;          /* 0: not started */
} cli_server_t;

/* One node of the map. */
typedef struct cli_place {
    size_t keyspace; /* numbers in the map */
    size_t shard;
    size_t node;
    const char *keyspace_name;
    const char *shard_name;
    const char *node_name; /* with the port that it has in the cluster */
    size_t server;
    const char *password_file; /* what the resolved map says; NULL: as before */
} cli_place_t;

/* A role that a primary gets, or a database with its owner. */
typedef struct cli_role {
    size_t server;
    const char *user;
    const char *password;
} cli_role_t;

typedef struct cli_database {
    size_t server;
    const char *name;
    const char *owner;
} cli_database_t;

typedef struct cli_cluster {
    const char *dir;
    const char *map_path; /* absolute, as given to `up` */
    const char *use_path; /* the map for clients */
    const char *sockets;  /* folder of the socket folders */
    const char *bindir;
    cli_user_t user;
    bool free_ports;
    bool durable;
    cli_server_t *servers;
    size_t nservers;
    cli_place_t *places;
    size_t nplaces;
    cli_role_t *roles;
    size_t nroles;
    cli_database_t *databases;
    size_t ndatabases;
    const char *admin_password;
    const char *replication_password;
} cli_cluster_t;

/* --- programs.c --- */
/* The folder of PostgreSQL's programs; `given` NULL: pg_config's, or the newest. NULL: an error was
 * said. */
const char *cli_find_bindir(const char *given);

/* --- up_plan.c --- Every function that returns false has said why. */
/* Servers and places. */
bool cli_plan_servers(cli_cluster_t *cluster, const agdb_map_t *map);
/* A port for each server: free ones, or the map's when nobody has them. */
bool cli_plan_ports(cli_cluster_t *cluster);
/* Roles and databases; reads and generates passwords. The cluster's folder must exist. */
bool cli_plan_logins(cli_cluster_t *cluster, const agdb_map_t *map);

/* --- server.c --- Every function that returns false has said why, unless it was interrupted. */
bool cli_make_primary(const cli_cluster_t *cluster, size_t server);
bool cli_make_replica(const cli_cluster_t *cluster, size_t server);
/* Starts a server whose data is there and waits until it takes connections. */
bool cli_start_server(const cli_cluster_t *cluster, size_t server);
/* The running postmaster of a data folder; 0: there is none. */
pid_t cli_server_pid(const char *data);
/* Ends the servers of these data folders, also those that hang, and what a killed one left behind.
 * `clean`: with a checkpoint, for data that is kept. Returns how many were running. */
size_t cli_stop_servers(const char *const *data, size_t count, bool clean);

/* --- boot.c --- */
/* Makes and starts all servers, those of different primaries at the same time. */
bool cli_boot(cli_cluster_t *cluster);
/* Starts the servers that do not run (pid is 0); their data is there. */
bool cli_boot_again(cli_cluster_t *cluster);

/* --- state.c --- */
typedef enum cli_found {
    CLI_FOUND_NOTHING, /* no folder, or an empty one */
    CLI_FOUND_FOREIGN, /* a folder that `up` did not make */
    CLI_FOUND_CLUSTER
} cli_found_t;

/* The folder that `up` uses for a map when it is not told one. */
char *cli_default_dir(const char *map_path);
cli_found_t cli_find_cluster(const char *dir);
/* Takes the folder for this process; other `up` and `down` are refused until it ends. */
bool cli_lock_cluster(const char *dir);
/* The folder with its marker. `source`: the resolved map, to know it again. */
bool cli_create_state(cli_cluster_t *cluster, const char *source);
/* What is kept of the cluster in a folder. */
typedef struct cli_kept {
    const char *map_path;
    const char *source;
    const char *sockets;
    bool free_ports;
} cli_kept_t;

/* False when the folder was never completed. */
bool cli_read_state(const char *dir, cli_kept_t *ret);
/* Completes the plan of a cluster that is kept: its ports, names, sockets and processes. False when
 * the folder was never completed. */
bool cli_take_state(cli_cluster_t *cluster, const cli_kept_t *kept);
bool cli_write_nodes(const cli_cluster_t *cluster);

/* What is told of a place: a line of nodes.tsv, and a node of `up --json`. */
enum { CLI_NODE_PORT = 5, CLI_NODE_DATA = 6, CLI_NODE_PID = 7, CLI_NODE_FIELDS = 9 };
extern const char *const cli_node_names[CLI_NODE_FIELDS];
void cli_node_texts(const cli_cluster_t *cluster, const cli_place_t *place,
                    const char *ret[CLI_NODE_FIELDS]);
/* Every data folder inside, whether or not it was completed. */
const char **cli_data_folders(const char *dir, size_t *ret_count);
bool cli_remove_cluster(const char *dir);

/* --- usemap.c --- */
/* Writes use_path: the map with the cluster's ports and password files. Places get the names that
 * their nodes have there. False: an error was said. */
bool cli_write_use_map(cli_cluster_t *cluster, const agdb_map_t *map);

#endif
