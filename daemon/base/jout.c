/* SPDX-License-Identifier: ISC */
#include "base/jout.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jscan.h"

#define JOUT_ONES	0x0101010101010101u
#define JOUT_HIGHS	0x8080808080808080u

void
jout_u64(struct buf *b, uint64_t v)
{
	static const char pairs[] =
	    "00010203040506070809101112131415161718192021222324"
	    "25262728293031323334353637383940414243444546474849"
	    "50515253545556575859606162636465666768697071727374"
	    "75767778798081828384858687888990919293949596979899";
	char t[20], *p = t + sizeof(t);

	while (v >= 100) {
		p -= 2;
		memcpy(p, pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		p -= 2;
		memcpy(p, pairs + v * 2, 2);
	} else
		*--p = (char)('0' + v);
	buf_add(b, p, (size_t)(t + sizeof(t) - p));
}

void
jout_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_lit(b, "-");
	jout_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void
jout_hex(struct buf *b, uint64_t v)
{
	char t[16], *p = t + sizeof(t);

	do {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v != 0);
	buf_add(b, p, (size_t)(t + sizeof(t) - p));
}

void
jout_ms(struct buf *b, uint64_t ns)
{
	uint64_t us = ns / 1000 + (ns % 1000 >= 500);
	unsigned rest = (unsigned)(us % 1000);
	char t[4] = { '.', (char)('0' + rest / 100),
	    (char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };

	jout_u64(b, us / 1000);
	buf_add(b, t, sizeof(t));
}

/*
 * Up to 15 digits every decimal survives the way through a normal double, so
 * if 15 digits read back the same, printf without trailing zeros is shortest.
 */
void
jout_double(struct buf *b, double v)
{
	char t[32];
	int digits;

	if (!isfinite(v)) {
		buf_lit(b, "null");
		return;
	}
	for (digits = isnormal(v) || v == 0 ? 15 : 1; digits <= 17; digits++) {
		snprintf(t, sizeof(t), "%.*g", digits, v);
		if (strtod(t, NULL) == v)
			break;
	}
	buf_addz(b, t);
}

void
jout_str(struct buf *b, struct span raw)
{
	buf_need(b, raw.n + 2);
	buf_lit(b, "\"");
	jout_text(b, raw);
	buf_lit(b, "\"");
}

void
jout_strz(struct buf *b, const char *z)
{
	jout_str(b, span_z(z));
}

/* The ASCII character c that may not stand in a string as it is. */
static char *
jout_escape(char *o, unsigned char c)
{
	static const char short_form[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
		['\r'] = 'r'
	};

	*o++ = '\\';
	if (c >= 0x20)
		*o++ = (char)c;
	else if (short_form[c] != 0)
		*o++ = short_form[c];
	else {
		memcpy(o, "u00", 3);
		o[3] = (char)('0' + (c >> 4));
		o[4] = "0123456789abcdef"[c & 15];
		o += 5;
	}
	return o;
}

/* How many bytes from p on go into a string unchanged: ASCII without
 * controls, '"' and '\\'. */
static size_t
jout_plain(const char *p, const char *end)
{
	const char *begin = p;
	unsigned char c;
	uint64_t x, m;

	for (; end - p >= 8; p += 8) {
		memcpy(&x, p, 8);
		x = le64toh(x);
		m = (x - JOUT_ONES * 0x20) |
		    ((x ^ JOUT_ONES * '"') - JOUT_ONES) |
		    ((x ^ JOUT_ONES * '\\') - JOUT_ONES) | x;
		m &= JOUT_HIGHS;
		if (m != 0)
			return (size_t)(p - begin) +
			    (size_t)(__builtin_ctzll(m) >> 3);
	}
	for (; p < end; p++) {
		c = (unsigned char)*p;
		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
	}
	return (size_t)(p - begin);
}

void
jout_text(struct buf *b, struct span raw)
{
	const char *p = raw.p, *end;
	size_t n;
	char *o;

	if (raw.n == 0)
		return;
	end = p + raw.n;
	while (p < end) {
		n = jout_plain(p, end);
		buf_add(b, p, n);
		p += n;
		while (p < end && (unsigned char)*p >= 0x80) {
			n = jscan_utf8_char(p, (size_t)(end - p));
			if (n != 0) {
				buf_add(b, p, n);
				p += n;
				continue;
			}
			/* A broken sequence, as one. */
			buf_lit(b, "\xef\xbf\xbd");
			for (p++; p < end && ((unsigned char)*p & 0xc0) == 0x80;
			    p++)
				;
		}
		while (p < end && ((unsigned char)*p < 0x20 || *p == '"' ||
		    *p == '\\')) {
			o = buf_need(b, 6);
			o = jout_escape(o, (unsigned char)*p++);
			b->n = (size_t)(o - b->p);
		}
	}
}

/* Copies the bytes before the next backslash (or end) in steps of 8, so up to
 * 7 bytes behind the result are overwritten. */
static char *
jout_copy(char *o, const char **pp, const char *end)
{
	const char *p = *pp;
	uint64_t x, m;
	size_t n;

	for (; end - p >= 8; p += 8, o += 8) {
		memcpy(&x, p, 8);
		memcpy(o, &x, 8);
		x = le64toh(x) ^ JOUT_ONES * '\\';
		m = (x - JOUT_ONES) & ~x & JOUT_HIGHS;
		if (m != 0) {
			n = (size_t)(__builtin_ctzll(m) >> 3);
			*pp = p + n;
			return o + n;
		}
	}
	while (p < end && *p != '\\')
		*o++ = *p++;
	*pp = p;
	return o;
}

void
jout_recode(struct buf *b, struct span inner)
{
	const char *p = inner.p, *end;
	char *o, u[4];
	size_t n;

	if (inner.n == 0)
		return;
	end = p + inner.n;
	o = buf_need(b, inner.n);
	while ((o = jout_copy(o, &p, end)), p < end) {
		n = jscan_escape(&p, end, u);
		if (n == 1 && ((unsigned char)u[0] < 0x20 || u[0] == '"' ||
		    u[0] == '\\'))
			o = jout_escape(o, (unsigned char)u[0]);
		else {
			memcpy(o, u, n);
			o += n;
		}
	}
	b->n = (size_t)(o - b->p);
}

static bool
jout_is_ws(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* p at the opening quote of a valid string: behind the closing one. */
static const char *
jout_string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

/* The next piece of a value without white space between tokens; n == 0 at
 * the end. */
static struct span
jout_piece(const char **pp, const char *end)
{
	const char *p = *pp, *begin;

	while (p < end && jout_is_ws(*p))
		p++;
	begin = p;
	while (p < end && !jout_is_ws(*p))
		p = *p == '"' ? jout_string_end(p, end) : p + 1;
	*pp = p;
	return (struct span){ begin, (size_t)(p - begin) };
}

void
jout_embed(struct buf *b, struct span value)
{
	const char *p = value.p, *end;
	struct span s;

	if (value.n == 0)
		return;
	end = p + value.n;
	while ((s = jout_piece(&p, end)).n > 0)
		jout_text(b, s);
}

void
jout_compact(struct buf *b, struct span value)
{
	const char *p = value.p, *end;
	struct span s;

	if (value.n == 0)
		return;
	end = p + value.n;
	buf_need(b, value.n);
	while ((s = jout_piece(&p, end)).n > 0)
		buf_adds(b, s);
}
