/* SPDX-License-Identifier: ISC */
/*
 * Drains the workers' rings into the live table on main's loop: each 50 ms
 * while somebody watches or a request log is written, else each second, and
 * at once when a ring gets half full.
 */
#ifndef LLMD_OBSERVE_PUMP_H
#define LLMD_OBSERVE_PUMP_H

#include <stdint.h>

struct event_base;
struct live;
struct pump;
struct reqlog;
struct ring;

#define PUMP_RINGS	64

/* wake_fd: the eventfd given to the rings; borrowed, as all else.  reqlog may
 * be NULL. */
struct pump	*pump_new(struct event_base *base, int wake_fd,
		    struct live *l, struct reqlog *q);
/* Drains for the last time. */
void		 pump_free(struct pump *p);
void		 pump_add(struct pump *p, struct ring *r);
/* Folds in everything that is there now, in the order of its times. */
void		 pump_run(struct pump *p);
/* Somebody watches and wants progress every so many ms; 0: nobody (then it
 * comes each second). */
void		 pump_watch(struct pump *p, uint32_t progress_ms);
/* Looks again whether a request log is written. */
void		 pump_pace(struct pump *p);
/* Records of progress that did not fit, all rings. */
uint64_t	 pump_dropped(const struct pump *p);

#endif
