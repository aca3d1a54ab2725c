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

static void
sink_http_number(struct evkeyvalq *q, const char *name, int64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)v);
	evhttp_add_header(q, name, text);
}

/* Milliseconds with three decimals. */
static void
sink_http_ms(struct evkeyvalq *q, const char *name, uint64_t ns)
{
	uint64_t us = ns / 1000;
	char text[32], *p = text + sizeof text;
	int i;

	*--p = '\0';
	for (i = 0; i < 4 || us != 0; i++) {
		if (i == 3)
			*--p = '.';
		*--p = (char)('0' + us % 10);
		us /= 10;
	}
	evhttp_add_header(q, name, p);
}

/* What every answer carries; at most five x-litellm-* of them. */
static void
sink_http_head_fields(struct sink_http *s, const struct sink_head *h)
{
	struct evkeyvalq *q = evhttp_request_get_output_headers(s->req);

	if (h->content_type != NULL)
		evhttp_add_header(q, "Content-Type", h->content_type);
	evhttp_add_header(q, "Date", s->date);
	if (s->request_id != NULL) {
		evhttp_add_header(q, "x-request-id", s->request_id);
		evhttp_add_header(q, "x-litellm-call-id", s->call_id);
	}
	if (h->deploy != NULL) {
		evhttp_add_header(q, "x-litellm-model-id", h->deploy->id);
		if (h->deploy->base_url != NULL)
			evhttp_add_header(q, "x-litellm-model-api-base",
			    h->deploy->base_url);
		sink_http_ms(q, "x-litellm-overhead-duration-ms",
		    h->overhead_ns);
	}
	if (h->warning != NULL)
		evhttp_add_header(q, "x-llmd-warning", h->warning);
	if (h->retry_after_s >= 0)
		sink_http_number(q, "Retry-After", h->retry_after_s);
	if (h->should_retry >= 0)
		evhttp_add_header(q, "x-should-retry",
		    h->should_retry ? "true" : "false");
	if (s->origin != NULL) {
		evhttp_add_header(q, "Access-Control-Allow-Origin",
		    s->origin);
		evhttp_add_header(q, "Vary", "Origin");
		evhttp_add_header(q, "Access-Control-Expose-Headers",
		    "x-request-id, x-litellm-call-id, retry-after");
	}
	if (gate_will_close(s->conn))
		evhttp_add_header(q, "Connection", "close");
}

void
sink_http_header(struct sink_http *s, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(s->req), name,
	    value);
}

void
sink_http_reply(struct sink_http *s, const struct sink_head *h,
    struct span body)
{
	struct evhttp_request *req = s->req;
	struct evbuffer *b = evhttp_request_get_output_buffer(req);

	sink_http_head_fields(s, h);
	/* evhttp would send the body of a HEAD reply. */
	if (s->head_only)
		sink_http_number(evhttp_request_get_output_headers(req),
		    "Content-Length", (int64_t)body.n);
	else if (body.n > 0)
		evbuffer_add(b, body.p, body.n);
	s->req = NULL;
	s->exchange = NULL;
	evhttp_send_reply(req, h->status, http1_reason(h->status), NULL);
}

static void
sink_http_reply_op(struct sink *sink, const struct sink_head *h,
    struct span body, const struct sink_end *e)
{
	(void)e;
	sink_http_reply((struct sink_http *)sink, h, body);
}

static void
sink_http_head_op(struct sink *sink, const struct sink_head *h)
{
	struct sink_http *s = (struct sink_http *)sink;
	struct evkeyvalq *q = evhttp_request_get_output_headers(s->req);

	sink_http_head_fields(s, h);
	evhttp_add_header(q, "Cache-Control", "no-cache");
	evhttp_add_header(q, "X-Accel-Buffering", "no");
	s->chunk = evbuffer_new();
	evhttp_send_reply_start(s->req, h->status, http1_reason(h->status));
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
    struct evhttp_request *req)
{
	memset(s, 0, sizeof *s);
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
