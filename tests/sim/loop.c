/* SPDX-License-Identifier: ISC */
#include "loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

struct loop_job {
	struct loop_job	*next;
	loop_cb		 cb;
	void		*arg;
};

struct loop {
	int			 epfd;
	int			 tfd;		/* earliest timer */
	bool			 stop;
	uint64_t		 armed_us;
	uint64_t		 seq;
	struct loop_timer	**heap;
	uint32_t		 n, cap;
	struct loop_job		*jobs;
};

uint64_t
loop_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

struct loop *
loop_new(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct loop *l;

	l = buf_alloc(sizeof(*l));
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->epfd < 0 || l->tfd < 0)
		err(1, "epoll");
	ev.data.ptr = NULL;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->tfd, &ev) < 0)
		err(1, "epoll_ctl");
	return l;
}

void
loop_free(struct loop *l)
{
	close(l->epfd);
	close(l->tfd);
	free(l->heap);
	free(l);
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

/* Watches fd; -1 with errno when epoll refuses. */
int
loop_add(struct loop *l, struct loop_io *io, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events };

	ev.data.ptr = io;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -1;
	io->fd = fd;
	io->events = events;
	return 0;
}

void
loop_mod(struct loop *l, struct loop_io *io, uint32_t events)
{
	struct epoll_event ev = { .events = events };

	if (io->fd < 0 || io->events == events)
		return;
	ev.data.ptr = io;
	epoll_ctl(l->epfd, EPOLL_CTL_MOD, io->fd, &ev);
	io->events = events;
}

void
loop_del(struct loop *l, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, io->fd, NULL);
	io->fd = -1;
}

static bool
loop_before(const struct loop_timer *a, const struct loop_timer *b)
{
	if (a->due_us != b->due_us)
		return a->due_us < b->due_us;
	return a->seq < b->seq;
}

static void
loop_put(struct loop *l, struct loop_timer *t, uint32_t at)
{
	l->heap[at] = t;
	t->at = at + 1;
}

static void
loop_up(struct loop *l, uint32_t at)
{
	struct loop_timer *t = l->heap[at];
	uint32_t up;

	while (at > 0) {
		up = (at - 1) / 2;
		if (!loop_before(t, l->heap[up]))
			break;
		loop_put(l, l->heap[up], at);
		at = up;
	}
	loop_put(l, t, at);
}

static void
loop_down(struct loop *l, uint32_t at)
{
	struct loop_timer *t = l->heap[at];
	uint32_t kid;

	while ((kid = 2 * at + 1) < l->n) {
		if (kid + 1 < l->n &&
		    loop_before(l->heap[kid + 1], l->heap[kid]))
			kid++;
		if (!loop_before(l->heap[kid], t))
			break;
		loop_put(l, l->heap[kid], at);
		at = kid;
	}
	loop_put(l, t, at);
}

void
loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	uint32_t at;

	if (t->at == 0)
		return;
	at = t->at - 1;
	t->at = 0;
	l->n--;
	if (at == l->n)
		return;
	loop_put(l, l->heap[l->n], at);
	loop_down(l, at);
	loop_up(l, l->heap[at]->at - 1);
}

/* Calls the timer's callback once, us microseconds from now. */
void
loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t us)
{
	loop_timer_clear(l, t);
	t->due_us = loop_now_us() + us;
	t->seq = l->seq++;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->heap = realloc(l->heap, l->cap * sizeof(*l->heap));
		if (l->heap == NULL)
			abort();
	}
	loop_put(l, t, l->n++);
	loop_up(l, l->n - 1);
}

void
loop_later(struct loop *l, loop_cb cb, void *arg)
{
	struct loop_job *j;

	j = buf_alloc(sizeof(*j));
	j->cb = cb;
	j->arg = arg;
	j->next = l->jobs;
	l->jobs = j;
}

static void
loop_timers(struct loop *l)
{
	struct loop_timer *t;
	uint64_t now;

	if (l->n == 0)
		return;
	now = loop_now_us();
	while (l->n > 0 && l->heap[0]->due_us <= now) {
		t = l->heap[0];
		loop_timer_clear(l, t);
		t->cb(t->arg);
	}
}

/* Sets the timer descriptor to the earliest timer. */
static void
loop_arm(struct loop *l)
{
	struct itimerspec it;
	uint64_t due;

	due = l->n > 0 ? l->heap[0]->due_us : 0;
	if (due == l->armed_us)
		return;
	l->armed_us = due;
	memset(&it, 0, sizeof(it));
	it.it_value.tv_sec = (time_t)(due / 1000000);
	it.it_value.tv_nsec = (long)(due % 1000000) * 1000;
	timerfd_settime(l->tfd, TFD_TIMER_ABSTIME, &it, NULL);
}

static void
loop_jobs(struct loop *l)
{
	struct loop_job *j;

	while ((j = l->jobs) != NULL) {
		l->jobs = j->next;
		j->cb(j->arg);
		free(j);
	}
}

void
loop_run(struct loop *l)
{
	struct epoll_event ev[256];
	struct loop_io *io;
	uint64_t ticks;
	int i, n;

	while (!l->stop) {
		loop_arm(l);
		n = epoll_wait(l->epfd, ev, 256, -1);
		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++) {
			io = ev[i].data.ptr;
			if (io == NULL) {
				if (read(l->tfd, &ticks, sizeof(ticks)) > 0)
					l->armed_us = 0;
			} else if (io->fd >= 0) {
				io->cb(io->arg, ev[i].events);
			}
		}
		loop_timers(l);
		loop_jobs(l);
	}
	loop_jobs(l);
}
