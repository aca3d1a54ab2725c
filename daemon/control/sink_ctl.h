/* SPDX-License-Identifier: ISC */
/*
 * A sink whose client is a call of the control socket: what an exchange on a
 * worker says goes to main as messages, with 64 KiB of credit.  Main knows an
 * exchange by a serial number of its own, so that a caller who has left costs
 * a dropped message and nothing more.
 */
#ifndef LLMD_CONTROL_SINK_CTL_H
#define LLMD_CONTROL_SINK_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/errors.h"

struct mbox;
struct sink_ctl_link;

#define SINK_CTL_CREDIT	65536
#define SINK_CTL_ERROR	512		/* of an error's text */

enum sink_ctl_what {
	SINK_CTL_STARTED,	/* id is known */
	SINK_CTL_TEXT,		/* a piece of the answer */
	SINK_CTL_OVER		/* the end; text: the whole answer, if it was
				 * not streamed */
};

struct sink_ctl_news {
	enum sink_ctl_what	 what;
	uint64_t		 serial;
	uint64_t		 id;
	struct span		 text;
	bool			 gone;		/* it was stopped by us */
	enum error_id		 error;		/* OVER; ERR_NONE: fine */
	char			 error_text[SINK_CTL_ERROR];
};

/* On main's thread, arg is what its mbox was made with. */
typedef void (*sink_ctl_cb)(const struct sink_ctl_news *n, void *arg);

/*
 * Starts an exchange of a body (OpenAI's chat form; moved) on a worker.  The
 * answer is text alone.  The link is main's half: free it when it is over.
 */
struct sink_ctl_link *sink_ctl_start(struct mbox *worker, struct mbox *main,
		    uint64_t serial, struct buf *body, sink_ctl_cb cb);
/* Stops it; OVER follows all the same. */
void		 sink_ctl_stop(struct sink_ctl_link *l, uint64_t id);
/* n bytes of text were passed on: the worker may send more. */
void		 sink_ctl_credit(struct sink_ctl_link *l, uint64_t id,
		    size_t n);
void		 sink_ctl_link_free(struct sink_ctl_link *l);

#endif
