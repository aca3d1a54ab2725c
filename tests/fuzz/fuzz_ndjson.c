/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/ndjson.c daemon/base/str.c daemon/base/xmalloc.c */
/*
 * Lines: byte 0 is the size of the pieces, byte 1 the limit.  Whatever the
 * cuts, the lines are the same.
 */
#include "dialect/ndjson.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jscan.h"
#include "base/xmalloc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
run(const uint8_t *in, size_t n, size_t step, size_t max, struct buf *out)
{
	struct ndjson s = { .max = max };
	enum ndjson_kind k = NDJSON_MORE;
	size_t len, left, l;
	char *m, *p, *line;

	for (; n > 0 && k != NDJSON_TOO_LONG; in += len, n -= len) {
		left = len = step == 0 || step > n ? n : step;
		p = m = xcalloc(1, len + JSCAN_PAD);
		memcpy(m, in, len);
		while ((k = ndjson_next(&s, &p, &left, &line, &l)) ==
		    NDJSON_LINE) {
			if (l == 0 || l > max || line[l] != '\0')
				abort();
			buf_addf(out, "%zu:", l);
			buf_add(out, line, l);
		}
		free(m);
	}
	if (k == NDJSON_TOO_LONG) {
		buf_lit(out, "!");
	} else if (ndjson_end(&s, &line, &l) == NDJSON_LINE) {
		buf_addf(out, "%zu:", l);
		buf_add(out, line, l);
	}
	ndjson_fini(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf a = { 0 }, b = { 0 };
	size_t step, max;

	if (n < 2)
		return 0;
	step = data[0] % 32;
	max = data[1] < 128 ? 1u << 20 : data[1];
	run(data + 2, n - 2, 0, max, &a);
	run(data + 2, n - 2, step + 1, max, &b);
	if (!span_is(buf_span(&a), buf_span(&b)))
		abort();
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}
