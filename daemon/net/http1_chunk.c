/* SPDX-License-Identifier: ISC */
/*
 * Chunked coding (RFC 9112 7.1) as a state machine that can stop at any byte.
 * Sizes, extensions and trailers go byte by byte, content in one run.
 */
#include "net/http1.h"

#include "net/http1_lex.h"

#define CHUNK_DIGITS_MAX	16	/* 2^64-1 */
#define CHUNK_EXT_MAX		256
#define CHUNK_TRAILER_MAX	8192

enum http1_chunk_state {
	CHUNK_SIZE,		/* the start: a digit must come */
	CHUNK_DIGITS,
	CHUNK_EXT,		/* behind ";" */
	CHUNK_EXT_NAME,
	CHUNK_EXT_NAME_WS,
	CHUNK_EXT_EQ,		/* behind "=" */
	CHUNK_EXT_VALUE,
	CHUNK_EXT_QUOTED,
	CHUNK_EXT_ESCAPE,
	CHUNK_EXT_END,		/* behind the closing quote */
	CHUNK_EXT_WS,		/* white space: ";" must come */
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,		/* the start of a trailer line */
	CHUNK_TRAILER_NAME,
	CHUNK_TRAILER_VALUE,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
	CHUNK_DONE,
	CHUNK_BAD
};

/* The state after b in an extension. */
static enum http1_chunk_state
http1_chunk_ext(enum http1_chunk_state state, char b)
{
	bool ws = b == ' ' || b == '\t';
	bool token = http1_lex_is(b, HTTP1_TOKEN);
	bool text = http1_lex_is(b, HTTP1_TEXT);

	switch (state) {
	case CHUNK_EXT:
		return ws ? CHUNK_EXT : token ? CHUNK_EXT_NAME : CHUNK_BAD;
	case CHUNK_EXT_NAME:
		if (token)
			return CHUNK_EXT_NAME;
		if (b == '\r')
			return CHUNK_SIZE_LF;
		/* FALLTHROUGH */
	case CHUNK_EXT_NAME_WS:
		return b == '=' ? CHUNK_EXT_EQ : b == ';' ? CHUNK_EXT :
		    ws ? CHUNK_EXT_NAME_WS : CHUNK_BAD;
	case CHUNK_EXT_EQ:
		return b == '"' ? CHUNK_EXT_QUOTED :
		    token ? CHUNK_EXT_VALUE : ws ? CHUNK_EXT_EQ : CHUNK_BAD;
	case CHUNK_EXT_QUOTED:
		return b == '"' ? CHUNK_EXT_END : b == '\\' ?
		    CHUNK_EXT_ESCAPE : text ? CHUNK_EXT_QUOTED : CHUNK_BAD;
	case CHUNK_EXT_ESCAPE:
		return text ? CHUNK_EXT_QUOTED : CHUNK_BAD;
	case CHUNK_EXT_VALUE:
		if (token)
			return CHUNK_EXT_VALUE;
		/* FALLTHROUGH */
	case CHUNK_EXT_END:
		if (b == '\r')
			return CHUNK_SIZE_LF;
		/* FALLTHROUGH */
	default:
		return b == ';' ? CHUNK_EXT : ws ? CHUNK_EXT_WS : CHUNK_BAD;
	}
}

/* One byte of a size; 0 or -400. */
static int
http1_chunk_size(struct http1_chunk *c, char b)
{
	if (http1_lex_is(b, HTTP1_HEXDIG)) {
		if (c->state == CHUNK_SIZE)
			c->line = 0;	/* left is 0 already */
		if (++c->line > CHUNK_DIGITS_MAX)
			return -400;
		c->left = c->left << 4 | http1_lex_hex(b);
		c->state = CHUNK_DIGITS;
		return 0;
	}
	if (c->state == CHUNK_SIZE)
		return -400;
	c->line = 1;
	if (b == '\r')
		c->state = CHUNK_SIZE_LF;
	else
		c->state = http1_chunk_ext(CHUNK_EXT_WS, b);
	return 0;
}

/* One byte of the trailer section; 0, 1 at its end, or -status. */
static int
http1_chunk_trailer(struct http1_chunk *c, char b)
{
	bool token = http1_lex_is(b, HTTP1_TOKEN);

	if (c->state == CHUNK_LAST_LF) {
		c->state = b == '\n' ? CHUNK_DONE : CHUNK_BAD;
		return b == '\n';
	}
	if (c->state == CHUNK_TRAILER && b == '\r') {
		c->state = CHUNK_LAST_LF;
		return 0;
	}
	if (++c->trailer > CHUNK_TRAILER_MAX)
		return -431;
	switch (c->state) {
	case CHUNK_TRAILER:
		c->state = token ? CHUNK_TRAILER_NAME : CHUNK_BAD;
		break;
	case CHUNK_TRAILER_NAME:
		if (!token)
			c->state = b == ':' ? CHUNK_TRAILER_VALUE : CHUNK_BAD;
		break;
	case CHUNK_TRAILER_VALUE:
		if (!http1_lex_is(b, HTTP1_TEXT))
			c->state = b == '\r' ? CHUNK_TRAILER_LF : CHUNK_BAD;
		break;
	default:
		c->state = b == '\n' ? CHUNK_TRAILER : CHUNK_BAD;
		break;
	}
	return 0;
}

/* One byte that is not content; 0, 1 at the end, or -status. */
static int
http1_chunk_byte(struct http1_chunk *c, char b, uint64_t max)
{
	switch (c->state) {
	case CHUNK_SIZE:
	case CHUNK_DIGITS:
		return http1_chunk_size(c, b);
	case CHUNK_SIZE_LF:
		if (b != '\n')
			return -400;
		if (c->total > max || c->left > max - c->total)
			return -413;
		c->state = c->left == 0 ? CHUNK_TRAILER : CHUNK_DATA;
		return 0;
	case CHUNK_DATA_CR:
		c->state = b == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
		return 0;
	case CHUNK_DATA_LF:
		c->state = b == '\n' ? CHUNK_SIZE : CHUNK_BAD;
		return 0;
	case CHUNK_TRAILER:
	case CHUNK_TRAILER_NAME:
	case CHUNK_TRAILER_VALUE:
	case CHUNK_TRAILER_LF:
	case CHUNK_LAST_LF:
		return http1_chunk_trailer(c, b);
	case CHUNK_BAD:
		return -400;
	default:
		c->state = http1_chunk_ext(c->state, b);
		if (c->state != CHUNK_SIZE_LF && ++c->line > CHUNK_EXT_MAX)
			return -400;
		return 0;
	}
}

int
http1_chunk_feed(struct http1_chunk *c, const char *p, size_t n,
    uint64_t max, size_t *used, struct span *data)
{
	size_t i, k;
	int r;

	*data = (struct span){ p, 0 };
	*used = 0;
	if (c->state == CHUNK_DONE)
		return 1;
	for (i = 0; i < n && c->state != CHUNK_DATA; i++) {
		r = http1_chunk_byte(c, p[i], max);
		if (r == 0 && c->state == CHUNK_BAD)
			r = -400;
		if (r != 0) {
			*used = i + 1;
			if (r < 0)
				c->state = CHUNK_BAD;
			return r;
		}
	}
	if (c->state == CHUNK_DATA && i < n) {
		k = n - i < c->left ? n - i : (size_t)c->left;
		*data = (struct span){ p + i, k };
		c->left -= k;
		c->total += k;
		if (c->left == 0)
			c->state = CHUNK_DATA_CR;
		i += k;
	}
	*used = i;
	return 0;
}
