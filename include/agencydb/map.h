/* The shard map by itself, for tools and for services that only route. Loading needs no server.
 * The format is described in shardmap/README.md. */
#ifndef AGENCYDB_MAP_H
#define AGENCYDB_MAP_H

#include "agencydb/base.h"
#include "agencydb/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A valid shard map. Immutable. @threads frozen */
typedef struct agdb_map agdb_map_t;

/* What is wrong with a map, all of it. @threads frozen */
typedef struct agdb_diagnostics agdb_diagnostics_t;

/* One remark about a map. */
typedef struct agdb_diagnostic {
    const char *file; /* as given to the loader */
    unsigned line;    /* from 1 */
    unsigned column;  /* from 1 */
    bool is_error;    /* else a warning */
    const char *text; /* one line: what is wrong, and what would be right */
} agdb_diagnostic_t;

/* Loads a map from a file.
 * @param path      the file; links are followed
 * @param ret       set on success; free with agdb_map_free
 * @param ret_diag  may be NULL; set whenever there are remarks, also on success (warnings); free
 *                  with agdb_diagnostics_free
 * @param reterr    may be NULL; one child per error in the map
 * @return AGDB_OK, AGDB_E_MAP_INVALID, AGDB_E_NOMEM
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_map_load(const char *path, agdb_map_t **ret,
                                                  agdb_diagnostics_t **ret_diag,
                                                  agdb_error_t **reterr);

/* Loads a map from memory. Relative paths inside it count from the working directory.
 * @param text      borrowed
 * @param len       bytes
 * @param name      what diagnostics call it, such as "inline"
 * @param ret       set on success; free with agdb_map_free
 * @param ret_diag  as for agdb_map_load
 * @param reterr    as for agdb_map_load
 * @return AGDB_OK, AGDB_E_MAP_INVALID, AGDB_E_NOMEM
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_map_parse(const char *text, size_t len, const char *name,
                                                   agdb_map_t **ret, agdb_diagnostics_t **ret_diag,
                                                   agdb_error_t **reterr);

/* @param map  NULL is fine
 * @threads any */
AGDB_API void agdb_map_free(agdb_map_t *map);

/* @param diag  may be NULL
 * @return how many remarks
 * @threads any */
AGDB_API size_t agdb_diagnostics_count(const agdb_diagnostics_t *diag);

/* @param diag   may be NULL
 * @param index  from 0, in the order of the file
 * @return borrowed; NULL past the end
 * @threads any */
AGDB_API const agdb_diagnostic_t *agdb_diagnostics_at(const agdb_diagnostics_t *diag, size_t index);

/* @param diag  NULL is fine
 * @threads any */
AGDB_API void agdb_diagnostics_free(agdb_diagnostics_t *diag);

/* Where a key lives. Texts are borrowed from the map (from the client for agdb_route). */
typedef struct agdb_route_info {
    size_t struct_size; /* set it to sizeof(agdb_route_info_t) */
    uint64_t hash;      /* XXH3, 64 bits, seed 0, of the key */
    uint32_t slot;      /* hash mod slots */
    bool pinned;        /* by a line in the map, not by its slot */
    bool frozen;        /* writes are refused */
    const char *keyspace;
    const char *shard;
} agdb_route_info_t;

/* Routes a key. No I/O, no allocation, no lock.
 * @param map       the map
 * @param keyspace  NULL: the default one
 * @param key       1 to AGDB_KEY_MAX bytes
 * @param ret       struct_size set by the caller; filled on success
 * @param reterr    may be NULL
 * @return AGDB_OK, AGDB_E_INVAL (bad key, unknown keyspace), AGDB_E_NO_TARGET (no default)
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_map_route(const agdb_map_t *map, const char *keyspace,
                                                   agdb_bytes_t key, agdb_route_info_t *ret,
                                                   agdb_error_t **reterr);

/* @param map  the map
 * @return its epoch
 * @threads any */
AGDB_API uint64_t agdb_map_epoch(const agdb_map_t *map);

/* @param map  the map
 * @return number of slots
 * @threads any */
AGDB_API uint32_t agdb_map_slots(const agdb_map_t *map);

/* @param map  the map
 * @return number of keyspaces, which stand in the order of their names' bytes
 * @threads any */
AGDB_API size_t agdb_map_keyspace_count(const agdb_map_t *map);

/* @param map       the map
 * @param keyspace  from 0
 * @return borrowed: its name; NULL past the end
 * @threads any */
AGDB_API const char *agdb_map_keyspace_name(const agdb_map_t *map, size_t keyspace);

/* @param map  the map
 * @return index of the default keyspace, or -1 when the map names none
 * @threads any */
AGDB_API int agdb_map_default_keyspace(const agdb_map_t *map);

/* @param map       the map
 * @param keyspace  from 0
 * @return number of its shards, which stand in the order of their names' bytes
 * @threads any */
AGDB_API size_t agdb_map_shard_count(const agdb_map_t *map, size_t keyspace);

/* @param map       the map
 * @param keyspace  from 0
 * @param shard     from 0
 * @return borrowed: its name; NULL past the end
 * @threads any */
AGDB_API const char *agdb_map_shard_name(const agdb_map_t *map, size_t keyspace, size_t shard);

/* @param map       the map
 * @param keyspace  from 0
 * @param shard     from 0
 * @return borrowed: its region, "" when the map names none; NULL past the end
 * @threads any */
AGDB_API const char *agdb_map_shard_region(const agdb_map_t *map, size_t keyspace, size_t shard);

/* @param map       the map
 * @param keyspace  from 0
 * @param slot      from 0
 * @return the number of the shard that owns it; -1 past the end
 * @threads any */
AGDB_API int agdb_map_slot_owner(const agdb_map_t *map, size_t keyspace, uint32_t slot);

/* @param map  the map
 * @return number of agencies that it names, because they are pinned or frozen; they stand in the
 *         order of their keys' bytes
 * @threads any */
AGDB_API size_t agdb_map_agency_count(const agdb_map_t *map);

/* The key of an agency that the map names; agdb_map_route tells where it is pinned, and whether it
 * is frozen.
 * @param map     the map
 * @param agency  from 0
 * @param ret     filled when there is such an agency; the bytes are borrowed from the map
 * @return whether there is one
 * @threads any */
AGDB_API bool agdb_map_agency_key(const agdb_map_t *map, size_t agency, agdb_bytes_t *ret);

/* @param map       the map
 * @param keyspace  from 0
 * @param shard     from 0
 * @return number of its nodes; 0 past the end
 * @threads any */
AGDB_API size_t agdb_map_node_count(const agdb_map_t *map, size_t keyspace, size_t shard);

/* A node's setting after defaults, keyspace, shard and node are merged, as text: "host", "port",
 * "name", "zone", "state", "reads", "via" (of its keyspace), or a name of the settings table such
 * as "pool.max", "connection.user". Durations are in milliseconds.
 * @param map       the map
 * @param keyspace  from 0
 * @param shard     from 0
 * @param node      from 0
 * @param name      of the setting
 * @param buf       where to
 * @param size      room in buf
 * @return length of the text without its NUL (cut when it is >= size, as snprintf does); -1 when
 *         there is no such node or setting; 0 for a setting without a value
 * @threads any */
AGDB_API int agdb_map_node_setting(const agdb_map_t *map, size_t keyspace, size_t shard,
                                   size_t node, const char *name, char *buf, size_t size);

/* Takes text piece by piece. */
typedef void (*agdb_text_fn)(const char *text, size_t len, void *user);

/* How agdb_map_write writes. */
typedef enum agdb_map_format {
    AGDB_MAP_YAML = 0, /* with every default filled in; loads again to the same map */
    AGDB_MAP_JSON = 1
} agdb_map_format_t;

/* A setting of a node that is about to be written. */
typedef struct agdb_map_setting {
    size_t keyspace; /* numbers as in agdb_map_node_setting */
    size_t shard;
    size_t node;
    const char *name;  /* "host", "port", "name", or a setting that is a text, "connection.user" */
    const char *value; /* NULL: not set; also the name that is made from host and port */
} agdb_map_setting_t;

/* Asked once for each setting of each node, set or not, in the order of the numbers.
 * @param setting  borrowed until it returns
 * @param user     as given to agdb_map_write
 * @return what to write: setting->value, or another text, which is borrowed until the next call;
 *         NULL leaves the setting out, so that its default holds */
typedef const char *(*agdb_map_rewrite_fn)(const agdb_map_setting_t *setting, void *user);

/* Writes the map as the library understands it, with every default. Passwords never appear: a map
 * holds none.
 * @param map      the map
 * @param format   which
 * @param rewrite  NULL: the map as it is; else it may give nodes other settings, to make a map for
 *                 another place. The result is not checked: load it to know that it is valid
 * @param write    gets the text
 * @param user     for rewrite and write
 * @param reterr   may be NULL
 * @return AGDB_OK, AGDB_E_NOMEM, AGDB_E_INVAL (also: rewrite left out a host, or gave a port that
 *         is no number from 1 to 65535)
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_map_write(const agdb_map_t *map, agdb_map_format_t format,
                                                   agdb_map_rewrite_fn rewrite, agdb_text_fn write,
                                                   void *user, agdb_error_t **reterr);

/* Whether `next` may replace `current` in a running client: its epoch, content, hash, slots, and
 * owners of slots and pins. One child per reason.
 * @param current  in use
 * @param next     to come
 * @param reterr   may be NULL
 * @return AGDB_OK, AGDB_E_MAP_STALE, AGDB_E_NOMEM
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_map_may_replace(const agdb_map_t *current,
                                                         const agdb_map_t *next,
                                                         agdb_error_t **reterr);

/* Writes what differs between two maps, for people or as JSON: keyspaces, shards, nodes, settings,
 * slots and pins that change owner, and the `moved_since` line that such a change needs.
 * @param current  the old one
 * @param next     the new one
 * @param json     as one JSON object
 * @param write    gets the text; nothing when the maps are the same (JSON: an empty object)
 * @param user     for write
 * @param reterr   may be NULL
 * @return AGDB_OK, AGDB_E_NOMEM
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_map_diff(const agdb_map_t *current, const agdb_map_t *next,
                                                  bool json, agdb_text_fn write, void *user,
                                                  agdb_error_t **reterr);

/* What agdb_map_edit can do to a map, and which members of agdb_map_edit_t say how. Every edit
 * reads `keyspace`, except for BUMP, FREEZE and THAW: all of an agency is frozen. Texts go into the
 * map as they are, so that a host may be `${NAME}`. */
typedef enum agdb_map_edit_kind {
    AGDB_EDIT_BUMP = 1,       /* raises the epoch, as all the others do, too */
    AGDB_EDIT_ADD_SHARD = 2,  /* `shard`, `nodes`; maybe `region`, `slots` (default: none) */
    AGDB_EDIT_ADD_NODE = 3,   /* one of `nodes` to `shard`; maybe `name`, `zone`, `state` */
    AGDB_EDIT_PIN = 4,        /* `key` to `shard`; maybe `thaw` */
    AGDB_EDIT_UNPIN = 5,      /* `key` */
    AGDB_EDIT_NODE_STATE = 6, /* `node` gets `state`; `keyspace` and `shard` narrow the search */
    AGDB_EDIT_SPLIT = 7,      /* a part of the slots of `shard` go to `into`: `share` of `share_of`.
                               * With `nodes` that shard is added, maybe in a `region` */
    AGDB_EDIT_FREEZE = 8,     /* writes of `key`, or of all `keys`, are refused */
    AGDB_EDIT_THAW = 9        /* writes of `key`, or of all `keys`, are refused no more */
} agdb_map_edit_kind_t;

/* One edit. Members that its kind does not name are ignored. */
typedef struct agdb_map_edit {
    size_t struct_size; /* set it to sizeof(agdb_map_edit_t) */
    agdb_map_edit_kind_t kind;
    bool moved;           /* also writes `moved_since: <epoch of the text>`: the rows were moved */
    bool every;           /* NODE_STATE: all nodes that `node` means, and not exactly one */
    const char *keyspace; /* NULL: the default one; NODE_STATE: any */
    const char *shard;
    const char *into;
    const char *region;
    const char *slots;        /* "0-1023, 2048": taken from the shards that own them */
    const char *const *nodes; /* each HOST or HOST:PORT */
    size_t nnodes;
    const char *node; /* its name, else HOST:PORT, else HOST */
    const char *name;
    const char *zone;
    const char *state; /* "active", "no-reads" or "out" */
    agdb_bytes_t key;
    uint32_t share; /* of share_of parts; both 0: the half */
    uint32_t share_of;
    const agdb_bytes_t *keys; /* FREEZE, THAW: several agencies in one edit, in place of `key` */
    size_t nkeys;
    bool thaw; /* PIN: ends the hold of the agency's writes in the same edit */
} agdb_map_edit_t;

/* Edits the text of a map where it stands: what the edit does not concern stays as it is, byte for
 * byte, with its comments, order, quotes and line ends. What is added takes its form, block or
 * flow, from what stands beside it. A line that is removed takes the comment behind it along. An
 * agency of which nothing is said any more goes, and with the last one their section, unless it has
 * comments. The epoch is raised, and a text without one gets the line.
 *
 * The result is not checked: load it to know that it is valid (a shard may be on one server twice),
 * and ask agdb_map_may_replace, which refuses moves of slots and agencies without `moved`.
 * @param text      a valid map; borrowed
 * @param len       bytes
 * @param name      what diagnostics call it; NULL: "map"
 * @param edit      struct_size set by the caller
 * @param write     gets the whole new text, at once; the same text when there is nothing to do
 * @param user      for write
 * @param ret_diag  as for agdb_map_load
 * @param reterr    may be NULL
 * @return AGDB_OK, AGDB_E_MAP_INVALID (the text is not valid as it is), AGDB_E_INVAL (something
 *         that the edit names is not there, is there already, or is not possible),
 * AGDB_E_UNSUPPORTED (the place is written in a form that cannot be edited, such as a variable),
 * AGDB_E_NOMEM
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_map_edit(const char *text, size_t len, const char *name,
                                                  const agdb_map_edit_t *edit, agdb_text_fn write,
                                                  void *user, agdb_diagnostics_t **ret_diag,
                                                  agdb_error_t **reterr);

#ifdef __cplusplus
}
#endif
#endif
