/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/ndjson.c daemon/base/str.c daemon/base/xmalloc.c */
#include "dialect/ndjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/jscan.h"
#include "base/xmalloc.h"

/* Feeds text in pieces; writes "[line]", "!" where it was too long. */
static void
run(const char *in, size_t n, size_t step, size_t max, char *out)
{
	struct ndjson s = { .max = max };
	enum ndjson_kind k;
	size_t len, left, l;
	char *m, *p, *line;

	*out = '\0';
	for (; n > 0; in += len, n -= len) {
		left = len = step == 0 || step > n ? n : step;
		m = xcalloc(1, len + JSCAN_PAD);
		memcpy(m, in, len);
		p = m;
		while ((k = ndjson_next(&s, &p, &left, &line, &l)) ==
		    NDJSON_LINE) {
			assert_int_equal(line[l], 0);
			sprintf(out + strlen(out), "[%.*s]", (int)l, line);
		}
		free(m);
		if (k == NDJSON_TOO_LONG) {
			strcat(out, "!");
			ndjson_fini(&s);
			return;
		}
	}
	if (ndjson_end(&s, &line, &l) == NDJSON_LINE)
		sprintf(out + strlen(out), "[%.*s]", (int)l, line);
	assert_int_equal(ndjson_end(&s, &line, &l), NDJSON_MORE);
	ndjson_fini(&s);
}

static const struct vector {
	const char	*in, *out;
} vectors[] = {
	{ "{\"a\":1}\n{\"b\":2}\n", "[{\"a\":1}][{\"b\":2}]" },
	{ "{}\r\n\r\n\n \t\n{} \r\n", "[{}][{}]" },
	{ "{}", "[{}]" },
	{ "data: {}\n\ndata:{}\n", "[{}][{}]" },
	{ "\xef\xbb\xbf{}\n", "[{}]" },
	{ " {} \n", "[{}]" },
	{ "", "" },
	{ "\n", "" },
	{ "  ", "" },
	{ "data:\n", "" }
};

static void
test_vectors(void **state)
{
	size_t i, step;
	char out[512];

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		for (step = 0; step < 20; step++) {
			run(vectors[i].in, strlen(vectors[i].in), step, 100,
			    out);
			assert_string_equal(out, vectors[i].out);
		}
}

static void
test_too_long(void **state)
{
	char out[512];

	(void)state;
	run("0123456789\n", 11, 0, 9, out);
	assert_string_equal(out, "!");
	run("0123456789\n", 11, 1, 10, out);
	assert_string_equal(out, "[0123456789]");
	run("0123456789\n", 11, 1, 9, out);
	assert_string_equal(out, "!");
	/* The limit is for a line, not for a piece. */
	run("01234567\n01234567\n01\n", 21, 0, 9, out);
	assert_string_equal(out, "[01234567][01234567][01]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_too_long)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
