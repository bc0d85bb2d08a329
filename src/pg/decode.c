#include "pg/decode.h"

#include "agencydb/request.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

enum { OID_INT2 = 21, OID_OID = 26, OID_FLOAT4 = 700 };

static const struct {
    uint32_t oid;
    const char *name;
} k_types[] = {
    {16, "boolean"},     {17, "bytea"},
    {20, "bigint"},      {21, "smallint"},
    {23, "integer"},     {25, "text"},
    {26, "oid"},         {114, "json"},
    {700, "real"},       {701, "double precision"},
    {1042, "character"}, {1043, "character varying"},
    {1082, "date"},      {1083, "time"},
    {1114, "timestamp"}, {1184, "timestamp with time zone"},
    {1186, "interval"},  {1700, "numeric"},
    {2950, "uuid"},      {3802, "jsonb"},
};

bool agdb__type_is_int64(uint32_t oid)
{
    return oid == AGDB_OID_INT8 || oid == AGDB_OID_INT4 || oid == OID_INT2 || oid == OID_OID;
}

bool agdb__type_is_double(uint32_t oid)
{
    return oid == AGDB_OID_FLOAT8 || oid == OID_FLOAT4 || oid == AGDB_OID_INT4 || oid == OID_INT2;
}

const char *agdb__type_name(uint32_t oid)
{
    size_t i;

    for (i = 0; i < sizeof k_types / sizeof k_types[0]; i++)
        if (k_types[i].oid == oid)
            return k_types[i].name;
    return NULL;
}

bool agdb__decode_uint64(const char *text, uint64_t *ret)
{
    uint64_t number = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(unsigned char)*text - '0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret = number;
    return true;
}

bool agdb__decode_int64(const char *text, int64_t *ret)
{
    const bool negative = *text == '-';
    uint64_t number;

    if (!agdb__decode_uint64(text + (negative ? 1 : 0), &number))
        return false;
    if (number > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *ret = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static locale_t s_c_locale;

static void make_c_locale(void)
{
    s_c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* In the C locale whatever the host has set: a decimal comma would cut "1.5" short. */
bool agdb__decode_double(const char *text, double *ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char *end = NULL;
    double number;

    pthread_once(&once, make_c_locale);
    if (s_c_locale == (locale_t)0 || *text == '\0' || *text == ' ')
        return false;
    number = strtod_l(text, &end, s_c_locale);
    if (*end != '\0')
        return false;
    *ret = number;
    return true;
}

bool agdb__decode_bool(const char *text, bool *ret)
{
    if ((text[0] != 't' && text[0] != 'f') || text[1] != '\0')
        return false;
    *ret = text[0] == 't';
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool agdb__decode_bytea_length(const char *text, size_t len, size_t *ret_len)
{
    if (len < 2 || text[0] != '\\' || text[1] != 'x' || len % 2 != 0)
        return false;
    *ret_len = (len - 2) / 2;
    return true;
}

bool agdb__decode_bytea(const char *text, size_t len, void *buf)
{
    unsigned char *out = buf;
    size_t count;
    size_t i;

    if (!agdb__decode_bytea_length(text, len, &count))
        return false;
    for (i = 0; i < count; i++) {
        int high = hex_digit(text[2 + 2 * i]);
        int low = hex_digit(text[3 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}
