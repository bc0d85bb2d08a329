#include "pg/stmt_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include <stdio.h>

static agdb__stmt_key_t key_of(const char *sql, const unsigned *types, int nparams)
{
    return (agdb__stmt_key_t){
        .sql = sql, .sql_len = strlen(sql), .types = types, .nparams = nparams};
}

static agdb__stmt_t *find_typed(agdb__stmt_cache_t *cache, const char *sql, const unsigned *types,
                                int nparams)
{
    const agdb__stmt_key_t key = key_of(sql, types, nparams);

    return agdb__stmt_find(cache, &key);
}

static agdb__stmt_t *find(agdb__stmt_cache_t *cache, const char *sql)
{
    return find_typed(cache, sql, NULL, 0);
}

static agdb__stmt_t *add(agdb__stmt_cache_t *cache, const char *sql)
{
    const agdb__stmt_key_t key = key_of(sql, NULL, 0);
    agdb__stmt_t *stmt = agdb__stmt_new(cache, &key, AGDB__ST_PLAIN);

    assert_non_null(stmt);
    return agdb__stmt_add(cache, stmt);
}

static void find_same_text_and_types_only(void **state)
{
    const unsigned types[] = {0, 23};
    const unsigned others[] = {0, 20};
    const agdb__stmt_key_t key = key_of("SELECT $1, $2", types, 2);
    agdb__stmt_cache_t cache;
    agdb__stmt_t *stmt;

    (void)state;
    agdb__stmt_cache_init(&cache, 8);
    stmt = agdb__stmt_new(&cache, &key, AGDB__ST_PLAIN);
    assert_null(agdb__stmt_find(&cache, &key)); /* not known before */
    assert_true(agdb__stmt_is(stmt, &key));
    assert_null(agdb__stmt_add(&cache, stmt));
    assert_ptr_equal(agdb__stmt_find(&cache, &key), stmt);
    assert_null(find_typed(&cache, "SELECT $1, $2", others, 2));
    assert_null(find_typed(&cache, "SELECT $1, $2", types, 1));
    assert_null(find_typed(&cache, "SELECT $1, $3", types, 2));
    assert_null(find_typed(&cache, "SELECT $1, $2 ", types, 2));
    agdb__stmt_cache_fini(&cache);
}

/* Whoever has hashed the text hands it over; who has not finds the same. */
static void find_with_and_without_the_hash_is_the_same(void **state)
{
    const unsigned types[] = {23};
    agdb__stmt_key_t key = key_of("SELECT $1", types, 1);
    agdb__stmt_cache_t cache;
    agdb__stmt_t *stmt;

    (void)state;
    agdb__stmt_cache_init(&cache, 8);
    stmt = agdb__stmt_new(&cache, &key, AGDB__ST_PLAIN);
    assert_null(agdb__stmt_add(&cache, stmt));
    assert_null(add(&cache, "SELECT 2")); /* the newest is found without a hash */
    key.sql_hash = agdb__statement_hash(key.sql, key.sql_len);
    assert_ptr_equal(agdb__stmt_find(&cache, &key), stmt);
    agdb__stmt_cache_fini(&cache);
}

static void add_full_cache_gives_the_least_recently_used(void **state)
{
    agdb__stmt_cache_t cache;
    agdb__stmt_t *victim;

    (void)state;
    agdb__stmt_cache_init(&cache, 3);
    assert_null(add(&cache, "a"));
    assert_null(add(&cache, "b"));
    assert_null(add(&cache, "c"));
    assert_non_null(find(&cache, "a"));
    victim = add(&cache, "d");
    assert_non_null(victim);
    assert_string_equal(victim->sql, "b");
    agdb__stmt_free(victim);
    assert_null(find(&cache, "b"));
    assert_int_equal(cache.count, 3);
    agdb__stmt_cache_fini(&cache);
}

static void new_names_are_never_used_twice(void **state)
{
    agdb__stmt_cache_t cache;
    agdb__stmt_t *stmt;

    (void)state;
    agdb__stmt_cache_init(&cache, 3);
    assert_null(add(&cache, "a"));
    stmt = find(&cache, "a");
    assert_string_equal(stmt->name, "agdb_1");
    agdb__stmt_remove(&cache, stmt);
    agdb__stmt_free(stmt);
    assert_null(find(&cache, "a"));
    assert_null(add(&cache, "a"));
    assert_string_equal(find(&cache, "a")->name, "agdb_2");
    agdb__stmt_cache_fini(&cache);
}

static void add_thousands_of_texts_keeps_the_newest(void **state)
{
    agdb__stmt_cache_t cache;
    char sql[64];
    int i;

    (void)state;
    agdb__stmt_cache_init(&cache, AGDB__STMT_MAX);
    for (i = 0; i < 5000; i++) {
        snprintf(sql, sizeof sql, "SELECT %d FROM some_table_of_ours", i);
        assert_null(find(&cache, sql));
        agdb__stmt_free(add(&cache, sql));
        assert_non_null(find(&cache, sql));
    }
    for (i = 0; i < 5000; i++) {
        snprintf(sql, sizeof sql, "SELECT %d FROM some_table_of_ours", i);
        assert_int_equal(find(&cache, sql) != NULL, i >= 5000 - AGDB__STMT_MAX);
    }
    agdb__stmt_cache_fini(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_same_text_and_types_only),
        cmocka_unit_test(find_with_and_without_the_hash_is_the_same),
        cmocka_unit_test(add_full_cache_gives_the_least_recently_used),
        cmocka_unit_test(new_names_are_never_used_twice),
        cmocka_unit_test(add_thousands_of_texts_keeps_the_newest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
