/* SPDX-License-Identifier: ISC */
#include "dialect/ndjson.h"

#include "base/jscan.h"

/* A stream that idles holds no more of a buffer than this. */
#define NDJSON_KEEP	1024

/* Trims a line to its value; false if nothing is left. */
static bool
ndjson_trim(char **line, size_t *len)
{
	char *p = *line;
	size_t n = *len;

	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		p += 3;
		n -= 3;
	}
	while (n != 0 && (*p == ' ' || *p == '\t' || *p == '\r')) {
		p++;
		n--;
	}
	if (n >= 5 && memcmp(p, "data:", 5) == 0) {
		p += 5;
		n -= 5;
		while (n != 0 && *p == ' ') {
			p++;
			n--;
		}
	}
	while (n != 0 && (p[n - 1] == '\r' || p[n - 1] == ' ' ||
	    p[n - 1] == '\t'))
		n--;
	*line = p;
	*len = n;
	if (n == 0)
		return false;
	p[n] = '\0';
	return true;
}

enum ndjson_kind
ndjson_next(struct ndjson *s, char **p, size_t *n, char **line, size_t *len)
{
	char *lf;

	if (s->given) {
		buf_reset(&s->tail, NDJSON_KEEP);
		s->given = false;
	}
	while (*n != 0 && (lf = memchr(*p, '\n', *n)) != NULL) {
		*line = *p;
		*len = (size_t)(lf - *p);
		*p = lf + 1;
		*n -= *len + 1;
		if (s->tail.n + *len > s->max)
			return NDJSON_TOO_LONG;
		if (s->tail.n != 0) {
			buf_add(&s->tail, *line, *len);
			buf_pad(&s->tail);
			*line = s->tail.p;
			*len = s->tail.n;
			s->given = true;
		}
		if (ndjson_trim(line, len))
			return NDJSON_LINE;
		buf_reset(&s->tail, NDJSON_KEEP);
		s->given = false;
	}
	if (s->tail.n + *n > s->max)
		return NDJSON_TOO_LONG;
	buf_add(&s->tail, *p, *n);
	*p += *n;
	*n = 0;
	return NDJSON_MORE;
}

enum ndjson_kind
ndjson_end(struct ndjson *s, char **line, size_t *len)
{
	if (s->given || s->tail.n == 0)
		return NDJSON_MORE;
	buf_pad(&s->tail);
	*line = s->tail.p;
	*len = s->tail.n;
	s->given = true;
	return ndjson_trim(line, len) ? NDJSON_LINE : NDJSON_MORE;
}

void
ndjson_fini(struct ndjson *s)
{
	buf_fini(&s->tail);
}
