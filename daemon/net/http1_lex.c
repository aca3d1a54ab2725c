/* SPDX-License-Identifier: ISC */
#include "net/http1_lex.h"

#include "net/http1.h"

#define T	HTTP1_TOKEN
#define X	HTTP1_TEXT
#define P	(HTTP1_PCHAR | HTTP1_QCHAR)
#define Q	HTTP1_QCHAR
#define N	HTTP1_NAME
#define H	HTTP1_HEXDIG

const uint8_t http1_lex_class[256] = {
	['\t'] = X, [' '] = X,
	['!'] = T | X | P, ['"'] = X, ['#'] = T | X, ['$'] = T | X | P,
	['%'] = T | X, ['&'] = T | X | P, ['\''] = T | X | P,
	['('] = X | P, [')'] = X | P, ['*'] = T | X | P, ['+'] = T | X | P,
	[','] = X | P, ['-'] = T | X | P | N, ['.'] = T | X | P | N,
	['/'] = X | P, ['0' ... '9'] = T | X | P | N | H,
	[':'] = X | P, [';'] = X | P, ['<'] = X, ['='] = X | P, ['>'] = X,
	['?'] = X | Q, ['@'] = X | P,
	['A' ... 'F'] = T | X | P | N | H, ['G' ... 'Z'] = T | X | P | N,
	['['] = X | Q, ['\\'] = X, [']'] = X | Q, ['^'] = T | X,
	['_'] = T | X | P | N, ['`'] = T | X,
	['a' ... 'f'] = T | X | P | N | H, ['g' ... 'z'] = T | X | P | N,
	['{'] = X, ['|'] = T | X, ['}'] = X, ['~'] = T | X | P | N,
	[0x80 ... 0xff] = X
};

bool
http1_lex_token(struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!http1_lex_is(s.p[i], HTTP1_TOKEN))
			return false;
	return s.n > 0;
}

bool
http1_lex_next(struct span *s, struct span *element)
{
	const char *comma;
	size_t n;

	if (s->p == NULL)
		return false;
	comma = s->n == 0 ? NULL : memchr(s->p, ',', s->n);
	n = comma == NULL ? s->n : (size_t)(comma - s->p);
	*element = span_trim((struct span){ s->p, n });
	if (comma == NULL)
		*s = SPAN_NONE;
	else {
		s->p += n + 1;
		s->n -= n + 1;
	}
	return true;
}

bool
http1_lex_field(const char *p, const char *e, struct span *name,
    struct span *value)
{
	const char *c = p, *v;

	while (http1_lex_is(*c, HTTP1_TOKEN))	/* stops at the CR */
		c++;
	if (*c != ':' || c == p)
		return false;
	*name = (struct span){ p, (size_t)(c - p) };
	for (v = c + 1; *v == ' ' || *v == '\t'; v++)
		;
	while (e > v && (e[-1] == ' ' || e[-1] == '\t'))
		e--;
	*value = (struct span){ v, (size_t)(e - v) };
	return true;
}

bool
http1_lex_field_part(const char *p, const char *e)
{
	const char *c = p;

	while (c < e && http1_lex_is(*c, HTTP1_TOKEN))
		c++;
	return c == e || (*c == ':' && c > p);
}

struct span
http1_lex_find(const struct http1_field *f, unsigned n, const char *name)
{
	size_t len = strlen(name);
	unsigned i;

	for (i = 0; i < n; i++)
		if (f[i].name.n == len &&
		    http1_lex_ieq(f[i].name.p, name, len))
			return f[i].value;
	return SPAN_NONE;
}
