#include "exec/savepoints.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "map/text.h"

enum { SQL_MAX = 32 + 2 * AGDB__SAVEPOINT_NAME, NOT_SET = AGDB_SAVEPOINTS };

static agdb_status_t check_name(const char *name, agdb_error_t **reterr)
{
    const size_t len = name != NULL ? strlen(name) : 0;

    if (len >= 1 && !agdb__text_is_utf8(name, len))
        return agdb__fail(reterr, AGDB_E_INVAL, "a savepoint's name is UTF-8");
    if (len >= 1 && len < AGDB__SAVEPOINT_NAME)
        return AGDB_OK;
    return agdb__fail(reterr, AGDB_E_INVAL, "a savepoint's name has 1 to %d bytes, not %zu",
                      AGDB__SAVEPOINT_NAME - 1, len);
}

/* The last of that name counts. */
static unsigned find(const agdb__savepoints_t *all, const char *name)
{
    unsigned i = all->count;

    while (i > 0)
        if (strcmp(all->name[--i], name) == 0)
            return i;
    return NOT_SET;
}

static agdb_status_t command(agdb__savepoints_t *all, const char *what, const char *name,
                             agdb_error_t **reterr)
{
    agdb__buf_t sql;
    const char *at;

    if (all->nwaiting == AGDB__TX_CONTROLS)
        return agdb__fail(reterr, AGDB_E_TOO_BIG,
                          "%d savepoint commands wait for a statement already: run one between",
                          AGDB__TX_CONTROLS);
    agdb__buf_init(&sql, SQL_MAX);
    agdb__buf_text(&sql, what);
    agdb__buf_text(&sql, " \"");
    for (at = name; *at != '\0'; at++)
        agdb__buf_add(&sql, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    agdb__buf_text(&sql, "\"");
    all->waiting[all->nwaiting] = agdb__buf_take(&sql);
    if (all->waiting[all->nwaiting] == NULL)
        return agdb__fail_nomem(reterr);
    all->nwaiting++;
    return AGDB_OK;
}

agdb_status_t agdb__savepoints_set(agdb__savepoints_t *all, const char *name, agdb_error_t **reterr)
{
    agdb_status_t st = check_name(name, reterr);

    if (st != AGDB_OK)
        return st;
    if (all->count == AGDB_SAVEPOINTS)
        return agdb__fail(reterr, AGDB_E_TOO_BIG, "%d savepoints are set already: release some",
                          AGDB_SAVEPOINTS);
    if (all->name == NULL)
        all->name = agdb__calloc(AGDB_SAVEPOINTS, sizeof *all->name);
    if (all->name == NULL)
        return agdb__fail_nomem(reterr);
    st = command(all, "SAVEPOINT", name, reterr);
    if (st == AGDB_OK)
        memcpy(all->name[all->count++], name, strlen(name) + 1);
    return st;
}

static agdb_status_t about(agdb__savepoints_t *all, const char *what, const char *name,
                           unsigned *ret_at, agdb_error_t **reterr)
{
    agdb_status_t st = check_name(name, reterr);

    if (st != AGDB_OK)
        return st;
    *ret_at = find(all, name);
    if (*ret_at == NOT_SET)
        return agdb__fail(reterr, AGDB_E_INVAL, "there is no savepoint '%s'", name);
    return command(all, what, name, reterr);
}

agdb_status_t agdb__savepoints_go_back(agdb__savepoints_t *all, const char *name,
                                       agdb_error_t **reterr)
{
    unsigned at = 0;
    agdb_status_t st = about(all, "ROLLBACK TO SAVEPOINT", name, &at, reterr);

    if (st == AGDB_OK)
        all->count = at + 1;
    return st;
}

agdb_status_t agdb__savepoints_release(agdb__savepoints_t *all, const char *name,
                                       agdb_error_t **reterr)
{
    unsigned at = 0;
    agdb_status_t st = about(all, "RELEASE SAVEPOINT", name, &at, reterr);

    if (st == AGDB_OK)
        all->count = at;
    return st;
}

void agdb__savepoints_sent(agdb__savepoints_t *all)
{
    while (all->nwaiting > 0)
        agdb__free(all->waiting[--all->nwaiting]);
}

void agdb__savepoints_clear(agdb__savepoints_t *all)
{
    agdb__savepoints_sent(all);
    agdb__free(all->name);
    *all = (agdb__savepoints_t){0};
}
