/* SPDX-License-Identifier: ISC */
#include "http/sink_http.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include <stdio.h>
#include <string.h>

#include "base/jout.h"
#include "dialect/chat.h"
#include "http/gate.h"
#include "net/http1.h"
#include "route/deploy.h"

/* One header line; a value from the configuration may hold anything. */
static void
sink_http_line(struct buf *b, struct span name, const char *value)
{
	size_t i, n = strlen(value);
	char *o = buf_need(b, name.n + n + 4);

	memcpy(o, name.p, name.n);
	o += name.n;
	*o++ = ':';
	*o++ = ' ';
	for (i = 0; i < n; i++)
		*o++ = (unsigned char)value[i] < ' ' || value[i] == 0x7f ?
		    '?' : value[i];
	*o++ = '\r';
	*o++ = '\n';
	b->n = (size_t)(o - b->p);
}

#define SINK_LINE(b, name, value) sink_http_line(b, SPAN_LIT(name), value)

/* What every answer carries, as lines; at most five x-litellm-* of them. */
static struct span
sink_http_lines(struct sink_http *s, const struct sink_head *h)
{
	struct buf *b = s->lines;

	if (h->content_type != NULL)
		SINK_LINE(b, "Content-Type", h->content_type);
	if (s->request_id != NULL) {
		SINK_LINE(b, "x-request-id", s->request_id);
		SINK_LINE(b, "x-litellm-call-id", s->call_id);
	}
	if (h->deploy != NULL) {
		SINK_LINE(b, "x-litellm-model-id", h->deploy->id);
		if (h->deploy->base_url != NULL)
			SINK_LINE(b, "x-litellm-model-api-base",
			    h->deploy->base_url);
		buf_lit(b, "x-litellm-overhead-duration-ms: ");
		jout_ms(b, h->overhead_ns);
		buf_lit(b, "\r\n");
	}
	if (h->warning != NULL)
		SINK_LINE(b, "x-llmd-warning", h->warning);
	if (h->retry_after_s >= 0) {
		buf_lit(b, "Retry-After: ");
		jout_i64(b, h->retry_after_s);
		buf_lit(b, "\r\n");
	}
	if (h->should_retry >= 0)
		SINK_LINE(b, "x-should-retry",
		    h->should_retry ? "true" : "false");
	if (s->origin != NULL) {
		SINK_LINE(b, "Access-Control-Allow-Origin", s->origin);
		buf_lit(b, "Vary: Origin\r\nAccess-Control-Expose-Headers: "
		    "x-request-id, x-litellm-call-id, retry-after\r\n");
	}
	return buf_span(b);
}

/* What evhttp itself has to know: Date, or it makes one each time. */
static void
sink_http_fields(struct sink_http *s)
{
	struct evkeyvalq *q = evhttp_request_get_output_headers(s->req);

	evhttp_add_header(q, "Date", s->date);
	if (gate_will_close(s->conn))
		evhttp_add_header(q, "Connection", "close");
}

void
sink_http_header(struct sink_http *s, const char *name, const char *value)
{
	sink_http_line(s->lines, span_z(name), value);
}

void
sink_http_reply(struct sink_http *s, const struct sink_head *h,
    struct span body)
{
	struct evhttp_request *req = s->req;
	struct evbuffer *b = evhttp_request_get_output_buffer(req);
	struct span lines = sink_http_lines(s, h);
	char length[24];

	sink_http_fields(s);
	/* evhttp would send the body of a HEAD reply. */
	if (s->head_only) {
		snprintf(length, sizeof length, "%zu", body.n);
		evhttp_add_header(evhttp_request_get_output_headers(req),
		    "Content-Length", length);
	} else if (body.n > 0)
		evbuffer_add(b, body.p, body.n);
	s->req = NULL;
	s->exchange = NULL;
	evhttp_send_reply(req, h->status, http1_reason(h->status), NULL);
	gate_head_lines(s->conn, lines);
}

static void
sink_http_reply_op(struct sink *sink, const struct sink_head *h,
    struct span body, const struct sink_end *e)
{
	struct sink_http *s = (struct sink_http *)sink;

	(void)e;
	/* The scratch has served others since the request came. */
	s->lines->n = 0;
	sink_http_reply(s, h, body);
}

static void
sink_http_head_op(struct sink *sink, const struct sink_head *h)
{
	struct sink_http *s = (struct sink_http *)sink;
	struct evkeyvalq *q = evhttp_request_get_output_headers(s->req);

	s->lines->n = 0;
	buf_lit(s->lines, "Cache-Control: no-cache\r\n"
	    "X-Accel-Buffering: no\r\n");
	sink_http_lines(s, h);
	sink_http_fields(s);
	s->chunk = evbuffer_new();
	evhttp_send_reply_start(s->req, h->status, http1_reason(h->status));
	gate_head_lines(s->conn, buf_span(s->lines));
	/* They are written; a stream that lives for hours need not keep them
	 * (closing is the gate's decision). */
	evhttp_clear_headers(q);
}

static void
sink_http_drained_cb(struct evhttp_connection *evcon, void *arg)
{
	struct sink_http *s = arg;

	(void)evcon;
	if (s->exchange != NULL)
		exchange_drained(s->exchange);
}

static void
sink_http_data_op(struct sink *sink, struct span d)
{
	struct sink_http *s = (struct sink_http *)sink;

	evbuffer_add(s->chunk, d.p, d.n);
	evhttp_send_reply_chunk_with_cb(s->req, s->chunk,
	    sink_http_drained_cb, s);
}

static void
sink_http_end_op(struct sink *sink, const struct sink_end *e)
{
	struct sink_http *s = (struct sink_http *)sink;
	struct evhttp_request *req = s->req;

	if (!e->complete)
		gate_close_after(s->conn);
	evbuffer_free(s->chunk);
	s->chunk = NULL;
	s->req = NULL;
	s->exchange = NULL;
	evhttp_send_reply_end(req);
}

static size_t
sink_http_queued_op(const struct sink *sink)
{
	return gate_queued(((const struct sink_http *)sink)->conn);
}

static void
sink_http_abandon_op(struct sink *sink)
{
	struct sink_http *s = (struct sink_http *)sink;
	struct evhttp_request *req = s->req;

	if (s->chunk != NULL)
		evbuffer_free(s->chunk);
	s->chunk = NULL;
	s->req = NULL;
	s->exchange = NULL;
	/* evhttp has let go of it; this frees it. */
	if (req != NULL)
		evhttp_send_reply_end(req);
}

static const struct sink_ops sink_http_ops = {
	.reply = sink_http_reply_op,
	.head = sink_http_head_op,
	.data = sink_http_data_op,
	.end = sink_http_end_op,
	.queued = sink_http_queued_op,
	.abandon = sink_http_abandon_op,
};

void
sink_http_init(struct sink_http *s, struct gate_conn *conn,
    struct evhttp_request *req, struct buf *lines)
{
	memset(s, 0, sizeof *s);
	lines->n = 0;
	s->lines = lines;
	s->sink.ops = &sink_http_ops;
	s->conn = conn;
	s->req = req;
}

void
sink_http_gone(struct sink_http *s)
{
	if (s->exchange != NULL)
		exchange_gone(s->exchange);
	else if (s->req != NULL)
		sink_http_abandon_op(&s->sink);
}
