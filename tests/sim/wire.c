/* SPDX-License-Identifier: ISC */
/*
 * From a collected reply to socket operations.  The order is: 1xx heads,
 * head, body events (grouped by join, cut into HTTP chunks by chunk), last
 * chunk, end.  Cuts are applied while the body is laid out; split works on
 * the finished bytes, so that it also splits heads and chunk sizes.
 */
#include "wire.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reply.h"

#define WIRE_LOOP	65536		/* an endless loop sends this much */

struct wire {
	struct reply	*r;
	const struct script *s;
	struct buf	 chunk;		/* waits to become an HTTP chunk */
	size_t		 joined;	/* events in it */
	size_t		 body;		/* body bytes on the wire so far */
	size_t		 chunks;
	size_t		 split_at;	/* bytes in the current write */
	bool		 chunked;
	bool		 ended;		/* by a cut */
	bool		 barrier;	/* the next bytes begin an operation */
};

static void
wire_op(struct wire *w, enum reply_kind kind, uint64_t a, uint64_t b)
{
	struct reply *r = w->r;

	if (r->nops == r->ops_cap) {
		r->ops_cap = r->ops_cap ? r->ops_cap * 2 : 16;
		r->ops = realloc(r->ops, r->ops_cap * sizeof(*r->ops));
		if (r->ops == NULL)
			abort();
	}
	r->ops[r->nops].kind = kind;
	r->ops[r->nops].a = a;
	r->ops[r->nops++].b = b;
}

/* One run of bytes that goes out in one write where possible. */
static void
wire_run(struct wire *w, const char *p, size_t len)
{
	struct reply *r = w->r;
	struct reply_op *last;

	last = r->nops > 0 ? &r->ops[r->nops - 1] : NULL;
	if (last != NULL && last->kind == REPLY_BYTES && !w->barrier)
		last->b += len;
	else
		wire_op(w, REPLY_BYTES, r->wire.len, len);
	w->barrier = false;
	buf_add(&r->wire, p, len);
}

static void
wire_bytes(struct wire *w, const char *p, size_t len)
{
	size_t split, n;

	if (w->ended || len == 0)
		return;
	split = (size_t)script_int(w->s->split, 0);
	if (split == 0) {
		wire_run(w, p, len);
		return;
	}
	while (len > 0) {
		if (w->split_at == split) {
			wire_op(w, REPLY_WAIT, script_us(w->s->split_ms < 0 ?
			    0.2 : w->s->split_ms), 0);
			w->split_at = 0;
		}
		n = split - w->split_at < len ? split - w->split_at : len;
		wire_run(w, p, n);
		w->split_at += n;
		p += n;
		len -= n;
	}
}

/* Ends the reply here, as the script's cut says. */
static void
wire_cut(struct wire *w)
{
	const char *how = w->s->cut;

	if (w->ended)
		return;
	if (script_is(how, "hang"))
		wire_op(w, REPLY_HANG, 0, 0);
	else if (script_is(how, "rst"))
		wire_op(w, REPLY_CUT, RECORD_SERVER_RST, 0);
	else if (script_is(how, "tls"))
		wire_op(w, REPLY_CUT, RECORD_SERVER_TLS, 0);
	else
		wire_op(w, REPLY_CUT, RECORD_SERVER_FIN, 0);
	w->ended = true;
}

/* Body bytes as they go over the wire; cut_after counts them. */
static void
wire_body(struct wire *w, const char *p, size_t len)
{
	int64_t cut = script_int(w->s->cut_after, -1);

	if (cut >= 0 && w->body + len >= (uint64_t)cut) {
		wire_bytes(w, p, (size_t)cut - w->body);
		wire_cut(w);
		return;
	}
	w->body += len;
	wire_bytes(w, p, len);
}

/* One HTTP chunk; the script may spoil the second (or only) one. */
static void
wire_chunk(struct wire *w, const char *p, size_t len, bool last)
{
	const char *bad = w->s->bad_chunk;
	struct buf b = { 0 };

	if (len == 0)
		return;
	if (++w->chunks != 2 && !(last && w->chunks == 1))
		bad = NULL;
	if (script_is(bad, "size"))
		buf_adds(&b, "zz");
	else if (script_is(bad, "overflow"))
		buf_adds(&b, "fffffffffffffffff1");
	else if (script_is(bad, "negative"))
		buf_addf(&b, "-%zx", len);
	else if (script_is(bad, "plus"))
		buf_addf(&b, "+%zx", len);
	else
		buf_addf(&b, "%zx", len);
	if (w->s->chunk_ext != NULL)
		buf_adds(&b, w->s->chunk_ext);
	buf_adds(&b, "\r\n");
	buf_add(&b, p, len);
	buf_adds(&b, script_is(bad, "crlf") ? "xx" : "\r\n");
	wire_body(w, b.data, b.len);
	buf_fini(&b);
}

/* Sends what waits for a chunk; n > 0 keeps an incomplete piece unless all. */
static void
wire_flush(struct wire *w, bool all)
{
	int64_t n = script_int(w->s->chunk, 0);
	size_t pos = 0, len;

	if (!w->chunked || n <= 0) {
		if (w->chunked)
			wire_chunk(w, w->chunk.data, w->chunk.len, all);
		else
			wire_body(w, w->chunk.data, w->chunk.len);
		buf_clear(&w->chunk);
		w->joined = 0;
		return;
	}
	while (w->chunk.len - pos >= (size_t)n || (all && pos < w->chunk.len)) {
		len = w->chunk.len - pos;
		if (len > (size_t)n)
			len = (size_t)n;
		wire_chunk(w, w->chunk.data + pos, len, false);
		pos += len;
	}
	buf_drop(&w->chunk, pos);
	w->joined = 0;
}

static void
wire_event(struct wire *w, const struct reply_event *e, size_t i)
{
	int64_t cut = script_int(w->s->cut_events, -1);
	int64_t join = script_int(w->s->join, 1);
	const char *p = w->r->body.data + e->off;

	if (w->r->cut_from >= 0 && (cut < 0 || cut > w->r->cut_from))
		cut = w->r->cut_from;
	if (cut >= 0 && i >= (uint64_t)cut) {
		if (w->s->cut_mid)
			buf_add(&w->chunk, p, e->len / 2);
		wire_flush(w, true);
		wire_cut(w);
		return;
	}
	if (e->wait_us > 0 && w->joined == 0) {
		wire_flush(w, true);
		wire_op(w, REPLY_WAIT, e->wait_us, 0);
	} else if (w->s->flush) {
		w->barrier = true;
	}
	buf_add(&w->chunk, p, e->len);
	w->joined++;
	if (script_int(w->s->chunk, 0) >= 0 && (int64_t)w->joined >= join)
		wire_flush(w, false);
}

/* Repeats the looped bytes so that an endless stream is sent in big runs. */
static void
wire_loop(struct wire *w, size_t op, size_t off)
{
	struct reply *r = w->r;
	size_t len, i;
	char *copy;

	if (r->nops != op + 1 || r->ops[op].kind != REPLY_BYTES) {
		if (r->nops > op)
			wire_op(w, REPLY_JUMP, op, 0);
		return;
	}
	len = r->wire.len - off;
	copy = buf_dupn(r->wire.data + off, len);
	for (i = len; i < WIRE_LOOP; i += len)
		wire_run(w, copy, len);
	free(copy);
	wire_op(w, REPLY_JUMP, op, 0);
}

static void
wire_events(struct wire *w)
{
	struct reply *r = w->r;
	size_t i, op = 0, off = 0;

	for (i = 0; i < r->nevents && !w->ended; i++) {
		if ((long)i == r->loop_from) {
			wire_flush(w, true);
			w->barrier = true;
			op = r->nops;
			off = r->wire.len;
		}
		wire_event(w, &r->events[i], i);
	}
	wire_flush(w, true);
	if (r->loop_from >= 0 && !w->ended) {
		wire_loop(w, op, off);
		w->ended = true;
	}
}

static uint32_t
wire_crc32(const char *p, size_t len)
{
	uint32_t c = 0xffffffff;
	size_t i;
	int k;

	for (i = 0; i < len; i++) {
		c ^= (unsigned char)p[i];
		for (k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
	}
	return ~c;
}

static void
wire_le(struct buf *b, uint32_t v, int bytes)
{
	for (; bytes > 0; bytes--, v >>= 8)
		buf_addc(b, (char)(v & 0xff));
}

/* The body as gzip of stored blocks, in one event. */
static void
wire_gzip(struct reply *r)
{
	struct buf b = { 0 };
	size_t pos = 0, n;

	buf_add(&b, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
	do {
		n = r->body.len - pos;
		if (n > 65535)
			n = 65535;
		buf_addc(&b, pos + n == r->body.len);
		wire_le(&b, (uint32_t)n, 2);
		wire_le(&b, ~(uint32_t)n, 2);
		buf_add(&b, r->body.data + pos, n);
		pos += n;
	} while (pos < r->body.len);
	wire_le(&b, wire_crc32(r->body.data, r->body.len), 4);
	wire_le(&b, (uint32_t)r->body.len, 4);
	buf_fini(&r->body);
	r->body = b;
	r->nevents = 1;
	r->events[0].off = 0;
	r->events[0].len = b.len;
}

static void
wire_json_fields(struct buf *h, const struct json *o)
{
	const struct json *e;

	for (e = o != NULL ? o->child : NULL; e != NULL; e = e->next) {
		if (e->key == NULL)
			continue;
		buf_addf(h, "%s: ", e->key);
		if (e->type == JSON_STRING)
			buf_add(h, e->str, e->len);
		else
			buf_add(h, e->raw, e->raw_len);
		buf_adds(h, "\r\n");
	}
}

/* Content-Length or Transfer-Encoding, true or false as scripted. */
static void
wire_framing(struct wire *w, struct buf *h)
{
	struct reply *r = w->r;
	const struct script *s = w->s;
	size_t len = r->body.len;

	w->chunked = (r->stream || r->chunked || len > 2048) && r->minor > 0;
	if (r->minor == 0 && r->stream)
		r->close = true;
	if (script_is(s->framing, "chunked"))
		w->chunked = true;
	else if (script_is(s->framing, "length"))
		w->chunked = false;
	if (script_is(s->framing, "close")) {
		w->chunked = false;
		r->close = true;
	} else if (s->content_length != NULL) {
		w->chunked = false;
		if (script_is(s->content_length, "short"))
			len = len > 8 ? len - 8 : 0;
		else if (script_is(s->content_length, "long"))
			len += 100;
		else
			len = strtoul(s->content_length, NULL, 10);
		buf_addf(h, "Content-Length: %zu\r\n", len);
	} else if (script_is(s->framing, "both")) {
		w->chunked = true;
		buf_addf(h, "Content-Length: %zu\r\n"
		    "Transfer-Encoding: chunked\r\n", len);
	} else if (w->chunked) {
		buf_adds(h, "Transfer-Encoding: chunked\r\n");
	} else if (!(r->minor == 0 && r->stream) && r->status != 204 &&
	    r->status != 304) {
		buf_addf(h, "Content-Length: %zu\r\n", len);
	}
}

static void
wire_head_line(struct wire *w, struct buf *h)
{
	struct reply *r = w->r;
	const struct script *s = w->s;

	if (s->http != NULL)
		r->minor = strcmp(s->http, "1.0") == 0 ? 0 : 1;
	buf_addf(h, "HTTP/%s %d %s\r\n", s->http != NULL ? s->http :
	    r->minor == 0 ? "1.0" : "1.1", r->status,
	    s->reason != NULL ? s->reason : http_reason(r->status));
	if (r->before.len > 0)
		buf_add(h, r->before.data, r->before.len);
	if (s->content_type != NULL && strcmp(s->content_type, "none") != 0)
		buf_addf(h, "Content-Type: %s\r\n", s->content_type);
	else if (s->content_type == NULL && r->ctype != NULL)
		buf_addf(h, "Content-Type: %s\r\n", r->ctype);
	if (r->after.len > 0)
		buf_add(h, r->after.data, r->after.len);
}

static void
wire_head(struct wire *w, struct buf *h)
{
	struct reply *r = w->r;
	const struct script *s = w->s;
	time_t now = time(NULL);
	struct tm tm;
	char date[40];
	int64_t pad;

	wire_head_line(w, h);
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_addf(h, "Date: %s\r\n", date);
	if (s->encoding != NULL)
		buf_addf(h, "Content-Encoding: %s\r\n", s->encoding);
	if (s->retry_after != NULL)
		buf_addf(h, "Retry-After: %s\r\n", s->retry_after);
	if (s->location != NULL)
		buf_addf(h, "Location: %s\r\n", s->location);
	wire_json_fields(h, s->headers);
	wire_framing(w, h);
	if (s->no_keepalive)
		r->close = true;
	if (r->close && r->minor > 0)
		buf_adds(h, "Connection: close\r\n");
	pad = script_int(s->head_bytes, 0) - (int64_t)h->len - 2;
	for (; pad > 12; pad -= 1024) {
		buf_adds(h, "X-Pad: ");
		buf_fill(h, 'p', pad > 1024 ? 1015 : (size_t)pad - 9);
		buf_adds(h, "\r\n");
	}
	if (s->head_raw != NULL)
		buf_adds(h, s->head_raw);
	buf_adds(h, "\r\n");
}

static void
wire_infos(struct wire *w)
{
	int64_t code = script_int(w->s->info, 0);
	int64_t i, n = script_int(w->s->info_count, 1);
	struct buf b = { 0 };

	for (i = 0; code > 0 && i < n; i++)
		buf_addf(&b, "HTTP/1.1 %d %s\r\n%s\r\n", (int)code,
		    http_reason((int)code), code == 101 ?
		    "Connection: Upgrade\r\nUpgrade: websocket\r\n" :
		    code == 103 ? "Link: </style.css>; rel=preload\r\n" : "");
	wire_bytes(w, b.data, b.len);
	buf_fini(&b);
}

static void
wire_end(struct wire *w)
{
	struct buf b = { 0 };
	bool close;

	if (w->ended)
		return;
	if (w->s->no_last_chunk || w->r->cut_from >= 0) {
		wire_cut(w);
		return;
	}
	if (w->chunked && !w->r->no_body) {
		buf_adds(&b, "0\r\n");
		if (w->s->trailer != NULL)
			buf_addf(&b, "%s\r\n", w->s->trailer);
		buf_adds(&b, "\r\n");
		wire_body(w, b.data, b.len);
		buf_fini(&b);
	}
	close = w->r->close;
	if (script_is(w->s->content_length, "long")) {
		if (script_is(w->s->cut, "hang"))
			wire_op(w, REPLY_HANG, 0, 0);
		close = true;
	}
	if (!w->ended)
		wire_op(w, REPLY_END, close, 0);
}

/* The head and all after it. */
static void
wire_answer(struct wire *w)
{
	struct buf h = { 0 };

	if (w->s->encoding != NULL && w->r->nevents > 0)
		wire_gzip(w->r);
	wire_infos(w);
	wire_head(w, &h);
	if (script_is(w->s->cut_at, "mid_head")) {
		wire_bytes(w, h.data, h.len / 2);
		wire_cut(w);
	}
	wire_bytes(w, h.data, h.len);
	buf_fini(&h);
	if (w->s->first > 0 && !w->ended)
		wire_op(w, REPLY_WAIT, script_us(w->s->first), 0);
	if (w->s->flush)
		w->barrier = true;
	if (!w->r->no_body)
		wire_events(w);
	wire_end(w);
}

void
wire_compile(struct reply *r)
{
	struct wire w = { .r = r, .s = r->script };
	struct buf raw = { 0 };

	if (w.s->delay > 0)
		wire_op(&w, REPLY_WAIT, script_us(w.s->delay), 0);
	if (w.s->hang || w.s->stuck) {
		wire_op(&w, REPLY_HANG, 0, 0);
	} else if (script_is(w.s->cut_at, "head")) {
		wire_cut(&w);
	} else if (script_bytes(w.s->wire, w.s->wire_b64, &raw)) {
		wire_body(&w, raw.data, raw.len);
		if (!w.ended && w.s->cut != NULL)
			wire_cut(&w);
		else if (!w.ended)
			wire_op(&w, REPLY_END, w.s->close == NULL, 0);
	} else {
		wire_answer(&w);
	}
	buf_fini(&raw);
	buf_fini(&w.chunk);
}
