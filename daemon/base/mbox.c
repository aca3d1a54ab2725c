/* SPDX-License-Identifier: ISC */
/*
 * A list under a mutex, taken whole by the receiver.  The eventfd is written
 * only when the list was empty.  The structure is counted: the receiver, each
 * holder (mbox_ref) and each call that is inside have one reference, so that
 * closing never pulls the mutex away from under a poster.
 */
#include "base/mbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/xmalloc.h"

STAILQ_HEAD(mbox_list, mbox_msg);

struct mbox {
	pthread_mutex_t	 lock;		/* of list and closed */
	struct mbox_list list;
	bool		 closed;	/* written by the receiver only */
	atomic_uint	 refs;
	int		 fd;
	void		*arg;
};

struct mbox *
mbox_new(void *arg)
{
	struct mbox *b;
	int fd;

	if ((fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return NULL;
	b = xcalloc(1, sizeof(*b));
	pthread_mutex_init(&b->lock, NULL);
	STAILQ_INIT(&b->list);
	atomic_init(&b->refs, 1);
	b->fd = fd;
	b->arg = arg;
	return b;
}

struct mbox *
mbox_ref(struct mbox *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void
mbox_unref(struct mbox *b)
{
	if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1,
	    memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&b->lock);
	close(b->fd);
	free(b);
}

static void
mbox_drop(struct mbox_list *list)
{
	struct mbox_msg *m;

	while ((m = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, entry);
		m->drop(m);
	}
}

/* Moves all messages to `to`, which is empty. */
static void
mbox_take(struct mbox *b, struct mbox_list *to)
{
	STAILQ_INIT(to);
	pthread_mutex_lock(&b->lock);
	STAILQ_CONCAT(to, &b->list);
	pthread_mutex_unlock(&b->lock);
}

void
mbox_close(struct mbox *b)
{
	struct mbox_list list;

	if (b == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	b->closed = true;
	pthread_mutex_unlock(&b->lock);
	mbox_take(b, &list);
	mbox_drop(&list);
	mbox_unref(b);
}

int
mbox_fd(const struct mbox *b)
{
	return b->fd;
}

bool
mbox_post(struct mbox *b, struct mbox_msg *m)
{
	uint64_t one = 1;
	bool closed, wake = false;
	ssize_t r;

	mbox_ref(b);
	pthread_mutex_lock(&b->lock);
	closed = b->closed;
	if (!closed) {
		wake = STAILQ_EMPTY(&b->list);
		STAILQ_INSERT_TAIL(&b->list, m, entry);
	}
	pthread_mutex_unlock(&b->lock);
	if (closed)
		m->drop(m);
	if (wake) {
		do
			r = write(b->fd, &one, sizeof(one));
		while (r < 0 && errno == EINTR);
	}
	mbox_unref(b);
	return !closed;
}

/*
 * The eventfd is cleared before the list is taken: a message that comes in
 * between is run now, and the wake-up that it leaves finds nothing.
 */
void
mbox_run(struct mbox *b)
{
	struct mbox_list list;
	struct mbox_msg *m;
	uint64_t count;
	ssize_t r;

	mbox_ref(b);
	do
		r = read(b->fd, &count, sizeof(count));
	while (r < 0 && errno == EINTR);
	mbox_take(b, &list);
	/* A message may close the mbox: the rest is dropped then. */
	while (!b->closed && (m = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, entry);
		m->run(m, b->arg);
	}
	mbox_drop(&list);
	mbox_unref(b);
}
