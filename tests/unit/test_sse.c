/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/sse.c daemon/base/str.c daemon/base/xmalloc.c daemon/base/jscan.c daemon/base/hash.c */
#include "dialect/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/jscan.h"
#include "base/xmalloc.h"

/* Feeds text in pieces; writes "[name|data]", "#" for comments and "!" where
 * the splitter gave up. */
static void
run(const char *in, size_t n, size_t step, size_t max, bool end, char *out)
{
	struct sse s = { .max = max };
	struct sse_event ev;
	enum sse_kind k;
	size_t len;
	char *m, *p;

	*out = '\0';
	for (; n > 0; in += len, n -= len) {
		len = step == 0 || step > n ? n : step;
		m = xcalloc(1, len + JSCAN_PAD);
		memcpy(m, in, len);
		p = m;
		for (size_t left = len;
		    (k = sse_next(&s, &p, &left, &ev)) != SSE_MORE; ) {
			if (k == SSE_COMMENT) {
				strcat(out, "#");
			} else if (k == SSE_TOO_LONG) {
				strcat(out, "!");
				free(m);
				sse_fini(&s);
				return;
			} else {
				assert_int_equal(ev.data[ev.n], 0);
				sprintf(out + strlen(out), "[%s|%.*s]",
				    ev.name, (int)ev.n, ev.data);
			}
		}
		free(m);
	}
	if (end && sse_end(&s, &ev) == SSE_EVENT)
		sprintf(out + strlen(out), "[%s|%.*s]", ev.name, (int)ev.n,
		    ev.data);
	sse_fini(&s);
}

static const struct vector {
	const char	*in, *out;
} vectors[] = {
	{ "data: a\n\ndata: b\n\n", "[|a][|b]" },
	{ "data:a\r\n\r\ndata:  b\r\r", "[|a][| b]" },
	{ "\xef\xbb\xbf" "data: a\n\n", "[|a]" },
	{ "\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\n", "" },
	{ "data: a\ndata: b\ndata\ndata:\n\n", "[|a\nb\n\n]" },
	{ "data:\n\n", "[|]" },
	{ "data\n\n", "[|]" },
	{ ": hi\n:\ndata: a\n: x\n\n", "###[|a]" },
	{ "event: ping\n\ndata: a\n\n", "[|a]" },
	{ "event: error\ndata: a\n\ndata: b\n\n", "[error|a][|b]" },
	{ "id: 7\nretry: 1\nfoo\nfoo: bar\ndata: a\n\n", "[|a]" },
	{ "data: a", "[|a]" },
	{ "data: a\n", "[|a]" },
	{ "data: a\r", "[|a]" },
	{ "\n\n\r\n\rdata: a\n\n", "[|a]" },
	{ "dat: a\n\nDATA: b\n\n data: c\n\n", "" },
	{ "data: a\r\n\rdata: b\n\n", "[|a][|b]" },
	{ "data: a\n\rdata: b\r\n\n", "[|a][|b]" },
	{ "event: a-name-that-is-much-too-long\ndata: a\n\n",
	    "[a-name-that-is-much-too|a]" },
	{ "data: \xe9\x9b\xaa caf\xc3\xa9 \xf0\x9f\x98\x80\n\n",
	    "[|\xe9\x9b\xaa caf\xc3\xa9 \xf0\x9f\x98\x80]" }
};

static void
test_vectors(void **state)
{
	size_t i, step;
	char out[512];

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		for (step = 0; step < 12; step++) {
			run(vectors[i].in, strlen(vectors[i].in), step, 1000,
			    true, out);
			/* A BOM that is cut is still one. */
			assert_string_equal(out, vectors[i].out);
		}
}

/* All ways to cut one stream in two. */
static void
test_cuts(void **state)
{
	static const char in[] = "data: {\"a\":1}\r\n\r\n: c\r\ndata: x\r"
	    "data: y\n\nevent: e\ndata:z\r\n\n";
	char whole[256], out[256];
	struct sse_event ev;
	enum sse_kind k;
	size_t cut, n = sizeof(in) - 1, left, part;

	(void)state;
	run(in, n, 0, 1000, false, whole);
	assert_string_equal(whole, "[|{\"a\":1}]#[|x\ny][e|z]");
	for (cut = 0; cut <= n; cut++) {
		struct sse s = { .max = 1000 };

		out[0] = '\0';
		for (part = 0; part < 2; part++) {
			char m[256] = { 0 }, *p = m;

			left = part == 0 ? cut : n - cut;
			memcpy(m, part == 0 ? in : in + cut, left);
			while ((k = sse_next(&s, &p, &left, &ev)) != SSE_MORE)
				if (k == SSE_COMMENT)
					strcat(out, "#");
				else
					sprintf(out + strlen(out),
					    "[%s|%.*s]", ev.name, (int)ev.n,
					    ev.data);
		}
		assert_string_equal(out, whole);
		sse_fini(&s);
	}
}

static void
test_too_long(void **state)
{
	char out[4096];

	(void)state;
	run("data: 0123456789\n\n", 18, 0, 15, true, out);
	assert_string_equal(out, "!");
	run("data: 0123456789\n\n", 18, 1, 15, true, out);
	assert_string_equal(out, "!");
	run("data: 0123456789\n\n", 18, 1, 16, true, out);
	assert_string_equal(out, "[|0123456789]");
	/* Many lines of one event, no line too long by itself. */
	run("data: 01234\ndata: 01234\ndata: 01234\n\n", 38, 3, 20, true, out);
	assert_string_equal(out, "!");
	/* No line end ever. */
	run("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 32, 4, 20, true, out);
	assert_string_equal(out, "!");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_too_long)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
