/* SPDX-License-Identifier: ISC */
/*
 * Lines of JSON out of pieces, one value a line; CR LF, blank lines, a BOM at
 * the start and a stray "data:" in front of the value are tolerated.
 */
#ifndef LLMD_DIALECT_NDJSON_H
#define LLMD_DIALECT_NDJSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* { 0 } with max set is a valid new one. */
struct ndjson {
	struct buf	 tail;		/* a line whose end has not come */
	size_t		 max;		/* bytes of one line */
	bool		 given;
};

enum ndjson_kind { NDJSON_MORE, NDJSON_LINE, NDJSON_TOO_LONG };

/*
 * Takes the next line from the piece at *p, *n, which is moved on.  The line
 * is writable until the next call and followed by a NUL; the piece must be
 * followed by JSCAN_PAD bytes.
 */
enum ndjson_kind ndjson_next(struct ndjson *s, char **p, size_t *n,
		    char **line, size_t *len);
/* The stream has ended: a last line without its LF. */
enum ndjson_kind ndjson_end(struct ndjson *s, char **line, size_t *len);
void		 ndjson_fini(struct ndjson *s);

#endif
