/* The statements in flight and the prepared statements that they run.
 *
 * A member that is the first to use a text prepares it and owns it as its `pending`; the cache
 * takes it over at its ParseComplete. Later members of the same group run it by the same name. A
 * statement that goes, from the cache or because its preparation failed, is forgotten by all
 * members: the server still executes what was sent by its name, for it is dropped there only ahead
 * of the next work. */
#include "pg/conn_impl.h"

#include <libpq-fe.h>

static void forget(agdb__conn_t *conn, const agdb__stmt_t *stmt)
{
    size_t i;

    for (i = 0; i < conn->nmembers; i++)
        if (conn->member[i].stmt == stmt)
            conn->member[i].stmt = NULL;
}

static void forget_and_free(agdb__conn_t *conn, agdb__stmt_t *take_stmt)
{
    forget(conn, take_stmt);
    agdb__stmt_free(take_stmt);
}

void agdb__conn_drop_members(agdb__conn_t *conn)
{
    size_t i;

    for (i = 0; i < conn->nmembers; i++) {
        PQclear(conn->member[i].answer);
        agdb__stmt_free(conn->member[i].pending);
    }
    PQclear(conn->row);
    conn->row = NULL;
    conn->nmembers = 0;
    conn->failed_member = AGDB__GROUP_MAX;
}

agdb__member_t *agdb__conn_add_member(agdb__conn_t *conn, uint64_t max_rows, uint64_t max_bytes)
{
    agdb__member_t *member = &conn->member[conn->nmembers++];

    *member = (agdb__member_t){.max_rows = max_rows, .max_bytes = max_bytes};
    return member;
}

void agdb__conn_remove_member(agdb__conn_t *conn)
{
    agdb__member_t *member = &conn->member[conn->nmembers - 1];

    if (member->pending != NULL)
        agdb__conn_stmt_not_prepared(conn, member);
    conn->nmembers--;
}

void agdb__conn_set_answer(agdb__conn_t *conn, agdb__member_t *member, PGresult *take_rows,
                           bool is_error)
{
    const size_t i = (size_t)(member - conn->member);

    PQclear(member->answer);
    member->answer = take_rows;
    member->answer_is_error = is_error;
    if (is_error && i < conn->failed_member)
        conn->failed_member = i;
}

agdb__stmt_t *agdb__conn_find_stmt(agdb__conn_t *conn, const agdb__stmt_key_t *key)
{
    agdb__stmt_t *stmt = agdb__stmt_find(&conn->cache, key);
    size_t i;

    for (i = 0; stmt == NULL && i < conn->nmembers; i++)
        if (conn->member[i].pending != NULL && agdb__stmt_is(conn->member[i].pending, key))
            stmt = conn->member[i].pending;
    return stmt;
}

static void add_victim(agdb__conn_t *conn, const agdb__stmt_t *stmt)
{
    if (conn->nvictims == AGDB__VICTIMS_MAX)
        conn->dirty = true; /* cannot keep the books any more */
    else
        conn->victim[conn->nvictims++] = stmt->number;
}

void agdb__conn_stmt_prepared(agdb__conn_t *conn, agdb__member_t *member)
{
    agdb__stmt_t *victim = agdb__stmt_add(&conn->cache, member->pending);

    member->pending = NULL;
    if (victim == NULL)
        return;
    add_victim(conn, victim);
    forget_and_free(conn, victim);
}

void agdb__conn_stmt_not_prepared(agdb__conn_t *conn, agdb__member_t *member)
{
    agdb__stmt_t *stmt = member->pending;

    member->pending = NULL;
    forget_and_free(conn, stmt);
}

void agdb__conn_stmt_stale(agdb__conn_t *conn, agdb__member_t *member, bool is_on_server)
{
    agdb__stmt_t *stmt = member->stmt;

    agdb__stmt_remove(&conn->cache, stmt);
    if (is_on_server)
        add_victim(conn, stmt);
    forget_and_free(conn, stmt);
}

void agdb__conn_pack_victims(agdb__conn_t *conn)
{
    size_t kept = 0;
    size_t i;

    for (i = 0; i < conn->nvictims; i++)
        if (conn->victim[i] != 0)
            conn->victim[kept++] = conn->victim[i];
    conn->nvictims = kept;
}
