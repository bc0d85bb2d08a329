#include "cli/migration.h"

#include "cli/message.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DIGITS_MAX = 18 }; /* what a bigint holds in any case */

/* --- files ------------------------------------------------------------------------------------ */
bool cli_migration_number(const char *name, uint64_t *ret)
{
    static const char k_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789_-.";
    size_t digits = strspn(name, "0123456789");
    size_t len = strlen(name);

    if (digits == 0 || digits > DIGITS_MAX || name[digits] != '_' || len < digits + 6 ||
        strspn(name, k_letters) != len || strcmp(name + len - 4, ".sql") != 0)
        return false;
    return cli_number(cli_copy_n(name, digits), UINT64_MAX, ret);
}

/* Takes one name of the folder. False: its mistake was said. */
static bool take_name(const char *folder, const char *name, cli_migrations_t *list)
{
    char *path = cli_format("%s/%s", folder, name);
    uint64_t number;
    struct stat info;

    if (!cli_migration_number(name, &number)) {
        cli_error("%s: this name is not one of a migration, such as 0001_create_air_reading.sql",
                  path);
        return false;
    }
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        cli_error("%s: this is not a file", path);
        return false;
    }
    list->items = cli_grow(list->items, list->count, sizeof *list->items);
    list->items[list->count++] =
        (cli_migration_t){.number = number, .name = cli_copy(name), .file = {.path = path}};
    return true;
}

static int compare_numbers(const void *a, const void *b)
{
    const cli_migration_t *x = a;
    const cli_migration_t *y = b;

    return x->number < y->number ? -1 : x->number > y->number ? 1 : strcmp(x->name, y->name);
}

static bool list_folder(const char *folder, cli_migrations_t *list)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool good = true;

    if (dir == NULL) {
        cli_error("cannot read the folder %s: %s", folder, strerror(errno));
        return false;
    }
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            good = take_name(folder, entry->d_name, list) && good;
    closedir(dir);
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, compare_numbers);
    return good;
}

bool cli_migrations_read(const char *folder, cli_migrations_t *ret)
{
    bool good;
    size_t i;

    *ret = (cli_migrations_t){0};
    good = list_folder(folder, ret);
    if (good && ret->count == 0) {
        cli_error("there is no migration in the folder %s", folder);
        return false;
    }
    for (i = 0; i < ret->count; i++) {
        cli_migration_t *one = &ret->items[i];
        if (i > 0 && one->number == one[-1].number) {
            cli_error("%s: %s has the same number", one->file.path, one[-1].name);
            good = false;
        }
        good = cli_sql_file_read(one->file.path, false, &one->file) && good;
    }
    return good;
}

/* --- steps ------------------------------------------------------------------------------------ */
const char *cli_step_name(cli_step_state_t state)
{
    static const char *const k_names[] = {
        [CLI_STEP_APPLIED] = "applied", [CLI_STEP_PENDING] = "pending",
        [CLI_STEP_LATE] = "late",       [CLI_STEP_CHANGED] = "changed",
        [CLI_STEP_STARTED] = "started", [CLI_STEP_MISSING] = "missing",
        [CLI_STEP_NEWER] = "newer",
    };

    return k_names[state];
}

static cli_step_state_t state_of(const cli_migration_t *migration, const cli_record_t *record,
                                 uint64_t last_file, uint64_t last_record)
{
    if (record == NULL)
        return migration->number < last_record ? CLI_STEP_LATE : CLI_STEP_PENDING;
    if (!record->done)
        return CLI_STEP_STARTED;
    if (migration == NULL)
        return record->number < last_file ? CLI_STEP_MISSING : CLI_STEP_NEWER;
    return strcmp(migration->checksum, record->checksum) == 0 ? CLI_STEP_APPLIED : CLI_STEP_CHANGED;
}

cli_steps_t cli_steps_of(const cli_migrations_t *migrations, const cli_record_t *records,
                         size_t nrecords)
{
    uint64_t last_file =
        migrations->count > 0 ? migrations->items[migrations->count - 1].number : 0;
    uint64_t last_record = nrecords > 0 ? records[nrecords - 1].number : 0;
    cli_steps_t steps = {0};
    size_t m = 0;
    size_t r = 0;

    steps.items = cli_alloc((migrations->count + nrecords + 1) * sizeof *steps.items);
    while (m < migrations->count || r < nrecords) {
        const cli_migration_t *file = m < migrations->count ? &migrations->items[m] : NULL;
        const cli_record_t *record = r < nrecords ? &records[r] : NULL;
        if (file != NULL && record != NULL && file->number < record->number)
            record = NULL;
        else if (file != NULL && record != NULL && file->number > record->number)
            file = NULL;
        m += file != NULL ? 1 : 0;
        r += record != NULL ? 1 : 0;
        steps.items[steps.count++] =
            (cli_step_t){state_of(file, record, last_file, last_record), file, record};
    }
    return steps;
}

bool cli_step_stops(const cli_step_t *step, bool out_of_order)
{
    return step->state == CLI_STEP_CHANGED || step->state == CLI_STEP_STARTED ||
           step->state == CLI_STEP_MISSING || (step->state == CLI_STEP_LATE && !out_of_order);
}

const cli_step_t *cli_steps_next(const cli_steps_t *steps)
{
    size_t i;

    for (i = 0; i < steps->count; i++)
        if (steps->items[i].state == CLI_STEP_PENDING || steps->items[i].state == CLI_STEP_LATE)
            return &steps->items[i];
    return NULL;
}

char *cli_migration_remedy(uint64_t number, const char *shard)
{
    return cli_format("look at what is there; then finish the file by hand and run 'agencydb "
                      "migrate --finished %llu --shard %s', or undo it and run 'agencydb migrate "
                      "--again %llu --shard %s'",
                      (unsigned long long)number, shard, (unsigned long long)number, shard);
}

size_t cli_steps_count(const cli_steps_t *steps, cli_step_state_t state)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < steps->count; i++)
        count += steps->items[i].state == state ? 1 : 0;
    return count;
}
