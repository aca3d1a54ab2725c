/* SPDX-License-Identifier: ISC */
/*
 * A call of a peer that has no answer yet.  Whoever handles it ends it, now or
 * later, with one of the functions below.  Inside control/ only.
 */
#ifndef LLMD_CONTROL_CALL_H
#define LLMD_CONTROL_CALL_H

#include <sys/queue.h>

#include <stddef.h>

#include "proto/methods.h"

struct buf;
struct control;
struct json_object;
struct peer;
struct rpc_error;

struct call {
	TAILQ_ENTRY(call)	 entry;
	struct peer		*peer;	/* NULL: it left */
	struct control		*ctl;
	struct json_object	*id;
	struct json_object	*params;	/* checked; or NULL */
	enum method_row		 row;
	/* Stops the work: answers, or not if the peer left, and ends the
	 * call (call_fail or call_drop).  NULL: it cannot be stopped. */
	void			(*cancel)(struct call *c);
	/* The peer has room for more. */
	void			(*drained)(struct call *c);
	void			*data;
};

/* Each ends the call; result and the contents of text are taken. */
void		 call_reply(struct call *c, struct json_object *result);
void		 call_reply_text(struct call *c, struct buf *result);
void		 call_fail(struct call *c, struct rpc_error *err);
/* Its peer has left. */
void		 call_drop(struct call *c);
/* A line for the caller meanwhile: taken. */
void		 call_line(struct call *c, char *line, size_t len);
/* "user uid", for histories. */
void		 call_who(const struct call *c, char *out, size_t size);

#endif
