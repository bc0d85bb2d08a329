#include "map/arena.h"

#include "base/alloc.h"

#include <stdint.h>
#include <string.h>

enum { FIRST_CHUNK = 8192, LARGEST_CHUNK = 1 << 20 };

typedef struct chunk {
    struct chunk *next;
    size_t used;
    size_t room;
    _Alignas(max_align_t) unsigned char data[];
} chunk_t;

struct agdb__arena {
    chunk_t *chunk; /* the newest first */
    size_t next_room;
    bool failed;
};

agdb__arena_t *agdb__arena_new(void)
{
    agdb__arena_t *arena = agdb__calloc(1, sizeof *arena);

    if (arena != NULL)
        arena->next_room = FIRST_CHUNK;
    return arena;
}

void agdb__arena_free(agdb__arena_t *arena)
{
    if (arena == NULL)
        return;
    while (arena->chunk != NULL) {
        chunk_t *next = arena->chunk->next;
        agdb__free(arena->chunk);
        arena->chunk = next;
    }
    agdb__free(arena);
}

static bool add_chunk(agdb__arena_t *arena, size_t size)
{
    size_t room = size > arena->next_room ? size : arena->next_room;
    chunk_t *chunk = NULL;

    if (!arena->failed && room <= SIZE_MAX / 2)
        chunk = agdb__malloc(sizeof *chunk + room);
    if (chunk == NULL) {
        arena->failed = true;
        return false;
    }
    *chunk = (chunk_t){.next = arena->chunk, .room = room};
    arena->chunk = chunk;
    if (arena->next_room < LARGEST_CHUNK)
        arena->next_room *= 2;
    return true;
}

void *agdb__arena_alloc(agdb__arena_t *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    void *block;

    if (size > SIZE_MAX / 2)
        size = SIZE_MAX / 2 + 1; /* add_chunk refuses it */
    else
        size = (size + align - 1) / align * align;
    if (arena->chunk == NULL || size > arena->chunk->room - arena->chunk->used)
        if (!add_chunk(arena, size))
            return NULL;
    block = arena->chunk->data + arena->chunk->used;
    arena->chunk->used += size;
    return memset(block, 0, size);
}

void *agdb__arena_array(agdb__arena_t *arena, size_t count, size_t size)
{
    return agdb__arena_alloc(arena,
                             size != 0 && count > SIZE_MAX / 2 / size ? SIZE_MAX : count * size);
}

char *agdb__arena_text(agdb__arena_t *arena, const char *text, size_t len)
{
    char *copy = agdb__arena_alloc(arena, len + 1);

    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

bool agdb__arena_failed(const agdb__arena_t *arena)
{
    return arena->failed;
}
