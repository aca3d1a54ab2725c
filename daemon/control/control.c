/* SPDX-License-Identifier: ISC */
/*
 * The listener, who is who, and what happens each second while somebody is
 * connected (nobody: nothing).
 */
#include "control/control.h"

#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mbox.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/change.h"
#include "control/core.h"
#include "control/feed.h"
#include "control/logtap.h"
#include "control/method_test.h"
#include "control/place.h"
#include "observe/live.h"
#include "observe/pump.h"
#include "upstream/catalog.h"
#include "upstream/client.h"

#define CONTROL_ACCEPTS		16	/* in one turn */
#define CONTROL_GROUPS		256
#define CONTROL_TEST_MS		100	/* progress while a test runs */

/*
 * Who.
 */

static bool
control_in_group(const gid_t *groups, int n, const char *name)
{
	struct group *g = getgrnam(name);
	int i;

	for (i = 0; g != NULL && i < n; i++)
		if (groups[i] == g->gr_gid)
			return true;
	return false;
}

/* The role of a peer, once for its connection; user gets its name. */
static enum method_role
control_role(uid_t uid, gid_t gid, char *user, size_t size)
{
	gid_t groups[CONTROL_GROUPS];
	struct passwd *pw = getpwuid(uid);
	int n = CONTROL_GROUPS;

	if (pw != NULL)
		snprintf(user, size, "%s", pw->pw_name);
	else
		snprintf(user, size, "%lu", (unsigned long)uid);
	if (uid == 0 || uid == geteuid())
		return METHOD_ADMIN;
	if (pw == NULL || getgrouplist(pw->pw_name, gid, groups, &n) < 0) {
		groups[0] = gid;
		n = 1;
	}
	if (control_in_group(groups, n, "llmd-admin"))
		return METHOD_ADMIN;
	return control_in_group(groups, n, "llmd-op") ? METHOD_OPERATOR :
	    METHOD_VIEWER;
}

/*
 * Accepting.
 */

static void
control_refuse(int fd)
{
	struct rpc_error err;
	size_t len;
	char *line;

	rpc_error_init(&err);
	rpc_error_set(&err, ERR_BUSY, "%d control connections are open",
	    CONTROL_PEERS);
	rpc_error_hint(&err, "close one of them, then try again");
	line = rpc_failure(NULL, &err, &len);
	rpc_error_fini(&err);
	/* It fits into an empty socket buffer, or the peer is gone. */
	if (send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("control: a refused peer has left");
	free(line);
	close(fd);
}

static void
control_peer(struct control *c, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	char user[64];
	bool ours;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
		close(fd);
		return;
	}
	ours = cred.uid == 0 || cred.uid == geteuid();
	if (c->npeers >= CONTROL_PEERS || (!ours &&
	    c->npeers >= CONTROL_PEERS - CONTROL_PEERS_KEPT)) {
		control_refuse(fd);
		return;
	}
	peer_new(c, fd, cred.uid, cred.gid, cred.pid,
	    control_role(cred.uid, cred.gid, user, sizeof user), user);
}

static void
control_accept_cb(evutil_socket_t lfd, short what, void *arg)
{
	struct control *c = arg;
	struct timeval second = { 1, 0 };
	int i, fd;

	(void)what;
	for (i = 0; i < CONTROL_ACCEPTS; i++) {
		fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			control_peer(c, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			/* It would be ready at once, again and again. */
			event_del(&c->accept);
			event_add(&c->retry, &second);
		}
		return;
	}
}

static void
control_retry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	event_add(&c->accept, NULL);
}

/*
 * Time and memory.
 */

void
control_squeeze(struct control *c)
{
	struct subscription *s, *large = NULL;
	struct peer *p, *most = NULL;
	size_t sum = 0;

	TAILQ_FOREACH(p, &c->peers, entry) {
		sum += peer_bytes(p);
		if (most == NULL || peer_bytes(p) > peer_bytes(most))
			most = p;
		TAILQ_FOREACH(s, &p->subs, entry)
			if (large == NULL || sub_queue_bytes(s->queue) >
			    sub_queue_bytes(large->queue))
				large = s;
	}
	if (sum > CONTROL_MEMORY && large != NULL)
		sub_queue_empty(large->queue);
	/* It is what peers send that is too much: the next tick ends the
	 * one that sends most. */
	c->hog = sum > CONTROL_MEMORY + CONTROL_MEMORY / 4 ? most : NULL;
}

static void
control_tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	uint64_t now = clock_ms();
	struct peer *p, *next;

	(void)fd;
	(void)what;
	control_squeeze(c);
	for (p = TAILQ_FIRST(&c->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, entry);
		if (p == c->hog) {
			log_warnx("control: uid %lu pid %ld takes too much "
			    "memory: closed", (unsigned long)p->uid,
			    (long)p->pid);
			c->hog = NULL;
			peer_free(p);
			continue;
		}
		peer_tick(p, now);
	}
	if (c->nsubs > 0) {
		pump_run(c->a.pump);
		feed_tick(c);
	}
}

void
control_pace(struct control *c)
{
	const struct subscription *s;
	const struct peer *p;
	struct timeval second = { 1, 0 };
	uint32_t ms = TAILQ_EMPTY(&c->tests) ? 0 : CONTROL_TEST_MS;
	bool tick = c->npeers > 0;

	TAILQ_FOREACH(p, &c->peers, entry)
		TAILQ_FOREACH(s, &p->subs, entry)
			if (s->topics[TOPIC_REQUEST] &&
			    (ms == 0 || s->progress_ms < ms))
				ms = s->progress_ms;
	pump_watch(c->a.pump, ms);
	if (tick == c->ticking)
		return;
	c->ticking = tick;
	if (tick)
		event_add(&c->tick, &second);
	else
		event_del(&c->tick);
}

static void
control_box_cb(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	mbox_run(c->box);
}

/*
 * Life.
 */

static void
control_upstream(struct control *c)
{
	const struct conf_limits *l = &change_conf(c->a.change)->limits;
	struct upstream_limits limits = { l->connect_ms, l->tls_ms,
	    l->pool_idle_ms };

	c->up = upstream_new(c->a.base, c->a.shared, c->box, &limits);
	c->catalog = catalog_new(c->a.base, c->up);
}

struct control *
control_new(const struct control_args *a)
{
	struct control *c = xcalloc(1, sizeof *c);

	c->a = *a;
	TAILQ_INIT(&c->peers);
	TAILQ_INIT(&c->tests);
	c->box = mbox_new(c);
	if (c->box == NULL)
		fatal("mbox_new");
	event_assign(&c->box_event, a->base, mbox_fd(c->box),
	    EV_READ | EV_PERSIST, control_box_cb, c);
	event_add(&c->box_event, NULL);
	control_upstream(c);
	c->health = health_new(a->stats);
	c->states = map_new();
	c->tap = logtap_new(c->box, a->live);
	live_listen(a->live, feed_live_cb, c);
	change_watch(a->change, feed_change_cb, c);
	event_assign(&c->accept, a->base, place_fd(a->place),
	    EV_READ | EV_PERSIST, control_accept_cb, c);
	event_assign(&c->tick, a->base, -1, EV_PERSIST, control_tick_cb, c);
	event_assign(&c->retry, a->base, -1, 0, control_retry_cb, c);
	event_add(&c->accept, NULL);
	return c;
}

void
control_free(struct control *c)
{
	struct peer *p;

	if (c == NULL)
		return;
	c->stopping = true;
	logtap_free(c->tap);
	c->tap = NULL;
	live_unlisten(c->a.live, feed_live_cb, c);
	change_watch(c->a.change, NULL, NULL);
	while ((p = TAILQ_FIRST(&c->peers)) != NULL)
		peer_free(p);
	method_test_fini(c);
	event_del(&c->accept);
	event_del(&c->tick);
	event_del(&c->retry);
	event_del(&c->box_event);
	catalog_free(c->catalog);
	upstream_free(c->up);
	mbox_close(c->box);
	health_free(c->health);
	map_free(c->states);
	buf_fini(&c->scratch);
	free(c);
}
