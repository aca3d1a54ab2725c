/* SPDX-License-Identifier: ISC */
/*
 * Server-sent events out of pieces, after the HTML standard: lines end with
 * LF, CR LF or CR, a BOM at the start is skipped, data lines are joined with
 * LF, an event without data is dropped.
 */
#ifndef LLMD_DIALECT_SSE_H
#define LLMD_DIALECT_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SSE_NAME	24

/* { 0 } with max set is a valid new one. */
struct sse {
	struct buf	 tail;		/* a line whose end has not come */
	struct buf	 data;		/* data lines kept from before */
	char		*line;		/* a data line in the piece */
	size_t		 line_n;
	size_t		 max;		/* bytes of one event */
	bool		 has_data;
	bool		 given;		/* data was handed out: empty it */
	bool		 skip_lf;	/* the last byte was CR */
	bool		 begun;
	char		 name[SSE_NAME];	/* event field; or "" */
};

enum sse_kind {
	SSE_MORE,		/* all was used: feed the next piece */
	SSE_EVENT,
	SSE_COMMENT,
	SSE_TOO_LONG		/* an event is larger than max: give up */
};

/* data[0..n) is writable until the next call and followed by a NUL and at
 * least JSCAN_PAD - 1 more readable bytes. */
struct sse_event {
	char		*data;
	size_t		 n;
	const char	*name;
};

/*
 * Takes the next event from the piece at *p, *n, which is moved on.  Call it
 * until SSE_MORE; the piece is written to (ends of lines become NUL) and must
 * be followed by JSCAN_PAD bytes.
 */
enum sse_kind	 sse_next(struct sse *s, char **p, size_t *n,
		    struct sse_event *ev);
/* The stream has ended: an event that only lacks its blank line. */
enum sse_kind	 sse_end(struct sse *s, struct sse_event *ev);
void		 sse_fini(struct sse *s);

#endif
