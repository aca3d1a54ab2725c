/* SPDX-License-Identifier: ISC */
/*
 * Events of the live table on their way to the subscriptions; inside control/
 * only.
 */
#ifndef LLMD_CONTROL_FEED_H
#define LLMD_CONTROL_FEED_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "control/sub.h"

struct change_entry;
struct control;
struct live_event;
struct peer;

#define FEED_PACED	256	/* requests whose progress is paced */

struct subscription {
	TAILQ_ENTRY(subscription) entry;
	struct peer		*peer;
	char			 name[SUB_NAME_MAX];
	struct sub_queue	*queue;
	bool			 topics[TOPIC_COUNT];
	uint32_t		 progress_ms;	/* at most one in so many */
	struct {
		uint64_t	id;
		uint64_t	ms;
	}			 paced[FEED_PACED];
};

/* Listener of the live table; arg is the control. */
void	 feed_live_cb(const struct live_event *ev, void *arg);
/* Gives one event to one subscription, if it wants it. */
void	 feed_give(struct control *c, struct subscription *s,
	    const struct live_event *ev);
void	 feed_unsubscribe(struct subscription *s);

/* Watcher of changes; arg is the control. */
void	 feed_change_cb(const struct change_entry *e, void *arg);
/* Each second: the digest, and models whose state has changed. */
void	 feed_tick(struct control *c);
/* The members of the metrics event and of a snapshot's metrics. */
void	 feed_metrics(struct control *c, struct buf *b);
/* True if somebody subscribes to the topic. */
bool	 feed_wanted(const struct control *c, enum topic t);

#endif
