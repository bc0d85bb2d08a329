#include "exec/slow.h"

#include "base/clock.h"
#include "base/error.h"
#include "map/quote.h"

#include <stdarg.h>
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

/* --- the line ----------------------------------------------------------------------------------
 */

typedef struct line {
    char *text;
    size_t size;
    size_t len;
} line_t;

static void put(line_t *line, const char *format, ...) AGDB_PRINTF(2, 3);

static void put(line_t *line, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line->text + line->len, line->size - line->len, format, args);
    va_end(args);
    if (n > 0)
        line->len += (size_t)n < line->size - line->len ? (size_t)n : line->size - line->len - 1;
}

static void put_ms(line_t *line, const char *name, uint64_t us)
{
    put(line, " %s %llu", name, (unsigned long long)(us / 1000));
}

/* Whom it was for, and where it went. */
static void put_whose(line_t *line, const agdb_log_record_t *record)
{
    const agdb__map_agency_t agency = {.key = record->agency.data, .key_len = record->agency.len};
    char key[AGDB__KEY_TEXT] = "-";

    if (record->agency.len > 0)
        (void)agdb__key_text(&agency, key);
    put(line, "slow %llu ms %s %s %s/%s", (unsigned long long)(record->total_us / 1000), key,
        or_dash(record->tag), record->shard, or_dash(record->node));
}

/* What is seldom there is told only when it is. */
static void put_parts(line_t *line, const agdb_log_record_t *record)
{
    if (record->park_us >= 1000)
        put_ms(line, "park", record->park_us);
    put_ms(line, "queue", record->queue_us);
    put_ms(line, "connect", record->connect_us);
    put_ms(line, "exec", record->exec_us);
    put(line, " group %u", record->group);
    if (record->attempts > 1)
        put(line, " attempts %u", record->attempts);
    if (record->attempts > 1 || record->earlier_us >= 1000)
        put_ms(line, "earlier", record->earlier_us);
}

void agdb__slow_line(const agdb_log_record_t *record, char *ret, size_t size)
{
    line_t line = {.text = ret, .size = size};

    put_whose(&line, record);
    put_parts(&line, record);
    if (record->status != AGDB_OK)
        put(&line, " %s", agdb__status_name(record->status));
    if (record->unsaid > 0)
        put(&line, " (%u more were slow, untold)", record->unsaid);
}

/* --- telling -----------------------------------------------------------------------------------
 */

static void tell(const agdb__call_t *call, agdb_log_record_t *record)
{
    char line[1024];

    agdb__slow_line(record, line, sizeof line);
    record->message = line;
    agdb__log_record(call->shard->logger, record);
}

void agdb__slow_tell(const agdb__call_t *call, agdb_status_t status, const agdb_timing_t *timing)
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
        .total_us = timing->total_us,
        .wait_us = timing->wait_us,
        .exec_us = timing->exec_us,
        .attempts = timing->attempts,
        .park_us = timing->park_us,
        .earlier_us = timing->earlier_us,
        .queue_us = timing->queue_us,
        .connect_us = timing->connect_us,
        .group = timing->group,
    };

    if (record.total_us >= shard->slow_us && agdb__log_wants(shard->logger, AGDB_LOG_WARN) &&
        agdb__throttle_pass(&shard->tally->slow, agdb__now_us(), &record.unsaid))
        tell(call, &record);
}
