/* Where everything in a picture stands. Pixels; pure. */
#include "cli/picture.h"

enum {
    MARGIN = 24,
    WIDE = 1152,  /* of the content at most */
    NARROW = 600, /* and at least */
    TITLE = 84,   /* height of the picture's heading */
    LEGEND = 36,  /* height of what is below the last keyspace */
    LEGEND_LINE = 20,
    HEADING = 34,  /* of a keyspace */
    BAR = 30,      /* of slots */
    BAR_FOOT = 24, /* the numbers below it, and air */
    GAP = 12,
    FRAME = 12,       /* air inside a region's frame */
    REGION_HEAD = 26, /* its name */
    CARD_WIDE = 270,
    CARD_LEAST = 236, /* in a keyspace of few shards, so that they stand in one row */
    CARD_COMPACT = 216,
    CARD_MOST = 420,
    CARD_ALONE = 640, /* of a keyspace's only shard */
    CARD_HEAD = 50,   /* name, share and slots of a shard */
    NODE = 40,
    NODE_COMPACT = 21,
    NODE_GAP = 6,
    NODE_LEAST = 176, /* width of a node when several stand side by side */
    CHIP = 19,
    CHIP_COMPACT = 16,
    CHIP_GAP = 5,
    CHIP_GAP_COMPACT = 3,
    CHIPS_HEAD = 18,
    COMPACT_FROM = 13 /* shards */
};

/* The widths that the cards of one keyspace have in common. */
typedef struct measure {
    bool compact;
    int width; /* of the content */
    int card;
} measure_t;

static int at_least(int number, int least)
{
    return number > least ? number : least;
}

static int at_most(int number, int most)
{
    return number < most ? number : most;
}

/* --- cards ------------------------------------------------------------------------------------ */
/* Nodes stand in a row as far as they fit. */
static int place_nodes(const cli_pictured_shard_t *shard, const measure_t *m, cli_card_t *card)
{
    int inner = card->box.w - 2 * CLI_CARD_PAD;
    int gap = m->compact ? 2 : NODE_GAP;
    int height = m->compact ? NODE_COMPACT : NODE;
    int columns = at_least(at_most((inner + gap) / (NODE_LEAST + gap), (int)shard->nnodes), 1);
    int width = (inner - (columns - 1) * gap) / columns;
    size_t i;

    card->nodes = cli_alloc(shard->nnodes * sizeof *card->nodes);
    for (i = 0; i < shard->nnodes; i++) {
        int column = (int)i % columns;
        int row = (int)i / columns;
        card->nodes[i] = (cli_box_t){card->box.x + CLI_CARD_PAD + column * (width + gap),
                                     card->box.y + CARD_HEAD + row * (height + gap), width, height};
    }
    return CARD_HEAD + ((int)shard->nnodes + columns - 1) / columns * (height + gap);
}

/* Chips flow like words. `top` counts from the card's; returns where they end. */
static int place_agencies(const cli_pictured_shard_t *shard, const measure_t *m, cli_card_t *card,
                          int top)
{
    int height = m->compact ? CHIP_COMPACT : CHIP;
    int gap = m->compact ? CHIP_GAP_COMPACT : CHIP_GAP;
    int left = card->box.x + CLI_CARD_PAD;
    int right = card->box.x + card->box.w - CLI_CARD_PAD;
    int y = card->box.y + top + CHIPS_HEAD;
    int x = left;
    size_t i;

    if (shard->nagencies == 0)
        return top;
    card->agencies_y = card->box.y + top + 12;
    card->agencies = cli_alloc(shard->nagencies * sizeof *card->agencies);
    for (i = 0; i < shard->nagencies; i++) {
        size_t letters = strlen(shard->agencies[i].key);
        int width = at_most((int)(letters < 256 ? letters : 256) * CLI_LETTER_11 / 10, WIDE) +
                    2 * CLI_CHIP_PAD;
        width = at_most(width, right - left);
        if (x > left && x + width > right) {
            x = left;
            y += height + gap;
        }
        card->agencies[i] = (cli_box_t){x, y, width, height};
        x += width + gap;
    }
    return y + height + NODE_GAP - card->box.y;
}

static void place_card(const cli_pictured_keyspace_t *keyspace, const measure_t *m,
                       cli_card_t *card)
{
    const cli_pictured_shard_t *shard = &keyspace->shards[card->shard];
    int height = place_nodes(shard, m, card);

    card->box.h = place_agencies(shard, m, card, height) + CLI_CARD_PAD - NODE_GAP;
}

/* --- groups ----------------------------------------------------------------------------------- */
/* The shards of one region, in the order of their names. */
typedef struct members {
    const char *region;
    size_t first; /* in the panel's cards */
    size_t count;
    int columns;
    int card;  /* width of each */
    int width; /* of all, with the frame */
} members_t;

static int frame_of(const members_t *members)
{
    return members->region != NULL ? FRAME : 0;
}

/* A group of several rows fills the width, and its rows are as long as each other. */
static void arrange(members_t *members, const measure_t *m)
{
    int inner = m->width - 2 * frame_of(members);
    int fit = at_least((inner + GAP) / (m->card + GAP), 1);
    int count = (int)members->count;
    int rows = (count + fit - 1) / fit;

    members->columns = (count + rows - 1) / rows;
    members->card = rows == 1 ? m->card : (inner + GAP) / members->columns - GAP;
    members->width = 2 * frame_of(members) + members->columns * (members->card + GAP) - GAP;
}

/* The cards of a row are as high as the highest. */
static void level_row(cli_panel_t *panel, size_t first, size_t end)
{
    int height = 0;
    size_t i;

    for (i = first; i < end; i++)
        height = at_least(panel->cards[i].box.h, height);
    for (i = first; i < end; i++)
        panel->cards[i].box.h = height;
}

static cli_group_t place_group(const cli_pictured_keyspace_t *keyspace, const measure_t *m,
                               const members_t *members, cli_panel_t *panel, cli_box_t at)
{
    size_t columns = (size_t)members->columns;
    int frame = frame_of(members);
    int y = at.y + (frame > 0 ? REGION_HEAD : 0);
    size_t i;

    for (i = 0; i < members->count; i++) {
        cli_card_t *card = &panel->cards[members->first + i];
        card->box.x = at.x + frame + (int)(i % columns) * (members->card + GAP);
        card->box.y = y;
        card->box.w = members->card;
        place_card(keyspace, m, card);
        if (i % columns == columns - 1 || i + 1 == members->count) {
            level_row(panel, members->first + i - i % columns, members->first + i + 1);
            y += card->box.h + GAP;
        }
    }
    return (cli_group_t){members->region,
                         members->first,
                         members->count,
                         {at.x, at.y, members->width, y - GAP + frame - at.y}};
}

/* Regions stand in the order in which the shards bring them. */
static members_t *find_members(const cli_pictured_keyspace_t *keyspace, cli_panel_t *panel,
                               size_t *ret_count)
{
    members_t *members = cli_alloc((keyspace->nshards + 1) * sizeof *members);
    bool regions = false;
    size_t s;
    size_t g;

    *ret_count = 0;
    for (s = 0; s < keyspace->nshards; s++)
        regions = regions || keyspace->shards[s].region[0] != '\0';
    for (s = 0; s < keyspace->nshards; s++) {
        const char *region = regions ? keyspace->shards[keyspace->order[s]].region : NULL;
        for (g = 0; g < *ret_count; g++) {
            if (region == NULL || strcmp(members[g].region, region) == 0)
                break;
        }
        if (g == *ret_count)
            members[(*ret_count)++].region = region;
        members[g].count++;
    }
    for (g = 0; g < *ret_count; g++) {
        members[g].first = panel->ncards;
        for (s = 0; s < keyspace->nshards; s++) {
            size_t shard = keyspace->order[s];
            if (!regions || strcmp(members[g].region, keyspace->shards[shard].region) == 0)
                panel->cards[panel->ncards++].shard = shard;
        }
    }
    return members;
}

/* --- panels ----------------------------------------------------------------------------------- */
/* The groups that stand side by side have one height. */
static int level_groups(cli_panel_t *panel, size_t first)
{
    int height = 0;
    size_t g;

    for (g = first; g < panel->ngroups; g++)
        height = at_least(panel->groups[g].box.h, height);
    for (g = first; g < panel->ngroups; g++)
        panel->groups[g].box.h = height;
    return height;
}

static int place_groups(const cli_pictured_keyspace_t *keyspace, const measure_t *m,
                        cli_panel_t *panel, int y)
{
    size_t count;
    members_t *members = find_members(keyspace, panel, &count);
    size_t row = 0; /* its first group */
    int x = MARGIN;
    size_t g;

    panel->groups = cli_alloc(count * sizeof *panel->groups);
    for (g = 0; g < count; g++) {
        arrange(&members[g], m);
        if (x > MARGIN && x + members[g].width > MARGIN + m->width) {
            y += level_groups(panel, row) + GAP;
            row = g;
            x = MARGIN;
        }
        panel->groups[panel->ngroups++] =
            place_group(keyspace, m, &members[g], panel, (cli_box_t){x, y, 0, 0});
        x += members[g].width + GAP;
    }
    return y + level_groups(panel, row);
}

static void place_panel(const cli_pictured_keyspace_t *keyspace, const measure_t *m, int y,
                        cli_panel_t *panel)
{
    int top = y + HEADING;

    panel->compact = m->compact;
    panel->cards = cli_alloc(keyspace->nshards * sizeof *panel->cards);
    if (keyspace->nshards > 1) {
        panel->bar = (cli_box_t){MARGIN, top, m->width, BAR};
        top += BAR + BAR_FOOT;
    }
    panel->box = (cli_box_t){MARGIN, y, m->width, 0};
    panel->box.h = place_groups(keyspace, m, panel, top) - y;
}

/* --- widths ----------------------------------------------------------------------------------- */
static size_t count_regions(const cli_pictured_keyspace_t *keyspace)
{
    cli_panel_t panel = {.cards = cli_alloc(keyspace->nshards * sizeof *panel.cards)};
    size_t count;
    const members_t *members = find_members(keyspace, &panel, &count);

    return count > 0 && members[0].region != NULL ? count : 0;
}

/* What the shards of a keyspace take beside their cards, in one row. */
static int row_air(const cli_pictured_keyspace_t *keyspace)
{
    return (int)count_regions(keyspace) * 2 * FRAME + (int)(keyspace->nshards - 1) * GAP;
}

static bool fits_row(const cli_pictured_keyspace_t *keyspace)
{
    return keyspace->nshards <= WIDE / CARD_LEAST &&
           (int)keyspace->nshards * CARD_LEAST + row_air(keyspace) <= WIDE;
}

static int content_width(const cli_picture_t *picture)
{
    int width = NARROW;
    size_t k;

    for (k = 0; k < picture->nkeyspaces; k++) {
        const cli_pictured_keyspace_t *keyspace = &picture->keyspaces[k];
        int wanted =
            fits_row(keyspace) ? (int)keyspace->nshards * CARD_WIDE + row_air(keyspace) : WIDE;
        width = at_least(at_most(wanted, WIDE), width);
    }
    return width;
}

/* Cards that fit into one row fill it. */
static measure_t measure(const cli_pictured_keyspace_t *keyspace, int width)
{
    measure_t m = {.compact = keyspace->nshards >= COMPACT_FROM, .width = width};
    int count = (int)keyspace->nshards;

    if (fits_row(keyspace)) {
        m.card = (width - row_air(keyspace)) / count;
        m.card =
            at_most(m.card, count > 1 || keyspace->shards[0].nnodes <= 1 ? CARD_MOST : CARD_ALONE);
    } else {
        m.card = m.compact ? CARD_COMPACT : CARD_WIDE;
    }
    return m;
}

cli_layout_t cli_picture_layout(const cli_picture_t *picture)
{
    cli_layout_t layout = {0};
    int width = content_width(picture);
    int y = TITLE;
    size_t k;

    layout.width = width + 2 * MARGIN;
    layout.panels = cli_alloc(picture->nkeyspaces * sizeof *layout.panels);
    for (k = 0; k < picture->nkeyspaces; k++) {
        measure_t m = measure(&picture->keyspaces[k], width);
        place_panel(&picture->keyspaces[k], &m, y, &layout.panels[k]);
        y += layout.panels[k].box.h + MARGIN;
    }
    layout.legend_y = y;
    layout.height = y + LEGEND + (picture->pinned + picture->frozen > 0 ? LEGEND_LINE : 0);
    return layout;
}
