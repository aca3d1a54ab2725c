/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/jout.c daemon/base/jscan.c daemon/base/hash.c */
/* LINK: daemon/base/str.c daemon/base/xmalloc.c */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/jout.h"
#include "base/jscan.h"

#define FFFD	"\xef\xbf\xbd"

/* Compares what is in b and empties it. */
static void
buf_is(struct buf *b, const char *want)
{
	if (!span_eq(buf_span(b), want))
		fail_msg("\"%.*s\" instead of \"%s\"", (int)b->n, b->p, want);
	b->n = 0;
}

static void
test_integers(void **state)
{
	struct buf b = { 0 };
	char want[32];
	uint64_t v;
	int i;

	(void)state;
	for (v = 1, i = 0; i < 64; i++, v *= 2) {
		jout_u64(&b, v);
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		buf_is(&b, want);
		jout_u64(&b, v - 1);
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v - 1);
		buf_is(&b, want);
		jout_hex(&b, v);
		snprintf(want, sizeof(want), "%llx", (unsigned long long)v);
		buf_is(&b, want);
	}
	for (v = 0; v < 2000; v++) {
		jout_u64(&b, v);
		snprintf(want, sizeof(want), "%d", (int)v);
		buf_is(&b, want);
	}
	jout_u64(&b, UINT64_MAX);
	buf_is(&b, "18446744073709551615");
	jout_i64(&b, INT64_MIN);
	buf_is(&b, "-9223372036854775808");
	jout_i64(&b, INT64_MAX);
	buf_is(&b, "9223372036854775807");
	jout_i64(&b, 0);
	buf_is(&b, "0");
	jout_i64(&b, -1);
	buf_is(&b, "-1");
	jout_hex(&b, 0);
	buf_is(&b, "0");
	jout_hex(&b, UINT64_MAX);
	buf_is(&b, "ffffffffffffffff");
	buf_fini(&b);
}

static void
test_ms(void **state)
{
	struct buf b = { 0 };

	(void)state;
	jout_ms(&b, 0);
	buf_is(&b, "0.000");
	jout_ms(&b, 12345678);
	buf_is(&b, "12.346");
	jout_ms(&b, 12345499);
	buf_is(&b, "12.345");
	jout_ms(&b, 999999500);
	buf_is(&b, "1000.000");
	jout_ms(&b, 7000);
	buf_is(&b, "0.007");
	jout_ms(&b, UINT64_MAX);
	buf_is(&b, "18446744073709.552");
	buf_fini(&b);
}

static void
test_double(void **state)
{
	static const struct { double v; const char *s; } t[] = {
		{ 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { 0.1, "0.1" },
		{ 0.7, "0.7" }, { 1e22, "1e+22" }, { 1e-7, "1e-07" },
		{ 1.0 / 3, "0.3333333333333333" }, { 0.1 + 0.2,
		    "0.30000000000000004" }, { 5e-324, "5e-324" },
		{ 123456789012345680.0, "1.2345678901234568e+17" },
		{ DBL_MAX, "1.7976931348623157e+308" }
	};
	struct buf b = { 0 };
	uint64_t x = 88172645463325252u;
	struct span v;
	double d, back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		jout_double(&b, t[i].v);
		buf_is(&b, t[i].s);
	}
	jout_double(&b, (double)NAN);
	buf_is(&b, "null");
	jout_double(&b, (double)-INFINITY);
	buf_is(&b, "null");
	for (i = 0; i < 100000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(&d, &x, sizeof(d));
		if (!isfinite(d))
			continue;
		b.n = 0;
		jout_double(&b, d);
		buf_pad(&b);
		assert_true(jscan_document(b.p, b.n, &v));
		assert_true(jscan_double(v, &back) && back == d);
	}
	buf_fini(&b);
}

static void
str_is(const char *raw, size_t n, const char *want)
{
	struct buf b = { 0 };
	char *exact = malloc(n + 1);
	struct span v;

	memcpy(exact + 1, raw, n);
	jout_str(&b, (struct span){ exact + 1, n });
	buf_pad(&b);
	assert_true(jscan_document(b.p, b.n, &v));
	buf_is(&b, want);
	buf_fini(&b);
	free(exact);
}
#define STR_IS(raw, want)	str_is(raw, sizeof(raw) - 1, want)

static void
test_str(void **state)
{
	struct buf b = { 0 };

	(void)state;
	STR_IS("", "\"\"");
	STR_IS("abc", "\"abc\"");
	STR_IS("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	STR_IS("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
	STR_IS("a\0b\x01\x1f\x7f", "\"a\\u0000b\\u0001\\u001f\x7f\"");
	STR_IS("abcdefg\nhijklmnopqrstu\"v",
	    "\"abcdefg\\nhijklmnopqrstu\\\"v\"");
	STR_IS("h\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80",
	    "\"h\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80\"");
	/* A broken sequence is one U+FFFD, and nothing after it is lost. */
	STR_IS("a\xff" "b", "\"a" FFFD "b\"");
	STR_IS("a\xf0\x9f\x98", "\"a" FFFD "\"");
	STR_IS("\xf0\x9f\x98" "b", "\"" FFFD "b\"");
	STR_IS("\xed\xa0\x80\"", "\"" FFFD "\\\"\"");
	STR_IS("\xc3\xc3\xa9", "\"" FFFD "\xc3\xa9\"");
	STR_IS("\xc0\xaf\n", "\"" FFFD "\\n\"");
	jout_str(&b, SPAN_NONE);
	buf_is(&b, "\"\"");
	jout_strz(&b, "x\ny");
	buf_is(&b, "\"x\\ny\"");
	jout_text(&b, SPAN_LIT("x\"y"));
	buf_is(&b, "x\\\"y");
	buf_fini(&b);
}

/* Each byte at each place of 8, alone and repeated, comes back. */
static void
test_str_roundtrip(void **state)
{
	struct buf b = { 0 }, dec = { 0 };
	char raw[24];
	struct span v;
	size_t at, n;
	int c;

	(void)state;
	for (c = 0; c < 0x80; c++)
		for (at = 0; at < sizeof(raw); at++) {
			memset(raw, c, at);
			memset(raw + at, 'x', sizeof(raw) - at);
			raw[at] = (char)c;
			b.n = 0;
			jout_str(&b, (struct span){ raw, sizeof(raw) });
			buf_pad(&b);
			assert_true(jscan_document(b.p, b.n, &v));
			n = jscan_unescape(jscan_inner(v),
			    buf_need(&dec, v.n));
			assert_int_equal(n, sizeof(raw));
			assert_memory_equal(dec.p, raw, n);
		}
	buf_fini(&b);
	buf_fini(&dec);
}

static void
recode_is(const char *in, const char *want)
{
	struct buf b = { 0 };
	size_t n = strlen(in);
	char *exact = malloc(n + 1);

	memcpy(exact + 1, in, n);
	jout_recode(&b, (struct span){ exact + 1, n });
	assert_true(b.n <= n);
	buf_is(&b, want);
	/* What is canonical stays. */
	jout_recode(&b, span_z(want));
	buf_is(&b, want);
	free(exact);
	buf_fini(&b);
}

static void
test_recode(void **state)
{
	struct buf b = { 0 };

	(void)state;
	recode_is("", "");
	recode_is("plain text of some length", "plain text of some length");
	recode_is("\\u003cb\\u003e", "<b>");
	recode_is("\\/\\\"\\\\", "/\\\"\\\\");
	recode_is("\\u0022\\u005c\\u002f", "\\\"\\\\/");
	recode_is("\\u000a\\n\\u0009\\u0008\\u000c\\u000d",
	    "\\n\\n\\t\\b\\f\\r");
	recode_is("\\u0000\\u001F\\u007f", "\\u0000\\u001f\x7f");
	recode_is("h\\u00e9llo \\u65e5 \\ud83d\\ude00",
	    "h\xc3\xa9llo \xe6\x97\xa5 \xf0\x9f\x98\x80");
	recode_is("\\ud83d", FFFD);
	recode_is("\\ud83dabcdefgh\\ude00", FFFD "abcdefgh" FFFD);
	recode_is("0123456\\n89012345\\n", "0123456\\n89012345\\n");
	recode_is("\\\\u0041", "\\\\u0041");
	jout_recode(&b, SPAN_NONE);
	assert_int_equal(b.n, 0);
	/* Appends. */
	buf_lit(&b, "x=");
	jout_recode(&b, SPAN_LIT("\\u0041"));
	buf_is(&b, "x=A");
	buf_fini(&b);
}

static void
test_compact_embed(void **state)
{
	struct buf b = { 0 };
	const struct span v = SPAN_LIT(" {\n \"a b\" : [ 1 , "
	    "\"x \\\" y\\\\\" ,\ttrue ] , \"c\":{ } }\r\n");

	(void)state;
	jout_compact(&b, v);
	buf_is(&b, "{\"a b\":[1,\"x \\\" y\\\\\",true],\"c\":{}}");
	jout_embed(&b, v);
	buf_is(&b, "{\\\"a b\\\":[1,\\\"x \\\\\\\" y\\\\\\\\\\\",true],"
	    "\\\"c\\\":{}}");
	jout_compact(&b, SPAN_LIT("1.10"));
	buf_is(&b, "1.10");
	jout_compact(&b, SPAN_LIT("\" \""));
	buf_is(&b, "\" \"");
	jout_embed(&b, SPAN_LIT("\"\xc3\xa9\\u00e9\""));
	buf_is(&b, "\\\"\xc3\xa9\\\\u00e9\\\"");
	jout_embed(&b, SPAN_NONE);
	jout_compact(&b, SPAN_NONE);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_ms),
		cmocka_unit_test(test_double),
		cmocka_unit_test(test_str),
		cmocka_unit_test(test_str_roundtrip),
		cmocka_unit_test(test_recode),
		cmocka_unit_test(test_compact_embed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
