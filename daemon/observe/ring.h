/* SPDX-License-Identifier: ISC */
/*
 * One worker's records on their way to main: single producer, single
 * consumer, no lock.  Starts and ends are never lost: what does not fit waits
 * in the producer's own list until there is room; progress that does not fit
 * is dropped and counted.
 */
#ifndef LLMD_OBSERVE_RING_H
#define LLMD_OBSERVE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "observe/record.h"

#define RING_LEN	4096		/* records; a power of two */

struct ring;

/* wake_fd (an eventfd of main) is written when the ring gets half full. */
struct ring	*ring_new(int wake_fd);
void		 ring_free(struct ring *r);

/* Producer: copies rec (128 bytes at most). */
void		 ring_put(struct ring *r, const struct record *rec);
/* Producer: how often progress is wanted, in ms; 0 = nobody watches. */
uint32_t	 ring_progress_ms(const struct ring *r);

/* Consumer: sets that. */
void		 ring_want_progress(struct ring *r, uint32_t ms);
/* Consumer: the oldest record or NULL; valid until ring_pop. */
const struct record *ring_peek(struct ring *r);
void		 ring_pop(struct ring *r);
uint64_t	 ring_dropped(const struct ring *r);

#endif
