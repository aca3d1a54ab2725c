/* SPDX-License-Identifier: ISC */
/* LINK: daemon/net/http1.c daemon/net/http1_lex.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c daemon/base/log.c daemon/base/clock.c */
/* LINK: proto/text.c proto/text_width.c */
/*
 * Request heads: what must be refused, and with which status (RFC 9112, the
 * forms on which servers are known to differ); what must be accepted; and
 * that pieces give the same as the whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http1.h"

struct bad_head {
	long		 status;
	const char	*p;
	size_t		 n;
};

#define B(status, text)	{ (status), (text), sizeof(text) - 1 }
/* A good request line and Host; f are more field lines. */
#define F(status, f)	B((status), "POST / HTTP/1.1\r\nHost: a\r\n" f "\r\n")
#define G(status, line)	B((status), line "\r\nHost: a\r\n\r\n")
#define HOST(status, h)	B((status), "GET / HTTP/1.1\r\nHost:" h "\r\n\r\n")
#define CHUNKED		"Transfer-Encoding: chunked\r\n"
#define LEN5		"Content-Length: 5\r\n"

static const struct bad_head bad_heads[] = {
	/* The request line. */
	G(400, "GET"), G(400, "GET "), G(400, "GET /"), G(400, "GET / "),
	G(400, "GET  / HTTP/1.1"), G(400, "GET /  HTTP/1.1"),
	G(400, " GET / HTTP/1.1"), G(400, "GET / HTTP/1.1 "),
	G(400, "GET /\tHTTP/1.1"), G(400, "GET\t/ HTTP/1.1"),
	G(400, "GET HTTP/1.1"), G(400, "GET  HTTP/1.1"),
	G(400, "/ HTTP/1.1"), G(400, "HTTP/1.1"), G(400, "X"),
	G(400, "GET / a HTTP/1.1"), G(400, "GET /a b HTTP/1.1"),
	G(400, "G(T / HTTP/1.1"), G(400, "GET: / HTTP/1.1"),
	G(400, "GET, / HTTP/1.1"), G(400, "G\x80T / HTTP/1.1"),
	G(400, "G\x01T / HTTP/1.1"), G(400, "G\0T / HTTP/1.1"),
	G(400, "GET / http/1.1"), G(400, "GET / HTTP/1"),
	G(400, "GET / HTTP/11"), G(400, "GET / HTTP/1.10"),
	G(400, "GET / HTTP/01.1"), G(400, "GET / HTTP/1.x"),
	G(400, "GET / HTTP/1,1"), G(400, "GET / HTTP 1.1"),
	G(400, "GET / XTTP/1.1"), G(400, "GET / HTTPS/1.1"),
	G(400, "GET / HTTP/-1.1"), G(400, "GET / HTTP/ 1.1"),
	G(505, "GET / HTTP/0.9"), G(505, "GET / HTTP/1.2"),
	G(505, "GET / HTTP/1.9"), G(505, "GET / HTTP/2.0"),
	G(505, "GET / HTTP/3.0"), G(505, "GET / HTTP/9.9"),
	B(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	G(501, "get / HTTP/1.1"), G(501, "Post / HTTP/1.1"),
	G(501, "TRACE / HTTP/1.1"), G(501, "CONNECT a:443 HTTP/1.1"),
	G(501, "BREW / HTTP/1.1"), G(501, "GETT / HTTP/1.1"),
	G(501, "GE / HTTP/1.1"), G(501, "PROPFIND / HTTP/1.1"),
	/* The target. */
	G(400, "GET a HTTP/1.1"), G(400, "GET a/b HTTP/1.1"),
	G(400, "GET ?a HTTP/1.1"), G(400, "GET * HTTP/1.1"),
	G(400, "POST * HTTP/1.1"), G(400, "OPTIONS ** HTTP/1.1"),
	G(400, "OPTIONS *?a HTTP/1.1"), G(400, "GET /#a HTTP/1.1"),
	G(400, "GET /a?b#c HTTP/1.1"), G(400, "GET /%00 HTTP/1.1"),
	G(400, "GET /a?b=%00 HTTP/1.1"), G(400, "GET /% HTTP/1.1"),
	G(400, "GET /%2 HTTP/1.1"), G(400, "GET /%zz HTTP/1.1"),
	G(400, "GET /%2g HTTP/1.1"), G(400, "GET /?%4 HTTP/1.1"),
	G(400, "GET /a\\b HTTP/1.1"), G(400, "GET /<a> HTTP/1.1"),
	G(400, "GET /\"a\" HTTP/1.1"), G(400, "GET /{a} HTTP/1.1"),
	G(400, "GET /a|b HTTP/1.1"), G(400, "GET /a^b HTTP/1.1"),
	G(400, "GET /`a HTTP/1.1"), G(400, "GET /a[0] HTTP/1.1"),
	G(400, "GET /caf\xc3\xa9 HTTP/1.1"), G(400, "GET /\x7f HTTP/1.1"),
	G(400, "GET /\x01 HTTP/1.1"), G(400, "GET /a\0b HTTP/1.1"),
	G(400, "GET /a\rb HTTP/1.1"), G(400, "GET /a\nb HTTP/1.1"),
	G(400, "GET http:/a HTTP/1.1"), G(400, "GET http:// HTTP/1.1"),
	G(400, "GET http:///a HTTP/1.1"), G(400, "GET http://?a HTTP/1.1"),
	G(400, "GET http://u@a/ HTTP/1.1"), G(400, "GET ftp://a/ HTTP/1.1"),
	G(400, "GET http://a:b/ HTTP/1.1"), G(400, "GET http://[a/ HTTP/1.1"),
	G(400, "GET http://a:99999/ HTTP/1.1"),
	G(400, "GET file:///a HTTP/1.1"),
	G(400, "GET localhost:4000/a HTTP/1.1"),
	G(400, "GET http://a#b HTTP/1.1"), G(400, "GET http://a\\b/ HTTP/1.1"),
	/* Line ends. */
	B(400, "GET / HTTP/1.1\nHost: a\n\n"),
	B(400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
	B(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
	B(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
	B(400, "GET / HTTP/1.1\rHost: a\r\r"),
	B(400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
	B(400, "GET / HTTP/1.1\r\nHost: a\r\n\rX"),
	B(400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	B(400, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	B(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	B(400, "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	B(400, " \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	F(400, "X: a\nY: b\r\n"), F(400, "X: a\rY: b\r\n"),
	F(400, "X: a\n b\r\n"), F(400, "X: a\r\r\n"), F(400, "\n"),
	/* Field lines. */
	F(400, "X: a\r\n b\r\n"), F(400, "X: a\r\n\tb\r\n"),
	F(400, " X: a\r\n"), F(400, "\tX: a\r\n"), F(400, "X : a\r\n"),
	F(400, "X\t: a\r\n"), F(400, ": a\r\n"), F(400, "X\r\n"),
	F(400, "X a\r\n"), F(400, "X y: a\r\n"), F(400, "X(: a\r\n"),
	F(400, "X/Y: a\r\n"), F(400, "X@: a\r\n"), F(400, "\"X\": a\r\n"),
	F(400, "X\x80: a\r\n"), F(400, "X\0: a\r\n"), F(400, "X\x01: a\r\n"),
	F(400, "X: a\0b\r\n"), F(400, "X: \x01\r\n"), F(400, "X: a\x1b[2J\r\n"),
	F(400, "X: \x7f\r\n"), F(400, "X: a\x0b\r\n"), F(400, "X: a\x0c\r\n"),
	F(400, "X: 0123456789\x08\r\n"), F(400, "X:\t\t\t\t\t\t\t\t\x1f\r\n"),
	F(400, "{\"model\":\"a\"}\r\n"),
	B(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
	B(400, "GET / HTTP/1.1\r\n\tHost: a\r\nHost: b\r\n\r\n"),
	/* Host. */
	B(400, "GET / HTTP/1.1\r\n\r\n"),
	B(400, "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"),
	F(400, "Host: a\r\n"), F(400, "Host: b\r\n"), F(400, "hOST: a\r\n"),
	B(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
	B(400, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
	B(400, "GET http://a/ HTTP/1.1\r\n\r\n"),
	B(400, "GET http://a/ HTTP/1.1\r\nHost: a@b\r\n\r\n"),
	HOST(400, ""), HOST(400, " "), HOST(400, " a b"), HOST(400, " a,b"),
	HOST(400, " a, a"), HOST(400, " u@a"), HOST(400, " a/b"),
	HOST(400, " http://a"), HOST(400, " a:b"), HOST(400, " a:1:2"),
	HOST(400, " a:65536"), HOST(400, " a:123456"), HOST(400, " :80"),
	HOST(400, " [::1"), HOST(400, " []"), HOST(400, " [::1]x"),
	HOST(400, " [::g]"), HOST(400, " [1.2.3.4]"), HOST(400, " ::1"),
	HOST(400, " [fe80::1%eth0]"), HOST(400, " [v1.a]"), HOST(400, " a]"),
	HOST(400, " a%41"), HOST(400, " caf\xc3\xa9"), HOST(400, " a?b"),
	HOST(400, " a#b"), HOST(400, " a\\b"), HOST(400, " a;b"),
	HOST(400, " a:-1"), HOST(400, " a:+80"), HOST(400, " \"a\""),
	HOST(400, " [::1]:x"), HOST(400, " [::1]:70000"),
	HOST(400, " [0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]"),
	/* Content-Length. */
	F(400, "Content-Length: 5\r\nContent-Length: 5\r\n"),
	F(400, "Content-Length: 5\r\nContent-Length: 6\r\n"),
	F(400, "Content-Length: 5\r\ncontent-length: 0\r\n"),
	F(400, "Content-Length: 5, 5\r\n"), F(400, "Content-Length: 5,\r\n"),
	F(400, "Content-Length: +5\r\n"), F(400, "Content-Length: -5\r\n"),
	F(400, "Content-Length: 0x5\r\n"), F(400, "Content-Length: 5 5\r\n"),
	F(400, "Content-Length: 5;a\r\n"), F(400, "Content-Length:\r\n"),
	F(400, "Content-Length: \r\n"), F(400, "Content-Length: five\r\n"),
	F(400, "Content-Length: 5.0\r\n"), F(400, "Content-Length: 1e3\r\n"),
	F(400, "Content-Length: '5'\r\n"), F(400, "Content-Length: 5h\r\n"),
	F(400, "Content-Length: 18446744073709551616\r\n"),
	F(400, "Content-Length: 99999999999999999999999999\r\n"),
	F(400, "Content-Length : 5\r\n"), F(400, "Content-Length\t: 5\r\n"),
	F(400, "Content-Length: 5\x0b\r\n"),
	F(400, "Content-Length: \0" "5\r\n"),
	F(400, "Content-Length: 5\r\n 6\r\n"),
	F(400, "Content-Length: \xd9\xa5\r\n"),
	/* Transfer-Encoding. */
	F(400, LEN5 CHUNKED), F(400, CHUNKED LEN5), F(400, CHUNKED CHUNKED),
	F(400, "Content-Length: 0\r\n" CHUNKED),
	F(400, LEN5 "Transfer-Encoding: gzip, chunked\r\n"),
	F(400, "Transfer-Encoding: xchunked\r\n"),
	F(400, "Transfer-Encoding: chunkedx\r\n"),
	F(400, "Transfer-Encoding: \"chunked\"\r\n"),
	F(400, "Transfer-Encoding: 'chunked'\r\n"),
	F(400, "Transfer-Encoding: chunked, chunked\r\n"),
	F(400, "Transfer-Encoding: chunked, gzip\r\n"),
	F(400, "Transfer-Encoding: chunked, identity\r\n"),
	F(400, "Transfer-Encoding: chunked;q=1\r\n"),
	F(400, "Transfer-Encoding: chunked,\r\n"),
	F(400, "Transfer-Encoding: ,chunked\r\n"),
	F(400, "Transfer-Encoding: gzip,,chunked\r\n"),
	F(400, "Transfer-Encoding: chun ked\r\n"),
	F(400, "Transfer-Encoding: chunked chunked\r\n"),
	F(400, "Transfer-Encoding: identity\r\n"),
	F(400, "Transfer-Encoding: gzip\r\n"), F(400, "Transfer-Encoding:\r\n"),
	F(400, "Transfer-Encoding: \r\n"),
	F(400, "Transfer-Encoding : chunked\r\n"),
	F(400, "Transfer-Encoding\t: chunked\r\n"),
	F(400, "Transfer-Encoding: \x0b" "chunked\r\n"),
	F(400, "Transfer-Encoding: chunked\0\r\n"),
	F(400, "Transfer-Encoding:\r\n chunked\r\n"),
	F(400, "Transfer-Encoding: gzip\r\n" CHUNKED),
	F(400, " Transfer-Encoding: chunked\r\n"),
	F(400, "Transfer-Encoding: g(zip, chunked\r\n"),
	F(501, "Transfer-Encoding: gzip, chunked\r\n"),
	F(501, "Transfer-Encoding: GZIP,chunked\r\n"),
	F(501, "Transfer-Encoding: identity, Chunked\r\n"),
	F(501, "Transfer-Encoding: gzip;q=0.5, br ;x , chunked\r\n"),
	B(400, "POST / HTTP/1.0\r\n" CHUNKED "\r\n"),
	B(400, "POST / HTTP/1.0\r\nHost: a\r\n" CHUNKED "\r\n"),
	/* Others. */
	F(400, "Connection: close keep-alive\r\n"),
	F(400, "Connection: \"close\"\r\n"), F(400, "Connection: a;b\r\n"),
	F(417, "Expect: 200-ok\r\n"), F(417, "Expect:\r\n"),
	F(417, "Expect: 100-continue, x\r\n"), F(417, "Expect: 100\r\n"),
	/* Noise. */
	B(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	B(400, "\x80\x2e\x01\x03\x01\x00"), B(400, "\0\0\0\0"),
	B(400, "SSH-2.0-OpenSSH_9.2\r\n"), B(400, "{\"a\":1}\r\n"),
	B(400, "HTTP/1.1 200 OK\r\n\r\n"), B(400, "\x1b[2J\r\n"),
};

/* Parses exactly n bytes, so that a sanitizer sees any read behind them. */
static long
test_parse(const char *p, size_t n, struct http1_req *r, char **copy)
{
	long len;

	*copy = malloc(n == 0 ? 1 : n);
	assert_non_null(*copy);
	memcpy(*copy, p, n);
	len = http1_req_parse(*copy, n, r);
	return len;
}

static void
test_bad(void **state)
{
	struct http1_req r;
	unsigned i, n = sizeof bad_heads / sizeof bad_heads[0];
	char *copy;
	size_t k;
	long len;

	(void)state;
	assert_true(n >= 150);
	for (i = 0; i < n; i++) {
		bool refused = false;

		len = test_parse(bad_heads[i].p, bad_heads[i].n, &r, &copy);
		free(copy);
		if (len != -bad_heads[i].status)
			fail_msg("%ld for bad head %u, want %ld: %s", len, i,
			    -bad_heads[i].status, bad_heads[i].p);
		/* No prefix is taken for a head, and no more bytes make a
		 * refused one good. */
		for (k = 0; k < bad_heads[i].n; k++) {
			len = test_parse(bad_heads[i].p, k, &r, &copy);
			free(copy);
			if (len > 0 || (refused && len == 0))
				fail_msg("%ld for %zu bytes of: %s", len, k,
				    bad_heads[i].p);
			refused = len < 0;
		}
	}
}

struct good_head {
	const char	*head;
	const char	*target;
	const char	*path;
	const char	*query;		/* NULL: absent */
	const char	*host;		/* NULL: absent */
	uint64_t	 length;
	unsigned	 nfields;
	enum http1_method method;
	bool		 v10, close, chunked, has_length, expect;
};

#define TOP	"GET / HTTP/1.1\r\nHost: a\r\n"
#define ROOT	.target = "/", .path = "/", .host = "a"

static const struct good_head good_heads[] = {
	{ TOP "\r\n", ROOT, .nfields = 1 },
	{ "\r\n" TOP "\r\n", ROOT, .nfields = 1 },
	{ "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", ROOT, .nfields = 1,
	    .method = HTTP1_HEAD },
	{ "POST / HTTP/1.1\r\nHost: a\r\n\r\n", ROOT, .nfields = 1,
	    .method = HTTP1_POST },
	{ "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", ROOT, .nfields = 1,
	    .method = HTTP1_PUT },
	{ "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", ROOT, .nfields = 1,
	    .method = HTTP1_DELETE },
	{ "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", ROOT, .nfields = 1,
	    .method = HTTP1_PATCH },
	{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", "*", .host = "a",
	    .nfields = 1, .method = HTTP1_OPTIONS },
	{ "OPTIONS /v1 HTTP/1.1\r\nHost: a\r\n\r\n", "/v1", "/v1",
	    .host = "a", .nfields = 1, .method = HTTP1_OPTIONS },
	{ "GET /v1/models?a=1&b[]=%20?/ HTTP/1.1\r\nHost: a\r\n\r\n",
	    "/v1/models?a=1&b[]=%20?/", "/v1/models", "a=1&b[]=%20?/", "a",
	    .nfields = 1 },
	{ "GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "/?", "/", "", "a",
	    .nfields = 1 },
	{ "GET /a:b;c=d,e@f!$&'()*+~_-.%2F//x HTTP/1.1\r\nHost: a\r\n\r\n",
	    "/a:b;c=d,e@f!$&'()*+~_-.%2F//x",
	    "/a:b;c=d,e@f!$&'()*+~_-.%2F//x", NULL, "a", .nfields = 1 },
	{ "GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "/x?y", "/x",
	    "y", "b:80", .nfields = 1 },
	{ "GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "/", "/", NULL, "b",
	    .nfields = 1 },
	{ "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "/", "/", "q", "b",
	    .nfields = 1 },
	{ "GET http://[::1]:4000/ HTTP/1.0\r\n\r\n", "/", "/", NULL,
	    "[::1]:4000", .v10 = true, .close = true },
	{ "GET / HTTP/1.0\r\n\r\n", "/", "/", .v10 = true, .close = true },
	{ "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n",
	    ROOT, .nfields = 2, .v10 = true },
	{ "POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
	    "\r\n", "/", "/", .length = 3, .nfields = 2, .v10 = true,
	    .method = HTTP1_POST, .close = true, .has_length = true },
	{ TOP "Connection: close\r\n\r\n", ROOT, .nfields = 2, .close = true },
	{ TOP "Connection: keep-alive\r\n\r\n", ROOT, .nfields = 2 },
	{ TOP "Connection: foo , CLOSE\r\n\r\n", ROOT, .nfields = 2,
	    .close = true },
	{ TOP "Connection: ,,keep-alive,,close,\r\n\r\n", ROOT, .nfields = 2,
	    .close = true },
	{ TOP "Connection: keep-alive\r\nConnection: close\r\n\r\n", ROOT,
	    .nfields = 3, .close = true },
	{ TOP "Connection:\r\n\r\n", ROOT, .nfields = 2 },
	{ TOP "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ROOT,
	    .nfields = 3 },
	{ TOP "Content-Length: 0\r\n\r\n", ROOT, .nfields = 2,
	    .has_length = true },
	{ TOP "CONTENT-LENGTH:5\r\n\r\n", ROOT, .nfields = 2, .length = 5,
	    .has_length = true },
	{ TOP "content-length: \t 005 \t\r\n\r\n", ROOT, .nfields = 2,
	    .length = 5, .has_length = true },
	{ TOP "Content-Length: 18446744073709551615\r\n\r\n", ROOT,
	    .nfields = 2, .length = UINT64_MAX, .has_length = true },
	{ TOP CHUNKED "\r\n", ROOT, .nfields = 2, .chunked = true },
	{ TOP "TRANSFER-ENCODING:CHUNKED\r\n\r\n", ROOT, .nfields = 2,
	    .chunked = true },
	{ TOP "Transfer-Encoding:  chunked  \r\nTE: trailers\r\n\r\n", ROOT,
	    .nfields = 3, .chunked = true },
	{ TOP LEN5 "Expect: 100-Continue\r\n\r\n", ROOT, .nfields = 3,
	    .length = 5, .has_length = true, .expect = true },
	{ TOP "X:\r\n\r\n", ROOT, .nfields = 2 },
	{ TOP "X:   \t \r\n\r\n", ROOT, .nfields = 2 },
	{ TOP "X: caf\xc3\xa9\x80\xff\tb\r\n\r\n", ROOT, .nfields = 2 },
	{ TOP "!#$%&'*+-.^_`|~09azAZ: a:b: c\r\n\r\n", ROOT, .nfields = 2 },
	{ TOP "X: a\r\nX: a\r\nx: b\r\n\r\n", ROOT, .nfields = 4 },
	{ "GET / HTTP/1.1\r\nhost:a\r\n\r\n", ROOT, .nfields = 1 },
	{ "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "/", "/", NULL, "a:",
	    .nfields = 1 },
	{ "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", "/", "/", NULL, "[::1]",
	    .nfields = 1 },
	{ "GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:65535\r\n\r\n", "/", "/",
	    NULL, "[::ffff:1.2.3.4]:65535", .nfields = 1 },
	{ "GET / HTTP/1.1\r\nHost: llmd_1.example-x.~b.:4000\r\n\r\n", "/",
	    "/", NULL, "llmd_1.example-x.~b.:4000", .nfields = 1 },
};

static void
test_span(struct span s, const char *want, const char *head)
{
	if (want == NULL ? s.p != NULL : s.p == NULL || !span_eq(s, want))
		fail_msg("'%.*s', want '%s': %s", (int)s.n,
		    s.p == NULL ? "" : s.p, want == NULL ? "(none)" : want,
		    head);
}

static void
test_good_one(const struct good_head *g, const struct http1_req *r)
{
	test_span(r->target, g->target, g->head);
	test_span(r->path, g->path, g->head);
	test_span(r->query, g->query, g->head);
	test_span(r->host, g->host, g->head);
	if (r->method != g->method || r->v10 != g->v10 ||
	    r->close != g->close || r->chunked != g->chunked ||
	    r->has_length != g->has_length || r->expect != g->expect ||
	    r->length != g->length || r->nfields != g->nfields)
		fail_msg("another meaning: %s", g->head);
}

static void
test_good(void **state)
{
	struct http1_req r;
	unsigned i, n = sizeof good_heads / sizeof good_heads[0];
	char *copy, tail[8192];
	size_t k, size;
	long len;

	(void)state;
	assert_true(n >= 40);
	for (i = 0; i < n; i++) {
		size = strlen(good_heads[i].head);
		/* In two pieces: nothing is wrong with the first alone. */
		for (k = 0; k < size; k++) {
			len = test_parse(good_heads[i].head, k, &r, &copy);
			free(copy);
			if (len != 0)
				fail_msg("%ld for %zu bytes of: %s", len, k,
				    good_heads[i].head);
		}
		len = test_parse(good_heads[i].head, size, &r, &copy);
		if (len != (long)size)
			fail_msg("%ld: %s", len, good_heads[i].head);
		test_good_one(&good_heads[i], &r);
		free(copy);
		/* What follows does not matter. */
		memcpy(tail, good_heads[i].head, size);
		memcpy(tail + size, "\0\n\r: POST", 9);
		assert_int_equal(http1_req_parse(tail, size + 9, &r), size);
		test_good_one(&good_heads[i], &r);
	}
}

/* The 18 fields of openai-python, by value. */
static void
test_fields(void **state)
{
	static const char head[] =
	    "POST /v1/chat/completions HTTP/1.1\r\n"
	    "Host: localhost:4000\r\n"
	    "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
	    "Accept: application/json\r\nContent-Type: application/json\r\n"
	    "User-Agent: OpenAI/Python 2.8.1\r\n"
	    "Authorization: Bearer sk-local-dev-key\r\n"
	    "x-empty:\r\nX-Tab: a\tb \r\nX-Twice: 1\r\nX-Twice: 2\r\n"
	    "Content-Length: 280\r\n\r\n";
	struct http1_req r;

	(void)state;
	assert_int_equal(http1_req_parse(head, sizeof head - 1, &r),
	    sizeof head - 1);
	assert_int_equal(r.nfields, 12);
	test_span(http1_req_field(&r, "authorization"),
	    "Bearer sk-local-dev-key", head);
	test_span(http1_req_field(&r, "content-type"), "application/json",
	    head);
	test_span(http1_req_field(&r, "x-empty"), "", head);
	test_span(http1_req_field(&r, "x-tab"), "a\tb", head);
	test_span(http1_req_field(&r, "x-twice"), "1", head);
	test_span(http1_req_field(&r, "x-twic"), NULL, head);
	test_span(http1_req_field(&r, "origin"), NULL, head);
	test_span(r.fields[5].name, "User-Agent", head);
	assert_string_equal(http1_method_name(r.method), "POST");
	assert_string_equal(http1_method_name(HTTP1_PATCH), "PATCH");
}

/* Every byte in each place of a field: only what RFC 9110 5.5 allows. */
static void
test_bytes(void **state)
{
	static const char tchar[] = "!#$%&'*+-.^_`|~"
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char head[] = TOP "XnX: 01234567v9012345\r\n\r\n";
	char *name = strchr(head, 'n'), *value = strchr(head, 'v');
	size_t n = sizeof head - 1;
	struct http1_req r;
	long want;
	int b;

	(void)state;
	for (b = 0; b < 256; b++) {
		*name = (char)b;
		want = b != 0 && strchr(tchar, b) != NULL ? (long)n : -400;
		if (b == ':')
			want = (long)n;		/* the name is "X" */
		assert_int_equal(http1_req_parse(head, n, &r), want);
		*name = 'n';
		*value = (char)b;
		want = b == '\t' || (b >= ' ' && b != 0x7f) ? (long)n : -400;
		assert_int_equal(http1_req_parse(head, n, &r), want);
		*value = 'v';
	}
}

/* A head of fields lines of size bytes each; free() it. */
static char *
test_head_of(unsigned fields, size_t size, size_t *n)
{
	char *p = malloc(64 + fields * (size + 2));
	unsigned i;

	assert_non_null(p);
	*n = sizeof TOP - 1;
	memcpy(p, TOP, *n);
	for (i = 0; i < fields; i++) {
		memset(p + *n, 'x', size);
		p[*n + 1] = ':';
		memcpy(p + *n + size, "\r\n", 2);
		*n += size + 2;
	}
	memcpy(p + *n, "\r\n", 2);
	*n += 2;
	return p;
}

static long
test_limit_head(unsigned fields, size_t size, struct http1_req *r)
{
	size_t n, k;
	char *p = test_head_of(fields, size, &n);
	long len = http1_req_parse(p, n, r);

	/* A prefix is refused only if the whole is. */
	for (k = 0; k < n; k += 61)
		if (http1_req_parse(p, k, r) != 0) {
			assert_true(len < 0);
			assert_int_equal(http1_req_parse(p, k, r), len);
		}
	free(p);
	return len > 0 ? len == (long)n : len;
}

static void
test_limits(void **state)
{
	struct http1_req r;
	char *p = malloc(HTTP1_HEAD_MAX + 100), *q;
	size_t n, k, fit = HTTP1_LINE_MAX - sizeof "GET / HTTP/1.1" + 1;

	(void)state;
	assert_non_null(p);
	/* The number of fields (Host is one), and a line. */
	assert_int_equal(test_limit_head(99, 5, &r), 1);
	assert_int_equal(test_limit_head(100, 5, &r), -431);
	assert_int_equal(test_limit_head(1, HTTP1_LINE_MAX, &r), 1);
	assert_int_equal(test_limit_head(1, HTTP1_LINE_MAX + 1, &r), -431);
	/* The head: 25 bytes of TOP, 3 and 1 lines, CRLF. */
	assert_int_equal(test_limit_head(4, 8183, &r), 1);
	assert_int_equal(test_limit_head(4, 8184, &r), -431);
	/* Exactly as much as may be, and one byte more. */
	for (k = 0; k < 2; k++) {
		q = test_head_of(4, 8182, &n);
		assert_true(n < HTTP1_HEAD_MAX);
		q = realloc(q, HTTP1_HEAD_MAX + 1);
		assert_non_null(q);
		memset(q + n - 4, 'x', HTTP1_HEAD_MAX + k - n);
		memcpy(q + HTTP1_HEAD_MAX + k - 4, "\r\n\r\n", 4);
		assert_int_equal(http1_req_parse(q, HTTP1_HEAD_MAX + k, &r),
		    k == 0 ? HTTP1_HEAD_MAX : -431);
		free(q);
	}
	/* Many good lines and no end. */
	q = test_head_of(5, 8000, &n);
	assert_int_equal(http1_req_parse(q, HTTP1_HEAD_MAX, &r), 0);
	assert_int_equal(http1_req_parse(q, HTTP1_HEAD_MAX + 1, &r), -431);
	free(q);
	/* The request line. */
	memset(p, 'a', HTTP1_HEAD_MAX + 100);
	memcpy(p, "GET /", 5);
	memcpy(p + 5 + fit, " HTTP/1.1\r\nHost: a\r\n\r\n", 22);
	assert_int_equal(http1_req_parse(p, 5 + fit + 22, &r), 5 + fit + 22);
	memcpy(p + 5 + fit, "a HTTP/1.1\r\nHost: a\r\n\r\n", 23);
	assert_int_equal(http1_req_parse(p, 5 + fit + 23, &r), -414);
	/* Lines that never end. */
	memset(p, 'a', HTTP1_HEAD_MAX + 100);
	assert_int_equal(http1_req_parse(p, HTTP1_LINE_MAX, &r), 0);
	assert_int_equal(http1_req_parse(p, HTTP1_LINE_MAX + 1, &r), -414);
	memcpy(p, TOP, sizeof TOP - 1);
	assert_int_equal(http1_req_parse(p, HTTP1_LINE_MAX, &r), 0);
	assert_int_equal(http1_req_parse(p, HTTP1_HEAD_MAX, &r), -431);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
