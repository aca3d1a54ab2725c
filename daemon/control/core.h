/* SPDX-License-Identifier: ISC */
/* What the files of control/ share; nobody else includes this. */
#ifndef LLMD_CONTROL_CORE_H
#define LLMD_CONTROL_CORE_H

#include <event2/event_struct.h>

#include <stdbool.h>
#include <stdint.h>

#include "control/control.h"
#include "control/health.h"
#include "control/peer.h"

struct catalog;
struct mbox;
struct test;
struct upstream;

struct control {
	struct control_args	 a;
	struct peer_list	 peers;
	unsigned		 npeers;
	unsigned		 nsubs;
	uint64_t		 dropped;	/* events of ended queues */
	uint64_t		 serial;	/* of tests */
	unsigned		 next_worker;
	TAILQ_HEAD(, test)	 tests;
	struct event		 accept;
	struct event		 tick;
	struct event		 retry;		/* accepting, after EMFILE */
	struct mbox		*box;
	struct event		 box_event;
	struct upstream		*up;
	struct catalog		*catalog;
	struct health		*health;
	struct map		*states;	/* model -> its last state */
	struct logtap		*tap;
	struct buf		 scratch;	/* an event being written */
	unsigned		 fanned;	/* since memory was checked */
	bool			 ticking;
	bool			 stopping;	/* the workers are gone */
	struct peer		*hog;		/* to be closed by the tick */
};

/* Looks again who wants what: progress, the tick. */
void	 control_pace(struct control *c);
/* Frees memory if all peers together hold too much. */
void	 control_squeeze(struct control *c);

#endif
