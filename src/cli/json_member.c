#include "cli/json_member.h"

const char *cli_json_string(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);

    if (json_is_string(member))
        return json_string_value(member);
    if (json_is_integer(member))
        return cli_format("%lld", (long long)json_integer_value(member));
    if (json_is_real(member))
        return cli_format("%.3f", json_real_value(member));
    return "";
}

uint64_t cli_json_whole(const json_t *object, const char *name)
{
    const json_int_t number = json_integer_value(json_object_get(object, name));

    return number > 0 ? (uint64_t)number : 0;
}

bool cli_json_truth(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}
