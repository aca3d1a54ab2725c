/* SPDX-License-Identifier: ISC */
/* An owner for a conn that records what it is told and reads all it can. */
#ifndef LLMD_UNIT_CONN_HELP_H
#define LLMD_UNIT_CONN_HELP_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "net/conn.h"

#define HELP_MS	10000

struct peer {
	struct conn	 c;
	bool		 ready, failed, room, eof;
	bool		 hold;		/* does not read when told to */
	bool		 shut;		/* closes in the first callback */
	int		 calls;
	int		 err;		/* errno of a failed read */
	size_t		 step;		/* bytes a read; 0: all of room */
	size_t		 pause;		/* stops reading at so many */
	char		*in;
	size_t		 n, cap;
};

static void
peer_read(struct peer *p)
{
	ssize_t r;

	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 4096 : p->cap * 2;
		p->in = realloc(p->in, p->cap);
		assert_non_null(p->in);
	}
	r = conn_read(&p->c, p->in + p->n, p->step != 0 &&
	    p->step < p->cap - p->n ? p->step : p->cap - p->n);
	if (r > 0) {
		p->n += (size_t)r;
		if (p->pause != 0 && p->n >= p->pause)
			conn_want(&p->c, false, p->c.write_on);
	} else if (r < 0 && errno == EAGAIN)
		return;
	else {
		p->eof = r == 0;
		p->err = r == 0 ? 0 : errno;
		conn_want(&p->c, false, p->c.write_on);
	}
}

static void
peer_cb(struct conn *c, int what, void *arg)
{
	struct peer *p = arg;

	p->calls++;
	if (what & CONN_READY)
		p->ready = true;
	if (what & CONN_FAILED)
		p->failed = true;
	if (what & CONN_WRITE) {
		p->room = true;
		conn_want(c, c->read_on, false);
	}
	if (p->shut) {
		conn_close(c);
		/* Nobody may look at it now. */
		memset(&p->c, 0xa5, sizeof p->c);
		return;
	}
	if ((what & CONN_READ) && !p->hold)
		peer_read(p);
}

static void
peer_fini(struct peer *p)
{
	conn_close(&p->c);
	free(p->in);
	memset(p, 0, sizeof *p);
	p->c.fd = -1;
}

static void
help_late_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Runs the loop until x is true, or fails after HELP_MS. */
#define RUN_UNTIL(base, x) do {						\
	struct timeval tv_ = { HELP_MS / 1000, 0 };			\
	bool late_ = false;						\
	struct event *e_ = evtimer_new((base), help_late_cb, &late_);	\
	event_add(e_, &tv_);						\
	while (!(x) && !late_)						\
		event_base_loop((base), EVLOOP_ONCE);			\
	event_free(e_);							\
	if (late_)							\
		fail_msg("waited in vain for %s", #x);			\
} while (0)

/* Runs what is due within ms, to see that something does not happen. */
static void
help_run_for(struct event_base *base, int ms)
{
	struct timeval tv = { 0, ms * 1000 };
	bool late = false;
	struct event *e = evtimer_new(base, help_late_cb, &late);

	event_add(e, &tv);
	while (!late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(e);
}

/* As llmd's workers have it. */
static struct event_base *
help_base(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK |
	    EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	assert_non_null(base);
	return base;
}

#endif
