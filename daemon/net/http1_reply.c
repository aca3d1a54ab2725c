/* SPDX-License-Identifier: ISC */
/*
 * Reply heads.  Bare LF is refused although RFC 9112 2.2 lets a recipient
 * take it: a backend that lets one slip into a field value would otherwise
 * write headers - lengths too - of its own making.
 */
#include "net/http1.h"

#include "net/http1_lex.h"

struct http1_reply_seen {
	bool	v10;
	bool	keep_alive;
	bool	has_length;
	bool	chunked;
};

/* "HTTP/1.1 200" with or without a reason (p..e); false if it is not. */
static bool
http1_status_line(const char *p, const char *e, struct http1_reply *r,
    struct http1_reply_seen *seen)
{
	int i, status = 0;

	if (e - p < 12 || memcmp(p, "HTTP/1.", 7) != 0 || p[7] < '0' ||
	    p[7] > '9' || p[8] != ' ' || (e - p > 12 && p[12] != ' '))
		return false;
	for (i = 9; i < 12; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		status = status * 10 + (p[i] - '0');
	}
	seen->v10 = p[7] == '0';
	r->status = status;
	return status >= 100 && status <= 599;
}

/* False if what is there of a status line cannot become one. */
static bool
http1_status_part(const char *p, const char *e)
{
	size_t n = (size_t)(e - p);

	return memcmp(p, "HTTP/1.", n < 7 ? n : 7) == 0;
}

/* One or more equal numbers, in one field line or in several. */
static bool
http1_reply_length(struct span v, struct http1_reply *r,
    struct http1_reply_seen *seen)
{
	struct span e;
	uint64_t n;

	while (http1_lex_next(&v, &e)) {
		if (!span_u64(e, &n) || (seen->has_length && n != r->length))
			return false;
		r->length = n;
		seen->has_length = true;
	}
	return seen->has_length;
}

static void
http1_reply_connection(struct span v, struct http1_reply *r,
    struct http1_reply_seen *seen)
{
	struct span e;

	while (http1_lex_next(&v, &e)) {
		if (span_ieq(e, "close"))
			r->close = true;
		else if (span_ieq(e, "keep-alive"))
			seen->keep_alive = true;
	}
}

static bool
http1_reply_special(struct span name, struct span v, struct http1_reply *r,
    struct http1_reply_seen *seen)
{
	switch (name.n) {
	case 10:
		if (http1_lex_ieq(name.p, "connection", 10))
			http1_reply_connection(v, r, seen);
		break;
	case 14:
		if (http1_lex_ieq(name.p, "content-length", 14))
			return http1_reply_length(v, r, seen);
		break;
	case 17:
		if (!http1_lex_ieq(name.p, "transfer-encoding", 17))
			break;
		/* Any other coding could not be undone. */
		if (seen->chunked || !span_ieq(v, "chunked"))
			return false;
		seen->chunked = true;
		break;
	}
	return true;
}

/* How the body ends (RFC 9112 6.3); false if the framing is faulty. */
static bool
http1_reply_framing(struct http1_reply *r, const struct http1_reply_seen *seen,
    bool no_body)
{
	/* RFC 9112 6.1: a coding from HTTP/1.0 is faulty, too. */
	if (seen->chunked && (seen->has_length || seen->v10))
		return false;
	if (seen->v10 && !seen->keep_alive)
		r->close = true;
	if (no_body || r->status < 200 || r->status == 204 ||
	    r->status == 304) {
		r->body = HTTP1_BODY_NONE;
		/* Who announces a body here may well send it. */
		if (!no_body && r->status != 304 && (seen->chunked ||
		    (seen->has_length && r->length != 0)))
			r->close = true;
	} else if (seen->chunked)
		r->body = HTTP1_BODY_CHUNKED;
	else if (seen->has_length)
		r->body = HTTP1_BODY_LENGTH;
	else {
		r->body = HTTP1_BODY_EOF;
		r->close = true;
	}
	if (r->body != HTTP1_BODY_LENGTH)
		r->length = 0;
	return true;
}

/* The field lines from s to the empty line; as http1_reply_parse. */
static long
http1_reply_fields(const char *p, const char *s, const char *end,
    bool no_body, struct http1_reply *r, struct http1_reply_seen *seen)
{
	struct http1_field *f;
	const char *e;

	for (;;) {
		switch (http1_lex_line(s, end, HTTP1_REPLY_HEAD_MAX, &e)) {
		case HTTP1_LINE_WHOLE:
			break;
		case HTTP1_LINE_PART:
			return !http1_lex_field_part(s, e) ||
			    end - p > HTTP1_REPLY_HEAD_MAX ? -1 : 0;
		default:
			return -1;
		}
		if (e + 2 - p > HTTP1_REPLY_HEAD_MAX)
			return -1;
		if (e == s)
			return http1_reply_framing(r, seen, no_body) ?
			    e + 2 - p : -1;
		if (r->nfields == HTTP1_FIELDS_MAX)
			return -1;
		f = &r->fields[r->nfields++];
		if (!http1_lex_field(s, e, &f->name, &f->value) ||
		    !http1_reply_special(f->name, f->value, r, seen))
			return -1;
		s = e + 2;
	}
}

long
http1_reply_parse(const char *p, size_t n, bool no_body,
    struct http1_reply *r)
{
	struct http1_reply_seen seen = { 0 };
	const char *end = p + n, *e;

	r->status = 0;
	r->close = false;
	r->body = HTTP1_BODY_NONE;
	r->length = 0;
	r->nfields = 0;
	switch (http1_lex_line(p, end, HTTP1_REPLY_HEAD_MAX, &e)) {
	case HTTP1_LINE_WHOLE:
		break;
	case HTTP1_LINE_PART:
		return http1_status_part(p, e) ? 0 : -1;
	default:
		return -1;
	}
	if (!http1_status_line(p, e, r, &seen))
		return -1;
	return http1_reply_fields(p, e + 2, end, no_body, r, &seen);
}

struct span
http1_reply_field(const struct http1_reply *r, const char *name)
{
	return http1_lex_find(r->fields, r->nfields, name);
}
