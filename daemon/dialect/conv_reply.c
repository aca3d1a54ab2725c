/* SPDX-License-Identifier: ISC */
/*
 * The reply's way through a conversion: pieces to events, events to the back
 * that reads them, and what is done with those that are not what they should
 * be (bad UTF-8, JSON or HTML instead of a stream, an early end).
 */
#include "dialect/conv.h"

#include "base/xmalloc.h"
#include "dialect/conv_state.h"

/* Bytes of an error body that are looked at. */
#define CONV_ERROR_MAX	65536
/* Plain text up to this length is a message. */
#define CONV_ERROR_LINE	200

/* True if the escape at p is \udXnn with X from lo to hi. */
static bool
conv_is_half(const char *p, char lo, char hi)
{
	char x = (char)(p[3] | 32);

	return (p[2] | 32) == 'd' && x >= lo && x <= hi &&
	    (x <= '9' || x >= 'a');
}

/*
 * Replaces escapes of single surrogates by \ufffd where they stand: what
 * Python's json makes of them kills the client that prints it.
 */
static void
conv_mend_escapes(char *p, size_t n)
{
	char *end = p + n;

	while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		if (p[1] != 'u' || end - p < 6) {
			p += 2;
			continue;
		}
		if (conv_is_half(p, '8', 'b') && end - p >= 12 &&
		    p[6] == '\\' && p[7] == 'u' &&
		    conv_is_half(p + 6, 'c', 'f')) {
			p += 12;
			continue;
		}
		if (conv_is_half(p, '8', 'f'))
			memcpy(p + 2, "fffd", 4);
		p += 6;
	}
}

/* Copies p[0..n) to c->body with U+FFFD for what is no UTF-8. */
static void
conv_mend_utf8(struct conv *c, const char *p, size_t n)
{
	size_t k;

	c->body.n = 0;
	while (n != 0) {
		k = jscan_utf8_valid(p, n);
		buf_add(&c->body, p, k);
		p += k;
		n -= k;
		if (n == 0)
			break;
		buf_lit(&c->body, "\xef\xbf\xbd");
		/* One mark for a broken character, not one a byte. */
		do {
			p++;
			n--;
		} while (n != 0 && ((unsigned char)*p & 0xc0) == 0x80);
	}
	buf_pad(&c->body);
}

/* Gives an event or a reply to the back. */
static int
conv_read(struct conv *c, char *p, size_t n)
{
	bool whole = c->mode != CONV_EVENTS;

	if (c->pass && c->mode != CONV_JSON) {
		if (memchr(p, '\\', n) != NULL)
			conv_mend_escapes(p, n);
		return whole ? c->back->relay_whole(c, p, n, c->out) :
		    c->back->relay(c, p, n, c->out);
	}
	return whole ? c->back->parse_whole(c, p, n) : c->back->parse(c, p, n);
}

/* The same; bad UTF-8 is mended, bad JSON ends the answer. */
static void
conv_take(struct conv *c, char *p, size_t n)
{
	struct buf old;

	if (conv_read(c, p, n) == 0)
		return;
	if (jscan_utf8_valid(p, n) != n) {
		old = c->body;
		c->body = (struct buf){ 0 };
		conv_mend_utf8(c, p, n);
		if (conv_read(c, c->body.p, c->body.n) == 0) {
			if (c->collect) {
				/* The events point into it. */
				buf_fini(&old);
			} else {
				buf_fini(&c->body);
				c->body = old;
			}
			return;
		}
		buf_fini(&old);
	}
	conv_fail(c, ERR_UPSTREAM_INVALID,
	    "The backend's answer is not valid JSON");
}

/* A comment in the backend's stream: proxies may need it, clients do not. */
static void
conv_comment(struct conv *c)
{
	if (!c->pass)
		return;
	if (c->facts.started)
		buf_adds(c->out, c->front->keepalive);
	else
		c->comment = true;
}

/* Cuts a piece into events until it is used up or the answer is complete. */
static void
conv_cut(struct conv *c, char *p, size_t n)
{
	struct sse_event ev;
	enum sse_kind k;
	size_t len;
	char *line;

	while (c->state == CONV_OPEN) {
		if (c->back->framing == DIALECT_NDJSON) {
			switch (ndjson_next(&c->lines, &p, &n, &line, &len)) {
			case NDJSON_MORE:
				return;
			case NDJSON_LINE:
				conv_take(c, line, len);
				continue;
			case NDJSON_TOO_LONG:
				break;
			}
		} else if ((k = sse_next(&c->sse, &p, &n, &ev)) == SSE_MORE) {
			return;
		} else if (k == SSE_EVENT) {
			conv_take(c, ev.data, ev.n);
			continue;
		} else if (k == SSE_COMMENT) {
			conv_comment(c);
			continue;
		}
		conv_fail(c, ERR_UPSTREAM_INVALID, "The backend sent an event "
		    "of more than %u MiB", c->info.event_max >> 20);
	}
	/* What stands behind the end makes the connection suspect. */
	for (; n != 0; p++, n--)
		if (*p != '\n' && *p != '\r' && *p != ' ')
			c->facts.reusable = false;
}

/* Looks at the first bytes: a stream, a JSON body or a page of HTML? */
static bool
conv_sniff(struct conv *c, char **p, size_t *n)
{
	unsigned char b;

	for (; *n != 0; (*p)++, (*n)--) {
		b = (unsigned char)**p;
		if (b != ' ' && b != '\t' && b != '\r' && b != '\n' &&
		    b != 0xef && b != 0xbb && b != 0xbf)
			break;
	}
	if (*n == 0)
		return false;
	c->mode = CONV_EVENTS;
	if (**p == '<')
		conv_fail(c, ERR_UPSTREAM_INVALID, "The backend answered with "
		    "a web page: check its base URL");
	else if (c->back->framing == DIALECT_SSE &&
	    (**p == '{' || **p == '['))
		c->mode = CONV_JSON;
	return c->state == CONV_OPEN;
}

enum conv_state
conv_stream(struct conv *c, char *p, size_t n, struct buf *out)
{
	c->out = out;
	if (c->state != CONV_OPEN) {
		for (; n != 0; p++, n--)
			if (*p != '\n' && *p != '\r' && *p != ' ')
				c->facts.reusable = false;
		return c->state;
	}
	if (c->mode == CONV_SNIFF && !conv_sniff(c, &p, &n))
		return c->state;
	if (c->mode == CONV_JSON) {
		if (c->body.n + n > c->info.event_max)
			conv_fail(c, ERR_UPSTREAM_INVALID, "The backend's "
			    "answer is larger than %u MiB",
			    c->info.event_max >> 20);
		else
			buf_add(&c->body, p, n);
		return c->state;
	}
	conv_cut(c, p, n);
	return c->state;
}

/* A whole reply to a stream request: written as the stream it should be. */
static void
conv_synthesise(struct conv *c)
{
	unsigned i;

	buf_pad(&c->body);
	c->facts.events = 1;
	/* Read in one go and before anything is written: an answer that is
	 * an error must not have begun. */
	c->collect = true;
	conv_take(c, c->body.p, c->body.n);
	c->collect = false;
	if (c->state != CONV_DONE)
		return;
	c->facts.started = true;
	c->front->begin(c, c->out);
	memset(&c->finished, 0, sizeof(c->finished));
	for (i = 0; i < c->nevs; i++) {
		c->front->event(c, &c->evs[i], c->out);
		if (c->evs[i].kind == CHAT_EV_FINISH)
			conv_set_add(&c->finished, c->evs[i].choice);
	}
	c->front->end(c, c->out);
}

enum conv_state
conv_stream_end(struct conv *c, bool clean, struct buf *out)
{
	struct sse_event ev;
	char *line;
	size_t len;

	c->out = out;
	if (c->state != CONV_OPEN) {
		if (!clean)
			c->facts.reusable = false;
		return c->state;
	}
	if (c->mode == CONV_JSON && clean) {
		conv_synthesise(c);
	} else if (c->mode == CONV_EVENTS) {
		if (c->back->framing == DIALECT_SSE) {
			if (sse_end(&c->sse, &ev) == SSE_EVENT && clean)
				conv_take(c, ev.data, ev.n);
		} else if (ndjson_end(&c->lines, &line, &len) == NDJSON_LINE &&
		    clean)
			conv_take(c, line, len);
	}
	if (c->state == CONV_OPEN && c->facts.events == 0 && clean)
		conv_fail(c, ERR_UPSTREAM_INVALID,
		    "The backend's answer is empty");
	if (c->state == CONV_OPEN)
		c->back->ended(c, clean);
	if (!clean)
		c->facts.reusable = false;
	return c->state;
}

enum conv_state
conv_reply(struct conv *c, char *p, size_t n, struct buf *out)
{
	size_t before = out->n;

	c->out = out;
	c->mode = CONV_WHOLE;
	while (n != 0 && (*p == ' ' || *p == '\t' || *p == '\r' ||
	    *p == '\n')) {
		p++;
		n--;
	}
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		p += 3;
		n -= 3;
	}
	if (n == 0) {
		conv_fail(c, ERR_UPSTREAM_INVALID,
		    "The backend's answer is empty");
	} else if (*p == '<') {
		conv_fail(c, ERR_UPSTREAM_INVALID, "The backend answered with "
		    "a web page: check its base URL");
	} else {
		c->collect = !c->pass;
		c->facts.events = 1;
		conv_take(c, p, n);
		if (c->state == CONV_OPEN)
			conv_fail(c, ERR_UPSTREAM_INVALID,
			    "The backend's answer is not an answer");
		else if (c->state == CONV_DONE && !c->pass)
			c->front->whole(c, out);
	}
	if (c->state == CONV_ERROR)
		out->n = before;
	else
		c->facts.started = true;
	return c->state;
}

/* An error body that is no JSON: a line of text, a page, nothing. */
static void
conv_plain_error(int status, struct span s, struct chat_error *e)
{
	if (status == 404) {
		/* No API answers like this: the path is wrong. */
		chat_error_set(e, ERR_NOT_FOUND, NULL, "The backend does not "
		    "know this path: check its base URL (api_base)");
		return;
	}
	if (s.n == 0 || strchr("<{[", *s.p) != NULL || s.n > CONV_ERROR_LINE ||
	    jscan_utf8_valid(s.p, s.n) != s.n)
		return;
	while (s.n != 0 && s.p[s.n - 1] == '\n')
		s.n--;
	chat_error_plain_set(e, s);
}

void
conv_upstream_error(const struct chat_target *t, int status,
    struct span body, struct chat_error *e)
{
	struct buf b = { 0 };
	struct span v;

	chat_error_set(e, ERR_UPSTREAM, NULL, NULL);
	chat_error_status_set(e, status);
	if (body.n > CONV_ERROR_MAX)
		body.n = CONV_ERROR_MAX;
	buf_adds(&b, body);
	buf_pad(&b);
	if (!jscan_document(b.p, b.n, &v) || !jscan_is_obj(v))
		v = SPAN_NONE;
	t->back->upstream_error(status, v, e);
	if (e->id == ERR_UPSTREAM_AUTH)
		e->should_retry = 0;
	else if (v.p == NULL)
		conv_plain_error(status, buf_span(&b), e);
	buf_fini(&b);
}

void
chat_error_body(const struct dialect *front, const struct chat_error *e,
    struct buf *out)
{
	front->error_body(e, out);
}

void
chat_error_event(const struct dialect *front, const struct chat_error *e,
    struct buf *out)
{
	front->error_event(e, out);
}

struct span
chat_keepalive(const struct dialect *front)
{
	return front->keepalive;
}

const char *
chat_stream_type(const struct dialect *front)
{
	return front->stream_type;
}
