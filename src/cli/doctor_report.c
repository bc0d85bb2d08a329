#include "cli/doctor_report.h"

#include "cli/status_report.h"
#include "cli/table.h"

#include <stdio.h>

static cli_status_t status_of(const cli_doctor_t *doctor)
{
    return (cli_status_t){.map = doctor->map, .nodes = &doctor->nodes, .sights = doctor->sights};
}

/* The first login that may not see what others do; NULL: each may. */
static const char *blind_login(const cli_doctor_t *doctor)
{
    size_t i;

    for (i = 0; i < doctor->nodes.count; i++)
        if (doctor->sights[i].reason == NULL && !doctor->sights[i].sees_all)
            return doctor->sights[i].login;
    return NULL;
}

/* --- for people ------------------------------------------------------------------------------- */
static void print_route(const cli_doctor_t *doctor)
{
    const agdb_route_info_t *route = &doctor->route;

    printf("Agency %s: hash %016llx, slot %u, shard '%s' of keyspace '%s', by %s%s\n\n",
           doctor->key, (unsigned long long)route->hash, route->slot, route->shard, route->keyspace,
           route->pinned ? "pin" : "slot", route->frozen ? "; the map refuses its writes" : "");
}

static const char *number(size_t count)
{
    return cli_format("%zu", count);
}

static void add_work(cli_table_t *table, const cli_work_t *work)
{
    cli_table_row(table, (const char *const[]){
                             work->service[0] != '\0' ? work->service : "-",
                             work->tag[0] != '\0' ? work->tag : "-", number(work->running),
                             number(work->waiting), number(work->idle_in_transaction),
                             cli_span_text(work->longest->state_ms), work->longest->statement});
}

static void print_works(const cli_doctor_t *doctor)
{
    static const char *const k_heads[] = {"SERVICE",    "TAG",     "RUNNING",  "WAITING",
                                          "IDLE IN TX", "LONGEST", "STATEMENT"};
    const cli_works_t works = cli_doctor_works(doctor);
    const char *blind = blind_login(doctor);
    cli_table_t table;
    size_t hidden = 0;
    size_t i;

    cli_table_init(&table, sizeof k_heads / sizeof k_heads[0]);
    table.right[2] = table.right[3] = table.right[4] = table.right[5] = true;
    cli_table_row(&table, k_heads);
    for (i = 0; i < works.count; i++) {
        hidden += works.items[i].hidden;
        if (works.items[i].longest != NULL)
            add_work(&table, &works.items[i]);
    }
    printf("\n");
    if (table.count > table.columns)
        cli_table_print(&table, false);
    else
        printf("No statement runs%s.\n", hidden > 0 ? " that may be seen" : "");
    if (hidden > 0 && blind != NULL)
        printf("What %zu session%s of other roles do%s may not be seen: GRANT pg_monitor TO %s.\n",
               hidden, hidden == 1 ? "" : "s", hidden == 1 ? "es" : "", cli_quoted(blind, '"'));
}

static void print_waiter(const cli_session_t *session)
{
    size_t i;

    printf("  %s waits %s for", cli_session_text(session), cli_span_text(session->waiting_ms));
    for (i = 0; session->blockers[i] != 0; i++)
        printf("%s %lld", i > 0 ? "," : "", (long long)session->blockers[i]);
    printf("%s: %s\n", i == 0 ? " a prepared transaction" : "", session->statement);
}

static void print_blockers(const cli_doctor_t *doctor)
{
    size_t i;
    size_t b;
    size_t s;

    for (i = 0; i < doctor->nodes.count; i++) {
        const cli_blocks_t *blocks = &doctor->blocks[i];

        if (blocks->count > 0)
            printf("\nHeld up on %s:\n", doctor->nodes.items[i].name);
        for (b = 0; b < blocks->count; b++) {
            const cli_block_t *block = &blocks->items[b];

            printf("  %s holds up %zu%s%s\n",
                   block->root != NULL
                       ? cli_session_text(block->root)
                       : cli_format("pid %lld (no client's, or hidden)", (long long)block->pid),
                   block->waiting, block->root != NULL ? ": " : "",
                   block->root != NULL ? block->root->statement : "");
        }
        for (s = 0; s < doctor->sessions[i].count; s++)
            if (cli_session_waits(&doctor->sessions[i].items[s]))
                print_waiter(&doctor->sessions[i].items[s]);
    }
}

static void print_limits(const cli_doctor_t *doctor)
{
    static const char *const k_heads[] = {"NODE", "CONNECTIONS", "USED", "ALLOWED"};
    cli_table_t table;
    size_t i;

    if (doctor->nlimits == 0)
        return;
    cli_table_init(&table, sizeof k_heads / sizeof k_heads[0]);
    table.right[2] = table.right[3] = true;
    cli_table_row(&table, k_heads);
    for (i = 0; i < doctor->nlimits; i++)
        cli_table_row(&table, (const char *const[]){doctor->limits[i].node, doctor->limits[i].what,
                                                    number(doctor->limits[i].used),
                                                    number(doctor->limits[i].allowed)});
    printf("\n");
    cli_table_print(&table, false);
}

static void print_keys(const cli_doctor_t *doctor)
{
    const cli_keys_t *keys = &doctor->keys;
    size_t i;

    if (keys->fault != NULL && keys->fault[0] != '\0')
        printf("\nIdempotency keys are not known: %s\n", keys->fault);
    if (keys->fault == NULL) {
        printf("\nIdempotency keys: %s%lld rows, %lld dead, %lld kB, ",
               keys->oldest_at_least ? "at least " : "", (long long)keys->rows,
               (long long)keys->dead, (long long)(keys->bytes / 1024));
        if (keys->oldest_ms >= 0)
            printf("up to %s%s old, ", cli_span_text(keys->oldest_ms),
                   keys->oldest_at_least ? " or more" : "");
        printf("kept for %s\n", cli_span_text((int64_t)doctor->nodes.items[0].keep_ms));
    }
    for (i = 0; i < doctor->nslots; i++)
        printf("Slot %s: %s, holds %lld kB of WAL\n", doctor->slots[i].name,
               doctor->slots[i].active ? "in use" : "not in use",
               (long long)(doctor->slots[i].bytes / 1024));
}

void cli_doctor_print(const cli_doctor_t *doctor, const cli_verdicts_t *verdicts)
{
    const cli_status_t status = status_of(doctor);
    size_t i;

    print_route(doctor);
    cli_status_print(&status);
    print_works(doctor);
    print_blockers(doctor);
    print_limits(doctor);
    print_keys(doctor);
    printf("\n");
    for (i = 1; i < verdicts->count; i++)
        printf("also: %s; %s\n", verdicts->items[i].text, verdicts->items[i].remedy);
    printf("verdict: %s; what to do: %s\n", verdicts->items[0].text, verdicts->items[0].remedy);
}

/* --- as JSON ---------------------------------------------------------------------------------- */
static void json_route(const cli_doctor_t *doctor, cli_json_t *json)
{
    const agdb_route_info_t *route = &doctor->route;

    cli_json_open(json, "route", '{');
    cli_json_text(json, "key", doctor->key);
    cli_json_text(json, "hash", cli_format("%016llx", (unsigned long long)route->hash));
    cli_json_number(json, "slot", route->slot);
    cli_json_text(json, "keyspace", route->keyspace);
    cli_json_text(json, "shard", route->shard);
    cli_json_text(json, "by", route->pinned ? "pin" : "slot");
    cli_json_bool(json, "frozen", route->frozen);
    cli_json_close(json);
}

static void json_span(cli_json_t *json, const char *name, int64_t ms)
{
    if (ms >= 0)
        cli_json_number(json, name, (uint64_t)ms);
}

static void json_works(const cli_doctor_t *doctor, cli_json_t *json)
{
    const cli_works_t works = cli_doctor_works(doctor);
    size_t i;

    cli_json_open(json, "statements", '[');
    for (i = 0; i < works.count; i++) {
        const cli_work_t *work = &works.items[i];

        cli_json_open(json, NULL, '{');
        cli_json_text(json, "service", work->service);
        cli_json_text(json, "tag", work->tag);
        cli_json_number(json, "running", work->running);
        cli_json_number(json, "waiting", work->waiting);
        cli_json_number(json, "idle_in_transaction", work->idle_in_transaction);
        cli_json_number(json, "hidden", work->hidden);
        if (work->longest != NULL) {
            json_span(json, "longest_ms", work->longest->state_ms);
            cli_json_text(json, "statement", work->longest->statement);
        }
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void json_waiter(const char *node, const cli_session_t *session, cli_json_t *json)
{
    size_t i;

    cli_json_open(json, NULL, '{');
    cli_json_text(json, "node", node);
    cli_json_number(json, "pid", (uint64_t)session->pid);
    cli_json_text(json, "service", session->service);
    json_span(json, "waiting_ms", session->waiting_ms);
    cli_json_text(json, "statement", session->statement);
    cli_json_open(json, "for", '[');
    for (i = 0; session->blockers[i] != 0; i++)
        cli_json_number(json, NULL, (uint64_t)session->blockers[i]);
    cli_json_close(json);
    cli_json_close(json);
}

static void json_blockers(const cli_doctor_t *doctor, cli_json_t *json)
{
    size_t i;
    size_t k;

    cli_json_open(json, "blockers", '[');
    for (i = 0; i < doctor->nodes.count; i++)
        for (k = 0; k < doctor->blocks[i].count; k++) {
            const cli_block_t *block = &doctor->blocks[i].items[k];

            cli_json_open(json, NULL, '{');
            cli_json_text(json, "node", doctor->nodes.items[i].name);
            cli_json_number(json, "pid", (uint64_t)block->pid);
            cli_json_number(json, "holds_up", block->waiting);
            json_span(json, "longest_ms", block->longest_ms);
            if (block->root != NULL) {
                cli_json_text(json, "service", block->root->service);
                cli_json_text(json, "state", block->root->state != NULL ? block->root->state : "");
                json_span(json, "state_ms", block->root->state_ms);
                cli_json_text(json, "statement", block->root->statement);
            }
            cli_json_close(json);
        }
    cli_json_close(json);
    cli_json_open(json, "waiting", '[');
    for (i = 0; i < doctor->nodes.count; i++)
        for (k = 0; k < doctor->sessions[i].count; k++)
            if (cli_session_waits(&doctor->sessions[i].items[k]))
                json_waiter(doctor->nodes.items[i].name, &doctor->sessions[i].items[k], json);
    cli_json_close(json);
}

static void json_limits(const cli_doctor_t *doctor, cli_json_t *json)
{
    size_t i;

    cli_json_open(json, "connections", '[');
    for (i = 0; i < doctor->nlimits; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "node", doctor->limits[i].node);
        cli_json_text(json, "limit", doctor->limits[i].what);
        cli_json_number(json, "used", doctor->limits[i].used);
        cli_json_number(json, "allowed", doctor->limits[i].allowed);
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void json_keys(const cli_doctor_t *doctor, cli_json_t *json)
{
    size_t i;

    if (doctor->keys.fault == NULL) {
        cli_json_open(json, "idempotency", '{');
        json_span(json, "rows", doctor->keys.rows);
        json_span(json, "dead_rows", doctor->keys.dead);
        json_span(json, "bytes", doctor->keys.bytes);
        json_span(json, "oldest_ms", doctor->keys.oldest_ms);
        cli_json_bool(json, "oldest_at_least", doctor->keys.oldest_at_least);
        cli_json_number(json, "keep_ms", doctor->nodes.items[0].keep_ms);
        cli_json_close(json);
    }
    cli_json_open(json, "slots", '[');
    for (i = 0; i < doctor->nslots; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "slot", doctor->slots[i].name);
        cli_json_bool(json, "active", doctor->slots[i].active);
        cli_json_text(json, "wal_status", doctor->slots[i].status);
        json_span(json, "bytes", doctor->slots[i].bytes);
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void json_verdict(const cli_verdict_t *verdict, const char *name, cli_json_t *json)
{
    cli_json_open(json, name, '{');
    cli_json_text(json, "name", verdict->name);
    cli_json_text(json, "text", verdict->text);
    cli_json_text(json, "remedy", verdict->remedy);
    cli_json_close(json);
}

void cli_doctor_json(const cli_doctor_t *doctor, const cli_verdicts_t *verdicts, cli_json_t *json)
{
    const cli_status_t status = status_of(doctor);
    size_t i;

    cli_json_open(json, NULL, '{');
    json_route(doctor, json);
    cli_json_bool(json, "sees_all", blind_login(doctor) == NULL);
    cli_status_shard_json(&status, 0, "shard", json);
    json_works(doctor, json);
    json_blockers(doctor, json);
    json_limits(doctor, json);
    json_keys(doctor, json);
    json_verdict(&verdicts->items[0], "verdict", json);
    cli_json_open(json, "also", '[');
    for (i = 1; i < verdicts->count; i++)
        json_verdict(&verdicts->items[i], NULL, json);
    cli_json_close(json);
    cli_json_close(json);
}
