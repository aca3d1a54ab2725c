/* SPDX-License-Identifier: ISC */
/*
 * A connection reads one request at a time, gives it to sim.c and plays the
 * reply.  It keeps reading while the reply plays, because the test wants to
 * know when and how its client left; what arrives is kept for the next
 * request, up to CONN_AHEAD bytes.
 */
#include "conn.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <openssl/err.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "proxy.h"
#include "reply.h"
#include "rules.h"

#define CONN_AHEAD	(1024 * 1024)
#define CONN_LINGER_US	2000000

static void	conn_step(struct conn *);

static void
conn_free(void *arg)
{
	struct conn *c = arg;

	reply_free(c->reply);
	record_unref(c->rec);
	http_fini(&c->req);
	buf_fini(&c->in);
	if (c->ssl != NULL)
		SSL_free(c->ssl);
	free(c);
}

void
conn_close(struct conn *c, enum record_end by)
{
	struct linger hard = { .l_onoff = 1 };
	struct sim *sim = c->sim;
	int fd = c->io.fd;

	if (c->closed)
		return;
	c->closed = true;
	if (c->rec != NULL)
		records_closed(sim->records, c->id, c->rec, by,
		    sim_now_ms(sim));
	loop_timer_clear(sim->loop, &c->timer);
	control_forget(sim->control, c);
	if (c->proxy != NULL)
		proxy_close(c->proxy);
	loop_del(sim->loop, &c->io);
	if (by == RECORD_SERVER_RST)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		sim->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	sim->nconns--;
	loop_later(sim->loop, conn_free, c);
}

static void
conn_events(struct conn *c, bool write)
{
	uint32_t ev = 0;

	if (!c->paused)
		ev |= EPOLLIN;
	if (!c->half_closed)
		ev |= EPOLLRDHUP;
	if (write)
		ev |= EPOLLOUT;
	loop_mod(c->sim->loop, &c->io, ev);
}

void
conn_want_write(struct conn *c, bool on)
{
	conn_events(c, on);
}

/* What an SSL call that returned n asks for. */
static ssize_t
conn_ssl_result(struct conn *c, int n)
{
	int e = SSL_get_error(c->ssl, n);

	ERR_clear_error();
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return CONN_AGAIN;
	return e == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t
conn_write(struct conn *c, const void *p, size_t len)
{
	ssize_t n;
	int m;

	if (c->ssl != NULL) {
		m = SSL_write(c->ssl, p, len > 65536 ? 65536 : (int)len);
		if (m > 0)
			return m;
		n = conn_ssl_result(c, m);
		return n == 0 ? -1 : n;
	}
	do
		n = send(c->io.fd, p, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CONN_AGAIN;
	return n;
}

static ssize_t
conn_read(struct conn *c, void *p, size_t len)
{
	ssize_t n;
	int m;

	if (c->ssl != NULL) {
		errno = 0;
		m = SSL_read(c->ssl, p, (int)len);
		if (m > 0)
			return m;
		n = conn_ssl_result(c, m);
		/* FIN without close_notify is still a FIN here. */
		return n == -1 && errno == 0 ? 0 : n;
	}
	do
		n = recv(c->io.fd, p, len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CONN_AGAIN;
	return n;
}

void
conn_finish(struct conn *c, enum record_end by)
{
	if (c->closed)
		return;
	if (c->rec != NULL)
		records_finish(c->sim->records, c->rec, by,
		    sim_now_ms(c->sim));
	if (c->ssl != NULL && c->state != CONN_TLS) {
		SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	shutdown(c->io.fd, SHUT_WR);
	c->fin_sent = true;
	if (c->half_closed) {
		conn_close(c, RECORD_SERVER_FIN);
		return;
	}
	reply_free(c->reply);
	c->reply = NULL;
	c->state = CONN_LINGER;
	c->paused = false;
	conn_events(c, false);
	loop_timer_set(c->sim->loop, &c->timer, CONN_LINGER_US);
}

/* A complete request: records it and has it answered. */
static void
conn_request(struct conn *c)
{
	struct sim *sim = c->sim;
	struct record *old = c->rec;
	bool own;

	own = c->control || strncmp(c->req.path, "/__sim/", 7) == 0;
	c->rec = records_add(sim->records, &c->req, sim_now_ms(sim), !own);
	record_unref(old);
	c->rec->at_ms = c->head_ms;
	c->rec->conn = c->id;
	c->rec->ordinal = ++c->requests;
	c->rec->tls = c->ssl != NULL;
	c->state = CONN_REPLY;
	sim_handle(c);
}

static void
conn_bad_request(struct conn *c)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Connection: close\r\n\r\n400 Bad Request";
	struct sim *sim = c->sim;

	record_unref(c->rec);
	c->rec = records_add(sim->records, &c->req, sim_now_ms(sim), true);
	c->rec->conn = c->id;
	c->rec->ordinal = ++c->requests;
	c->rec->tls = c->ssl != NULL;
	c->rec->malformed = true;
	c->rec->status = 400;
	if (conn_write(c, text, sizeof(text) - 1) > 0)
		c->rec->bytes = sizeof(text) - 1;
	buf_clear(&c->in);
	conn_finish(c, RECORD_COMPLETE);
}

/* Tries to complete the head; false when more bytes are needed. */
static bool
conn_head(struct conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	switch (http_head(&c->req, &c->in)) {
	case HTTP_MORE:
		return false;
	case HTTP_BAD:
		conn_bad_request(c);
		return false;
	case HTTP_OK:
		break;
	}
	c->head_ms = sim_now_ms(c->sim);
	c->state = CONN_BODY;
	if (sim_early(c)) {
		c->early = true;
		conn_request(c);
		return false;
	}
	if (c->req.expect)
		conn_write(c, go_on, sizeof(go_on) - 1);
	return true;
}

/* Reads requests out of the input until one is being answered. */
static void
conn_step(struct conn *c)
{
	enum http_result rc;

	while (!c->closed &&
	    (c->state == CONN_HEAD || c->state == CONN_BODY)) {
		if (c->state == CONN_HEAD && (c->in.len == 0 || !conn_head(c)))
			return;
		rc = http_body(&c->req, &c->in);
		if (rc == HTTP_MORE)
			return;
		if (rc == HTTP_BAD) {
			conn_bad_request(c);
			return;
		}
		conn_request(c);
	}
}

void
conn_next(struct conn *c, bool close)
{
	struct sim *sim = c->sim;
	struct reply *reply = c->reply;
	const struct script *s = reply != NULL ? reply->script : NULL;

	if (c->rec != NULL)
		records_finish(sim->records, c->rec, RECORD_COMPLETE,
		    sim_now_ms(sim));
	c->reply = NULL;
	c->stale = s != NULL && (script_is(s->close, "reuse") ||
	    script_is(s->close, "reuse_rst"));
	c->stale_rst = s != NULL && script_is(s->close, "reuse_rst");
	if (s != NULL && script_is(s->close, "after"))
		close = true;
	if (close || c->early || c->half_closed) {
		conn_finish(c, RECORD_COMPLETE);
	} else {
		c->state = CONN_HEAD;
		if (s != NULL && script_is(s->close, "idle"))
			loop_timer_set(sim->loop, &c->timer,
			    script_us(s->idle_ms < 0 ? 50 : s->idle_ms));
		c->paused = false;
		conn_events(c, false);
	}
	reply_free(reply);
}

/* The client sent FIN. */
static void
conn_eof(struct conn *c)
{
	if (c->state == CONN_REPLY && c->reply != NULL &&
	    c->reply->script->ignore_fin) {
		c->half_closed = true;
		c->paused = true;
		conn_events(c, (c->io.events & EPOLLOUT) != 0);
		return;
	}
	conn_close(c, c->fin_sent ? RECORD_SERVER_FIN : RECORD_CLIENT_FIN);
}

/* Bytes on a connection whose script closes it when it is used again. */
static bool
conn_stale(struct conn *c)
{
	if (!c->stale || c->state != CONN_HEAD)
		return false;
	c->sim->stale++;
	if (c->stale_rst)
		conn_close(c, RECORD_SERVER_RST);
	else
		conn_finish(c, RECORD_SERVER_FIN);
	return true;
}

static void
conn_readable(struct conn *c)
{
	ssize_t n = 1;
	int rounds;

	for (rounds = 0; !c->closed && (rounds < 64 ||
	    (c->ssl != NULL && SSL_pending(c->ssl) > 0)); rounds++) {
		if (c->state == CONN_REPLY && c->in.len > CONN_AHEAD) {
			c->paused = true;
			conn_events(c, (c->io.events & EPOLLOUT) != 0);
			return;
		}
		buf_room(&c->in, 65536);
		n = conn_read(c, c->in.data + c->in.len, 65536);
		if (n <= 0)
			break;
		c->in.len += (size_t)n;
		c->in.data[c->in.len] = '\0';
		if (c->state == CONN_LINGER)
			buf_clear(&c->in);
		if (c->state == CONN_HEAD)
			loop_timer_clear(c->sim->loop, &c->timer);
		if (conn_stale(c))
			return;
		conn_step(c);
	}
	if (c->closed)
		return;
	if (n == 0)
		conn_eof(c);
	else if (n == -1)
		conn_close(c, c->fin_sent ? RECORD_SERVER_FIN :
		    RECORD_CLIENT_RST);
}

static void
conn_handshake(struct conn *c)
{
	int n;

	n = SSL_accept(c->ssl);
	if (n == 1) {
		c->state = CONN_HEAD;
		conn_events(c, false);
		return;
	}
	if (conn_ssl_result(c, n) != CONN_AGAIN) {
		c->sim->tls_failed++;
		conn_close(c, RECORD_CLIENT_FIN);
		return;
	}
	conn_events(c, SSL_want_write(c->ssl));
}

static void
conn_io(void *arg, uint32_t ev)
{
	struct conn *c = arg;
	int e = 0;
	socklen_t len = sizeof(e);

	if (c->state == CONN_TUNNEL) {
		proxy_io(c->proxy, ev);
		return;
	}
	if (c->state == CONN_TLS)
		conn_handshake(c);
	if (c->closed || c->state == CONN_TLS)
		return;
	if ((ev & EPOLLERR) != 0) {
		getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &e, &len);
		conn_close(c, RECORD_CLIENT_RST);
		return;
	}
	if ((ev & (EPOLLIN | EPOLLHUP)) != 0 && !c->paused)
		conn_readable(c);
	else if ((ev & EPOLLRDHUP) != 0 && !c->half_closed)
		conn_eof(c);
	if (!c->closed && (ev & EPOLLOUT) != 0 && c->reply != NULL)
		reply_run(c->reply);
	if (!c->closed && c->state == CONN_HEAD && c->in.len > 0)
		conn_step(c);
}

static void
conn_timer(void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_REPLY && c->reply != NULL) {
		reply_timer(c->reply);
		if (!c->closed && c->state == CONN_HEAD)
			conn_step(c);
	} else if (c->state == CONN_LINGER) {
		conn_close(c, RECORD_SERVER_FIN);
	} else if (c->state == CONN_HEAD) {
		conn_finish(c, RECORD_SERVER_FIN);
	}
}

/*
 * A rule for new connections: hang (nothing is ever read), wire (bytes, TLS
 * or not, then FIN) or cut (rst; else FIN).
 */
static void
conn_accept_rule(struct conn *c, struct script *s)
{
	struct buf b = { 0 };

	if (s->hang) {
		c->paused = c->half_closed = true;
		conn_events(c, false);
	} else if (script_bytes(s->wire, s->wire_b64, &b)) {
		if (send(c->io.fd, b.data, b.len, MSG_NOSIGNAL) >= 0)
			conn_finish(c, RECORD_SERVER_FIN);
	} else {
		conn_close(c, script_is(s->cut, "rst") ? RECORD_SERVER_RST :
		    RECORD_SERVER_FIN);
	}
	buf_fini(&b);
	script_unref(s);
}

void
conn_open(struct sim *sim, int fd, bool tls, bool control)
{
	struct script *s = NULL;
	struct conn *c;
	int one = 1;

	c = buf_alloc(sizeof(*c));
	c->sim = sim;
	c->id = ++sim->conn_ids;
	c->control = control;
	c->io.fd = -1;
	c->io.cb = conn_io;
	c->timer.cb = conn_timer;
	c->io.arg = c->timer.arg = c;
	c->state = CONN_HEAD;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls) {
		c->ssl = SSL_new(sim->tls);
		if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
			abort();
		c->state = CONN_TLS;
	}
	c->next = sim->conns;
	if (c->next != NULL)
		c->next->prev = c;
	sim->conns = c;
	if (++sim->nconns > sim->conns_max)
		sim->conns_max = sim->nconns;
	if (loop_add(sim->loop, &c->io, fd, EPOLLIN | EPOLLRDHUP) < 0) {
		c->io.fd = fd;
		conn_close(c, RECORD_SERVER_RST);
		return;
	}
	if (!control)
		s = rules_accept(sim->rules);
	if (s != NULL)
		conn_accept_rule(c, s);
}

size_t
conn_drop(struct sim *sim, bool all, bool rst)
{
	struct conn *c, *next;
	size_t n = 0;

	for (c = sim->conns; c != NULL; c = next) {
		next = c->next;
		if (c->control || c->reply == NULL) {
			/* a long poll or a half-read request is not idle */
			if (c->state != CONN_HEAD || c->control)
				continue;
		} else if (!all) {
			continue;
		}
		n++;
		if (rst)
			conn_close(c, RECORD_SERVER_RST);
		else
			conn_finish(c, RECORD_SERVER_FIN);
	}
	return n;
}
