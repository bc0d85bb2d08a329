/* A text that comes in pieces, for what writes through agdb_text_fn. */
#ifndef AGDB_TESTS_PAGE_H
#define AGDB_TESTS_PAGE_H

#include "unit.h"

#include <string.h>

enum { PAGE_MAX = 1 << 20 };

typedef struct page {
    char text[PAGE_MAX];
    size_t len; /* set to 0 before */
} page_t;

/* An agdb_text_fn whose `user` is the page. */
static inline void page_take(const char *text, size_t len, void *user)
{
    page_t *page = user;

    assert_true(page->len + len < sizeof page->text);
    memcpy(page->text + page->len, text, len);
    page->len += len;
    page->text[page->len] = '\0';
}

#endif
