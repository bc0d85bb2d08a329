/* The hash contract: our hash against vectors that another program made. */
#include "map/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SLOTS = 4096, LINE_SIZE = 1024, KEYS_MIN = 1000 };

typedef struct vector {
    unsigned char key[AGDB_KEY_MAX];
    size_t len;
    uint64_t hash;
    unsigned long slot;
} vector_t;

typedef void (*vector_fn)(const vector_t *vector, void *user);

static void parse_line(const char *line, vector_t *ret)
{
    const char *tab = strchr(line, '\t');
    char *end = NULL;
    size_t i;

    assert_non_null(tab);
    assert_int_equal((tab - line) % 2, 0);
    ret->len = (size_t)(tab - line) / 2;
    assert_in_range(ret->len, 1, AGDB_KEY_MAX);
    for (i = 0; i < ret->len; i++) {
        char hex[3] = {line[2 * i], line[2 * i + 1], '\0'};
        ret->key[i] = (unsigned char)strtoul(hex, &end, 16);
        assert_true(*end == '\0');
    }
    ret->hash = strtoull(tab + 1, &end, 16);
    assert_int_equal(end - (tab + 1), 16);
    assert_true(*end == '\t');
    ret->slot = strtoul(end + 1, &end, 10);
    assert_true(*end == '\n');
}

static size_t each_vector(vector_fn fn, void *user)
{
    FILE *file = fopen(AGDB_SOURCE_DIR "/shardmap/vectors.tsv", "r");
    char line[LINE_SIZE];
    size_t count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        vector_t vector;
        if (line[0] == '#')
            continue;
        parse_line(line, &vector);
        fn(&vector, user);
        count++;
    }
    fclose(file);
    return count;
}

static void check_hash(const vector_t *vector, void *user)
{
    uint64_t hash = agdb__hash_key(vector->key, vector->len);

    (void)user;
    assert_int_equal(hash, vector->hash);
    assert_int_equal(hash % SLOTS, vector->slot);
}

static void hash_every_vector_gives_the_published_hash_and_slot(void **state)
{
    (void)state;
    assert_true(each_vector(check_hash, NULL) >= KEYS_MIN);
}

/* The result must not depend on where in memory the key lies. */
static void check_unaligned(const vector_t *vector, void *user)
{
    unsigned char room[AGDB_KEY_MAX + 8];
    size_t shift;

    (void)user;
    for (shift = 1; shift < 8; shift++) {
        memcpy(room + shift, vector->key, vector->len);
        assert_int_equal(agdb__hash_key(room + shift, vector->len), vector->hash);
    }
}

static void hash_unaligned_key_gives_the_same(void **state)
{
    (void)state;
    each_vector(check_unaligned, NULL);
}

typedef struct coverage {
    unsigned length[AGDB_KEY_MAX + 1];
    bool byte[256];
    size_t readable;
} coverage_t;

static void note_vector(const vector_t *vector, void *user)
{
    coverage_t *seen = user;
    bool readable = true;
    size_t i;

    seen->length[vector->len]++;
    for (i = 0; i < vector->len; i++) {
        unsigned char c = vector->key[i];
        seen->byte[c] = true;
        readable = readable && ((c >= 'a' && c <= 'z') || c == '/');
    }
    if (readable && vector->len > 1)
        seen->readable++;
}

static void vectors_cover_every_length_and_byte(void **state)
{
    static coverage_t seen;
    size_t i;

    (void)state;
    each_vector(note_vector, &seen);
    for (i = 1; i <= AGDB_KEY_MAX; i++)
        assert_true(seen.length[i] >= 2);
    for (i = 0; i < 256; i++)
        assert_true(seen.byte[i]);
    assert_true(seen.readable >= 150);
}

/* From xxhsum -H2 of Debian 12. */
static void hash_text_gives_both_halves_of_xxh3_128(void **state)
{
    agdb__digest_t digest = agdb__hash_text("epa", 3);
    agdb__digest_t empty = agdb__hash_text("", 0);

    (void)state;
    assert_int_equal(digest.high, 0x3347ed24d884a309u);
    assert_int_equal(digest.low, 0xba63506eebed4376u);
    assert_int_equal(empty.high, 0x99aa06d3014798d8u);
    assert_int_equal(empty.low, 0x6001c324468d497fu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_every_vector_gives_the_published_hash_and_slot),
        cmocka_unit_test(hash_unaligned_key_gives_the_same),
        cmocka_unit_test(vectors_cover_every_length_and_byte),
        cmocka_unit_test(hash_text_gives_both_halves_of_xxh3_128),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
