/* SPDX-License-Identifier: ISC */
/*
 * A link opens in steps, each of which ends in link_next or link_fail:
 *
 *   resolve -> connect (address after address) -> [CONNECT] -> [TLS] -> open
 *
 * The time for all addresses together is limits.connect_ms; while others are
 * left, one address gets at most half of what remains, so that a dead first
 * one does not use it all up.
 */
#include "upstream/link.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/jscan.h"
#include "base/xmalloc.h"
#include "net/http1.h"
#include "net/tls.h"
#include "route/deploy.h"
#include "upstream/trust.h"

#define LINK_SWEEP_MS	5000
#define LINK_PROXY_MAX	8192

static void	link_connect(struct link *l);

static void
link_timer(struct link *l, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000 };

	event_add(&l->timer, &tv);
}

/* Closes and frees now, or later if we are inside one of its callbacks. */
void
link_close(struct link *l)
{
	struct timeval now = { 0, 0 };

	if (l->state == LINK_DEAD)
		return;
	if (l->state == LINK_IDLE)
		TAILQ_REMOVE(&l->pool->idle, l, idle_entry);
	l->state = LINK_DEAD;
	l->ops = NULL;
	event_del(&l->timer);
	conn_close(&l->conn);
	TAILQ_REMOVE(&l->up->links, l, entry);
	TAILQ_INSERT_TAIL(&l->up->doomed, l, entry);
	event_add(&l->up->later, &now);
}

static void
link_free(struct link *l)
{
	buf_fini(&l->proxy);
	free(l->answer);
	free(l);
}

/* Frees what died during this turn of the loop. */
static void
link_later_cb(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *up = arg;
	struct link *l;

	(void)fd;
	(void)what;
	while ((l = TAILQ_FIRST(&up->doomed)) != NULL) {
		TAILQ_REMOVE(&up->doomed, l, entry);
		link_free(l);
	}
}

static void
link_fail(struct link *l, enum upstream_end how, const char *what)
{
	const struct link_ops *ops = l->ops;
	void *owner = l->owner;

	/* Until the tunnel is asked for it is the proxy that failed. */
	if (l->pool->proxied && l->state <= LINK_CONNECT)
		snprintf(l->why, sizeof l->why, "%s (the proxy %s:%u of "
		    "HTTPS_PROXY)", what, l->up->shared->proxy.host,
		    l->up->shared->proxy.port);
	else
		snprintf(l->why, sizeof l->why, "%s", what);
	l->ops = NULL;
	if (ops != NULL)
		ops->failed(l, how, l->why, owner);
	link_close(l);
}

static void
link_opened(struct link *l)
{
	event_del(&l->timer);
	free(l->answer);
	l->answer = NULL;
	buf_fini(&l->proxy);
	l->state = LINK_OPEN;
	conn_want(&l->conn, true, false);
	l->ops->open(l, l->owner);
}

static void
link_tls(struct link *l)
{
	const char *cause = "TLS is not available";

	if (l->pool->policy == NULL) {
		link_opened(l);
		return;
	}
	l->state = LINK_TLS;
	if (tls_policy_load(l->pool->policy, &cause) != 0 ||
	    conn_tls_client(&l->conn, l->pool->policy, l->pool->host) != 0) {
		link_fail(l, UPSTREAM_UNREACHABLE, cause);
		return;
	}
	link_timer(l, l->up->limits.tls_ms);
}

/* Asks the proxy for a tunnel (RFC 9110 9.3.6). */
static void
link_proxy(struct link *l)
{
	const struct upstream_proxy *px = &l->up->shared->proxy;
	bool v6 = strchr(l->pool->host, ':') != NULL;
	struct iovec v;
	char *req;
	int n;

	n = xasprintf(&req, "CONNECT %s%s%s:%u HTTP/1.1\r\n"
	    "Host: %s%s%s:%u\r\n%s%s%s\r\n", v6 ? "[" : "", l->pool->host,
	    v6 ? "]" : "", l->pool->port, v6 ? "[" : "", l->pool->host,
	    v6 ? "]" : "", l->pool->port,
	    px->auth != NULL ? "Proxy-Authorization: " : "",
	    px->auth != NULL ? px->auth : "", px->auth != NULL ? "\r\n" : "");
	v = (struct iovec){ req, (size_t)n };
	l->state = LINK_PROXY;
	conn_want(&l->conn, true, false);
	/* A fresh socket takes this little at once. */
	if (conn_writev(&l->conn, &v, 1) != n)
		link_fail(l, UPSTREAM_UNREACHABLE, "the proxy does not read");
	free(req);
}

static void
link_proxy_read(struct link *l)
{
	struct http1_reply *r;
	char why[64];
	ssize_t n;
	long len;

	n = conn_read(&l->conn, buf_need(&l->proxy, LINK_PROXY_MAX),
	    LINK_PROXY_MAX);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || l->proxy.n + (size_t)n > LINK_PROXY_MAX) {
		link_fail(l, UPSTREAM_UNREACHABLE,
		    "the proxy closed the connection");
		return;
	}
	l->proxy.n += (size_t)n;
	r = xmalloc(sizeof *r);
	len = http1_reply_parse(l->proxy.p, l->proxy.n, true, r);
	if (len < 0 || (len > 0 && r->status / 100 != 2)) {
		snprintf(why, sizeof why, "the proxy answered %d to CONNECT",
		    len < 0 ? 0 : r->status);
		link_fail(l, UPSTREAM_UNREACHABLE, why);
	} else if (len > 0 && (size_t)len != l->proxy.n)
		link_fail(l, UPSTREAM_INVALID, "bytes before the tunnel");
	else if (len > 0)
		link_tls(l);
	free(r);
}

static bool
link_more_addrs(const struct link *l)
{
	return l->answer != NULL && l->addr + 1 < l->answer->n;
}

/* The address being tried does not work: the next one, or the end. */
static void
link_next(struct link *l, enum upstream_end how, const char *what)
{
	if (!link_more_addrs(l) || clock_ms() >= l->deadline_ms) {
		link_fail(l, how, what);
		return;
	}
	conn_close(&l->conn);
	l->addr++;
	link_connect(l);
}

static void
link_idle_event(struct link *l)
{
	char byte;
	ssize_t n;

	/* FIN, an error, or bytes that nobody asked for: useless.  TLS may
	 * have read a session ticket only: then there is nothing. */
	n = conn_read(&l->conn, &byte, 1);
	if (n < 0 && errno == EAGAIN)
		return;
	link_close(l);
}

static void
link_conn_cb(struct conn *c, int what, void *arg)
{
	struct link *l = arg;

	if (what & CONN_FAILED) {
		if (l->state == LINK_TLS)
			link_fail(l, UPSTREAM_UNREACHABLE, conn_error(c));
		else
			link_next(l, UPSTREAM_UNREACHABLE, conn_error(c));
		return;
	}
	switch (l->state) {
	case LINK_CONNECT:
		if (!(what & CONN_READY))
			return;
		if (l->pool->proxied)
			link_proxy(l);
		else
			link_tls(l);
		return;
	case LINK_PROXY:
		link_proxy_read(l);
		return;
	case LINK_TLS:
		if (what & CONN_READY)
			link_opened(l);
		return;
	case LINK_IDLE:
		link_idle_event(l);
		return;
	case LINK_OPEN:
	case LINK_DRAIN:
		if (l->ops != NULL)
			l->ops->ready(l, what, l->owner);
		return;
	default:
		return;
	}
}

static void
link_connect(struct link *l)
{
	const union resolve_addr *a = &l->answer->addr[l->addr];
	uint64_t now = clock_ms(), left;

	left = l->deadline_ms > now ? l->deadline_ms - now : 1;
	if (link_more_addrs(l))
		left = left / 2 + 1;
	l->state = LINK_CONNECT;
	link_timer(l, left);
	conn_connect(&l->conn, l->up->base, &a->sa, resolve_addr_len(a),
	    link_conn_cb, l);
}

static void
link_resolved(struct link *l)
{
	char why[160];

	if (l->answer->n == 0) {
		snprintf(why, sizeof why, "%s", l->answer->error);
		link_fail(l, UPSTREAM_UNREACHABLE, why);
		return;
	}
	l->addr = 0;
	link_connect(l);
}

/* The resolver's answer: the ticket tells whether anybody still waits. */
static void
link_resolve_cb(const struct resolve_answer *a, uint64_t ticket, void *arg)
{
	struct upstream *up = arg;
	struct link *l;

	TAILQ_FOREACH(l, &up->links, entry)
		if (l->state == LINK_RESOLVE && l->ticket == ticket)
			break;
	if (l == NULL)
		return;
	*l->answer = *a;
	event_del(&l->timer);
	link_resolved(l);
}

static void
link_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	(void)fd;
	(void)what;
	switch (l->state) {
	case LINK_RESOLVE:
		/* Either the answer was there at once, or time is up. */
		if (l->answer->n != 0 || l->answer->eai != 0)
			link_resolved(l);
		else
			link_fail(l, UPSTREAM_TIMEOUT,
			    "the name did not resolve in time");
		break;
	case LINK_CONNECT:
		link_next(l, UPSTREAM_TIMEOUT, "connecting took too long");
		break;
	case LINK_PROXY:
		link_fail(l, UPSTREAM_TIMEOUT, "the proxy took too long");
		break;
	case LINK_TLS:
		link_fail(l, UPSTREAM_TIMEOUT,
		    "the TLS handshake took too long");
		break;
	default:
		link_fail(l, UPSTREAM_TIMEOUT, "draining took too long");
		break;
	}
}

void
link_drain(struct link *l, uint64_t ms)
{
	l->state = LINK_DRAIN;
	link_timer(l, ms);
}

/* True if the host is covered by NO_PROXY: "*", a suffix, an exact name. */
static bool
link_no_proxy(const struct upstream_proxy *px, const char *host)
{
	union resolve_addr a;
	size_t hl = strlen(host), n;
	const char *p;

	if (strcasecmp(host, "localhost") == 0 ||
	    (resolve_literal(host, 1, &a) && resolve_is_loopback(&a.sa)))
		return true;
	for (p = px->no_proxy; p != NULL && *p != '\0'; p += n) {
		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n == 1 && *p == '*')
			return true;
		while (n > 0 && *p == '.') {
			p++;
			n--;
		}
		if (n == 0 || n > hl ||
		    strncasecmp(host + hl - n, p, n) != 0)
			continue;
		if (n == hl || host[hl - n - 1] == '.')
			return true;
	}
	return false;
}

static struct link_pool *
link_pool_get(struct upstream *up, const struct backend *b)
{
	const struct upstream_shared *s = up->shared;
	struct link_pool *p;

	TAILQ_FOREACH(p, &up->pools, entry)
		if (p->port == b->port && p->tls == b->tls &&
		    p->verify == b->tls_verify &&
		    strcmp(p->host, b->host) == 0 &&
		    (p->ca == NULL) == (b->tls_ca == NULL) &&
		    (p->ca == NULL || strcmp(p->ca, b->tls_ca) == 0))
			return p;
	p = xcalloc(1, sizeof *p);
	p->host = xstrdup(b->host);
	p->port = b->port;
	p->tls = b->tls;
	p->verify = b->tls_verify;
	p->ca = b->tls_ca == NULL ? NULL : xstrdup(b->tls_ca);
	if (b->tls)
		p->policy = trust_get(s->trust, b->tls_verify, b->tls_ca);
	p->proxied = b->tls && s->proxy.host != NULL &&
	    !link_no_proxy(&s->proxy, b->host);
	TAILQ_INIT(&p->idle);
	TAILQ_INSERT_TAIL(&up->pools, p, entry);
	return p;
}

static void
link_open(struct link *l)
{
	const struct upstream_proxy *px = &l->up->shared->proxy;
	bool proxied = l->pool->proxied;

	l->answer = xcalloc(1, sizeof *l->answer);
	l->deadline_ms = clock_ms() + l->up->limits.connect_ms;
	l->state = LINK_RESOLVE;
	l->ticket = ++l->up->tickets;
	/* An answer that is there at once is used from the loop all the same:
	 * nothing is reported from inside link_get. */
	if (resolve_ask(l->up->shared->resolve,
	    proxied ? px->host : l->pool->host,
	    proxied ? px->port : l->pool->port, l->up->box, link_resolve_cb,
	    l->ticket, l->up, l->answer))
		link_timer(l, 0);
	else
		link_timer(l, l->up->limits.connect_ms);
}

struct link *
link_get(struct upstream *up, const struct backend *b, bool fresh,
    const struct link_ops *ops, void *owner)
{
	struct link_pool *p = link_pool_get(up, b);
	struct link *l;

	l = fresh ? NULL : TAILQ_FIRST(&p->idle);
	if (l != NULL) {
		TAILQ_REMOVE(&p->idle, l, idle_entry);
		l->state = LINK_OPEN;
		l->ops = ops;
		l->owner = owner;
		return l;
	}
	l = xcalloc(1, sizeof *l);
	l->up = up;
	l->pool = p;
	l->ops = ops;
	l->owner = owner;
	l->conn.fd = -1;
	event_assign(&l->timer, up->base, -1, 0, link_timer_cb, l);
	TAILQ_INSERT_TAIL(&up->links, l, entry);
	link_open(l);
	return l;
}

void
link_keep(struct link *l)
{
	event_del(&l->timer);
	l->ops = NULL;
	l->owner = NULL;
	l->used = true;
	l->state = LINK_IDLE;
	l->idle_ms = clock_ms();
	TAILQ_INSERT_HEAD(&l->pool->idle, l, idle_entry);
	conn_want(&l->conn, true, false);
	if (!evtimer_pending(&l->up->sweep, NULL)) {
		struct timeval tv = { LINK_SWEEP_MS / 1000, 0 };

		event_add(&l->up->sweep, &tv);
	}
}

/* Drops idle links that are too old; runs only while there are any. */
static void
link_sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *up = arg;
	struct timeval tv = { LINK_SWEEP_MS / 1000, 0 };
	uint64_t now = clock_ms();
	struct link_pool *p;
	struct link *l;
	bool left = false;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(p, &up->pools, entry) {
		while ((l = TAILQ_LAST(&p->idle, link_list)) != NULL &&
		    now - l->idle_ms >= up->limits.idle_ms)
			link_close(l);
		left |= !TAILQ_EMPTY(&p->idle);
	}
	if (left)
		event_add(&up->sweep, &tv);
}

void
link_init(struct upstream *up)
{
	TAILQ_INIT(&up->pools);
	TAILQ_INIT(&up->links);
	TAILQ_INIT(&up->doomed);
	event_assign(&up->sweep, up->base, -1, 0, link_sweep_cb, up);
	event_assign(&up->later, up->base, -1, 0, link_later_cb, up);
	up->scratch = xcalloc(1, LINK_SCRATCH + JSCAN_PAD * 2);
}

void
link_fini(struct upstream *up)
{
	struct link_pool *p;
	struct link *l;

	while ((l = TAILQ_FIRST(&up->links)) != NULL)
		link_close(l);
	link_later_cb(-1, 0, up);
	event_del(&up->later);
	event_del(&up->sweep);
	while ((p = TAILQ_FIRST(&up->pools)) != NULL) {
		TAILQ_REMOVE(&up->pools, p, entry);
		free(p->host);
		free(p->ca);
		free(p);
	}
	free(up->scratch);
}
