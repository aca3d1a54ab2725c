/* SPDX-License-Identifier: ISC */
/* LINK: daemon/net/http1.c daemon/net/http1_lex.c daemon/net/http1_reply.c */
/* LINK: daemon/net/http1_chunk.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: daemon/base/log.c daemon/base/clock.c */
/* LINK: proto/text.c proto/text_width.c */
/* Reply heads, chunked coding cut at every byte, paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http1.h"

struct reply_row {
	const char	*p;
	size_t		 n;
	int		 status;	/* 0: refused */
	bool		 head;		/* the answer to HEAD */
	enum http1_body	 body;
	uint64_t	 length;
	bool		 close;
	unsigned	 nfields;
};

#define S(text)		(text), sizeof(text) - 1
#define OK11		"HTTP/1.1 200 OK\r\n"
#define R(f, ...)	{ S(OK11 f "\r\n"), 200, false, __VA_ARGS__ }
#define BAD(text)	{ S(text), 0, false, HTTP1_BODY_NONE, 0, false, 0 }
#define BADF(f)		BAD(OK11 f "\r\n")
#define L		HTTP1_BODY_LENGTH
#define C		HTTP1_BODY_CHUNKED
#define E		HTTP1_BODY_EOF
#define N		HTTP1_BODY_NONE
#define CHUNKED		"Transfer-Encoding: chunked\r\n"

static const struct reply_row replies[] = {
	R("", E, 0, true, 0),
	R("Content-Length: 5\r\n", L, 5, false, 1),
	R("content-length:0\r\n", L, 0, false, 1),
	R("Content-Length: 5\r\nContent-Length: 5\r\n", L, 5, false, 2),
	R("Content-Length: 5, 5\r\n", L, 5, false, 1),
	R("Content-Length: 18446744073709551615\r\n", L, UINT64_MAX, false, 1),
	R(CHUNKED, C, 0, false, 1),
	R("transfer-encoding: Chunked\r\n", C, 0, false, 1),
	R("Connection: close\r\nContent-Length: 1\r\n", L, 1, true, 2),
	R("Connection: x, Close\r\n" CHUNKED, C, 0, true, 2),
	R("Connection: keep-alive\r\n" CHUNKED, C, 0, false, 2),
	R("Connection: a b\r\n" CHUNKED, C, 0, false, 2),
	R("Connection: keep-alive\r\n", E, 0, true, 1),
	R("X:\r\nSet-Cookie: caf\xc3\xa9\tx\r\n", E, 0, true, 2),
	{ S("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n"), 200, false, L, 1,
	    false, 1 },
	{ S("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n"), 200, false, L, 1,
	    false, 1 },
	{ S("HTTP/1.1 599 caf\xc3\xa9 \t x\r\n" CHUNKED "\r\n"), 599, false,
	    C, 0, false, 1 },
	{ S("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), 200, false, L, 1,
	    true, 1 },
	{ S("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n"
	    "Connection: Keep-Alive\r\n\r\n"), 200, false, L, 1, false, 2 },
	{ S("HTTP/1.2 200 OK\r\nContent-Length: 1\r\n\r\n"), 200, false, L, 1,
	    false, 1 },
	{ S("HTTP/1.1 100 Continue\r\n\r\n"), 100, false, N, 0, false, 0 },
	{ S("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), 103, false, N,
	    0, false, 1 },
	{ S("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), 101, false, N, 0,
	    false, 1 },
	{ S("HTTP/1.1 204 No Content\r\n\r\n"), 204, false, N, 0, false, 0 },
	{ S("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), 204,
	    false, N, 0, false, 1 },
	{ S("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n"), 204,
	    false, N, 0, true, 1 },
	{ S("HTTP/1.1 204 No Content\r\n" CHUNKED "\r\n"), 204, false, N, 0,
	    true, 1 },
	{ S("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), 304,
	    false, N, 0, false, 1 },
	{ S(OK11 "Content-Length: 9\r\n\r\n"), 200, true, N, 0, false, 1 },
	{ S(OK11 CHUNKED "\r\n"), 200, true, N, 0, false, 1 },
	{ S(OK11 "\r\n"), 200, true, N, 0, false, 0 },

	/* Status lines. */
	BAD("HTTP/1.1 099 x\r\n\r\n"), BAD("HTTP/1.1 600 x\r\n\r\n"),
	BAD("HTTP/1.1 999 x\r\n\r\n"), BAD("HTTP/1.1 20 OK\r\n\r\n"),
	BAD("HTTP/1.1 2000 OK\r\n\r\n"), BAD("HTTP/1.1 2x0 OK\r\n\r\n"),
	BAD("HTTP/1.1  200 OK\r\n\r\n"), BAD("HTTP/1.1 200OK\r\n\r\n"),
	BAD("HTTP/1.1 -20 OK\r\n\r\n"), BAD("HTTP/1.1 200\tOK\r\n\r\n"),
	BAD("HTTP/2.0 200 OK\r\n\r\n"), BAD("HTTP/2 200\r\n\r\n"),
	BAD("HTTP/0.9 200 OK\r\n\r\n"), BAD("http/1.1 200 OK\r\n\r\n"),
	BAD("ICY 200 OK\r\n\r\n"), BAD("HTTP/1.1\r\n\r\n"),
	BAD("\r\nHTTP/1.1 200 OK\r\n\r\n"), BAD("<html>"),
	BAD("HTTP/1.1 200 O\0K\r\n\r\n"), BAD("HTTP/1.1 200 O\x1b\r\n\r\n"),
	BAD(" HTTP/1.1 200 OK\r\n\r\n"), BAD("HTTP/1.x 200 OK\r\n\r\n"),
	BAD("\x15\x03\x01\x00\x02\x02\x46"), BAD("{\"error\":1}"),
	/* Lines and fields. */
	BAD("HTTP/1.1 200 OK\n\n"), BAD("HTTP/1.1 200 OK\r\nA: b\n\r\n"),
	BAD("HTTP/1.1 200 OK\r\nA: b\r\n\n"), BADF("A: b\rC: d\r\n"),
	BADF("A: b\r\n c\r\n"), BADF(" A: b\r\n"), BADF("A : b\r\n"),
	BADF(": b\r\n"), BADF("A\r\n"), BADF("A B: c\r\n"),
	BADF("A: b\0c\r\n"), BADF("A: \x1b[2J\r\n"), BADF("A: \x7f\r\n"),
	BADF("A\0: b\r\n"), BADF("caf\xc3\xa9: b\r\n"),
	/* Framing. */
	BADF("Content-Length: 5\r\nContent-Length: 6\r\n"),
	BADF("Content-Length: 5, 6\r\n"), BADF("Content-Length: 5,\r\n"),
	BADF("Content-Length:\r\n"), BADF("Content-Length: -1\r\n"),
	BADF("Content-Length: +1\r\n"), BADF("Content-Length: 0x1\r\n"),
	BADF("Content-Length: 1 1\r\n"), BADF("Content-Length: a\r\n"),
	BADF("Content-Length: 18446744073709551616\r\n"),
	BADF("Content-Length : 5\r\n"),
	BADF("Content-Length: 5\r\n" CHUNKED),
	BADF(CHUNKED "Content-Length: 5\r\n"), BADF(CHUNKED CHUNKED),
	BADF("Transfer-Encoding: gzip, chunked\r\n"),
	BADF("Transfer-Encoding: gzip\r\n"),
	BADF("Transfer-Encoding: identity\r\n"),
	BADF("Transfer-Encoding: chunked, chunked\r\n"),
	BADF("Transfer-Encoding:\r\n"), BADF("Transfer-Encoding : chunked\r\n"),
	BADF("Transfer-Encoding: xchunked\r\n"),
	BAD("HTTP/1.0 200 OK\r\n" CHUNKED "\r\n"),
	BAD("HTTP/1.1 204 x\r\nContent-Length: 1\r\n" CHUNKED "\r\n"),
};

static long
test_reply_exact(const struct reply_row *row, size_t n, struct http1_reply *r,
    char **copy)
{
	*copy = malloc(n == 0 ? 1 : n);
	assert_non_null(*copy);
	memcpy(*copy, row->p, n);
	return http1_reply_parse(*copy, n, row->head, r);
}

static void
test_reply(void **state)
{
	unsigned i, n = sizeof replies / sizeof replies[0];
	const struct reply_row *row;
	struct http1_reply r;
	char *copy;
	size_t k;
	long len;

	(void)state;
	for (i = 0; i < n; i++) {
		bool refused = false;

		row = &replies[i];
		for (k = 0; k < row->n; k++) {
			len = test_reply_exact(row, k, &r, &copy);
			free(copy);
			if (len > 0 || (len < 0 && row->status != 0) ||
			    (refused && len == 0))
				fail_msg("%ld for %zu bytes of: %s", len, k,
				    row->p);
			refused = len < 0;
		}
		len = test_reply_exact(row, row->n, &r, &copy);
		free(copy);
		if (row->status == 0) {
			if (len != -1)
				fail_msg("%ld for bad reply: %s", len, row->p);
			continue;
		}
		if (len != (long)row->n || r.status != row->status ||
		    r.body != row->body || r.length != row->length ||
		    r.close != row->close || r.nfields != row->nfields)
			fail_msg("%ld, status %d body %d length %llu close %d "
			    "fields %u: %s", len, r.status, (int)r.body,
			    (unsigned long long)r.length, r.close, r.nfields,
			    row->p);
	}
}

static void
test_reply_limits(void **state)
{
	static const char top[] = OK11 "A: ";
	size_t n = HTTP1_REPLY_HEAD_MAX + 1;
	struct http1_reply r;
	char *p = malloc(n), *q;
	int i;

	(void)state;
	assert_non_null(p);
	memset(p, 'x', n);
	memcpy(p, top, sizeof top - 1);
	memcpy(p + n - 5, "\r\n\r\nx", 5);
	assert_int_equal(http1_reply_parse(p, n, false, &r), n - 1);
	assert_int_equal(http1_reply_field(&r, "a").n, n - 5 - sizeof top + 1);
	assert_null(http1_reply_field(&r, "b").p);
	memcpy(p + n - 5, "x\r\n\r\n", 5);
	assert_int_equal(http1_reply_parse(p, n, false, &r), -1);
	/* A line that never ends. */
	memset(p + sizeof top - 1, 'x', n - sizeof top + 1);
	assert_int_equal(http1_reply_parse(p, n - 1, false, &r), 0);
	assert_int_equal(http1_reply_parse(p, n, false, &r), -1);
	/* 100 fields, 101 fields. */
	q = p + sizeof OK11 - 1;
	for (i = 0; i < 101; i++, q += 4) {
		memcpy(q, "A:\r\n\r\n", 6);
		assert_int_equal(http1_reply_parse(p, (size_t)(q + 6 - p),
		    false, &r), i < 100 ? q + 6 - p : -1);
	}
	free(p);
}

struct chunk_row {
	const char	*p;
	size_t		 n;
	int		 result;
	const char	*content;	/* of what was good */
};

#define CH(result, text, content)	{ S(text), (result), (content) }
#define X16	"xxxxxxxxxxxxxxxx"
#define X64	X16 X16 X16 X16
#define X20	"xxxxxxxxxxxxxxxxxxxx"
#define X252	X64 X64 X64 X20 X20 X20

static const struct chunk_row chunks[] = {
	CH(1, "0\r\n\r\n", ""), CH(1, "5\r\nhello\r\n0\r\n\r\n", "hello"),
	CH(1, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
	CH(1, "a\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
	CH(1, "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
	CH(1, "0000000000000003\r\n\r\n\n\r\n0\r\n\r\n", "\r\n\n"),
	CH(1, "1;a\r\nx\r\n0;b=c\r\n\r\n", "x"),
	CH(1, "1;a=b;c=\"d;\\\"\xc3\xa9 \"\r\nx\r\n0\r\n\r\n", "x"),
	CH(1, "1 ; a = b ;c\r\nx\r\n0\r\n\r\n", "x"),
	CH(1, "1\t;\ta\t=\t\"\"\t;d\r\nx\r\n0\r\n\r\n", "x"),
	CH(1, "1;" X252 "xxx\r\nx\r\n0\r\n\r\n", "x"),
	CH(1, "1\r\nx\r\n0\r\nA: b\r\nContent-Length: 5\r\n\r\n", "x"),
	CH(1, "0\r\nA:\r\nB: \xc3\xa9\t\r\n\r\n", ""),

	CH(-400, "", ""), CH(-400, "\r\n", ""), CH(-400, "x\r\n", ""),
	CH(-400, " 5\r\nhello\r\n", ""), CH(-400, "0x5\r\nhello\r\n", ""),
	CH(-400, "+5\r\nhello\r\n", ""), CH(-400, "-5\r\nhello\r\n", ""),
	CH(-400, "5 \r\nhello\r\n", ""), CH(-400, "5\t\r\nhello\r\n", ""),
	CH(-400, "5 junk\r\nhello\r\n", ""), CH(-400, "5,\r\nhello\r\n", ""),
	CH(-400, "5\nhello\r\n", ""), CH(-400, "5\rhello\r\n", ""),
	CH(-400, "5\r\r\nhello\r\n", ""), CH(-400, "5\0\r\nhello\r\n", ""),
	CH(-400, "5\r\nhello\n0\r\n\r\n", "hello"),
	CH(-400, "5\r\nhello0\r\n\r\n", "hello"),
	CH(-400, "5\r\nhelloX\r\n0\r\n\r\n", "hello"),
	CH(-400, "5\r\nhello\rX", "hello"),
	CH(-400, "5\r\nhello\r\n\r\n", "hello"),
	CH(-400, "10000000000000000\r\n", ""),
	CH(-400, "00000000000000001\r\nx", ""),
	CH(-400, ";a\r\n", ""), CH(-400, "5;\r\nhello", ""),
	CH(-400, "5;=b\r\nhello", ""), CH(-400, "5;a=\r\nhello", ""),
	CH(-400, "5;a=b c\r\n", ""), CH(-400, "5;a b\r\n", ""),
	CH(-400, "5;a=\"b\r\nc\"\r\n", ""), CH(-400, "5;a=\"b\"c\r\n", ""),
	CH(-400, "5;a=\"\\\r\n", ""), CH(-400, "5;a\nhello", ""),
	CH(-400, "5;a=b\nhello", ""), CH(-400, "5;a=\"\n\"\r\n", ""),
	CH(-400, "5;a=b \r\n", ""), CH(-400, "5;a;\r\n", ""),
	CH(-400, "5;" X252 "xxxx\r\n", ""), CH(-400, "5;\x01\r\n", ""),
	CH(-400, "5;a=\"" X252 "xxxx\r\n", ""),
	CH(-400, "0\r\n\n", ""), CH(-400, "0\r\n\rX", ""),
	CH(-400, "0\r\nA\r\n\r\n", ""), CH(-400, "0\r\n A: b\r\n\r\n", ""),
	CH(-400, "0\r\nA : b\r\n\r\n", ""), CH(-400, "0\r\n: b\r\n\r\n", ""),
	CH(-400, "0\r\nA: b\n\r\n", ""), CH(-400, "0\r\nA: b\rX", ""),
	CH(-400, "0\r\nA: \0\r\n\r\n", ""), CH(-400, "0\n\r\n", ""),
	CH(-413, "3e9\r\n", ""), CH(-413, "ffffffffffffffff\r\n", ""),
	CH(-413, "1\r\nx\r\n3e8\r\n", "x"),
};

/* Feeds p in pieces cut at a and b; collects the content. */
static int
test_chunk_feed(const char *p, size_t n, size_t a, size_t b, char *out,
    size_t *len, size_t *rest)
{
	struct http1_chunk c = { 0 };
	size_t ends[] = { a, b, n }, off = 0, used;
	struct span d;
	char *piece;
	int r = 0, i;

	*len = 0;
	for (i = 0; i < 3 && r == 0; i++) {
		size_t at = 0, k = ends[i] - off;

		piece = malloc(k == 0 ? 1 : k);
		assert_non_null(piece);
		memcpy(piece, p + off, k);
		while (r == 0 && at < k) {
			r = http1_chunk_feed(&c, piece + at, k - at, 1000,
			    &used, &d);
			assert_true(used > 0 && used <= k - at);
			assert_true(d.p >= piece + at &&
			    d.p + d.n <= piece + at + used);
			memcpy(out + *len, d.p, d.n);
			*len += d.n;
			at += used;
		}
		free(piece);
		off += at;
	}
	*rest = n - off;
	if (r == 1)
		assert_int_equal(http1_chunk_feed(&c, p, n, 1000, &used, &d),
		    1);
	if (r < 0)
		assert_true(http1_chunk_feed(&c, "0\r\n\r\n", 5, 1000, &used,
		    &d) < 0);
	assert_int_equal(c.total, *len);
	return r;
}

static void
test_chunk(void **state)
{
	unsigned i, n = sizeof chunks / sizeof chunks[0];
	const struct chunk_row *row;
	char in[2048], out[2048];
	size_t a, b, len, rest, size;
	int r;

	(void)state;
	for (i = 0; i < n; i++) {
		row = &chunks[i];
		/* Something always follows: it must stay untouched. */
		size = row->n + 4;
		memcpy(in, row->p, row->n);
		memcpy(in + row->n, "GET ", 4);
		for (a = 0; a <= size; a++)
			for (b = a; b <= size; b += size > 100 ? 97 : 1) {
				r = test_chunk_feed(in, size, a, b, out, &len,
				    &rest);
				if (r != row->result || (row->content != NULL &&
				    (len != strlen(row->content) ||
				    memcmp(out, row->content, len) != 0)))
					fail_msg("%d, %zu bytes, cut at %zu "
					    "and %zu: %s", r, len, a, b,
					    row->p);
				if (r == 1)
					assert_int_equal(rest, 4);
			}
	}
}

static void
test_chunk_limits(void **state)
{
	struct http1_chunk c = { 0 };
	struct span d;
	size_t used, i, k;
	int r;

	(void)state;
	/* Trailers: 8 KiB in all, in many lines or in one. */
	for (k = 1; k < 10000; k += 8190) {
		memset(&c, 0, sizeof c);
		r = http1_chunk_feed(&c, "0\r\n", 3, 10, &used, &d);
		for (i = 0; r == 0 && i < 20000; i++)
			r = http1_chunk_feed(&c, k == 1 ? &"A:x\r\n"[i % 5] :
			    i == 0 ? "A" : i == 1 ? ":" : "x", 1, 10, &used,
			    &d);
		assert_int_equal(r, -431);
		assert_int_equal(i, 8193);
	}
	/* Without a limit no sum overflows. */
	memset(&c, 0, sizeof c);
	assert_int_equal(http1_chunk_feed(&c, "1\r\nx\r\nffffffffffffffff\r\n",
	    6, UINT64_MAX, &used, &d), 0);
	assert_int_equal(http1_chunk_feed(&c, "\r\nffffffffffffffff\r\nx", 21,
	    UINT64_MAX, &used, &d), -413);
	memset(&c, 0, sizeof c);
	assert_int_equal(http1_chunk_feed(&c, "ffffffffffffffff\r\nxy", 20,
	    UINT64_MAX, &used, &d), 0);
	assert_int_equal(d.n, 2);
	assert_int_equal(used, 20);
	/* Exactly the limit is allowed. */
	memset(&c, 0, sizeof c);
	assert_int_equal(http1_chunk_feed(&c, "a\r\n0123456789", 13, 10, &used,
	    &d), 0);
	assert_int_equal(d.n, 10);
	assert_int_equal(http1_chunk_feed(&c, "\r\n1\r\n", 5, 10, &used, &d),
	    -413);
}

static void
test_path(void **state)
{
	static const struct {
		const char	*in;
		const char	*out;	/* NULL: refused */
	} rows[] = {
		{ "/", "/" }, { "/v1/models", "/v1/models" }, { "/a/", "/a/" },
		{ "/a%2Fb", "/a/b" }, { "/a%2fb", "/a/b" }, { "%2Fa", "/a" },
		{ "/v1/models/qwen3%3A8b", "/v1/models/qwen3:8b" },
		{ "/%41%62%7E", "/Ab~" }, { "/a%20b", "/a b" }, { "*", "*" },
		{ "/caf%C3%A9", "/caf\xc3\xa9" }, { "/%25%32%65", "/%2e" },
		{ "/...", "/..." }, { "/.a", "/.a" }, { "/a.", "/a." },
		{ "/..a", "/..a" }, { "/a..", "/a.." }, { "/a/.b", "/a/.b" },
		{ "/a;b=c", "/a;b=c" }, { "/a%5C..", "/a\\.." },
		{ "", NULL }, { "a", NULL }, { "%41", NULL }, { "**", NULL },
		{ "//", NULL }, { "//a", NULL }, { "/a//b", NULL },
		{ "/a//", NULL }, { "/%2F", NULL }, { "/a%2F/b", NULL },
		{ "/.", NULL }, { "/..", NULL }, { "/./a", NULL },
		{ "/../a", NULL }, { "/a/..", NULL }, { "/a/.", NULL },
		{ "/a/../b", NULL }, { "/a/./b", NULL }, { "/%2e", NULL },
		{ "/%2e%2e", NULL }, { "/.%2E/a", NULL }, { "/a/%2e%2e", NULL },
		{ "/a%2F..%2Fb", NULL }, { "/a/%2E./b", NULL },
		{ "/%00", NULL }, { "/%0a", NULL }, { "/%0D%0A", NULL },
		{ "/%1f", NULL }, { "/%7f", NULL }, { "/\x01", NULL },
		{ "/\x7f", NULL }, { "/%", NULL }, { "/%4", NULL },
		{ "/%4x", NULL }, { "/%x4", NULL }, { "/%%41", NULL },
		{ "..", NULL }, { ".", NULL }, { "%2e%2e/", NULL },
	};
	char *in, *out;
	size_t i, n;
	long len;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		n = strlen(rows[i].in);
		in = malloc(n == 0 ? 1 : n);
		out = malloc(n == 0 ? 1 : n);
		assert_non_null(in);
		assert_non_null(out);
		memcpy(in, rows[i].in, n);
		len = http1_path_decode((struct span){ in, n }, out);
		if (rows[i].out == NULL ? len != -1 :
		    len != (long)strlen(rows[i].out) ||
		    memcmp(out, rows[i].out, (size_t)len) != 0)
			fail_msg("%ld for %s", len, rows[i].in);
		free(in);
		free(out);
	}
}

static void
test_reason(void **state)
{
	(void)state;
	assert_string_equal(http1_reason(200), "OK");
	assert_string_equal(http1_reason(431),
	    "Request Header Fields Too Large");
	assert_string_equal(http1_reason(599), "Error");
	assert_string_equal(http1_reason(-1), "Error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_limits),
		cmocka_unit_test(test_chunk),
		cmocka_unit_test(test_chunk_limits),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
