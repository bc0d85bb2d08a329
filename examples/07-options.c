/* What a service sets: its name, where logs and events go, where the password comes from. */
#include <agencydb.h>

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static atomic_int s_lines, s_nodes_up, s_passwords;

/* Callbacks may run on any thread, several at once. */
static void take_log(agdb_log_level_t level, const char *line, void *user)
{
    FILE *out = user;

    s_lines++;
    fprintf(out, "log[%d] %s\n", (int)level, line);
}

static void take_event(const agdb_event_t *event, void *user)
{
    FILE *out = user;

    if (agdb_event_type(event) == AGDB_EVENT_NODE_UP)
        s_nodes_up++;
    fprintf(out, "event %llu: %s: %s/%s %s\n", (unsigned long long)agdb_event_sequence(event),
            agdb_event_type_name(agdb_event_type(event)), agdb_event_shard(event),
            agdb_event_node(event), agdb_event_text(event));
}

/* From a vault, for example; it may block. Here: from the file that the map names. It is asked for
 * each new connection, so that a changed password is found. */
static bool find_password(const char *node, const char *login, char *buf, size_t size, void *user)
{
    FILE *file = fopen(user, "r");
    size_t len;

    (void)node;
    (void)login;
    if (file == NULL)
        return false;
    len = fread(buf, 1, size - 1, file);
    fclose(file);
    buf[len] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    s_passwords++;
    return len > 0;
}

/* Events come from the client's own thread, a moment later. Waits for them at most 5 s. */
static void wait_for_events(void)
{
    const struct timespec pause = {0, 10 * 1000000L};
    int left;

    for (left = 500; left > 0 && s_nodes_up < 5; left--)
        nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "shardmap.yaml";
    char login[64], file[4096];
    agdb_map_t *map = NULL;
    agdb_error_t *err = NULL;
    agdb_result_t *res = NULL;
    agdb_t *db = NULL;
    int good = 0;
    agdb_options_t options = {
        .struct_size = sizeof options,
        .service = "options-example", /* application_name on the servers */
        .log = take_log,
        .log_user = stderr,
        .log_level = AGDB_LOG_DEBUG,
        .event = take_event,
        .event_user = stderr,
        .login = login, /* with a login of its own, the password comes from the callback */
        .password = find_password,
        .password_user = file,
    };

    if (agdb_map_load(path, &map, NULL, &err) != AGDB_OK ||
        agdb_map_node_setting(map, 0, 0, 0, "connection.user", login, sizeof login) <= 0 ||
        agdb_map_node_setting(map, 0, 0, 0, "connection.password_file", file, sizeof file) <= 0 ||
        agdb_open(path, &options, &db, &err) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_ALL, 10000, &err) != AGDB_OK)
        goto out;
    if (agdb_query(db,
                   AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ,
                                .sql = "SELECT current_setting('application_name'), current_user"),
                   &res, &err) != AGDB_OK)
        goto out;
    printf("application_name %s, login %s\n", agdb_result_text(res, 0, 0),
           agdb_result_text(res, 0, 1));
    wait_for_events();
    printf("nodes up: %d\n", s_nodes_up);
    printf("password callback used: %s, log lines: %s\n", s_passwords > 0 ? "yes" : "no",
           s_lines > 0 ? "yes" : "no");
    good = s_nodes_up >= 5 && s_passwords > 0 && s_lines > 0 &&
           strcmp(agdb_result_text(res, 0, 0), options.service) == 0;
out:
    if (err != NULL)
        fprintf(stderr, "%s\n", agdb_error_message(err));
    agdb_result_free(res);
    agdb_error_clear(&err);
    agdb_close(db, 1000);
    agdb_map_free(map);
    return good ? 0 : 1;
}
