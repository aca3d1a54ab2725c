/* SPDX-License-Identifier: ISC */
/*
 * Messages between threads.  The receiver owns the mbox and watches its
 * eventfd; any thread posts.  A message is embedded in a larger structure;
 * run is called on the receiver's thread and frees it, drop is called instead
 * when the mbox is closed before delivery.
 */
#ifndef LLMD_BASE_MBOX_H
#define LLMD_BASE_MBOX_H

#include <stdbool.h>
#include <sys/queue.h>

struct mbox_msg {
	STAILQ_ENTRY(mbox_msg)	 entry;
	/* arg is what the receiver gave to mbox_new (its own context). */
	void			(*run)(struct mbox_msg *m, void *arg);
	void			(*drop)(struct mbox_msg *m);
};

struct mbox;

/* NULL with errno if there is no eventfd to be had. */
struct mbox	*mbox_new(void *arg);
/*
 * By the receiver (or when its thread has ended), after it stopped watching
 * the eventfd: drops what is undelivered, refuses new messages (their drop is
 * called by the poster's mbox_post) and frees when the last poster is out of
 * it.  A thread that may post later than that holds a reference.
 */
void		 mbox_close(struct mbox *b);
/* One more holder; returns b. */
struct mbox	*mbox_ref(struct mbox *b);
void		 mbox_unref(struct mbox *b);
/* Readable when messages wait.  Belongs to b. */
int		 mbox_fd(const struct mbox *b);
/* Takes m.  False if the mbox is closed: m was dropped. */
bool		 mbox_post(struct mbox *b, struct mbox_msg *m);
/* Receiver: runs everything that waits now. */
void		 mbox_run(struct mbox *b);

#endif
