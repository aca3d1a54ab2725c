/* SPDX-License-Identifier: ISC */
/*
 * A worker owns everything that its requests touch; main talks to it by
 * messages only.
 *
 * Snapshots: main posts a new one to each worker and counts how many have it.
 * A worker counts the exchanges that use one, without atomics; a snapshot
 * that is no longer current and has no user left there goes back to main,
 * which frees it when all have returned it.
 */
#include "worker.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "access/limit.h"
#include "base/log.h"
#include "base/mbox.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "exchange/exchange.h"
#include "http/gate.h"
#include "http/server.h"
#include "net/listen.h"
#include "observe/ring.h"
#include "upstream/catalog.h"
#include "upstream/client.h"

/* A snapshot as one worker has it. */
struct worker_hold {
	SLIST_ENTRY(worker_hold) entry;
	struct conf		*conf;
	unsigned		 users;
};

struct worker {
	struct workers		*ws;
	unsigned		 index;
	pthread_t		 thread;
	struct exchange_env	 env;
	struct server		*server;
	struct mbox		*box;
	struct event		 box_event;
	SLIST_HEAD(, worker_hold) holds;	/* the current one first */
	_Atomic unsigned	 busy;
};

/* A snapshot as main knows it. */
struct workers_snapshot {
	SLIST_ENTRY(workers_snapshot) entry;
	struct conf		*conf;
	unsigned		 holders;	/* workers that have it */
	unsigned		 missing;	/* workers still to take it */
	void			(*done)(void *arg);
	void			*arg;
};

struct workers {
	struct workers_args	 args;
	struct gate_shared	 gates;
	struct meter		 gateway_rpm;
	unsigned		 n;
	struct worker		*v;
	SLIST_HEAD(, workers_snapshot) snapshots; /* the newest first */
};

struct worker_msg {
	struct mbox_msg		 msg;
	struct workers		*ws;
	struct conf		*conf;
};

static void
worker_msg_drop(struct mbox_msg *m)
{
	free(m);
}

static void
worker_post(struct workers *ws, struct mbox *to,
    void (*run)(struct mbox_msg *, void *), struct conf *c)
{
	struct worker_msg *m = xcalloc(1, sizeof *m);

	m->msg.run = run;
	m->msg.drop = worker_msg_drop;
	m->ws = ws;
	m->conf = c;
	mbox_post(to, &m->msg);
}

/*
 * On main's thread: what workers say about snapshots.
 */

static struct workers_snapshot *
workers_snapshot_of(struct workers *ws, const struct conf *c)
{
	struct workers_snapshot *s;

	SLIST_FOREACH(s, &ws->snapshots, entry)
		if (s->conf == c)
			return s;
	fatalx("a worker speaks of an unknown snapshot");
}

static void
workers_taken_run(struct mbox_msg *m, void *arg)
{
	struct worker_msg *wm = (struct worker_msg *)m;
	struct workers_snapshot *s = workers_snapshot_of(wm->ws, wm->conf);
	void (*done)(void *) = s->done;

	(void)arg;
	free(wm);
	if (--s->missing == 0 && done != NULL) {
		s->done = NULL;
		done(s->arg);
	}
}

static void
workers_returned_run(struct mbox_msg *m, void *arg)
{
	struct worker_msg *wm = (struct worker_msg *)m;
	struct workers *ws = wm->ws;
	struct workers_snapshot *s = workers_snapshot_of(ws, wm->conf);

	(void)arg;
	free(wm);
	/* The current one is main's too, to the very end. */
	if (--s->holders > 0 || s == SLIST_FIRST(&ws->snapshots))
		return;
	SLIST_REMOVE(&ws->snapshots, s, workers_snapshot, entry);
	ws->args.conf_free(s->conf, ws->args.conf_free_arg);
	free(s);
}

/*
 * On the worker's thread.
 */

static void
worker_return(struct worker *w, struct worker_hold *h)
{
	SLIST_REMOVE(&w->holds, h, worker_hold, entry);
	worker_post(w->ws, w->ws->args.main_box, workers_returned_run,
	    h->conf);
	free(h);
}

static void
worker_hold_cb(struct exchange_env *env, struct conf *c)
{
	struct worker *w = env->arg;

	/* Only the current one gets new users. */
	(void)c;
	SLIST_FIRST(&w->holds)->users++;
	atomic_fetch_add_explicit(&w->busy, 1, memory_order_relaxed);
}

static void
worker_release_cb(struct exchange_env *env, struct conf *c)
{
	struct worker *w = env->arg;
	struct worker_hold *h;

	atomic_fetch_sub_explicit(&w->busy, 1, memory_order_relaxed);
	SLIST_FOREACH(h, &w->holds, entry)
		if (h->conf == c)
			break;
	if (h != NULL && --h->users == 0 && h != SLIST_FIRST(&w->holds))
		worker_return(w, h);
}

static void
worker_take(struct worker *w, struct conf *c)
{
	struct worker_hold *h = xcalloc(1, sizeof *h), *old;

	old = SLIST_FIRST(&w->holds);
	h->conf = c;
	SLIST_INSERT_HEAD(&w->holds, h, entry);
	w->env.conf = c;
	if (old != NULL && old->users == 0)
		worker_return(w, old);
}

static void
worker_limits(const struct conf *c, struct upstream_limits *l)
{
	l->connect_ms = c->limits.connect_ms;
	l->tls_ms = c->limits.tls_ms;
	l->idle_ms = c->limits.pool_idle_ms;
}

static void
worker_publish_run(struct mbox_msg *m, void *arg)
{
	struct worker_msg *wm = (struct worker_msg *)m;
	struct exchange_env *env = arg;
	struct worker *w = env->arg;
	struct upstream_limits l;

	worker_take(w, wm->conf);
	worker_limits(wm->conf, &l);
	upstream_set_limits(env->up, &l);
	server_reconfigure(w->server);
	worker_post(w->ws, w->ws->args.main_box, workers_taken_run,
	    wm->conf);
	free(wm);
}

static void
worker_drain_run(struct mbox_msg *m, void *arg)
{
	struct exchange_env *env = arg;
	struct worker *w = env->arg;

	free(m);
	server_drain(w->server);
}

static void
worker_stop_run(struct mbox_msg *m, void *arg)
{
	struct exchange_env *env = arg;

	free(m);
	event_base_loopbreak(env->base);
}

static void
worker_box_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	mbox_run(arg);
}

static struct event_base *
worker_base_new(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	if (cfg == NULL)
		return NULL;
	/* One thread owns it; no descriptor is in it twice. */
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct worker_hold *h;
	unsigned i;

	event_base_loop(w->env.base, EVLOOP_NO_EXIT_ON_EMPTY);
	/* Clients first: each connection that goes cancels its exchange. */
	server_free(w->server);
	exchange_set_free(w->env.set);
	catalog_free(w->env.catalog);
	upstream_free(w->env.up);
	event_del(&w->box_event);
	while ((h = SLIST_FIRST(&w->holds)) != NULL)
		worker_return(w, h);
	mbox_close(w->box);
	event_base_free(w->env.base);
	buf_fini(&w->env.out);
	for (i = 0; i < EXCHANGE_SPARES; i++)
		buf_fini(&w->env.spare[i]);
	return NULL;
}

/*
 * Starting and stopping, on main's thread.
 */

static int
worker_listen(struct worker *w)
{
	struct listen_set *l = w->ws->args.listen;
	unsigned i;

	for (i = 0; i < l->n; i++) {
		if (server_listen(w->server,
		    l->fds[i * l->workers + w->index]) != 0)
			return -1;
		l->fds[i * l->workers + w->index] = -1;
	}
	return 0;
}

static int
worker_init(struct worker *w)
{
	struct workers *ws = w->ws;
	const struct conf *c = ws->args.conf;
	struct exchange_env *e = &w->env;
	struct upstream_limits l;
	struct server_args sa = { .env = e, .gates = &ws->gates,
	    .tls = ws->args.tls };

	SLIST_INIT(&w->holds);
	e->base = worker_base_new();
	w->box = mbox_new(e);
	if (e->base == NULL || w->box == NULL)
		return -1;
	e->ring = ring_new(ws->args.ring_wake_fd);
	e->gateway_rpm = &ws->gateway_rpm;
	e->worker = (uint8_t)w->index;
	e->instance = ws->args.instance;
	e->hold = worker_hold_cb;
	e->release = worker_release_cb;
	e->arg = w;
	e->set = exchange_set_new();
	worker_take(w, ws->args.conf);
	worker_limits(c, &l);
	e->up = upstream_new(e->base, ws->args.shared, w->box, &l);
	e->catalog = catalog_new(e->base, e->up);
	event_assign(&w->box_event, e->base, mbox_fd(w->box),
	    EV_READ | EV_PERSIST, worker_box_cb, w->box);
	event_add(&w->box_event, NULL);
	w->server = server_new(&sa);
	return worker_listen(w);
}

static void
workers_snapshot_add(struct workers *ws, struct conf *c,
    void (*done)(void *), void *arg, unsigned missing)
{
	struct workers_snapshot *s = xcalloc(1, sizeof *s);

	s->conf = c;
	s->holders = ws->n;
	s->missing = missing;
	s->done = done;
	s->arg = arg;
	SLIST_INSERT_HEAD(&ws->snapshots, s, entry);
}

struct workers *
workers_start(const struct workers_args *a)
{
	struct workers *ws = xcalloc(1, sizeof *ws);
	sigset_t all, old;
	unsigned i;

	ws->args = *a;
	ws->n = a->n;
	ws->v = xcalloc(a->n, sizeof *ws->v);
	SLIST_INIT(&ws->snapshots);
	gate_shared_init(&ws->gates, a->conf->limits.connections);
	workers_snapshot_add(ws, a->conf, NULL, NULL, 0);
	/* Signals are main's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < ws->n; i++) {
		ws->v[i].ws = ws;
		ws->v[i].index = i;
		if (worker_init(&ws->v[i]) != 0)
			fatal("worker %u cannot be started", i);
	}
	/* Only now, so that no client can use up what another one needs. */
	for (i = 0; i < ws->n; i++)
		if (pthread_create(&ws->v[i].thread, NULL, worker_main,
		    &ws->v[i]) != 0)
			fatal("worker %u cannot be started", i);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ws;
}

unsigned
workers_count(const struct workers *ws)
{
	return ws->n;
}

struct ring *
workers_ring(struct workers *ws, unsigned i)
{
	return ws->v[i].env.ring;
}

struct mbox *
workers_mbox(struct workers *ws, unsigned i)
{
	return ws->v[i].box;
}

int
workers_of_id(const struct workers *ws, uint64_t id)
{
	return (id & 0xff) < ws->n ? (int)(id & 0xff) : -1;
}

void
workers_publish(struct workers *ws, struct conf *c, void (*done)(void *),
    void *arg)
{
	unsigned i;

	workers_snapshot_add(ws, c, done, arg, ws->n);
	for (i = 0; i < ws->n; i++)
		worker_post(ws, ws->v[i].box, worker_publish_run, c);
}

struct conf *
workers_conf(const struct workers *ws)
{
	return SLIST_FIRST(&ws->snapshots)->conf;
}

void
workers_drain(struct workers *ws)
{
	unsigned i;

	for (i = 0; i < ws->n; i++)
		worker_post(ws, ws->v[i].box, worker_drain_run, NULL);
}

unsigned
workers_busy(const struct workers *ws)
{
	unsigned i, n = 0;

	for (i = 0; i < ws->n; i++)
		n += atomic_load_explicit(&ws->v[i].busy,
		    memory_order_relaxed);
	return n;
}

void
workers_stop(struct workers *ws)
{
	unsigned i;

	if (ws == NULL)
		return;
	for (i = 0; i < ws->n; i++)
		worker_post(ws, ws->v[i].box, worker_stop_run, NULL);
	for (i = 0; i < ws->n; i++)
		pthread_join(ws->v[i].thread, NULL);
}

void
workers_free(struct workers *ws)
{
	struct workers_snapshot *s;
	unsigned i;

	if (ws == NULL)
		return;
	while ((s = SLIST_FIRST(&ws->snapshots)) != NULL) {
		SLIST_REMOVE_HEAD(&ws->snapshots, entry);
		ws->args.conf_free(s->conf, ws->args.conf_free_arg);
		free(s);
	}
	for (i = 0; i < ws->n; i++)
		ring_free(ws->v[i].env.ring);
	gate_shared_fini(&ws->gates);
	free(ws->v);
	free(ws);
}
