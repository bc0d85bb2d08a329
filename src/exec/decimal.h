/* The order of numbers by their text, exact at any length and in any locale: what a double or a
 * long would round is not rounded here. Shortest exact floats are in the order of their digits, so
 * they need nothing else. Pure. */
#ifndef AGDB_EXEC_DECIMAL_H
#define AGDB_EXEC_DECIMAL_H

#include "exec/cell.h"

/* -Infinity, or a number, or Infinity, or NaN: the order of PostgreSQL. */
typedef enum agdb__decimal_rank {
    AGDB__DECIMAL_MINUS_INFINITY = 0,
    AGDB__DECIMAL_FINITE,
    AGDB__DECIMAL_INFINITY,
    AGDB__DECIMAL_NAN
} agdb__decimal_rank_t;

/* A number is 0.DIGITS x 10^exponent; its first digit is not 0. */
typedef struct agdb__decimal {
    agdb__decimal_rank_t rank;
    int sign; /* -1, 0, 1; of a finite one */
    long exponent;
    const char *digits; /* with a point among them, perhaps */
    const char *end;
} agdb__decimal_t;

/* Borrows the text. False: it is no number as the server writes it. */
bool agdb__decimal_read(agdb__cell_t cell, agdb__decimal_t *ret);
/* Less than, equal to or greater than 0. */
int agdb__decimal_compare(const agdb__decimal_t *a, const agdb__decimal_t *b);

#endif
