/* SPDX-License-Identifier: ISC */
#include "exchange/slot.h"

#include <stdatomic.h>

#include "route/deploy.h"

bool
slot_take(const struct deploy *d)
{
	atomic_fetch_add_explicit(&d->state->in_flight, 1,
	    memory_order_relaxed);
	return true;
}

void
slot_release(const struct deploy *d)
{
	atomic_fetch_sub_explicit(&d->state->in_flight, 1,
	    memory_order_relaxed);
}
