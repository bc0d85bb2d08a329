#include "api/json.h"

#include "map/quote.h"

static void begin(agdb__json_t *j, const char *name)
{
    if (j->depth > 0) {
        agdb__buf_printf(j->out, "%s\n%*s", j->filled[j->depth - 1] ? "," : "", (int)j->depth * 2,
                         "");
        j->filled[j->depth - 1] = true;
    }
    if (name != NULL)
        agdb__buf_printf(j->out, "\"%s\": ", name);
}

void agdb__json_open(agdb__json_t *j, const char *name, char bracket)
{
    begin(j, name);
    agdb__buf_add(j->out, &bracket, 1);
    j->close[j->depth] = bracket == '{' ? '}' : ']';
    j->filled[j->depth] = false;
    j->depth++;
}

void agdb__json_close(agdb__json_t *j)
{
    j->depth--;
    if (j->filled[j->depth])
        agdb__buf_printf(j->out, "\n%*s", (int)j->depth * 2, "");
    agdb__buf_add(j->out, &j->close[j->depth], 1);
}

void agdb__json_text(agdb__json_t *j, const char *name, const char *text)
{
    if (text == NULL) {
        agdb__json_null(j, name);
        return;
    }
    begin(j, name);
    agdb__quote_json(j->out, text, strlen(text));
}

void agdb__json_count(agdb__json_t *j, const char *name, uint64_t count)
{
    begin(j, name);
    agdb__buf_printf(j->out, "%llu", (unsigned long long)count);
}

void agdb__json_bool(agdb__json_t *j, const char *name, bool truth)
{
    begin(j, name);
    agdb__buf_text(j->out, truth ? "true" : "false");
}

void agdb__json_null(agdb__json_t *j, const char *name)
{
    begin(j, name);
    agdb__buf_text(j->out, "null");
}

static void put_fraction(agdb__json_t *j, const char *name, uint64_t number, unsigned digits)
{
    const uint64_t one = digits == 6 ? 1000000 : 1000;

    begin(j, name);
    agdb__buf_printf(j->out, "%llu.%0*llu", (unsigned long long)(number / one), (int)digits,
                     (unsigned long long)(number % one));
}

void agdb__json_ms(agdb__json_t *j, const char *name, uint64_t us)
{
    put_fraction(j, name, us, 3);
}

void agdb__json_s(agdb__json_t *j, const char *name, uint64_t us)
{
    put_fraction(j, name, us, 6);
}

void agdb__json_age(agdb__json_t *j, const char *name, uint64_t us)
{
    put_fraction(j, name, us / 1000, 3);
}
