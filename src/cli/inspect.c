#include "cli/inspect.h"

#include "cli/message.h"
#include "cli/process.h"

bool cli_inspect_open(cli_inspect_t *inspect)
{
    agdb_options_t options = cli_client_options(inspect->login, CLI_INSPECT_NAME);
    agdb_error_t *err = NULL;
    const char *text;

    options.allow_unstamped = true;
    inspect->keyspaces = cli_inspect_keyspaces(inspect->nodes);
    inspect->reasons = cli_alloc((inspect->nodes->count + 1) * sizeof *inspect->reasons);
    inspect->refused = cli_alloc((inspect->nodes->count + 1) * sizeof *inspect->refused);
    text = cli_inspect_map(inspect);
    if (agdb_open_text(text, strlen(text), &options, &inspect->db, &err) == AGDB_OK)
        return true;
    cli_report(err);
    agdb_error_clear(&err);
    return false;
}

void cli_inspect_close(cli_inspect_t *inspect)
{
    enum { CLOSE_MS = 500 };

    (void)agdb_close(inspect->db, CLOSE_MS);
    inspect->db = NULL;
}

/* --- meeting ---------------------------------------------------------------------------------- */
typedef struct roll {
    cli_inspect_t *inspect;
    size_t open; /* nodes that have neither answered nor failed */
} roll_t;

static size_t find_node(const cli_inspect_t *inspect, const agdb_node_info_t *info)
{
    size_t i = inspect->nodes->count;
    uint64_t number;

    if (cli_number(info->shard + 1, inspect->nodes->count - 1, &number))
        i = (size_t)number;
    return i;
}

static void call_node(const agdb_node_info_t *info, void *user)
{
    roll_t *roll = user;
    const size_t i = find_node(roll->inspect, info);

    if (i >= roll->inspect->nodes->count)
        return;
    roll->inspect->reasons[i] = NULL;
    roll->inspect->refused[i] = info->state == AGDB_NODE_REFUSED;
    if (info->state == AGDB_NODE_UP && (info->is_primary || info->is_replica))
        return;
    roll->open +=
        info->state == AGDB_NODE_UNSEEN || (info->state == AGDB_NODE_UP && info->reason[0] == '\0');
    if (info->reason[0] != '\0')
        roll->inspect->reasons[i] = cli_copy(info->reason);
    else
        roll->inspect->reasons[i] =
            cli_format("has not answered in %.1f s", roll->inspect->timeout_ms / 1000.0);
}

void cli_inspect_meet(cli_inspect_t *inspect)
{
    enum { PAUSE_MS = 5 };
    const uint64_t until = cli_now_ms() + inspect->timeout_ms;
    agdb_error_t *err = NULL;
    roll_t roll;

    do {
        roll = (roll_t){.inspect = inspect};
        if (agdb_status(inspect->db, call_node, &roll, &err) != AGDB_OK) {
            cli_report(err);
            agdb_error_clear(&err);
            return;
        }
        if (roll.open > 0)
            cli_sleep_ms(PAUSE_MS);
    } while (roll.open > 0 && cli_now_ms() < until && !cli_interrupted());
}

/* --- asking ----------------------------------------------------------------------------------- */
static agdb_request_t request_for(const cli_inspect_t *inspect, const cli_question_t *question,
                                  size_t node)
{
    return (agdb_request_t){.struct_size = sizeof(agdb_request_t),
                            .keyspace = inspect->keyspaces[node],
                            .shard = cli_inspect_shard(node),
                            .sql = question->sql,
                            .params = question->params != NULL ? &question->params[node] : NULL,
                            .nparams = question->params != NULL ? 1 : 0,
                            .access = AGDB_READ_REPLICA_OK,
                            .timeout_ms = inspect->timeout_ms,
                            .alone = true,
                            .tag = CLI_INSPECT_NAME};
}

cli_answers_t cli_inspect_ask(cli_inspect_t *inspect, const cli_question_t *question)
{
    const size_t count = inspect->nodes->count;
    agdb_request_t *requests = cli_alloc((count + 1) * sizeof *requests);
    const agdb_request_t **pointers = cli_alloc((count + 1) * sizeof *pointers);
    size_t *whose = cli_alloc((count + 1) * sizeof *whose);
    agdb_result_t **results = cli_alloc((count + 1) * sizeof *results);
    agdb_error_t **errors = cli_alloc((count + 1) * sizeof *errors);
    cli_answers_t answers = {cli_alloc((count + 1) * sizeof *answers.results),
                             cli_alloc((count + 1) * sizeof *answers.errors), count};
    size_t n = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (inspect->reasons[i] != NULL || (question->skip != NULL && question->skip[i]))
            continue;
        requests[n] = request_for(inspect, question, i);
        pointers[n] = &requests[n];
        whose[n++] = i;
    }
    if (n > 0)
        (void)!agdb_query_many(inspect->db, pointers, n, 0, results, errors, NULL);
    for (i = 0; i < n; i++) {
        answers.results[whose[i]] = results[i];
        answers.errors[whose[i]] = errors[i];
        if (agdb_error_status(errors[i]) == AGDB_E_TIMEOUT)
            inspect->reasons[whose[i]] = cli_answers_reason(&answers, whose[i]);
    }
    return answers;
}

void cli_answers_free(cli_answers_t *answers)
{
    size_t i;

    for (i = 0; i < answers->count; i++) {
        agdb_result_free(answers->results[i]);
        answers->results[i] = NULL;
        agdb_error_clear(&answers->errors[i]);
    }
}

const char *cli_answers_reason(const cli_answers_t *answers, size_t node)
{
    const agdb_error_t *err = answers->errors[node];

    if (err == NULL)
        return "was not asked";
    while (agdb_error_child_count(err) > 0)
        err = agdb_error_child(err, 0);
    return cli_copy(agdb_error_message(err));
}
