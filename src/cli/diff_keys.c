#include "cli/diff_keys.h"

#include "cli/files.h"
#include "cli/message.h"

#include <errno.h>
#include <stdio.h>

typedef struct reader {
    const agdb_map_t *old;
    const agdb_map_t *now;
    cli_key_moves_t *moves;
} reader_t;

/* In one keyspace, which both maps have; a keyspace that is gone is no move. */
static bool compare(const reader_t *reader, agdb_bytes_t key, const char *keyspace)
{
    agdb_route_info_t from = {.struct_size = sizeof from};
    agdb_route_info_t to = {.struct_size = sizeof to};
    cli_key_moves_t *moves = reader->moves;

    if (agdb_map_route(reader->old, keyspace, key, &from, NULL) != AGDB_OK ||
        agdb_map_route(reader->now, keyspace, key, &to, NULL) != AGDB_OK ||
        strcmp(from.shard, to.shard) == 0)
        return false;
    moves->item = cli_grow(moves->item, moves->count, sizeof *moves->item);
    moves->item[moves->count++] =
        (cli_key_move_t){key, keyspace, from.shard, to.shard, to.slot, to.frozen};
    return true;
}

/* The key stays where it was read. */
static bool take_key(const reader_t *reader, const char *line, size_t len)
{
    unsigned char *room = cli_alloc(AGDB_KEY_MAX);
    agdb_bytes_t key;
    bool moves = false;
    size_t k;

    if (!cli_agency_key(line, len, room, &key))
        return false;
    for (k = 0; k < agdb_map_keyspace_count(reader->old); k++)
        moves = compare(reader, key, agdb_map_keyspace_name(reader->old, k)) || moves;
    reader->moves->keys++;
    reader->moves->agencies += moves;
    return true;
}

static size_t line_length(const char *at, const char *end)
{
    const char *feed = memchr(at, '\n', (size_t)(end - at));

    return feed != NULL ? (size_t)(feed - at) : (size_t)(end - at);
}

bool cli_key_moves_read(const char *path, const agdb_map_t *old, const agdb_map_t *now,
                        cli_key_moves_t *ret)
{
    const reader_t reader = {old, now, ret};
    size_t len = 0;
    const char *at = cli_read_file(path, &len);
    const char *end = at != NULL ? at + len : NULL;
    unsigned line = 1;

    *ret = (cli_key_moves_t){.file = path};
    if (at == NULL) {
        cli_error("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    for (; at < end; line++) {
        const size_t length = line_length(at, end);
        if (length > 0 && !take_key(&reader, at, length)) {
            cli_error_at(path, line, 1,
                         cli_format("not an agency key: 1 to %d bytes, or hex: and two digits for "
                                    "each",
                                    AGDB_KEY_MAX));
            return false;
        }
        at += length + 1;
    }
    return true;
}

/* --- output ------------------------------------------------------------------------------------
 */

/* How many go the way of the one at `index`; 0 when an earlier one has the same way. */
static size_t count_way(const cli_key_moves_t *moves, size_t index)
{
    const cli_key_move_t *way = &moves->item[index];
    size_t n = 0;
    size_t i;

    for (i = 0; i < moves->count; i++) {
        const cli_key_move_t *one = &moves->item[i];
        if (one->keyspace != way->keyspace || one->from != way->from || one->to != way->to)
            continue;
        if (i < index)
            return 0;
        n++;
    }
    return n;
}

void cli_key_moves_print(const cli_key_moves_t *moves)
{
    cli_buf_t key = {0};
    size_t i;

    for (i = 0; i < moves->count; i++) {
        const cli_key_move_t *one = &moves->item[i];
        key.len = 0;
        cli_escape_key(&key, one->key.data, one->key.len);
        printf("> keyspace %s agency %s (slot %u): %s -> %s%s\n", one->keyspace, key.data,
               one->slot, one->from, one->to, one->frozen ? ", writes are refused" : "");
    }
    printf("%s%s: %zu of %zu agenc%s move%s.\n", moves->count > 0 ? "\n" : "", moves->file,
           moves->agencies, moves->keys, moves->keys == 1 ? "y" : "ies",
           moves->agencies == 1 ? "s" : "");
    for (i = 0; i < moves->count; i++) {
        const cli_key_move_t *one = &moves->item[i];
        const size_t n = count_way(moves, i);
        if (n > 0)
            printf("  %zu in keyspace %s: rows are on %s, and would be looked for and written on "
                   "%s\n",
                   n, one->keyspace, one->from, one->to);
    }
}

void cli_key_moves_json(const cli_key_moves_t *moves, cli_json_t *json)
{
    cli_buf_t text = {0};
    size_t i;

    cli_json_open(json, "keys", '{');
    cli_json_text(json, "file", moves->file);
    cli_json_number(json, "count", moves->keys);
    cli_json_number(json, "moving", moves->agencies);
    cli_json_open(json, "moves", '[');
    for (i = 0; i < moves->count; i++) {
        const cli_key_move_t *one = &moves->item[i];
        cli_json_open(json, NULL, '{');
        text.len = 0;
        cli_escape_key(&text, one->key.data, one->key.len);
        cli_json_text(json, "key", text.data);
        text.len = 0;
        cli_hex(&text, one->key.data, one->key.len);
        cli_json_text(json, "key_hex", text.data);
        cli_json_text(json, "keyspace", one->keyspace);
        cli_json_number(json, "slot", one->slot);
        cli_json_text(json, "from", one->from);
        cli_json_text(json, "to", one->to);
        cli_json_bool(json, "frozen", one->frozen);
        cli_json_close(json);
    }
    cli_json_close(json);
    cli_json_close(json);
}
