/* SPDX-License-Identifier: ISC */
/*
 * Exact rate limits shared by all workers: one 64-bit word {window start in
 * ms, count} per limit, changed by compare-and-swap.  Exact means: never more
 * than `limit` in a window, and a window starts at its first request.
 */
#ifndef LLMD_ACCESS_LIMIT_H
#define LLMD_ACCESS_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct meter {
	_Atomic uint64_t	word;
};

/*
 * A limit above 268,435,455 counts as that.
 *
 * Takes n from the window.  True, or false with *wait_ms until the window
 * ends (at least 1).  A refused take counts nothing.  limit 0 = unlimited.
 * now_ms is monotonic.
 */
bool	 meter_take(struct meter *m, uint64_t now_ms, uint32_t window_ms,
	    uint32_t limit, uint32_t n, uint32_t *wait_ms);
/* Gives back what a take took (the request was not sent after all), if its
 * window is still the current one. */
void	 meter_give(struct meter *m, uint64_t now_ms, uint32_t window_ms,
	    uint32_t n);
/* What is used of the current window. */
uint32_t meter_used(const struct meter *m, uint64_t now_ms,
	    uint32_t window_ms);
/* As meter_take without taking: 0 if n would be granted now, else the ms to
 * wait. */
uint32_t meter_wait(const struct meter *m, uint64_t now_ms,
	    uint32_t window_ms, uint32_t limit, uint32_t n);

#endif
