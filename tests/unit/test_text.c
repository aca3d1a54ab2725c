/* SPDX-License-Identifier: ISC */
/* LINK: proto/text.c proto/text_width.c */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/text.h"

static void
check_escape(const char *src, size_t len, int flags, const char *want)
{
	char dst[512];
	size_t n = text_escape(dst, sizeof(dst), src, len, flags);

	assert_string_equal(dst, want);
	assert_int_equal(n, strlen(want));
	assert_true(n + 1 <= TEXT_ESCAPE_MAX(len));
}

static void
test_escape(void **state)
{
	(void)state;
	check_escape("plain \xc3\xa9 \xe6\x97\xa5", 12, 0,
	    "plain \xc3\xa9 \xe6\x97\xa5");
	check_escape("a\nb\rc\td", 7, 0, "a\\nb\\rc\\td");
	check_escape("a\nb\tc\r", 6, TEXT_LINES, "a\nb\tc\\r");
	check_escape("\x1b]52;c;x\x07", 9, 0, "\\x1b]52;c;x\\x07");
	check_escape("\0x\x7f", 3, 0, "\\x00x\\x7f");
	check_escape("\xc2\x9b" "2J", 4, 0, "\\x9b2J");
	check_escape("a\xe2\x80\xae" "b", 5, 0, "a\\u{202e}b");
	check_escape("\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c\xef\xbb\xbf", 11, 0,
	    "\\u{2066}\\u{2028}\\u{61c}\\u{feff}");
	check_escape("\xff\xc0\x80\xed\xa0\x80", 6, 0,
	    "\\xff\\xc0\\x80\\xed\\xa0\\x80");
	check_escape("\xf0\x9f\x98\x80", 4, TEXT_ASCII, "\\u{1f600}");
	check_escape("\xe2\x82", 2, 0, "\\xe2\\x82");
}

static void
test_escape_cut(void **state)
{
	char dst[8];

	(void)state;
	assert_int_equal(text_escape(dst, sizeof(dst), "ab\x1b\x1bz", 5, 0),
	    11);
	assert_string_equal(dst, "ab\\x1b");
	assert_int_equal(text_escape(NULL, 0, "abc", 3, 0), 3);
	assert_int_equal(text_escape(dst, 4, "a\xe6\x97\xa5z", 5, 0), 5);
	assert_string_equal(dst, "a");
}

/* No byte of any input may reach a terminal as a control. */
static void
test_escape_all(void **state)
{
	unsigned char src[64];
	char dst[TEXT_ESCAPE_MAX(64)];
	unsigned int seed = 1, i, k;
	const char *p;
	uint32_t ch;
	size_t n;

	(void)state;
	for (i = 0; i < 20000; i++) {
		for (k = 0; k < sizeof(src); k++)
			src[k] = (unsigned char)(rand_r(&seed) >> 7);
		n = text_escape(dst, sizeof(dst), src, sizeof(src), 0);
		assert_int_equal(n, strlen(dst));
		for (p = dst; *p != '\0'; p += n) {
			n = text_decode(p, strlen(p), &ch);
			assert_int_not_equal(n, 0);
			assert_false(text_char_unsafe(ch));
		}
	}
}

static void
test_width(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_int_equal(text_width("\xf0\x9f\x98\x80"), 2);
	assert_int_equal(text_width("\xef\xbc\xa1"), 2);
	assert_int_equal(text_char_width(0x200d), 0);
	assert_int_equal(text_char_width(0x2500), 1);
	assert_int_equal(text_char_width(0x20000), 2);
}

static void
check_cut(const char *src, int cols, const char *mark, const char *want)
{
	char dst[64];
	int used = text_cut(dst, sizeof(dst), src, cols, mark);

	assert_string_equal(dst, want);
	assert_int_equal(used, text_width(want));
	assert_true(used <= cols);
}

static void
test_cut(void **state)
{
	char dst[4];

	(void)state;
	check_cut("abcdef", 6, "~", "abcdef");
	check_cut("abcdefg", 6, "~", "abcde~");
	check_cut("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, "~",
	    "\xe6\x97\xa5~");
	check_cut("abe\xcc\x81", 3, "~", "abe\xcc\x81");
	check_cut("e\xcc\x81xyz", 2, "~", "e\xcc\x81~");
	check_cut("abc", 0, "~", "");
	check_cut("abc", 1, "...", "a");
	/* A woman, a joiner and a rocket are one picture. */
	check_cut("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80xxxx", 4, "~",
	    "~");
	text_cut(dst, sizeof(dst), "abcdef", 6, "~");
	assert_true(strlen(dst) < sizeof(dst));
}

#define CHECK_NUM(fn, v, want) do {					\
	char num_[TEXT_NUM_MAX];					\
	assert_string_equal(fn(num_, sizeof(num_), v), want);		\
} while (0)

static void
test_numbers(void **state)
{
	(void)state;
	CHECK_NUM(text_duration, 312, "312ms");
	CHECK_NUM(text_duration, 0, "0ms");
	CHECK_NUM(text_duration, 999.4, "999ms");
	CHECK_NUM(text_duration, 999.6, "1.00s");
	CHECK_NUM(text_duration, 1900, "1.90s");
	CHECK_NUM(text_duration, 9994, "9.99s");
	CHECK_NUM(text_duration, 9996, "10.0s");
	CHECK_NUM(text_duration, 59999, "1m00s");
	CHECK_NUM(text_duration, 252000, "4m12s");
	CHECK_NUM(text_duration, 7500000, "2h05m");
	CHECK_NUM(text_duration, 273600000.0, "3d04h");
	CHECK_NUM(text_duration, -1, "-");
	CHECK_NUM(text_duration, NAN, "-");
	CHECK_NUM(text_age, 300, "0.3s");
	CHECK_NUM(text_age, 12700, "12.7s");
	CHECK_NUM(text_uptime, 59, "59s");
	CHECK_NUM(text_uptime, 1e300, "-");
	CHECK_NUM(text_size, 5939, "5.8 KiB");
	CHECK_NUM(text_size, 1023, "1023 B");
	CHECK_NUM(text_size, 1024, "1.0 KiB");
	CHECK_NUM(text_size, 1048575, "1.0 MiB");
	CHECK_NUM(text_size, 250.0 * 1048576, "250 MiB");
	CHECK_NUM(text_count, 1204, "1,204");
	CHECK_NUM(text_count, 999, "999");
	CHECK_NUM(text_count, INT64_MAX, "9,223,372,036,854,775,807");
}

static void
test_duration_parse(void **state)
{
	(void)state;
	assert_int_equal(text_duration_parse("250ms"), 250);
	assert_int_equal(text_duration_parse("2s"), 2000);
	assert_int_equal(text_duration_parse("1m30s"), 90000);
	assert_int_equal(text_duration_parse("0.5s"), 500);
	assert_int_equal(text_duration_parse("10"), 10000);
	assert_int_equal(text_duration_parse("1d"), 86400000);
	assert_int_equal(text_duration_parse(""), -1);
	assert_int_equal(text_duration_parse("2x"), -1);
	assert_int_equal(text_duration_parse("-2s"), -1);
	assert_int_equal(text_duration_parse(".5s"), -1);
	assert_int_equal(text_duration_parse("2 s"), -1);
	assert_int_equal(text_duration_parse("99999999999999999999d"), -1);
}

static void
test_distance(void **state)
{
	char lng[200];

	(void)state;
	assert_int_equal(text_distance("status", "status"), 0);
	assert_int_equal(text_distance("statsu", "status"), 1);
	assert_int_equal(text_distance("", "abc"), 3);
	assert_int_equal(text_distance("modles", "models"), 1);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
	memset(lng, 'a', sizeof(lng) - 1);
	lng[sizeof(lng) - 1] = '\0';
	assert_int_equal(text_distance(lng, ""), 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_cut),
		cmocka_unit_test(test_escape_all),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_duration_parse),
		cmocka_unit_test(test_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
