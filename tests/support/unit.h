/* What every cmocka test includes, in the order that cmocka needs. */
#ifndef AGDB_TESTS_UNIT_H
#define AGDB_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define AGDB_COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
