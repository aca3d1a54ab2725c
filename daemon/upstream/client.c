/* SPDX-License-Identifier: ISC */
/*
 * A call: one request on a link and its reply.
 *
 *   wait for the link -> send -> head (1xx skipped) -> body -> end
 *
 * The reply is read into the thread's scratch; chunked content is moved
 * together there, so that each read gives at most one piece of data.  A call
 * that its owner has finished early goes on alone, without ops, until the
 * reply is drained and the link can be kept.
 */
#include "upstream/client.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jout.h"
#include "base/xmalloc.h"
#include "net/http1.h"
#include "route/deploy.h"
#include "upstream/link.h"

#define CALL_IOV	32
#define CALL_SPARE	64	/* kept for reuse */
#define CALL_1XX	8	/* interim replies that are skipped */
#define CALL_RETRY_MS	1000	/* a silent retry only this soon */
#define CALL_DRAIN_MS	200
#define CALL_DRAIN_MAX	65536

struct upstream_call {
	TAILQ_ENTRY(upstream_call) entry;
	struct upstream		*up;
	struct link		*link;
	const struct upstream_ops *ops;		/* NULL: draining */
	void			*arg;
	struct upstream_request	 req;
	struct buf		 head;		/* of the request */
	struct buf		 in;		/* a reply head in pieces */
	size_t			 sent;
	uint64_t		 sent_ms;
	uint64_t		 left;		/* of HTTP1_BODY_LENGTH */
	uint64_t		 drained;
	struct http1_chunk	 chunk;
	enum http1_body		 mode;
	unsigned		 interim;
	bool			 reused;
	bool			 retried;
	bool			 sent_all;
	bool			 got_byte;
	bool			 head_done;
	bool			 close;
	bool			*dead;		/* set when freed */
};

static const struct link_ops	call_link_ops;

struct upstream *
upstream_new(struct event_base *base, const struct upstream_shared *s,
    struct mbox *box, const struct upstream_limits *l)
{
	struct upstream *up = xcalloc(1, sizeof *up);

	up->base = base;
	up->shared = s;
	up->box = box;
	up->limits = *l;
	TAILQ_INIT(&up->calls);
	TAILQ_INIT(&up->spare);
	link_init(up);
	return up;
}

void
upstream_set_limits(struct upstream *up, const struct upstream_limits *l)
{
	up->limits = *l;
}

void
upstream_free(struct upstream *up)
{
	struct upstream_call *c;

	if (up == NULL)
		return;
	while ((c = TAILQ_FIRST(&up->calls)) != NULL)
		upstream_abort(c);
	link_fini(up);
	while ((c = TAILQ_FIRST(&up->spare)) != NULL) {
		TAILQ_REMOVE(&up->spare, c, entry);
		buf_fini(&c->head);
		free(c);
	}
	free(up);
}

static struct upstream_call *
call_new(struct upstream *up)
{
	struct upstream_call *c = TAILQ_FIRST(&up->spare);
	struct buf head = { 0 };

	if (c != NULL) {
		TAILQ_REMOVE(&up->spare, c, entry);
		up->nspare--;
		head = c->head;
		head.n = 0;
		memset(c, 0, sizeof *c);
		c->head = head;
	} else
		c = xcalloc(1, sizeof *c);
	c->up = up;
	TAILQ_INSERT_TAIL(&up->calls, c, entry);
	return c;
}

static void
call_free(struct upstream_call *c)
{
	struct upstream *up = c->up;

	if (c->dead != NULL)
		*c->dead = true;
	c->dead = NULL;
	buf_fini(&c->in);
	TAILQ_REMOVE(&up->calls, c, entry);
	if (up->nspare < CALL_SPARE && c->head.cap <= 4096) {
		TAILQ_INSERT_HEAD(&up->spare, c, entry);
		up->nspare++;
	} else {
		buf_fini(&c->head);
		free(c);
	}
}

/* The end of a call that still has its owner, or of a draining one. */
static void
call_end(struct upstream_call *c, enum upstream_end how, const char *what)
{
	const struct upstream_ops *ops = c->ops;
	void *arg = c->arg;

	call_free(c);
	if (ops != NULL)
		ops->end(arg, how, what);
}

static void
call_fail(struct upstream_call *c, enum upstream_end how, const char *what)
{
	if (c->link != NULL)
		link_close(c->link);
	call_end(c, how, what);
}

/* The reply is complete; extra bytes behind it make the link useless. */
static void
call_complete(struct upstream_call *c, bool extra)
{
	if (c->close || extra || !c->sent_all)
		link_close(c->link);
	else
		link_keep(c->link);
	call_end(c, UPSTREAM_OK, NULL);
}

static void
call_build_head(struct upstream_call *c)
{
	const struct upstream_request *r = &c->req;
	struct buf *b = &c->head;
	unsigned i;

	b->n = 0;
	buf_addz(b, r->method);
	buf_lit(b, " ");
	for (i = 0; i < sizeof r->path / sizeof r->path[0]; i++)
		if (r->path[i] != NULL)
			buf_addz(b, r->path[i]);
	if (r->query != NULL) {
		buf_lit(b, "?");
		buf_addz(b, r->query);
	}
	buf_lit(b, " HTTP/1.1\r\nHost: ");
	buf_addz(b, r->backend->authority);
	buf_lit(b, "\r\nUser-Agent: llmd/" LLMD_VERSION
	    "\r\nAccept-Encoding: identity\r\n");
	if (r->headers != NULL)
		buf_addz(b, r->headers);
	if (r->nbody > 0) {
		buf_lit(b, "Content-Type: application/json\r\n"
		    "Content-Length: ");
		jout_u64(b, r->body_len);
		buf_lit(b, "\r\n\r\n");
	} else
		buf_lit(b, "\r\n");
}

/* What is not sent yet, as iov; returns the number of pieces. */
static int
call_iov(const struct upstream_call *c, struct iovec *v)
{
	size_t skip = c->sent;
	const struct iovec *s;
	struct iovec head = { c->head.p, c->head.n };
	int i, n = 0;

	for (i = -1; i < c->req.nbody && n < CALL_IOV; i++) {
		s = i < 0 ? &head : &c->req.body[i];
		if (skip >= s->iov_len) {
			skip -= s->iov_len;
			continue;
		}
		v[n].iov_base = (char *)s->iov_base + skip;
		v[n].iov_len = s->iov_len - skip;
		skip = 0;
		n++;
	}
	return n;
}

/* The connection ended or broke; clean: in order (FIN, close_notify). */
static void
call_died(struct upstream_call *c, bool clean, const char *what)
{
	if (c->head_done && c->mode == HTTP1_BODY_EOF && clean) {
		link_close(c->link);
		call_end(c, UPSTREAM_EOF, NULL);
		return;
	}
	/* A kept connection that the server had closed already: once more,
	 * on a new one.  Later it may have been a paid answer. */
	if (c->ops != NULL && c->link->used && !c->got_byte && !c->retried &&
	    (!c->sent_all || clock_ms() - c->sent_ms <= CALL_RETRY_MS)) {
		link_close(c->link);
		c->retried = true;
		c->reused = false;
		c->sent = 0;
		c->sent_all = false;
		c->link = link_get(c->up, c->req.backend, true,
		    &call_link_ops, c);
		return;
	}
	call_fail(c, c->sent == 0 ? UPSTREAM_UNREACHABLE : UPSTREAM_CUT,
	    what);
}

/* Writes what the socket takes.  False if the call is gone; report: say so
 * when all is sent. */
static bool
call_send(struct upstream_call *c, bool report)
{
	struct iovec v[CALL_IOV];
	size_t total = c->head.n + c->req.body_len;
	bool dead = false;
	ssize_t n;

	while (c->sent < total) {
		n = conn_writev(&c->link->conn, v, call_iov(c, v));
		if (n >= 0) {
			c->sent += (size_t)n;
			continue;
		}
		if (errno == EAGAIN) {
			conn_want(&c->link->conn, true, true);
			return true;
		}
		/* It may have answered before it closed: reading tells. */
		conn_want(&c->link->conn, true, false);
		return true;
	}
	c->sent_all = true;
	c->sent_ms = clock_ms();
	conn_want(&c->link->conn, true, false);
	if (!report || c->ops->sent == NULL)
		return true;
	c->dead = &dead;
	c->ops->sent(c->arg);
	if (!dead)
		c->dead = NULL;
	return !dead;
}

/* Moves the content of all chunks in p[0..n) to its front. */
static int
call_dechunk(struct upstream_call *c, char *p, size_t n, size_t *len,
    size_t *used)
{
	struct span d;
	size_t off = 0, k;
	int r = 0;

	*len = 0;
	while (off < n && r == 0) {
		r = http1_chunk_feed(&c->chunk, p + off, n - off, UINT64_MAX,
		    &k, &d);
		if (r < 0)
			break;
		if (d.n > 0) {
			memmove(p + *len, d.p, d.n);
			*len += d.n;
		}
		off += k;
	}
	*used = off;
	return r;
}

static void
call_body(struct upstream_call *c, char *p, size_t n)
{
	size_t len = n, used = n;
	bool done = false, dead = false;
	int r = 0;

	if (c->mode == HTTP1_BODY_LENGTH) {
		len = used = n < c->left ? n : (size_t)c->left;
		c->left -= len;
		done = c->left == 0;
	} else if (c->mode == HTTP1_BODY_CHUNKED) {
		r = call_dechunk(c, p, n, &len, &used);
		done = r == 1;
	} else if (c->mode == HTTP1_BODY_NONE) {
		len = used = 0;
		done = true;
	}
	if (c->ops == NULL) {
		c->drained += len;
		if (c->drained > CALL_DRAIN_MAX)
			r = -1;
	} else if (len > 0) {
		c->dead = &dead;
		c->ops->data(c->arg, p, len);
		if (dead)
			return;
		c->dead = NULL;
	}
	/* A long stream need not keep the head that it was asked with. */
	if (!done && c->head.cap > 0 && c->sent_all)
		buf_fini(&c->head);
	if (r < 0)
		call_fail(c, UPSTREAM_INVALID, "bad chunked coding");
	else if (done)
		call_complete(c, used < n);
}

/* A complete reply head of len bytes at p. False if the call is gone. */
static bool
call_head(struct upstream_call *c, const struct http1_reply *r)
{
	bool dead = false;

	if (r->status == 101 || (r->status < 200 && ++c->interim > CALL_1XX)) {
		call_fail(c, UPSTREAM_INVALID, r->status == 101 ?
		    "it switched protocols" : "too many interim replies");
		return false;
	}
	if (r->status < 200)
		return true;
	c->head_done = true;
	c->mode = r->body;
	c->left = r->length;
	c->close = r->close;
	if (c->mode == HTTP1_BODY_LENGTH && c->left == 0)
		c->mode = HTTP1_BODY_NONE;
	c->dead = &dead;
	c->ops->head(c->arg, r);
	if (dead)
		return false;
	c->dead = NULL;
	return true;
}

/* n bytes at p (the scratch) arrived. */
static void
call_input(struct upstream_call *c, char *p, size_t n)
{
	struct http1_reply r;
	char *h;
	size_t hn, off = 0;
	long len;

	c->got_byte = true;
	while (!c->head_done) {
		h = p + off;
		hn = n - off;
		if (c->in.n > 0) {
			buf_add(&c->in, p, n);
			h = c->in.p;
			hn = c->in.n;
		}
		len = hn == 0 ? 0 : http1_reply_parse(h, hn,
		    strcmp(c->req.method, "HEAD") == 0, &r);
		if (len < 0) {
			call_fail(c, UPSTREAM_INVALID,
			    "its reply is not valid HTTP");
			return;
		}
		if (len == 0) {
			if (h != c->in.p)
				buf_add(&c->in, h, hn);
			return;
		}
		if (!call_head(c, &r))
			return;
		/* What follows the head goes on in the scratch. */
		if (h == c->in.p) {
			n = hn - (size_t)len;
			memcpy(p, h + len, n);
			off = 0;
			buf_fini(&c->in);
		} else
			off += (size_t)len;
	}
	if (off < n || c->mode == HTTP1_BODY_NONE)
		call_body(c, p + off, n - off);
}

static void
call_read(struct upstream_call *c)
{
	char *p = c->up->scratch;
	ssize_t n;

	n = conn_read(&c->link->conn, p, LINK_SCRATCH);
	if (n > 0)
		call_input(c, p, (size_t)n);
	else if (n == 0)
		call_died(c, true, "the connection was closed");
	else if (errno != EAGAIN && errno != EINTR)
		call_died(c, false, errno == ECONNRESET ?
		    "the connection was reset" : "the connection was cut");
}

static void
call_link_open(struct link *l, void *owner)
{
	struct upstream_call *c = owner;

	c->link = l;
	call_send(c, true);
}

static void
call_link_failed(struct link *l, enum upstream_end how, const char *what,
    void *owner)
{
	struct upstream_call *c = owner;

	(void)l;
	c->link = NULL;		/* the link closes itself */
	call_end(c, how, what);
}

static void
call_link_ready(struct link *l, int what, void *owner)
{
	struct upstream_call *c = owner;

	(void)l;
	if ((what & CONN_WRITE) && !c->sent_all && !call_send(c, true))
		return;
	if (what & CONN_READ)
		call_read(c);
}

static const struct link_ops call_link_ops = {
	.open = call_link_open,
	.failed = call_link_failed,
	.ready = call_link_ready,
};

struct upstream_call *
upstream_call(struct upstream *up, const struct upstream_request *r,
    const struct upstream_ops *ops, void *arg)
{
	struct upstream_call *c = call_new(up);

	c->req = *r;
	c->ops = ops;
	c->arg = arg;
	call_build_head(c);
	c->link = link_get(up, r->backend, false, &call_link_ops, c);
	if (c->link->state == LINK_OPEN) {
		c->reused = true;
		call_send(c, false);
	}
	return c;
}

void
upstream_pause(struct upstream_call *c)
{
	if (c->link != NULL && c->link->state == LINK_OPEN)
		conn_want(&c->link->conn, false, !c->sent_all);
}

void
upstream_resume(struct upstream_call *c)
{
	if (c->link != NULL && c->link->state == LINK_OPEN)
		conn_want(&c->link->conn, true, !c->sent_all);
}

void
upstream_abort(struct upstream_call *c)
{
	if (c->link != NULL)
		link_close(c->link);
	call_free(c);
}

void
upstream_finish(struct upstream_call *c, bool keep)
{
	if (!keep || !c->sent_all || !c->head_done || c->close ||
	    c->mode == HTTP1_BODY_EOF) {
		upstream_abort(c);
		return;
	}
	c->ops = NULL;
	c->arg = NULL;
	/* The owner may free what the request points to. */
	memset(&c->req, 0, sizeof c->req);
	c->req.method = "";
	link_drain(c->link, CALL_DRAIN_MS);
	conn_want(&c->link->conn, true, false);
}

bool
upstream_reused(const struct upstream_call *c)
{
	return c->reused;
}
