/* SPDX-License-Identifier: ISC */
/*
 * Every loop here ends at the NUL behind the input: NUL is neither white
 * space nor allowed in a string, a number or a literal.  Loads of up to 16
 * bytes begin at that NUL at the latest and so stay within JSCAN_PAD.
 *
 * Strings are where the bytes are: runs of plain ASCII are passed 16 at a
 * time (SSE2) or 8 (elsewhere, and with JSCAN_NO_SIMD), the rest one
 * character at a time.  Nesting is a counter and one bit per level.
 */
#include "base/jscan.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/xmalloc.h"

#if defined(__SSE2__) && !defined(JSCAN_NO_SIMD)
#define JSCAN_SSE2
#include <emmintrin.h>
#endif

enum {
	JSCAN_C_DIGIT = 1,
	JSCAN_C_HEX = 2,
	JSCAN_C_ESCAPE = 4	/* may stand behind a backslash (but for u) */
};

#define D	(JSCAN_C_DIGIT | JSCAN_C_HEX)
#define X	JSCAN_C_HEX
#define E	JSCAN_C_ESCAPE
static const uint8_t jscan_class[256] = {
	['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D,
	['5'] = D, ['6'] = D, ['7'] = D, ['8'] = D, ['9'] = D,
	['a'] = X, ['b'] = X | E, ['c'] = X, ['d'] = X, ['e'] = X,
	['f'] = X | E,
	['A'] = X, ['B'] = X, ['C'] = X, ['D'] = X, ['E'] = X, ['F'] = X,
	['"'] = E, ['\\'] = E, ['/'] = E, ['n'] = E, ['r'] = E, ['t'] = E
};
#undef D
#undef X
#undef E

static inline bool
jscan_is(char c, unsigned class)
{
	return (jscan_class[(unsigned char)c] & class) != 0;
}

/*
 * Strings
 */

#ifdef JSCAN_SSE2
/* One bit for each of 16 bytes that is no plain string text. */
static inline unsigned
jscan_mask(__m128i x)
{
	/* Signed: both controls and bytes from 0x80 on are "below 0x20". */
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(
	    _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
	    _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))),
	    _mm_cmplt_epi8(x, _mm_set1_epi8(0x20))));
}

/* The first byte from p on that is no plain string text. */
static inline const char *
jscan_plain(const char *p)
{
	unsigned m;

	for (;;) {
		m = jscan_mask(_mm_loadu_si128((const __m128i *)p));
		if (m != 0)
			return p + __builtin_ctz(m);
		p += 16;
	}
}
#else
#define JSCAN_ONES	0x0101010101010101u
#define JSCAN_HIGHS	0x8080808080808080u

static inline const char *
jscan_plain(const char *p)
{
	uint64_t x, m;

	for (;;) {
		memcpy(&x, p, 8);
		x = le64toh(x);
		/*
		 * The lowest high bit set is exact: borrows only run
		 * upwards from a byte that is a hit itself.
		 */
		m = (x - JSCAN_ONES * 0x20) |
		    ((x ^ JSCAN_ONES * '"') - JSCAN_ONES) |
		    ((x ^ JSCAN_ONES * '\\') - JSCAN_ONES) | x;
		m &= JSCAN_HIGHS;
		if (m != 0)
			return p + (__builtin_ctzll(m) >> 3);
		p += 8;
	}
}
#endif

/*
 * Bytes of the character at p that does not begin with ASCII, or 0; looks at
 * 4 bytes.  The masks pick the marker bits of each length, then the bits that
 * tell overlong forms, surrogates and what is beyond U+10FFFF.
 */
static inline size_t
jscan_multi(const char *p)
{
	uint32_t x, t;

	memcpy(&x, p, 4);
	x = le32toh(x);
	if ((x & 0xc0c0f0) == 0x8080e0) {
		t = x & 0x200f;
		return t == 0 || t == 0x200d ? 0 : 3;
	}
	if ((x & 0xc0e0) == 0x80c0)
		return (x & 0x1e) == 0 ? 0 : 2;
	if ((x & 0xc0c0c0f8) == 0x808080f0) {
		t = x & 0x3007;
		return t == 0 || (t & 7) > 4 || ((t & 7) == 4 && t > 7) ? 0 : 4;
	}
	return 0;
}

/* p behind the opening quote; the closing quote, or NULL.  Sets *esc if there
 * is an escape. */
static inline const char *
jscan_string(const char *p, bool *esc)
{
	size_t n;

	for (;;) {
		p = jscan_plain(p);
		while (*p == '\\') {
			*esc = true;
			if (jscan_is(p[1], JSCAN_C_ESCAPE))
				p += 2;
			else if (p[1] == 'u' && jscan_is(p[2], JSCAN_C_HEX) &&
			    jscan_is(p[3], JSCAN_C_HEX) &&
			    jscan_is(p[4], JSCAN_C_HEX) &&
			    jscan_is(p[5], JSCAN_C_HEX))
				p += 6;
			else
				return NULL;
		}
		if (*p == '"')
			return p;
		if ((unsigned char)*p < 0x20)
			return NULL;
		while ((unsigned char)*p >= 0x80) {
			if ((n = jscan_multi(p)) == 0)
				return NULL;
			p += n;
		}
	}
}

/*
 * Values
 */

static inline const char *
jscan_digits(const char *p)
{
	if (!jscan_is(*p, JSCAN_C_DIGIT))
		return NULL;
	while (jscan_is(*++p, JSCAN_C_DIGIT))
		;
	return p;
}

static const char *
jscan_number(const char *p)
{
	if (*p == '-')
		p++;
	if (*p == '0')
		p++;
	else if ((p = jscan_digits(p)) == NULL)
		return NULL;
	if (*p == '.' && (p = jscan_digits(p + 1)) == NULL)
		return NULL;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		p = jscan_digits(p);
	}
	return p;
}

/* A value that is no container. */
static inline const char *
jscan_scalar(const char *p)
{
	bool esc;

	switch (*p) {
	case '"':
		p = jscan_string(p + 1, &esc);
		return p == NULL ? NULL : p + 1;
	case 't':
		return memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
	case 'f':
		return memcmp(p + 1, "alse", 4) == 0 ? p + 5 : NULL;
	case 'n':
		return memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
	default:
		return jscan_number(p);
	}
}

/* p behind the string of a key: the value behind the colon, or NULL. */
static inline const char *
jscan_colon(const char *p)
{
	p = jscan_ws(p);
	return *p == ':' ? jscan_ws(p + 1) : NULL;
}

/* p at a key: its value, or NULL. */
static inline const char *
jscan_key(const char *p)
{
	bool esc;

	if (*p != '"' || (p = jscan_string(p + 1, &esc)) == NULL)
		return NULL;
	return jscan_colon(p + 1);
}

const char *
jscan_value(const char *p, unsigned depth)
{
	uint64_t outer[JSCAN_DEPTH / 64] = { 0 };	/* 1: an object */
	unsigned d = 0, max = depth < JSCAN_DEPTH ? JSCAN_DEPTH - depth : 0;
	bool obj = false;

	for (;;) {
		if (*p == '{' || *p == '[') {
			if (d == max)
				return NULL;
			outer[d / 64] &= ~((uint64_t)1 << d % 64);
			outer[d / 64] |= (uint64_t)obj << d % 64;
			d++;
			obj = *p == '{';
			p = jscan_ws(p + 1);
			if (*p != (obj ? '}' : ']')) {
				if (obj && (p = jscan_key(p)) == NULL)
					return NULL;
				continue;
			}
		} else {
			if ((p = jscan_scalar(p)) == NULL || d == 0)
				return p;
			p = jscan_ws(p);
		}
		/* Close what ends here, up to the next value. */
		while (*p != ',') {
			if (*p != (obj ? '}' : ']'))
				return NULL;
			p++;
			if (--d == 0)
				return p;
			obj = outer[d / 64] >> d % 64 & 1;
			p = jscan_ws(p);
		}
		p = jscan_ws(p + 1);
		if (obj && (p = jscan_key(p)) == NULL)
			return NULL;
	}
}

bool
jscan_document(const char *p, size_t n, struct span *v)
{
	const char *begin = jscan_ws(p), *end;

	*v = SPAN_NONE;
	end = jscan_value(begin, 0);
	if (end == NULL || jscan_ws(end) != p + n)
		return false;
	*v = (struct span){ begin, (size_t)(end - begin) };
	return true;
}

/* The first member or element, or the one behind the comma: 1, 0, -1. */
static inline int
jscan_step(struct jscan_iter *it, char close)
{
	const char *p = jscan_ws(it->p);

	if (it->depth > JSCAN_DEPTH)
		return -1;
	if (*p == close) {
		it->p = p + 1;
		return 0;
	}
	if (!it->first) {
		if (*p != ',')
			return -1;
		p = jscan_ws(p + 1);
	}
	it->first = false;
	it->p = p;
	return 1;
}

int
jscan_member(struct jscan_iter *it, struct span *key, bool *esc,
    struct span *val)
{
	const char *p, *q;
	int r;

	if ((r = jscan_step(it, '}')) <= 0)
		return r;
	p = it->p;
	*esc = false;
	if (*p != '"' || (q = jscan_string(p + 1, esc)) == NULL)
		return -1;
	*key = (struct span){ p + 1, (size_t)(q - p - 1) };
	if ((p = jscan_colon(q + 1)) == NULL ||
	    (q = jscan_value(p, it->depth)) == NULL)
		return -1;
	*val = (struct span){ p, (size_t)(q - p) };
	it->p = q;
	return 1;
}

int
jscan_element(struct jscan_iter *it, struct span *val)
{
	const char *q;
	int r;

	if ((r = jscan_step(it, ']')) <= 0)
		return r;
	if ((q = jscan_value(it->p, it->depth)) == NULL)
		return -1;
	*val = (struct span){ it->p, (size_t)(q - it->p) };
	it->p = q;
	return 1;
}

/*
 * Duplicate keys.  The first JSCAN_MEMBERS short keys are compared one by
 * one, after their first bytes.  From the next one on all go to a set with a
 * keyed hash; keys longer than JSCAN_KEY_LONG always do, because many of them
 * that differ only near their end would make the comparison slow.
 */

#define JSCAN_KEY_LONG	64

struct jscan_slot {
	const char	*p;	/* NULL: free */
	uint32_t	 n;
	uint32_t	 h;
};

struct jscan_set {
	uint64_t		 key[2];
	struct arena		 arena;		/* decoded keys */
	struct jscan_slot	*slots;
	size_t			 nslots;	/* a power of two */
	size_t			 n;
};

void
jscan_dup_init(struct jscan_dup *d)
{
	d->n = 0;
	d->used = 0;
	d->big = NULL;
}

void
jscan_dup_fini(struct jscan_dup *d)
{
	struct jscan_set *s = d->big;

	if (s == NULL)
		return;
	arena_fini(&s->arena);
	free(s->slots);
	free(s);
	d->big = NULL;
}

static struct jscan_set *
jscan_set_get(struct jscan_dup *d)
{
	struct jscan_set *s;

	if (d->big == NULL) {
		d->big = s = xcalloc(1, sizeof(*s));
		hash_seed(s->key);
	}
	return d->big;
}

static void
jscan_set_grow(struct jscan_set *s)
{
	struct jscan_slot *old = s->slots;
	size_t i, j, n = s->nslots;

	s->nslots = n == 0 ? 512 : n * 2;
	s->slots = xcalloc(s->nslots, sizeof(*s->slots));
	for (i = 0; i < n; i++) {
		if (old[i].p == NULL)
			continue;
		for (j = old[i].h & (s->nslots - 1); s->slots[j].p != NULL;
		    j = (j + 1) & (s->nslots - 1))
			;
		s->slots[j] = old[i];
	}
	free(old);
}

static int
jscan_set_add(struct jscan_set *s, struct span k)
{
	struct jscan_slot *slot;
	uint32_t h;
	size_t i;

	if (s->n == JSCAN_MEMBERS_MAX || k.n > UINT32_MAX)
		return -2;
	if (s->n >= s->nslots / 4 * 3)
		jscan_set_grow(s);
	h = (uint32_t)hash_bytes(k.p, k.n, s->key);
	for (i = h & (s->nslots - 1); s->slots[i].p != NULL;
	    i = (i + 1) & (s->nslots - 1)) {
		slot = &s->slots[i];
		if (slot->h == h && slot->n == k.n &&
		    memcmp(slot->p, k.p, k.n) == 0)
			return -1;
	}
	s->slots[i] = (struct jscan_slot){ k.p, (uint32_t)k.n, h };
	s->n++;
	return 0;
}

/* The decoded form of an escaped key, followed by at least 8 bytes. */
static struct span
jscan_dup_decode(struct jscan_dup *d, struct span k)
{
	char *p;
	size_t n;

	if (k.n + 8 <= sizeof(d->arena) - d->used) {
		p = d->arena + d->used;
		n = jscan_unescape(k, p);
		d->used += n + 8;
	} else {
		p = arena_alloc(&jscan_set_get(d)->arena, k.n + 8);
		n = jscan_unescape(k, p);
	}
	memset(p + n, 0, 8);
	return (struct span){ p, n };
}

/* Different for keys that differ in length or in their first 8 bytes. */
static inline uint64_t
jscan_dup_hash(struct span k)
{
	uint64_t x;

	memcpy(&x, k.p, 8);
	x = le64toh(x);
	if (k.n < 8)
		x &= ((uint64_t)1 << k.n * 8) - 1;
	return x ^ (uint64_t)k.n << 57;
}

int
jscan_dup_add(struct jscan_dup *d, struct span *key, bool esc)
{
	struct jscan_set *s;
	uint64_t h;
	unsigned i;

	if (esc)
		*key = jscan_dup_decode(d, *key);
	if (key->n > JSCAN_KEY_LONG || d->n > JSCAN_MEMBERS)
		return jscan_set_add(jscan_set_get(d), *key);
	h = jscan_dup_hash(*key);
	for (i = 0; i < d->n; i++)
		if (d->h[i] == h && span_is(d->k[i], *key))
			return -1;
	if (d->n < JSCAN_MEMBERS) {
		d->h[d->n] = h;
		d->k[d->n++] = *key;
		return 0;
	}
	s = jscan_set_get(d);
	for (i = 0; i < d->n; i++)
		jscan_set_add(s, d->k[i]);
	d->n++;
	return jscan_set_add(s, *key);
}

int
jscan_next(struct jscan_iter *it, struct jscan_dup *d, struct span *key,
    struct span *val)
{
	bool esc;
	int r;

	if ((r = jscan_member(it, key, &esc, val)) <= 0)
		return r;
	switch (jscan_dup_add(d, key, esc)) {
	case 0:
		return 1;
	case -1:
		return -2;
	default:
		return -1;
	}
}

/*
 * What values mean
 */

bool
jscan_u64(struct span v, uint64_t *out)
{
	const char *dot;
	struct span whole = v;
	size_t i;
	uint64_t x;

	if (v.n == 0)
		return false;
	if ((dot = memchr(v.p, '.', v.n)) != NULL) {
		whole.n = (size_t)(dot - v.p);
		for (i = whole.n + 1; i < v.n; i++)
			if (v.p[i] != '0')
				return false;
	}
	if (!span_u64(whole, &x) || x > INT64_MAX)
		return false;
	*out = x;
	return true;
}

/* strtod, because the process stays in the C locale and what follows a
 * validated number is never a part of one. */
bool
jscan_double(struct span v, double *out)
{
	double d;

	if (!jscan_is_num(v))
		return false;
	d = strtod(v.p, NULL);
	if (!isfinite(d))
		return false;
	*out = d;
	return true;
}

static unsigned
jscan_hex4(const char *p)
{
	unsigned v = 0, i, c;

	for (i = 0; i < 4; i++) {
		c = (unsigned char)p[i];
		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static size_t
jscan_encode(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t
jscan_escape(const char **pp, const char *end, char out[4])
{
	static const char plain[256] = {
		['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b',
		['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
	};
	const char *p = *pp;
	uint32_t c, low;

	if (p[1] != 'u') {
		out[0] = plain[(unsigned char)p[1]];
		*pp = p + 2;
		return 1;
	}
	c = jscan_hex4(p + 2);
	p += 6;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
	    p[1] == 'u') {
		low = jscan_hex4(p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	*pp = p;
	return jscan_encode(c, out);
}

size_t
jscan_unescape(struct span inner, char *out)
{
	const char *p = inner.p, *end, *q;
	char *o = out;

	if (inner.n == 0)
		return 0;
	end = p + inner.n;
	while (p < end) {
		if ((q = memchr(p, '\\', (size_t)(end - p))) == NULL)
			q = end;
		memcpy(o, p, (size_t)(q - p));
		o += q - p;
		p = q;
		while (p < end && *p == '\\') {
			char u[4];
			size_t n = jscan_escape(&p, end, u);

			memcpy(o, u, n);
			o += n;
		}
	}
	return (size_t)(o - out);
}

bool
jscan_str_eq(struct span v, const char *lit)
{
	struct span in;
	const char *p, *end;
	size_t n;
	char u[4];

	if (!jscan_is_str(v))
		return false;
	in = jscan_inner(v);
	if (in.n == 0 || memchr(in.p, '\\', in.n) == NULL)
		return span_eq(in, lit);
	end = in.p + in.n;
	for (p = in.p; p < end; lit += n) {
		if (*p == '\\')
			n = jscan_escape(&p, end, u);
		else {
			u[0] = *p++;
			n = 1;
		}
		if (strncmp(u, lit, n) != 0 || u[0] == '\0')
			return false;
	}
	return *lit == '\0';
}

char *
jscan_strdup(struct arena *a, struct span v)
{
	struct span in;
	char *s;
	size_t n;

	if (!jscan_is_str(v))
		return NULL;
	in = jscan_inner(v);
	s = arena_alloc(a, in.n + 1);
	n = jscan_unescape(in, s);
	s[n] = '\0';
	return memchr(s, '\0', n) == NULL ? s : NULL;
}

size_t
jscan_utf8_char(const char *p, size_t n)
{
	char part[4] = { 0 };

	if (n == 0)
		return 0;
	if ((unsigned char)*p < 0x80)
		return 1;
	if (n >= 4)
		return jscan_multi(p);
	memcpy(part, p, n);
	return jscan_multi(part);
}

size_t
jscan_utf8_valid(const char *p, size_t n)
{
	size_t i = 0, k;
	uint64_t x;

	while (i < n) {
		while (n - i >= 8) {
			memcpy(&x, p + i, 8);
			if ((x & 0x8080808080808080u) != 0)
				break;
			i += 8;
		}
		if (i == n || (k = jscan_utf8_char(p + i, n - i)) == 0)
			break;
		i += k;
	}
	return i;
}
