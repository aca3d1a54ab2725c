/* SPDX-License-Identifier: ISC */
/* LINK: daemon/access/key.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: daemon/base/log.c proto/text.c proto/text_width.c */
/* LINK: daemon/base/clock.c */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "access/key.h"

static void
test_hash_is_sha256(void **state)
{
	/* FIPS 180-2, B.1: "abc". */
	static const uint8_t abc[KEY_HASH_LEN] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3,
		0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
		0x15, 0xad
	};
	uint8_t h[KEY_HASH_LEN];

	(void)state;
	key_hash(SPAN_LIT("abc"), h);
	assert_memory_equal(h, abc, sizeof(h));
}

static void
test_find(void **state)
{
	struct key_table t = { 0 };
	char big[KEY_LEN_MAX + 1];

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_null(key_find(&t, SPAN_LIT("sk-a")));
	key_add(&t, SPAN_LIT("sk-a"), "master", "master key");
	key_add(&t, SPAN_LIT("sk-b"), "0123456789abcdef0", NULL);
	key_add(&t, (struct span){ big, KEY_LEN_MAX }, "big", NULL);
	key_add(&t, (struct span){ big, KEY_LEN_MAX + 1 }, "huge", NULL);
	assert_int_equal(t.n, 4);
	assert_ptr_equal(key_find(&t, SPAN_LIT("sk-a")), &t.rows[0]);
	assert_ptr_equal(key_find(&t, SPAN_LIT("sk-b")), &t.rows[1]);
	assert_string_equal(t.rows[0].id, "master");
	assert_string_equal(t.rows[0].label, "master key");
	assert_string_equal(t.rows[1].id, "0123456789abcde");
	assert_int_equal(t.rows[1].index, 1);
	assert_null(key_find(&t, SPAN_LIT("sk-c")));
	assert_null(key_find(&t, SPAN_LIT("sk-")));
	assert_null(key_find(&t, SPAN_LIT("sk-a ")));
	assert_null(key_find(&t, SPAN_LIT("")));
	assert_null(key_find(&t, SPAN_NONE));
	assert_ptr_equal(key_find(&t, (struct span){ big, KEY_LEN_MAX }),
	    &t.rows[2]);
	assert_null(key_find(&t, (struct span){ big, KEY_LEN_MAX + 1 }));
	key_table_fini(&t);
	assert_int_equal(t.n, 0);
}

static void
test_same(void **state)
{
	(void)state;
	assert_true(key_same(SPAN_LIT("abc"), SPAN_LIT("abc")));
	assert_false(key_same(SPAN_LIT("abc"), SPAN_LIT("abd")));
	assert_false(key_same(SPAN_LIT("abc"), SPAN_LIT("ab")));
	assert_true(key_same(SPAN_LIT(""), SPAN_NONE));
}

static void
test_from_field(void **state)
{
	static const struct {
		const char	*field;
		const char	*key;	/* NULL: none */
	} cases[] = {
		{ "Bearer sk-1", "sk-1" },
		{ "bearer sk-1", "sk-1" },
		{ "BEARER\t sk-1 ", "sk-1" },
		{ "  Bearer   sk-1  ", "sk-1" },
		{ "sk-1", "sk-1" },
		{ " sk-1 ", "sk-1" },
		{ "Bearersk-1", "Bearersk-1" },
		{ "Bearer a b", "a b" },
		{ "Basic dTpw", NULL },
		{ "basic", NULL },
		{ "Basics", "Basics" },
		{ "Bearer", NULL },
		{ "Bearer  ", NULL },
		{ "", NULL },
		{ "   ", NULL },
	};
	struct span k;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		k = key_from_field(span_z(cases[i].field));
		if (cases[i].key == NULL)
			assert_null(k.p);
		else
			assert_true(k.p != NULL &&
			    span_eq(k, cases[i].key));
	}
	assert_null(key_from_field(SPAN_NONE).p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_is_sha256),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_from_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
