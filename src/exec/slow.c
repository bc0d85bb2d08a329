#include "exec/slow.h"

#include "base/clock.h"
#include "base/error.h"
#include "map/quote.h"

#include <stdio.h>

static const char *node_of(const agdb__call_t *call)
{
    return agdb__call_has_node(call) ? call->shard->nodes[call->node].name : "";
}

/* A word as it stands in the line: what is missing has its place, too. */
static const char *or_dash(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "-";
}

static void tell(const agdb__call_t *call, agdb_log_record_t *record, uint32_t unsaid)
{
    const agdb__map_agency_t agency = {.key = call->agency.data, .key_len = call->agency.len};
    char key[AGDB__KEY_TEXT] = "-";
    char line[1024];
    int n;

    if (call->agency.len > 0)
        (void)agdb__key_text(&agency, key);
    n = snprintf(line, sizeof line, "slow %llu ms %s %s %s/%s wait %llu exec %llu attempts %u",
                 (unsigned long long)(record->total_us / 1000), key, or_dash(record->tag),
                 record->shard, or_dash(record->node), (unsigned long long)(record->wait_us / 1000),
                 (unsigned long long)(record->exec_us / 1000), call->attempts);
    if (record->status != AGDB_OK && n > 0 && (size_t)n < sizeof line)
        n += snprintf(line + n, sizeof line - (size_t)n, " %s", agdb__status_name(record->status));
    if (unsaid > 0 && n > 0 && (size_t)n < sizeof line)
        snprintf(line + n, sizeof line - (size_t)n, " (%u more were slow, untold)", unsaid);
    record->message = line;
    record->unsaid = unsaid;
    agdb__log_record(call->shard->logger, record);
}

void agdb__slow_tell(const agdb__call_t *call, agdb_status_t status, uint64_t exec_us,
                     uint64_t wait_us)
{
    const agdb__shard_t *shard = call->shard;
    agdb_log_record_t record = {
        .struct_size = sizeof record,
        .level = AGDB_LOG_WARN,
        .kind = AGDB_LOG_SLOW,
        .shard = shard->name,
        .node = node_of(call),
        .tag = call->tag != NULL ? call->tag : "",
        .agency = call->agency,
        .status = status,
        .total_us = exec_us + wait_us,
        .wait_us = wait_us,
        .exec_us = exec_us,
    };
    uint32_t unsaid = 0;

    if (record.total_us >= shard->slow_us && agdb__log_wants(shard->logger, AGDB_LOG_WARN) &&
        agdb__throttle_pass(&shard->tally->slow, agdb__now_us(), &unsaid))
        tell(call, &record, unsaid);
}
