/* SPDX-License-Identifier: ISC */
/*
 * Reading stops while more than PEER_REPLIES of answers wait: a peer that
 * sends and does not read holds up itself.  Writing takes whole lines into
 * `out`, answers before events, up to 64 KiB at a time, and one send a loop
 * turn: many small events cost one call.
 *
 * A peer is freed only by its own callbacks and by control's tick, never
 * while something walks over it: everything else asks for a write.
 */
#include "control/peer.h"

#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "conf/conf.h"
#include "control/change.h"
#include "control/call.h"
#include "control/core.h"
#include "control/feed.h"
#include "control/method.h"

#define PEER_READ	65536

static void	peer_read_cb(evutil_socket_t, short, void *);
static void	peer_write_cb(evutil_socket_t, short, void *);

/*
 * Output.
 */

void
peer_line(struct peer *p, char *text, size_t len)
{
	struct peer_line *l = xmalloc(sizeof *l);

	l->text = text;
	l->len = len;
	STAILQ_INSERT_TAIL(&p->replies, l, entry);
	p->reply_bytes += len;
	peer_wake(p);
}

static bool
peer_waits(const struct peer *p)
{
	const struct subscription *s;

	if (p->off < p->out.n || !STAILQ_EMPTY(&p->replies))
		return true;
	TAILQ_FOREACH(s, &p->subs, entry)
		if (sub_queue_waits(s->queue))
			return true;
	return false;
}

void
peer_wake(struct peer *p)
{
	if (event_pending(&p->wr, EV_WRITE, NULL))
		return;
	if (p->off >= p->out.n)
		p->wrote_ms = clock_ms();	/* nothing waited so far */
	event_add(&p->wr, NULL);
}

static void
peer_fill(struct peer *p)
{
	struct subscription *s;
	struct peer_line *l;

	p->off = 0;
	buf_reset(&p->out, PEER_BATCH);
	while (p->out.n < PEER_BATCH &&
	    (l = STAILQ_FIRST(&p->replies)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->replies, entry);
		p->reply_bytes -= l->len;
		buf_add(&p->out, l->text, l->len);
		free(l->text);
		free(l);
	}
	TAILQ_FOREACH(s, &p->subs, entry)
		sub_queue_take(s->queue, &p->out, PEER_BATCH);
	/* A fair turn for the others next time. */
	if (p->nsubs > 1 && (s = TAILQ_FIRST(&p->subs)) != NULL) {
		TAILQ_REMOVE(&p->subs, s, entry);
		TAILQ_INSERT_TAIL(&p->subs, s, entry);
	}
}

static void
peer_drained(struct peer *p)
{
	struct call *c, *next;

	if (p->reply_bytes > PEER_BATCH)
		return;
	for (c = TAILQ_FIRST(&p->calls); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->drained != NULL)
			c->drained(c);
	}
}

/* One send; false: the peer is gone. */
static bool
peer_send(struct peer *p)
{
	ssize_t n;

	if (p->off >= p->out.n)
		peer_fill(p);
	if (p->off >= p->out.n)
		return true;
	n = send(p->fd, p->out.p + p->off, p->out.n - p->off,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
	p->off += (size_t)n;
	p->wrote_ms = clock_ms();
	return true;
}

/*
 * Input.
 */

/* Answers the lines that are there, as long as the answers find room. */
static void
peer_lines(struct peer *p)
{
	struct rpc_error err;
	size_t len;
	char *line;

	while (p->reply_bytes <= PEER_REPLIES) {
		switch (frame_next(&p->frame, p->in, &line, &len)) {
		case FRAME_NONE:
			return;
		case FRAME_LINE:
			p->active_ms = clock_ms();
			method_dispatch(p, line, len);
			free(line);
			break;
		case FRAME_TOO_LARGE:
			p->active_ms = clock_ms();
			rpc_error_init(&err);
			rpc_error_set(&err, ERR_TOO_LARGE, "the line is over "
			    "%d bytes: it was left out", RPC_LINE_MAX);
			line = rpc_failure(NULL, &err, &len);
			rpc_error_fini(&err);
			peer_line(p, line, len);
			break;
		}
	}
}

static void
peer_reading(struct peer *p)
{
	bool want = !p->eof && p->reply_bytes <= PEER_REPLIES;

	if (want == p->reading)
		return;
	p->reading = want;
	if (want)
		event_add(&p->rd, NULL);
	else
		event_del(&p->rd);
}

/* All that was asked is answered, and nothing more can be asked. */
static bool
peer_over(const struct peer *p)
{
	return p->eof && p->ncalls == 0 && p->nsubs == 0 && !peer_waits(p) &&
	    evbuffer_get_length(p->in) == 0;
}

/* Not half closed but gone: nobody will read an answer. */
static bool
peer_gone(const struct peer *p)
{
	struct pollfd v = { .fd = p->fd };

	return poll(&v, 1, 0) > 0 && (v.revents & (POLLHUP | POLLERR)) != 0;
}

static void
peer_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	int n;

	(void)what;
	n = evbuffer_read(p->in, fd, PEER_READ);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		peer_free(p);
		return;
	}
	if (n == 0) {
		/* FIN: no more calls.  A last line may lack its end. */
		p->eof = true;
		evbuffer_add(p->in, "\n", 1);
	}
	peer_lines(p);
	peer_reading(p);
	if (peer_over(p) || (p->eof && peer_gone(p)))
		peer_free(p);
}

static void
peer_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;

	(void)fd;
	(void)what;
	if (!peer_send(p)) {
		peer_free(p);
		return;
	}
	/* What was held back for lack of room. */
	if (p->reply_bytes <= PEER_REPLIES) {
		peer_lines(p);
		peer_drained(p);
	}
	peer_reading(p);
	if (peer_waits(p))
		event_add(&p->wr, NULL);
	else if (peer_over(p))
		peer_free(p);
}

/*
 * Life.
 */

static void
peer_hello(struct peer *p)
{
	struct control *c = p->ctl;
	struct buf b = { 0 };

	buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":"
	    "{\"proto\":[%d,%d],\"server\":\"llmd/" LLMD_VERSION "\","
	    "\"instance\":\"%s\",\"pid\":%ld,\"rev\":%llu,\"you\":{\"uid\":%lu,"
	    "\"gid\":%lu,\"role\":\"%s\"},\"limits\":{\"line\":%d,"
	    "\"inflight\":%d},\"features\":[]}}\n", METHOD_PROTO_MAJOR,
	    METHOD_PROTO_MINOR, c->a.instance, (long)getpid(),
	    (unsigned long long)change_conf(c->a.change)->rev,
	    (unsigned long)p->uid, (unsigned long)p->gid,
	    method_role_name(p->role), RPC_LINE_MAX, PEER_INFLIGHT);
	peer_line(p, b.p, b.n);
}

struct peer *
peer_new(struct control *ctl, int fd, uid_t uid, gid_t gid, pid_t pid,
    enum method_role role, const char *user)
{
	struct peer *p = xcalloc(1, sizeof *p);

	p->ctl = ctl;
	p->fd = fd;
	p->uid = uid;
	p->gid = gid;
	p->pid = pid;
	p->role = role;
	snprintf(p->user, sizeof p->user, "%s", user);
	frame_init(&p->frame, RPC_LINE_MAX);
	p->in = evbuffer_new();
	if (p->in == NULL)
		fatalx("evbuffer_new");
	STAILQ_INIT(&p->replies);
	TAILQ_INIT(&p->calls);
	TAILQ_INIT(&p->subs);
	p->active_ms = p->wrote_ms = clock_ms();
	event_assign(&p->rd, ctl->a.base, fd, EV_READ | EV_PERSIST,
	    peer_read_cb, p);
	event_assign(&p->wr, ctl->a.base, fd, EV_WRITE, peer_write_cb, p);
	TAILQ_INSERT_TAIL(&ctl->peers, p, entry);
	ctl->npeers++;
	peer_hello(p);
	peer_reading(p);
	control_pace(ctl);
	return p;
}

void
peer_free(struct peer *p)
{
	struct control *ctl = p->ctl;
	struct subscription *s;
	struct peer_line *l;
	struct call *c;

	while ((c = TAILQ_FIRST(&p->calls)) != NULL) {
		TAILQ_REMOVE(&p->calls, c, entry);
		p->ncalls--;
		c->peer = NULL;
		if (c->cancel != NULL)
			c->cancel(c);
	}
	while ((s = TAILQ_FIRST(&p->subs)) != NULL)
		feed_unsubscribe(s);
	while ((l = STAILQ_FIRST(&p->replies)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->replies, entry);
		free(l->text);
		free(l);
	}
	event_del(&p->rd);
	event_del(&p->wr);
	close(p->fd);
	evbuffer_free(p->in);
	buf_fini(&p->out);
	TAILQ_REMOVE(&ctl->peers, p, entry);
	ctl->npeers--;
	free(p);
	control_pace(ctl);
}

static void
peer_ping(struct peer *p, uint64_t now_ms)
{
	char time[CLOCK_RFC3339_LEN + 1];
	struct buf b = { 0 };

	if (now_ms - p->wrote_ms < PEER_PING_MS || peer_waits(p))
		return;
	clock_rfc3339(clock_wall_ns(), time);
	buf_addf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"params\":"
	    "{\"time\":\"%s\",\"instance\":\"%s\"}}\n", time,
	    p->ctl->a.instance);
	peer_line(p, b.p, b.n);
}

bool
peer_tick(struct peer *p, uint64_t now_ms)
{
	/* After a FIN it is no longer read from. */
	if (p->eof && peer_gone(p)) {
		peer_free(p);
		return false;
	}
	if (peer_waits(p)) {
		if (now_ms - p->wrote_ms < PEER_STALL_MS)
			return true;
		log_warnx("control: uid %lu pid %ld (%s) has not read for "
		    "%d s: closed", (unsigned long)p->uid, (long)p->pid,
		    p->client[0] != '\0' ? p->client : "unnamed",
		    PEER_STALL_MS / 1000);
		peer_free(p);
		return false;
	}
	if (p->nsubs > 0) {
		peer_ping(p, now_ms);
	} else if (p->ncalls == 0 && now_ms - p->active_ms > PEER_IDLE_MS) {
		peer_free(p);
		return false;
	}
	return true;
}

size_t
peer_bytes(const struct peer *p)
{
	const struct subscription *s;
	size_t n = evbuffer_get_length(p->in) + p->reply_bytes + p->out.cap;

	TAILQ_FOREACH(s, &p->subs, entry)
		n += sub_queue_bytes(s->queue);
	return n;
}
