/* SPDX-License-Identifier: ISC */
/*
 * Order of things for one connection:
 *
 * 1. evhttp's listener accepts.  gate_bev_cb makes the bufferevent that
 *    evhttp will use and our struct; the descriptor is not known yet, so the
 *    connection goes on the dirty list.
 * 2. The dirty pass (same turn of the loop) takes the descriptor away from
 *    the bufferevent: evhttp now talks to two memory buffers.
 * 3. Bytes are read, the head is parsed, the owner's head hook judges it, the
 *    body is gathered in g->body.  Only when the request is complete does
 *    evhttp see it (gate_conn_deliver): exactly one request is ever inside evhttp,
 *    so pipelined bytes, its weak parser and its read-disable trap are out of
 *    reach.
 * 4. evhttp's output is noticed by an evbuffer callback and written in the
 *    next dirty pass; when all is out, bufferevent_trigger tells evhttp.
 * 5. FIN, reset, a timeout or our own refusal: evhttp is told by
 *    bufferevent_trigger_event and frees its side; closecb then reports gone.
 *
 * Five FIFO lists with one constant timeout each (head, idle, body, write,
 * linger) and one sweep replace a timer per connection.  No timer runs while
 * a reply is pending or between tokens.
 */
#include "http/gate.h"

#include <sys/resource.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jscan.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "http/gate_state.h"

#define GATE_SWEEP_MS	100
#define GATE_SPARE_SWEEPS 10
#define GATE_CONN_MIN	1024
#define GATE_CONN_MAX	20000
#define GATE_503	"{\"error\":{\"message\":\"The gateway is at its " \
	"limit\",\"type\":\"server_error\",\"param\":null," \
	"\"code\":\"overloaded\"}}"

/*
 * Accepting.
 */

/* Over the limit of the process: 503 and away. */
static void
gate_turn_away(struct gate_conn *g)
{
	if (g->gate->tls == NULL) {
		gate_conn_refuse(g, ERR_OVERLOADED, NULL);
		return;
	}
	gate_conn_kill(g, BEV_EVENT_ERROR);
}

static void
gate_attach(struct gate_conn *g)
{
	struct gate *G = g->gate;
	socklen_t len = sizeof g->peer;
	int fd, one = 1;

	fd = bufferevent_getfd(g->bev);
	bufferevent_setfd(g->bev, -1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (getpeername(fd, (struct sockaddr *)&g->peer, &len) != 0)
		g->peer.ss_family = AF_UNSPEC;
	conn_accepted(&g->conn, G->base, fd, gate_conn_cb, g);
	g->state = GATE_HEAD;
	g->started = true;
	gate_conn_timer_on(g, GATE_T_HEAD);
	g->counted = true;
	if (atomic_fetch_add_explicit(&G->shared->connections, 1,
	    memory_order_relaxed) >= G->shared->connections_max) {
		gate_turn_away(g);
		return;
	}
	if (G->tls != NULL && conn_tls_server(&g->conn, G->tls) != 0) {
		gate_conn_kill(g, BEV_EVENT_ERROR);
		return;
	}
	if (G->tls == NULL)
		conn_want(&g->conn, true, false);
}

/* The only thread-local: evconnlistener's error callback gets evhttp's
 * argument, not ours. */
static _Thread_local struct gate *gate_this;

static void
gate_dirty_cb(evutil_socket_t fd, short what, void *arg)
{
	struct gate *G = arg;
	struct gate_dirty list = STAILQ_HEAD_INITIALIZER(list);
	struct gate_conn *g;

	(void)fd;
	(void)what;
	gate_this = G;
	G->flushing = false;
	STAILQ_CONCAT(&list, &G->dirty);
	while ((g = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, dirty_entry);
		g->dirty = false;
		if (g->state == GATE_NEW && g->bev != NULL)
			gate_attach(g);
		else if (g->state == GATE_DEAD && g->close)
			gate_conn_linger(g);
		else if (g->state == GATE_DEAD)
			gate_conn_free(g);
		else if (g->bev != NULL)
			gate_conn_flush(g);
	}
}

static struct bufferevent *
gate_bev_cb(struct event_base *base, void *arg)
{
	struct gate *G = arg;
	struct gate_conn *g;

	g = xcalloc(1, sizeof *g + G->extra);
	g->gate = G;
	g->conn.fd = -1;
	g->state = GATE_NEW;
	/* With this option evhttp does not close the descriptor, and the
	 * bufferevent then has none to close: we do. */
	g->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (g->bev == NULL)
		fatalx("gate: no bufferevent");
	g->in = bufferevent_get_input(g->bev);
	g->out = bufferevent_get_output(g->bev);
	evbuffer_add_cb(g->out, gate_conn_out_cb, g);
	TAILQ_INSERT_TAIL(&G->conns, g, entry);
	gate_conn_mark(g);
	return g->bev;
}

static void
gate_sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	struct gate *G = arg;
	uint64_t now = clock_ms();
	struct gate_conn *g;
	unsigned t;

	(void)fd;
	(void)what;
	if (++G->spare_sweeps >= GATE_SPARE_SWEEPS) {
		G->spare_sweeps = 0;
		for (t = 0; t < G->nspare; t++)
			buf_fini(&G->spare[t]);
	}
	for (t = 0; t < GATE_TIMERS; t++) {
		while ((g = TAILQ_FIRST(&G->timers[t])) != NULL &&
		    g->deadline <= now) {
			gate_conn_timer_off(g);
			if (t == GATE_T_LINGER) {
				g->state = GATE_DEAD;
				g->close = false;
				gate_conn_mark(g);
			} else if ((t == GATE_T_HEAD && g->pending.n > 0) ||
			    t == GATE_T_BODY) {
				g->start_ns = clock_ns();
				gate_conn_refuse(g, ERR_REQUEST_TIMEOUT, NULL);
			} else
				gate_conn_kill(g, BEV_EVENT_TIMEOUT);
		}
	}
}

/* No descriptor left: one connection is told so through the reserve. */
static void
gate_emfile(struct gate *G, struct evconnlistener *lev)
{
	uint64_t now = clock_ms(), last;
	struct timeval tv = { 0, 100000 };
	int fd, reserve;
	unsigned i;

	reserve = atomic_exchange(&G->shared->reserve_fd, -1);
	if (reserve >= 0) {
		close(reserve);
		fd = accept4(evconnlistener_get_fd(lev), NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (G->tls == NULL && dprintf(fd, "HTTP/1.1 503 "
			    "Service Unavailable\r\nContent-Type: "
			    "application/json\r\nContent-Length: %zu\r\n"
			    "Connection: close\r\nRetry-After: 1\r\n\r\n%s",
			    strlen(GATE_503), GATE_503) < 0)
				log_debug("503 could not be written");
			close(fd);
		}
		reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
		atomic_store(&G->shared->reserve_fd, reserve);
	}
	last = atomic_load(&G->shared->emfile_log_ms);
	if (now - last >= 1000 && atomic_compare_exchange_strong(
	    &G->shared->emfile_log_ms, &last, now))
		log_warnx("no file descriptor left for a connection: raise "
		    "LimitNOFILE (ulimit -n)");
	for (i = 0; i < G->nlisteners; i++)
		evconnlistener_disable(G->listeners[i]);
	event_add(&G->resume, &tv);
}

static void
gate_accept_error_cb(struct evconnlistener *lev, void *arg)
{
	int err = errno;

	(void)arg;
	if (err == EMFILE || err == ENFILE || err == ENOMEM ||
	    err == ENOBUFS)
		gate_emfile(gate_this, lev);
}

static void
gate_resume_cb(evutil_socket_t fd, short what, void *arg)
{
	struct gate *G = arg;
	unsigned i;

	(void)fd;
	(void)what;
	for (i = 0; i < G->nlisteners && !G->draining; i++)
		evconnlistener_enable(G->listeners[i]);
}

/*
 * The gate as a whole.
 */

void
gate_shared_init(struct gate_shared *s, unsigned max)
{
	struct rlimit rl;

	memset(s, 0, sizeof *s);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
			log_debug("RLIMIT_NOFILE could not be raised");
		getrlimit(RLIMIT_NOFILE, &rl);
	} else
		rl.rlim_cur = GATE_CONN_MIN;
	if (max == 0) {
		max = GATE_CONN_MAX;
		if (rl.rlim_cur / 2 < GATE_CONN_MAX + 64)
			max = rl.rlim_cur / 2 > 128 ?
			    (unsigned)(rl.rlim_cur / 2) - 64 : 64;
	}
	s->connections_max = max;
	atomic_init(&s->reserve_fd, open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void
gate_shared_fini(struct gate_shared *s)
{
	int fd = atomic_exchange(&s->reserve_fd, -1);

	if (fd >= 0)
		close(fd);
}

void
gate_set_limits(struct gate *G, const struct conf_limits *l)
{
	G->timeout[GATE_T_HEAD] = l->head_ms;
	G->timeout[GATE_T_IDLE] = l->idle_ms;
	G->timeout[GATE_T_BODY] = l->body_idle_ms;
	G->timeout[GATE_T_WRITE] = l->write_ms;
	G->timeout[GATE_T_LINGER] = l->linger_ms;
	G->body_max = l->body_max;
	G->body_total_max = l->body_total_max;
	G->body_rate = l->body_min_rate;
}

struct gate *
gate_new(const struct gate_args *a)
{
	struct timeval tv = { 0, GATE_SWEEP_MS * 1000 };
	struct gate *G = xcalloc(1, sizeof *G);
	unsigned i;

	G->base = a->base;
	G->shared = a->shared;
	G->ops = a->ops;
	G->arg = a->arg;
	G->extra = a->extra;
	G->tls = a->tls;
	G->spare = a->spare;
	G->nspare = a->nspare;
	for (i = 0; i < GATE_TIMERS; i++)
		TAILQ_INIT(&G->timers[i]);
	TAILQ_INIT(&G->conns);
	STAILQ_INIT(&G->dirty);
	gate_set_limits(G, a->limits);
	G->scratch = xcalloc(1, GATE_SCRATCH + JSCAN_PAD);
	event_assign(&G->flush, a->base, -1, 0, gate_dirty_cb, G);
	event_assign(&G->resume, a->base, -1, 0, gate_resume_cb, G);
	event_assign(&G->sweep, a->base, -1, EV_PERSIST, gate_sweep_cb, G);
	event_add(&G->sweep, &tv);
	G->http = evhttp_new(a->base);
	if (G->http == NULL)
		fatalx("gate: no evhttp");
	evhttp_set_allowed_methods(G->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_default_content_type(G->http, NULL);
	evhttp_set_bevcb(G->http, gate_bev_cb, G);
	evhttp_set_gencb(G->http, gate_conn_request_cb, G);
	/* The first thing on the worker's own thread: sets gate_this. */
	G->flushing = true;
	event_active(&G->flush, EV_TIMEOUT, 0);
	return G;
}

int
gate_listen(struct gate *G, int fd)
{
	struct evconnlistener *lev;

	if (G->nlisteners == GATE_LISTENERS)
		return -1;
	lev = evconnlistener_new(G->base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (lev == NULL)
		return -1;
	if (evhttp_bind_listener(G->http, lev) == NULL) {
		evconnlistener_free(lev);
		return -1;
	}
	/* After evhttp_bind_listener, which resets it. */
	evconnlistener_set_error_cb(lev, gate_accept_error_cb);
	G->listeners[G->nlisteners++] = lev;
	return 0;
}

void
gate_drain(struct gate *G)
{
	struct gate_conn *g, *next;
	unsigned i;

	G->draining = true;
	for (i = 0; i < G->nlisteners; i++)
		evconnlistener_disable(G->listeners[i]);
	for (g = TAILQ_FIRST(&G->conns); g != NULL; g = next) {
		next = TAILQ_NEXT(g, entry);
		if (g->state == GATE_HEAD && !g->started)
			gate_conn_kill(g, BEV_EVENT_EOF);
		else
			g->close = true;
	}
}

void
gate_free(struct gate *G)
{
	struct gate_conn *g;

	if (G == NULL)
		return;
	event_del(&G->sweep);
	event_del(&G->resume);
	while ((g = TAILQ_FIRST(&G->conns)) != NULL) {
		if (g->state == GATE_NEW) {
			g->conn.fd = bufferevent_getfd(g->bev);
			bufferevent_setfd(g->bev, -1);
			conn_accepted(&g->conn, G->base, g->conn.fd,
			    gate_conn_cb, g);
		}
		gate_conn_kill(g, BEV_EVENT_EOF);
		gate_conn_free(g);
	}
	event_del(&G->flush);
	evhttp_free(G->http);
	free(G->scratch);
	if (gate_this == G)
		gate_this = NULL;
	free(G);
}

void *
gate_extra(struct gate_conn *g)
{
	return g->extra;
}

void
gate_body(struct gate_conn *g, struct buf *b)
{
	*b = g->body;
	memset(&g->body, 0, sizeof g->body);
}

void
gate_head_lines(struct gate_conn *g, struct span lines)
{
	struct evbuffer_ptr eol;
	char status[128];
	size_t n;

	if (g->bev == NULL || lines.n == 0)
		return;
	eol = evbuffer_search_eol(g->out, NULL, &n, EVBUFFER_EOL_CRLF_STRICT);
	if (eol.pos < 0 || (size_t)eol.pos + n > sizeof status)
		return;
	n += (size_t)eol.pos;
	evbuffer_remove(g->out, status, n);
	evbuffer_prepend(g->out, lines.p, lines.n);
	evbuffer_prepend(g->out, status, n);
}

size_t
gate_queued(const struct gate_conn *g)
{
	return g->bev == NULL ? 0 : evbuffer_get_length(g->out);
}

void
gate_close_after(struct gate_conn *g)
{
	g->close = true;
}

bool
gate_will_close(const struct gate_conn *g)
{
	return g->close;
}

const struct sockaddr *
gate_peer(const struct gate_conn *g)
{
	return (const struct sockaddr *)&g->peer;
}

uint64_t
gate_start_ns(const struct gate_conn *g)
{
	return g->start_ns;
}

bool
gate_is_tls(const struct gate_conn *g)
{
	return g->gate->tls != NULL;
}
