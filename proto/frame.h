/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_FRAME_H
#define LLMD_PROTO_FRAME_H

#include <stddef.h>

/*
 * Cuts a byte stream, as it grows in an evbuffer, into lines ending in '\n'.
 * A '\r' before the '\n' is ignored, and so are empty lines.  A line over the
 * limit is reported once, as soon as it is known to be too long, and its bytes
 * are dropped up to the next '\n'; then all is well again.  The evbuffer never
 * has to hold more than the limit and one read.
 */
struct evbuffer;

struct frame {
	size_t	limit;		/* bytes of a line without its end */
	size_t	scanned;	/* bytes of the buffer without a '\n' */
	int	skipping;	/* dropping the rest of a long line */
};

enum frame_result {
	FRAME_NONE,		/* no complete line yet */
	FRAME_LINE,		/* *line and *len are set; the caller frees */
	FRAME_TOO_LARGE		/* one line was (or is being) dropped */
};

void	frame_init(struct frame *, size_t limit);

/*
 * Takes the next line out of the evbuffer; call it until FRAME_NONE.  *line
 * ends with a NUL that *len does not count; bytes in it may be NUL too.
 */
enum frame_result frame_next(struct frame *, struct evbuffer *, char **line,
	    size_t *len);

#endif
