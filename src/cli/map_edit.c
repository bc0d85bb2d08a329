#include "cli/map_edit.h"

#include "cli/diff_keys.h"
#include "cli/map_file.h"
#include "cli/message.h"

#include <stdio.h>

/* An edit and what was found about it. */
typedef struct trial {
    cli_map_file_t file;
    agdb_map_t *old;
    agdb_map_t *now;
    cli_buf_t text;               /* the new one */
    agdb_diagnostics_t *old_diag; /* of the map as it is */
    agdb_diagnostics_t *now_diag; /* of the map as it would be */
    agdb_error_t *err;            /* why it is not possible */
    const char *fault;            /* the same, in our words */
    cli_key_moves_t moves;        /* of the keys that were given */
    bool strands;                 /* it moves what has rows */
    bool nothing;                 /* there is nothing to do */
    bool written;
} trial_t;

static cli_span_t new_text(const trial_t *trial)
{
    return (cli_span_t){trial->text.data != NULL ? trial->text.data : "", trial->text.len};
}

/* --- trying ------------------------------------------------------------------------------------
 */

/* Both maps come from memory, so that paths that count from the file's folder do not differ. */
static bool edit_once(const cli_map_job_t *job, trial_t *trial)
{
    const cli_span_t old = trial->file.text;

    trial->text.len = 0;
    if (agdb_map_edit(old.text, old.len, job->path, &job->edit, cli_buf_take, &trial->text, NULL,
                      &trial->err) != AGDB_OK)
        return false;
    agdb_map_free(trial->now);
    agdb_diagnostics_free(trial->now_diag);
    trial->now = NULL;
    trial->now_diag = NULL;
    return agdb_map_parse(trial->text.data, trial->text.len, job->path, &trial->now,
                          &trial->now_diag, &trial->err) == AGDB_OK;
}

/* Only moves of what has rows can be refused here: the epoch is higher, all else stays. */
static bool judge(trial_t *trial)
{
    trial->strands = agdb_map_may_replace(trial->old, trial->now, &trial->err) != AGDB_OK;
    return !trial->strands;
}

static bool try_edit(cli_map_job_t *job, trial_t *trial)
{
    const cli_span_t old = trial->file.text;

    if (agdb_map_parse(old.text, old.len, job->path, &trial->old, NULL, &trial->err) != AGDB_OK ||
        !edit_once(job, trial))
        return false;
    trial->nothing = trial->text.len == old.len && memcmp(trial->text.data, old.text, old.len) == 0;
    if (trial->nothing || judge(trial))
        return true;
    if (!job->moved)
        return false;
    agdb_error_clear(&trial->err);
    trial->strands = false;
    job->edit.moved = true;
    return edit_once(job, trial) && judge(trial);
}

/* The file itself is loaded first: who may write it and the like belong to what makes it valid. */
static bool load(const cli_map_job_t *job, trial_t *trial)
{
    agdb_map_t *map = NULL;

    if (agdb_map_load(job->path, &map, &trial->old_diag, &trial->err) != AGDB_OK)
        return false;
    agdb_map_free(map);
    trial->fault = cli_map_file_read(job->path, &trial->file);
    return trial->fault == NULL;
}

/* Also of an edit that is refused: it is then that one wants to know. */
static bool find_moves(const cli_map_job_t *job, trial_t *trial)
{
    if (job->keys == NULL || trial->now == NULL ||
        cli_key_moves_read(job->keys, trial->old, trial->now, &trial->moves))
        return true;
    trial->fault = cli_format("%s is left as it is: %s cannot be used", job->path, job->keys);
    return false;
}

static bool carry_out(cli_map_job_t *job, trial_t *trial)
{
    const bool possible = load(job, trial) && try_edit(job, trial);

    if (!find_moves(job, trial) || !possible)
        return false;
    if (trial->nothing || job->dry_run)
        return true;
    trial->fault = cli_map_file_replace(&trial->file, new_text(trial));
    trial->written = trial->fault == NULL;
    return trial->written;
}

/* --- for people --------------------------------------------------------------------------------
 */

static void show_edit(const cli_map_job_t *job, const trial_t *trial)
{
    cli_buf_t diff = {0};

    if (trial->text.len == 0 || trial->nothing)
        return;
    cli_lines_print(job->path, trial->file.text, new_text(trial));
    if (trial->now != NULL &&
        agdb_map_diff(trial->old, trial->now, false, cli_buf_take, &diff, NULL) == AGDB_OK &&
        diff.len > 0)
        printf("\n%s", diff.data);
    printf("\n");
    if (trial->moves.file != NULL) {
        cli_key_moves_print(&trial->moves);
        printf("\n");
    }
}

static void say_success(const cli_map_job_t *job, const trial_t *trial)
{
    if (trial->nothing) {
        printf("%s says so already: nothing to do.\n", job->path);
        return;
    }
    if (trial->written)
        printf("Written: %s, epoch %llu.\n", job->path,
               (unsigned long long)agdb_map_epoch(trial->now));
    else
        printf("Not written, as asked: %s.\n", job->path);
    if (job->edit.moved)
        printf("Programs take it in place of epoch %llu only: roll it out before the next "
               "'--moved'.\n",
               (unsigned long long)agdb_map_epoch(trial->old));
    if (job->note != NULL)
        printf("%s\n", job->note);
}

/* What was shown names the line of moved_since already. */
static void say_stranded(const cli_map_job_t *job)
{
    cli_error("%s is left as it is: rows would be looked for where they are not", job->path);
    fprintf(
        stderr,
        "When they are there, run the command again with '--moved': it writes that line, too.\n");
}

static void say_failure(const cli_map_job_t *job, const trial_t *trial)
{
    const bool invalid = trial->now == NULL && trial->now_diag != NULL;

    if (invalid)
        cli_diagnostics(trial->now_diag);
    if (trial->fault != NULL)
        cli_error("%s", trial->fault);
    else if (trial->strands)
        say_stranded(job);
    else if (invalid)
        cli_error("%s is left as it is: with this edit it would not be valid (see above, lines are "
                  "those of the new text)",
                  job->path);
    else if (agdb_diagnostics_count(trial->old_diag) == 0 || trial->old != NULL)
        cli_error("%s", agdb_error_message(trial->err));
}

static int report(const cli_map_job_t *job, const trial_t *trial, bool done)
{
    cli_diagnostics(trial->old_diag);
    show_edit(job, trial);
    if (done)
        say_success(job, trial);
    else
        say_failure(job, trial);
    return cli_finish(done ? CLI_OK : CLI_FAILED);
}

/* --- for programs ------------------------------------------------------------------------------
 */

static void hunk_json(const cli_hunk_t *hunk, void *user)
{
    cli_json_t *json = user;

    cli_json_open(json, NULL, '{');
    cli_json_number(json, "line", hunk->old_line);
    cli_json_text_n(json, "old", hunk->old, hunk->old_len);
    cli_json_text_n(json, "new", hunk->now, hunk->now_len);
    cli_json_close(json);
}

static void edit_json(const trial_t *trial, cli_json_t *json)
{
    cli_buf_t diff = {0};

    cli_json_number(json, "old_epoch", agdb_map_epoch(trial->old));
    cli_json_number(json, "epoch", agdb_map_epoch(trial->now));
    cli_json_open(json, "lines", '[');
    cli_lines_compare(trial->file.text, new_text(trial), hunk_json, json);
    cli_json_close(json);
    if (agdb_map_diff(trial->old, trial->now, true, cli_buf_take, &diff, NULL) != AGDB_OK)
        return;
    while (diff.len > 0 && diff.data[diff.len - 1] == '\n')
        diff.data[--diff.len] = '\0';
    cli_json_word(json, "diff", diff.data);
}

void cli_map_fault_json(cli_json_t *json, const char *text)
{
    cli_json_open(json, "error", '{');
    cli_json_text(json, "message", text);
    cli_json_close(json);
}

static int report_json(const cli_map_job_t *job, const trial_t *trial, bool done)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", job->path);
    cli_json_bool(&json, "ok", done);
    cli_json_bool(&json, "written", trial->written);
    if (trial->now != NULL)
        edit_json(trial, &json);
    if (trial->moves.file != NULL)
        cli_key_moves_json(&trial->moves, &json);
    if (trial->strands)
        cli_json_number(&json, "needs_moved_since", agdb_map_epoch(trial->old));
    cli_diagnostics_json(&json, "diagnostics",
                         trial->now_diag != NULL ? trial->now_diag : trial->old_diag);
    if (trial->fault != NULL)
        cli_map_fault_json(&json, trial->fault);
    else if (!done)
        cli_report_json(&json, "error", trial->err);
    cli_json_close(&json);
    cli_json_print(&json);
    return cli_finish(done ? CLI_OK : CLI_FAILED);
}

int cli_map_edit(cli_map_job_t *job)
{
    trial_t trial = {0};
    const bool done = carry_out(job, &trial);
    const int code = job->json ? report_json(job, &trial, done) : report(job, &trial, done);

    agdb_map_free(trial.old);
    agdb_map_free(trial.now);
    agdb_diagnostics_free(trial.old_diag);
    agdb_diagnostics_free(trial.now_diag);
    agdb_error_clear(&trial.err);
    return code;
}
