/* What examples/quickstart runs on its cluster: loads agencies, then shows where every request
 * goes.
 *
 *     quickstart MAP DATA_FOLDER      (the folder is examples/quickstart.d) */
#include <agencydb.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { AGENCIES_MAX = 100, REPLICA_WAIT_MS = 10000, REPLICA_LOOK_MS = 10 };

typedef struct agency {
    char key[32];
    char name[80];
} agency_t;

static agency_t s_agencies[AGENCIES_MAX];
static size_t s_nagencies;

/* --- what people see ---------------------------------------------------------------------------*/

static const char *s_bold = "", *s_green = "", *s_cyan = "", *s_yellow = "", *s_plain = "";

static void choose_colours(void)
{
    const char *no_color = getenv("NO_COLOR");

    if (!isatty(STDOUT_FILENO) || (no_color != NULL && *no_color != '\0'))
        return;
    s_bold = "\033[1m";
    s_green = "\033[32m";
    s_cyan = "\033[36m";
    s_yellow = "\033[33m";
    s_plain = "\033[0m";
}

static void heading(const char *text)
{
    printf("\n%s%s%s\n", s_bold, text, s_plain);
}

static void table_head(const char *last)
{
    printf("  %-13s %4s  %-14s  %-15s  %-7s  %8s  %s\n", "AGENCY", "SLOT", "SHARD", "NODE", "ROLE",
           "TIME", last);
}

/* Who answered for the agency, in which role, how fast. */
static void table_row(agdb_t *db, const char *keyspace, const char *key, const agdb_result_t *res,
                      const char *last)
{
    agdb_route_info_t route = {.struct_size = sizeof route};
    agdb_timing_t timing = {.struct_size = sizeof timing};
    int is_primary = agdb_result_role(res) == AGDB_ROLE_PRIMARY;

    if (agdb_route(db, keyspace, agdb_key(key), &route, NULL) != AGDB_OK)
        exit(1);
    agdb_result_timing(res, &timing);
    printf("  %-13s %4u  %-14s  %-15s  %s%-7s%s  %5.2f ms  %s\n", key, (unsigned)route.slot,
           agdb_result_shard(res), agdb_result_node(res), is_primary ? s_green : s_cyan,
           is_primary ? "primary" : "replica", s_plain, (double)timing.total_us / 1000, last);
}

static _Noreturn void die(const char *what, agdb_error_t *err)
{
    fprintf(stderr, "quickstart: %s: %s: %s\n", what, agdb_status_name(agdb_error_status(err)),
            agdb_error_message(err));
    agdb_error_free(err);
    exit(1);
}

/* --- requests ----------------------------------------------------------------------------------*/

static agdb_result_t *must(agdb_t *db, const agdb_request_t *request)
{
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;

    if (agdb_query(db, request, &res, &err) != AGDB_OK)
        die(request->sql, err);
    return res;
}

/* Runs a request that has to be refused with this status, and shows the error. */
static void must_be_refused(agdb_t *db, const agdb_request_t *request, agdb_status_t expected)
{
    agdb_error_t *err = NULL;
    agdb_status_t st = agdb_query(db, request, NULL, &err);

    if (st != expected) {
        fprintf(stderr, "quickstart: expected %s, not %s: %s\n", agdb_status_name(expected),
                agdb_status_name(st), agdb_error_message(err));
        exit(1);
    }
    printf("  %s%s%s: %s\n  stage %s, outcome %s\n", s_yellow, agdb_status_name(st), s_plain,
           agdb_error_message(err), agdb_stage_name(agdb_error_stage(err)),
           agdb_outcome_name(agdb_error_outcome(err)));
    agdb_error_free(err);
}

/* --- data --------------------------------------------------------------------------------------*/

static FILE *open_data(const char *folder, const char *name)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void read_agencies(const char *folder)
{
    FILE *file = open_data(folder, "agencies.tsv");

    while (s_nagencies < AGENCIES_MAX &&
           fscanf(file, "%31[^\t]\t%79[^\n]\n", s_agencies[s_nagencies].key,
                  s_agencies[s_nagencies].name) == 2)
        s_nagencies++;
    fclose(file);
}

/* Runs the statement in a file on every shard of a keyspace. */
static void on_all_shards(agdb_t *db, const char *keyspace, const char *folder, const char *name)
{
    char sql[4096];
    FILE *file = open_data(folder, name);
    size_t i;

    sql[fread(sql, 1, sizeof sql - 1, file)] = '\0';
    fclose(file);
    for (i = 0; i < agdb_shard_count(db, keyspace); i++)
        agdb_result_free(
            must(db, AGDB_REQUEST(.keyspace = keyspace, .shard = agdb_shard_name(db, keyspace, i),
                                  .sql = sql)));
}

/* Values are made of the agency's slot: plausible, and the same in every run. */
static const char *const k_inserts[] = {
    "INSERT INTO air_reading"
    " SELECT $1, 'site-' || site, DATE '2026-11-16' + day,"
    "        round((6 + $2 % 9 + 3 * sin($2 + day) + site)::numeric, 1)"
    " FROM generate_series(1, 3) site, generate_series(0, 6) day",
    "INSERT INTO disease_case"
    " SELECT $1, disease, DATE '2026-10-26' + 7 * week, usual + usual * (($2 + week * 5) % 23) / 10"
    " FROM (VALUES ('influenza', 40), ('covid-19', 25), ('measles', 1)) d (disease, usual),"
    "      generate_series(0, 3) week",
    "INSERT INTO disaster_alert"
    " SELECT $1, n, (ARRAY['flood', 'wildfire smoke', 'winter storm', 'heat'])[1 + ($2 + n) % 4],"
    "        (ARRAY['advisory', 'watch', 'warning'])[1 + ($2 + 2 * n) % 3],"
    "        TIMESTAMPTZ '2026-11-20 06:00Z' + n * INTERVAL '7 hours'"
    " FROM generate_series(1, 1 + $2 % 4) n"};

enum { INSERTS = sizeof k_inserts / sizeof k_inserts[0] };

/* Returns how many rows were written. A frozen agency takes no writes by its key; its rows, which
 * are older than the freeze, come in by the shard's name. */
static uint64_t load_agency(agdb_t *db, const agency_t *agency)
{
    agdb_route_info_t route = {.struct_size = sizeof route};
    agdb_request_t request = AGDB_REQUEST_INIT;
    agdb_value_t params[2];
    agdb_result_t *res;
    uint64_t rows = 0;
    size_t i;

    if (agdb_route(db, NULL, agdb_key(agency->key), &route, NULL) != AGDB_OK)
        exit(1);
    if (route.frozen)
        request.shard = route.shard;
    else
        request.key = agdb_key(agency->key);
    request.params = params;
    request.nparams = 2;
    params[0] = agdb_text(agency->key);
    params[1] = agdb_text(agency->name);
    request.sql = "INSERT INTO agency (key, name) VALUES ($1, $2)";
    for (i = 0; i <= INSERTS; i++) {
        res = must(db, &request);
        rows += agdb_result_affected(res);
        agdb_result_free(res);
        params[1] = agdb_int4((int32_t)route.slot);
        request.sql = i < INSERTS ? k_inserts[i] : NULL;
    }
    return rows;
}

/* --- what is shown -----------------------------------------------------------------------------*/

static void show_writes(agdb_t *db)
{
    uint64_t rows = 0;
    struct timespec start, end;
    double seconds;
    size_t i;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (i = 0; i < s_nagencies; i++)
        rows += load_agency(db, &s_agencies[i]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    heading("Writes: each agency's rows go to the primary of its shard");
    printf("  %zu agencies, %zu statements, %llu rows in %.2f s\n", s_nagencies,
           s_nagencies * (INSERTS + 1), (unsigned long long)rows, seconds);
}

static int count_alerts(agdb_t *db, const char *shard, agdb_access_t access, int64_t *ret)
{
    agdb_result_t *res =
        must(db, AGDB_REQUEST(.shard = shard, .sql = "SELECT count(*) FROM disaster_alert",
                              .access = access));
    int is_replica = agdb_result_role(res) == AGDB_ROLE_REPLICA;

    if (agdb_result_int64(res, 0, 0, ret, NULL) != AGDB_OK)
        exit(1);
    agdb_result_free(res);
    return is_replica;
}

/* Replicas follow within moments. Alerts were written last: with them, all is there. */
static void wait_for_replicas(agdb_t *db)
{
    const struct timespec pause = {0, REPLICA_LOOK_MS * 1000000L};
    int64_t written = 0, seen = 0;
    int left = REPLICA_WAIT_MS / REPLICA_LOOK_MS;
    size_t i;

    for (i = 0; i < agdb_shard_count(db, NULL); i++) {
        const char *shard = agdb_shard_name(db, NULL, i);
        (void)count_alerts(db, shard, AGDB_READ, &written);
        while (!count_alerts(db, shard, AGDB_READ_REPLICA_OK, &seen) || seen != written) {
            if (left-- == 0) {
                fprintf(stderr, "quickstart: the replica of %s does not follow\n", shard);
                exit(1);
            }
            nanosleep(&pause, NULL);
        }
    }
}

static void show_all_agencies(agdb_t *db)
{
    char last[64];
    size_t i;

    heading("Reads: every agency, from a replica of its shard (AGDB_READ_REPLICA_OK)");
    table_head("PM2.5  CASES  ALERTS");
    for (i = 0; i < s_nagencies; i++) {
        const char *key = s_agencies[i].key;
        agdb_result_t *res = must(
            db,
            AGDB_REQUEST(.key = agdb_key(key),
                         .sql = "SELECT (SELECT round(avg(pm25)::numeric, 1)"
                                "          FROM air_reading WHERE agency = $1),"
                                "       (SELECT sum(cases) FROM disease_case WHERE agency = $1),"
                                "       (SELECT count(*) FROM disaster_alert WHERE agency = $1)",
                         AGDB_PARAMS(agdb_text(key)), .access = AGDB_READ_REPLICA_OK));
        if (agdb_result_is_null(res, 0, 0) || agdb_result_is_null(res, 0, 1)) {
            fprintf(stderr, "quickstart: %s has no rows\n", key);
            exit(1);
        }
        snprintf(last, sizeof last, "%5s  %5s  %6s", agdb_result_text(res, 0, 0),
                 agdb_result_text(res, 0, 1), agdb_result_text(res, 0, 2));
        table_row(db, NULL, key, res, last);
        agdb_result_free(res);
    }
}

static void show_access(agdb_t *db)
{
    const char *const read_sql = "SELECT max(pm25) FROM air_reading WHERE agency = $1";
    const struct {
        agdb_access_t access;
        const char *name;
    } ways[] = {{AGDB_READ, "AGDB_READ"}, {AGDB_READ_REPLICA_OK, "AGDB_READ_REPLICA_OK"}};
    agdb_result_t *res;
    size_t i;

    heading("One agency, three kinds of access");
    table_head("ACCESS");
    res = must(db, AGDB_REQUEST(.key = agdb_key("epa"),
                                .sql = "UPDATE air_reading SET pm25 = pm25 + 0.1"
                                       " WHERE agency = $1 AND day = $2",
                                AGDB_PARAMS(agdb_text("epa"), agdb_text("2026-11-22"))));
    table_row(db, NULL, "epa", res, "AGDB_WRITE");
    agdb_result_free(res);
    for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        res = must(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = read_sql,
                                    AGDB_PARAMS(agdb_text("epa")), .access = ways[i].access));
        table_row(db, NULL, "epa", res, ways[i].name);
        agdb_result_free(res);
    }
}

static void show_pin_and_keyspace(agdb_t *db)
{
    agdb_route_info_t route = {.struct_size = sizeof route};
    agdb_result_t *res;

    heading("A pinned agency: the map names its shard, whatever its slot");
    table_head("BY");
    if (agdb_route(db, NULL, agdb_key("fema"), &route, NULL) != AGDB_OK || !route.pinned)
        exit(1);
    res = must(db, AGDB_REQUEST(.key = agdb_key("fema"), .sql = "SELECT FROM agency WHERE key = $1",
                                AGDB_PARAMS(agdb_text("fema")), .access = AGDB_READ));
    table_row(db, NULL, "fema", res, agdb_result_rows(res) == 1 ? "pin" : "no row");
    agdb_result_free(res);

    heading("A vertical keyspace: notifications are in a database of their own");
    table_head("ID");
    res = must(db,
               AGDB_REQUEST(.keyspace = "notification", .key = agdb_key("cdc"),
                            .sql = "INSERT INTO outbox (agency, body) VALUES ($1, $2) RETURNING id",
                            AGDB_PARAMS(agdb_text("cdc"), agdb_text("{\"cases\": 41}"))));
    table_row(db, "notification", "cdc", res, agdb_result_text(res, 0, 0));
    agdb_result_free(res);
}

static void show_refusals(agdb_t *db)
{
    agdb_result_t *res;

    heading("A request without a target, in a keyspace of two shards");
    must_be_refused(db, AGDB_REQUEST(.sql = "SELECT count(*) FROM agency", .access = AGDB_READ),
                    AGDB_E_NO_TARGET);

    heading("A frozen agency: writes are refused, reads go on");
    must_be_refused(db,
                    AGDB_REQUEST(.key = agdb_key("nara"),
                                 .sql = "DELETE FROM air_reading WHERE agency = $1",
                                 AGDB_PARAMS(agdb_text("nara"))),
                    AGDB_E_FROZEN);
    table_head("ACCESS");
    res = must(db, AGDB_REQUEST(.key = agdb_key("nara"),
                                .sql = "SELECT name FROM agency WHERE key = $1",
                                AGDB_PARAMS(agdb_text("nara")), .access = AGDB_READ));
    table_row(db, NULL, "nara", res, "AGDB_READ");
    agdb_result_free(res);
}

int main(int argc, char **argv)
{
    agdb_options_t options = {.struct_size = sizeof options, .service = "quickstart"};
    agdb_error_t *err = NULL;
    agdb_t *db = NULL;

    if (argc != 3) {
        fprintf(stderr, "usage: quickstart MAP DATA_FOLDER\n");
        return 2;
    }
    choose_colours();
    read_agencies(argv[2]);
    if (agdb_open(argv[1], &options, &db, &err) != AGDB_OK)
        die(argv[1], err);
    if (agdb_wait_ready(db, AGDB_READY_ALL, 15000, &err) != AGDB_OK)
        die("waiting for the servers", err);
    on_all_shards(db, "core", argv[2], "core/agency.sql");
    on_all_shards(db, "core", argv[2], "core/air_reading.sql");
    on_all_shards(db, "core", argv[2], "core/disease_case.sql");
    on_all_shards(db, "core", argv[2], "core/disaster_alert.sql");
    on_all_shards(db, "notification", argv[2], "notification/outbox.sql");
    show_writes(db);
    wait_for_replicas(db);
    show_all_agencies(db);
    show_access(db);
    show_pin_and_keyspace(db);
    show_refusals(db);
    return agdb_close(db, 1000) == AGDB_OK ? 0 : 1;
}
