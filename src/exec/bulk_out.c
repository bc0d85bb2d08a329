/* One shard at a time, so that one connection is held at most. What fails before a shard's first
 * row was given away is tried again as any read is; later it is the end: the sink cannot take rows
 * back. */
#include "exec/bulk_out.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/bulk_plan.h"

#include <poll.h>

enum { CHUNK = 64 * 1024, TELL_US = 100000, BINARY_HEADER = 19, BINARY_TRAILER = 2 };

static const char k_trailer[BINARY_TRAILER] = {'\xff', '\xff'};

typedef struct flow {
    const agdb__bulk_out_t *out;
    size_t i; /* the shard */
    agdb__call_t call;
    agdb__conn_t *conn;
    agdb__buf_t ready; /* whole rows, not given yet */
    uint64_t messages; /* of this shard */
    bool given;        /* something of this shard */
    bool stopped;      /* by a callback, or the close */
    uint64_t progress_us;
    uint64_t told_us;
} flow_t;

/* --- away ---------------------------------------------------------------------------------------
 */

static bool stop(flow_t *f, agdb_status_t st, const char *why)
{
    f->stopped = true;
    (void)agdb__fail(&f->call.error, st, "%s", why);
    agdb__error_stage(&f->call.error, AGDB_STAGE_RESULT);
    return false;
}

static bool flush(flow_t *f)
{
    bool go_on = true;

    if (f->ready.failed)
        return stop(f, AGDB_E_NOMEM, "out of memory");
    if (f->ready.len > 0) {
        f->given = true;
        f->out->report->bytes += f->ready.len;
        go_on = f->out->sink(f->out->user, f->ready.data, f->ready.len);
    }
    f->ready.len = 0;
    f->progress_us = agdb__now_us(); /* the sink's time is not the server's */
    return go_on || stop(f, AGDB_E_CANCELLED, "the sink took no more");
}

static bool tell(flow_t *f, bool last)
{
    const agdb__bulk_out_t *out = f->out;
    const uint64_t now_us = agdb__now_us();
    const agdb_copy_progress_t p = {.struct_size = sizeof p,
                                    .rows = out->report->rows,
                                    .bytes = out->report->bytes,
                                    .shard = out->shards[f->i]->name,
                                    .shards = (uint32_t)(f->i + last)};

    if (out->tell == NULL || (!last && now_us < f->told_us + TELL_US))
        return true;
    f->told_us = now_us;
    return out->tell(out->user, &p) || stop(f, AGDB_E_CANCELLED, "the progress callback said so");
}

/* --- rows ---------------------------------------------------------------------------------------
 */

/* Of a binary stream's first message: what is the header of it. */
static size_t binary_header(const char *data, size_t len)
{
    uint32_t extension = 0;
    size_t i;

    if (len < BINARY_HEADER)
        return 0;
    for (i = BINARY_HEADER - 4; i < BINARY_HEADER; i++)
        extension = extension << 8 | (unsigned char)data[i];
    return extension <= len - BINARY_HEADER ? BINARY_HEADER + extension : len;
}

/* A message is a row; but for a header's line, and a binary stream's header and trailer. */
static void take(flow_t *f, const char *data, size_t len)
{
    const agdb_copy_options_t *o = f->out->options;
    const bool first = f->messages++ == 0;
    const size_t head = first && o->format == AGDB_COPY_BINARY ? binary_header(data, len) : 0;

    if (f->i == 0)
        agdb__buf_add(&f->ready, data, head);
    data += head;
    len -= head;
    if (o->format == AGDB_COPY_BINARY &&
        (len == 0 || (len == BINARY_TRAILER && memcmp(data, k_trailer, len) == 0)))
        return;
    agdb__buf_add(&f->ready, data, len);
    if (first && o->header && f->i == 0)
        return;
    f->out->report->rows++;
    f->out->report->shard[f->i].rows++;
}

static bool is_closing(const flow_t *f)
{
    return agdb__gate_is_closed(f->out->gate);
}

/* What has come. False: stopped. */
static bool take_what_came(flow_t *f)
{
    size_t len;
    char *row;

    while ((row = agdb__conn_copy_get(f->conn, &len)) != NULL) {
        take(f, row, len);
        agdb__conn_copy_free(row);
        f->progress_us = 0;
        if (f->ready.len >= CHUNK && (!flush(f) || !tell(f, false)))
            return false;
        if (f->ready.len == 0 && is_closing(f))
            return stop(f, AGDB_E_CLOSING, "the client is closing");
    }
    return true;
}

static void wait_for_more(flow_t *f, uint64_t now_us, uint64_t until_us)
{
    struct pollfd p[2] = {{.fd = agdb__conn_fd(f->conn), .events = agdb__conn_events(f->conn)},
                          {.fd = f->out->bell->fd, .events = POLLIN}};

    (void)poll(p, 2, agdb__poll_ms(now_us, until_us));
    (void)agdb__bell_hush(f->out->bell, p[1].revents != 0);
}

/* Until the COPY is over, one way or the other, or stopped. */
static void drive(flow_t *f)
{
    f->progress_us = agdb__now_us();
    for (;;) {
        uint64_t now_us = agdb__now_us();
        uint64_t until_us;

        if (is_closing(f)) {
            (void)stop(f, AGDB_E_CLOSING, "the client is closing");
            return;
        }
        if (agdb__conn_step(f->conn, now_us) != AGDB__CONN_IN_FLIGHT)
            return;
        if (!take_what_came(f))
            return;
        if (agdb__conn_copy_phase(f->conn) == AGDB__COPY_ENDING)
            continue;
        now_us = agdb__now_us();
        if (f->progress_us == 0)
            f->progress_us = now_us;
        until_us = agdb__after_ms(f->progress_us, f->out->options->timeout_ms);
        if (now_us >= until_us) {
            agdb__conn_expire(f->conn, now_us - f->progress_us);
            return;
        }
        wait_for_more(f, now_us, until_us);
    }
}

/* --- a shard ------------------------------------------------------------------------------------
 */

static agdb_status_t end_shard(flow_t *f)
{
    uint64_t rows;
    agdb_status_t st = agdb__conn_copy_receive(f->conn, &rows, &f->call.error);

    if (st == AGDB_OK)
        st = agdb__call_check_chosen(&f->call);
    if (st == AGDB_OK && !flush(f))
        st = f->call.error->status;
    return st;
}

/* Rows that were not given away are as if they had not come. */
static void forget(flow_t *f)
{
    agdb_copy_report_t *report = f->out->report;

    if (f->given)
        return;
    report->rows -= report->shard[f->i].rows;
    report->shard[f->i].rows = 0;
    f->ready.len = 0;
}

static agdb_status_t attempt(flow_t *f, const char *sql, uint64_t now_us)
{
    agdb__pool_t *pool = f->call.shard->nodes[f->call.node].pool;
    agdb__lease_t lease;
    agdb_status_t st =
        agdb__pool_claim(pool, true, now_us, f->call.deadline_us, &lease, &f->call.error);

    if (st != AGDB_OK)
        return st;
    agdb__call_sent(&f->call, &lease, lease.since_us, 1);
    f->conn = lease.conn;
    f->messages = 0;
    st = agdb__conn_copy_begin(f->conn, sql, true, &f->call.error);
    if (st == AGDB_OK) {
        drive(f);
        st = f->stopped ? f->call.error->status : end_shard(f);
    }
    if (st != AGDB_OK)
        forget(f);
    agdb__pool_release(pool, &lease, agdb__now_us());
    return st;
}

static void begin_call(flow_t *f, const char *sql)
{
    agdb_request_t request = AGDB_REQUEST_INIT;

    request.sql = sql;
    request.access =
        f->out->options->access == AGDB_READ_REPLICA_OK ? AGDB_READ_REPLICA_OK : AGDB_READ;
    request.timeout_ms = f->out->options->timeout_ms;
    agdb__call_begin(&f->call, f->out->shards[f->i], &request, agdb__now_us(),
                     agdb__thread_number());
    f->given = false;
}

/* The error is the callbacks', or final because of what is given away already. */
static agdb_status_t fail_shard(flow_t *f, agdb_error_t **reterr)
{
    if (f->stopped)
        agdb__error_place(&f->call.error, f->call.shard->name, NULL);
    return agdb__call_finish(&f->call, reterr);
}

static agdb_status_t run_shard(flow_t *f, const char *sql, agdb_error_t **reterr)
{
    begin_call(f, sql);
    for (;;) {
        const uint64_t now_us = agdb__now_us();
        const agdb__next_t next = agdb__call_next(&f->call, now_us);

        if (next.kind == AGDB__NEXT_OVER)
            return fail_shard(f, reterr);
        if (next.kind == AGDB__NEXT_WAIT) {
            (void)agdb__board_wait(&f->call.shard->board, f->call.version, next.until_us);
            continue;
        }
        if (attempt(f, sql, now_us) == AGDB_OK) {
            agdb__error_free(f->call.error);
            agdb__call_abandon(&f->call, false);
            return AGDB_OK;
        }
        if (!f->stopped)
            agdb__call_failed(&f->call, agdb__now_us());
        f->call.over = f->call.over || f->stopped || f->given;
    }
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static agdb_status_t run_next(flow_t *f, agdb_error_t **reterr)
{
    const bool header = f->out->options->header && f->i == 0;
    char *sql = agdb__bulk_sql_out(f->out->options, header);
    agdb_status_t st;

    if (sql == NULL)
        return agdb__fail_nomem(reterr);
    st = run_shard(f, sql, reterr);
    agdb__free(sql);
    if (st == AGDB_OK && !tell(f, true)) {
        st = f->call.error->status;
        agdb__error_move(reterr, f->call.error);
    }
    return st;
}

static agdb_status_t give_trailer(flow_t *f, agdb_error_t **reterr)
{
    agdb_status_t st;

    f->i = f->out->nshards - 1;
    f->call.error = NULL;
    agdb__buf_add(&f->ready, k_trailer, BINARY_TRAILER);
    if (flush(f))
        return AGDB_OK;
    st = f->call.error->status;
    agdb__error_move(reterr, f->call.error);
    return st;
}

static void note(const flow_t *f, agdb_status_t st, agdb_error_t **reterr)
{
    agdb_copy_shard_t shard = f->out->report->shard[f->i];

    shard.shard = f->out->shards[f->i]->name;
    shard.status = st;
    shard.error = st != AGDB_OK && reterr != NULL ? *reterr : NULL;
    agdb__bulk_report_set(f->out->report, f->i, &shard);
}

agdb_status_t agdb__bulk_out_run(const agdb__bulk_out_t *out, agdb_error_t **reterr)
{
    flow_t f = {.out = out};
    agdb_status_t st = AGDB_OK;

    agdb__buf_init(&f.ready, SIZE_MAX / 2);
    for (f.i = 0; f.i < out->nshards && st == AGDB_OK; f.i++) {
        st = run_next(&f, reterr);
        note(&f, st, reterr);
    }
    if (st == AGDB_OK && out->options->format == AGDB_COPY_BINARY)
        st = give_trailer(&f, reterr);
    agdb__buf_fini(&f.ready);
    return st;
}
