/* A file into all shards: a row that one of them refuses, what the report says, the rest after it
 * was corrected; and all of it out again. */
#include <agencydb.h>

#include <stdio.h>
#include <stdlib.h>

static const char *const k_columns[] = {"agency", "disease", "week", "cases"};

/* epa and cdc live on east-1, hhs and noaa on west-1; no week has -2 cases. */
static const char k_wrong[] = "cdc,measles,2026-11-16,12\nhhs,measles,2026-11-16,3\n"
                              "noaa,measles,2026-11-16,-2\nepa,measles,2026-11-16,0\n";
static const char k_right[] = "cdc,measles,2026-11-16,12\nhhs,measles,2026-11-16,3\n"
                              "noaa,measles,2026-11-16,2\nepa,measles,2026-11-16,0\n";

static void must(agdb_status_t status, agdb_error_t *err)
{
    if (status == AGDB_OK)
        return;
    fprintf(stderr, "%s\n", agdb_error_message(err));
    exit(1);
}

static void clear(agdb_t *db)
{
    static const char *const keys[] = {"epa", "cdc", "hhs", "noaa"};
    agdb_error_t *err = NULL;
    size_t i;

    for (i = 0; i < 4; i++) {
        agdb_bytes_t key = agdb_key(keys[i]);

        must(
            agdb_query(db,
                       AGDB_REQUEST(.key = key, .sql = "DELETE FROM disease_case WHERE agency = $1",
                                    AGDB_PARAMS(agdb_text(keys[i]))),
                       NULL, &err),
            err);
        must(agdb_query(db,
                        AGDB_REQUEST(.key = key,
                                     .sql = "INSERT INTO agency (key, name) VALUES ($1, $1)"
                                            " ON CONFLICT DO NOTHING",
                                     AGDB_PARAMS(agdb_text(keys[i]))),
                        NULL, &err),
             err);
    }
}

static agdb_copy_options_t options(void)
{
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;

    o.table = "disease_case";
    o.columns = k_columns;
    o.ncolumns = 4;
    o.format = AGDB_COPY_CSV;
    return o;
}

/* `resume` is of the run before, or NULL. */
static agdb_copy_report_t *load(agdb_t *db, const char *csv, const char *resume)
{
    agdb_copy_options_t o = options();
    agdb_copy_report_t *report = NULL;
    agdb_copy_t *copy = NULL;
    agdb_error_t *err = NULL;
    size_t i;

    o.key_column = "agency";
    o.commit_every = 1; /* so that there is something to resume in four rows */
    o.resume = resume;
    must(agdb_copy_in_open(db, &o, &copy, &err), err);
    must(agdb_copy_in_write(copy, csv, strlen(csv), &err), err); /* or in any pieces */
    printf("%s\n", agdb_status_name(agdb_copy_in_finish(copy, &report, &err)));
    for (i = 0; i < agdb_copy_report_count(report); i++) {
        agdb_copy_shard_t shard = {.struct_size = sizeof shard};

        (void)agdb_copy_report_shard(report, i, &shard);
        printf("%s: %llu rows, %llu passed over, %llu committed%s%s\n", shard.shard,
               (unsigned long long)shard.rows, (unsigned long long)shard.skipped,
               (unsigned long long)shard.committed, shard.error != NULL ? ": " : "",
               agdb_error_message(shard.error));
    }
    agdb_error_clear(&err);
    return report;
}

static bool print(const void *data, size_t len, void *user)
{
    (void)user;
    return fwrite(data, 1, len, stdout) == len;
}

int main(int argc, char **argv)
{
    agdb_copy_report_t *first, *second;
    agdb_copy_options_t o = options();
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: 15-copy MAP\n");
        return 2;
    }
    must(agdb_open(argv[1], NULL, &db, &err), err);
    clear(db);
    first = load(db, k_wrong, NULL);
    second = load(db, k_right, agdb_copy_report_resume(first));
    o.header = true;
    must(agdb_copy_out(db, &o, print, NULL, NULL, &err), err);
    clear(db);
    agdb_copy_report_free(first);
    agdb_copy_report_free(second);
    return agdb_close(db, 1000) == AGDB_OK ? 0 : 1;
}
