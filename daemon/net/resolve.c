/* SPDX-License-Identifier: ISC */
/*
 * A list of names under one mutex, newest use first.  A name that is busy is
 * in the queue or with a thread; whoever asks meanwhile waits at it.  Threads
 * start when there is work and none is idle.  They are detached: one that is
 * stuck in getaddrinfo when the resolver is freed finds `stopping` when it
 * comes back, touches no name any more, and the last one frees the rest.
 */
#include "net/resolve.h"

#include <sys/queue.h>

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mbox.h"
#include "base/xmalloc.h"

#define RESOLVE_THREADS		4
#define RESOLVE_NAMES		256	/* remembered */
#define RESOLVE_NAME_MAX	255
#define RESOLVE_KEEP_MS		30000
#define RESOLVE_FAIL_MS		1000
#define RESOLVE_STALE_MS	300000

struct resolve_waiter {
	STAILQ_ENTRY(resolve_waiter) entry;
	struct mbox	*mb;
	resolve_cb	 cb;
	uint64_t	 ticket;
	void		*arg;
	uint16_t	 port;
};
STAILQ_HEAD(resolve_waiters, resolve_waiter);

struct resolve_name {
	TAILQ_ENTRY(resolve_name) entry;
	STAILQ_ENTRY(resolve_name) queue_entry;
	char			 host[RESOLVE_NAME_MAX + 1];
	bool			 busy;
	bool			 known;		/* answer is one */
	uint64_t		 fetched_ms;	/* when it came */
	uint64_t		 fresh_ms;	/* until when it is fresh */
	struct resolve_answer	 answer;	/* ports are 0 */
	struct resolve_waiters	 waiters;
};

struct resolve {
	pthread_mutex_t		 lock;		/* of all below */
	pthread_cond_t		 work;
	pthread_cond_t		 left;		/* a thread has ended */
	TAILQ_HEAD(resolve_names, resolve_name) names;
	STAILQ_HEAD(, resolve_name) queue;
	unsigned		 nnames;
	unsigned		 nqueued;
	unsigned		 threads;
	unsigned		 idle;
	unsigned		 away;		/* in getaddrinfo */
	bool			 stopping;
	bool			 abandoned;	/* the last thread frees */
};

struct resolve_msg {
	struct mbox_msg		 msg;
	resolve_cb		 cb;
	uint64_t		 ticket;
	void			*arg;
	struct resolve_answer	 answer;
};

static void
resolve_set_port(struct resolve_answer *a, uint16_t port)
{
	unsigned i;

	for (i = 0; i < a->n; i++) {
		if (a->addr[i].sa.sa_family == AF_INET6)
			a->addr[i].in6.sin6_port = htons(port);
		else
			a->addr[i].in.sin_port = htons(port);
	}
}

static void
resolve_fail(struct resolve_answer *a, int eai, const char *text)
{
	a->n = 0;
	a->eai = eai;
	snprintf(a->error, sizeof a->error, "%s", text);
}

static void
resolve_destroy(struct resolve *r)
{
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->left);
	free(r);
}

/*
 * Answers.
 */

static void
resolve_msg_run(struct mbox_msg *m, void *arg)
{
	struct resolve_msg *rm = (struct resolve_msg *)m;

	(void)arg;
	rm->cb(&rm->answer, rm->ticket, rm->arg);
	free(rm);
}

static void
resolve_msg_drop(struct mbox_msg *m)
{
	free(m);
}

/* Sends a to everybody in list, which is empty afterwards. */
static void
resolve_tell(struct resolve_waiters *list, const struct resolve_answer *a)
{
	struct resolve_waiter *w;
	struct resolve_msg *m;

	while ((w = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, entry);
		m = xcalloc(1, sizeof *m);
		m->msg.run = resolve_msg_run;
		m->msg.drop = resolve_msg_drop;
		m->cb = w->cb;
		m->ticket = w->ticket;
		m->arg = w->arg;
		m->answer = *a;
		resolve_set_port(&m->answer, w->port);
		mbox_post(w->mb, &m->msg);
		mbox_unref(w->mb);
		free(w);
	}
}

static bool
resolve_has(const struct resolve_answer *a, const struct addrinfo *ai)
{
	unsigned i;

	for (i = 0; i < a->n; i++)
		if (memcmp(&a->addr[i], ai->ai_addr, ai->ai_addrlen) == 0)
			return true;
	return false;
}

/* Asks the system; blocks. */
static void
resolve_system(const char *host, struct resolve_answer *a)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM
	};
	struct addrinfo *list = NULL, *ai;
	int e;

	memset(a, 0, sizeof *a);
	errno = 0;
	e = getaddrinfo(host, NULL, &hints, &list);
	if (e != 0) {
		resolve_fail(a, e, e == EAI_SYSTEM && errno != 0 ?
		    strerror(errno) : gai_strerror(e));
		return;
	}
	for (ai = list; ai != NULL && a->n < RESOLVE_ADDRS; ai = ai->ai_next)
		if (((ai->ai_family == AF_INET &&
		    ai->ai_addrlen == sizeof(struct sockaddr_in)) ||
		    (ai->ai_family == AF_INET6 &&
		    ai->ai_addrlen == sizeof(struct sockaddr_in6))) &&
		    !resolve_has(a, ai))
			memcpy(&a->addr[a->n++], ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(list);
	if (a->n == 0)
		resolve_fail(a, EAI_NONAME, gai_strerror(EAI_NONAME));
}

/* A good answer that is old, but better than none. */
static bool
resolve_usable(const struct resolve_name *n, uint64_t now)
{
	return n->known && n->answer.eai == 0 &&
	    now - n->fetched_ms < RESOLVE_STALE_MS;
}

/* Keeps what came for n; an old answer outlives a failure that may pass. */
static void
resolve_keep(struct resolve_name *n, const struct resolve_answer *a)
{
	uint64_t now = clock_ms();

	n->busy = false;
	n->fresh_ms = now + (a->eai == 0 ? RESOLVE_KEEP_MS : RESOLVE_FAIL_MS);
	if (a->eai != 0 && a->eai != EAI_NONAME && resolve_usable(n, now))
		return;
	n->answer = *a;
	n->known = true;
	n->fetched_ms = now;
}

/*
 * Threads.
 */

/* Takes the first name off the queue and resolves it.  Called and left with
 * the lock held. */
static void
resolve_next(struct resolve *r)
{
	struct resolve_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct resolve_name *n = STAILQ_FIRST(&r->queue);
	char host[RESOLVE_NAME_MAX + 1];
	struct resolve_answer a;

	STAILQ_REMOVE_HEAD(&r->queue, queue_entry);
	r->nqueued--;
	memcpy(host, n->host, sizeof host);
	r->away++;
	pthread_mutex_unlock(&r->lock);
	resolve_system(host, &a);
	pthread_mutex_lock(&r->lock);
	if (!r->stopping) {
		resolve_keep(n, &a);
		STAILQ_CONCAT(&waiters, &n->waiters);
		pthread_mutex_unlock(&r->lock);
		resolve_tell(&waiters, &a);
		pthread_mutex_lock(&r->lock);
	}
	r->away--;
}

static void *
resolve_thread(void *arg)
{
	struct resolve *r = arg;
	bool last;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		if (!STAILQ_EMPTY(&r->queue)) {
			resolve_next(r);
			continue;
		}
		r->idle++;
		pthread_cond_wait(&r->work, &r->lock);
		r->idle--;
	}
	last = --r->threads == 0 && r->abandoned;
	pthread_cond_signal(&r->left);
	pthread_mutex_unlock(&r->lock);
	if (last)
		resolve_destroy(r);
	return NULL;
}

/* One more thread, without signals; errno-style result. */
static int
resolve_start(struct resolve *r)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t t;
	int e;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&t, &attr, resolve_thread, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (e == 0)
		r->threads++;
	return e;
}

/*
 * Names.
 */

/* Forgets the name that was not asked for the longest, if it is not busy. */
static void
resolve_forget(struct resolve *r)
{
	struct resolve_name *n;

	TAILQ_FOREACH_REVERSE(n, &r->names, resolve_names, entry)
		if (!n->busy)
			break;
	if (n == NULL)
		return;
	TAILQ_REMOVE(&r->names, n, entry);
	r->nnames--;
	free(n);
}

/* The entry of host (lower case), made if there is none, moved to the front;
 * NULL if all are busy. */
static struct resolve_name *
resolve_get(struct resolve *r, const char *host)
{
	struct resolve_name *n;

	TAILQ_FOREACH(n, &r->names, entry)
		if (strcmp(n->host, host) == 0)
			break;
	if (n != NULL)
		TAILQ_REMOVE(&r->names, n, entry);
	else {
		if (r->nnames == RESOLVE_NAMES)
			resolve_forget(r);
		if (r->nnames == RESOLVE_NAMES)
			return NULL;
		n = xcalloc(1, sizeof *n);
		snprintf(n->host, sizeof n->host, "%s", host);
		STAILQ_INIT(&n->waiters);
		r->nnames++;
	}
	TAILQ_INSERT_HEAD(&r->names, n, entry);
	return n;
}

/* Puts n into the queue; an errno if nobody can work on it. */
static int
resolve_enqueue(struct resolve *r, struct resolve_name *n)
{
	int e = 0;

	if (r->nqueued >= r->idle && r->threads < RESOLVE_THREADS)
		e = resolve_start(r);
	if (r->threads == 0)
		return e;
	n->busy = true;
	STAILQ_INSERT_TAIL(&r->queue, n, queue_entry);
	r->nqueued++;
	pthread_cond_signal(&r->work);
	return 0;
}

struct resolve *
resolve_new(void)
{
	struct resolve *r = xcalloc(1, sizeof *r);

	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	pthread_cond_init(&r->left, NULL);
	TAILQ_INIT(&r->names);
	STAILQ_INIT(&r->queue);
	return r;
}

void
resolve_free(struct resolve *r)
{
	struct resolve_waiter *w;
	struct resolve_name *n;
	bool last;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->work);
	while ((n = TAILQ_FIRST(&r->names)) != NULL) {
		TAILQ_REMOVE(&r->names, n, entry);
		while ((w = STAILQ_FIRST(&n->waiters)) != NULL) {
			STAILQ_REMOVE_HEAD(&n->waiters, entry);
			mbox_unref(w->mb);
			free(w);
		}
		free(n);
	}
	while (r->threads > r->away)
		pthread_cond_wait(&r->left, &r->lock);
	r->abandoned = true;
	last = r->threads == 0;
	pthread_mutex_unlock(&r->lock);
	if (last)
		resolve_destroy(r);
}

/* Lower case; false if it cannot be a name. */
static bool
resolve_clean(const char *host, char out[RESOLVE_NAME_MAX + 1])
{
	size_t i;

	for (i = 0; host[i] != '\0'; i++) {
		if (i == RESOLVE_NAME_MAX)
			return false;
		out[i] = host[i] >= 'A' && host[i] <= 'Z' ?
		    (char)(host[i] + ('a' - 'A')) : host[i];
	}
	out[i] = '\0';
	return i > 0;
}

/* As resolve_ask, for a name, under the lock, ports not set. */
static bool
resolve_ask_name(struct resolve *r, const char *host,
    struct resolve_waiter *w, struct resolve_answer *a)
{
	struct resolve_name *n = resolve_get(r, host);
	uint64_t now = clock_ms();
	bool usable;
	int e = 0;

	if (n == NULL) {
		resolve_fail(a, EAI_AGAIN, "too many names at once");
		return true;
	}
	if (n->known && now < n->fresh_ms) {
		*a = n->answer;
		return true;
	}
	usable = resolve_usable(n, now);
	if (!n->busy)
		e = resolve_enqueue(r, n);
	if (usable) {
		*a = n->answer;
		return true;
	}
	if (e != 0) {
		resolve_fail(a, EAI_AGAIN, strerror(e));
		return true;
	}
	STAILQ_INSERT_TAIL(&n->waiters, w, entry);
	return false;
}

bool
resolve_ask(struct resolve *r, const char *host, uint16_t port,
    struct mbox *mb, resolve_cb cb, uint64_t ticket, void *arg,
    struct resolve_answer *a)
{
	char name[RESOLVE_NAME_MAX + 1];
	struct resolve_waiter *w;
	bool there;

	memset(a, 0, sizeof *a);
	if (resolve_literal(host, port, &a->addr[0])) {
		a->n = 1;
		return true;
	}
	if (!resolve_clean(host, name)) {
		resolve_fail(a, EAI_NONAME, "not a host name");
		return true;
	}
	w = xcalloc(1, sizeof *w);
	w->mb = mbox_ref(mb);
	w->cb = cb;
	w->ticket = ticket;
	w->arg = arg;
	w->port = port;
	pthread_mutex_lock(&r->lock);
	there = resolve_ask_name(r, name, w, a);
	pthread_mutex_unlock(&r->lock);
	if (there) {
		resolve_set_port(a, port);
		mbox_unref(w->mb);
		free(w);
	}
	return there;
}
