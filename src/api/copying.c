#include "api/copying.h"

#include "api/border.h"
#include "base/alloc.h"
#include "base/error.h"
#include "exec/bulk_report.h"
#include "map/route.h"

agdb_status_t agdb__copying_shards(const agdb__edition_t *edition,
                                   const agdb_copy_options_t *options, size_t *ret_keyspace,
                                   agdb__shard_t ***ret, size_t *ret_count, agdb_error_t **reterr)
{
    agdb_status_t st = agdb__client_keyspace(edition, options->keyspace, ret_keyspace, reterr);
    size_t count = 0;
    size_t first = 0;
    size_t i;

    if (st != AGDB_OK)
        return st;
    if (options->shard != NULL) {
        st = agdb__client_shard_named(edition, *ret_keyspace, options->shard, &first, reterr);
        count = 1;
    } else if (options->key.data != NULL) {
        first = agdb__map_route(edition->map, *ret_keyspace, options->key).shard;
        count = 1;
    } else {
        count = edition->map->keyspaces[*ret_keyspace].nshards;
    }
    if (st != AGDB_OK)
        return st;
    *ret = agdb__calloc(count, sizeof **ret);
    if (*ret == NULL)
        return agdb__fail_nomem(reterr);
    for (i = 0; i < count; i++)
        (*ret)[i] = agdb__layout_shard(&edition->layout, *ret_keyspace, first + i);
    *ret_count = count;
    return AGDB_OK;
}

/* --- reports ------------------------------------------------------------------------------------
 */

uint64_t agdb_copy_report_rows(const agdb_copy_report_t *report)
{
    return report != NULL ? report->rows : 0;
}

uint64_t agdb_copy_report_bytes(const agdb_copy_report_t *report)
{
    return report != NULL ? report->bytes : 0;
}

size_t agdb_copy_report_count(const agdb_copy_report_t *report)
{
    return report != NULL ? report->count : 0;
}

bool agdb_copy_report_shard(const agdb_copy_report_t *report, size_t index, agdb_copy_shard_t *ret)
{
    size_t size;

    if (report == NULL || ret == NULL || index >= report->count || ret->struct_size < sizeof size)
        return false;
    size = ret->struct_size;
    memset(ret, 0, size);
    memcpy(ret, &report->shard[index], size < sizeof *ret ? size : sizeof *ret);
    ret->struct_size = size;
    return true;
}

const char *agdb_copy_report_resume(const agdb_copy_report_t *report)
{
    return report != NULL && report->resume != NULL ? report->resume : "";
}

void agdb_copy_report_free(agdb_copy_report_t *report)
{
    agdb__bulk_report_free(report);
}
