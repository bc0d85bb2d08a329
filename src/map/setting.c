#include "map/setting.h"

#include <stdio.h>

const char *agdb__node_state_name(agdb__node_state_t state)
{
    static const char *const k_names[] = {"active", "no-reads", "out"};

    return k_names[state];
}

bool agdb__setting_is_text(size_t i)
{
    agdb__setting_type_t type = agdb__setting_rows[i].type;

    return type == AGDB__T_TEXT || type == AGDB__T_PATH || type == AGDB__T_ENUM;
}

const char *agdb__setting_text(const agdb__settings_t *settings, size_t i,
                               char buf[AGDB__SETTING_NUMBER])
{
    switch (agdb__setting_rows[i].type) {
    case AGDB__T_UINT:
    case AGDB__T_MSEC:
        snprintf(buf, AGDB__SETTING_NUMBER, "%llu", (unsigned long long)settings->number[i]);
        return buf;
    case AGDB__T_BOOL:
        return settings->number[i] != 0 ? "true" : "false";
    case AGDB__T_TEXT:
    case AGDB__T_PATH:
    case AGDB__T_ENUM:
        break;
    }
    return settings->text[i];
}

bool agdb__node_setting(const agdb__map_node_t *node, const char *name, const char **ret,
                        char buf[AGDB__SETTING_NUMBER])
{
    size_t i;

    if (strcmp(name, "host") == 0)
        *ret = node->host;
    else if (strcmp(name, "name") == 0)
        *ret = node->name;
    else if (strcmp(name, "zone") == 0)
        *ret = node->zone;
    else if (strcmp(name, "state") == 0)
        *ret = agdb__node_state_name(node->state);
    else if (strcmp(name, "reads") == 0)
        *ret = node->reads_never ? "never" : "";
    else if (strcmp(name, "port") == 0) {
        snprintf(buf, AGDB__SETTING_NUMBER, "%u", (unsigned)node->port);
        *ret = buf;
    } else {
        for (i = 0; i < AGDB_S__COUNT; i++)
            if (strcmp(agdb__setting_rows[i].name, name) == 0)
                break;
        if (i == AGDB_S__COUNT)
            return false;
        *ret = agdb__setting_text(&node->settings, i, buf);
    }
    return true;
}
