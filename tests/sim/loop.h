/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_LOOP_H
#define LLMD_SIM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One epoll loop with microsecond timers.  Callbacks may add, change and
 * remove any watch; what a callback wants freed goes through loop_later,
 * which runs when no event of the turn can point to it any more.
 */
struct loop;

typedef void (*loop_io_cb)(void *, uint32_t events);
typedef void (*loop_cb)(void *);

struct loop_io {
	int		 fd;		/* -1 when not watched */
	uint32_t	 events;
	loop_io_cb	 cb;
	void		*arg;
};

struct loop_timer {
	uint64_t	 due_us;
	uint64_t	 seq;
	uint32_t	 at;		/* 1 + place in the heap, 0 = not set */
	loop_cb		 cb;
	void		*arg;
};

struct loop	*loop_new(void);
void		 loop_free(struct loop *);
void		 loop_run(struct loop *);
void		 loop_stop(struct loop *);
uint64_t	 loop_now_us(void);	/* monotonic */

int		 loop_add(struct loop *, struct loop_io *, int, uint32_t);
void		 loop_mod(struct loop *, struct loop_io *, uint32_t);
void		 loop_del(struct loop *, struct loop_io *);
void		 loop_timer_set(struct loop *, struct loop_timer *,
		    uint64_t us);
void		 loop_timer_clear(struct loop *, struct loop_timer *);
void		 loop_later(struct loop *, loop_cb, void *);

#endif
