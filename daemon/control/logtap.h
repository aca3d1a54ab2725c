/* SPDX-License-Identifier: ISC */
/*
 * llmd's own log lines on their way to topic `log`: taken on the log's
 * thread, posted to main's mailbox.  Bounded: what main does not fetch in
 * time is counted.  Inside control/ only; one at a time.
 */
#ifndef LLMD_CONTROL_LOGTAP_H
#define LLMD_CONTROL_LOGTAP_H

#include <stdint.h>

struct live;
struct logtap;
struct mbox;

#define LOGTAP_PENDING	1024	/* lines on their way */
#define LOGTAP_LINE	2048	/* bytes of one; the rest is cut */

/* Messages of box run with anything as their arg. */
struct logtap	*logtap_new(struct mbox *box, struct live *l);
/* Before the box is closed; lines on their way are dropped with it. */
void		 logtap_free(struct logtap *t);
uint64_t	 logtap_dropped(const struct logtap *t);

#endif
