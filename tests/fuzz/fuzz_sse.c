/* SPDX-License-Identifier: ISC */
/* LINK: daemon/dialect/sse.c daemon/base/str.c daemon/base/xmalloc.c */
/*
 * A stream of events: byte 0 is the size of the pieces, byte 1 the limit.
 * Whatever the cuts, the events are the same.
 */
#include "dialect/sse.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/jscan.h"
#include "base/xmalloc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Everything that was handed out, with lengths. */
static void
run(const uint8_t *in, size_t n, size_t step, size_t max, struct buf *out)
{
	struct sse s = { .max = max };
	struct sse_event ev;
	enum sse_kind k = SSE_MORE;
	size_t len, left;
	char *m, *p;

	for (; n > 0 && k != SSE_TOO_LONG; in += len, n -= len) {
		left = len = step == 0 || step > n ? n : step;
		p = m = xcalloc(1, len + JSCAN_PAD);
		memcpy(m, in, len);
		while ((k = sse_next(&s, &p, &left, &ev)) != SSE_MORE &&
		    k != SSE_TOO_LONG) {
			buf_addf(out, "<%d>", k);
			if (k != SSE_EVENT)
				continue;
			if (ev.n > max || ev.data[ev.n] != '\0')
				abort();
			buf_addf(out, "%s:%zu:", ev.name, ev.n);
			buf_add(out, ev.data, ev.n);
		}
		free(m);
	}
	if (k == SSE_TOO_LONG)
		buf_lit(out, "!");
	else if (sse_end(&s, &ev) == SSE_EVENT) {
		buf_addf(out, "%s:%zu:", ev.name, ev.n);
		buf_add(out, ev.data, ev.n);
	}
	sse_fini(&s);
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
