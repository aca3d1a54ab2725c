/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/map.c daemon/base/hash.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/map.h"

static int values[100000];

static void
test_put_get_del(void **state)
{
	struct map *m = map_new();

	(void)state;
	assert_null(map_get(m, SPAN_LIT("a")));
	assert_null(map_del(m, SPAN_LIT("a")));
	assert_null(map_put(m, SPAN_LIT("a"), &values[1]));
	assert_ptr_equal(map_put(m, SPAN_LIT("a"), &values[2]), &values[1]);
	assert_null(map_put(m, SPAN_LIT(""), &values[3]));
	assert_null(map_put(m, SPAN_LIT("a\0b"), &values[4]));
	assert_int_equal(map_len(m), 3);
	assert_ptr_equal(map_get(m, SPAN_LIT("a")), &values[2]);
	assert_ptr_equal(map_get(m, SPAN_NONE), &values[3]);
	assert_ptr_equal(map_get(m, SPAN_LIT("a\0b")), &values[4]);
	assert_null(map_get(m, SPAN_LIT("a\0c")));
	assert_ptr_equal(map_del(m, SPAN_LIT("a")), &values[2]);
	assert_null(map_get(m, SPAN_LIT("a")));
	assert_null(map_del(m, SPAN_LIT("a")));
	assert_int_equal(map_len(m), 2);
	map_free(m);
	map_free(NULL);
}

/* The map copies its keys. */
static void
test_keys_are_copied(void **state)
{
	struct map *m = map_new();
	char key[4] = "abc";

	(void)state;
	map_put(m, span_z(key), &values[0]);
	key[0] = 'x';
	assert_ptr_equal(map_get(m, SPAN_LIT("abc")), &values[0]);
	assert_null(map_get(m, span_z(key)));
	map_free(m);
}

static void
test_many(void **state)
{
	struct map *m = map_new();
	struct span k;
	char key[20];
	size_t pos = 0;
	void *v;
	int i, seen = 0;

	(void)state;
	for (i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		assert_null(map_put(m, span_z(key), &values[i]));
	}
	for (i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		assert_ptr_equal(map_get(m, span_z(key)), &values[i]);
		if (i % 3 == 0)
			assert_ptr_equal(map_del(m, span_z(key)), &values[i]);
	}
	assert_int_equal(map_len(m), 66666);
	/* In the order of insertion, without what was deleted. */
	for (i = 0; map_next(m, &pos, &k, &v); i++, seen++) {
		if (i % 3 == 0)
			i++;
		snprintf(key, sizeof(key), "key-%d", i);
		assert_true(span_eq(k, key));
		assert_ptr_equal(v, &values[i]);
	}
	assert_int_equal(seen, 66666);
	map_free(m);
}

/* A map that always holds few keys stays fast and right under many changes. */
static void
test_churn(void **state)
{
	struct map *m = map_new();
	char key[20];
	int i;

	(void)state;
	for (i = 0; i < 300000; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_null(map_put(m, span_z(key), &values[i % 1000]));
		if (i < 5)
			continue;
		snprintf(key, sizeof(key), "%d", i - 5);
		assert_ptr_equal(map_del(m, span_z(key)),
		    &values[(i - 5) % 1000]);
		assert_int_equal(map_len(m), 5);
	}
	map_free(m);
}

/*
 * SipHash-1-3: two vectors of key 00 01 .. 0f that Rust's standard library
 * tests with, and what CPython (3.11 on, PYTHONHASHSEED=0: key of zeros)
 * answers for hash(b"..."), lengths around a block.
 */
static void
test_siphash(void **state)
{
	uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	uint64_t other[2] = { 1, 2 }, zero[2] = { 0, 0 };
	unsigned char in[64];
	size_t i, j;
	uint64_t h[64];

	(void)state;
	for (i = 0; i < 64; i++)
		in[i] = (unsigned char)i;
	for (i = 0; i < 64; i++) {
		h[i] = hash_bytes(in, i, key);
		assert_true(h[i] != hash_bytes(in, i, other));
		for (j = 0; j < i; j++)
			assert_true(h[i] != h[j]);
	}
	assert_true(h[0] == 0xabac0158050fc4dcu);
	assert_true(h[1] == 0xc9f49bf37d57ca93u);
	assert_true(hash_bytes("a", 1, zero) == 0x407448d2b89b1813u);
	assert_true(hash_bytes("abcdefg", 7, zero) == 0x6db12aae9070f506u);
	assert_true(hash_bytes("abcdefgh", 8, zero) == 0x3f7b849c0b8e35eau);
	assert_true(hash_bytes("abcdefgh0123456789", 18, zero) ==
	    0xd3be8ef83825b294u);
}

static void
test_seed_and_stable(void **state)
{
	uint64_t a[2] = { 0 }, b[2] = { 0 };

	(void)state;
	hash_seed(a);
	hash_seed(b);
	assert_true(a[0] != b[0] && a[1] != b[1]);
	/* FNV-1a 64 of "" and "a", from its authors' page. */
	assert_true(hash_stable("", 0, 0) == 0xcbf29ce484222325u);
	assert_true(hash_stable("a", 1, 0) == 0xaf63dc4c8601ec8cu);
	assert_true(hash_stable("foobar", 6, 0) == 0x85944171f73967e8u);
	assert_true(hash_stable("a", 1, 1) != hash_stable("a", 1, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get_del),
		cmocka_unit_test(test_keys_are_copied),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_seed_and_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
