/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/jscan.c daemon/base/jscan_explain.c daemon/base/jout.c */
/* LINK: daemon/base/hash.c daemon/base/str.c daemon/base/xmalloc.c */
/*
 * Any bytes as a document.  The scanner and the reader behind jscan_explain
 * must agree, and what the scanner accepted must survive each way through the
 * iterators and the writer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/jout.h"
#include "base/jscan.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(c) do {							\
	if (!(c)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);	\
		abort();						\
	}								\
} while (0)

static struct span
decode(struct buf *b, struct span inner)
{
	b->n = 0;
	b->n = jscan_unescape(inner, buf_need(b, inner.n + 1));
	CHECK(b->n <= inner.n);
	buf_pad(b);
	return buf_span(b);
}

/* A string re-encoded is valid, not longer, the same text and final. */
static void
check_string(struct span v)
{
	struct buf once = { 0 }, twice = { 0 }, a = { 0 }, b = { 0 };
	struct span in = jscan_inner(v);

	jout_recode(&once, in);
	CHECK(once.n <= in.n);
	CHECK(jscan_utf8_valid(once.p, once.n) == once.n);
	jout_recode(&twice, buf_span(&once));
	CHECK(span_is(buf_span(&once), buf_span(&twice)));
	decode(&a, in);
	decode(&b, buf_span(&once));
	CHECK(span_is(buf_span(&a), buf_span(&b)));
	CHECK(jscan_utf8_valid(a.p, a.n) == a.n);
	CHECK(jscan_str_eq(v, a.p) == (memchr(a.p, 0, a.n) == NULL));
	/* The writer makes the same of the text. */
	b.n = 0;
	jout_text(&b, buf_span(&a));
	CHECK(span_is(buf_span(&once), buf_span(&b)));
	buf_fini(&once);
	buf_fini(&twice);
	buf_fini(&a);
	buf_fini(&b);
}

static void
check_number(struct span v)
{
	uint64_t u;
	double d;

	if (jscan_u64(v, &u))
		CHECK(u <= INT64_MAX && *v.p != '-' && jscan_double(v, &d) &&
		    d == (double)u);
	(void)jscan_double(v, &d);
}

/* Members of an object compared one by one, for jscan_next to agree with. */
static void
check_duplicates(struct span v)
{
	struct buf keys[64] = { 0 }, b = { 0 };
	struct jscan_iter it;
	struct jscan_dup d;
	struct span key, val;
	size_t n = 0, i, j;
	bool esc, dup = false;
	int r;

	jscan_enter(&it, v, 0);
	while (n < 64 && jscan_member(&it, &key, &esc, &val) == 1) {
		decode(&keys[n], key);
		for (i = 0; i < n; i++)
			if (span_is(buf_span(&keys[i]), buf_span(&keys[n])))
				dup = true;
		n++;
		if (dup)
			break;
	}
	jscan_enter(&it, v, 0);
	jscan_dup_init(&d);
	for (j = 0; (r = jscan_next(&it, &d, &key, &val)) == 1; j++)
		if (j < n)
			CHECK(span_is(key, buf_span(&keys[j])));
	if (n < 64 || dup)
		CHECK(r == (dup ? -2 : 0) && j == n - dup);
	CHECK(r != -1);
	jscan_dup_fini(&d);
	for (i = 0; i < n; i++)
		buf_fini(&keys[i]);
	buf_fini(&b);
}

/* Visits all values below v. */
static void
check_value(struct span v, unsigned depth)
{
	struct jscan_iter it;
	struct span key, val;
	const char *last = v.p;
	bool esc;
	int r;

	CHECK(jscan_value(v.p, depth) == v.p + v.n);
	CHECK(jscan_is_str(v) + jscan_is_num(v) + jscan_is_obj(v) +
	    jscan_is_arr(v) + jscan_is_null(v) + jscan_is_true(v) +
	    jscan_is_false(v) == 1);
	if (jscan_is_str(v))
		check_string(v);
	if (jscan_is_num(v))
		check_number(v);
	if (!jscan_is_obj(v) && !jscan_is_arr(v))
		return;
	CHECK(depth < JSCAN_DEPTH);
	jscan_enter(&it, v, depth);
	for (;;) {
		if (jscan_is_obj(v)) {
			if ((r = jscan_member(&it, &key, &esc, &val)) != 1)
				break;
			CHECK(key.p > last);
			CHECK(esc == (key.n > 0 &&
			    memchr(key.p, '\\', key.n) != NULL));
			check_string((struct span){ key.p - 1, key.n + 2 });
		} else if ((r = jscan_element(&it, &val)) != 1)
			break;
		CHECK(val.p > last && val.p + val.n < v.p + v.n);
		last = val.p + val.n - 1;
		check_value(val, depth + 1);
	}
	CHECK(r == 0 && it.p == v.p + v.n);
}

/* Without white space it is a document still, and as a string it decodes to
 * just that. */
static void
check_writer(struct span v)
{
	struct buf once = { 0 }, twice = { 0 }, str = { 0 };
	struct span w;

	jout_compact(&once, v);
	buf_pad(&once);
	CHECK(once.n <= v.n);
	CHECK(jscan_document(once.p, once.n, &w) && w.n == once.n);
	jout_compact(&twice, buf_span(&once));
	CHECK(span_is(buf_span(&once), buf_span(&twice)));
	buf_lit(&str, "\"");
	jout_embed(&str, v);
	buf_lit(&str, "\"");
	buf_pad(&str);
	CHECK(jscan_document(str.p, str.n, &w));
	decode(&twice, jscan_inner(w));
	CHECK(span_is(buf_span(&once), buf_span(&twice)));
	buf_fini(&once);
	buf_fini(&twice);
	buf_fini(&str);
}

/* Any bytes at all can be written as a string. */
static void
check_raw(struct span raw)
{
	struct buf b = { 0 }, t = { 0 };
	struct span w;

	jout_str(&b, raw);
	buf_pad(&b);
	CHECK(jscan_document(b.p, b.n, &w));
	decode(&t, jscan_inner(w));
	if (jscan_utf8_valid(raw.p, raw.n) == raw.n)
		CHECK(span_is(raw, buf_span(&t)));
	buf_fini(&b);
	buf_fini(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* No more than the pad that is promised, for the sanitizer. */
	char *p = calloc(1, n + JSCAN_PAD);
	struct jscan_error e;
	struct span v;
	bool ok;

	if (n > 0)
		memcpy(p, data, n);
	ok = jscan_document(p, n, &v);
	jscan_explain(p, n, false, &e);
	CHECK(ok == (e.what == NULL));
	CHECK(e.off <= n && e.line >= 1 && e.column >= 1);
	jscan_explain(p, n, true, &e);
	CHECK(ok || e.what != NULL);
	if (ok) {
		check_value(v, 0);
		check_writer(v);
		if (jscan_is_obj(v))
			check_duplicates(v);
	}
	check_raw((struct span){ p, n });
	free(p);
	return 0;
}
