/* SPDX-License-Identifier: ISC */
/*
 * The event queue of one subscription: lines that wait for their reader,
 * bounded in bytes.  When it is full, first what a newer event replaces goes
 * (COALESCE rows of proto/topics.h, the latest per object stays), then log
 * lines, then the oldest, the starts and ends of requests last.  Whatever
 * goes is counted and reported by one gap line at its place.
 *
 * Pure: no socket, no clock.
 */
#ifndef LLMD_CONTROL_SUB_H
#define LLMD_CONTROL_SUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/topics.h"

#define SUB_BUFFER	(256 * 1024)
#define SUB_NAME_MAX	24

struct sub_queue;

/* name: the "sub" of its lines; instance: of cursors.  Both are copied. */
struct sub_queue *sub_queue_new(const char *name, const char *instance,
		    size_t max_bytes);
void		 sub_queue_free(struct sub_queue *q);

/*
 * Adds an event.  rest is what follows `"sub":"..",` in its params, with
 * their closing brace: `"c":"..","t":..,"ev":".."...}`.  object: what a newer
 * event of the same kind replaces.
 */
void		 sub_queue_add(struct sub_queue *q, uint64_t seq,
		    enum topic_event ev, uint64_t object, struct span rest);
/* Events that were never made for lack of room elsewhere. */
void		 sub_queue_lost(struct sub_queue *q, uint64_t seq,
		    enum topic_event ev);
/* Drops all (another queue needs the memory); the gap says "memory". */
void		 sub_queue_empty(struct sub_queue *q);
/* Moves whole lines into out while it holds less than max bytes. */
void		 sub_queue_take(struct sub_queue *q, struct buf *out,
		    size_t max);
bool		 sub_queue_waits(const struct sub_queue *q);
size_t		 sub_queue_bytes(const struct sub_queue *q);
uint64_t	 sub_queue_sent(const struct sub_queue *q);
uint64_t	 sub_queue_dropped(const struct sub_queue *q);

/* The names of proto/topics.h by number. */
const char	*sub_event_name(enum topic_event ev);
enum topic	 sub_event_topic(enum topic_event ev);
/* -1: no such topic. */
int		 sub_topic_find(const char *name);

#endif
