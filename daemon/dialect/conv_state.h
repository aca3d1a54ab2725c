/* SPDX-License-Identifier: ISC */
/*
 * A conversion from the inside, and what backs call while they read a reply.
 * For the files of this folder only.
 */
#ifndef LLMD_DIALECT_CONV_STATE_H
#define LLMD_DIALECT_CONV_STATE_H

#include "dialect/dialect.h"
#include "dialect/ndjson.h"
#include "dialect/sse.h"

/* OpenAI allows 128 choices. */
#define CONV_CHOICES	128
struct conv_set {
	uint64_t	 w[CONV_CHOICES / 64];
};

static inline bool
conv_set_has(const struct conv_set *s, unsigned i)
{
	return i < CONV_CHOICES && (s->w[i / 64] >> (i % 64) & 1) != 0;
}

static inline void
conv_set_add(struct conv_set *s, unsigned i)
{
	if (i < CONV_CHOICES)
		s->w[i / 64] |= (uint64_t)1 << (i % 64);
}

enum conv_mode {
	CONV_SNIFF,		/* nothing but white space so far */
	CONV_EVENTS,
	CONV_JSON,		/* a whole reply where a stream was asked for */
	CONV_WHOLE
};

struct conv {
	const struct chat_req	*req;
	const struct dialect	*front;
	const struct dialect	*back;
	struct conv_info	 info;
	struct conv_facts	 facts;
	enum conv_state		 state;
	enum conv_mode		 mode;
	bool			 pass;		/* same dialect: relay */
	bool			 spliced_usage;	/* we asked, not the client */
	bool			 comment;	/* one came before the start */
	struct sse		 sse;
	struct ndjson		 lines;
	struct buf		 body;		/* CONV_JSON, or mended */
	struct buf		*out;

	struct buf		 model;		/* info.model as JSON */
	struct buf		 member;	/* "model":.., to insert */
	struct buf		 head;		/* what our chunks begin with */
	char			 up_id[64];	/* relay: first event's id */
	int64_t			 up_created;

	struct conv_set		 begun;		/* choices seen */
	struct conv_set		 role;		/* role was sent */
	struct conv_set		 tools;		/* a tool call was seen */
	struct conv_set		 finished;
	unsigned		 ntools;	/* of choice 0 */
	uint64_t		 ids[32];	/* hashes of tool ids */
	unsigned		 nids;
	uint64_t		 text_bytes;	/* for the estimate */

	/* CONV_JSON, CONV_WHOLE: the events of the reply. */
	struct chat_event	*evs;
	unsigned		 nevs, cap;
	bool			 collect;
	struct arena		 arena;
	struct chat_error	*error;		/* facts.error, ours */
};

/* Backs report what they have read; counts, orders and passes it on. */
void	 conv_event(struct conv *c, const struct chat_event *ev);
/* The terminal marker: finish, usage and end are written. */
void	 conv_complete(struct conv *c);
/* The answer cannot go on; the first failure counts. */
void	 conv_fail(struct conv *c, enum error_id id, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* The same with an error that is already made. */
void	 conv_fail_with(struct conv *c, const struct chat_error *e);
/* State and usage of a stream that has had its terminal marker. */
void	 conv_done(struct conv *c);
/* The usage that the client is told: an estimate if the backend was silent. */
const struct chat_usage *conv_usage(struct conv *c);
/*
 * The id of a tool call: the backend's, or one made of the answer's own id if
 * it is absent, empty or was used before in this answer.  Inner, in
 * c->arena.
 */
struct span	 conv_tool_id(struct conv *c, struct span inner);

#endif
