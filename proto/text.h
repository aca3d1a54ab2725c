/* SPDX-License-Identifier: ISC */
#ifndef LLMD_PROTO_TEXT_H
#define LLMD_PROTO_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Text for logs and terminals: everything that came from outside passes
 * text_escape once, at the edge.  UTF-8 by its own tables, whatever the
 * locale says.  No allocation, no state.
 */

enum text_flag {
	TEXT_LINES = 1,		/* keep '\n' and '\t': a model's answer */
	TEXT_ASCII = 2		/* escape all that is not ASCII, too */
};

/*
 * Writes src with everything that could drive a terminal or forge a line made
 * visible: C0, DEL and C1 as \xNN (\n, \r, \t by name), bidi and other
 * invisible controls as \u{NNNN}, bytes that are no UTF-8 as \xNN.  Like
 * snprintf: cuts at cap (between characters, always ended by NUL if cap > 0)
 * and returns the length that all of it has.
 */
size_t	text_escape(char *dst, size_t cap, const void *src, size_t len,
	    int flags);
/* The most that text_escape can make of len bytes, NUL included. */
#define TEXT_ESCAPE_MAX(len)	((len) * 4 + 1)

/*
 * Decodes one character of well-formed UTF-8 (no surrogates, no overlong
 * forms, at most U+10FFFF) and returns its bytes; 0: src does not start with
 * one (or len is 0).
 */
size_t	text_decode(const void *src, size_t len, uint32_t *ch);
/* 1 if all of it is well-formed UTF-8. */
int	text_utf8_ok(const void *src, size_t len);

/*
 * 1 for characters that drive a terminal or reorder, hide or end a line: C0,
 * DEL, C1, bidi controls and the like.
 */
int	text_char_unsafe(uint32_t ch);

/* Columns of one character: 0, 1 or 2.  Ambiguous width is 1. */
int	text_char_width(uint32_t ch);
/* Columns of an escaped string. */
int	text_width(const char *);

/*
 * Copies src (escaped text) cut to at most cols columns, its end replaced by
 * mark where something was cut; never inside a character or before its
 * combining marks.  Returns the columns used.
 */
int	text_cut(char *dst, size_t cap, const char *src, int cols,
	    const char *mark);

/*
 * Numbers for people.  All return dst.  Negative or not finite: "-".
 * TEXT_NUM_MAX bytes are enough for each.
 */
#define TEXT_NUM_MAX	32
char	*text_duration(char *dst, size_t cap, double ms);  /* 312ms 1.90s */
char	*text_age(char *dst, size_t cap, double ms);	   /* 0.3s 12.7s */
char	*text_uptime(char *dst, size_t cap, double s);	   /* 3d04h */
char	*text_size(char *dst, size_t cap, double bytes);   /* 5.8 KiB */
char	*text_count(char *dst, size_t cap, int64_t n);	   /* 1,204 */

/* "2s", "250ms", "1m30s", "10" (seconds) -> ms; -1: not a duration. */
int64_t	text_duration_parse(const char *);

/* Edit distance with transpositions, for did-you-mean; cut off at 64 bytes. */
int	text_distance(const char *, const char *);

#endif
