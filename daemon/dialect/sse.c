/* SPDX-License-Identifier: ISC */
/*
 * The usual event, one data line that lies whole in the piece, is handed out
 * where it lies: two memchr() and no copy.  A line that is cut is collected
 * in tail, data that has to wait for its blank line in data.
 */
#include "dialect/sse.h"

#include "base/jscan.h"

/* A stream that idles holds no more of a buffer than this. */
#define SSE_KEEP	1024

/* The end of the line at p, or NULL: it is not in these n bytes. */
static char *
sse_line_end(char *p, size_t n)
{
	char *lf, *cr;

	lf = memchr(p, '\n', n);
	cr = memchr(p, '\r', lf != NULL ? (size_t)(lf - p) : n);
	return cr != NULL ? cr : lf;
}

/* Moves the data line that lies in the caller's piece to s->data. */
static void
sse_keep(struct sse *s)
{
	if (s->line == NULL)
		return;
	buf_add(&s->data, s->line, s->line_n);
	s->line = NULL;
}

static void
sse_trade(struct sse *s)
{
	struct buf b = s->data;

	s->data = s->tail;
	s->tail = b;
}

/* A line without its end; true if it was a comment. */
static bool
sse_line(struct sse *s, char *p, size_t n, bool in_piece)
{
	size_t k;

	if (n >= 5 && memcmp(p, "data:", 5) == 0) {
		k = n > 5 && p[5] == ' ' ? 6 : 5;
	} else if (n == 4 && memcmp(p, "data", 4) == 0) {
		k = 4;
	} else {
		if (n >= 6 && memcmp(p, "event:", 6) == 0) {
			p += 6;
			n -= 6;
			if (n != 0 && *p == ' ') {
				p++;
				n--;
			}
			if (n > SSE_NAME - 1)
				n = SSE_NAME - 1;
			memcpy(s->name, p, n);
			s->name[n] = '\0';
		}
		return n != 0 && *p == ':';
	}
	if (in_piece && !s->has_data) {
		s->line = p + k;
		s->line_n = n - k;
	} else if (!in_piece && !s->has_data) {
		/* It may be megabytes: trade the buffers. */
		k += (size_t)(p - s->tail.p);
		sse_trade(s);
		buf_drain(&s->data, k);
	} else {
		sse_keep(s);
		if (s->has_data)
			buf_lit(&s->data, "\n");
		buf_add(&s->data, p + k, n - k);
	}
	s->has_data = true;
	return false;
}

/* A blank line: hands out what has been collected. */
static bool
sse_dispatch(struct sse *s, struct sse_event *ev)
{
	if (!s->has_data) {
		s->name[0] = '\0';
		return false;
	}
	if (s->line != NULL) {
		ev->data = s->line;
		ev->n = s->line_n;
		ev->data[ev->n] = '\0';
		s->line = NULL;
	} else {
		buf_pad(&s->data);
		ev->data = s->data.p;
		ev->n = s->data.n;
	}
	ev->name = s->name;
	s->has_data = false;
	s->given = true;
	return true;
}

/* Forgets the event that was handed out. */
static void
sse_forget(struct sse *s)
{
	buf_reset(&s->data, SSE_KEEP);
	s->name[0] = '\0';
	s->given = false;
}

/* True if n more bytes are too many for what has been collected. */
static bool
sse_over(const struct sse *s, size_t n)
{
	size_t have = s->tail.n + s->data.n +
	    (s->line != NULL ? s->line_n : 0);

	return have + n > s->max;
}

/* Skips what belongs to a line end or a BOM that an earlier piece began. */
static void
sse_skip(struct sse *s, char **p, size_t *n)
{
	if (s->skip_lf && *n != 0) {
		if (**p == '\n') {
			(*p)++;
			(*n)--;
		}
		s->skip_lf = false;
	}
}

/* The first line may begin with a BOM. */
static void
sse_bom(struct sse *s, char **p, size_t *n)
{
	if (!s->begun && *n >= 3 && memcmp(*p, "\xef\xbb\xbf", 3) == 0) {
		*p += 3;
		*n -= 3;
	}
	s->begun = true;
}

enum sse_kind
sse_next(struct sse *s, char **p, size_t *n, struct sse_event *ev)
{
	char *end, *line;
	size_t len;
	bool in_piece, comment, blank;

	if (s->given)
		sse_forget(s);
	for (;;) {
		sse_skip(s, p, n);
		if (*n == 0 || (end = sse_line_end(*p, *n)) == NULL)
			break;
		line = *p;
		len = (size_t)(end - line);
		*n -= len + 1;
		*p = end + 1;
		s->skip_lf = *end == '\r';
		if (sse_over(s, len))
			return SSE_TOO_LONG;
		in_piece = s->tail.n == 0;
		if (!in_piece) {
			buf_add(&s->tail, line, len);
			line = s->tail.p;
			len = s->tail.n;
		}
		sse_bom(s, &line, &len);
		blank = len == 0;
		comment = !blank && sse_line(s, line, len, in_piece);
		if (!in_piece)
			buf_reset(&s->tail, SSE_KEEP);
		if (comment)
			return SSE_COMMENT;
		if (blank && sse_dispatch(s, ev))
			return SSE_EVENT;
	}
	sse_keep(s);
	if (sse_over(s, *n))
		return SSE_TOO_LONG;
	buf_add(&s->tail, *p, *n);
	*p += *n;
	*n = 0;
	return SSE_MORE;
}

enum sse_kind
sse_end(struct sse *s, struct sse_event *ev)
{
	char *line = s->tail.p;
	size_t len = s->tail.n;

	if (s->given)
		sse_forget(s);
	if (len != 0) {
		sse_bom(s, &line, &len);
		sse_line(s, line, len, false);
		buf_reset(&s->tail, 0);
	}
	return sse_dispatch(s, ev) ? SSE_EVENT : SSE_MORE;
}

void
sse_fini(struct sse *s)
{
	buf_fini(&s->tail);
	buf_fini(&s->data);
}
