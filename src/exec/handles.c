#include "exec/handles.h"

#include "base/alloc.h"

enum { FIRST_ROOM = 64 };

void agdb__handles_fini(agdb__handles_t *all)
{
    agdb__free(all->place);
    *all = (agdb__handles_t){0};
}

static bool grow(agdb__handles_t *all)
{
    uint32_t room = all->room != 0 ? all->room * 2 : FIRST_ROOM;
    agdb__handle_t *grown;

    if (all->count < all->room)
        return true;
    if (room <= all->room)
        return false;
    grown = agdb__realloc(all->place, room * sizeof *grown);
    if (grown == NULL)
        return false;
    all->place = grown;
    all->room = room;
    return true;
}

uint64_t agdb__handles_add(agdb__handles_t *all, void *object)
{
    uint32_t number = all->first_free;
    agdb__handle_t *place;

    if (number != 0) {
        all->first_free = all->place[number - 1].next_free;
    } else {
        if (!grow(all))
            return 0;
        number = ++all->count;
        all->place[number - 1].generation = 0;
    }
    place = &all->place[number - 1];
    place->object = object;
    return (uint64_t)place->generation << 32 | number;
}

static agdb__handle_t *at(const agdb__handles_t *all, uint64_t id)
{
    uint32_t number = (uint32_t)id;
    agdb__handle_t *place;

    if (number == 0 || number > all->count)
        return NULL;
    place = &all->place[number - 1];
    return place->object != NULL && place->generation == (uint32_t)(id >> 32) ? place : NULL;
}

void *agdb__handles_find(const agdb__handles_t *all, uint64_t id)
{
    const agdb__handle_t *place = at(all, id);

    return place != NULL ? place->object : NULL;
}

void agdb__handles_remove(agdb__handles_t *all, uint64_t id)
{
    agdb__handle_t *place = at(all, id);

    if (place == NULL)
        return;
    place->object = NULL;
    place->generation++;
    place->next_free = all->first_free;
    all->first_free = (uint32_t)id;
}
