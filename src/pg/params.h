/* Parameters in the form that libpq wants. Text travels untyped unless the caller gave a type, so
 * that the server infers it; numbers, uuids and arrays travel in binary. */
#ifndef AGDB_PG_PARAMS_H
#define AGDB_PG_PARAMS_H

#include "agencydb/error.h"
#include "agencydb/request.h"

enum {
    AGDB__PARAMS_MAX = 65535,  /* the protocol's */
    AGDB__PARAMS_INLINE = 16,  /* so many need no memory */
    AGDB__PARAMS_SCRATCH = 512 /* bytes of text and arrays that need no memory */
};

/* Lives on the caller's stack; what `values` points to is here or in the caller's parameters. */
typedef struct agdb__params {
    int count;
    const char **values;
    int *lengths;
    int *formats;
    unsigned *types; /* libpq's Oid */
    void *heap;      /* the four arrays of more than AGDB__PARAMS_INLINE */
    char *big;       /* texts and arrays that do not fit into `scratch` */
    size_t used;     /* of `scratch`, or of `big` */
    const char *inline_values[AGDB__PARAMS_INLINE];
    int inline_lengths[AGDB__PARAMS_INLINE];
    int inline_formats[AGDB__PARAMS_INLINE];
    unsigned inline_types[AGDB__PARAMS_INLINE];
    char scratch[AGDB__PARAMS_SCRATCH];
} agdb__params_t;

/* AGDB_E_INVAL for what the protocol cannot carry. *ret_scratch: bytes of text and arrays. */
agdb_status_t agdb__params_check(const agdb_value_t *values, size_t count, size_t *ret_scratch,
                                 agdb_error_t **reterr);
/* AGDB_E_INVAL for what the protocol cannot carry, AGDB_E_NOMEM. Needs agdb__params_fini after
 * success only. */
agdb_status_t agdb__params_init(agdb__params_t *p, const agdb_value_t *values, size_t count,
                                agdb_error_t **reterr);
void agdb__params_fini(agdb__params_t *p);

#endif
