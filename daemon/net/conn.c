/* SPDX-License-Identifier: ISC */
/*
 * Two persistent events per socket, added only while somebody wants them.
 * Whatever ends in the owner's callback calls it last, for the owner may
 * close the conn there.
 */
#include "net/conn.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "net/conn_tls.h"

#define CONN_FLAT	4096	/* bytes sent as one piece */
#define CONN_PIECES	64

void
conn_apply(struct conn *c)
{
	bool r = c->read_on, w = c->write_on;

	if (!c->ready) {
		w = c->tls == NULL || c->tls->hello_writes;
		r = !w;
	} else if (c->tls != NULL) {
		r = (c->read_on && !c->tls->read_writes) ||
		    (c->write_on && c->tls->write_reads);
		w = (c->write_on && !c->tls->write_reads) ||
		    (c->read_on && c->tls->read_writes);
	}
	if (r != c->rev_on) {
		if (r)
			event_add(&c->rev, NULL);
		else
			event_del(&c->rev);
		c->rev_on = r;
	}
	if (w != c->wev_on) {
		if (w)
			event_add(&c->wev, NULL);
		else
			event_del(&c->wev);
		c->wev_on = w;
	}
}

/* No event of the socket is reported any more. */
static void
conn_silence(struct conn *c)
{
	event_del(&c->rev);
	event_del(&c->wev);
	c->rev_on = c->wev_on = false;
}

void
conn_fail(struct conn *c, int errnum)
{
	conn_silence(c);
	c->ready = false;
	c->err = errnum;
	c->cb(c, CONN_FAILED, c->arg);
}

/* The connect has ended, one way or the other. */
static void
conn_connected(struct conn *c)
{
	socklen_t len = sizeof c->err;

	if (c->err == 0 &&
	    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &c->err, &len) != 0)
		c->err = errno;
	if (c->err != 0) {
		conn_fail(c, c->err);
		return;
	}
	c->ready = true;
	conn_apply(c);
	c->cb(c, CONN_READY, c->arg);
}

static void
conn_event(struct conn *c, short event)
{
	int what;

	if (!c->ready) {
		if (c->tls != NULL)
			conn_tls_step(c);
		else
			conn_connected(c);
		return;
	}
	if (c->tls != NULL)
		what = conn_tls_what(c, event);
	else if (event == EV_READ)
		what = c->read_on ? CONN_READ : 0;
	else
		what = c->write_on ? CONN_WRITE : 0;
	if (what != 0)
		c->cb(c, what, c->arg);
}

static void
conn_read_cb(evutil_socket_t fd, short event, void *arg)
{
	(void)fd;
	(void)event;
	conn_event(arg, EV_READ);
}

static void
conn_write_cb(evutil_socket_t fd, short event, void *arg)
{
	(void)fd;
	(void)event;
	conn_event(arg, EV_WRITE);
}

static void
conn_init(struct conn *c, struct event_base *base, int fd, conn_cb cb,
    void *arg)
{
	memset(c, 0, sizeof *c);
	c->base = base;
	c->fd = fd;
	c->cb = cb;
	c->arg = arg;
	event_assign(&c->rev, base, fd, EV_READ | EV_PERSIST, conn_read_cb, c);
	event_assign(&c->wev, base, fd, EV_WRITE | EV_PERSIST, conn_write_cb,
	    c);
}

void
conn_accepted(struct conn *c, struct event_base *base, int fd, conn_cb cb,
    void *arg)
{
	conn_init(c, base, fd, cb, arg);
	c->ready = true;
}

void
conn_connect(struct conn *c, struct event_base *base,
    const struct sockaddr *sa, socklen_t len, conn_cb cb, void *arg)
{
	int fd, one = 1, err = 0;

	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd < 0)
		err = errno;
	else {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (connect(fd, sa, len) != 0)
			err = errno;
	}
	conn_init(c, base, fd, cb, arg);
	if (err == EINPROGRESS || err == EINTR) {
		conn_apply(c);
		return;
	}
	c->err = err;
	event_active(&c->wev, EV_WRITE, 1);
}

void
conn_want(struct conn *c, bool read, bool write)
{
	bool rouse = read && !c->read_on;

	if (read == c->read_on && write == c->write_on)
		return;
	c->read_on = read;
	c->write_on = write;
	if (!c->ready)
		return;
	conn_apply(c);
	if (rouse && c->tls != NULL)
		conn_tls_rouse(c);
}

ssize_t
conn_read(struct conn *c, void *p, size_t n)
{
	ssize_t r;

	if (!c->ready) {
		errno = EAGAIN;
		return -1;
	}
	if (c->tls != NULL)
		return conn_tls_read(c, p, n);
	do
		r = recv(c->fd, p, n, 0);
	while (r < 0 && errno == EINTR);
	return r;
}

/*
 * As sendmsg(2).  What is small goes as one piece: the kernel's walk over a
 * vector costs more than copying some hundred bytes once more.
 */
static ssize_t
conn_send(int fd, const struct iovec *v, int n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)v,
	    .msg_iovlen = (size_t)n };
	char flat[CONN_FLAT];
	size_t len = 0;
	int i;

	if (n == 1)
		return send(fd, v->iov_base, v->iov_len, MSG_NOSIGNAL);
	for (i = 0; i < n && v[i].iov_len <= sizeof flat - len; i++) {
		memcpy(flat + len, v[i].iov_base, v[i].iov_len);
		len += v[i].iov_len;
	}
	if (i == n)
		return send(fd, flat, len, MSG_NOSIGNAL);
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

ssize_t
conn_writev(struct conn *c, const struct iovec *v, int n)
{
	ssize_t r;

	if (n > CONN_PIECES)
		n = CONN_PIECES;
	if (!c->ready) {
		errno = EAGAIN;
		return -1;
	}
	if (c->tls != NULL)
		return conn_tls_writev(c, v, n);
	do
		r = conn_send(c->fd, v, n);
	while (r < 0 && errno == EINTR);
	return r;
}

ssize_t
conn_write_evbuffer(struct conn *c, struct evbuffer *b)
{
	struct evbuffer_iovec v[CONN_PIECES];
	ssize_t r, total = 0;
	size_t size;
	int i, n;

	do {
		n = evbuffer_peek(b, -1, NULL, v, CONN_PIECES);
		if (n > CONN_PIECES)
			n = CONN_PIECES;
		for (size = 0, i = 0; i < n; i++)
			size += v[i].iov_len;
		if (size == 0)
			return total;
		r = conn_writev(c, v, n);
		if (r < 0)
			return total > 0 ? total : -1;
		evbuffer_drain(b, (size_t)r);
		total += r;
	} while ((size_t)r == size);
	return total;
}

void
conn_shutdown(struct conn *c)
{
	if (c->fd < 0)
		return;
	if (c->tls != NULL)
		conn_tls_shutdown(c);
	shutdown(c->fd, SHUT_WR);
}

void
conn_close(struct conn *c)
{
	if (c->base == NULL)
		return;
	conn_silence(c);
	if (c->tls != NULL)
		conn_tls_free(c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->base = NULL;
	c->ready = false;
}

const char *
conn_error(const struct conn *c)
{
	if (c->tls != NULL && c->tls->why[0] != '\0')
		return c->tls->why;
	return strerror(c->err);
}
