/* From an error to what to do. Three questions: did it happen (outcome), will it pass (retriable),
 * and whose fault is it (status, SQLSTATE)? */
#include <agencydb.h>

#include <stdio.h>

typedef enum action { DONE, TRY_AGAIN, LOOK_FIRST, TELL_CALLER, CALL_OPERATOR } action_t;

static const char *const k_actions[] = {"done", "try again", "look whether it happened",
                                        "tell the caller", "call the operator"};

static action_t what_to_do(const agdb_error_t *err)
{
    if (err == NULL)
        return DONE;
    if (agdb_error_outcome(err) == AGDB_OUTCOME_UNKNOWN)
        return LOOK_FIRST; /* a write may be in; see .idempotent */
    if (agdb_error_is_retriable(err))
        return TRY_AGAIN; /* not before agdb_error_retry_after_ms(err) */
    switch (agdb_error_status(err)) {
    case AGDB_E_SERVER: /* the statement: a constraint, a typing error, a missing table */
    case AGDB_E_INVAL:
    case AGDB_E_NO_TARGET:
    case AGDB_E_FROZEN:
    case AGDB_E_TIMEOUT:
        return TELL_CALLER;
    default:
        return CALL_OPERATOR;
    }
}

/* Runs a request and prints all that its error says. */
static agdb_status_t show(agdb_t *db, const char *what, const agdb_request_t *request)
{
    agdb_error_t *err = NULL;
    agdb_status_t st = agdb_query(db, request, NULL, &err);

    printf("%s: %s\n", what, agdb_status_name(st));
    if (st != AGDB_OK)
        printf("  message   %s\n  shard     '%s', node '%s', stage %s\n"
               "  SQLSTATE  '%s', constraint '%s'\n  outcome   %s, retriable: %s\n",
               agdb_error_message(err), agdb_error_shard(err), agdb_error_node(err),
               agdb_stage_name(agdb_error_stage(err)), agdb_error_sqlstate(err),
               agdb_error_field(err, AGDB_FIELD_CONSTRAINT),
               agdb_outcome_name(agdb_error_outcome(err)),
               agdb_error_is_retriable(err) ? "yes" : "no");
    printf("  action    %s\n", k_actions[what_to_do(err)]);
    agdb_error_free(err);
    return st;
}

int main(int argc, char **argv)
{
    agdb_t *db = NULL;
    agdb_error_t *err = NULL;
    int good = 1;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &db, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_error_clear(&err);
        return 1;
    }
    good &= show(db, "a mistake in the statement",
                 AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELEKT 1")) == AGDB_E_SERVER;
    good &= show(db, "a row that a constraint refuses",
                 AGDB_REQUEST(.key = agdb_key("epa"),
                              .sql = "INSERT INTO air_reading VALUES ($1, 'x', '2026-11-23', 1)",
                              AGDB_PARAMS(agdb_text("no such agency")))) == AGDB_E_SERVER;
    good &= show(db, "a write under the promise of a read",
                 AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ,
                              .sql = "DELETE FROM disease_case")) == AGDB_E_SERVER;
    good &= show(db, "a write that is too slow",
                 AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_sleep(1)",
                              .timeout_ms = 100)) == AGDB_E_TIMEOUT;
    good &= show(db, "a write for a frozen agency",
                 AGDB_REQUEST(.key = agdb_key("nara"), .sql = "DELETE FROM disease_case")) ==
            AGDB_E_FROZEN;
    good &= show(db, "no target", AGDB_REQUEST(.sql = "SELECT 1")) == AGDB_E_NO_TARGET;
    good &= show(db, "a read",
                 AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1", .access = AGDB_READ)) ==
            AGDB_OK;
    agdb_close(db, 1000);
    return good ? 0 : 1;
}
