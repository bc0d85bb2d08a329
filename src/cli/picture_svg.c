/* A picture as SVG: colours, letters and shapes at the places that the layout gives. It brings its
 * own background and names only fonts that are there everywhere. */
#include "cli/picture.h"
#include "cli/svg.h"

/* Dark enough for white letters, and apart from each other also for those who see few colours:
 * neighbours differ in lightness. */
static const char *const k_colours[] = {"#1d5fa8", "#b4531c", "#1f7a57", "#7b3f9e", "#8f6a10",
                                        "#0f7f93", "#a8304f", "#4a4fb5", "#5d7a1f", "#56616e"};
enum { COLOURS = sizeof k_colours / sizeof k_colours[0] };

static const char k_style[] =
    "<style>\n"
    "text { font-family: 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans',"
    " sans-serif; font-size: 12px; fill: #1f2730; }\n"
    ".m { font-family: ui-monospace, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono',"
    " monospace; }\n"
    ".title { font-size: 22px; font-weight: bold; }\n"
    ".keyspace { font-size: 16px; font-weight: bold; }\n"
    ".shard { font-size: 15px; font-weight: bold; }\n"
    ".strong { font-weight: bold; }\n"
    ".small { font-size: 11px; }\n"
    ".dim { fill: #5a6672; }\n"
    ".good { fill: #17683f; }\n"
    ".bad { fill: #b3192b; }\n"
    ".warn { fill: #8a5a00; }\n"
    ".light { fill: #ffffff; }\n"
    ".end { text-anchor: end; }\n"
    ".middle { text-anchor: middle; }\n"
    "</style>\n";

static const char *colour_of(const cli_pictured_shard_t *shard)
{
    return k_colours[shard->rank % COLOURS];
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* --- heading ---------------------------------------------------------------------------------- */
static size_t count_shards(const cli_picture_t *picture)
{
    size_t count = 0;
    size_t k;

    for (k = 0; k < picture->nkeyspaces; k++)
        count += picture->keyspaces[k].nshards;
    return count;
}

static char *summary(const cli_picture_t *picture)
{
    cli_buf_t text = {0};
    size_t shards = count_shards(picture);

    if (picture->nkeyspaces > 1)
        cli_buf_format(&text, "%zu keyspaces, ", picture->nkeyspaces);
    cli_buf_format(&text, "%zu shard%s on %zu server%s", shards, plural(shards), picture->servers,
                   plural(picture->servers));
    if (picture->regions > 0)
        cli_buf_format(&text, " in %zu region%s", picture->regions, plural(picture->regions));
    if (picture->pinned > 0)
        cli_buf_format(&text, " \xc2\xb7 %zu agenc%s pinned", picture->pinned,
                       picture->pinned == 1 ? "y" : "ies");
    if (picture->frozen > 0)
        cli_buf_format(&text, " \xc2\xb7 %zu frozen", picture->frozen);
    cli_buf_format(&text, " \xc2\xb7 epoch %llu", (unsigned long long)picture->epoch);
    return text.data;
}

/* How many nodes and shards are in trouble. */
static void count_trouble(const cli_picture_t *picture, size_t *ret_nodes, size_t *ret_shards)
{
    size_t k;
    size_t s;
    size_t n;

    *ret_nodes = *ret_shards = 0;
    for (k = 0; k < picture->nkeyspaces; k++) {
        for (s = 0; s < picture->keyspaces[k].nshards; s++) {
            const cli_pictured_shard_t *shard = &picture->keyspaces[k].shards[s];
            *ret_shards += shard->trouble[0] != '\0' ? 1 : 0;
            for (n = 0; n < shard->nnodes; n++)
                *ret_nodes += shard->nodes[n].seen >= CLI_SEEN_USELESS ? 1 : 0;
        }
    }
}

static void draw_heading(const cli_picture_t *picture, const cli_layout_t *layout, cli_buf_t *out)
{
    size_t nodes;
    size_t shards;
    int right = layout->width - 24;

    cli_svg_text(
        out, 24, 42, "title",
        cli_svg_fit(picture->title, right - 24 - (picture->seen_at != NULL ? 290 : 0), 145),
        picture->title);
    cli_svg_text(out, 24, 64, "dim", summary(picture), NULL);
    if (picture->seen_at == NULL)
        return;
    count_trouble(picture, &nodes, &shards);
    if (shards + nodes == 0)
        cli_svg_text(out, right, 42, "strong end good", "every node is well", NULL);
    else if (shards == 0)
        cli_svg_text(out, right, 42, "strong end warn",
                     cli_format("%zu node%s of no use", nodes, plural(nodes)), NULL);
    else
        cli_svg_text(out, right, 42, "strong end bad",
                     cli_format("%zu shard%s in trouble, %zu node%s of no use", shards,
                                plural(shards), nodes, plural(nodes)),
                     NULL);
}

/* --- the bar of slots ------------------------------------------------------------------------- */
static char *share_text(uint32_t slots, uint32_t all)
{
    uint32_t tenths = (uint32_t)(((uint64_t)slots * 1000 + all / 2) / all);

    if (slots > 0 && tenths == 0)
        return cli_copy("<0.1 %");
    if (tenths % 10 == 0)
        return cli_format("%u %%", (unsigned)(tenths / 10));
    return cli_format("%u.%u %%", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
}

static void draw_run(const cli_picture_t *picture, const cli_pictured_keyspace_t *keyspace,
                     const cli_slot_run_t *run, cli_box_t bar, cli_buf_t *out)
{
    const cli_pictured_shard_t *shard = &keyspace->shards[run->shard];
    uint64_t width = (uint64_t)bar.w;
    int from = (int)(width * run->first / picture->slots);
    int to = (int)(width * (run->last + 1) / picture->slots);
    cli_box_t box = {bar.x + from, bar.y, to - from, bar.h};
    char *share = share_text(run->last - run->first + 1, picture->slots);
    const char *labels[] = {cli_format("%s \xc2\xb7 %s", shard->name, share), shard->name,
                            shard->name + keyspace->prefix};
    size_t i;

    if (box.w <= 0)
        return;
    cli_svg_rect(out, box, 0, cli_format("fill=\"%s\" stroke=\"#fbfaf7\"", colour_of(shard)),
                 cli_format("%s: slots %u to %u, %s", shard->name, (unsigned)run->first,
                            (unsigned)run->last, share));
    for (i = 0; i < 3 && cli_svg_fit(labels[i], box.w - 4, CLI_LETTER_11) != labels[i]; i++)
        ;
    if (i < 3)
        cli_svg_text(out, box.x + box.w / 2, box.y + 19, "m small middle light", labels[i], NULL);
}

static void draw_bar(const cli_picture_t *picture, const cli_pictured_keyspace_t *keyspace,
                     cli_box_t bar, cli_buf_t *out)
{
    size_t i;

    for (i = 0; i < keyspace->nruns; i++)
        draw_run(picture, keyspace, &keyspace->runs[i], bar, out);
    cli_svg_text(out, bar.x, bar.y + bar.h + 14, "small dim", "slot 0", NULL);
    cli_svg_text(out, bar.x + bar.w, bar.y + bar.h + 14, "small dim end",
                 cli_format("%u", (unsigned)(picture->slots - 1)), NULL);
    cli_svg_text(out, bar.x + bar.w / 2, bar.y + bar.h + 14, "small dim middle",
                 "an agency's key hashes to one slot, and the slot belongs to one shard", NULL);
}

/* --- nodes ------------------------------------------------------------------------------------ */
static const char *seen_colour(cli_seen_t seen)
{
    switch (seen) {
    case CLI_SEEN_PRIMARY:
        return "#17683f";
    case CLI_SEEN_REPLICA:
        return "#1d5fa8";
    case CLI_SEEN_USELESS:
    case CLI_SEEN_DOWN:
        return "#b3192b";
    case CLI_SEEN_NOT:
        break;
    }
    return "#5a6672";
}

static const char *seen_class(cli_seen_t seen)
{
    return seen == CLI_SEEN_PRIMARY   ? "small strong good"
           : seen == CLI_SEEN_REPLICA ? "small dim"
           : seen == CLI_SEEN_NOT     ? "m small dim"
                                      : "small strong bad";
}

/* The cylinder that stands for a database: filled when writes go there, dashed when it is away. */
static void draw_cylinder(cli_buf_t *out, int x, int y, cli_seen_t seen)
{
    const char *colour = seen_colour(seen);

    cli_buf_format(out,
                   "<path d=\"M%d %dv9a5 2.2 0 0 0 10 0v-9a5 2.2 0 0 0-10 0a5 2.2 0 0 0 10 0\" "
                   "fill=\"%s\" stroke=\"%s\" stroke-width=\"1.4\"%s/>\n",
                   x, y, seen == CLI_SEEN_PRIMARY ? colour : "#ffffff", colour,
                   seen == CLI_SEEN_DOWN ? " stroke-dasharray=\"2 1.6\"" : "");
    if (seen == CLI_SEEN_PRIMARY)
        cli_buf_format(
            out, "<path d=\"M%d %da5 2.2 0 0 0 10 0\" fill=\"none\" stroke=\"#ffffff\"/>\n", x, y);
}

static char *node_tip(const cli_pictured_node_t *node)
{
    return cli_format("%s at %s%s%s%s%s%s%s%s%s", node->name, node->address,
                      node->zone[0] != '\0' ? ", zone " : "", node->zone,
                      node->state[0] != '\0' ? ", " : "", node->state,
                      node->status[0] != '\0' ? ": " : "", node->status,
                      node->reason[0] != '\0' ? ": " : "", node->reason);
}

/* What stands below a node's name, or at its right when there is but one line. */
static char *node_note(const cli_pictured_node_t *node, const char *otherwise)
{
    if (node->status[0] != '\0' && node->state[0] != '\0')
        return cli_format("%s, %s", node->status, node->state);
    if (node->status[0] != '\0')
        return cli_copy(node->status);
    return cli_copy(node->state[0] != '\0' ? node->state : otherwise);
}

static const char *note_class(const cli_pictured_node_t *node)
{
    return node->status[0] == '\0' && node->state[0] != '\0' ? "small strong warn"
                                                             : seen_class(node->seen);
}

static const char *node_look(const cli_pictured_node_t *node)
{
    if (node->seen >= CLI_SEEN_USELESS)
        return "fill=\"#fdf0f0\" stroke=\"#b3192b\" stroke-dasharray=\"4 3\"";
    if (node->state[0] != '\0')
        return "fill=\"#f3efe4\" stroke=\"#b9a46a\" stroke-dasharray=\"4 3\"";
    return "fill=\"#ffffff\" stroke=\"#cdd3d9\"";
}

/* "zone a" where there is room for it. */
static const char *zone_text(const cli_pictured_node_t *node, int room)
{
    char *text = cli_format("zone %s", node->zone);

    return node->zone[0] != '\0' && cli_svg_fit(text, room, CLI_LETTER_11) == text ? text
                                                                                   : node->zone;
}

static void draw_node(const cli_pictured_node_t *node, cli_box_t box, cli_buf_t *out)
{
    int inner = box.w - 40;
    int name = (int)strlen(node->name) * CLI_LETTER_12 / 10;
    const char *where = zone_text(node, inner - name - 8);
    int zone = (int)strlen(where) * CLI_LETTER_11 / 10;
    const char *note = node_note(node, strcmp(node->name, node->address) != 0 ? node->address : "");
    int line = box.y + (note[0] != '\0' ? 17 : 25); /* the first, or the only one */
    int name_room = inner - (zone > 0 && zone < inner / 2 ? zone + 8 : 0);

    cli_svg_rect(out, box, 4, node_look(node), node_tip(node));
    draw_cylinder(out, box.x + 9, box.y + 15, node->seen);
    cli_svg_text(out, box.x + 28, line, "m strong",
                 cli_svg_fit(node->name, name_room, CLI_LETTER_12), node_tip(node));
    if (name_room < inner)
        cli_svg_text(out, box.x + box.w - 8, line, "m small dim end", where, NULL);
    if (note[0] != '\0')
        cli_svg_text(out, box.x + 28, box.y + 33, note_class(node),
                     cli_svg_fit(note, inner, CLI_LETTER_11), NULL);
}

/* One line. */
static void draw_compact_node(const cli_pictured_node_t *node, cli_box_t box, cli_buf_t *out)
{
    const char *note = node_note(node, node->zone);
    int room = box.w - 32;
    int name = (int)strlen(node->name) * CLI_LETTER_11 / 10;

    cli_svg_rect(out, box, 3, node_look(node), node_tip(node));
    draw_cylinder(out, box.x + 7, box.y + 6, node->seen);
    cli_svg_text(out, box.x + 24, box.y + 15, "m small strong",
                 cli_svg_fit(node->name, room, CLI_LETTER_11), node_tip(node));
    note = cli_svg_fit(note, room - name - 8, CLI_LETTER_11);
    if (note[0] != '\0')
        cli_svg_text(out, box.x + box.w - 7, box.y + 15, cli_format("%s end", note_class(node)),
                     note, NULL);
}

/* --- cards ------------------------------------------------------------------------------------ */
static const char *slots_text(const cli_picture_t *picture, const cli_pictured_shard_t *shard)
{
    if (shard->slots == 0)
        return "no slots: holds what is pinned to it";
    if (shard->slots == picture->slots)
        return "holds every agency";
    return cli_format("slots %s", shard->ranges.data);
}

static void draw_agencies(const cli_pictured_shard_t *shard, const cli_card_t *card, cli_buf_t *out)
{
    size_t pinned = 0;
    size_t frozen = 0;
    size_t i;

    if (shard->nagencies == 0)
        return;
    for (i = 0; i < shard->nagencies; i++) {
        pinned += shard->agencies[i].pinned ? 1 : 0;
        frozen += shard->agencies[i].frozen ? 1 : 0;
    }
    cli_svg_text(out, card->box.x + CLI_CARD_PAD, card->agencies_y, "small dim",
                 frozen == 0   ? cli_format("%zu pinned here", pinned)
                 : pinned == 0 ? cli_format("%zu frozen", frozen)
                               : cli_format("%zu pinned here, %zu frozen", pinned, frozen),
                 NULL);
    for (i = 0; i < shard->nagencies; i++) {
        const cli_pictured_agency_t *agency = &shard->agencies[i];
        cli_box_t box = card->agencies[i];
        char *tip = cli_format("%s: %s%s%s", agency->key, agency->pinned ? "pinned here" : "",
                               agency->pinned && agency->frozen ? ", " : "",
                               agency->frozen ? "frozen, writes are refused" : "");
        cli_svg_rect(out, box, 9,
                     agency->frozen ? "fill=\"#e3f0fb\" stroke=\"#5b93c7\" stroke-dasharray=\"3 2\""
                                    : "fill=\"#fff3d1\" stroke=\"#d2a739\"",
                     tip);
        cli_svg_text(out, box.x + CLI_CHIP_PAD, box.y + box.h / 2 + 4, "m small",
                     cli_svg_fit(agency->key, box.w - 2 * CLI_CHIP_PAD + 1, CLI_LETTER_11), tip);
    }
}

static void draw_card_head(const cli_picture_t *picture, const cli_pictured_shard_t *shard,
                           cli_box_t box, cli_buf_t *out)
{
    int inner = box.w - 2 * CLI_CARD_PAD;
    char *share = share_text(shard->slots, picture->slots);
    const char *slots = slots_text(picture, shard);
    bool trouble = shard->trouble[0] != '\0';

    cli_svg_text(out, box.x + CLI_CARD_PAD, box.y + 24, "m shard",
                 cli_svg_fit(shard->name, inner - 66, 92), shard->name);
    cli_svg_text(out, box.x + box.w - CLI_CARD_PAD, box.y + 24, "shard end", share, NULL);
    cli_svg_text(out, box.x + CLI_CARD_PAD, box.y + 41, trouble ? "small strong bad" : "small dim",
                 trouble ? shard->trouble : cli_svg_fit(slots, inner, 61), slots);
}

static void draw_card(const cli_picture_t *picture, const cli_pictured_keyspace_t *keyspace,
                      const cli_card_t *card, bool compact, cli_buf_t *out)
{
    const cli_pictured_shard_t *shard = &keyspace->shards[card->shard];
    cli_box_t stripe = {card->box.x, card->box.y, 6, card->box.h};
    size_t n;

    cli_svg_rect(out, card->box, 3,
                 shard->trouble[0] != '\0' ? "fill=\"#ffffff\" stroke=\"#b3192b\" "
                                             "stroke-width=\"2\""
                                           : "fill=\"#ffffff\" stroke=\"#b8c0c8\"",
                 NULL);
    cli_svg_rect(out, stripe, 2, cli_format("fill=\"%s\"", colour_of(shard)), NULL);
    draw_card_head(picture, shard, card->box, out);
    for (n = 0; n < shard->nnodes; n++) {
        if (compact)
            draw_compact_node(&shard->nodes[n], card->nodes[n], out);
        else
            draw_node(&shard->nodes[n], card->nodes[n], out);
    }
    draw_agencies(shard, card, out);
}

/* --- panels ----------------------------------------------------------------------------------- */
static void draw_group(const cli_picture_t *picture, const cli_pictured_keyspace_t *keyspace,
                       const cli_panel_t *panel, const cli_group_t *group, cli_buf_t *out)
{
    bool named = group->region != NULL && group->region[0] != '\0';
    const char *name;
    char *tail;
    uint32_t slots = 0;
    size_t i;

    if (group->region == NULL)
        return;
    cli_svg_rect(out, group->box, 8, "fill=\"#edf0f2\" stroke=\"#d5dadf\"", NULL);
    for (i = 0; i < group->count; i++)
        slots += keyspace->shards[panel->cards[group->first + i].shard].slots;
    tail = cli_format("%zu shard%s \xc2\xb7 %s%s", group->count, plural(group->count),
                      share_text(slots, picture->slots), group->box.w > 400 ? " of the slots" : "");
    name = named ? cli_format("region %s", group->region) : "no region";
    cli_svg_text(out, group->box.x + 12, group->box.y + 18, named ? "strong" : "dim",
                 cli_svg_fit(name, group->box.w - 30 - (int)strlen(tail) * 7, 75), name);
    cli_svg_text(out, group->box.x + group->box.w - 12, group->box.y + 18, "dim end", tail, NULL);
}

static void draw_panel(const cli_picture_t *picture, size_t k, const cli_panel_t *panel,
                       cli_buf_t *out)
{
    const cli_pictured_keyspace_t *keyspace = &picture->keyspaces[k];
    size_t i;

    cli_svg_text(out, panel->box.x, panel->box.y + 20, "keyspace",
                 cli_format("keyspace %s%s", keyspace->name,
                            keyspace->is_default && picture->nkeyspaces > 1 ? " (default)" : ""),
                 NULL);
    if (panel->bar.h > 0)
        draw_bar(picture, keyspace, panel->bar, out);
    for (i = 0; i < panel->ngroups; i++)
        draw_group(picture, keyspace, panel, &panel->groups[i], out);
    for (i = 0; i < panel->ncards; i++)
        draw_card(picture, keyspace, &panel->cards[i], panel->compact, out);
}

/* --- legend ----------------------------------------------------------------------------------- */
static int draw_sign(cli_buf_t *out, int x, int y, cli_seen_t seen, const char *text)
{
    draw_cylinder(out, x, y - 8, seen);
    cli_svg_text(out, x + 16, y, "small dim", text, NULL);
    return x + 16 + (int)strlen(text) * 6 + 18;
}

static int draw_chip_sign(cli_buf_t *out, int x, int y, bool frozen, const char *text)
{
    cli_svg_rect(out, (cli_box_t){x, y - 10, 22, 13}, 6,
                 frozen ? "fill=\"#e3f0fb\" stroke=\"#5b93c7\" stroke-dasharray=\"3 2\""
                        : "fill=\"#fff3d1\" stroke=\"#d2a739\"",
                 NULL);
    cli_svg_text(out, x + 28, y, "small dim", text, NULL);
    return x + 28 + (int)strlen(text) * 6 + 18;
}

static void draw_legend(const cli_picture_t *picture, const cli_layout_t *layout, cli_buf_t *out)
{
    int y = layout->legend_y + 14;
    int x = 24;

    if (picture->seen_at != NULL)
        cli_svg_text(out, layout->width - 24, y, "small dim end",
                     cli_format("seen %s", picture->seen_at), NULL);

    if (picture->seen_at != NULL) {
        x = draw_sign(out, x, y, CLI_SEEN_PRIMARY, "primary");
        x = draw_sign(out, x, y, CLI_SEEN_REPLICA, "replica");
        x = draw_sign(out, x, y, CLI_SEEN_DOWN, "does not answer, or is refused");
    } else {
        x = draw_sign(out, x, y, CLI_SEEN_NOT,
                      "a PostgreSQL server; which of them is the primary is no matter of the map "
                      "(see --live)");
    }
    if (picture->pinned + picture->frozen == 0)
        return;
    x = 24;
    y += 20;
    if (picture->pinned > 0)
        x = draw_chip_sign(out, x, y, false, "agency pinned to this shard, whatever its slot");
    if (picture->frozen > 0)
        draw_chip_sign(out, x, y, true, "frozen: its writes are refused");
}

void cli_picture_svg(const cli_picture_t *picture, const cli_layout_t *layout, cli_buf_t *out)
{
    cli_box_t all = {0, 0, layout->width, layout->height};
    size_t k;

    cli_buf_format(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
                   layout->width, layout->height, layout->width, layout->height);
    cli_svg_escape(out, cli_format("%s: %s", picture->title, summary(picture)));
    cli_buf_format(out, "</title>\n%s", k_style);
    cli_svg_rect(out, all, 10, "fill=\"#fbfaf7\" stroke=\"#d5dadf\"", NULL);
    draw_heading(picture, layout, out);
    for (k = 0; k < picture->nkeyspaces; k++)
        draw_panel(picture, k, &layout->panels[k], out);
    draw_legend(picture, layout, out);
    cli_buf_text(out, "</svg>\n");
}
