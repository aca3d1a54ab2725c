/* SPDX-License-Identifier: ISC */
#include "stream.h"

#include <string.h>

#define STREAM_SLOW_US	16000		/* the recorded endless model */

void
stream_init(struct stream *st, struct reply *r, bool sse, uint64_t pace_us)
{
	memset(st, 0, sizeof(*st));
	st->reply = r;
	st->script = r->script;
	st->sse = sse;
	st->pace_us = pace_us;
	r->stream = true;
}

uint64_t
stream_pace(const struct sim *sim, const struct script *s,
    const struct answer *a)
{
	if (s->pace >= 0)
		return script_us(s->pace);
	if (sim->pace_ms > 0)
		return script_us(sim->pace_ms);
	return a->endless && !s->endless ? STREAM_SLOW_US : 0;
}

static const char *
stream_eol(const struct stream *st)
{
	if (script_is(st->script->eol, "crlf"))
		return "\r\n";
	return script_is(st->script->eol, "cr") && st->sse ? "\r" : "\n";
}

/* Where the JSON text may be broken into two data lines: after a comma. */
static size_t
stream_break(const char *p, size_t len)
{
	bool string = false;
	size_t i;

	for (i = 0; i + 1 < len; i++) {
		if (string && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			string = !string;
		else if (!string && p[i] == ',')
			return i + 1;
	}
	return len;
}

static void
stream_data(struct stream *st, const char *p, size_t len, struct buf *b)
{
	const char *tag = st->script->no_space ? "data:" : "data: ";
	size_t n;

	while (st->script->multi_data && (n = stream_break(p, len)) < len) {
		buf_adds(b, tag);
		buf_add(b, p, n);
		buf_adds(b, stream_eol(st));
		p += n;
		len -= n;
	}
	buf_adds(b, tag);
	buf_add(b, p, len);
	buf_adds(b, stream_eol(st));
	buf_adds(b, stream_eol(st));
}

static void
stream_sse(struct stream *st, const char *p, size_t len, struct buf *b)
{
	const struct script *s = st->script;
	const char *eol = stream_eol(st);

	if (s->comments)
		buf_addf(b, ": keepalive%s%s", eol, eol);
	if (s->ping)
		buf_addf(b, "event: ping%sdata: {\"type\":\"ping\"}%s%s", eol,
		    eol, eol);
	if (s->retry && st->events == 0)
		buf_addf(b, "retry: 1%s", eol);
	if (s->ids)
		buf_addf(b, "id: %ld%s", st->events, eol);
	stream_data(st, p, len, b);
}

void
stream_event(struct stream *st, const struct buf *json)
{
	const struct script *s = st->script;
	struct buf b = { 0 };
	size_t len = json->len;
	const char *cut;

	if (st->ended)
		return;
	if (s->bom && st->events == 0)
		buf_adds(&b, "\357\273\277");
	if (script_int(s->bad_json_at, -1) == st->events)
		len = len * 2 / 3;
	if (st->sse) {
		stream_sse(st, json->data, len, &b);
	} else {
		if (s->comments)
			buf_adds(&b, stream_eol(st));
		buf_add(&b, json->data, len);
		buf_adds(&b, stream_eol(st));
	}
	st->events++;
	cut = st->half ? memrchr(b.data, 0xc3, b.len) : NULL;
	if (cut != NULL)
		b.len = (size_t)(cut - b.data) + 1;
	reply_event(st->reply, b.data, b.len);
	if (st->half) {
		st->ended = true;
		st->reply->cut_from = (long)st->reply->nevents;
	}
	buf_fini(&b);
}

bool
stream_token(struct stream *st, const char *error_line)
{
	struct buf b = { 0 };

	if (st->ended)
		return false;
	if (script_int(st->script->error_after, -1) == st->tokens) {
		buf_adds(&b, error_line);
		stream_event(st, &b);
		buf_fini(&b);
		st->ended = true;
		return false;
	}
	if (st->tokens > 0)
		reply_pause(st->reply, st->pace_us);
	return true;
}

void
stream_literal(struct stream *st, const char *p, size_t len, bool go,
    struct buf *b)
{
	const struct script *s = st->script;
	long n = st->tokens++;

	if (script_int(s->bad_utf8_at, -1) == n) {
		buf_adds(b, "\"bad \377\376 bytes\"");
	} else if (script_int(s->half_utf8_at, -1) == n) {
		buf_adds(b, "\"caf\303\"");
		st->half = true;
	} else if (script_int(s->surrogate_at, -1) == n) {
		buf_adds(b, "\"lone \\ud83d half\"");
	} else {
		json_quote(b, p, len, go);
	}
}

void
stream_endless_line(struct stream *st, const struct buf *before)
{
	struct buf b = { 0 };

	if (st->sse)
		buf_adds(&b, "data: ");
	buf_add(&b, before->data, before->len);
	reply_event(st->reply, b.data, b.len);
	st->reply->loop_from = (long)st->reply->nevents;
	buf_clear(&b);
	buf_fill(&b, 'x', 65536);
	reply_event(st->reply, b.data, b.len);
	buf_fini(&b);
	st->ended = true;
}

/* Takes the line ends off the last event. */
static void
stream_trim(struct reply *r)
{
	struct reply_event *e;

	if (r->nevents == 0)
		return;
	e = &r->events[r->nevents - 1];
	while (e->len > 0 && strchr("\r\n", r->body.data[e->off + e->len - 1]))
		e->len--;
	r->body.len = e->off + e->len;
}

void
stream_end(struct stream *st)
{
	const struct script *s = st->script;
	int64_t i, n = st->sse ? script_int(s->done, 1) : 0;
	struct buf b = { 0 };

	if (st->ended)
		return;
	for (i = 0; i < n; i++) {
		buf_clear(&b);
		stream_data(st, "[DONE]", 6, &b);
		reply_event(st->reply, b.data, b.len);
	}
	buf_fini(&b);
	if (s->no_final_eol)
		stream_trim(st->reply);
	if (s->after_done != NULL)
		reply_event(st->reply, s->after_done, strlen(s->after_done));
}
