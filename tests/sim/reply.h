/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_REPLY_H
#define LLMD_SIM_REPLY_H

#include "conn.h"
#include "script.h"

/*
 * A reply is first collected (status, fields, body events with pauses), then
 * compiled by wire.c under its script into operations on the socket, then
 * played.  The connection owns it from reply_go on.
 */
struct reply_event {
	size_t		 off;		/* in body */
	size_t		 len;
	uint64_t	 wait_us;	/* before it */
};

enum reply_kind {
	REPLY_BYTES,		/* a = offset in wire, b = length */
	REPLY_WAIT,		/* a = microseconds */
	REPLY_JUMP,		/* a = operation */
	REPLY_CUT,		/* a = enum record_end */
	REPLY_HANG,
	REPLY_END		/* a = close the connection */
};

struct reply_op {
	enum reply_kind	 kind;
	uint64_t	 a;
	uint64_t	 b;
};

struct reply {
	struct conn		*conn;
	struct script		*script;
	int			 status;
	int			 minor;
	char			*ctype;		/* NULL: none */
	struct buf		 before;	/* field lines before it */
	struct buf		 after;		/* and after */
	struct buf		 body;
	struct reply_event	*events;
	size_t			 nevents, cap;
	uint64_t		 wait_us;	/* before the next event */
	long			 loop_from;	/* event, or -1 */
	long			 cut_from;	/* event, or -1 */
	bool			 stream;
	bool			 chunked;	/* though short */
	bool			 no_body;	/* HEAD */
	bool			 close;
	/* compiled */
	struct buf		 wire;
	struct reply_op		*ops;
	size_t			 nops, ops_cap;
	size_t			 at;		/* operation */
	size_t			 done;		/* bytes of it */
};

/* Takes its own reference of the script. */
struct reply	*reply_new(struct conn *, struct script *, int status,
		    const char *ctype);
void		 reply_free(struct reply *);
void		 reply_field(struct reply *, const char *, const char *);
void		 reply_event(struct reply *, const void *, size_t);
void		 reply_pause(struct reply *, uint64_t us);
void		 reply_go(struct reply *);
/* A whole answer in one call; Content-Type NULL leaves it out. */
void		 reply_text(struct conn *, struct script *, int status,
		    const char *ctype, const char *body, size_t len);

void		 reply_run(struct reply *);
void		 reply_timer(struct reply *);

#endif
