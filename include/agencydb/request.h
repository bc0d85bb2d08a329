/* A request: where, what, how. One struct; zero in a field means its default.
 *
 * In C:    agdb_query(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), &res, &err);
 * In C++:  agdb_request_t r = AGDB_REQUEST_INIT; r.key = agdb_key("epa"); r.sql = "SELECT 1";
 *          agdb_query(db, &r, &res, &err); */
#ifndef AGENCYDB_REQUEST_H
#define AGENCYDB_REQUEST_H

#include "agencydb/base.h"
#include "agencydb/scatter.h"
#include "agencydb/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the caller promises about the statement. The library enforces reads: a statement that
 * writes under AGDB_READ is refused by the server (25006). It never guesses from the SQL. */
typedef enum agdb_access {
    AGDB_WRITE = 0,        /* on the primary; anything */
    AGDB_READ = 1,         /* on the primary; reads the newest rows */
    AGDB_READ_SESSION = 2, /* on a replica that has all that `session` wrote, else on the primary */
    AGDB_READ_BOUNDED = 3, /* on a replica that lags by `max_lag_ms` at most, else the primary */
    AGDB_READ_REPLICA_OK = 4 /* on a replica; on the primary when there is none */
} agdb_access_t;

/* A transaction (agencydb/tx.h). @threads one */
typedef struct agdb_tx agdb_tx_t;

/* How a value is kept inside agdb_value_t. For the makers below; not for callers. */
typedef enum agdb_value_kind {
    AGDB_VALUE_NULL = 0,
    AGDB_VALUE_TEXT = 1,       /* data, len: characters, no NUL inside */
    AGDB_VALUE_BINARY = 2,     /* data, len: the type's binary form */
    AGDB_VALUE_INLINE = 3,     /* inline_bytes, len: binary, kept in the value */
    AGDB_VALUE_TEXT_ARRAY = 4, /* data: const char *const *, len: how many */
    AGDB_VALUE_INT8_ARRAY = 5, /* data: const int64_t *, len: how many */
    AGDB_VALUE_SHARD_KEYS = 6  /* the request's keys of one shard */
} agdb_value_kind_t;

/* One parameter. Made by the functions below; what it points to is borrowed until the call
 * returns. */
typedef struct agdb_value {
    const void *data;
    size_t len;
    uint32_t oid;  /* 0: the server infers the type */
    uint32_t kind; /* agdb_value_kind_t */
    unsigned char inline_bytes[16];
} agdb_value_t;

/* Type OIDs of the server that the makers use (pg_type.dat). */
#define AGDB_OID_BOOL       16u
#define AGDB_OID_BYTEA      17u
#define AGDB_OID_INT8       20u
#define AGDB_OID_INT4       23u
#define AGDB_OID_TEXT       25u
#define AGDB_OID_JSON       114u
#define AGDB_OID_FLOAT8     701u
#define AGDB_OID_TEXT_ARRAY 1009u
#define AGDB_OID_INT8_ARRAY 1016u
#define AGDB_OID_UUID       2950u

/* SQL NULL, of any type.
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_null(void)
{
    agdb_value_t value;
    memset(&value, 0, sizeof value);
    return value;
}

/* Characters without a type: the server infers it, so `date = $1` and an INSERT into a jsonb
 * column work.
 * @param text  borrowed; no NUL inside
 * @param len   bytes
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_text_n(const char *text, size_t len)
{
    agdb_value_t value = agdb_null();
    value.data = text;
    value.len = len;
    value.kind = AGDB_VALUE_TEXT;
    return value;
}

/* The same for a C string; NULL is SQL NULL.
 * @param text  borrowed
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_text(const char *text)
{
    return text != NULL ? agdb_text_n(text, strlen(text)) : agdb_null();
}

/* Characters with a type.
 * @param oid   the type's OID (pg_type)
 * @param text  borrowed; NULL is SQL NULL
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_typed(uint32_t oid, const char *text)
{
    agdb_value_t value = agdb_text(text);
    value.oid = oid;
    return value;
}

/* For the makers below: len bytes of a number, most significant first.
 * @param oid   its type
 * @param bits  the number's bits
 * @param len   1 to 8
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_value_inline(uint32_t oid, uint64_t bits, size_t len)
{
    agdb_value_t value = agdb_null();
    size_t i;
    value.oid = oid;
    value.kind = AGDB_VALUE_INLINE;
    value.len = len;
    for (i = 0; i < len; i++)
        value.inline_bytes[i] = (unsigned char)(bits >> (8 * (len - 1 - i)));
    return value;
}

/* @param number  a PostgreSQL `integer`
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_int4(int32_t number)
{
    return agdb_value_inline(AGDB_OID_INT4, (uint32_t)number, 4);
}

/* @param number  a PostgreSQL `bigint`
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_int8(int64_t number)
{
    return agdb_value_inline(AGDB_OID_INT8, (uint64_t)number, 8);
}

/* @param number  a PostgreSQL `double precision`
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_float8(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return agdb_value_inline(AGDB_OID_FLOAT8, bits, 8);
}

/* @param truth  a PostgreSQL `boolean`
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_bool(bool truth)
{
    return agdb_value_inline(AGDB_OID_BOOL, truth ? 1 : 0, 1);
}

/* @param data  borrowed; NULL is SQL NULL
 * @param len   bytes
 * @return the value, a PostgreSQL `bytea`
 * @threads any */
static inline agdb_value_t agdb_bytea(const void *data, size_t len)
{
    agdb_value_t value = agdb_null();
    if (data == NULL)
        return value;
    value.data = data;
    value.len = len;
    value.oid = AGDB_OID_BYTEA;
    value.kind = AGDB_VALUE_BINARY;
    return value;
}

/* @param bytes  the 16 bytes of the uuid, copied; NULL is SQL NULL
 * @return the value
 * @threads any */
static inline agdb_value_t agdb_uuid(const unsigned char *bytes)
{
    agdb_value_t value = agdb_null();
    if (bytes == NULL)
        return value;
    value.oid = AGDB_OID_UUID;
    value.kind = AGDB_VALUE_INLINE;
    value.len = 16;
    memcpy(value.inline_bytes, bytes, 16);
    return value;
}

/* @param text  borrowed JSON; NULL is SQL NULL
 * @return the value, a PostgreSQL `json` (use agdb_text for a jsonb column)
 * @threads any */
static inline agdb_value_t agdb_json(const char *text)
{
    return agdb_typed(AGDB_OID_JSON, text);
}

/* @param items  borrowed array of C strings; a NULL item is a NULL element
 * @param count  how many; 0 is an empty array
 * @return the value, a PostgreSQL `text[]`
 * @threads any */
static inline agdb_value_t agdb_text_array(const char *const *items, size_t count)
{
    agdb_value_t value = agdb_null();
    value.data = items;
    value.len = count;
    value.oid = AGDB_OID_TEXT_ARRAY;
    value.kind = AGDB_VALUE_TEXT_ARRAY;
    return value;
}

/* @param items  borrowed array of numbers
 * @param count  how many; 0 is an empty array
 * @return the value, a PostgreSQL `bigint[]`
 * @threads any */
static inline agdb_value_t agdb_int8_array(const int64_t *items, size_t count)
{
    agdb_value_t value = agdb_null();
    value.data = items;
    value.len = count;
    value.oid = AGDB_OID_INT8_ARRAY;
    value.kind = AGDB_VALUE_INT8_ARRAY;
    return value;
}

/* Of a request with .keys, those that live on the shard that is asked: with `agency = ANY($1)` each
 * shard is asked for its own agencies only. The keys have to be text: UTF-8 without NUL.
 * @return the value, a PostgreSQL `text[]`
 * @threads any */
static inline agdb_value_t agdb_shard_keys(void)
{
    agdb_value_t value = agdb_null();
    value.oid = AGDB_OID_TEXT_ARRAY;
    value.kind = AGDB_VALUE_SHARD_KEYS;
    return value;
}

/* A place in ordered rows: see agdb_cursor_read. @threads frozen */
typedef struct agdb_cursor agdb_cursor_t;

/* What a caller asks. All pointers are borrowed until the call returns. The target is exactly one
 * of `key`, `shard`, `keys`, `region` and `scope`; none is allowed in a keyspace with one shard
 * only. */
typedef struct agdb_request {
    size_t struct_size;   /* set by AGDB_REQUEST / AGDB_REQUEST_INIT */
    agdb_bytes_t key;     /* the agency whose shard is meant: agdb_key("epa") */
    const char *shard;    /* or the shard, by name */
    const char *keyspace; /* NULL: the map's default_keyspace */
    const char *sql;      /* one statement, parameters as $1, $2, ... */
    const agdb_value_t *params;
    size_t nparams;
    agdb_access_t access;
    uint32_t timeout_ms; /* for the whole call; 0: timeouts.call of the map. What is under way then
                            is cancelled at the server, as by agdb_cancel */
    bool idempotent;     /* running it twice does no harm: repeat it when its outcome is unknown */
    const char *tag;     /* name of the call site, for logs; never a value */
    uint64_t max_rows;   /* more is AGDB_E_TOO_BIG; 0: no limit */
    uint64_t max_bytes;  /* more is AGDB_E_TOO_BIG; 0: AGDB_MAX_BYTES_DEFAULT */
    bool alone;          /* never in a group with other callers' statements */
    const char *idempotency_key; /* a write that happens once for this key of this agency (without
                                    .key: of the shard), however often it is sent: 1 to 255 bytes,
                                    such as a UUID that the caller keeps. Needs `agencydb init` */
    agdb_session_t *session;     /* writes advance it, AGDB_READ_SESSION obeys it; NULL: none. Lives
                                    until the answer is there */
    uint32_t max_lag_ms;         /* AGDB_READ_BOUNDED: what it shows is at most so old. Replicas are
                                    asked every second: below 1000 the primary answers most of the time */
    agdb_tx_t *tx;               /* run it in this transaction, which says the rest */
    bool commit;                 /* and commit that in the same round trip; not if it fails */

    /* Several shards: agencydb/scatter.h. Limits (timeout_ms, max_rows, max_bytes) are for all of
     * them together, but what is on its way may be as much for each until it is noticed; access,
     * session and idempotency_key are each shard's. */
    const agdb_bytes_t *keys;  /* the shards of these agencies; see agdb_shard_keys() */
    size_t nkeys;              /* 1 or more with keys */
    const char *region;        /* the keyspace's shards of this region */
    agdb_scope_t scope;        /* AGDB_ALL: all of the keyspace */
    agdb_partial_t partial;    /* when some shards fail */
    const agdb_merge_t *merge; /* NULL: AGDB_CONCAT */

    const agdb_cursor_t *cursor; /* of agdb_stream_open: the rows have to be behind it; NULL: any */
    const char *traceparent;     /* of the caller's span, for the hooks of agencydb/trace.h */
} agdb_request_t;

#define AGDB_MAX_BYTES_DEFAULT (64u << 20)
#define AGDB_KEYS_MAX          1000000u /* of .keys */

/* An empty request with its size set.
 * @return the request
 * @threads any */
static inline agdb_request_t agdb_request_init(void)
{
    agdb_request_t request;
    memset(&request, 0, sizeof request);
    request.struct_size = sizeof request;
    return request;
}
#define AGDB_REQUEST_INIT agdb_request_init()

#ifndef __cplusplus
/* A request written in place, for use inside a call only (it lives until the end of the block). */
#define AGDB_REQUEST(...)                                                                          \
    (&(const agdb_request_t){.struct_size = sizeof(agdb_request_t), __VA_ARGS__})

/* The parameters, inside AGDB_REQUEST: AGDB_PARAMS(agdb_text("epa"), agdb_int4(7)). */
#define AGDB_PARAMS(...)                                                                           \
    .params = (const agdb_value_t[]){__VA_ARGS__},                                                 \
    .nparams = sizeof((const agdb_value_t[]){__VA_ARGS__}) / sizeof(agdb_value_t)
#endif

#ifdef __cplusplus
}
#endif
#endif
