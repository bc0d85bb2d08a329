#include "cli/blocking.h"

#include <stdlib.h>

bool cli_session_waits(const cli_session_t *session)
{
    return strcmp(session->wait_type, "Lock") == 0;
}

static const cli_session_t *find(const cli_sessions_t *sessions, int64_t pid)
{
    size_t i;

    for (i = 0; i < sessions->count; i++)
        if (sessions->items[i].pid == pid)
            return &sessions->items[i];
    return NULL;
}

/* The end of the chain that begins with one that waits. A circle, which the server is about to
 * break, ends where it is entered again: after as many steps as there are sessions. */
static int64_t find_root(const cli_sessions_t *sessions, const cli_session_t *from)
{
    int64_t pid = from->blockers[0];
    size_t steps;

    for (steps = 0; steps < sessions->count; steps++) {
        const cli_session_t *at = find(sessions, pid);

        if (at == NULL || !cli_session_waits(at))
            break;
        pid = at->blockers[0];
    }
    return pid;
}

static cli_block_t *find_block(cli_blocks_t *blocks, const cli_sessions_t *sessions, int64_t pid)
{
    size_t i;

    for (i = 0; i < blocks->count; i++)
        if (blocks->items[i].pid == pid)
            return &blocks->items[i];
    blocks->items = cli_grow(blocks->items, blocks->count, sizeof *blocks->items);
    blocks->items[blocks->count] =
        (cli_block_t){.pid = pid, .root = find(sessions, pid), .longest_ms = -1};
    return &blocks->items[blocks->count++];
}

static int by_waiting(const void *a, const void *b)
{
    const cli_block_t *left = a;
    const cli_block_t *right = b;

    if (left->waiting != right->waiting)
        return left->waiting > right->waiting ? -1 : 1;
    if (left->longest_ms != right->longest_ms)
        return left->longest_ms > right->longest_ms ? -1 : 1;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

cli_blocks_t cli_blocks_of(const cli_sessions_t *sessions)
{
    cli_blocks_t blocks = {0};
    size_t i;

    for (i = 0; i < sessions->count; i++) {
        const cli_session_t *session = &sessions->items[i];
        cli_block_t *block;

        if (!cli_session_waits(session))
            continue;
        block = find_block(&blocks, sessions, find_root(sessions, session));
        block->waiting++;
        if (session->waiting_ms > block->longest_ms)
            block->longest_ms = session->waiting_ms;
    }
    if (blocks.count > 0)
        qsort(blocks.items, blocks.count, sizeof *blocks.items, by_waiting);
    return blocks;
}

char *cli_session_text(const cli_session_t *session)
{
    return cli_format(
        "%s, pid %lld, %s for %s", session->service[0] != '\0' ? session->service : session->user,
        (long long)session->pid, session->state != NULL ? session->state : "in a hidden state",
        cli_span_text(session->state_ms));
}
