/* SPDX-License-Identifier: ISC */
#ifndef LLMD_SIM_STREAM_H
#define LLMD_SIM_STREAM_H

#include "answer.h"
#include "reply.h"

/*
 * Events of a streamed answer, as SSE or NDJSON, with the script's changes
 * of form (line ends, comments, ids) and content (broken JSON, bad bytes).
 */
struct stream {
	struct reply		*reply;
	const struct script	*script;
	bool			 sse;
	bool			 ended;		/* by an error or a cut */
	bool			 half;		/* cut inside the next event */
	long			 events;
	long			 tokens;
	uint64_t		 pace_us;
};

void	 stream_init(struct stream *, struct reply *, bool sse,
	    uint64_t pace_us);
/* Pause between tokens for this answer. */
uint64_t stream_pace(const struct sim *, const struct script *,
	    const struct answer *);
void	 stream_event(struct stream *, const struct buf *);
/* Before token n: pauses; false when the script ends the stream here. */
bool	 stream_token(struct stream *, const char *error_line);
/* The token's JSON literal, which the script may spoil. */
void	 stream_literal(struct stream *, const char *, size_t, bool go,
	    struct buf *);
/* An event that never ends: what stands before the text, then x for ever. */
void	 stream_endless_line(struct stream *, const struct buf *);
/* [DONE] (SSE) and what the script sends after the end. */
void	 stream_end(struct stream *);

#endif
