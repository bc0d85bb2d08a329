/* What every cmocka test includes, in the order that cmocka needs. */
#ifndef AGDB_TESTS_UNIT_H
#define AGDB_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* How many times longer a test may take that looks at the clock. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWNESS = 10 };
#else
enum { SLOWNESS = 1 };
#endif

#define AGDB_COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
