#include "tally.h"

#include "base/clock.h"
#include "base/sync.h"
#include "crew.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_ = 64, FORMERS = 8, ERRORS = 16, TEXT_MAX_ = 256 };

/* A call that began before the event was told may have been acknowledged before it, too, while its
 * thread waited for a processor. And a new primary may acknowledge one before its own event. */
enum { SLACK_US = 500000 };

typedef struct count {
    unsigned long ok;
    unsigned long unknown;
    unsigned long failed;
    unsigned long worst_ms;
    unsigned long by_replica;
    unsigned long stale;
    unsigned long crossed;
    char error[TEXT_MAX_]; /* the first that was not unknown */
} count_t;

/* A node that was the primary when another was seen. */
typedef struct former {
    char node[NAME_MAX_];
    uint64_t since_us;  /* 0: is one again */
    unsigned long late; /* writes that it has acknowledged since */
    uint64_t late_us;   /* the first of them */
} former_t;

typedef struct trouble {
    char name[NAME_MAX_];
    unsigned long times;
} trouble_t;

static const char *const k_names[KINDS] = {"plain",   "idempotent", "keyed",        "run",
                                           "session", "read",       "read_replica", "read_session"};

static agdb__mutex_t g_lock; /* of all below */
static count_t g_count[KINDS];
static trouble_t g_trouble[ERRORS];
static uint64_t g_ok_us[CREW_MAX]; /* each thread's last success */
static former_t g_former[FORMERS];
static char g_primary[NAME_MAX_]; /* the last that was seen */
static char g_before[NAME_MAX_];  /* and the one before */
static uint64_t g_split_us;       /* since when there are two of one timeline; 0: there are not */
static unsigned long g_split;
static unsigned long g_split_late; /* writes acknowledged meanwhile */
static unsigned long g_stale;      /* how often a primary was seen whose time is over */

bool tally_open(void)
{
    return agdb__mutex_init(&g_lock);
}

const char *tally_name(kind_t kind)
{
    return k_names[kind];
}

/* --- primaries ---------------------------------------------------------------------------------
 */

/* The node's place among the former ones; a free one when it is not there. */
static former_t *former(const char *node)
{
    unsigned i = 0;

    while (i < FORMERS - 1 && g_former[i].node[0] != '\0' && strcmp(g_former[i].node, node) != 0)
        i++;
    return &g_former[i];
}

static void see_primary(const char *node)
{
    former_t *f = former(g_primary);

    if (strcmp(g_primary, node) == 0)
        return;
    snprintf(f->node, sizeof f->node, "%s", g_primary);
    f->since_us = agdb__now_us();
    former(node)->since_us = 0;
    former(node)->late = 0;
    snprintf(g_before, sizeof g_before, "%s", g_primary);
    snprintf(g_primary, sizeof g_primary, "%s", node);
}

/* It was called the primary a moment ago, in the same look at the shard. */
static void see_stale(const char *node)
{
    char before[NAME_MAX_];

    g_stale++;
    if (strcmp(g_primary, node) != 0)
        return;
    snprintf(before, sizeof before, "%s", g_before);
    see_primary(before);
}

/* Whether an acknowledgement of now belies what was told at `since_us`. */
static bool is_late(uint64_t since_us, uint64_t start_us)
{
    return since_us != 0 && (start_us > since_us || agdb__now_us() > since_us + SLACK_US);
}

static void see_acknowledgement(const char *node, uint64_t start_us)
{
    former_t *f = former(node);

    if (strcmp(f->node, node) == 0 && is_late(f->since_us, start_us) && f->late++ == 0)
        f->late_us = agdb__now_us();
    if (is_late(g_split_us, start_us))
        g_split_late++;
}

void tally_event(const agdb_event_t *event, void *user)
{
    const char *node = agdb_event_node(event);

    (void)user;
    agdb__lock(&g_lock);
    switch (agdb_event_type(event)) {
    case AGDB_EVENT_NODE_UP:
        if (strcmp(agdb_event_text(event), "primary") == 0)
            see_primary(node);
        break;
    case AGDB_EVENT_NODE_PROMOTED:
        see_primary(node);
        break;
    case AGDB_EVENT_NODE_STALE:
        see_stale(node);
        break;
    case AGDB_EVENT_SPLIT_BRAIN:
        g_split_us = agdb__now_us();
        g_split++;
        break;
    case AGDB_EVENT_SPLIT_ENDED:
        g_split_us = 0;
        see_primary(node);
        break;
    default:
        break;
    }
    agdb__unlock(&g_lock);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static void see_trouble(agdb_status_t status, agdb_outcome_t outcome)
{
    char name[NAME_MAX_];
    unsigned i = 0;

    snprintf(name, sizeof name, "%s %s", agdb_status_name(status), agdb_outcome_name(outcome));
    while (i < ERRORS - 1 && g_trouble[i].name[0] != '\0' && strcmp(g_trouble[i].name, name) != 0)
        i++;
    snprintf(g_trouble[i].name, sizeof g_trouble[i].name, "%s", name);
    g_trouble[i].times++;
}

void tally_answer(unsigned number, const answer_t *a)
{
    count_t *c = &g_count[a->kind];
    unsigned long ms;

    agdb__lock(&g_lock);
    ms = (unsigned long)((agdb__now_us() - a->start_us) / 1000);
    if (ms > c->worst_ms)
        c->worst_ms = ms;
    if (a->status == AGDB_OK) {
        g_ok_us[number] = agdb__now_us();
        c->ok++;
        c->by_replica += agdb_result_role(a->res) == AGDB_ROLE_REPLICA;
        c->stale += a->stale;
        c->crossed += a->crossed;
        if (a->kind < READ && a->res != NULL)
            see_acknowledgement(agdb_result_node(a->res), a->start_us);
    } else {
        see_trouble(a->status, agdb_error_outcome(a->error));
        c->unknown += agdb_error_outcome(a->error) == AGDB_OUTCOME_UNKNOWN;
        c->failed += agdb_error_outcome(a->error) != AGDB_OUTCOME_UNKNOWN;
        if (c->error[0] == '\0' && agdb_error_outcome(a->error) != AGDB_OUTCOME_UNKNOWN)
            snprintf(c->error, sizeof c->error, "%s", agdb_error_message(a->error));
    }
    agdb__unlock(&g_lock);
}

/* --- the report --------------------------------------------------------------------------------
 */

static void print_text(const char *name, const char *text)
{
    printf("\"%s\": \"", name);
    for (; *text != '\0'; text++)
        if (*text != '"' && *text != '\\' && (unsigned char)*text >= ' ')
            putchar(*text);
    putchar('"');
}

/* Those of a node whose own event as the primary has had time to come, and has not. */
static unsigned long take_late(void)
{
    const uint64_t now_us = agdb__now_us();
    unsigned long late = 0;
    unsigned i;

    for (i = 0; i < FORMERS; i++) {
        if (now_us < g_former[i].late_us + SLACK_US)
            continue;
        late += g_former[i].late;
        g_former[i].late = 0;
    }
    return late;
}

static void print_primaries(void)
{
    printf("\"late\": %lu, \"stale_primaries\": %lu, \"splits\": %lu, \"split_late\": %lu, ",
           take_late(), g_stale, g_split, g_split_late);
    print_text("primary", g_primary);
    g_stale = 0;
    g_split = 0;
    g_split_late = 0;
}

/* How long ago the thread had a success that has waited longest for the next. */
static void print_oldest(unsigned threads)
{
    const uint64_t now_us = agdb__now_us();
    uint64_t oldest_us = now_us;
    unsigned i;

    for (i = 0; i < threads; i++)
        if (g_ok_us[i] < oldest_us)
            oldest_us = g_ok_us[i];
    printf(", \"oldest_ms\": %.1f", (double)(now_us - oldest_us) / 1000);
}

static void print_errors(void)
{
    unsigned i;

    printf(", \"errors\": {");
    for (i = 0; i < ERRORS && g_trouble[i].times > 0; i++)
        printf("%s\"%s\": %lu", i > 0 ? ", " : "", g_trouble[i].name, g_trouble[i].times);
    printf("}");
    memset(g_trouble, 0, sizeof g_trouble);
}

void tally_report(unsigned threads)
{
    int i;

    agdb__lock(&g_lock);
    printf("{");
    print_primaries();
    print_oldest(threads);
    print_errors();
    for (i = 0; i < KINDS; i++) {
        const count_t *c = &g_count[i];

        printf(", \"%s\": {\"ok\": %lu, \"unknown\": %lu, \"failed\": %lu, \"worst_ms\": %lu, "
               "\"by_replica\": %lu, \"stale\": %lu, \"crossed\": %lu, ",
               k_names[i], c->ok, c->unknown, c->failed, c->worst_ms, c->by_replica, c->stale,
               c->crossed);
        print_text("error", c->error);
        printf("}");
    }
    memset(g_count, 0, sizeof g_count);
    agdb__unlock(&g_lock);
    printf("}\n");
    fflush(stdout);
}
