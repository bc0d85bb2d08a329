#include "map/suggest.h"

#include <stdio.h>
#include <string.h>

enum { OFFERS_MAX = 256 };

/* The next word of "a|b|c"; NULL behind the last. */
static const char *next_word(const char *at, size_t *ret_len)
{
    if (*at == '\0')
        return NULL;
    *ret_len = strcspn(at, "|");
    return at;
}

static const char *after(const char *word, size_t len)
{
    return word[len] == '|' ? word + len + 1 : word + len;
}

int agdb__word_find(const char *words, const char *text, size_t len)
{
    const char *word;
    size_t n = 0;
    int i = 0;

    for (word = next_word(words, &n); word != NULL; word = next_word(after(word, n), &n)) {
        if (n == len && memcmp(word, text, len) == 0)
            return i;
        i++;
    }
    return -1;
}

const char *agdb__word_list(const char *words, char buf[AGDB__LIST_SIZE])
{
    const char *word;
    size_t n = 0;
    size_t at = 0;

    buf[0] = '\0';
    for (word = next_word(words, &n); word != NULL; word = next_word(after(word, n), &n)) {
        if (at + n + 3 > AGDB__LIST_SIZE)
            break;
        at += (size_t)snprintf(buf + at, AGDB__LIST_SIZE - at, "%s%.*s", at > 0 ? ", " : "", (int)n,
                               word);
    }
    return buf;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance, with two neighbours swapped as one step. */
static size_t distance_of(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[3][AGDB__WORD_MAX + 1];
    size_t i;
    size_t j;

    for (j = 0; j <= m; j++)
        row[0][j] = j;
    for (i = 1; i <= n; i++) {
        size_t *now = row[i % 3];
        const size_t *up = row[(i - 1) % 3];
        const size_t *up2 = row[(i + 1) % 3];
        now[0] = i;
        for (j = 1; j <= m; j++) {
            now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < now[j])
                now[j] = up2[j - 2] + 1;
        }
    }
    return row[n % 3][m];
}

void agdb__nearest_offer(agdb__nearest_t *nearest, const char *name, size_t len)
{
    size_t longer = len > nearest->len ? len : nearest->len;
    size_t shorter = len > nearest->len ? nearest->len : len;
    size_t limit = longer < 3 ? 0 : longer < 6 ? 1 : longer / 3;
    size_t distance;

    if (nearest->offered++ >= OFFERS_MAX || longer > AGDB__WORD_MAX || longer - shorter > limit)
        return;
    distance = distance_of(nearest->text, nearest->len, name, len);
    if (distance <= limit && (nearest->name == NULL || distance < nearest->distance)) {
        nearest->name = name;
        nearest->name_len = len;
        nearest->distance = distance;
    }
}

void agdb__nearest_offer_words(agdb__nearest_t *nearest, const char *words)
{
    const char *word;
    size_t n = 0;

    for (word = next_word(words, &n); word != NULL; word = next_word(after(word, n), &n))
        agdb__nearest_offer(nearest, word, n);
}
