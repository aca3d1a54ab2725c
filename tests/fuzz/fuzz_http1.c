/* SPDX-License-Identifier: ISC */
/* LINK: daemon/net/http1.c daemon/net/http1_lex.c daemon/net/http1_reply.c */
/* LINK: daemon/net/http1_chunk.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: daemon/base/log.c daemon/base/clock.c */
/* LINK: proto/text.c proto/text_width.c */
/*
 * net/http1.  The first byte chooses what is parsed, the second how it is
 * cut.  Whatever the pieces, the result is that of the whole; every span lies
 * inside the input; what was accepted has no form that is to be refused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http1.h"

#define FUZZ_MAX	(80 * 1024)
#define MUST(x)		do { if (!(x)) abort(); } while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The bytes alone in their memory, so that reading behind them is seen. */
static char *
fuzz_copy(const char *p, size_t n)
{
	char *q = malloc(n == 0 ? 1 : n);

	MUST(q != NULL);
	memcpy(q, p, n);
	return q;
}

/* The next cut behind `at`: the lower the seed, the smaller the pieces. */
static size_t
fuzz_cut(uint32_t *seed, size_t at, size_t n)
{
	size_t max = 1 + (*seed & 0xff) * (n + 1) / 64;

	*seed = (*seed & 0xff) | (*seed * 1664525u + 1013904223u) << 8;
	at += 1 + (*seed >> 12) % max;
	return at < n ? at : n;
}

static void
fuzz_inside(struct span s, const char *p, size_t n)
{
	MUST(s.p == NULL || (s.p >= p && s.n <= n &&
	    s.p + s.n <= p + n));
}

static void
fuzz_fields(const struct http1_field *f, unsigned n, const char *p,
    size_t len)
{
	unsigned i;

	MUST(n <= HTTP1_FIELDS_MAX);
	for (i = 0; i < n; i++) {
		fuzz_inside(f[i].name, p, len);
		fuzz_inside(f[i].value, p, len);
		MUST(f[i].name.n > 0 && f[i].value.p != NULL);
		MUST(memchr(f[i].value.p, '\r', f[i].value.n) == NULL);
		MUST(memchr(f[i].value.p, '\n', f[i].value.n) == NULL);
		MUST(memchr(f[i].value.p, '\0', f[i].value.n) == NULL);
		MUST(memchr(f[i].name.p, ' ', f[i].name.n) == NULL);
	}
}

/* A head ends in an empty line, and each LF of it has its CR. */
static void
fuzz_lines(const char *p, size_t n)
{
	size_t i;

	MUST(n >= 4 && memcmp(p + n - 4, "\r\n\r\n", 4) == 0);
	for (i = 0; i < n; i++) {
		MUST(p[i] != '\n' || (i > 0 && p[i - 1] == '\r'));
		MUST(p[i] != '\r' || (i + 1 < n && p[i + 1] == '\n'));
	}
}

/* The result of a piece that is shorter than the whole. */
static void
fuzz_piece(long whole, long piece, size_t k, bool *refused)
{
	if (whole > 0)
		MUST(piece == (k < (size_t)whole ? 0 : whole));
	else if (whole == 0)
		MUST(piece == 0);
	else
		MUST(piece <= 0 && !(*refused && piece == 0));
	*refused = piece < 0;
}

static bool
fuzz_same(struct span a, const char *pa, struct span b, const char *pb)
{
	return a.p == NULL || b.p == NULL ? a.p == b.p :
	    a.n == b.n && a.p - pa == b.p - pb;
}

static void
fuzz_request(const char *p, size_t n, uint32_t seed)
{
	static struct http1_req a, b;
	char *whole = fuzz_copy(p, n), *piece, *path;
	long r = http1_req_parse(whole, n, &a), q;
	bool refused = false;
	size_t k;

	MUST(r <= (long)n && r <= HTTP1_HEAD_MAX);
	if (r > 0) {
		fuzz_fields(a.fields, a.nfields, whole, (size_t)r);
		fuzz_inside(a.target, whole, (size_t)r);
		fuzz_inside(a.path, whole, (size_t)r);
		fuzz_inside(a.query, whole, (size_t)r);
		fuzz_inside(a.host, whole, (size_t)r);
		fuzz_lines(whole, (size_t)r);
		MUST(!(a.chunked && (a.has_length || a.v10)));
		MUST(a.v10 || a.host.n > 0);
		MUST(a.path.n > 0 && (a.path.p[0] == '/' || a.path.n == 1));
		path = malloc(a.path.n);
		http1_path_decode(a.path, path);
		free(path);
	}
	for (k = fuzz_cut(&seed, 0, n); k < n; k = fuzz_cut(&seed, k, n)) {
		piece = fuzz_copy(p, k);
		q = http1_req_parse(piece, k, &b);
		fuzz_piece(r, q, k, &refused);
		if (q > 0) {
			MUST(b.nfields == a.nfields && b.length == a.length &&
			    b.chunked == a.chunked && b.close == a.close);
			MUST(fuzz_same(a.path, whole, b.path, piece));
			MUST(fuzz_same(a.host, whole, b.host, piece));
		}
		free(piece);
	}
	free(whole);
}

static void
fuzz_reply(const char *p, size_t n, uint32_t seed)
{
	static struct http1_reply a, b;
	char *whole = fuzz_copy(p, n), *piece;
	bool refused = false, head = seed & 1;
	long r = http1_reply_parse(whole, n, head, &a), q;
	size_t k;

	MUST(r <= (long)n && r >= -1 && r <= HTTP1_REPLY_HEAD_MAX);
	if (r > 0) {
		fuzz_fields(a.fields, a.nfields, whole, (size_t)r);
		fuzz_lines(whole, (size_t)r);
		MUST(a.status >= 100 && a.status <= 599);
		MUST(a.body != HTTP1_BODY_EOF || a.close);
		MUST(a.body == HTTP1_BODY_LENGTH || a.length == 0);
	}
	for (k = fuzz_cut(&seed, 0, n); k < n; k = fuzz_cut(&seed, k, n)) {
		piece = fuzz_copy(p, k);
		q = http1_reply_parse(piece, k, head, &b);
		fuzz_piece(r, q, k, &refused);
		if (q > 0)
			MUST(b.status == a.status && b.body == a.body &&
			    b.length == a.length && b.close == a.close &&
			    b.nfields == a.nfields);
		free(piece);
	}
	free(whole);
}

/* Feeds p[0..n) cut by seed; returns how much was used in all. */
static size_t
fuzz_feed(const char *p, size_t n, uint32_t seed, bool cut, int *result,
    char *out, size_t *len)
{
	struct http1_chunk c = { 0 };
	size_t at = 0, end, used;
	struct span d;
	char *piece;

	*len = 0;
	*result = 0;
	while (at < n && *result == 0) {
		end = cut ? fuzz_cut(&seed, at, n) : n;
		piece = fuzz_copy(p + at, end - at);
		*result = http1_chunk_feed(&c, piece, end - at, 4096, &used,
		    &d);
		MUST(used > 0 && used <= end - at);
		fuzz_inside(d, piece, used);
		memcpy(out + *len, d.p, d.n);
		*len += d.n;
		MUST(*len <= 4096 && c.total == *len);
		free(piece);
		at += used;
	}
	return at;
}

static void
fuzz_chunk(const char *p, size_t n, uint32_t seed)
{
	static char a[4096], b[4096];
	size_t an, bn, au, bu;
	int ar, br;

	au = fuzz_feed(p, n, seed, false, &ar, a, &an);
	bu = fuzz_feed(p, n, seed, true, &br, b, &bn);
	MUST(ar == br && au == bu && an == bn && memcmp(a, b, an) == 0);
}

static void
fuzz_path(const char *p, size_t n)
{
	char *in = fuzz_copy(p, n), *out = malloc(n == 0 ? 1 : n);
	long r = http1_path_decode((struct span){ in, n }, out), i;

	MUST(out != NULL && r <= (long)n);
	for (i = 0; i < r; i++) {
		MUST((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
		MUST(i == 0 || out[i] != '/' || out[i - 1] != '/');
	}
	if (r > 0) {
		out[0] = out[0] == '*' ? '/' : out[0];
		MUST(out[0] == '/');
		MUST(r < 3 || memmem(out, (size_t)r, "/../", 4) == NULL);
		MUST(r < 3 || memcmp(out + r - 3, "/..", 3) != 0);
	}
	/* In place gives the same. */
	MUST(http1_path_decode((struct span){ in, n }, in) == r);
	MUST(r <= 1 || memcmp(in, out, (size_t)r) == 0);
	free(in);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 2;

	if (size < 2 || size > FUZZ_MAX)
		return 0;
	switch (data[0] & 3) {
	case 0:
		fuzz_request(p, size - 2, data[1]);
		break;
	case 1:
		fuzz_reply(p, size - 2, data[1]);
		break;
	case 2:
		fuzz_chunk(p, size - 2, data[1]);
		break;
	default:
		fuzz_path(p, size - 2);
		break;
	}
	return 0;
}
