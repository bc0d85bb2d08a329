#include "monitor/channels.h"

#include "base/alloc.h"
#include "base/clock.h"

enum { FIRST_ROOM = 8 };

void agdb__channels_init(agdb__channels_t *channels)
{
    *channels = (agdb__channels_t){.look_us = AGDB__NEVER};
}

void agdb__channels_fini(agdb__channels_t *channels)
{
    size_t i;

    for (i = 0; i < channels->count; i++)
        agdb__free(channels->all[i]);
    agdb__free(channels->all);
    agdb__channels_init(channels);
}

/* Where it is, or would be. */
static size_t place_of(const agdb__channels_t *channels, const char *name)
{
    size_t low = 0;
    size_t high = channels->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (strcmp(channels->all[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

agdb__channel_t *agdb__channels_find(const agdb__channels_t *channels, const char *name)
{
    const size_t at = place_of(channels, name);

    return at < channels->count && strcmp(channels->all[at]->name, name) == 0 ? channels->all[at]
                                                                              : NULL;
}

static bool make_room(agdb__channels_t *channels)
{
    const size_t room = channels->room != 0 ? 2 * channels->room : FIRST_ROOM;
    agdb__channel_t **grown;

    if (channels->count < channels->room)
        return true;
    grown = agdb__realloc(channels->all, room * sizeof(agdb__channel_t *));
    if (grown == NULL)
        return false;
    channels->all = grown;
    channels->room = room;
    return true;
}

static agdb__channel_t *add(agdb__channels_t *channels, const char *name)
{
    const size_t at = place_of(channels, name);
    agdb__channel_t *channel;

    if (!make_room(channels))
        return NULL;
    channel = agdb__calloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    memcpy(channel->name, name, strnlen(name, AGDB__CHANNEL_NAME_MAX));
    memmove(&channels->all[at + 1], &channels->all[at],
            (channels->count - at) * sizeof(agdb__channel_t *));
    channels->all[at] = channel;
    channels->count++;
    return channel;
}

bool agdb__channels_join(agdb__channels_t *channels, const char *name, agdb__hearer_t *hearer)
{
    agdb__channel_t *channel = agdb__channels_find(channels, name);

    if (channel == NULL)
        channel = add(channels, name);
    if (channel == NULL)
        return false;
    channels->heard += channel->hearers == NULL;
    *hearer = (agdb__hearer_t){.next = channel->hearers, .channel = channel};
    if (channel->hearers != NULL)
        channel->hearers->prev = hearer;
    channel->hearers = hearer;
    channels->look_us = 0;
    return true;
}

static void drop(agdb__channels_t *channels, agdb__channel_t *channel)
{
    const size_t at = place_of(channels, channel->name);

    channels->count--;
    memmove(&channels->all[at], &channels->all[at + 1],
            (channels->count - at) * sizeof(agdb__channel_t *));
    agdb__free(channel);
}

void agdb__channels_leave(agdb__channels_t *channels, agdb__hearer_t *hearer)
{
    agdb__channel_t *channel = hearer->channel;

    if (channel == NULL)
        return;
    if (hearer->next != NULL)
        hearer->next->prev = hearer->prev;
    if (hearer->prev != NULL)
        hearer->prev->next = hearer->next;
    else
        channel->hearers = hearer->next;
    *hearer = (agdb__hearer_t){0};
    if (channel->hearers != NULL)
        return;
    channels->heard--;
    channels->look_us = 0;
    if (channel->state == AGDB__CHANNEL_ABSENT)
        drop(channels, channel);
}

static bool is_wanted(const agdb__channel_t *channel)
{
    return channel->hearers != NULL;
}

/* Whether the server has to be asked for something. */
static bool is_due(const agdb__channel_t *channel, uint64_t now_us)
{
    if (channel->state == AGDB__CHANNEL_ABSENT)
        return is_wanted(channel) && now_us >= channel->retry_us;
    return channel->state == AGDB__CHANNEL_STANDS && !is_wanted(channel);
}

size_t agdb__channels_ask(agdb__channels_t *channels, uint64_t now_us, agdb__channel_t **ret,
                          size_t max)
{
    size_t count = 0;
    size_t i;

    if (now_us < channels->look_us)
        return 0;
    channels->look_us = AGDB__NEVER;
    for (i = 0; i < channels->count; i++) {
        agdb__channel_t *channel = channels->all[i];

        if (channel->state == AGDB__CHANNEL_ABSENT && is_wanted(channel) &&
            now_us < channel->retry_us)
            channels->look_us = agdb__min_us(channels->look_us, channel->retry_us);
        if (!is_due(channel, now_us))
            continue;
        if (count == max) {
            channels->look_us = 0;
            break;
        }
        channel->state = is_wanted(channel) ? AGDB__CHANNEL_ASKED : AGDB__CHANNEL_LEAVING;
        ret[count++] = channel;
    }
    return count;
}

/* ABSENT: dropped when nobody wants it, else asked for at that time. */
static void is_absent(agdb__channels_t *channels, agdb__channel_t *channel, uint64_t retry_us)
{
    channel->state = AGDB__CHANNEL_ABSENT;
    channel->retry_us = retry_us;
    if (is_wanted(channel))
        channels->look_us = agdb__min_us(channels->look_us, retry_us);
    else
        drop(channels, channel);
}

bool agdb__channels_done(agdb__channels_t *channels, agdb__channel_t *channel)
{
    if (channel->state == AGDB__CHANNEL_LEAVING) {
        is_absent(channels, channel, 0);
        return false;
    }
    if (channel->state != AGDB__CHANNEL_ASKED)
        return false;
    channel->state = AGDB__CHANNEL_STANDS;
    if (!is_wanted(channel))
        channels->look_us = 0;
    return true;
}

void agdb__channels_refused(agdb__channels_t *channels, agdb__channel_t *channel, uint64_t retry_us)
{
    is_absent(channels, channel, retry_us);
}

void agdb__channels_reset(agdb__channels_t *channels)
{
    size_t i = channels->count;

    while (i-- > 0) /* drop() closes the gap behind it */
        is_absent(channels, channels->all[i], 0);
}
