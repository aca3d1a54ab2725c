/* SPDX-License-Identifier: ISC */
/*
 * The step where a request waits for a capped backend.  No deployment is
 * capped yet, so a slot is granted at once; what is counted here is what
 * `llmctl` shows as in flight.
 */
#ifndef LLMD_EXCHANGE_SLOT_H
#define LLMD_EXCHANGE_SLOT_H

#include <stdbool.h>

struct deploy;

/* True: the slot is taken and must be released. */
bool	 slot_take(const struct deploy *d);
void	 slot_release(const struct deploy *d);

#endif
