/* SPDX-License-Identifier: ISC */
#include "observe/pump.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "observe/live.h"
#include "observe/reqlog.h"
#include "observe/ring.h"

#define PUMP_FAST_MS	50
#define PUMP_SLOW_MS	1000
/* Progress when nobody watches: what `llmctl ps` shows is this old. */
#define PUMP_PROGRESS_MS 1000

struct pump {
	struct live	*live;
	struct reqlog	*reqlog;
	struct ring	*rings[PUMP_RINGS];
	unsigned	 n;
	struct event	*wake;
	struct event	*timer;
	uint32_t	 progress_ms;
	uint32_t	 every_ms;
	bool		 busy;		/* inside pump_run */
};

static void
pump_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pump_run(arg);
}

static void
pump_wake_cb(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	if (read((int)fd, &n, sizeof n) < 0)
		return;		/* nothing to be read after all */
	pump_run(arg);
}

struct pump *
pump_new(struct event_base *base, int wake_fd, struct live *l,
    struct reqlog *q)
{
	struct pump *p = xcalloc(1, sizeof *p);

	p->live = l;
	p->reqlog = q;
	p->timer = event_new(base, -1, EV_PERSIST, pump_timer_cb, p);
	if (p->timer == NULL)
		fatalx("event_new");
	if (wake_fd >= 0) {
		p->wake = event_new(base, wake_fd, EV_READ | EV_PERSIST,
		    pump_wake_cb, p);
		if (p->wake == NULL || event_add(p->wake, NULL) != 0)
			fatalx("event_new");
	}
	pump_pace(p);
	return p;
}

void
pump_free(struct pump *p)
{
	if (p == NULL)
		return;
	pump_run(p);
	if (p->wake != NULL)
		event_free(p->wake);
	event_free(p->timer);
	free(p);
}

void
pump_add(struct pump *p, struct ring *r)
{
	if (p->n == PUMP_RINGS)
		fatalx("more than %d rings", PUMP_RINGS);
	ring_want_progress(r, p->progress_ms != 0 ? p->progress_ms :
	    PUMP_PROGRESS_MS);
	p->rings[p->n++] = r;
}

void
pump_pace(struct pump *p)
{
	bool fast = p->progress_ms != 0 ||
	    (p->reqlog != NULL && reqlog_on(p->reqlog));
	uint32_t ms = fast ? PUMP_FAST_MS : PUMP_SLOW_MS;
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (ms == p->every_ms)
		return;
	p->every_ms = ms;
	event_add(p->timer, &tv);
}

void
pump_watch(struct pump *p, uint32_t progress_ms)
{
	unsigned i;

	p->progress_ms = progress_ms;
	for (i = 0; i < p->n; i++)
		ring_want_progress(p->rings[i], progress_ms != 0 ?
		    progress_ms : PUMP_PROGRESS_MS);
	pump_pace(p);
}

/* The ring whose oldest record is the oldest of all, not after `until`. */
static struct ring *
pump_oldest(struct pump *p, uint64_t until)
{
	const struct record *r;
	struct ring *best = NULL;
	unsigned i;

	for (i = 0; i < p->n; i++) {
		r = ring_peek(p->rings[i]);
		if (r != NULL && r->t_ns <= until) {
			until = r->t_ns;
			best = p->rings[i];
		}
	}
	return best;
}

void
pump_run(struct pump *p)
{
	uint64_t now = clock_ns();
	int64_t off = (int64_t)(clock_wall_ns() - now);
	struct ring *r;

	/* A listener may want what is newest while it is being told. */
	if (p->busy)
		return;
	p->busy = true;
	/* What comes meanwhile is for the next time: this ends. */
	while ((r = pump_oldest(p, now)) != NULL) {
		live_fold(p->live, ring_peek(r), off);
		ring_pop(r);
	}
	if (p->reqlog != NULL)
		reqlog_flush(p->reqlog);
	p->busy = false;
}

uint64_t
pump_dropped(const struct pump *p)
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < p->n; i++)
		n += ring_dropped(p->rings[i]);
	return n;
}
