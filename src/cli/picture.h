/* A picture of a map: what it shows (picture_facts.c), where that stands (picture_layout.c, pure),
 * and the SVG (picture_svg.c, pure). */
#ifndef AGDB_CLI_PICTURE_H
#define AGDB_CLI_PICTURE_H

#include "cli/text.h"

/* What is known of a node from asking it. */
typedef enum cli_seen {
    CLI_SEEN_NOT = 0, /* nobody was asked */
    CLI_SEEN_PRIMARY,
    CLI_SEEN_REPLICA,
    CLI_SEEN_USELESS, /* answers, and is neither, or may not be used */
    CLI_SEEN_DOWN     /* does not answer */
} cli_seen_t;

typedef struct cli_pictured_node {
    const char *name;
    const char *address; /* host:port, or a socket folder */
    const char *zone;    /* "" */
    const char *state;   /* "out of service", ... as the map says; "" */
    cli_seen_t seen;
    const char *status; /* "replica, 120 ms behind"; "" when nobody was asked */
    const char *reason; /* why it is of no use; "" */
} cli_pictured_node_t;

/* An agency that the map names. */
typedef struct cli_pictured_agency {
    const char *key; /* for people */
    bool pinned;
    bool frozen;
} cli_pictured_agency_t;

typedef struct cli_pictured_shard {
    const char *name;
    const char *region;  /* "" */
    const char *trouble; /* "no primary"; "" */
    uint32_t slots;      /* how many it owns */
    size_t rank;         /* its place in the keyspace's order */
    cli_buf_t ranges;    /* "0-1023, 2048" */
    cli_pictured_node_t *nodes;
    size_t nnodes;
    cli_pictured_agency_t *agencies;
    size_t nagencies;
} cli_pictured_shard_t;

typedef struct cli_slot_run {
    uint32_t first;
    uint32_t last;
    size_t shard;
} cli_slot_run_t;

typedef struct cli_pictured_keyspace {
    const char *name;
    bool is_default; /* of several */
    cli_pictured_shard_t *shards;
    size_t nshards;
    size_t prefix; /* letters that the names of all shards begin with */
    size_t *order; /* shards by their first slot, as the bar shows them; those without slots last */
    cli_slot_run_t *runs; /* ascending; they cover all slots */
    size_t nruns;
} cli_pictured_keyspace_t;

typedef struct cli_picture {
    const char *title;
    uint64_t epoch;
    uint32_t slots;
    const char *seen_at; /* when the servers were asked, for people; NULL: they were not */
    size_t servers;      /* hosts with their ports: keyspaces may share them */
    size_t regions;
    size_t pinned;
    size_t frozen;
    cli_pictured_keyspace_t *keyspaces;
    size_t nkeyspaces;
} cli_picture_t;

/* --- picture_facts.c --- */
cli_picture_t cli_picture_of(const agdb_map_t *map, const char *title);
/* Adds what is known of one node. An agdb_node_fn whose user is a cli_picture_t. */
void cli_picture_see(const agdb_node_info_t *node, void *user);

/* --- picture_layout.c --- */
typedef struct cli_box {
    int x;
    int y;
    int w;
    int h;
} cli_box_t;

/* Places of one shard's card and what is in it. */
typedef struct cli_card {
    size_t shard;
    cli_box_t box;
    cli_box_t *nodes;
    int agencies_y; /* baseline of their heading; 0: there are none */
    cli_box_t *agencies;
} cli_card_t;

typedef struct cli_group {
    const char *region; /* NULL: the keyspace has no regions, and no frame is drawn */
    size_t first;       /* its cards */
    size_t count;
    cli_box_t box;
} cli_group_t;

typedef struct cli_panel {
    cli_box_t box;
    cli_box_t bar; /* of slots; h is 0 for a single shard */
    bool compact;  /* many shards: a line for each node */
    cli_group_t *groups;
    size_t ngroups;
    cli_card_t *cards; /* group after group */
    size_t ncards;
} cli_panel_t;

typedef struct cli_layout {
    int width;
    int height;
    int legend_y;
    cli_panel_t *panels; /* one for each keyspace */
} cli_layout_t;

enum {
    CLI_LETTER_11 = 67, /* tenths of a pixel that a monospaced letter of 11 pixels takes */
    CLI_LETTER_12 = 73,
    CLI_CARD_PAD = 14,
    CLI_CHIP_PAD = 7
};

cli_layout_t cli_picture_layout(const cli_picture_t *picture);

/* --- picture_svg.c --- */
void cli_picture_svg(const cli_picture_t *picture, const cli_layout_t *layout, cli_buf_t *out);

#endif
