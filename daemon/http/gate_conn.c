/* SPDX-License-Identifier: ISC */
/*
 * One connection of the gate: bytes in, one complete request at a time to
 * evhttp, bytes out.  See gate.c for the order of things.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "dialect/chat.h"
#include "dialect/conv.h"
#include "http/gate_state.h"

#define GATE_FIRST_READ	16384		/* a large body goes to its buffer */
#define GATE_PENDING	65536		/* pipelined bytes that may wait */
#define GATE_BODY_STEP	(2u << 20)	/* memory for a body grows so */
#define GATE_LINGER	(1u << 20)
#define GATE_SPARE	65536		/* less comes from malloc's own */

static size_t	gate_conn_parse(struct gate_conn *g, const char *p, size_t n);

/*
 * Timers and the dirty list.
 */

void
gate_conn_timer_off(struct gate_conn *g)
{
	if (g->timed)
		TAILQ_REMOVE(&g->gate->timers[g->timer], g, timer_entry);
	g->timed = false;
}

void
gate_conn_timer_on(struct gate_conn *g, enum gate_timer t)
{
	gate_conn_timer_off(g);
	g->timed = true;
	g->timer = (uint8_t)t;
	g->deadline = clock_ms() + g->gate->timeout[t];
	TAILQ_INSERT_TAIL(&g->gate->timers[t], g, timer_entry);
}

void
gate_conn_mark(struct gate_conn *g)
{
	struct gate *G = g->gate;

	if (g->dirty)
		return;
	g->dirty = true;
	STAILQ_INSERT_TAIL(&G->dirty, g, dirty_entry);
	if (!G->flushing) {
		G->flushing = true;
		event_active(&G->flush, EV_TIMEOUT, 0);
	}
}

/*
 * Bodies: one contiguous buffer that grows with what really came, so that a
 * declared length alone costs nothing.
 */

static void
gate_conn_charge(struct gate_conn *g, uint64_t n)
{
	if (n > g->charged)
		atomic_fetch_add_explicit(&g->gate->shared->body_bytes,
		    n - g->charged, memory_order_relaxed);
	else
		atomic_fetch_sub_explicit(&g->gate->shared->body_bytes,
		    g->charged - n, memory_order_relaxed);
	g->charged = n;
}

/* The memory of an earlier body: fresh pages cost more than all else. */
static bool
gate_conn_body_spare(struct gate_conn *g, size_t k)
{
	struct gate *G = g->gate;
	unsigned i;

	for (i = 0; i < G->nspare; i++)
		if (G->spare[i].p != NULL && k + BUF_PAD <= G->spare[i].cap) {
			g->body = G->spare[i];
			memset(&G->spare[i], 0, sizeof G->spare[i]);
			G->spare_sweeps = 0;
			return true;
		}
	return false;
}

/* Room for k more bytes of the body, as far as the process allows. */
static bool
gate_conn_body_room(struct gate_conn *g, size_t k)
{
	struct gate *G = g->gate;

	if (g->body.n + k + BUF_PAD > g->body.cap) {
		if (g->body.n + k > GATE_SCRATCH &&
		    atomic_load_explicit(&G->shared->body_bytes,
		    memory_order_relaxed) - g->charged + g->body.n + k >
		    G->body_total_max)
			return false;
		if (g->body.p != NULL || k <= GATE_SPARE ||
		    !gate_conn_body_spare(g, k))
			buf_grow(&g->body, k);
		gate_conn_charge(g, g->body.cap);
	}
	return true;
}

static void
gate_conn_body_drop(struct gate_conn *g)
{
	buf_fini(&g->body);
	gate_conn_charge(g, 0);
}

/*
 * The end of a connection.
 */

void
gate_conn_free(struct gate_conn *g)
{
	struct gate *G = g->gate;

	G->ops->closed(g, G->arg);
	gate_conn_timer_off(g);
	conn_close(&g->conn);
	gate_conn_body_drop(g);
	buf_fini(&g->pending);
	if (g->counted)
		atomic_fetch_sub_explicit(&G->shared->connections, 1,
		    memory_order_relaxed);
	TAILQ_REMOVE(&G->conns, g, entry);
	free(g);
}

/* evhttp has let go of its side. */
static void
gate_conn_detached(struct gate_conn *g)
{
	if (g->bev == NULL)
		return;
	g->bev = NULL;
	g->in = g->out = NULL;
	if (g->state != GATE_LINGERING) {
		gate_conn_timer_off(g);
		g->state = GATE_DEAD;
	}
	gate_conn_mark(g);
}

static void
gate_conn_close_cb(struct evhttp_connection *evcon, void *arg)
{
	struct gate_conn *g = arg;
	bool owned = g->owned;

	(void)evcon;
	g->owned = false;
	gate_conn_detached(g);
	if (owned)
		g->gate->ops->gone(g, g->gate->arg);
}

/* Makes evhttp drop the connection; gate_conn_close_cb runs inside if a request
 * was ever delivered. */
void
gate_conn_kill(struct gate_conn *g, short what)
{
	if (g->bev == NULL)
		return;
	bufferevent_trigger_event(g->bev, what | BEV_EVENT_READING, 0);
	gate_conn_detached(g);
}

/* Our FIN, then what the client still sends is drained, so that a reset does
 * not destroy the reply before it is read. */
void
gate_conn_linger(struct gate_conn *g)
{
	g->state = GATE_LINGERING;
	g->left = GATE_LINGER;
	conn_shutdown(&g->conn);
	conn_want(&g->conn, true, false);
	gate_conn_timer_on(g, GATE_T_LINGER);
}

static enum error_id
gate_conn_status_error(int status)
{
	static const enum error_id ids[] = {
		ERR_REQUEST_TIMEOUT, ERR_TOO_LARGE, ERR_URI_TOO_LONG,
		ERR_EXPECTATION, ERR_HEADERS_TOO_LARGE, ERR_HTTP_METHOD,
		ERR_HTTP_VERSION, ERR_OVERLOADED
	};
	unsigned i;

	for (i = 0; i < sizeof ids / sizeof ids[0]; i++)
		if (error_rows[ids[i]].status == status)
			return ids[i];
	return ERR_BAD_REQUEST;
}

/*
 * Answers by ourselves and closes.  Nothing of evhttp's is queued here: the
 * bytes of a pipelined request wait for the reply before it.
 */
void
gate_conn_refuse(struct gate_conn *g, enum error_id id, const char *text)
{
	struct gate *G = g->gate;
	struct chat_error e;
	struct buf body = { 0 }, b = { 0 };
	struct iovec v;
	const char *rid;
	ssize_t n;

	chat_error_set(&e, id, NULL, "%s",
	    text != NULL ? text : error_rows[id].text);
	chat_error_body(&dialect_openai, &e, &body);
	rid = G->ops->request_id(g, G->arg);
	buf_addf(&b, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n",
	    error_rows[id].status, http1_reason(error_rows[id].status),
	    g->head_only ? (size_t)0 : body.n);
	if (rid != NULL)
		buf_addf(&b, "x-request-id: %s\r\n", rid);
	/* SDKs try a 5xx again unless told not to. */
	if (error_rows[id].status == 501)
		buf_lit(&b, "x-should-retry: false\r\n");
	if (id == ERR_OVERLOADED || id == ERR_SHUTTING_DOWN)
		buf_lit(&b, "Retry-After: 1\r\n");
	buf_lit(&b, "\r\n");
	if (!g->head_only)
		buf_adds(&b, buf_span(&body));
	v = (struct iovec){ b.p, b.n };
	n = conn_writev(&g->conn, &v, 1);
	if (n < 0)
		log_debug("a refusal could not be written");
	buf_fini(&body);
	buf_fini(&b);
	gate_conn_body_drop(g);
	buf_fini(&g->pending);
	G->ops->refused(g, id, G->arg);
	gate_conn_linger(g);
	gate_conn_kill(g, BEV_EVENT_EOF);
}

/*
 * Into evhttp.
 */

static void
gate_conn_complete_cb(struct evhttp_request *req, void *arg)
{
	struct gate_conn *g = arg;

	/* evhttp re-arms the connection after this: only note it. */
	(void)req;
	g->done = true;
	g->owned = false;
}

/* evhttp's general callback: a request has been parsed. */
void
gate_conn_request_cb(struct evhttp_request *req, void *arg)
{
	struct gate *G = arg;
	struct gate_conn *g = G->current;

	if (g == NULL)
		fatalx("gate: a request outside gate_conn_deliver");
	g->handed = true;
	g->owned = true;
	evhttp_request_set_on_complete_cb(req, gate_conn_complete_cb, g);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req),
	    gate_conn_close_cb, g);
	G->ops->request(g, req, G->arg);
}

/* All that evhttp has to know of a request. */
static struct span
gate_conn_canonical(const struct gate_conn *g)
{
#define GATE_HEADS(m) \
	SPAN_LIT(m " / HTTP/1.1\r\n\r\n"), \
	SPAN_LIT(m " / HTTP/1.1\r\nConnection: close\r\n\r\n"), \
	SPAN_LIT(m " / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), \
	SPAN_LIT(m " / HTTP/1.0\r\n\r\n")
	static const struct span heads[8] = {
		GATE_HEADS("GET"), GATE_HEADS("HEAD")
	};
#undef GATE_HEADS

	return heads[(g->head_only ? 4 : 0) + (g->v10 ? 2 : 0) +
	    (g->close ? 1 : 0)];
}

static void
gate_conn_deliver(struct gate_conn *g)
{
	struct gate *G = g->gate;
	struct span head = gate_conn_canonical(g);

	g->state = GATE_BUSY;
	g->done = g->handed = false;
	gate_conn_timer_off(g);
	buf_pad(&g->body);
	evbuffer_add(g->in, head.p, head.n);
	G->current = g;
	bufferevent_trigger(g->bev, EV_READ, 0);
	G->current = NULL;
	if (!g->handed && g->bev != NULL) {
		/* evhttp refused what we made ourselves. */
		log_warnx("gate: evhttp refused a canonical request");
		evbuffer_drain(g->out, evbuffer_get_length(g->out));
		gate_conn_refuse(g, ERR_BAD_REQUEST, NULL);
	}
}

/*
 * Bytes from the client.
 */

/* Takes a parsed head; false if the request was refused. */
static bool
gate_conn_take_head(struct gate_conn *g, const struct http1_req *r)
{
	struct gate *G = g->gate;
	const char *text = NULL;
	enum error_id id;

	g->started = false;
	g->start_ns = clock_ns();
	g->v10 = r->v10;
	g->close = r->close || G->draining;
	g->head_only = r->method == HTTP1_HEAD;
	g->left = r->has_length ? r->length : 0;
	id = G->ops->head(g, r, &text, G->arg);
	if (id == ERR_NONE && g->left > G->body_max)
		id = ERR_TOO_LARGE;
	if (id != ERR_NONE) {
		gate_conn_refuse(g, id, text);
		return false;
	}
	if (!r->chunked && g->left == 0)
		return true;
	if (!gate_conn_body_room(g, g->left < GATE_BODY_STEP ?
	    (size_t)g->left : GATE_BODY_STEP)) {
		gate_conn_refuse(g, ERR_OVERLOADED,
		    "Too many request bodies are waiting. Try again");
		return false;
	}
	memset(&g->chunk, 0, sizeof g->chunk);
	g->state = r->chunked ? GATE_CHUNKED : GATE_BODY;
	g->body_ms = clock_ms();
	gate_conn_timer_on(g, GATE_T_BODY);
	return true;
}

static void
gate_conn_continue(struct gate_conn *g)
{
	static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec v = { text, sizeof text - 1 };

	if (conn_writev(&g->conn, &v, 1) < 0)
		log_debug("100 Continue could not be written");
}

/* More of the body has come; false if it was refused. */
static bool
gate_conn_body_more(struct gate_conn *g)
{
	uint64_t ms = clock_ms() - g->body_ms;

	/* A minimum rate, judged once half a minute is over. */
	if (ms > g->gate->timeout[GATE_T_BODY] &&
	    (g->body.n + g->chunk.total) * 1000 / ms < g->gate->body_rate) {
		gate_conn_refuse(g, ERR_REQUEST_TIMEOUT,
		    "The request body arrives too slowly");
		return false;
	}
	gate_conn_timer_on(g, GATE_T_BODY);
	return true;
}

/* Bytes of a body with Content-Length; returns how many were used. */
static size_t
gate_conn_take_body(struct gate_conn *g, const char *p, size_t n)
{
	size_t k = n < g->left ? n : (size_t)g->left;

	if (!gate_conn_body_room(g, k)) {
		gate_conn_refuse(g, ERR_OVERLOADED,
		    "Too many request bodies are waiting. Try again");
		return n;
	}
	memcpy(g->body.p + g->body.n, p, k);
	g->body.n += k;
	g->left -= k;
	if (g->left == 0)
		gate_conn_deliver(g);
	else
		gate_conn_body_more(g);
	return k;
}

static size_t
gate_conn_take_chunks(struct gate_conn *g, const char *p, size_t n)
{
	size_t off = 0, used;
	struct span d;
	int r = 0;

	while (off < n && r == 0) {
		r = http1_chunk_feed(&g->chunk, p + off, n - off,
		    g->gate->body_max, &used, &d);
		if (r < 0) {
			gate_conn_refuse(g, gate_conn_status_error(-r), NULL);
			return n;
		}
		off += used;
		if (d.n == 0)
			continue;
		if (!gate_conn_body_room(g, d.n)) {
			gate_conn_refuse(g, ERR_OVERLOADED, "Too many request "
			    "bodies are waiting. Try again");
			return n;
		}
		memcpy(g->body.p + g->body.n, d.p, d.n);
		g->body.n += d.n;
	}
	if (r == 1)
		gate_conn_deliver(g);
	else
		gate_conn_body_more(g);
	return off;
}

/*
 * Parses what is there, as far as it goes; returns how many bytes are used
 * up.  Stops when a request is with its owner or the connection is refused.
 */
static size_t
gate_conn_parse(struct gate_conn *g, const char *p, size_t n)
{
	struct http1_req r;
	size_t off = 0;
	long len;

	while (g->bev != NULL && off < n) {
		switch (g->state) {
		case GATE_HEAD:
			len = http1_req_parse(p + off, n - off, &r);
			if (len < 0) {
				g->head_only = false;
				g->start_ns = clock_ns();
				gate_conn_refuse(g,
				    gate_conn_status_error((int)-len), NULL);
				return n;
			}
			if (len == 0) {
				if (!g->started)
					gate_conn_timer_on(g, GATE_T_HEAD);
				g->started = true;
				return off;
			}
			off += (size_t)len;
			if (!gate_conn_take_head(g, &r))
				return n;
			if (g->state == GATE_HEAD)
				gate_conn_deliver(g);
			else if (r.expect && off == n)
				gate_conn_continue(g);
			break;
		case GATE_BODY:
			off += gate_conn_take_body(g, p + off, n - off);
			break;
		case GATE_CHUNKED:
			off += gate_conn_take_chunks(g, p + off, n - off);
			break;
		default:
			return off;
		}
	}
	return g->bev != NULL ? off : n;
}

/* Goes on with what waited while a request was being answered. */
static void
gate_conn_parse_pending(struct gate_conn *g)
{
	struct buf b = g->pending;
	size_t used;

	memset(&g->pending, 0, sizeof g->pending);
	used = gate_conn_parse(g, b.p, b.n);
	if (g->bev != NULL && used < b.n) {
		buf_drain(&b, used);
		if (g->pending.n == 0) {
			g->pending = b;
			return;
		}
	}
	buf_fini(&b);
}

static void
gate_conn_feed(struct gate_conn *g, const char *p, size_t n)
{
	size_t used = 0;

	if (g->state == GATE_BUSY || g->pending.n > 0) {
		buf_add(&g->pending, p, n);
		if (g->state != GATE_BUSY)
			gate_conn_parse_pending(g);
		else if (g->pending.n > GATE_PENDING) {
			log_debug("gate: a client pipelined too much");
			gate_conn_kill(g, BEV_EVENT_ERROR);
		}
		return;
	}
	used = gate_conn_parse(g, p, n);
	if (g->bev != NULL && used < n)
		buf_add(&g->pending, p + used, n - used);
}

static void
gate_conn_read_linger(struct gate_conn *g)
{
	ssize_t n = conn_read(&g->conn, g->gate->scratch, GATE_SCRATCH);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || g->left < (uint64_t)n) {
		g->state = GATE_DEAD;
		g->close = false;
		gate_conn_mark(g);
	} else
		g->left -= (uint64_t)n;
}

static void
gate_conn_read(struct gate_conn *g)
{
	struct gate *G = g->gate;
	size_t room;
	ssize_t n;

	if (g->state == GATE_LINGERING) {
		gate_conn_read_linger(g);
		return;
	}
	if (g->state == GATE_BODY && g->pending.n == 0) {
		/* Straight into the body's buffer. */
		room = g->left < GATE_BODY_STEP ? (size_t)g->left :
		    GATE_BODY_STEP;
		if (!gate_conn_body_room(g, room)) {
			gate_conn_refuse(g, ERR_OVERLOADED, "Too many request "
			    "bodies are waiting. Try again");
			return;
		}
		n = conn_read(&g->conn, g->body.p + g->body.n, room);
		if (n > 0) {
			g->body.n += (size_t)n;
			g->left -= (uint64_t)n;
			if (g->left == 0)
				gate_conn_deliver(g);
			else
				gate_conn_body_more(g);
			return;
		}
	} else {
		n = conn_read(&g->conn, G->scratch, g->state == GATE_HEAD ?
		    GATE_FIRST_READ : GATE_SCRATCH);
		if (n > 0) {
			gate_conn_feed(g, G->scratch, (size_t)n);
			return;
		}
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	gate_conn_kill(g, n == 0 ? BEV_EVENT_EOF : BEV_EVENT_ERROR);
}

/*
 * Bytes to the client.
 */

/* The reply is out and evhttp is done with it. */
static void
gate_conn_next_request(struct gate_conn *g)
{
	g->done = false;
	gate_conn_body_drop(g);
	if (g->close || g->gate->draining) {
		gate_conn_linger(g);
		gate_conn_kill(g, BEV_EVENT_EOF);
		return;
	}
	g->state = GATE_HEAD;
	g->started = false;
	gate_conn_timer_on(g, GATE_T_IDLE);
	if (g->pending.n > 0)
		gate_conn_parse_pending(g);
}

void
gate_conn_flush(struct gate_conn *g)
{
	size_t len = evbuffer_get_length(g->out);
	ssize_t n;

	if (len > 0) {
		n = conn_write_evbuffer(&g->conn, g->out);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			gate_conn_kill(g, BEV_EVENT_ERROR);
			return;
		}
		if (evbuffer_get_length(g->out) > 0) {
			conn_want(&g->conn, true, true);
			/* A write stall: time since the last progress. */
			if (n > 0 || !g->timed)
				gate_conn_timer_on(g, GATE_T_WRITE);
			return;
		}
		if (g->timed)
			gate_conn_timer_off(g);
		if (g->conn.write_on)
			conn_want(&g->conn, true, false);
	}
	if (len == 0 || g->state != GATE_BUSY)
		return;
	/* The chunk's callback or send_done; may free evhttp's side. */
	bufferevent_trigger(g->bev, EV_WRITE, 0);
	if (g->bev != NULL && g->done)
		gate_conn_next_request(g);
}

void
gate_conn_cb(struct conn *c, int what, void *arg)
{
	struct gate_conn *g = arg;

	(void)c;
	if (what & CONN_FAILED) {
		log_debug("gate: TLS handshake: %s", conn_error(&g->conn));
		gate_conn_kill(g, BEV_EVENT_ERROR);
		return;
	}
	if (what & CONN_READY)
		conn_want(&g->conn, true, false);
	if ((what & CONN_WRITE) && g->bev != NULL)
		gate_conn_flush(g);
	if ((what & CONN_READ) && g->state != GATE_DEAD)
		gate_conn_read(g);
}

void
gate_conn_out_cb(struct evbuffer *b, const struct evbuffer_cb_info *info,
    void *arg)
{
	(void)b;
	if (info->n_added > 0)
		gate_conn_mark(arg);
}
