/* Which shard's row is the next one: AGDB_CONCAT takes one shard after the other, AGDB_ORDERED the
 * least of the shards' next rows, for which each shard that is not over has to have one. */
#include "exec/heap.h"
#include "exec/stream_impl.h"

#include "base/error.h"

void agdb__stream_front_reset(agdb__stream_t *s)
{
    s->racing = false;
    s->nheap = 0;
}

static agdb_status_t learn_columns(agdb__stream_t *s, agdb__flow_t *flow)
{
    agdb_error_t **error = &flow->call.error;
    agdb_status_t st;

    if (agdb__rows_cols(flow->row) == 0)
        return agdb__fail(error, AGDB_E_UNSUPPORTED, "rows without columns cannot be streamed");
    s->columns = agdb__rows_like(flow->row);
    if (s->columns == NULL)
        return agdb__fail_nomem(error);
    s->columns_of = (size_t)(flow - s->flow);
    if (s->key == NULL)
        return AGDB_OK;
    st = agdb__sort_find(&s->merge, s->columns, s->key, error);
    return st == AGDB_OK ? agdb__stream_find_start(s, error) : st;
}

/* The first row of a flow has to have the columns of the others, and each has to be where the
 * statement's order says. */
static agdb_status_t check_row(agdb__stream_t *s, agdb__flow_t *flow)
{
    agdb_error_t **error = &flow->call.error;
    agdb_status_t st = AGDB_OK;

    if (s->columns == NULL)
        st = learn_columns(s, flow);
    else if (flow->last == NULL)
        st =
            agdb__sort_alike(s->columns, s->flow[s->columns_of].call.shard->name, flow->row, error);
    if (st == AGDB_OK && s->key != NULL)
        st = agdb__sort_check(s->key, s->merge.norder, flow->last, flow->row, flow->passed, error);
    if (st == AGDB_OK && flow->last == NULL)
        st = agdb__stream_check_start(s, flow->row, error);
    if (st != AGDB_OK)
        agdb__error_stage(error, AGDB_STAGE_RESULT);
    return st;
}

/* To its next row, if that is not there already. */
static agdb__flow_step_t advance(agdb__stream_t *s, agdb__flow_t *flow, bool wait)
{
    agdb__flow_step_t step;

    if (flow->state == AGDB__FLOW_OVER)
        return AGDB__FLOW_END;
    if (flow->row != NULL)
        return AGDB__FLOW_ROW;
    step = agdb__flow_advance(flow, wait);
    if (step == AGDB__FLOW_ROW && check_row(s, flow) != AGDB_OK)
        step = AGDB__FLOW_FAILED;
    return step;
}

static agdb__flow_step_t front_concat(agdb__stream_t *s, bool wait, agdb__flow_t **ret)
{
    agdb__flow_step_t step = AGDB__FLOW_END;

    while (s->at < s->nflows && step == AGDB__FLOW_END) {
        *ret = &s->flow[s->at];
        step = advance(s, *ret, wait);
        if (step == AGDB__FLOW_END)
            s->at++;
    }
    return step;
}

/* Equal rows come in the order of their shards. */
static bool is_before(const void *user, uint32_t a, uint32_t b)
{
    const agdb__stream_t *s = user;
    const int order = agdb__order_rows(s->key, s->merge.norder, agdb__sort_cell, s->flow[a].row,
                                       s->flow[b].row, NULL);

    return order != 0 ? order < 0 : a < b;
}

/* Every shard's first row, or its end, has to be there. They are waited for one after the other,
 * while all of the servers work. */
static agdb__flow_step_t line_up(agdb__stream_t *s, bool wait, agdb__flow_t **ret)
{
    uint32_t i;

    s->nheap = 0;
    for (i = 0; i < s->nflows; i++) {
        const agdb__flow_step_t step = advance(s, &s->flow[i], wait);

        *ret = &s->flow[i];
        if (step == AGDB__FLOW_WAIT || step == AGDB__FLOW_FAILED)
            return step;
        if (step == AGDB__FLOW_ROW)
            s->heap[s->nheap++] = i;
    }
    agdb__heap_make(s->heap, s->nheap, is_before, s);
    s->racing = true;
    return AGDB__FLOW_ROW;
}

/* Only the first of the heap may lack its row: it was given. */
static agdb__flow_step_t front_ordered(agdb__stream_t *s, bool wait, agdb__flow_t **ret)
{
    agdb__flow_step_t step = s->racing ? AGDB__FLOW_ROW : line_up(s, wait, ret);

    if (step != AGDB__FLOW_ROW)
        return step;
    if (s->nheap == 0)
        return AGDB__FLOW_END;
    *ret = &s->flow[s->heap[0]];
    if ((*ret)->row != NULL)
        return AGDB__FLOW_ROW;
    step = advance(s, *ret, wait);
    if (step == AGDB__FLOW_WAIT || step == AGDB__FLOW_FAILED)
        return step;
    if (step == AGDB__FLOW_END)
        s->heap[0] = s->heap[--s->nheap];
    agdb__heap_settle(s->heap, s->nheap, is_before, s);
    if (s->nheap == 0)
        return AGDB__FLOW_END;
    *ret = &s->flow[s->heap[0]];
    return AGDB__FLOW_ROW;
}

agdb__flow_step_t agdb__stream_front(agdb__stream_t *s, bool wait, agdb__flow_t **ret)
{
    return s->merge.kind == AGDB_ORDERED ? front_ordered(s, wait, ret) : front_concat(s, wait, ret);
}
