#include "exec/bulk_report.h"

#include "base/alloc.h"
#include "base/error.h"

agdb_copy_report_t *agdb__bulk_report_new(size_t count)
{
    agdb_copy_report_t *report = agdb__calloc(1, sizeof *report);

    if (report == NULL)
        return NULL;
    report->shard = agdb__calloc(count != 0 ? count : 1, sizeof *report->shard);
    if (report->shard == NULL) {
        agdb__free(report);
        return NULL;
    }
    report->count = count;
    return report;
}

static void clear(agdb_copy_shard_t *shard)
{
    agdb__free((char *)(uintptr_t)shard->shard);
    agdb__error_free((agdb_error_t *)(uintptr_t)shard->error);
}

void agdb__bulk_report_set(agdb_copy_report_t *report, size_t i, const agdb_copy_shard_t *shard)
{
    agdb_copy_shard_t copy = *shard;

    copy.struct_size = sizeof copy;
    copy.shard = agdb__strdup(shard->shard);
    copy.error = agdb__error_dup(shard->error);
    clear(&report->shard[i]);
    report->shard[i] = copy;
}

void agdb__bulk_report_free(agdb_copy_report_t *report)
{
    size_t i;

    if (report == NULL)
        return;
    for (i = 0; i < report->count; i++)
        clear(&report->shard[i]);
    agdb__free(report->shard);
    agdb__free(report->resume);
    agdb__free(report);
}
