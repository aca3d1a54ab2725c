/* SPDX-License-Identifier: ISC */
/*
 * The control socket: JSON-RPC 2.0 lines for llmctl and llmtop, on main's
 * loop.  Whatever a peer sends or fails to read costs that peer only.
 */
#ifndef LLMD_CONTROL_CONTROL_H
#define LLMD_CONTROL_CONTROL_H

#include <stdint.h>

struct change;
struct control;
struct event_base;
struct live;
struct place;
struct pump;
struct stats;
struct upstream_shared;
struct workers;

#define CONTROL_PEERS		32
#define CONTROL_PEERS_KEPT	2	/* of them, for root and our own uid */
#define CONTROL_MEMORY		(16u * 1024 * 1024)

/* All borrowed until control_free. */
struct control_args {
	struct event_base	*base;
	struct place		*place;		/* from place_open */
	struct change		*change;	/* started */
	struct workers		*workers;
	struct live		*live;
	struct stats		*stats;
	struct pump		*pump;
	const struct upstream_shared *shared;	/* for model.list */
	const char		*instance;	/* of this run, in cursors */
	const char *const	*listen;	/* URLs, for status */
	unsigned		 nlisten;
	uint64_t		 start_ns;	/* monotonic, of the process */
};

struct control	*control_new(const struct control_args *a);
/*
 * After workers_stop: what they still say is dropped, connections are closed.
 */
void		 control_free(struct control *c);

#endif
