/* SPDX-License-Identifier: ISC */
#include "proto/frame.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

/* Bytes a line may have besides its content: an optional '\r'. */
#define FRAME_SLACK	1

void
frame_init(struct frame *f, size_t limit)
{
	memset(f, 0, sizeof(*f));
	f->limit = limit;
}

/* Where the first '\n' is, looking only at bytes not seen before; -1: none. */
static ssize_t
frame_find(struct frame *f, struct evbuffer *in)
{
	struct evbuffer_ptr at, hit;

	if (evbuffer_ptr_set(in, &at, f->scanned, EVBUFFER_PTR_SET) < 0)
		return -1;
	hit = evbuffer_search(in, "\n", 1, &at);
	if (hit.pos < 0)
		f->scanned = evbuffer_get_length(in);
	return hit.pos;
}

enum frame_result
frame_next(struct frame *f, struct evbuffer *in, char **line, size_t *len)
{
	size_t n;
	ssize_t nl;

	for (;;) {
		if (f->scanned > evbuffer_get_length(in))
			f->scanned = 0;
		nl = frame_find(f, in);
		n = nl < 0 ? evbuffer_get_length(in) : (size_t)nl;
		if (f->skipping) {
			evbuffer_drain(in, n + (nl >= 0));
			f->scanned = 0;
			if (nl < 0)
				return FRAME_NONE;
			f->skipping = 0;
			continue;
		}
		if (nl < 0 && n <= f->limit + FRAME_SLACK)
			return FRAME_NONE;
		if (nl < 0 || n > f->limit + FRAME_SLACK) {
			evbuffer_drain(in, n + (nl >= 0));
			f->scanned = 0;
			f->skipping = nl < 0;
			return FRAME_TOO_LARGE;
		}
		if ((*line = malloc(n + 2)) == NULL)
			abort();
		evbuffer_remove(in, *line, n + 1);
		f->scanned = 0;
		if (n > 0 && (*line)[n - 1] == '\r')
			n--;
		(*line)[n] = '\0';
		if (n > f->limit) {
			free(*line);
			return FRAME_TOO_LARGE;
		}
		if (n == 0) {
			free(*line);
			continue;
		}
		*len = n;
		return FRAME_LINE;
	}
}
