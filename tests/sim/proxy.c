/* SPDX-License-Identifier: ISC */
/*
 * A CONNECT proxy.  The client's connection changes to state CONN_TUNNEL and
 * hands its events here; each direction has one buffer, and a side is read
 * only while the other's buffer is empty enough.
 */
#include "proxy.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"

#define PROXY_MAX	262144

struct proxy {
	struct conn	*conn;
	struct loop_io	 io;		/* the target */
	struct buf	 up;		/* client to target */
	struct buf	 down;
	bool		 open;		/* connected, 200 sent */
	bool		 up_eof, down_eof;
};

static void	proxy_pump(struct proxy *);

static void
proxy_free(void *arg)
{
	struct proxy *p = arg;

	buf_fini(&p->up);
	buf_fini(&p->down);
	free(p);
}

void
proxy_close(struct proxy *p)
{
	int fd = p->io.fd;

	if (fd >= 0) {
		loop_del(p->conn->sim->loop, &p->io);
		close(fd);
	}
	p->conn->proxy = NULL;
	loop_later(p->conn->sim->loop, proxy_free, p);
}

/* Reads what fits; false when the side is gone. */
static bool
proxy_fill(int fd, struct buf *b, bool *eof)
{
	ssize_t n;

	while (!*eof && b->len < PROXY_MAX) {
		buf_room(b, 65536);
		n = recv(fd, b->data + b->len, 65536, 0);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			*eof = true;
		b->len += (size_t)n;
	}
	return true;
}

static bool
proxy_drain(int fd, struct buf *b)
{
	ssize_t n;

	while (b->len > 0) {
		n = send(fd, b->data, b->len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		buf_drop(b, (size_t)n);
	}
	return true;
}

static uint32_t
proxy_events(const struct buf *in, bool eof, const struct buf *out)
{
	return (!eof && in->len < PROXY_MAX ? EPOLLIN : 0) |
	    (out->len > 0 ? EPOLLOUT : 0);
}

/* Moves bytes both ways; ends the tunnel when both sides are done. */
static void
proxy_pump(struct proxy *p)
{
	struct conn *c = p->conn;
	bool ok;

	ok = proxy_fill(c->io.fd, &p->up, &p->up_eof) &&
	    proxy_fill(p->io.fd, &p->down, &p->down_eof) &&
	    proxy_drain(p->io.fd, &p->up) && proxy_drain(c->io.fd, &p->down);
	if (p->up_eof && p->up.len == 0)
		shutdown(p->io.fd, SHUT_WR);
	if (p->down_eof && p->down.len == 0)
		shutdown(c->io.fd, SHUT_WR);
	if (!ok || (p->up_eof && p->down_eof && p->up.len == 0 &&
	    p->down.len == 0)) {
		conn_close(c, p->down_eof ? RECORD_SERVER_FIN :
		    RECORD_CLIENT_FIN);
		return;
	}
	loop_mod(c->sim->loop, &c->io,
	    proxy_events(&p->up, p->up_eof, &p->down));
	loop_mod(c->sim->loop, &p->io,
	    proxy_events(&p->down, p->down_eof, &p->up));
}

static void
proxy_refuse(struct conn *c, const char *why)
{
	struct buf b = { 0 };

	buf_addf(&b, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s", strlen(why), why);
	c->rec->status = 502;
	send(c->io.fd, b.data, b.len, MSG_NOSIGNAL);
	buf_fini(&b);
	conn_finish(c, RECORD_COMPLETE);
}

/* The connect is over: answers the client. */
static void
proxy_connected(struct proxy *p)
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	struct conn *c = p->conn;
	socklen_t len = sizeof(int);
	int e = 0;

	getsockopt(p->io.fd, SOL_SOCKET, SO_ERROR, &e, &len);
	if (e != 0) {
		c->state = CONN_REPLY;
		proxy_close(p);
		proxy_refuse(c, strerror(e));
		return;
	}
	p->open = true;
	c->rec->status = 200;
	c->sim->tunnels++;
	buf_add(&p->down, ok, sizeof(ok) - 1);
	proxy_pump(p);
}

void
proxy_io(struct proxy *p, uint32_t ev)
{
	if (p->open)
		proxy_pump(p);
	else if ((ev & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
		conn_close(p->conn, RECORD_CLIENT_FIN);
}

static void
proxy_target_io(void *arg, uint32_t ev)
{
	struct proxy *p = arg;

	(void)ev;
	if (p->open)
		proxy_pump(p);
	else
		proxy_connected(p);
}

/* A connecting socket for "host:port", or -1. */
static int
proxy_dial(const char *target)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	char *copy = buf_dup(target), *host = copy, *port;
	int fd = -1;

	port = strrchr(copy, ':');
	if (port == NULL) {
		free(copy);
		return -1;
	}
	*port++ = '\0';
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		host++;
	}
	if (getaddrinfo(host, port, &hints, &ai) == 0) {
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK |
		    SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 &&
		    errno != EINPROGRESS) {
			close(fd);
			fd = -1;
		}
		freeaddrinfo(ai);
	}
	free(copy);
	return fd;
}

void
proxy_start(struct conn *c)
{
	struct proxy *p;
	int fd;

	fd = proxy_dial(c->sim->proxy_to != NULL ? c->sim->proxy_to :
	    c->rec->req.target);
	if (fd < 0) {
		proxy_refuse(c, "cannot connect");
		return;
	}
	p = buf_alloc(sizeof(*p));
	p->conn = c;
	p->io.fd = -1;
	p->io.cb = proxy_target_io;
	p->io.arg = p;
	buf_add(&p->up, c->in.data, c->in.len);
	buf_clear(&c->in);
	c->proxy = p;
	c->state = CONN_TUNNEL;
	loop_mod(c->sim->loop, &c->io, EPOLLRDHUP);
	if (loop_add(c->sim->loop, &p->io, fd, EPOLLOUT) < 0) {
		close(fd);
		conn_close(c, RECORD_SERVER_RST);
	}
}
