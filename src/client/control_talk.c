#include "client/control_talk.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>

void agdb__talk_begin(agdb__talk_t *t, uint64_t now_us)
{
    *t = (agdb__talk_t){.state = AGDB__TALK_LISTENS,
                        .until_us = agdb__after_ms(now_us, AGDB__TALK_LISTEN_MS)};
    agdb__buf_init(&t->answer, AGDB__TALK_ANSWER);
}

void agdb__talk_end(agdb__talk_t *t)
{
    agdb__buf_fini(&t->answer);
    t->state = AGDB__TALK_OVER;
}

/* --- the answer --------------------------------------------------------------------------------
 */

agdb__buf_t *agdb__talk_ok(agdb__talk_t *t)
{
    agdb__buf_text(&t->answer, "ok\n");
    return &t->answer;
}

void agdb__talk_speak(agdb__talk_t *t, uint64_t now_us)
{
    t->state = AGDB__TALK_SPEAKS;
    t->until_us = agdb__after_ms(now_us, AGDB__TALK_STALL_MS);
    t->end_us = agdb__after_ms(now_us, AGDB__TALK_SPEAK_MS);
    if (t->answer.failed)
        t->instead = "error out of memory, or the answer is over 16 MiB\n";
}

/* One line, whatever is in the text. */
static void add_line(agdb__buf_t *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char c = (unsigned char)*text < 0x20 ? ' ' : *text;

        agdb__buf_add(out, &c, 1);
    }
    agdb__buf_text(out, "\n");
}

void agdb__talk_fail(agdb__talk_t *t, const char *why, uint64_t now_us)
{
    agdb__buf_text(&t->answer, "error ");
    add_line(&t->answer, why);
    agdb__talk_speak(t, now_us);
}

static const char *text_of(const agdb_error_t *error)
{
    return error->message != NULL ? error->message : "out of memory";
}

void agdb__talk_fail_with(agdb__talk_t *t, const agdb_error_t *error, uint64_t now_us)
{
    size_t i;

    agdb__talk_fail(t, text_of(error), now_us);
    for (i = 0; i < error->nchild; i++)
        add_line(&t->answer, text_of(error->child[i]));
    agdb__talk_speak(t, now_us);
}

/* --- the question ------------------------------------------------------------------------------
 */

static agdb__control_ask_t ask_of(const char *word, size_t len)
{
    static const struct {
        const char *word;
        agdb__control_ask_t ask;
    } known[] = {{"dump", AGDB__CONTROL_DUMP},
                 {"metrics", AGDB__CONTROL_METRICS},
                 {"status", AGDB__CONTROL_STATUS},
                 {"reload", AGDB__CONTROL_RELOAD},
                 {"version", AGDB__CONTROL_VERSION}};
    size_t i;

    for (i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i].word) == len && memcmp(known[i].word, word, len) == 0)
            return known[i].ask;
    return AGDB__CONTROL_NOTHING;
}

static agdb__control_ask_t fail(agdb__talk_t *t, const char *why, uint64_t now_us)
{
    agdb__talk_fail(t, why, now_us);
    return AGDB__CONTROL_NOTHING;
}

static agdb__control_ask_t end_of_line(agdb__talk_t *t, const char *feed, uint64_t now_us)
{
    const size_t len = (size_t)(feed - t->line);
    agdb__control_ask_t ask;

    if (len + 1 < t->len)
        return fail(t, "one request for each connection", now_us);
    ask = ask_of(t->line, len > 0 && feed[-1] == '\r' ? len - 1 : len);
    if (ask == AGDB__CONTROL_NOTHING)
        return fail(t, "no such request: say dump, metrics, status, reload or version", now_us);
    return ask;
}

agdb__control_ask_t agdb__talk_hear(agdb__talk_t *t, const void *data, size_t len, uint64_t now_us)
{
    const size_t room = sizeof t->line - t->len;
    const char *feed;

    if (len == 0 && t->len == 0) { /* who only looked whether somebody listens */
        agdb__talk_end(t);
        return AGDB__CONTROL_NOTHING;
    }
    if (len == 0)
        return fail(t, "the request has no end of its line", now_us);
    memcpy(t->line + t->len, data, len < room ? len : room);
    t->len += len < room ? len : room;
    feed = memchr(t->line, '\n', t->len);
    if (feed != NULL)
        return end_of_line(t, feed, now_us);
    if (t->len == sizeof t->line)
        return fail(t, "the request is too long: say dump, metrics, status, reload or version",
                    now_us);
    return AGDB__CONTROL_NOTHING;
}

void agdb__talk_wait(agdb__talk_t *t, uint64_t now_us)
{
    t->state = AGDB__TALK_WAITS;
    t->until_us = agdb__after_ms(now_us, AGDB__TALK_RELOAD_MS);
}

/* --- going on ----------------------------------------------------------------------------------
 */

size_t agdb__talk_rest(const agdb__talk_t *t, const char **ret)
{
    const char *text = t->instead != NULL ? t->instead : t->answer.data;

    if (t->state != AGDB__TALK_SPEAKS)
        return 0;
    *ret = text + t->sent;
    return (t->instead != NULL ? strlen(t->instead) : t->answer.len) - t->sent;
}

void agdb__talk_sent(agdb__talk_t *t, size_t len, uint64_t now_us)
{
    const char *at;

    t->sent += len;
    t->until_us = agdb__min_us(agdb__after_ms(now_us, AGDB__TALK_STALL_MS), t->end_us);
    if (agdb__talk_rest(t, &at) == 0)
        agdb__talk_end(t);
}

void agdb__talk_look(agdb__talk_t *t, uint64_t now_us)
{
    char why[96];

    if (t->state == AGDB__TALK_OVER || now_us < t->until_us)
        return;
    switch (t->state) {
    case AGDB__TALK_LISTENS:
        snprintf(why, sizeof why, "no request came within %d s", AGDB__TALK_LISTEN_MS / 1000);
        agdb__talk_fail(t, why, now_us);
        break;
    case AGDB__TALK_WAITS:
        snprintf(why, sizeof why, "the map's file could not be read within %d s",
                 AGDB__TALK_RELOAD_MS / 1000);
        agdb__talk_fail(t, why, now_us);
        break;
    case AGDB__TALK_SPEAKS:
    case AGDB__TALK_OVER:
        agdb__talk_end(t);
        break;
    }
}
