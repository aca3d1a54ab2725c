/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/hash.c */
/* LINK: daemon/base/str.c daemon/base/xmalloc.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/jscan.h"
#include "base/xmalloc.h"
#include "jscan_vectors.h"

/* A copy with exactly the pad that is promised, so that a sanitizer sees
 * each byte too far. */
static char *
padded(const char *s, size_t n)
{
	char *p = xcalloc(1, n + JSCAN_PAD);

	if (n > 0)
		memcpy(p, s, n);
	return p;
}

/* Both readers must agree; returns what they say. */
static bool
accepts(const char *s, size_t n)
{
	struct jscan_error e;
	struct span v;
	char *p = padded(s, n);
	bool ok = jscan_document(p, n, &v);

	jscan_explain(p, n, false, &e);
	if (ok != (e.what == NULL))
		fail_msg("document %d, explain %s: %.*s", ok,
		    e.what ? e.what : "nothing", (int)n, s);
	if (ok && (v.p < p || v.p + v.n > p + n || v.n == 0))
		fail_msg("span outside of the document");
	if (!ok && (v.p != NULL || e.off > n || e.line == 0))
		fail_msg("error at %zu of %zu", e.off, n);
	free(p);
	return ok;
}

static void
test_valid(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		if (!accepts(valid[i].s, valid[i].n))
			fail_msg("refused: %s", valid[i].s);
}

static void
test_invalid(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		if (accepts(invalid[i].s, invalid[i].n))
			fail_msg("accepted (%zu): %s", i, invalid[i].s);
}

/* Each proper prefix of a container or a string is refused, and nothing
 * behind the end is read. */
static void
test_prefixes(void **state)
{
	static const char doc[] = "{\"model\":\"gpt-\\u0034o \xf0\x9f\x98"
	    "\x80\",\"a\":[1,-2.5e+10,true,false,null,"
	    "{\"b\":\"\\n\xe6\x97\xa5\"}]}";
	size_t i, n = sizeof(doc) - 1;

	(void)state;
	assert_true(accepts(doc, n));
	for (i = 0; i < n; i++)
		assert_false(accepts(doc, i));
}

/* A special byte is found at each place of a vector and its tail. */
static void
test_string_positions(void **state)
{
	static const struct { const char *s; bool ok; } bad[] = {
		{ "\n", false }, { "\xff", false }, { "\\q", false },
		{ "\"", false }, { "\x1f", false }, { "\xc3", false },
		{ "\xc3\xa9", true }, { "\\n", true }, { "\x7f", true },
		{ "\\\\", true }, { "\\u00e9", true }, { " ", true }
	};
	char doc[160];
	size_t len, at, i, k;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (len = 1; len < 70; len++)
			for (at = 0; at <= len; at++) {
				k = strlen(bad[i].s);
				memset(doc, 'x', sizeof(doc));
				doc[0] = '"';
				memcpy(doc + 1 + at, bad[i].s, k);
				doc[1 + len + k] = '"';
				if (accepts(doc, len + k + 2) != bad[i].ok)
					fail_msg("%zu of %zu: %s", at, len,
					    bad[i].s);
			}
}

static bool
nested(const char *open, const char *mid, const char *close, size_t k)
{
	struct buf b = { 0 };
	size_t i;
	bool ok;

	for (i = 0; i < k; i++)
		buf_addz(&b, open);
	buf_addz(&b, mid);
	for (i = 0; i < k; i++)
		buf_addz(&b, close);
	ok = accepts(b.p, b.n);
	buf_fini(&b);
	return ok;
}

static void
test_depth(void **state)
{
	size_t k;

	(void)state;
	for (k = 1; k < 300; k++) {
		assert_int_equal(nested("[", "", "]", k), k <= JSCAN_DEPTH);
		assert_int_equal(nested("{\"a\":", "1", "}", k),
		    k <= JSCAN_DEPTH);
		assert_int_equal(nested("[{\"a\":", "1", "}]", k),
		    2 * k <= JSCAN_DEPTH);
		assert_int_equal(nested("{\"a\":[", "1", "]}", k),
		    2 * k <= JSCAN_DEPTH);
	}
	/* Deep but wrongly closed: the bit of each level counts. */
	assert_false(nested("[{\"a\":", "1", "]}", 60));
	assert_false(nested("[", "", "}", 65));
	assert_false(nested("[", "", "", 100000));
	assert_false(nested("{\"a\":", "", "", 100000));
	assert_false(nested("[", "", "]", 100000));
}

/* jscan_value counts the containers that the caller has open already. */
static void
test_depth_inside(void **state)
{
	char *p = padded("[[]]", 4);

	(void)state;
	assert_ptr_equal(jscan_value(p, 0), p + 4);
	assert_ptr_equal(jscan_value(p, 126), p + 4);
	assert_null(jscan_value(p, 127));
	assert_null(jscan_value(p, 128));
	assert_null(jscan_value(p, 1000));
	free(p);
	p = padded("12", 2);
	assert_ptr_equal(jscan_value(p, 1000), p + 2);
	free(p);
}

static void
test_document_span(void **state)
{
	char *p = padded(" \n{\"a\":1}\t ", 12);
	struct span v;

	(void)state;
	assert_true(jscan_document(p, 11, &v));
	assert_true(span_eq(v, "{\"a\":1}"));
	/* A length that ends inside, or behind a NUL. */
	assert_false(jscan_document(p, 5, &v));
	assert_false(jscan_document(p, 12, &v));
	free(p);
}

static void
explain_is(const char *s, size_t off, unsigned line, unsigned column,
    const char *what)
{
	struct jscan_error e;
	char *p = padded(s, strlen(s));

	jscan_explain(p, strlen(s), true, &e);
	if (what == NULL) {
		assert_null(e.what);
		free(p);
		return;
	}
	assert_non_null(e.what);
	if (strstr(e.what, what) == NULL)
		fail_msg("%s: %s", s, e.what);
	assert_int_equal(e.off, off);
	assert_int_equal(e.line, line);
	assert_int_equal(e.column, column);
	free(p);
}

static void
test_explain(void **state)
{
	(void)state;
	explain_is("{}", 0, 1, 1, NULL);
	explain_is("", 0, 1, 1, "empty");
	explain_is("  ", 2, 1, 3, "empty");
	explain_is("{\"a\":1", 6, 1, 7, "unexpected end");
	explain_is("{\n  \"a\": 1,\n  \"b\" 2\n}", 18, 3, 7, "':'");
	explain_is("{\"a\":1,}", 7, 1, 8, "comma too many");
	explain_is("[1,]", 3, 1, 4, "comma too many");
	explain_is("[1 2]", 3, 1, 4, "expected ',' or ']'");
	explain_is("{\"a\":1 \"b\":2}", 7, 1, 8, "expected ',' or '}'");
	explain_is("{'a':1}", 1, 1, 2, "double quotes");
	explain_is("{\"a\":'b'}", 5, 1, 6, "double quotes");
	explain_is("{a:1}", 1, 1, 2, "key");
	explain_is("[NaN]", 1, 1, 2, "NaN");
	explain_is("[-Infinity]", 2, 1, 3, "NaN");
	explain_is("[True]", 1, 1, 2, "expected a value");
	explain_is("[trUe]", 3, 1, 4, "true, false and null");
	explain_is("[01]", 2, 1, 3, "begin with 0");
	explain_is("[1.]", 3, 1, 4, "digit");
	explain_is("\"a\nb\"", 2, 1, 3, "control character");
	explain_is("\"\\q\"", 2, 1, 3, "escape");
	explain_is("\"\\u12x4\"", 5, 1, 6, "hexadecimal");
	explain_is("\"\xff\"", 1, 1, 2, "UTF-8");
	explain_is("\xef\xbb\xbf{}", 0, 1, 1, "byte order mark");
	explain_is("{} {}", 3, 1, 4, "behind the end");
	explain_is("{/*x*/}", 1, 1, 2, "key");
	explain_is("[/*x*/]", 1, 1, 2, "comments");
	explain_is("{\"a\":1,\n\"\\u0061\":2}", 8, 2, 1, "duplicate key");
	explain_is("[{\"a\":1,\"a\":2}]", 0, 1, 1, NULL);
}

static void
test_members(void **state)
{
	static const char doc[] = " { \"a\" : 1 , \"b\\n\":[ 2 ],\"\":{}} tail";
	char *p = padded(doc, sizeof(doc) - 1);
	struct span v = { p + 1, sizeof(doc) - 2 }, k, val;
	struct jscan_iter it;
	bool esc;

	(void)state;
	jscan_enter(&it, v, 0);
	assert_int_equal(jscan_member(&it, &k, &esc, &val), 1);
	assert_true(span_eq(k, "a") && !esc && span_eq(val, "1"));
	assert_int_equal(jscan_member(&it, &k, &esc, &val), 1);
	assert_true(span_eq(k, "b\\n") && esc && span_eq(val, "[ 2 ]"));
	assert_int_equal(jscan_member(&it, &k, &esc, &val), 1);
	assert_true(span_eq(k, "") && !esc && span_eq(val, "{}"));
	assert_int_equal(jscan_member(&it, &k, &esc, &val), 0);
	assert_memory_equal(it.p, " tail", 5);
	free(p);
}

/* Goes through all members of s and returns the last result. */
static int
walk(const char *s, unsigned depth)
{
	char *p = padded(s, strlen(s));
	struct span v = { p, strlen(s) }, k, val;
	struct jscan_iter it;
	bool esc;
	int r;

	jscan_enter(&it, v, depth);
	if (*s == '{')
		while ((r = jscan_member(&it, &k, &esc, &val)) > 0)
			;
	else
		while ((r = jscan_element(&it, &val)) > 0)
			;
	free(p);
	return r;
}

/* An iterator may go over what nobody has validated. */
static void
test_iterators_refuse(void **state)
{
	static const char *const bad[] = {
		"{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
		"{,}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{a:1}", "{\"a\":x}",
		"{\"\xff\":1}", "{\"a\":[}", "{\"a\":1]", "[", "[1", "[1,",
		"[1,]", "[,]", "[1 2]", "[x]", "[1}", "[\"\n\"]",
		"{xa\":1}", "{\"a\":1,xb\":2}"
	};
	static const char *const good[] = { "{}", "{ }", "[]", "[ ]", "[1]",
	    "{\"a\":[{}]}", "[1,[2]]", "{\"a\":1}x", "[1]]" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (walk(bad[i], 0) != -1)
			fail_msg("%s", bad[i]);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (walk(good[i], 0) != 0)
			fail_msg("%s", good[i]);
	assert_int_equal(walk("{\"a\":{}}", 126), 0);
	assert_int_equal(walk("{\"a\":{}}", 127), -1);
	assert_int_equal(walk("{\"a\":1}", 127), 0);
	assert_int_equal(walk("{}", 128), -1);
	assert_int_equal(walk("[1]", 128), -1);
}

static void
test_elements(void **state)
{
	char *p = padded("[ 1,\"a\" , [ ],{} ]", 18);
	struct span v = { p, 18 }, e;
	struct jscan_iter it;
	static const char *const want[] = { "1", "\"a\"", "[ ]", "{}" };
	size_t i;

	(void)state;
	jscan_enter(&it, v, 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(jscan_element(&it, &e), 1);
		assert_true(span_eq(e, want[i]));
	}
	assert_int_equal(jscan_element(&it, &e), 0);
	assert_ptr_equal(it.p, p + 18);
	free(p);
}

/* Goes through s with jscan_next; *n members were new. */
static int
next_all(const char *s, size_t len, size_t *n, char name[64])
{
	char *p = padded(s, len);
	struct span v = { p, len }, k, val;
	struct jscan_iter it;
	struct jscan_dup d;
	int r;

	jscan_enter(&it, v, 0);
	jscan_dup_init(&d);
	for (*n = 0; (r = jscan_next(&it, &d, &k, &val)) > 0; (*n)++)
		;
	if (r == -2)
		snprintf(name, 64, "%.*s", (int)k.n, k.p);
	jscan_dup_fini(&d);
	free(p);
	return r;
}

static void
test_duplicates(void **state)
{
	static const struct { const char *s; int r; const char *name; } t[] = {
		{ "{\"model\":1,\"mod\\u0065l\":2}", -2, "model" },
		{ "{\"mod\\u0065l\":1,\"model\":2}", -2, "model" },
		{ "{\"m\\u006fdel\":1,\"mod\\u0065l\":2}", -2, "model" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", -2, "a" },
		{ "{\"\":1,\"\":2}", -2, "" },
		{ "{\"a\\/b\":1,\"a/b\":2}", -2, "a/b" },
		{ "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", -2,
		    "\xf0\x9f\x98\x80" },
		{ "{\"\\ud800\":1,\"\\udfff\":2}", -2, "\xef\xbf\xbd" },
		{ "{\"abcdefgh1\":1,\"abcdefgh2\":2}", 0, NULL },
		{ "{\"abcdefgh\":1,\"abcdefghi\":2}", 0, NULL },
		{ "{\"a\":1,\"a\\u0000\":2,\"a\\u0000b\":3}", 0, NULL },
		{ "{\"a\":1,\"A\":2,\"a \":3}", 0, NULL },
		{ "{\"a\":{\"a\":1,\"a\":2}}", 0, NULL },
		{ "{\"a\":1,\"b\"}", -1, NULL },
	};
	char name[64];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(next_all(t[i].s, strlen(t[i].s), &n, name),
		    t[i].r);
		if (t[i].name != NULL)
			assert_string_equal(name, t[i].name);
	}
}

/* An object of k members "PREFIXi" and then the member `last`; every third
 * key has an escape. */
static void
many(struct buf *b, size_t k, const char *prefix, const char *last)
{
	size_t i;

	buf_lit(b, "{");
	for (i = 0; i < k; i++)
		buf_addf(b, "\"%s%s%zu\":1,", i % 3 ? "" : "\\u0078",
		    prefix, i);
	buf_addf(b, "\"%s\":2}", last);
}

static void
test_duplicates_many(void **state)
{
	static const size_t counts[] = { 1, 95, 96, 97, 98, 200, 1000, 20000 };
	static char longp[201];
	const char *prefixes[] = { "k", "some-longer-prefix-", longp };
	struct buf b = { 0 };
	char name[64], last[300];
	size_t i, j, n, at;

	(void)state;
	memset(longp, 'p', 200);
	for (j = 0; j < 3; j++)
		for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			b.n = 0;
			many(&b, counts[i], prefixes[j], "fresh");
			assert_int_equal(next_all(b.p, b.n, &n, name), 0);
			assert_int_equal(n, counts[i] + 1);
			/* The first, the last and one in the middle again. */
			for (at = 0; at < counts[i]; at += counts[i] / 2 + 1) {
				b.n = 0;
				snprintf(last, sizeof(last), "%s%s%zu",
				    at % 3 ? "" : "x", prefixes[j], at);
				many(&b, counts[i], prefixes[j], last);
				assert_int_equal(next_all(b.p, b.n, &n, name),
				    -2);
				assert_int_equal(n, counts[i]);
			}
		}
	buf_fini(&b);
}

/* Escaped keys beyond the arena on the stack. */
static void
test_duplicates_long_escaped(void **state)
{
	struct buf b = { 0 };
	char name[64];
	size_t i, k, n;

	(void)state;
	for (k = 0; k < 2; k++) {
		b.n = 0;
		buf_lit(&b, "{");
		for (i = 0; i < 90; i++)
			buf_addf(&b, "\"\\u0061bcdefghijklmnopqrstuvw%zu\":1,",
			    i);
		buf_addf(&b, "\"abcdefghijklmnopqrstuvw%d\":1}", k ? 89 : 90);
		assert_int_equal(next_all(b.p, b.n, &n, name), k ? -2 : 0);
	}
	/* Around the size of that arena. */
	for (k = 1000; k < 1040; k++) {
		b.n = 0;
		buf_lit(&b, "{\"\\n");
		for (i = 0; i < k - 2; i++)
			buf_lit(&b, "x");
		buf_lit(&b, "\":1,\"\\n\":2,\"\\t\":3,\"\\u0009\":4}");
		assert_int_equal(next_all(b.p, b.n, &n, name), -2);
		assert_int_equal(n, 3);
	}
	b.n = 0;
	buf_lit(&b, "{\"\\n");
	for (i = 0; i < 5000; i++)
		buf_lit(&b, "\\u00e9");
	buf_lit(&b, "\":1,\"\\u000a");
	for (i = 0; i < 5000; i++)
		buf_lit(&b, "\xc3\xa9");
	buf_lit(&b, "\":2}");
	assert_int_equal(next_all(b.p, b.n, &n, name), -2);
	buf_fini(&b);
}

static double
seconds_of(size_t members, int *r)
{
	struct buf b = { 0 };
	char name[64];
	uint64_t t;
	size_t n;

	many(&b, members, "", "fresh");
	buf_pad(&b);
	t = clock_ns();
	*r = next_all(b.p, b.n, &n, name);
	t = clock_ns() - t;
	buf_fini(&b);
	return (double)t / 1e9;
}

/* Row 10 of the faults: linear time up to JSCAN_MEMBERS_MAX members, and a
 * million of them is refused. */
static void
test_million_members(void **state)
{
	double small, large;
	int r;

	(void)state;
	small = seconds_of(JSCAN_MEMBERS_MAX / 16, &r);
	assert_int_equal(r, 0);
	large = seconds_of(JSCAN_MEMBERS_MAX - 1, &r);
	assert_int_equal(r, 0);
	/* Quadratic would be 256 times as long; caches and noise allowed. */
	if (large > small * 100 + 0.2)
		fail_msg("%.4f s for 16 times what took %.4f s", large, small);
	seconds_of(JSCAN_MEMBERS_MAX, &r);
	assert_int_equal(r, -1);
	seconds_of(1000000, &r);
	assert_int_equal(r, -1);
}

static void
test_too_many_explained(void **state)
{
	struct jscan_error e;
	struct buf b = { 0 };

	(void)state;
	many(&b, JSCAN_MEMBERS_MAX, "", "fresh");
	buf_pad(&b);
	jscan_explain(b.p, b.n, true, &e);
	assert_string_equal(e.what, "too many members in one object");
	assert_int_equal(e.off, b.n - strlen("\"fresh\":2}"));
	jscan_explain(b.p, b.n, false, &e);
	assert_null(e.what);
	buf_fini(&b);
}

/* 96 keys of 100 KB that differ in the middle only. */
static void
test_long_similar_keys(void **state)
{
	struct buf b = { 0 };
	char name[64], *key;
	uint64_t t;
	size_t n, i;

	(void)state;
	key = xmalloc(100001);
	memset(key, 'k', 100000);
	key[100000] = '\0';
	buf_lit(&b, "{");
	for (i = 0; i < 96; i++) {
		key[99980] = (char)('a' + i / 20);
		key[99981] = (char)('a' + i % 20);
		buf_lit(&b, "\"");
		buf_add(&b, key, 100000);
		buf_lit(&b, "\":1,");
	}
	buf_lit(&b, "\"z\":1}");
	t = clock_ns();
	assert_int_equal(next_all(b.p, b.n, &n, name), 0);
	t = clock_ns() - t;
	assert_int_equal(n, 97);
	if (t > 1000000000u)
		fail_msg("%llu ms", (unsigned long long)t / 1000000);
	free(key);
	buf_fini(&b);
}

static void
test_numbers(void **state)
{
	static const struct { const char *s; bool ok; uint64_t v; } t[] = {
		{ "0", true, 0 }, { "1", true, 1 }, { "128000", true, 128000 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "9223372036854775808", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "100000000000000000000000000000", false, 0 },
		{ "5.0", true, 5 }, { "5.000", true, 5 }, { "5.01", false, 0 },
		{ "5e0", false, 0 }, { "5.0e1", false, 0 }, { "-0", false, 0 },
		{ "-1", false, 0 }, { "1E2", false, 0 }, { "\"1\"", false, 0 },
		{ "null", false, 0 }, { "[1]", false, 0 }
	};
	uint64_t v;
	double d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		v = 77;
		if (jscan_u64(span_z(t[i].s), &v) != t[i].ok ||
		    v != (t[i].ok ? t[i].v : 77))
			fail_msg("%s", t[i].s);
	}
	assert_false(jscan_u64(SPAN_NONE, &v));
	assert_true(jscan_double(SPAN_LIT("0.7"), &d) && d == 0.7);
	assert_true(jscan_double(SPAN_LIT("-1.5e-3"), &d) && d == -0.0015);
	assert_true(jscan_double(SPAN_LIT("1e-400"), &d) && d == 0);
	assert_false(jscan_double(SPAN_LIT("1e400"), &d));
	assert_false(jscan_double(SPAN_LIT("\"1\""), &d));
	assert_false(jscan_double(SPAN_LIT("true"), &d));
	assert_false(jscan_double(SPAN_NONE, &d));
}

static void
unescape_is(const char *in, const char *want, size_t n)
{
	char out[200];
	size_t len;

	assert_true(strlen(in) <= sizeof(out));
	len = jscan_unescape(span_z(in), out);
	if (len != n || memcmp(out, want, n) != 0)
		fail_msg("%s", in);
	assert_true(len <= strlen(in));
}

static void
test_unescape(void **state)
{
	(void)state;
	unescape_is("", "", 0);
	unescape_is("plain", "plain", 5);
	unescape_is("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8);
	unescape_is("a\\u0000b", "a\0b", 3);
	unescape_is("\\u007f\\u0080\\u07ff\\u0800\\uffff",
	    "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11);
	unescape_is("\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4);
	unescape_is("\\uD800\\uDC00\\uDBFF\\uDFFF",
	    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8);
	/* Lone surrogates in each position. */
	unescape_is("\\ud83d", "\xef\xbf\xbd", 3);
	unescape_is("\\ude00", "\xef\xbf\xbd", 3);
	unescape_is("\\ud83dx", "\xef\xbf\xbdx", 4);
	unescape_is("\\ud83d\\n", "\xef\xbf\xbd\n", 4);
	unescape_is("\\ud83d\\u0041", "\xef\xbf\xbd" "A", 4);
	unescape_is("\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd", 6);
	unescape_is("\\ud83d\\ud83d\\ude00",
	    "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
	unescape_is("\\\\u0041", "\\u0041", 6);
	unescape_is("\xc3\xa9\\u00E9", "\xc3\xa9\xc3\xa9", 4);
}

static void
test_strings(void **state)
{
	struct arena a = { 0 };

	(void)state;
	assert_true(jscan_str_eq(SPAN_LIT("\"user\""), "user"));
	assert_true(jscan_str_eq(SPAN_LIT("\"\\u0075ser\""), "user"));
	assert_true(jscan_str_eq(SPAN_LIT("\"use\\u0072\""), "user"));
	assert_true(jscan_str_eq(SPAN_LIT("\"\\u00e9\""), "\xc3\xa9"));
	assert_true(jscan_str_eq(SPAN_LIT("\"\""), ""));
	assert_true(jscan_str_eq(SPAN_LIT("\"a\\\\b\""), "a\\b"));
	assert_false(jscan_str_eq(SPAN_LIT("\"a\\b\""), "a\\b"));
	assert_false(jscan_str_eq(SPAN_LIT("\"user\""), "use"));
	assert_false(jscan_str_eq(SPAN_LIT("\"user\""), "users"));
	assert_false(jscan_str_eq(SPAN_LIT("\"\\u0075se\""), "user"));
	assert_false(jscan_str_eq(SPAN_LIT("\"\\u0075sers\""), "user"));
	assert_false(jscan_str_eq(SPAN_LIT("\"user\\u0000\""), "user"));
	assert_false(jscan_str_eq(SPAN_LIT("\"\\u0000\""), ""));
	assert_false(jscan_str_eq(SPAN_LIT("true"), "true"));
	assert_false(jscan_str_eq(SPAN_NONE, ""));
	assert_string_equal(jscan_strdup(&a, SPAN_LIT("\"a\\n\\u00e9\"")),
	    "a\n\xc3\xa9");
	assert_string_equal(jscan_strdup(&a, SPAN_LIT("\"\"")), "");
	assert_null(jscan_strdup(&a, SPAN_LIT("\"a\\u0000b\"")));
	assert_null(jscan_strdup(&a, SPAN_LIT("12")));
	assert_null(jscan_strdup(&a, SPAN_NONE));
	arena_fini(&a);
}

/* Every sequence of up to 4 bytes from the interesting ones, against the
 * definition: decode and encode again. */
static void
test_utf8_exhaustive(void **state)
{
	static const unsigned char set[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90,
	    0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
	    0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff };
	const size_t k = sizeof(set);
	unsigned char s[4];
	size_t i, n, want;
	uint32_t c;

	(void)state;
	for (i = 0; i < k * k * k * k; i++) {
		s[0] = set[i % k];
		s[1] = set[i / k % k];
		s[2] = set[i / k / k % k];
		s[3] = set[i / k / k / k];
		want = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 :
		    s[0] >= 0xe0 ? 3 : 2;
		c = want == 1 ? s[0] : s[0] & (0x7f >> want);
		for (n = 1; n < want; n++)
			c = c << 6 | (s[n] & 0x3f);
		for (n = 1; n < want; n++)
			if ((s[n] & 0xc0) != 0x80)
				break;
		if (n < want || s[0] >= 0xf8 ||
		    (s[0] >= 0x80 && s[0] < 0xc0) || c > 0x10ffff ||
		    (c >= 0xd800 && c < 0xe000) || (want == 2 && c < 0x80) ||
		    (want == 3 && c < 0x800) || (want == 4 && c < 0x10000))
			want = 0;
		for (n = 0; n <= 4; n++)
			if (jscan_utf8_char((char *)s, n) !=
			    (want <= n ? want : 0))
				fail_msg("%02x %02x %02x %02x (%zu)", s[0],
				    s[1], s[2], s[3], n);
	}
}

static void
test_utf8_valid(void **state)
{
	(void)state;
	assert_int_equal(jscan_utf8_valid(NULL, 0), 0);
	assert_int_equal(jscan_utf8_valid("abcdefghijkl", 12), 12);
	assert_int_equal(jscan_utf8_valid("abcdefgh\xc3\xa9", 10), 10);
	assert_int_equal(jscan_utf8_valid("abcdefgh\xc3\xa9", 9), 8);
	assert_int_equal(jscan_utf8_valid("a\0b", 3), 3);
	assert_int_equal(jscan_utf8_valid("abc\xff" "def", 7), 3);
	assert_int_equal(jscan_utf8_valid("\xf0\x9f\x98", 3), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_string_positions),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_depth_inside),
		cmocka_unit_test(test_document_span),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_iterators_refuse),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_duplicates_many),
		cmocka_unit_test(test_duplicates_long_escaped),
		cmocka_unit_test(test_million_members),
		cmocka_unit_test(test_too_many_explained),
		cmocka_unit_test(test_long_similar_keys),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_unescape),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_utf8_exhaustive),
		cmocka_unit_test(test_utf8_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
