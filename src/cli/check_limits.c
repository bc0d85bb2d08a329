/* The parts of check_rules.h that compare limits and settings with what the library does. */
#include "cli/check_rules.h"

/* --- connections ------------------------------------------------------------------------------ */
static unsigned long long big(uint64_t number)
{
    return (unsigned long long)number;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "es";
}

static void check_server(cli_findings_t *findings, const cli_checked_t *checked)
{
    const int64_t most = cli_check_number(checked->facts, "max_connections", 0);
    const int64_t reserved =
        cli_check_number(checked->facts, "superuser_reserved_connections", CLI_RESERVED_DEFAULT) +
        cli_check_number(checked->facts, "reserved_connections", 0);
    const uint64_t needed = checked->instances * checked->load->per_process;
    const uint64_t allowed = most > reserved ? (uint64_t)(most - reserved) : 0;
    char *text = cli_format("%llu may be made, %llu are allowed (max_connections %lld, %lld "
                            "reserved); %llu process%s x %llu (%s)",
                            big(needed), big(allowed), (long long)most, (long long)reserved,
                            big(checked->instances), plural(checked->instances),
                            big(checked->load->per_process), cli_load_text(checked->load));

    if (needed <= allowed)
        cli_find(findings, CLI_LEVEL_OK, "connections", text, NULL);
    else
        cli_find(findings, CLI_LEVEL_ERROR, "connections", text,
                 cli_format("set max_connections = %llu or more and restart (replicas first), "
                            "lower pool.max, or put a PgBouncer in between",
                            big(needed + (uint64_t)reserved)));
}

/* A replica with a lower limit than its primary stops replaying. */
static void compare_with_primary(cli_findings_t *findings, const cli_checked_t *checked)
{
    const int64_t here = cli_check_number(checked->facts, "max_connections", 0);
    int64_t there;

    if (checked->primary == NULL || checked->standing->place != CLI_NODE_REPLICA)
        return;
    there = cli_check_number(checked->primary, "max_connections", here);
    if (here < there)
        cli_find(findings, CLI_LEVEL_ERROR, "connections",
                 cli_format("max_connections = %lld, the primary has %lld: replay stops",
                            (long long)here, (long long)there),
                 cli_format("set max_connections = %lld on it and restart it", (long long)there));
}

/* CONNECTION LIMIT of roles and of the database. */
static void check_limit(cli_findings_t *findings, const cli_checked_t *checked,
                        const cli_check_row_t *row)
{
    const bool is_role = strcmp(row->kind, "role") == 0;
    const uint64_t needed = checked->instances * cli_load_as(checked->load, is_role ? row->a : NULL,
                                                             is_role ? NULL : row->a);
    uint64_t limit = 0;

    if (!cli_number(row->c, UINT64_MAX, &limit) || needed <= limit)
        return; /* -1: none */
    cli_find(findings, CLI_LEVEL_ERROR, "connections",
             cli_format("%s '%s' may have %llu, %llu may be made", row->kind, row->a, big(limit),
                        big(needed)),
             cli_format("ALTER %s %s CONNECTION LIMIT %llu", is_role ? "ROLE" : "DATABASE",
                        cli_quoted(row->a, '"'), big(needed)));
}

void cli_check_connections(cli_findings_t *findings, const cli_checked_t *checked)
{
    size_t i;

    if (checked->node->via_pgbouncer) {
        if (checked->is_first_of_server)
            cli_find(findings, CLI_LEVEL_OK, "connections",
                     cli_format("%llu to its PgBouncer, whose max_client_conn has to allow them",
                                big(checked->instances * checked->load->per_process)),
                     NULL);
        return;
    }
    if (checked->is_first_of_server) {
        check_server(findings, checked);
        compare_with_primary(findings, checked);
    }
    for (i = 0; i < checked->facts->count; i++) {
        const cli_check_row_t *row = &checked->facts->rows[i];

        if (strcmp(row->kind, "database") == 0 ||
            (strcmp(row->kind, "role") == 0 && strcmp(row->a, checked->node->user) == 0))
            check_limit(findings, checked, row);
    }
}

/* --- ALTER ROLE ... SET ----------------------------------------------------------------------- */
typedef struct setting_rule {
    const char *name;
    const char *harmless; /* the value that does nothing */
    cli_level_t level;
    const char *means;
    const char *means_bouncer; /* behind a PgBouncer no start-up option takes precedence */
} setting_rule_t;

static const setting_rule_t k_rules[] = {
    {"statement_timeout", "0", CLI_LEVEL_WARNING,
     "agencydb's connections set their own: it does nothing to them",
     "it also ends writes, and one that waits for a standby then looks done"},
    {"idle_session_timeout", "0", CLI_LEVEL_WARNING, "connections that pools keep are cut",
     "connections that the PgBouncer keeps are cut"},
    {"transaction_timeout", "0", CLI_LEVEL_WARNING, "it ends streams, loads and migrations",
     "it ends streams, loads and migrations"},
    {"default_transaction_read_only", "off", CLI_LEVEL_ERROR, "writes fail with 25006",
     "writes fail with 25006"},
};

/* "0", "0s", "off", "false", "no" */
static bool is_harmless(const setting_rule_t *rule, const char *value)
{
    return value[0] == '0' || strcmp(value, rule->harmless) == 0 || strcmp(value, "false") == 0 ||
           strcmp(value, "no") == 0;
}

static const setting_rule_t *find_rule(const char *assignment)
{
    size_t i;

    for (i = 0; i < sizeof k_rules / sizeof k_rules[0]; i++) {
        const size_t len = strlen(k_rules[i].name);

        if (strncmp(assignment, k_rules[i].name, len) == 0 && assignment[len] == '=' &&
            !is_harmless(&k_rules[i], assignment + len + 1))
            return &k_rules[i];
    }
    return NULL;
}

/* "ROLE x", "DATABASE d", "ROLE x IN DATABASE d", "ROLE ALL" */
static char *target_of(const cli_check_row_t *row)
{
    if (row->a[0] == '\0')
        return row->b[0] != '\0' ? cli_format("DATABASE %s", cli_quoted(row->b, '"'))
                                 : cli_copy("ROLE ALL");
    if (row->b[0] == '\0')
        return cli_format("ROLE %s", cli_quoted(row->a, '"'));
    return cli_format("ROLE %s IN DATABASE %s", cli_quoted(row->a, '"'), cli_quoted(row->b, '"'));
}

void cli_check_role_settings(cli_findings_t *findings, const cli_checked_t *checked)
{
    size_t i;

    for (i = 0; i < checked->facts->count; i++) {
        const cli_check_row_t *row = &checked->facts->rows[i];
        const setting_rule_t *rule = strcmp(row->kind, "set") == 0 ? find_rule(row->c) : NULL;

        if (rule == NULL)
            continue;
        cli_find(findings, rule->level, "timeouts",
                 cli_format("%s has %s: %s", target_of(row), row->c,
                            checked->node->via_pgbouncer ? rule->means_bouncer : rule->means),
                 cli_format("ALTER %s RESET %s", target_of(row), rule->name));
    }
}
