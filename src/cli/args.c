#include "cli/args.h"

#include "cli/cli.h"
#include "cli/message.h"

#include <stdio.h>

static void print_option(const cli_option_t *option)
{
    const char *letter = option->letter != '\0' ? cli_format("-%c, ", option->letter) : "";
    char *left = cli_format("%s--%s%s%s", letter, option->name, option->value != NULL ? " " : "",
                            option->value != NULL ? option->value : "");

    if (strlen(left) > 18)
        printf("  %s\n  %-18s  %s\n", left, "", option->doc);
    else
        printf("  %-18s  %s\n", left, option->doc);
}

static void print_help(const cli_args_t *args)
{
    const cli_usage_t *usage = args->usage;
    size_t i;

    printf("Usage: agencydb %s %s\n\n%s\n", usage->name, usage->synopsis, usage->summary);
    if (usage->about != NULL)
        printf("\n%s\n", usage->about);
    printf("\nOptions:\n");
    for (i = 0; i < args->noptions; i++)
        print_option(&args->options[i]);
    print_option(&(cli_option_t){.name = "help", .doc = "this text"});
    printf("\nExamples:\n%s\n\nExit status:\n%s\n", usage->examples, usage->exits);
}

static int usage_error(const cli_args_t *args, const char *text)
{
    cli_error("%s: %s", args->usage->name, text);
    fprintf(stderr, "Usage: agencydb %s %s\nSee 'agencydb %s --help'.\n", args->usage->name,
            args->usage->synopsis, args->usage->name);
    return CLI_USAGE;
}

static int unknown_option(const cli_args_t *args, const char *word)
{
    const char **names = cli_alloc((args->noptions + 1) * sizeof *names);
    const char *near;
    size_t len = strcspn(word, "=");
    size_t i;

    for (i = 0; i < args->noptions; i++)
        names[i] = args->options[i].name;
    names[args->noptions] = "help";
    near = cli_nearest(cli_copy_n(word, len) + strspn(word, "-"), names, args->noptions + 1);
    if (near != NULL)
        return usage_error(args, cli_format("there is no option '%.*s'; did you mean '--%s'?",
                                            (int)len, word, near));
    return usage_error(args,
                       cli_format("there is no option '%.*s' (an operand that starts with a dash "
                                  "goes after '--')",
                                  (int)len, word));
}

static const cli_option_t *find_option(const cli_args_t *args, const char *word, size_t len)
{
    size_t i;

    for (i = 0; i < args->noptions; i++) {
        if (strlen(args->options[i].name) == len && strncmp(args->options[i].name, word, len) == 0)
            return &args->options[i];
    }
    return NULL;
}

/* "-v". */
static bool read_letter(const cli_args_t *args, const char *word)
{
    size_t i;

    for (i = 0; i < args->noptions; i++)
        if (args->options[i].letter != '\0' && args->options[i].letter == word[1] &&
            word[2] == '\0') {
            *args->options[i].flag = true;
            return true;
        }
    return false;
}

/* One "--name", "--name=value" or "--name value". */
static int read_option(cli_args_t *args, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    size_t len = strcspn(word + 2, "=");
    const cli_option_t *option = find_option(args, word + 2, len);
    const char *value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;

    if (option == NULL)
        return unknown_option(args, word);
    if (option->flag != NULL) {
        if (value != NULL)
            return usage_error(args, cli_format("option '--%s' takes no value", option->name));
        *option->flag = true;
        return -1;
    }
    if (value == NULL) {
        if (*at + 1 >= argc)
            return usage_error(
                args, cli_format("option '--%s' needs a value: %s", option->name, option->value));
        value = argv[++*at];
    }
    if (option->text != NULL) {
        *option->text = value;
    } else if (!cli_duration(value, option->duration_ms)) {
        cli_error("%s: '--%s %s' is not a duration such as 500ms, 2s or 1m", args->usage->name,
                  option->name, value);
        return CLI_USAGE;
    }
    return -1;
}

int cli_args_read(cli_args_t *args, int argc, char **argv)
{
    bool literal = false;
    int code;
    int i;

    args->items = cli_alloc((size_t)(argc + 1) * sizeof *args->items);
    args->count = 0;
    for (i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (literal || word[0] != '-' || word[1] == '\0') {
            args->items[args->count++] = word;
            literal = literal || (args->literal_after > 0 && args->count >= args->literal_after);
        } else if (strcmp(word, "--") == 0) {
            literal = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(args);
            return cli_finish(CLI_OK);
        } else if (word[1] != '-') {
            if (!read_letter(args, word))
                return unknown_option(args, word);
        } else if ((code = read_option(args, argc, argv, &i)) >= 0) {
            return code;
        }
    }
    if (args->count < args->least)
        return usage_error(args,
                           args->count == 0 ? "operands are missing" : "an operand is missing");
    if (args->most > 0 && args->count > args->most)
        return usage_error(
            args, cli_format("there is an operand too many: '%s'", args->items[args->most]));
    return -1;
}
