/* SPDX-License-Identifier: ISC */
#include "observe/row.h"

#include <arpa/inet.h>

#include <string.h>

#include "base/clock.h"
#include "base/jout.h"
#include "observe/live.h"
#include "proto/errors.h"
#include "proto/text.h"
#include "proto/text.h"

/* By enum chat_finish. */
static const char *const row_finishes[] = {
	NULL, "stop", "length", "tool_calls", "content_filter"
};

static const char *const row_phases[] = {
	[PHASE_QUEUE] = "queue",
	[PHASE_CONNECT] = "connect",
	[PHASE_PREFILL] = "prefill",
	[PHASE_STREAM] = "stream",
	[PHASE_DONE] = "done"
};

#define ROW_LEN(t)	(sizeof (t) / sizeof (t)[0])

const char *
row_phase(const struct live_row *r)
{
	return r->phase < ROW_LEN(row_phases) ? row_phases[r->phase] :
	    "connect";
}

const char *
row_finish(const struct live_row *r)
{
	return r->finish < ROW_LEN(row_finishes) ? row_finishes[r->finish] :
	    NULL;
}

const char *
row_model(const struct live *l, const struct live_row *r)
{
	const char *m = live_name(l, r->model);

	return m != NULL ? m : r->model_text;
}

uint64_t
row_ttft_ns(const struct live_row *r)
{
	return r->first_ns > r->start_ns ? r->first_ns - r->start_ns : 0;
}

double
row_tps(const struct live_row *r)
{
	uint64_t end = r->done ? r->end_ns : r->last_ns;

	if (r->first_ns == 0 || r->out == 0 || end < r->first_ns + 1000000)
		return -1;
	return (double)r->out * 1e9 / (double)(end - r->first_ns);
}

/*
 * A JSON string that is safe to print as it stands: what could drive a
 * terminal or end a line (C1, bidi, line separators, DEL) is \uNNNN too.
 */
static void
row_text(struct buf *b, struct span s)
{
	const char *p = s.p, *end = s.p + s.n, *from = s.p;
	uint32_t ch, low;
	size_t n;

	/* Nearly always plain ASCII: nothing there that jout would leave. */
	while (p < end && (unsigned char)*p < 0x7f)
		p++;
	for (; p < end; p += n) {
		n = text_decode(p, (size_t)(end - p), &ch);
		if (n == 0) {
			n = 1;		/* jout makes U+FFFD of it */
			continue;
		}
		if (ch < 0x20 || !text_char_unsafe(ch))
			continue;
		jout_text(b, (struct span){ from, (size_t)(p - from) });
		from = p + n;
		low = ch - 0x10000;
		if (ch < 0x10000)
			buf_addf(b, "\\u%04x", ch);
		else
			buf_addf(b, "\\u%04x\\u%04x", 0xd800 | low >> 10,
			    0xdc00 | (low & 0x3ff));
	}
	jout_text(b, (struct span){ from, (size_t)(end - from) });
}

static void
row_span(struct buf *b, struct span s)
{
	buf_lit(b, "\"");
	row_text(b, s);
	buf_lit(b, "\"");
}

static void
row_str(struct buf *b, const char *s)
{
	if (s == NULL)
		buf_lit(b, "null");
	else
		row_span(b, span_z(s));
}

void
row_json_ms(struct buf *b, uint64_t ns)
{
	if (ns == 0)
		buf_lit(b, "null");
	else
		jout_ms(b, ns);
}

void
row_json_where(struct buf *b, const struct live *l, const struct live_row *r)
{
	buf_lit(b, "\"model\":");
	row_str(b, row_model(l, r));
	buf_lit(b, ",");
	row_json_served(b, l, r);
}

void
row_json_served(struct buf *b, const struct live *l, const struct live_row *r)
{
	const char *label = live_name(l, r->deploy), *at;

	buf_lit(b, "\"deployment\":");
	row_str(b, r->deploy == 0 ? NULL :
	    live_deploy_id(l, r->model, r->deploy));
	at = label == NULL ? NULL : strrchr(label, '@');
	buf_lit(b, ",\"upstream\":");
	if (at != NULL)
		row_span(b, (struct span){ label, (size_t)(at - label) });
	else
		row_str(b, label);
	buf_lit(b, ",\"backend\":");
	row_str(b, at == NULL ? NULL : at + 1);
}

static void
row_client(struct buf *b, const struct live_row *r)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t none[16];
	char text[INET6_ADDRSTRLEN];
	const char *p;

	if (r->front != 0 || memcmp(r->addr, none, sizeof none) == 0)
		p = NULL;
	else if (memcmp(r->addr, mapped, sizeof mapped) == 0)
		p = inet_ntop(AF_INET, r->addr + 12, text, sizeof text);
	else
		p = inet_ntop(AF_INET6, r->addr, text, sizeof text);
	row_str(b, p);
}

void
row_json_who(struct buf *b, const struct live *l, const struct live_row *r)
{
	buf_lit(b, "\"key\":");
	row_str(b, live_name(l, r->key));
	buf_lit(b, ",\"client\":");
	row_client(b, r);
	buf_lit(b, ",\"origin\":");
	row_str(b, (r->flags & RECORD_TEST) != 0 ? "test" : "http");
	buf_lit(b, ",\"path\":");
	row_str(b, r->api == RECORD_API_CHAT ? "/v1/chat/completions" : NULL);
	buf_lit(b, ",\"stream\":");
	buf_addz(b, (r->flags & RECORD_STREAM) != 0 ? "true" : "false");
}

static void
row_tokens(struct buf *b, const struct live_row *r, uint32_t n)
{
	if (n == 0 && (r->flags & RECORD_USAGE) == 0)
		buf_lit(b, "null");
	else
		jout_u64(b, n);
}

void
row_json_tokens(struct buf *b, const struct live_row *r)
{
	buf_lit(b, "\"tokens_in\":");
	row_tokens(b, r, r->in);
	buf_lit(b, ",\"tokens_out\":");
	row_tokens(b, r, r->out);
}

static void
row_error(struct buf *b, const struct live_row *r)
{
	const struct error_row *e;

	buf_lit(b, ",\"error\":");
	if (r->error == ERR_NONE || r->error >= ERR_MAX) {
		buf_lit(b, "null");
		return;
	}
	e = &error_rows[r->error];
	buf_lit(b, "{\"code\":");
	jout_strz(b, e->code);
	buf_lit(b, ",\"message\":");
	row_str(b, r->error_text != NULL ? r->error_text : e->text);
	buf_lit(b, "}");
}

static uint64_t
row_since(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

void
row_json(struct buf *b, const struct live *l, const struct live_row *r,
    uint64_t now_ns)
{
	char time[CLOCK_RFC3339_LEN + 1];
	uint64_t end = r->done ? r->end_ns : now_ns;

	clock_rfc3339(r->wall_ns, time);
	buf_lit(b, "\"id\":\"");
	jout_hex(b, r->id);
	buf_lit(b, "\",");
	row_json_where(b, l, r);
	buf_lit(b, ",");
	row_json_who(b, l, r);
	buf_lit(b, ",\"queue_pos\":null,\"phase\":");
	row_str(b, row_phase(r));
	buf_lit(b, ",\"status\":");
	if (r->status == 0)
		buf_lit(b, "null");
	else
		jout_u64(b, r->status);
	buf_lit(b, ",\"attempts\":");
	jout_u64(b, r->attempts);
	buf_lit(b, ",\"started\":");
	row_str(b, time);
	buf_lit(b, ",\"queue_ms\":");
	jout_ms(b, r->queue_ns + (r->queued_ns == 0 ? 0 :
	    row_since(r->queued_ns, end)));
	buf_lit(b, ",\"ttft_ms\":");
	row_json_ms(b, row_ttft_ns(r));
	buf_lit(b, ",\"total_ms\":");
	if (r->done)
		jout_ms(b, row_since(r->start_ns, r->end_ns));
	else
		buf_lit(b, "null");
	buf_lit(b, ",\"age_ms\":");
	jout_ms(b, row_since(r->start_ns, end));
	buf_lit(b, ",");
	row_json_tokens(b, r);
	buf_lit(b, ",\"tokens_estimated\":");
	buf_addz(b, (r->flags & RECORD_USAGE) == 0 && r->in + r->out > 0 ?
	    "true" : "false");
	buf_lit(b, ",\"tps\":");
	if (row_tps(r) < 0)
		buf_lit(b, "null");
	else
		buf_addf(b, "%.1f", row_tps(r));
	buf_lit(b, ",\"finish\":");
	row_str(b, row_finish(r));
	row_error(b, r);
}
