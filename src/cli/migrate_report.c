#include "cli/migrate_report.h"

#include "cli/message.h"
#include "cli/table.h"

#include <stdio.h>

static const char *state_name(cli_advance_state_t state)
{
    static const char *const k_names[] = {
        [CLI_ADVANCE_DONE] = "up to date",
        [CLI_ADVANCE_REFUSED] = "refused",
        [CLI_ADVANCE_FAILED] = "failed",
        [CLI_ADVANCE_UNKNOWN] = "unknown",
    };

    return k_names[state];
}

static uint64_t number_of(const cli_step_t *step)
{
    return step->migration != NULL ? step->migration->number : step->record->number;
}

static const char *name_of(const cli_step_t *step)
{
    return step->migration != NULL ? step->migration->name : step->record->name;
}

/* How many are to be applied still. */
static size_t pending_of(const cli_advance_t *advance)
{
    return cli_steps_count(&advance->steps, CLI_STEP_PENDING) +
           cli_steps_count(&advance->steps, CLI_STEP_LATE);
}

static const char *shard_state(const cli_migrate_report_t *report, const cli_advance_t *advance)
{
    if (advance->state == CLI_ADVANCE_DONE && report->mode != CLI_MIGRATE_RUN &&
        pending_of(advance) > 0)
        return cli_format("%zu pending", pending_of(advance));
    return state_name(advance->state);
}

/* --- what stops a shard ----------------------------------------------------------------------- */
static char *started_problem(const cli_step_t *step, const char *shard, bool running)
{
    const cli_migration_t *file = step->migration;
    cli_buf_t out = {0};

    cli_buf_format(&out, "%s was interrupted on shard '%s'%s: %llu", name_of(step), shard,
                   running ? ", unless it is running now" : "",
                   (unsigned long long)step->record->finished);
    if (file != NULL)
        cli_buf_format(&out, " of its %zu", file->file.sql.count);
    cli_buf_text(&out, " statements are known to be done");
    if (file != NULL && step->record->finished < file->file.sql.count)
        cli_buf_format(&out, ", the next one stands at %s:%u:%u", file->name,
                       file->file.sql.items[step->record->finished].at.line,
                       file->file.sql.items[step->record->finished].at.column);
    cli_buf_format(&out, "; %s", cli_migration_remedy(step->record->number, shard));
    return out.data;
}

/* Why a step stops its shard. */
static char *problem_of(const cli_migrate_report_t *report, const cli_step_t *step,
                        const char *shard)
{
    switch (step->state) {
    case CLI_STEP_CHANGED:
        return cli_format("%s was changed after it was applied: its checksum is %s, shard '%s' has "
                          "%s; restore the file, and write the change as a new one",
                          step->migration->file.path, step->migration->checksum, shard,
                          step->record->checksum);
    case CLI_STEP_LATE:
        return cli_format("%s comes before a file that shard '%s' has already: give it a higher "
                          "number, or say '--out-of-order'",
                          step->migration->file.path, shard);
    case CLI_STEP_MISSING:
        return cli_format("shard '%s' has %s, which is not in the folder: put it back", shard,
                          step->record->name);
    default:
        return started_problem(step, shard, report->mode != CLI_MIGRATE_RUN);
    }
}

static void report_problems(const cli_migrate_report_t *report, size_t index)
{
    const cli_advance_t *advance = &report->advances[index];
    const cli_target_t *target = &report->targets->items[index];
    size_t i;

    if (advance->errand.err != NULL) {
        cli_errand_report(&advance->errand);
        return;
    }
    for (i = 0; i < advance->steps.count; i++)
        if (cli_step_stops(&advance->steps.items[i], report->out_of_order))
            cli_error("keyspace '%s': %s", target->keyspace,
                      problem_of(report, &advance->steps.items[i], target->shard));
}

/* --- tables ----------------------------------------------------------------------------------- */
static const char *node_of(const cli_advance_t *advance)
{
    const char *node = agdb_error_node(advance->errand.err);

    return advance->node != NULL ? advance->node : node[0] != '\0' ? node : "-";
}

/* The newest file that a shard has: known before, or applied now. */
static const char *newest_of(const cli_advance_t *advance)
{
    const char *newest = "-";
    uint64_t number = 0;
    size_t i;

    for (i = 0; i < advance->steps.count; i++)
        if (advance->steps.items[i].record != NULL) {
            newest = advance->steps.items[i].record->name;
            number = advance->steps.items[i].record->number;
        }
    for (i = 0; i < advance->napplied; i++)
        if (advance->applied[i].migration->number >= number)
            newest = advance->applied[i].migration->name;
    return newest;
}

static void print_shards(const cli_migrate_report_t *report)
{
    cli_table_t table;
    size_t i;

    cli_table_init(&table, 6);
    table.right[3] = true;
    cli_table_row(&table,
                  (const char *const[]){"KEYSPACE", "SHARD", "NODE", "APPLIED", "NEWEST", "STATE"});
    for (i = 0; i < report->targets->count; i++) {
        const cli_advance_t *advance = &report->advances[i];
        cli_table_row(&table,
                      (const char *const[]){report->targets->items[i].keyspace,
                                            report->targets->items[i].shard, node_of(advance),
                                            cli_format("%zu", advance->napplied),
                                            newest_of(advance), shard_state(report, advance)});
    }
    cli_table_print(&table, false);
}

static void print_pending(const cli_migrate_report_t *report)
{
    size_t i;
    size_t s;

    for (i = 0; i < report->targets->count; i++) {
        const cli_steps_t *steps = &report->advances[i].steps;
        for (s = 0; s < steps->count; s++)
            if (steps->items[s].state == CLI_STEP_PENDING || steps->items[s].state == CLI_STEP_LATE)
                printf("%s would run %s: %zu statements, %s\n", report->targets->items[i].shard,
                       name_of(&steps->items[s]), steps->items[s].migration->file.sql.count,
                       steps->items[s].migration->file.in_transaction ? "in one transaction"
                                                                      : "each by itself");
    }
}

static const char *cell_of(const cli_advance_t *advance, uint64_t number)
{
    size_t i;

    for (i = 0; i < advance->steps.count; i++)
        if (number_of(&advance->steps.items[i]) == number)
            return cli_step_name(advance->steps.items[i].state);
    return advance->seen ? "-" : "?";
}

/* The step of any shard with the least number that is not below `from`; NULL: there is none. */
static const cli_step_t *next_step(const cli_migrate_report_t *report, uint64_t from)
{
    const cli_step_t *least = NULL;
    size_t i;
    size_t s;

    for (i = 0; i < report->targets->count; i++)
        for (s = 0; s < report->advances[i].steps.count; s++) {
            const cli_step_t *step = &report->advances[i].steps.items[s];
            if (number_of(step) >= from && (least == NULL || number_of(step) < number_of(least)))
                least = step;
        }
    return least;
}

/* A row for each migration, a column for each shard. */
static void print_matrix(const cli_migrate_report_t *report)
{
    cli_table_t table;
    const cli_step_t *step;
    uint64_t from = 0;
    size_t i;

    cli_table_init(&table, report->targets->count + 1);
    cli_table_text(&table, "MIGRATION");
    for (i = 0; i < report->targets->count; i++)
        cli_table_text(&table, report->targets->items[i].shard);
    while ((step = next_step(report, from)) != NULL) {
        cli_table_text(&table, name_of(step));
        for (i = 0; i < report->targets->count; i++)
            cli_table_text(&table, cell_of(&report->advances[i], number_of(step)));
        from = number_of(step) + 1;
    }
    cli_table_print(&table, false);
}

void cli_migrate_text(const cli_migrate_report_t *report)
{
    size_t i;

    for (i = 0; i < report->targets->count; i++)
        report_problems(report, i);
    if (report->mode == CLI_MIGRATE_DRY_RUN)
        print_pending(report);
    if (report->mode == CLI_MIGRATE_STATUS)
        print_matrix(report);
    else
        print_shards(report);
}

/* --- JSON ------------------------------------------------------------------------------------- */
static void json_steps(const cli_migrate_report_t *report, const cli_advance_t *advance,
                       const char *shard, cli_json_t *json)
{
    size_t i;

    cli_json_open(json, "migrations", '[');
    for (i = 0; i < advance->steps.count; i++) {
        const cli_step_t *step = &advance->steps.items[i];
        cli_json_open(json, NULL, '{');
        cli_json_number(json, "number", number_of(step));
        cli_json_text(json, "file", name_of(step));
        cli_json_text(json, "state", cli_step_name(step->state));
        if (step->migration != NULL)
            cli_json_text(json, "checksum", step->migration->checksum);
        if (step->record != NULL)
            cli_json_text(json, "recorded_checksum", step->record->checksum);
        if (cli_step_stops(step, report->out_of_order))
            cli_json_text(json, "problem", problem_of(report, step, shard));
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void json_applied(const cli_advance_t *advance, cli_json_t *json)
{
    size_t i;

    cli_json_open(json, "applied", '[');
    for (i = 0; i < advance->napplied; i++) {
        const cli_migration_t *migration = advance->applied[i].migration;
        cli_json_open(json, NULL, '{');
        cli_json_number(json, "number", migration->number);
        cli_json_text(json, "file", migration->name);
        cli_json_number(json, "statements", migration->file.sql.count);
        cli_json_number(json, "ms", advance->applied[i].took_ms);
        cli_json_close(json);
    }
    cli_json_close(json);
}

void cli_migrate_json(const cli_migrate_report_t *report)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    cli_json_open(&json, NULL, '[');
    for (i = 0; i < report->targets->count; i++) {
        const cli_advance_t *advance = &report->advances[i];
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "keyspace", report->targets->items[i].keyspace);
        cli_json_text(&json, "shard", report->targets->items[i].shard);
        if (advance->node != NULL)
            cli_json_text(&json, "node", advance->node);
        cli_json_text(&json, "state", shard_state(report, advance));
        json_applied(advance, &json);
        json_steps(report, advance, report->targets->items[i].shard, &json);
        if (advance->errand.err != NULL)
            cli_errand_json(&json, &advance->errand);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_print(&json);
}
