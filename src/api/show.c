#include "api/show.h"

#include "api/look.h"

static void add_text(const char *text, size_t len, void *user)
{
    agdb__buf_add(user, text, len);
}

/* --- a line for each node ----------------------------------------------------------------------
 */

/* A field on its line: "-" when it is empty. */
static void put_field(agdb__buf_t *out, const char *text, char end)
{
    const char *at = text[0] != '\0' ? text : "-";

    for (; *at != '\0'; at++) {
        const char c = (unsigned char)*at < 0x20 ? ' ' : *at;

        agdb__buf_add(out, &c, 1);
    }
    agdb__buf_add(out, &end, 1);
}

static void put_node(const agdb_node_info_t *node, void *user)
{
    const char *role = node->is_primary ? "primary" : node->is_replica ? "replica" : "-";
    agdb__buf_t *out = user;

    put_field(out, node->keyspace, '\t');
    put_field(out, node->shard, '\t');
    put_field(out, agdb__look_shard_word(node->shard_state), '\t');
    agdb__buf_printf(out, "%u\t", node->parked);
    put_field(out, node->node, '\t');
    put_field(out, agdb__look_node_word(node->state), '\t');
    put_field(out, role, '\t');
    agdb__buf_printf(out, "%u\t%lld\t%u\t%u\t", node->timeline, (long long)node->lag_ms, node->open,
                     node->waiting);
    put_field(out, node->reason, '\n');
}

static void put_status(agdb_t *db, const agdb__edition_t *edition, agdb__buf_t *out)
{
    agdb__buf_text(out, "keyspace\tshard\tshard_state\tparked\tnode\tnode_state\trole\ttimeline\t"
                        "lag_ms\topen\twaiting\treason\n");
    agdb__show_nodes(&edition->layout, &(agdb__node_writer_t){put_node, out, db->allocator});
}

/* --- what is asked -----------------------------------------------------------------------------
 */

void agdb__show(agdb_t *db, agdb__control_ask_t what, agdb__buf_t *out)
{
    const agdb__edition_t *edition =
        atomic_load_explicit(&db->editions.current, memory_order_relaxed);

    switch (what) {
    case AGDB__CONTROL_DUMP:
        agdb__show_dump(db, edition, out);
        break;
    case AGDB__CONTROL_METRICS:
        if (!agdb__show_metrics(db, edition, &(agdb__writer_t){add_text, out, db->allocator}))
            out->failed = true;
        break;
    case AGDB__CONTROL_STATUS:
        put_status(db, edition, out);
        break;
    case AGDB__CONTROL_VERSION:
        agdb__buf_printf(out, "%s\n", agdb_version());
        break;
    case AGDB__CONTROL_RELOAD: /* takes its time, and is no text */
    case AGDB__CONTROL_NOTHING:
        break;
    }
}
