/* SPDX-License-Identifier: ISC */
/*
 * The word of a meter: the upper 36 bits are the start of the window in ms
 * (modulo 2^36, about two years), the lower 28 the count.  Count 0 means that
 * no window is open, whatever the upper bits say, so that a zeroed meter is
 * ready for use.  Threads read the clock before they come here: a `now` that
 * lies up to one window before the start counts as the start.
 */
#include "access/limit.h"

#define LIMIT_COUNT_BITS	28
#define LIMIT_COUNT_MAX		((1u << LIMIT_COUNT_BITS) - 1)
#define LIMIT_TIME_MASK		((UINT64_C(1) << 36) - 1)

struct limit_view {
	uint64_t	start;		/* of the current or a new window */
	uint32_t	used;
	uint32_t	left_ms;	/* to its end, 0 if none is open */
};

/* What the word means at now_ms. */
static struct limit_view
limit_view(uint64_t word, uint64_t now_ms, uint32_t window_ms)
{
	struct limit_view v;
	uint64_t now, elapsed;

	now = now_ms & LIMIT_TIME_MASK;
	v.start = word >> LIMIT_COUNT_BITS;
	v.used = word & LIMIT_COUNT_MAX;
	elapsed = (now - v.start) & LIMIT_TIME_MASK;
	if (((v.start - now) & LIMIT_TIME_MASK) <= window_ms)
		elapsed = 0;
	if (v.used == 0 || elapsed >= window_ms) {
		v.start = now;
		v.used = 0;
		v.left_ms = 0;
	} else
		v.left_ms = window_ms - (uint32_t)elapsed;
	return v;
}

static bool
limit_fits(const struct limit_view *v, uint32_t limit, uint32_t n)
{
	if (limit > LIMIT_COUNT_MAX)
		limit = LIMIT_COUNT_MAX;
	return n <= limit && v->used <= limit - n;
}

/* How long a refused caller waits; the whole window if n can never fit. */
static uint32_t
limit_wait(const struct limit_view *v, uint32_t window_ms)
{
	uint32_t ms;

	ms = v->left_ms != 0 ? v->left_ms : window_ms;
	return ms != 0 ? ms : 1;
}

bool
meter_take(struct meter *m, uint64_t now_ms, uint32_t window_ms,
    uint32_t limit, uint32_t n, uint32_t *wait_ms)
{
	struct limit_view v;
	uint64_t old, new;

	if (limit == 0 || n == 0)
		return true;
	old = atomic_load_explicit(&m->word, memory_order_relaxed);
	do {
		v = limit_view(old, now_ms, window_ms);
		if (!limit_fits(&v, limit, n)) {
			*wait_ms = limit_wait(&v, window_ms);
			return false;
		}
		new = v.start << LIMIT_COUNT_BITS | (v.used + n);
	} while (!atomic_compare_exchange_weak_explicit(&m->word, &old, new,
	    memory_order_relaxed, memory_order_relaxed));
	return true;
}

void
meter_give(struct meter *m, uint64_t now_ms, uint32_t window_ms, uint32_t n)
{
	struct limit_view v;
	uint64_t old, new;

	old = atomic_load_explicit(&m->word, memory_order_relaxed);
	do {
		v = limit_view(old, now_ms, window_ms);
		if (v.used == 0)
			return;
		new = v.start << LIMIT_COUNT_BITS |
		    (v.used > n ? v.used - n : 0);
	} while (!atomic_compare_exchange_weak_explicit(&m->word, &old, new,
	    memory_order_relaxed, memory_order_relaxed));
}

uint32_t
meter_used(const struct meter *m, uint64_t now_ms, uint32_t window_ms)
{
	return limit_view(atomic_load_explicit(&m->word,
	    memory_order_relaxed), now_ms, window_ms).used;
}

uint32_t
meter_wait(const struct meter *m, uint64_t now_ms, uint32_t window_ms,
    uint32_t limit, uint32_t n)
{
	struct limit_view v;

	if (limit == 0 || n == 0)
		return 0;
	v = limit_view(atomic_load_explicit(&m->word, memory_order_relaxed),
	    now_ms, window_ms);
	return limit_fits(&v, limit, n) ? 0 : limit_wait(&v, window_ms);
}
