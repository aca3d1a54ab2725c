/* SPDX-License-Identifier: ISC */
/*
 * A ring of slots and, behind it, a list of what did not fit.
 *
 * While that list (the spill) has anything, the producer adds only to it;
 * the consumer takes it only when the ring is empty.  So the order of one
 * producer's records is: what the consumer has already taken from the spill,
 * then the ring, then the spill.
 */
#include "observe/ring.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"

#define RING_MASK	(RING_LEN - 1)

struct ring_node {
	struct ring_node	*next;
	struct record		 rec;
};

struct ring {
	int				 wake_fd;
	_Atomic uint32_t		 progress_ms;
	_Atomic uint64_t		 dropped;
	_Atomic(struct ring_node *)	 spill;		/* newest first */
	char				 pad1[64];
	/* The producer's. */
	_Atomic uint32_t		 head;
	uint32_t			 seen_tail;
	bool				 woken;
	char				 pad2[64];
	/* The consumer's. */
	_Atomic uint32_t		 tail;
	struct ring_node		*taken;		/* oldest first */
	char				 pad3[64];
	struct record			 slots[RING_LEN];
};

struct ring *
ring_new(int wake_fd)
{
	struct ring *r = xmalloc(sizeof *r);

	/* The slots stay untouched: memory that is not used is not there. */
	memset(r, 0, offsetof(struct ring, slots));
	r->wake_fd = wake_fd;
	return r;
}

static void
ring_nodes_free(struct ring_node *n)
{
	struct ring_node *next;

	for (; n != NULL; n = next) {
		next = n->next;
		free(n);
	}
}

void
ring_free(struct ring *r)
{
	if (r == NULL)
		return;
	ring_nodes_free(atomic_load(&r->spill));
	ring_nodes_free(r->taken);
	free(r);
}

static void
ring_wake(struct ring *r)
{
	uint64_t one = 1;

	if (r->wake_fd >= 0 && write(r->wake_fd, &one, sizeof one) < 0)
		return;		/* full: it is awake */
}

/* How many slots are taken, as the producer knows; looks again only when that
 * could matter. */
static uint32_t
ring_used(struct ring *r, uint32_t head)
{
	if (head - r->seen_tail >= RING_LEN / 2) {
		r->seen_tail = atomic_load_explicit(&r->tail,
		    memory_order_acquire);
		if (head - r->seen_tail < RING_LEN / 2)
			r->woken = false;
	}
	return head - r->seen_tail;
}

static void
ring_spill(struct ring *r, const struct record *rec)
{
	struct ring_node *n = xmalloc(sizeof *n);
	struct ring_node *old = atomic_load_explicit(&r->spill,
	    memory_order_relaxed);

	n->rec = *rec;
	do
		n->next = old;
	while (!atomic_compare_exchange_weak_explicit(&r->spill, &old, n,
	    memory_order_release, memory_order_relaxed));
	if (old == NULL)
		ring_wake(r);
}

void
ring_put(struct ring *r, const struct record *rec)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint32_t used = ring_used(r, head);

	if (used == RING_LEN || atomic_load_explicit(&r->spill,
	    memory_order_acquire) != NULL) {
		if (rec->kind == RECORD_PROGRESS)
			atomic_fetch_add_explicit(&r->dropped, 1,
			    memory_order_relaxed);
		else
			ring_spill(r, rec);
		return;
	}
	r->slots[head & RING_MASK] = *rec;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	if (used + 1 >= RING_LEN / 2 && !r->woken) {
		r->woken = true;
		ring_wake(r);
	}
}

uint32_t
ring_progress_ms(const struct ring *r)
{
	return atomic_load_explicit(&r->progress_ms, memory_order_relaxed);
}

void
ring_want_progress(struct ring *r, uint32_t ms)
{
	atomic_store_explicit(&r->progress_ms, ms, memory_order_relaxed);
}

static bool
ring_empty(const struct ring *r)
{
	return atomic_load_explicit(&r->tail, memory_order_relaxed) ==
	    atomic_load_explicit(&r->head, memory_order_acquire);
}

/* Takes the spill over, oldest first. */
static void
ring_take(struct ring *r)
{
	struct ring_node *n, *next;

	n = atomic_exchange_explicit(&r->spill, NULL, memory_order_acq_rel);
	for (; n != NULL; n = next) {
		next = n->next;
		n->next = r->taken;
		r->taken = n;
	}
}

const struct record *
ring_peek(struct ring *r)
{
	if (r->taken == NULL && ring_empty(r)) {
		if (atomic_load_explicit(&r->spill, memory_order_acquire) ==
		    NULL)
			return NULL;
		/* The ring may have filled before the spill began. */
		if (ring_empty(r))
			ring_take(r);
	}
	if (r->taken != NULL)
		return &r->taken->rec;
	return &r->slots[atomic_load_explicit(&r->tail,
	    memory_order_relaxed) & RING_MASK];
}

void
ring_pop(struct ring *r)
{
	struct ring_node *n = r->taken;
	uint32_t tail;

	if (n != NULL) {
		r->taken = n->next;
		free(n);
		return;
	}
	tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}

uint64_t
ring_dropped(const struct ring *r)
{
	return atomic_load_explicit(&r->dropped, memory_order_relaxed);
}
