/* Words that every part of the interface uses: byte strings, statuses, versions, the allocator. */
#ifndef AGENCYDB_BASE_H
#define AGENCYDB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define AGDB_API          __attribute__((visibility("default")))
#define AGDB_CHECKED      __attribute__((warn_unused_result))
#define AGDB_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define AGDB_API
#define AGDB_CHECKED
#define AGDB_PRINTF(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every status a call can return. Values are fixed for life; new ones are appended. */
#define AGDB_STATUS_MAP(XX)                                                                        \
    XX(NOMEM, -1, "out of memory")                                                                 \
    XX(INVAL, -2, "an argument is not valid")                                                      \
    XX(MISUSE, -3, "the call is not allowed here")                                                 \
    XX(MAP_INVALID, -4, "the shard map is not valid")                                              \
    XX(MAP_STALE, -5, "the shard map may not replace the one in use")                              \
    XX(NO_TARGET, -6, "the request names no target")                                               \
    XX(CROSS_SHARD, -7, "the keys belong to different shards")                                     \
    XX(NO_PRIMARY, -8, "the shard has no primary")                                                 \
    XX(SPLIT_BRAIN, -9, "two nodes claim to be the primary")                                       \
    XX(WRONG_SHARD, -10, "the node says it is another shard")                                      \
    XX(NOT_FRESH, -11, "no node is fresh enough")                                                  \
    XX(FROZEN, -12, "the agency is frozen for writes")                                             \
    XX(BUSY, -13, "too many calls are waiting")                                                    \
    XX(TIMEOUT, -14, "deadline exceeded")                                                          \
    XX(CONNECT, -15, "the node cannot be reached")                                                 \
    XX(AUTH, -16, "the server refused the login")                                                  \
    XX(TLS, -17, "no trustworthy TLS connection")                                                  \
    XX(SERVER, -18, "the server reported an error")                                                \
    XX(LOST, -19, "the connection was lost")                                                       \
    XX(TOO_BIG, -20, "the result is over its limit")                                               \
    XX(TYPE, -21, "the value has another type")                                                    \
    XX(NULL, -22, "the value is NULL")                                                             \
    XX(MERGE, -23, "the results cannot be merged")                                                 \
    XX(PARTIAL, -24, "some shards failed")                                                         \
    XX(CLOSING, -25, "the client is closing")                                                      \
    XX(FORKED, -26, "the handle belongs to the parent process")                                    \
    XX(CANCELLED, -27, "the call was cancelled")                                                   \
    XX(UNSUPPORTED, -28, "not supported")

/* What a call returns: AGDB_OK, or why not. */
typedef enum agdb_status_code {
    AGDB_OK = 0,
    AGDB_ROLLBACK = 1, /* what a transaction's function may return; no call returns it */
#define AGDB__ENUM(name, value, text) AGDB_E_##name = (value),
    AGDB_STATUS_MAP(AGDB__ENUM)
#undef AGDB__ENUM
        AGDB_E__MIN = -1000 /* a bound, not a status */
} agdb_status_t;

/* The status' name, such as "TIMEOUT"; "OK" for 0, "UNKNOWN" for a number that is no status.
 * @param status  any number
 * @return static text
 * @threads any */
AGDB_API const char *agdb_status_name(agdb_status_t status);

/* A short text for the status, for people.
 * @param status  any number
 * @return static text
 * @threads any */
AGDB_API const char *agdb_status_text(agdb_status_t status);

/* Bytes with a length. Not owned: what they point to must live as long as the call. */
typedef struct agdb_byte_span {
    const void *data;
    size_t len;
} agdb_bytes_t;

/* The bytes of a C string as an agency key. NULL gives no key.
 * @param text  borrowed, NUL-terminated
 * @return a view of the text
 * @threads any */
static inline agdb_bytes_t agdb_key(const char *text)
{
    agdb_bytes_t bytes = {text, text != NULL ? strlen(text) : 0};
    return bytes;
}

/* A view of any bytes: keys may hold every byte, NUL too.
 * @param data  borrowed
 * @param len   how many
 * @return a view of the bytes
 * @threads any */
static inline agdb_bytes_t agdb_bytes(const void *data, size_t len)
{
    agdb_bytes_t bytes = {data, len};
    return bytes;
}

/* Agency keys are exact bytes, 1 to this many. */
#define AGDB_KEY_MAX 255

/* Where memory comes from. One instance must outlive everything that was made with it: clients,
 * results and errors keep a pointer to it. The functions may be called from any thread. Memory of
 * libpq (the rows of a result) comes from the C library in any case. */
typedef struct agdb_allocator {
    void *(*alloc)(size_t size, void *user);
    void *(*resize)(void *block, size_t size, void *user);
    void (*release)(void *block, void *user);
    void *user;
} agdb_allocator_t;

/* The library's version at run time, "1.2.3"; AGDB_VERSION is that of the header.
 * @return static text
 * @threads any */
AGDB_API const char *agdb_version(void);

/* The same as a number: major * 10000 + minor * 100 + patch.
 * @return the number, comparable with AGDB_VERSION_NUMBER
 * @threads any */
AGDB_API int agdb_version_number(void);

#ifdef __cplusplus
}
#endif
#endif
