/* agencydb/result.h, agencydb/libpq.h */
#include "pg/result.h"

#include "agencydb/libpq.h"
#include "agencydb/request.h"
#include "base/error.h"
#include "pg/decode.h"

#include <libpq-fe.h>

static bool is_inside(const agdb_result_t *res, size_t row, size_t col)
{
    return row < agdb_result_rows(res) && col < agdb_result_cols(res);
}

/* Where a row is: of a merged result in one of its legs. */
static const PGresult *find(const agdb_result_t *res, size_t row, int *ret_row)
{
    agdb__row_t at;

    *ret_row = (int)row;
    if (res->merged == NULL || res->merged->row == NULL)
        return res->pg;
    at = res->merged->row[row];
    *ret_row = (int)at.row;
    return res->merged->leg[at.leg]->pg;
}

size_t agdb_result_rows(const agdb_result_t *res)
{
    if (res == NULL)
        return 0;
    return res->merged != NULL ? res->merged->nrows : (size_t)PQntuples(res->pg);
}

size_t agdb_result_cols(const agdb_result_t *res)
{
    return res != NULL ? (size_t)PQnfields(res->pg) : 0;
}

/* Exact, unlike PQfnumber, which folds to lower case and takes quotes off. */
int agdb_result_column(const agdb_result_t *res, const char *name)
{
    const size_t cols = agdb_result_cols(res);
    size_t i;

    for (i = 0; name != NULL && i < cols; i++)
        if (strcmp(PQfname(res->pg, (int)i), name) == 0)
            return (int)i;
    return -1;
}

const char *agdb_result_column_name(const agdb_result_t *res, size_t col)
{
    return col < agdb_result_cols(res) ? PQfname(res->pg, (int)col) : "";
}

uint32_t agdb_result_column_oid(const agdb_result_t *res, size_t col)
{
    return col < agdb_result_cols(res) ? PQftype(res->pg, (int)col) : 0;
}

bool agdb_result_is_null(const agdb_result_t *res, size_t row, size_t col)
{
    const PGresult *pg;
    int at;

    if (!is_inside(res, row, col))
        return true;
    pg = find(res, row, &at);
    return PQgetisnull(pg, at, (int)col) != 0;
}

const char *agdb_result_text(const agdb_result_t *res, size_t row, size_t col)
{
    const PGresult *pg;
    int at;

    if (agdb_result_is_null(res, row, col))
        return NULL;
    pg = find(res, row, &at);
    return PQgetvalue(pg, at, (int)col);
}

size_t agdb_result_length(const agdb_result_t *res, size_t row, size_t col)
{
    const PGresult *pg;
    int at;

    if (agdb_result_is_null(res, row, col))
        return 0;
    pg = find(res, row, &at);
    return (size_t)PQgetlength(pg, at, (int)col);
}

static agdb_status_t at_result_stage(agdb_status_t st, agdb_error_t **reterr)
{
    agdb__error_stage(reterr, AGDB_STAGE_RESULT);
    return st;
}

static agdb_status_t fail_type(const agdb_result_t *res, size_t col, const char *wanted,
                               agdb_error_t **reterr)
{
    const uint32_t oid = agdb_result_column_oid(res, col);
    const char *name = agdb__type_name(oid);
    const char *column = agdb_result_column_name(res, col);

    if (name != NULL)
        (void)agdb__fail(reterr, AGDB_E_TYPE,
                         "column '%s' is %s, not %s: cast it, or take the text", column, name,
                         wanted);
    else
        (void)agdb__fail(reterr, AGDB_E_TYPE,
                         "column '%s' is of type OID %u, not %s: cast it, or take the text", column,
                         (unsigned)oid, wanted);
    return at_result_stage(AGDB_E_TYPE, reterr);
}

/* Checks what all typed getters check. *ret_text is the value when AGDB_OK. */
static agdb_status_t get_value(const agdb_result_t *res, size_t row, size_t col, bool type_fits,
                               const char *wanted, const char **ret_text, agdb_error_t **reterr)
{
    if (!is_inside(res, row, col))
        return at_result_stage(agdb__fail(reterr, AGDB_E_INVAL,
                                          "row %zu column %zu is outside of %zu x %zu", row, col,
                                          agdb_result_rows(res), agdb_result_cols(res)),
                               reterr);
    if (!type_fits)
        return fail_type(res, col, wanted, reterr);
    if (agdb_result_is_null(res, row, col))
        return at_result_stage(agdb__fail(reterr, AGDB_E_NULL, "column '%s' of row %zu is NULL",
                                          agdb_result_column_name(res, col), row),
                               reterr);
    *ret_text = agdb_result_text(res, row, col);
    return AGDB_OK;
}

static agdb_status_t fail_ret(agdb_error_t **reterr)
{
    return at_result_stage(agdb__fail(reterr, AGDB_E_INVAL, "there is no place for the value"),
                           reterr);
}

agdb_status_t agdb_result_int64(const agdb_result_t *res, size_t row, size_t col, int64_t *ret,
                                agdb_error_t **reterr)
{
    const bool fits = agdb__type_is_int64(agdb_result_column_oid(res, col));
    const char *text = NULL;
    agdb_status_t st;

    if (ret == NULL)
        return fail_ret(reterr);
    st = get_value(res, row, col, fits, "an integer", &text, reterr);
    if (st == AGDB_OK && !agdb__decode_int64(text, ret))
        st = fail_type(res, col, "an integer that was understood", reterr);
    return st;
}

agdb_status_t agdb_result_double(const agdb_result_t *res, size_t row, size_t col, double *ret,
                                 agdb_error_t **reterr)
{
    const bool fits = agdb__type_is_double(agdb_result_column_oid(res, col));
    const char *text = NULL;
    agdb_status_t st;

    if (ret == NULL)
        return fail_ret(reterr);
    st = get_value(res, row, col, fits, "a number that a double holds exactly", &text, reterr);
    if (st == AGDB_OK && !agdb__decode_double(text, ret))
        st = fail_type(res, col, "a number that was understood", reterr);
    return st;
}

agdb_status_t agdb_result_bool(const agdb_result_t *res, size_t row, size_t col, bool *ret,
                               agdb_error_t **reterr)
{
    const bool fits = agdb_result_column_oid(res, col) == AGDB_OID_BOOL;
    const char *text = NULL;
    agdb_status_t st;

    if (ret == NULL)
        return fail_ret(reterr);
    st = get_value(res, row, col, fits, "boolean", &text, reterr);
    if (st == AGDB_OK && !agdb__decode_bool(text, ret))
        st = fail_type(res, col, "a boolean that was understood", reterr);
    return st;
}

agdb_status_t agdb_result_bytes(const agdb_result_t *res, size_t row, size_t col, void *buf,
                                size_t size, size_t *ret_len, agdb_error_t **reterr)
{
    const bool fits = agdb_result_column_oid(res, col) == AGDB_OID_BYTEA;
    const char *text = NULL;
    size_t text_len;
    agdb_status_t st;

    if (ret_len == NULL || (buf == NULL && size != 0))
        return fail_ret(reterr);
    st = get_value(res, row, col, fits, "bytea", &text, reterr);
    if (st != AGDB_OK)
        return st;
    text_len = agdb_result_length(res, row, col);
    if (!agdb__decode_bytea_length(text, text_len, ret_len))
        return fail_type(res, col, "a bytea in hex form", reterr);
    if (size == 0)
        return AGDB_OK;
    if (*ret_len > size)
        return at_result_stage(agdb__fail(reterr, AGDB_E_TOO_BIG,
                                          "column '%s' holds %zu bytes, there is room for %zu",
                                          agdb_result_column_name(res, col), *ret_len, size),
                               reterr);
    if (!agdb__decode_bytea(text, text_len, buf))
        return fail_type(res, col, "a bytea in hex form", reterr);
    return AGDB_OK;
}

uint64_t agdb_result_affected(const agdb_result_t *res)
{
    if (res == NULL)
        return 0;
    return res->merged != NULL ? res->merged->affected : agdb__result_affected(res);
}

const char *agdb_result_tag(const agdb_result_t *res)
{
    return res != NULL && res->pg != NULL ? PQcmdStatus(res->pg) : "";
}

const char *agdb_result_shard(const agdb_result_t *res)
{
    return res != NULL ? res->shard : "";
}

const char *agdb_result_node(const agdb_result_t *res)
{
    return res != NULL ? res->node : "";
}

bool agdb_result_replayed(const agdb_result_t *res)
{
    return res != NULL && res->replayed;
}

agdb_role_t agdb_result_role(const agdb_result_t *res)
{
    return res != NULL ? res->role : AGDB_ROLE_UNKNOWN;
}

/* A caller of an older or newer version has another size: what both know is filled. */
void agdb_result_timing(const agdb_result_t *res, agdb_timing_t *ret)
{
    agdb_timing_t timing = {.struct_size = sizeof timing};
    size_t size;

    if (ret == NULL || ret->struct_size < sizeof ret->struct_size)
        return;
    if (res != NULL)
        timing = res->timing;
    size = ret->struct_size;
    timing.struct_size = size;
    memcpy(ret, &timing, size < sizeof timing ? size : sizeof timing);
}

void agdb_result_free(agdb_result_t *res)
{
    agdb__result_free(res);
}

/* --- several shards ----------------------------------------------------------------------------
 */

size_t agdb_result_leg_count(const agdb_result_t *res)
{
    if (res == NULL)
        return 0;
    return res->merged != NULL ? res->merged->nlegs : 1;
}

const agdb_result_t *agdb_result_leg(const agdb_result_t *res, size_t index)
{
    if (index >= agdb_result_leg_count(res))
        return NULL;
    return res->merged != NULL ? res->merged->leg[index] : res;
}

const char *agdb_result_row_shard(const agdb_result_t *res, size_t row)
{
    if (row >= agdb_result_rows(res))
        return "";
    if (res->merged == NULL)
        return res->shard;
    return res->merged->row != NULL ? res->merged->leg[res->merged->row[row].leg]->shard : "";
}

size_t agdb_result_failure_count(const agdb_result_t *res)
{
    return res != NULL && res->merged != NULL ? res->merged->nfailures : 0;
}

const agdb_error_t *agdb_result_failure(const agdb_result_t *res, size_t index)
{
    return index < agdb_result_failure_count(res) ? res->merged->failure[index] : NULL;
}

const PGresult *agdb_result_pgresult(const agdb_result_t *res)
{
    if (res == NULL || (res->merged != NULL && res->merged->combined == NULL))
        return NULL;
    return res->pg;
}
