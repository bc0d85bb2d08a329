/* Which of the agencies in a file move between two maps. */
#ifndef AGDB_CLI_DIFF_KEYS_H
#define AGDB_CLI_DIFF_KEYS_H

#include "cli/json.h"

typedef struct cli_key_move {
    agdb_bytes_t key;
    const char *keyspace;
    const char *from; /* shards */
    const char *to;
    uint32_t slot;
    bool frozen; /* in the new map: writes are refused */
} cli_key_move_t;

typedef struct cli_key_moves {
    const char *file;
    size_t keys;     /* in the file */
    size_t agencies; /* of them, that move in one keyspace or several */
    cli_key_move_t *item;
    size_t count;
} cli_key_moves_t;

/* Reads keys, one to a line, as a map spells them; empty lines do not count. False after a message:
 * the file cannot be read, or a line is no key. */
bool cli_key_moves_read(const char *path, const agdb_map_t *old, const agdb_map_t *now,
                        cli_key_moves_t *ret);
void cli_key_moves_print(const cli_key_moves_t *moves);
void cli_key_moves_json(const cli_key_moves_t *moves, cli_json_t *json);

#endif
