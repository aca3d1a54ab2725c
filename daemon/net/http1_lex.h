/* SPDX-License-Identifier: ISC */
/* Character classes and lines of RFC 9110 and 9112, inside net/ only. */
#ifndef LLMD_NET_HTTP1_LEX_H
#define LLMD_NET_HTTP1_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

enum http1_lex_bit {
	HTTP1_TOKEN	= 0x01,	/* tchar, RFC 9110 5.6.2 */
	HTTP1_TEXT	= 0x02,	/* field-vchar, SP and HTAB, RFC 9110 5.5 */
	HTTP1_PCHAR	= 0x04,	/* of a path but '%', RFC 3986 3.3, and '/' */
	HTTP1_QCHAR	= 0x08,	/* of a query but '%': + '?' and brackets */
	HTTP1_NAME	= 0x10,	/* of a host name: unreserved, RFC 3986 2.3 */
	HTTP1_HEXDIG	= 0x20
};

extern const uint8_t http1_lex_class[256];

static inline bool
http1_lex_is(char c, unsigned bits)
{
	return (http1_lex_class[(uint8_t)c] & bits) != 0;
}

/* The value of a HEXDIG. */
static inline unsigned
http1_lex_hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : ((unsigned)c & 7) + 9;
}

/* The first byte in p..end that is not HTTP1_TEXT, or end. */
static inline const char *
http1_lex_text(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101u, high = ones << 7;
	uint64_t x, hit;

	while (end - p >= 8) {
		memcpy(&x, p, 8);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
		x = __builtin_bswap64(x);
#endif
		/* Below SP, or DEL; the lowest hit is always a true one. */
		hit = (x - ones * 0x20) & ~x;
		x ^= ones * 0x7f;
		hit = (hit | ((x - ones) & ~x)) & high;
		if (hit == 0) {
			p += 8;
			continue;
		}
		p += __builtin_ctzll(hit) / 8;
		if (*p != '\t')
			return p;
		p++;
	}
	while (p < end && http1_lex_is(*p, HTTP1_TEXT))
		p++;
	return p;
}

enum http1_lex_line {
	HTTP1_LINE_PART,	/* nothing wrong so far; *e is where it stops */
	HTTP1_LINE_WHOLE,	/* *e is its CR, a LF follows */
	HTTP1_LINE_BAD,		/* a control byte, a bare CR or LF */
	HTTP1_LINE_LONG		/* more than max bytes without its CRLF */
};

/* Finds the end of the line that starts at p. */
static inline enum http1_lex_line
http1_lex_line(const char *p, const char *end, size_t max, const char **e)
{
	*e = http1_lex_text(p, end);
	if ((size_t)(*e - p) > max)
		return HTTP1_LINE_LONG;
	if (*e == end)
		return HTTP1_LINE_PART;
	if (**e != '\r')
		return HTTP1_LINE_BAD;
	if (*e + 1 == end)
		return HTTP1_LINE_PART;
	return (*e)[1] == '\n' ? HTTP1_LINE_WHOLE : HTTP1_LINE_BAD;
}

/* True if p[0..n), a token, is lit (lower case) without regard to case. */
static inline bool
http1_lex_ieq(const char *p, const char *lit, size_t n)
{
	unsigned diff = 0;
	size_t i;

	for (i = 0; i < n; i++)
		diff |= (unsigned)((p[i] | 0x20) ^ lit[i]);
	return (diff & 0xff) == 0;
}

/* True if s is a token, not empty. */
bool		 http1_lex_token(struct span s);
/*
 * The next element of a comma-separated list at *s, without white space
 * around it (maybe empty); false at the end.
 */
bool		 http1_lex_next(struct span *s, struct span *element);
/*
 * The name and the value of the field line p..e (e: its CR).  False if there
 * is no colon, or the name is empty or no token: this also refuses obs-fold
 * and white space before the colon.
 */
bool		 http1_lex_field(const char *p, const char *e,
		    struct span *name, struct span *value);
/* False if the incomplete field line p..e cannot become a good one. */
bool		 http1_lex_field_part(const char *p, const char *e);

struct http1_field;
/* The value of the first of n fields named so (lower case), or SPAN_NONE. */
struct span	 http1_lex_find(const struct http1_field *f, unsigned n,
		    const char *name);

#endif
