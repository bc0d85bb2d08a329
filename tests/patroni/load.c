/* patroni_load MAP LEDGER: 8 writers and 8 readers on one client while others move the primary
 * about. Each line on its input is answered with a line of JSON: what has happened since the last
 * one. At the end of the input all stop.
 *
 * LEDGER gets a line for each write: its number, what its caller was told (A: acknowledged, F:
 * failed, U: unknown), whether it was idempotent (i) or plain (p), and the node that acknowledged
 * it. */
#include "agencydb.h"
#include "base/clock.h"
#include "base/sync.h"
#include "crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 8, READERS = 8, CALL_MS = 40000, READY_MS = 30000, NAME_MAX_ = 64, FORMERS = 8 };

/* An acknowledgement may be on its way to its caller while the event is. */
enum { SLACK_US = 2000 };

/* Plain writes, idempotent ones, reads on the primary, reads on replicas. */
typedef enum kind { PLAIN, IDEMPOTENT, READ, READ_REPLICA, KINDS } kind_t;

static const char *const k_kinds[KINDS] = {"plain", "idempotent", "read", "read_replica"};

typedef struct tally {
    unsigned long ok;
    unsigned long unknown;
    unsigned long failed;
    unsigned long worst_ms;
    char error[256]; /* the first that was not unknown */
} tally_t;

static agdb_t *g_db;
static FILE *g_ledger;
static atomic_bool g_over;
static agdb__mutex_t g_lock;
static tally_t g_tally[KINDS];            /* these four under the lock */
static char g_primary[NAME_MAX_];         /* the last that was seen */
static char g_former[FORMERS][NAME_MAX_]; /* was one, and another was seen at g_former_us */
static uint64_t g_former_us[FORMERS];
static unsigned long g_late[FORMERS]; /* its acknowledgements since */
static unsigned long g_stale;         /* how often a primary was seen whose time is over */

/* The place of a node among the former ones; a free one when it is not there. */
static unsigned former(const char *node)
{
    unsigned i = 0;

    while (i < FORMERS - 1 && g_former[i][0] != '\0' && strcmp(g_former[i], node) != 0)
        i++;
    return i;
}

/* What a new one has acknowledged before its event was told is no mistake. */
static void see_primary(const char *node)
{
    unsigned i = former(g_primary);

    if (strcmp(g_primary, node) == 0)
        return;
    snprintf(g_former[i], sizeof g_former[i], "%s", g_primary);
    g_former_us[i] = agdb__now_us();
    g_former_us[former(node)] = 0;
    g_late[former(node)] = 0;
    snprintf(g_primary, sizeof g_primary, "%s", node);
}

static void see_acknowledgement(const char *node)
{
    const unsigned i = former(node);

    if (strcmp(g_former[i], node) == 0 && g_former_us[i] != 0 &&
        agdb__now_us() > g_former_us[i] + SLACK_US)
        g_late[i]++;
}

static unsigned long take_late(void)
{
    unsigned long sum = 0;
    int i;

    for (i = 0; i < FORMERS; i++) {
        sum += g_late[i];
        g_late[i] = 0;
    }
    return sum;
}

static void on_event(const agdb_event_t *event, void *user)
{
    bool primary = agdb_event_type(event) == AGDB_EVENT_NODE_PROMOTED ||
                   (agdb_event_type(event) == AGDB_EVENT_NODE_UP &&
                    strcmp(agdb_event_text(event), "primary") == 0);

    (void)user;
    agdb__lock(&g_lock);
    g_stale += agdb_event_type(event) == AGDB_EVENT_NODE_STALE;
    if (primary)
        see_primary(agdb_event_node(event));
    agdb__unlock(&g_lock);
}

static void count(kind_t kind, agdb_status_t st, const agdb_error_t *error, uint64_t start_us,
                  const char *node)
{
    unsigned long ms = (unsigned long)((agdb__now_us() - start_us) / 1000);
    tally_t *t = &g_tally[kind];

    agdb__lock(&g_lock);
    if (ms > t->worst_ms)
        t->worst_ms = ms;
    if (st == AGDB_OK) {
        t->ok++;
        if (kind <= IDEMPOTENT)
            see_acknowledgement(node);
    } else if (agdb_error_outcome(error) == AGDB_OUTCOME_UNKNOWN) {
        t->unknown++;
    } else {
        t->failed++;
        if (t->error[0] == '\0')
            snprintf(t->error, sizeof t->error, "%s", agdb_error_message(error));
    }
    agdb__unlock(&g_lock);
}

static char fate_of(agdb_status_t st, const agdb_error_t *error)
{
    if (st == AGDB_OK)
        return 'A';
    return agdb_error_outcome(error) == AGDB_OUTCOME_UNKNOWN ? 'U' : 'F';
}

static void write_on(crew_hand_t *hand)
{
    const kind_t kind = hand->number % 2 == 0 ? PLAIN : IDEMPOTENT;
    int64_t op = (int64_t)hand->number * 1000000000;

    while (!atomic_load(&g_over)) {
        uint64_t start_us = agdb__now_us();
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        const char *node = "-";
        agdb_status_t st;

        op++;
        st =
            agdb_query(g_db,
                       AGDB_REQUEST(.sql = kind == PLAIN ? "INSERT INTO plain (id) VALUES ($1)"
                                                         : "INSERT INTO idempotent (id) VALUES ($1)"
                                                           " ON CONFLICT DO NOTHING",
                                    AGDB_PARAMS(agdb_int8(op)), .timeout_ms = CALL_MS,
                                    .idempotent = kind == IDEMPOTENT),
                       &res, &error);
        if (st == AGDB_OK)
            node = agdb_result_node(res);
        count(kind, st, error, start_us, node);
        flockfile(g_ledger);
        fprintf(g_ledger, "%lld %c %c %s\n", (long long)op, fate_of(st, error),
                kind == PLAIN ? 'p' : 'i', node);
        funlockfile(g_ledger);
        agdb_result_free(res);
        agdb_error_free(error);
    }
}

static void read_on(crew_hand_t *hand)
{
    const kind_t kind = hand->number % 2 == 0 ? READ : READ_REPLICA;

    while (!atomic_load(&g_over)) {
        uint64_t start_us = agdb__now_us();
        agdb_error_t *error = NULL;
        agdb_status_t st =
            agdb_query(g_db,
                       AGDB_REQUEST(.sql = "SELECT max(id) FROM idempotent",
                                    .access = kind == READ ? AGDB_READ : AGDB_READ_REPLICA_OK,
                                    .timeout_ms = CALL_MS),
                       NULL, &error);

        count(kind, st, error, start_us, "");
        agdb_error_free(error);
    }
}

static void work(crew_hand_t *hand)
{
    if (hand->number < WRITERS)
        write_on(hand);
    else
        read_on(hand);
}

static void print_text(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text != '"' && *text != '\\' && (unsigned char)*text >= ' ')
            putchar(*text);
}

static void report(void)
{
    int i;

    agdb__lock(&g_lock);
    printf("{\"late\": %lu, \"stale\": %lu, \"primary\": \"%s\"", take_late(), g_stale, g_primary);
    g_stale = 0;
    for (i = 0; i < KINDS; i++) {
        printf(", \"%s\": {\"ok\": %lu, \"unknown\": %lu, \"failed\": %lu, \"worst_ms\": %lu, "
               "\"error\": \"",
               k_kinds[i], g_tally[i].ok, g_tally[i].unknown, g_tally[i].failed,
               g_tally[i].worst_ms);
        print_text(g_tally[i].error);
        printf("\"}");
        g_tally[i] = (tally_t){0};
    }
    agdb__unlock(&g_lock);
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    agdb_options_t options = {
        .struct_size = sizeof options, .service = "patroni_load", .event = on_event};
    agdb_error_t *error = NULL;
    static crew_t crew;
    char line[64];

    if (argc != 3) {
        fprintf(stderr, "usage: patroni_load MAP LEDGER\n");
        return 2;
    }
    g_ledger = fopen(argv[2], "we");
    if (g_ledger == NULL || !agdb__mutex_init(&g_lock)) {
        perror(argv[2]);
        return 1;
    }
    if (agdb_open(argv[1], &options, &g_db, &error) != AGDB_OK ||
        agdb_wait_ready(g_db, AGDB_READY_ALL, READY_MS, &error) != AGDB_OK) {
        fprintf(stderr, "patroni_load: %s\n", agdb_error_message(error));
        return 1;
    }
    crew_start(&crew, WRITERS + READERS, 1, work, NULL);
    while (fgets(line, sizeof line, stdin) != NULL)
        report();
    atomic_store(&g_over, true);
    (void)crew_join(&crew);
    (void)agdb_close(g_db, 10000);
    return fclose(g_ledger) == 0 ? 0 : 1;
}
