#include "journal.h"

#include "base/clock.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 20000, SHOWN = 100 };

journal_t *journal_new(void)
{
    journal_t *j = calloc(1, sizeof *j);

    assert_non_null(j);
    assert_true(agdb__mutex_init(&j->lock));
    assert_true(agdb__cond_init(&j->grown));
    return j;
}

void journal_free(journal_t *j)
{
    agdb__cond_fini(&j->grown);
    agdb__mutex_fini(&j->lock);
    free(j);
}

static void note(journal_t *j, const agdb_notification_t *n)
{
    const char *payload = agdb_notification_payload(n);
    char *line = j->line[j->count];
    int len = snprintf(
        line, JOURNAL_LINE, "%llu %s %s", (unsigned long long)agdb_notification_sequence(n),
        agdb_listen_kind_name(agdb_notification_kind(n)), agdb_notification_shard(n));

    if (strlen(payload) > SHOWN)
        snprintf(line + len, JOURNAL_LINE - (size_t)len, " (%zu bytes)", strlen(payload));
    else if (agdb_notification_kind(n) == AGDB_LISTEN_NOTIFIED)
        snprintf(line + len, JOURNAL_LINE - (size_t)len, " %s", payload);
    snprintf(j->reason[j->count], JOURNAL_LINE, "%s", agdb_notification_reason(n));
    snprintf(j->node[j->count], sizeof j->node[0], "%s", agdb_notification_node(n));
    snprintf(j->payload, sizeof j->payload, "%s", payload);
    j->pid = agdb_notification_pid(n);
    j->count++;
}

void journal_write(const agdb_notification_t *notification, void *user)
{
    journal_t *j = user;

    agdb__lock(&j->lock);
    j->inside = true;
    agdb__cond_broadcast(&j->grown);
    while (j->holds)
        (void)agdb__cond_wait(&j->grown, &j->lock, AGDB__NEVER);
    if (j->count < JOURNAL_LINES)
        note(j, notification);
    j->inside = false;
    agdb__cond_broadcast(&j->grown);
    agdb__unlock(&j->lock);
}

void journal_hold(journal_t *j, bool hold)
{
    agdb__lock(&j->lock);
    j->holds = hold;
    agdb__cond_broadcast(&j->grown);
    agdb__unlock(&j->lock);
}

void journal_wait_inside(journal_t *j)
{
    agdb__lock(&j->lock);
    while (!j->inside)
        (void)agdb__cond_wait(&j->grown, &j->lock, AGDB__NEVER);
    agdb__unlock(&j->lock);
}

size_t journal_count(journal_t *j)
{
    size_t count;

    agdb__lock(&j->lock);
    count = j->count;
    agdb__unlock(&j->lock);
    return count;
}

bool journal_ends_with(journal_t *j, const char *payload)
{
    bool same;

    agdb__lock(&j->lock);
    same = strcmp(j->payload, payload) == 0;
    agdb__unlock(&j->lock);
    return same;
}

void journal_wait(journal_t *j, size_t count)
{
    const uint64_t until_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);
    bool in_time = true;
    size_t now;

    agdb__lock(&j->lock);
    while (in_time && j->count < count)
        in_time = agdb__cond_wait(&j->grown, &j->lock, until_us);
    now = j->count;
    agdb__unlock(&j->lock);
    if (now < count)
        fail_msg("%zu lines, not %zu; the last is '%s' (%s)", now, count,
                 now > 0 ? j->line[now - 1] : "", now > 0 ? j->reason[now - 1] : "");
}

void journal_expect(journal_t *j, size_t i, const char *line)
{
    journal_wait(j, i + 1);
    if (strcmp(j->line[i], line) != 0)
        fail_msg("'%s' (%s), not '%s'", j->line[i], j->reason[i], line);
}

void journal_expect_reason(journal_t *j, size_t i, const char *part)
{
    journal_wait(j, i + 1);
    if (strstr(j->reason[i], part) == NULL)
        fail_msg("'%s': '%s' has no '%s'", j->line[i], j->reason[i], part);
}
