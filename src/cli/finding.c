#include "cli/finding.h"

#include <stdio.h>

static const char *const k_levels[] = {"ok", "warning", "error"};

void cli_find(cli_findings_t *findings, cli_level_t level, const char *check, const char *text,
              const char *remedy)
{
    findings->items = cli_grow(findings->items, findings->count, sizeof *findings->items);
    findings->items[findings->count++] =
        (cli_finding_t){level, findings->node, findings->of_shard, check, text, remedy};
    findings->levels[level]++;
}

static bool is_about_another(const cli_finding_t *a, const cli_finding_t *b)
{
    return a->node != b->node || a->of_shard != b->of_shard;
}

static void print_head(const cli_finding_t *finding, bool first)
{
    const cli_node_t *node = finding->node;

    if (finding->of_shard)
        printf("%s%s / %s\n", first ? "" : "\n", node->keyspace, node->shard);
    else
        printf("%s%s / %s / %s (%s)\n", first ? "" : "\n", node->keyspace, node->shard, node->name,
               node->where);
}

void cli_findings_print(const cli_findings_t *findings)
{
    size_t i;

    for (i = 0; i < findings->count; i++) {
        const cli_finding_t *finding = &findings->items[i];
        cli_buf_t text = {0};

        if (i == 0 || is_about_another(finding, finding - 1))
            print_head(finding, i == 0);
        cli_buf_shown(&text, finding->text, strlen(finding->text));
        printf("  %-7s  %-11s  %s\n", k_levels[finding->level], finding->check, text.data);
        if (finding->remedy != NULL)
            printf("  %-7s  %-11s  what to do: %s\n", "", "", finding->remedy);
    }
    printf("\n%zu ok, %zu warning%s, %zu error%s\n", findings->levels[CLI_LEVEL_OK],
           findings->levels[CLI_LEVEL_WARNING], findings->levels[CLI_LEVEL_WARNING] == 1 ? "" : "s",
           findings->levels[CLI_LEVEL_ERROR], findings->levels[CLI_LEVEL_ERROR] == 1 ? "" : "s");
}

void cli_findings_json(const cli_findings_t *findings, cli_json_t *json)
{
    size_t i;

    cli_json_open(json, "findings", '[');
    for (i = 0; i < findings->count; i++) {
        const cli_finding_t *finding = &findings->items[i];

        cli_json_open(json, NULL, '{');
        cli_json_text(json, "keyspace", finding->node->keyspace);
        cli_json_text(json, "shard", finding->node->shard);
        if (!finding->of_shard) {
            cli_json_text(json, "node", finding->node->name);
            cli_json_text(json, "server", finding->node->where);
        }
        cli_json_text(json, "check", finding->check);
        cli_json_text(json, "level", k_levels[finding->level]);
        cli_json_text(json, "text", finding->text);
        if (finding->remedy != NULL)
            cli_json_text(json, "remedy", finding->remedy);
        cli_json_close(json);
    }
    cli_json_close(json);
}
