/* SPDX-License-Identifier: ISC */
/*
 * Request heads.  One pass, line by line: the first error in the order of the
 * bytes decides, so a head that comes in pieces fails no later (and with no
 * other result) than one that comes whole.  A head in pieces is parsed again
 * from its start each time; at 32 KiB that is bounded by microseconds.
 */
#include "net/http1.h"

#include <arpa/inet.h>

#include "net/http1_lex.h"

/* What is known of a head besides the result. */
struct http1_seen {
	unsigned	hosts;
	unsigned	codings;	/* Transfer-Encoding lines */
	bool		keep_alive;
	bool		absolute;	/* the target had an authority */
};

static const struct http1_method_row {
	struct span	name;
} http1_methods[] = {
	[HTTP1_GET] = { { "GET", 3 } },
	[HTTP1_HEAD] = { { "HEAD", 4 } },
	[HTTP1_POST] = { { "POST", 4 } },
	[HTTP1_PUT] = { { "PUT", 3 } },
	[HTTP1_DELETE] = { { "DELETE", 6 } },
	[HTTP1_OPTIONS] = { { "OPTIONS", 7 } },
	[HTTP1_PATCH] = { { "PATCH", 5 } },
};
#define HTTP1_METHODS	(sizeof http1_methods / sizeof http1_methods[0])

const char *
http1_method_name(enum http1_method m)
{
	return http1_methods[m].name.p;
}

/* "[" IPv6 "]"; returns what follows, or NULL. */
static const char *
http1_host_v6(const char *p, const char *end)
{
	const char *close = memchr(p, ']', (size_t)(end - p));
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	size_t n;

	if (close == NULL)
		return NULL;
	n = (size_t)(close - p) - 1;
	if (n == 0 || n >= sizeof text)
		return NULL;
	memcpy(text, p + 1, n);
	text[n] = '\0';
	return inet_pton(AF_INET6, text, &a) == 1 ? close + 1 : NULL;
}

/*
 * True for uri-host [ ":" port ] (RFC 9110 7.2), of which a name may have
 * unreserved characters only: no proxy in front reads those in two ways.
 */
static bool
http1_host_valid(struct span s)
{
	const char *p = s.p, *end = s.p + s.n;
	unsigned port = 0;

	if (s.n == 0)
		return false;
	if (*p == '[') {
		if ((p = http1_host_v6(p, end)) == NULL)
			return false;
	} else {
		while (p < end && http1_lex_is(*p, HTTP1_NAME))
			p++;
		if (p == s.p)
			return false;
	}
	if (p == end)
		return true;
	if (*p++ != ':' || end - p > 5)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		port = port * 10 + (unsigned)(*p - '0');
	}
	return port <= 65535;
}

/* Runs over characters of a class and escapes; NULL for a bad escape. */
static const char *
http1_target_run(const char *p, const char *end, unsigned class)
{
	for (;;) {
		while (p < end && http1_lex_is(*p, class))
			p++;
		if (p == end || *p != '%')
			return p;
		if (end - p < 3 || !http1_lex_is(p[1], HTTP1_HEXDIG) ||
		    !http1_lex_is(p[2], HTTP1_HEXDIG) ||
		    (p[1] == '0' && p[2] == '0'))
			return NULL;
		p += 3;
	}
}

/* Splits the request target (RFC 9112 3.2); 0 or -status. */
static int
http1_req_target(const char *p, const char *end, struct http1_req *r,
    struct http1_seen *seen)
{
	const char *a, *q;
	size_t n = (size_t)(end - p);

	if (n == 1 && *p == '*') {
		r->target = r->path = (struct span){ p, 1 };
		return r->method == HTTP1_OPTIONS ? 0 : -400;
	}
	if (*p != '/') {
		if (n > 7 && http1_lex_ieq(p, "http://", 7))
			a = p + 7;
		else if (n > 8 && http1_lex_ieq(p, "https://", 8))
			a = p + 8;
		else
			return -400;
		for (p = a; p < end && *p != '/' && *p != '?'; p++)
			;
		r->host = (struct span){ a, (size_t)(p - a) };
		if (!http1_host_valid(r->host))
			return -400;
		seen->absolute = true;
		/* No path means "/": the one before the authority will do. */
		if (p == end || *p == '?')
			r->target = r->path = (struct span){ a - 1, 1 };
	}
	if (r->path.p == NULL) {
		if ((q = http1_target_run(p, end, HTTP1_PCHAR)) == NULL)
			return -400;
		r->path = (struct span){ p, (size_t)(q - p) };
		r->target = (struct span){ p, (size_t)(end - p) };
		p = q;
	}
	if (p == end)
		return 0;
	if (*p++ != '?' || http1_target_run(p, end, HTTP1_QCHAR) != end)
		return -400;
	r->query = (struct span){ p, (size_t)(end - p) };
	return 0;
}

/* The request line p..e; 0 or -status. */
static int
http1_req_line(const char *p, const char *e, struct http1_req *r,
    struct http1_seen *seen)
{
	const char *sp, *v;
	size_t i, n;

	for (sp = p; http1_lex_is(*sp, HTTP1_TOKEN); sp++)
		;
	if (*sp != ' ' || sp == p || e - sp < 11)
		return -400;
	v = e - 8;
	if (v[-1] != ' ' || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' ||
	    v[5] > '9' || v[6] != '.' || v[7] < '0' || v[7] > '9')
		return -400;
	if (v[5] != '1' || v[7] > '1')
		return -505;
	r->v10 = v[7] == '0';
	n = (size_t)(sp - p);
	for (i = 0; i < HTTP1_METHODS; i++)
		if (http1_methods[i].name.n == n &&
		    memcmp(http1_methods[i].name.p, p, n) == 0)
			break;
	if (i == HTTP1_METHODS)
		return -501;
	r->method = (enum http1_method)i;
	return http1_req_target(sp + 1, v - 1, r, seen);
}

/* Connection: options are tokens, maybe with empty elements between. */
static int
http1_req_connection(struct span v, struct http1_req *r,
    struct http1_seen *seen)
{
	struct span e;

	while (http1_lex_next(&v, &e)) {
		if (e.n == 0)
			continue;
		if (!http1_lex_token(e))
			return -400;
		if (span_ieq(e, "close"))
			r->close = true;
		else if (span_ieq(e, "keep-alive"))
			seen->keep_alive = true;
	}
	return 0;
}

/*
 * A Transfer-Encoding that is not plain "chunked": 501 if it is a list of
 * codings that ends in the only chunked, else the length of the message is
 * anybody's guess (RFC 9112 6.3) and it is 400.
 */
static int
http1_req_coding(struct span v)
{
	struct span e, name;
	bool last = false;
	const char *semi;

	while (http1_lex_next(&v, &e)) {
		if (last)
			return -400;
		name = e;
		semi = e.n == 0 ? NULL : memchr(e.p, ';', e.n);
		if (semi != NULL)
			name.n = (size_t)(semi - e.p);
		name = span_trim(name);
		if (!http1_lex_token(name))
			return -400;
		last = span_ieq(name, "chunked");
		if (last && semi != NULL)
			return -400;
	}
	return last ? -501 : -400;
}

/* A field that means something to framing; 0 or -status. */
static int
http1_req_special(struct span name, struct span v, struct http1_req *r,
    struct http1_seen *seen)
{
	switch (name.n) {
	case 4:
		if (!http1_lex_ieq(name.p, "host", 4))
			break;
		if (seen->hosts++ != 0 || !http1_host_valid(v))
			return -400;
		if (!seen->absolute)
			r->host = v;
		break;
	case 6:
		if (!http1_lex_ieq(name.p, "expect", 6))
			break;
		if (!span_ieq(v, "100-continue"))
			return -417;
		/* RFC 9110 10.1.1: HTTP/1.0 cannot mean it. */
		r->expect = !r->v10;
		break;
	case 10:
		if (!http1_lex_ieq(name.p, "connection", 10))
			break;
		return http1_req_connection(v, r, seen);
	case 14:
		if (!http1_lex_ieq(name.p, "content-length", 14))
			break;
		if (r->has_length || r->chunked || !span_u64(v, &r->length))
			return -400;
		r->has_length = true;
		break;
	case 17:
		if (!http1_lex_ieq(name.p, "transfer-encoding", 17))
			break;
		if (seen->codings++ != 0 || r->has_length || r->v10)
			return -400;
		if (!span_ieq(v, "chunked"))
			return http1_req_coding(v);
		r->chunked = true;
		break;
	}
	return 0;
}

/* What can be said only at the end of the head; its length or -status. */
static long
http1_req_end(size_t n, struct http1_req *r, const struct http1_seen *seen)
{
	if (n > HTTP1_HEAD_MAX)
		return -431;
	if (seen->hosts == 0 && !r->v10)
		return -400;
	if (r->v10 && !seen->keep_alive)
		r->close = true;
	return (long)n;
}

/* The field lines from s to the empty line; as http1_req_parse. */
static long
http1_req_fields(const char *p, const char *s, const char *end,
    struct http1_req *r, struct http1_seen *seen)
{
	struct http1_field *f;
	const char *e;
	int status;

	for (;;) {
		switch (http1_lex_line(s, end, HTTP1_LINE_MAX, &e)) {
		case HTTP1_LINE_WHOLE:
			break;
		case HTTP1_LINE_PART:
			if (!http1_lex_field_part(s, e))
				return -400;
			return end - p > HTTP1_HEAD_MAX ? -431 : 0;
		case HTTP1_LINE_LONG:
			return http1_lex_field_part(s, e) ? -431 : -400;
		default:
			return -400;
		}
		if (e == s)
			return http1_req_end((size_t)(e + 2 - p), r, seen);
		if (r->nfields == HTTP1_FIELDS_MAX)
			return -431;
		f = &r->fields[r->nfields++];
		if (!http1_lex_field(s, e, &f->name, &f->value))
			return -400;
		status = http1_req_special(f->name, f->value, r, seen);
		if (status != 0)
			return status;
		s = e + 2;
	}
}

static void
http1_req_reset(struct http1_req *r)
{
	r->method = HTTP1_GET;
	r->v10 = r->close = r->chunked = r->has_length = r->expect = false;
	r->length = 0;
	r->target = r->path = r->query = r->host = SPAN_NONE;
	r->nfields = 0;
}

long
http1_req_parse(const char *p, size_t n, struct http1_req *r)
{
	struct http1_seen seen = { 0 };
	const char *s = p, *end = p + n, *e;
	int status;

	http1_req_reset(r);
	if (n >= 2 && s[0] == '\r' && s[1] == '\n')
		s += 2;
	if (s == end || (n == 1 && *s == '\r'))
		return 0;
	/* Noise is refused by its first bytes, not when a line is complete. */
	for (e = s; e < end && http1_lex_is(*e, HTTP1_TOKEN); e++)
		;
	if (e < end && *e != ' ')
		return -400;
	switch (http1_lex_line(s, end, HTTP1_LINE_MAX, &e)) {
	case HTTP1_LINE_WHOLE:
		break;
	case HTTP1_LINE_PART:
		return 0;
	case HTTP1_LINE_LONG:
		return -414;
	default:
		return -400;
	}
	if ((status = http1_req_line(s, e, r, &seen)) != 0)
		return status;
	return http1_req_fields(p, e + 2, end, r, &seen);
}

struct span
http1_req_field(const struct http1_req *r, const char *name)
{
	return http1_lex_find(r->fields, r->nfields, name);
}

long
http1_path_decode(struct span in, char *out)
{
	size_t i, n = 0, segment = 0;	/* where the segment starts */
	char c;

	if (span_eq(in, "*")) {
		out[0] = '*';
		return 1;
	}
	for (i = 0; i <= in.n; i++) {
		c = i == in.n ? '/' : in.p[i];
		if (c == '%') {
			if (in.n - i < 3 ||
			    !http1_lex_is(in.p[i + 1], HTTP1_HEXDIG) ||
			    !http1_lex_is(in.p[i + 2], HTTP1_HEXDIG))
				return -1;
			c = (char)(http1_lex_hex(in.p[i + 1]) << 4 |
			    http1_lex_hex(in.p[i + 2]));
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return -1;
		if (c != '/') {
			if (n == 0)
				return -1;	/* it starts with "/" */
			out[n++] = c;
			continue;
		}
		if ((n - segment == 1 && out[segment] == '.') ||
		    (n - segment == 2 && out[segment] == '.' &&
		    out[segment + 1] == '.') ||
		    (n > 0 && n == segment && i < in.n))
			return -1;
		if (i < in.n) {
			out[n++] = '/';
			segment = n;
		}
	}
	return n == 0 ? -1 : (long)n;
}

const char *
http1_reason(int status)
{
	static const struct {
		int		 status;
		const char	*reason;
	} rows[] = {
		{ 100, "Continue" }, { 101, "Switching Protocols" },
		{ 103, "Early Hints" },
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 206, "Partial Content" },
		{ 301, "Moved Permanently" }, { 302, "Found" },
		{ 303, "See Other" }, { 304, "Not Modified" },
		{ 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 402, "Payment Required" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" }, { 408, "Request Timeout" },
		{ 409, "Conflict" }, { 410, "Gone" },
		{ 411, "Length Required" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" }, { 424, "Failed Dependency" },
		{ 425, "Too Early" }, { 426, "Upgrade Required" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 499, "Client Closed Request" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 529, "Overloaded" },
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].status == status)
			return rows[i].reason;
	return "Error";
}
