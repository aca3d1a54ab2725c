/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/clock.c daemon/base/str.c daemon/base/xmalloc.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define NOV_1994	784111777	/* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t
retry_after(const char *v, time_t now)
{
	return clock_retry_after(v, strlen(v), now);
}

static void
test_rfc3339(void **state)
{
	char s[CLOCK_RFC3339_LEN + 1];

	(void)state;
	clock_rfc3339(0, s);
	assert_string_equal(s, "1970-01-01T00:00:00.000Z");
	clock_rfc3339(1795575660123999999u, s);
	assert_string_equal(s, "2026-11-25T03:01:00.123Z");
	/* A leap day, and beyond 2038. */
	clock_rfc3339(1709164800000000000u, s);
	assert_string_equal(s, "2024-02-29T00:00:00.000Z");
	clock_rfc3339(4102444799999000000u, s);
	assert_string_equal(s, "2099-12-31T23:59:59.999Z");
	clock_rfc3339(UINT64_MAX, s);
	assert_int_equal(strlen(s), CLOCK_RFC3339_LEN);
}

static void
test_http_date(void **state)
{
	char s[CLOCK_HTTP_LEN + 1];

	(void)state;
	clock_http_date(NOV_1994, s);
	assert_string_equal(s, "Sun, 06 Nov 1994 08:49:37 GMT");
	clock_http_date(4102444800, s);
	assert_string_equal(s, "Fri, 01 Jan 2100 00:00:00 GMT");
	clock_http_date(-5, s);
	assert_string_equal(s, "Thu, 01 Jan 1970 00:00:00 GMT");
	clock_http_date((time_t)INT64_MAX, s);
	assert_string_equal(s, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void
test_retry_seconds(void **state)
{
	(void)state;
	assert_int_equal(retry_after("0", 0), 0);
	assert_int_equal(retry_after("120", 0), 120);
	assert_int_equal(retry_after(" 7\t", 0), 7);
	assert_true(retry_after("9223372036854775807", 0) == INT64_MAX);
	assert_true(retry_after("18446744073709551615", 0) == INT64_MAX);
	assert_true(retry_after("99999999999999999999999999", 0) == INT64_MAX);
}

static void
test_retry_date(void **state)
{
	(void)state;
	assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT",
	    NOV_1994 - 30), 30);
	assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT",
	    NOV_1994 + 30), 0);
	/* The obsolete forms of RFC 9110 5.6.7. */
	assert_int_equal(retry_after("Sunday, 06-Nov-94 08:49:37 GMT",
	    NOV_1994 - 30), 30);
	assert_int_equal(retry_after("Sun Nov  6 08:49:37 1994",
	    NOV_1994 - 30), 30);
	assert_int_equal(retry_after("Wednesday, 25-Nov-26 03:01:00 GMT",
	    1795575600), 60);
	/* A year of two digits is never more than 50 years ahead. */
	assert_int_equal(retry_after("Sunday, 06-Nov-94 08:49:37 GMT",
	    1795575600), 0);
	assert_int_equal(retry_after("Thu, 29 Feb 2024 00:00:00 GMT",
	    1709164799), 1);
}

static void
test_retry_neither(void **state)
{
	static const char *const bad[] = {
		"", " ", "-1", "+1", "1.5", "1s", "soon", "1 2", "0x10",
		"Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 6 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Thu, 29 Feb 2023 00:00:00 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMTx",
		"Sun, 06 Nov 199", "Sun, 06 Nox 1994 08:49:37 GMT",
		"Sun Nov  6 08:49:37 19944", "Funday, 06-Nov-94 08:49:37 GMT"
	};
	size_t i, k;
	char cut[40];

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(retry_after(bad[i], 0), -1);
	/* No prefix of a date is one, nor read beyond its end. */
	for (k = 0; k < 29; k++) {
		memcpy(cut, "Sun, 06 Nov 1994 08:49:37 GMT", k);
		assert_int_equal(clock_retry_after(cut, k, 0), -1);
	}
	assert_int_equal(clock_retry_after("Sunday, 06-Nov-94", 6, 0), -1);
}

static void
test_monotonic(void **state)
{
	uint64_t a = clock_ns(), b = clock_ns();

	(void)state;
	assert_true(b >= a);
	assert_true(clock_ms() <= clock_ns() / 1000000 + 1);
	assert_true(clock_ms() + 50 >= clock_ns() / 1000000);
	assert_true(clock_wall_ns() > 1700000000000000000u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_http_date),
		cmocka_unit_test(test_retry_seconds),
		cmocka_unit_test(test_retry_date),
		cmocka_unit_test(test_retry_neither),
		cmocka_unit_test(test_monotonic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
