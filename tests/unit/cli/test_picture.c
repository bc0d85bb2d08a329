/* Pictures of maps: what they show, that nothing stands on or outside of something else, and that
 * the SVG is XML whatever the names are. */
#include "unit.h"

#include "cli/picture.h"
#include "cli/svg.h"

static agdb_map_t *load(const char *text)
{
    agdb_map_t *map = NULL;
    agdb_error_t *err = NULL;

    if (agdb_map_parse(text, strlen(text), "test", &map, NULL, &err) != AGDB_OK)
        fail_msg("%s", agdb_error_message(err));
    return map;
}

static const char k_two[] = "agencydb: 1\n"
                            "hash: { slots: 64 }\n"
                            "default_keyspace: core\n"
                            "keyspaces:\n"
                            "  core:\n"
                            "    shards:\n"
                            "      a: { region: r1, slots: [0-31, 40], nodes: [ 127.0.0.1, "
                            "{ host: 127.0.0.2, name: a2, zone: z, state: out } ] }\n"
                            "      b: { slots: [32-39, 41-63], nodes: [ 127.0.0.3 ] }\n"
                            "      c: { slots: [], nodes: [ 127.0.0.4 ] }\n"
                            "  notes:\n"
                            "    shards: { only: { nodes: [ 127.0.0.1 ] } }\n"
                            "agencies:\n"
                            "  epa: { shard: c }\n"
                            "  cdc: { shard: c, writes: refuse }\n"
                            "  fema: { writes: refuse }\n";

/* --- what is shown ---------------------------------------------------------------------------- */
static void picture_has_shares_pins_and_servers(void **state)
{
    agdb_map_t *map = load(k_two);
    cli_picture_t p = cli_picture_of(map, "two");
    const cli_pictured_shard_t *shards = p.keyspaces[0].shards;

    (void)state;
    assert_int_equal(p.nkeyspaces, 2);
    assert_true(p.keyspaces[0].is_default);
    assert_int_equal(p.servers, 4); /* notes is on one of core's */
    assert_int_equal(p.regions, 1);
    assert_int_equal(p.pinned, 2);
    assert_int_equal(p.frozen, 2);
    assert_int_equal(shards[0].slots, 33);
    assert_string_equal(shards[0].ranges.data, "0-31, 40");
    assert_string_equal(shards[0].region, "r1");
    assert_string_equal(shards[0].nodes[0].address, "127.0.0.1:5432");
    assert_string_equal(shards[0].nodes[1].state, "out of service");
    assert_int_equal(shards[2].slots, 0);
    assert_int_equal(shards[2].nagencies, 2);
    assert_string_equal(shards[2].agencies[0].key, "cdc");
    assert_true(shards[2].agencies[0].pinned && shards[2].agencies[0].frozen);
    /* frozen and not pinned: where its slot is, in the default keyspace only */
    assert_int_equal(shards[0].nagencies + shards[1].nagencies, 1);
    assert_int_equal(p.keyspaces[1].shards[0].nagencies, 0);
    assert_int_equal(p.keyspaces[1].nruns, 1);
    agdb_map_free(map);
}

static agdb_node_info_t seen(const char *node, agdb_node_state_t state)
{
    agdb_node_info_t info = {.struct_size = sizeof info,
                             .keyspace = "core",
                             .shard = "a",
                             .region = "",
                             .node = node,
                             .zone = "",
                             .shard_state = AGDB_SHARD_READY,
                             .state = state,
                             .reason = ""};

    return info;
}

static void picture_sees_roles_lag_and_trouble(void **state)
{
    agdb_map_t *map = load(k_two);
    cli_picture_t p = cli_picture_of(map, "two");
    cli_pictured_shard_t *a = &p.keyspaces[0].shards[0];
    agdb_node_info_t info = seen("127.0.0.1:5432", AGDB_NODE_UP);

    (void)state;
    info.is_primary = true;
    cli_picture_see(&info, &p);
    assert_int_equal(a->nodes[0].seen, CLI_SEEN_PRIMARY);
    assert_string_equal(a->nodes[0].status, "primary");
    assert_string_equal(a->trouble, "");
    info = seen("a2", AGDB_NODE_UP);
    info.is_replica = true;
    info.lag_ms = 120;
    cli_picture_see(&info, &p);
    assert_string_equal(a->nodes[1].status, "replica, 120 ms behind");
    info.lag_ms = 12345;
    cli_picture_see(&info, &p);
    assert_string_equal(a->nodes[1].status, "replica, 12 s behind");
    info.lag_ms = -1;
    cli_picture_see(&info, &p);
    assert_string_equal(a->nodes[1].status, "replica, lag not known");
    info = seen("a2", AGDB_NODE_DOWN);
    info.shard_state = AGDB_SHARD_NO_PRIMARY;
    info.reason = "connection\nrefused";
    cli_picture_see(&info, &p);
    assert_int_equal(a->nodes[1].seen, CLI_SEEN_DOWN);
    assert_string_equal(a->nodes[1].reason, "connection\\nrefused");
    assert_string_equal(a->trouble, "no primary");
    info.shard_state = AGDB_SHARD_SPLIT;
    info.state = AGDB_NODE_REFUSED;
    cli_picture_see(&info, &p);
    assert_int_equal(a->nodes[1].seen, CLI_SEEN_USELESS);
    assert_string_equal(a->trouble, "two primaries");
    info.shard = "none";
    cli_picture_see(&info, &p); /* the map has changed meanwhile: nothing to draw */
    assert_int_equal(p.keyspaces[1].shards[0].nodes[0].seen, CLI_SEEN_NOT);
    agdb_map_free(map);
}

/* --- where it stands -------------------------------------------------------------------------- */
static bool inside(cli_box_t inner, cli_box_t outer)
{
    return inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.w <= outer.x + outer.w &&
           inner.y + inner.h <= outer.y + outer.h;
}

static bool apart(cli_box_t a, cli_box_t b)
{
    return a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
}

static void check_all_inside(const cli_box_t *boxes, size_t count, cli_box_t outer)
{
    size_t i;
    size_t j;

    for (i = 0; i < count; i++) {
        assert_true(boxes[i].w > 0 && boxes[i].h > 0);
        assert_true(inside(boxes[i], outer));
        for (j = 0; j < i; j++)
            assert_true(apart(boxes[i], boxes[j]));
    }
}

static void check_panel(const cli_pictured_keyspace_t *keyspace, const cli_panel_t *panel)
{
    cli_box_t *cards = cli_alloc(panel->ncards * sizeof *cards);
    size_t grouped = 0;
    size_t i;
    size_t g;

    assert_int_equal(panel->ncards, keyspace->nshards);
    for (i = 0; i < panel->ncards; i++) {
        const cli_card_t *card = &panel->cards[i];
        const cli_pictured_shard_t *shard = &keyspace->shards[card->shard];
        cards[i] = card->box;
        check_all_inside(card->nodes, shard->nnodes, card->box);
        check_all_inside(card->agencies, shard->nagencies, card->box);
        if (shard->nagencies > 0) /* all nodes are above the agencies */
            assert_true(card->nodes[shard->nnodes - 1].y + card->nodes[0].h < card->agencies_y);
        for (g = 0; g < panel->ngroups; g++)
            grouped += inside(card->box, panel->groups[g].box) ? 1 : 0;
    }
    assert_int_equal(grouped, panel->ncards);
    check_all_inside(cards, panel->ncards, panel->box);
    for (i = 0; i < panel->ngroups; i++)
        for (g = 0; g < i; g++)
            assert_true(apart(panel->groups[i].box, panel->groups[g].box));
}

static void check_layout(const char *text)
{
    agdb_map_t *map = load(text);
    cli_picture_t p = cli_picture_of(map, "test");
    cli_layout_t layout = cli_picture_layout(&p);
    cli_box_t *panels = cli_alloc(p.nkeyspaces * sizeof *panels);
    size_t k;

    for (k = 0; k < p.nkeyspaces; k++) {
        check_panel(&p.keyspaces[k], &layout.panels[k]);
        panels[k] = layout.panels[k].box;
    }
    check_all_inside(panels, p.nkeyspaces, (cli_box_t){0, 0, layout.width, layout.legend_y});
    assert_true(layout.legend_y < layout.height);
    agdb_map_free(map);
}

/* A map of so many shards in so many regions, so many nodes each, and pins. */
static char *made_map(size_t shards, size_t regions, size_t nodes, size_t pins)
{
    cli_buf_t text = {0};
    size_t each = 4096 / shards;
    size_t s;
    size_t n;

    cli_buf_text(&text, "agencydb: 1\nkeyspaces:\n  core:\n    shards:\n");
    for (s = 0; s < shards; s++) {
        cli_buf_format(&text, "      shard-%04zu:\n", s);
        if (shards > 1)
            cli_buf_format(&text, "        slots: [%zu-%zu]\n", s * each,
                           s + 1 < shards ? (s + 1) * each - 1 : 4095);
        if (regions > 0 && s % (regions + 1) < regions)
            cli_buf_format(&text, "        region: region-%zu\n", s % (regions + 1));
        cli_buf_text(&text, "        nodes:\n");
        for (n = 0; n < nodes; n++)
            cli_buf_format(&text, "          - { host: 127.%zu.%zu.%zu, zone: zone-%zu }\n",
                           s / 256, s % 256, n + 1, n);
    }
    cli_buf_text(&text, pins > 0 ? "agencies:\n" : "");
    for (n = 0; n < pins; n++)
        cli_buf_format(&text, "  \"us/%0*zu/x\": { shard: shard-%04zu }\n", (int)(n % 37 + 1), n,
                       n * 7 % shards);
    return text.data;
}

static void layout_of_any_map_has_room_for_everything(void **state)
{
    static const size_t shards[] = {1, 2, 3, 4, 5, 12, 13, 40, 333};
    size_t i;

    (void)state;
    check_layout(k_two);
    for (i = 0; i < 9 * 3 * 3 * 2; i++)
        check_layout(made_map(shards[i % 9], i / 9 % 3 * 2, i / 27 % 3 * 4 + 1, i / 81 * 300));
}

/* --- XML -------------------------------------------------------------------------------------- */
static void escape_leaves_no_markup_and_no_bad_bytes(void **state)
{
    static const char *const k_cases[][2] = {
        {"a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;"},
        {"tab\tline\nbell\a", "tab\\tline\\nbell\\x07"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xef\xbf\xbe", "\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x8f\xa5", "\xf0\x9f\x8f\xa5"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_cases); i++) {
        cli_buf_t out = {0};
        cli_svg_escape(&out, k_cases[i][0]);
        assert_string_equal(out.data, k_cases[i][1]);
    }
}

static void fit_cuts_between_letters(void **state)
{
    (void)state;
    assert_string_equal(cli_svg_fit("shard", 50, 100), "shard");
    assert_string_equal(cli_svg_fit("shards", 50, 100), "sh\xe2\x80\xa6"
                                                        "ds");
    assert_string_equal(cli_svg_fit("\xc3\xa9\xc3\xa9\xc3\xa9", 20, 100), "\xc3\xa9\xe2\x80\xa6");
    assert_string_equal(cli_svg_fit("ab", 10, 100), "\xe2\x80\xa6");
    assert_string_equal(cli_svg_fit("ab", 5, 100), "");
    assert_string_equal(cli_svg_fit("ab", -5, 100), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_has_shares_pins_and_servers),
        cmocka_unit_test(picture_sees_roles_lag_and_trouble),
        cmocka_unit_test(layout_of_any_map_has_room_for_everything),
        cmocka_unit_test(escape_leaves_no_markup_and_no_bad_bytes),
        cmocka_unit_test(fit_cuts_between_letters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
