#include "client/names.h"

#include "base/alloc.h"
#include "map/hash.h"

enum { ROOM_FIRST = 64 };

void agdb__names_fini(agdb__names_t *names)
{
    size_t i;

    for (i = 0; i < names->room; i++)
        agdb__free(names->place[i]);
    agdb__free(names->place);
    *names = (agdb__names_t){0};
}

static size_t find(char *const *place, size_t room, const char *text)
{
    size_t i = (size_t)agdb__hash_key(text, strlen(text)) & (room - 1);

    while (place[i] != NULL && strcmp(place[i], text) != 0)
        i = (i + 1) & (room - 1);
    return i;
}

/* Half of it stays empty. */
static bool make_room(agdb__names_t *names)
{
    const size_t room = names->room > 0 ? names->room * 2 : ROOM_FIRST;
    char **place;
    size_t i;

    if (names->room > names->count * 2)
        return true;
    place = agdb__calloc(room, sizeof *place);
    if (place == NULL)
        return false;
    for (i = 0; i < names->room; i++)
        if (names->place[i] != NULL)
            place[find(place, room, names->place[i])] = names->place[i];
    agdb__free(names->place);
    names->place = place;
    names->room = room;
    return true;
}

const char *agdb__names_keep(agdb__names_t *names, const char *text)
{
    size_t i;

    if (!make_room(names))
        return NULL;
    i = find(names->place, names->room, text);
    if (names->place[i] == NULL) {
        names->place[i] = agdb__strdup(text);
        names->count += names->place[i] != NULL;
    }
    return names->place[i];
}
