/* SPDX-License-Identifier: ISC */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xmalloc.h"

bool
span_eq(struct span a, const char *lit)
{
	return span_is(a, span_z(lit));
}

static unsigned char
span_lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool
span_ieq(struct span a, const char *lit)
{
	size_t i;

	if (a.n != strlen(lit))
		return false;
	for (i = 0; i < a.n; i++)
		if (span_lower(a.p[i]) != span_lower(lit[i]))
			return false;
	return true;
}

bool
span_starts(struct span a, const char *lit)
{
	size_t n = strlen(lit);

	return a.n >= n && (n == 0 || memcmp(a.p, lit, n) == 0);
}

bool
span_u64(struct span a, uint64_t *v)
{
	uint64_t x = 0;
	size_t i;

	if (a.n == 0)
		return false;
	for (i = 0; i < a.n; i++) {
		if (a.p[i] < '0' || a.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(x, 10, &x) ||
		    __builtin_add_overflow(x, (uint64_t)(a.p[i] - '0'), &x))
			return false;
	}
	*v = x;
	return true;
}

struct span
span_trim(struct span a)
{
	while (a.n > 0 && (a.p[0] == ' ' || a.p[0] == '\t')) {
		a.p++;
		a.n--;
	}
	while (a.n > 0 && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t'))
		a.n--;
	return a;
}

char *
span_dup(struct span a)
{
	char *p = xmalloc(a.n + 1);

	if (a.n > 0)
		memcpy(p, a.p, a.n);
	p[a.n] = '\0';
	return p;
}

#define BUF_FIRST	128

/*
 * Doubles, so that n appends copy O(n) bytes; from 1 MiB on it grows by half,
 * and always to at least what is asked.
 */
char *
buf_grow(struct buf *b, size_t k)
{
	size_t want, cap = b->cap;
	bool first = b->p == NULL;

	if (__builtin_add_overflow(b->n, k, &want) ||
	    __builtin_add_overflow(want, BUF_PAD, &want))
		want = SIZE_MAX;	/* xrealloc says so and exits */
	if (want > cap) {
		if (cap < BUF_FIRST)
			cap = BUF_FIRST;
		else if (cap < 1024 * 1024)
			cap *= 2;
		else if (__builtin_add_overflow(cap, cap / 2, &cap))
			cap = SIZE_MAX;
		if (cap < want)
			cap = want;
		b->p = xrealloc(b->p, cap);
		b->cap = cap;
	}
	if (first)
		buf_pad(b);
	return b->p + b->n;
}

void
buf_addz(struct buf *b, const char *z)
{
	buf_add(b, z, strlen(z));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	char *p = buf_need(b, 128);
	size_t room = b->cap - b->n - BUF_PAD;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(p, room, fmt, ap);
	if (n >= 0 && (size_t)n >= room)
		n = vsnprintf(buf_need(b, (size_t)n + 1), (size_t)n + 1, fmt,
		    again);
	if (n > 0)
		b->n += (size_t)n;
	va_end(again);
	va_end(ap);
}

void
buf_drain(struct buf *b, size_t k)
{
	if (k >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + k, b->n - k);
	b->n -= k;
}

void
buf_pad(struct buf *b)
{
	if (b->p == NULL || b->cap - b->n < BUF_PAD) {
		buf_need(b, 0);
		if (b->p == NULL)
			return;
	}
	memset(b->p + b->n, 0, BUF_PAD);
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_reset(struct buf *b, size_t keep)
{
	if (b->cap > keep)
		buf_fini(b);
	else
		b->n = 0;
}

/*
 * Arena: blocks in a list, the current one first; the first is small, because
 * thousands of idle streams have one each.  What is larger than a quarter of
 * a block gets a block of its own behind it, so that the rest of the current
 * one is not wasted.
 */
#define ARENA_FIRST	1008
#define ARENA_BLOCK	4064
#define ARENA_ALIGN	16

struct arena_block {
	struct arena_block	*next;
	size_t			 size;
	char			 data[] __attribute__((aligned(ARENA_ALIGN)));
};

static struct arena_block *
arena_block_new(size_t size)
{
	struct arena_block *b;
	size_t all;

	if (__builtin_add_overflow(size, sizeof(*b), &all))
		all = SIZE_MAX;
	b = xmalloc(all);
	b->size = size;
	return b;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b;
	char *p;

	if (n > SIZE_MAX - 2 * ARENA_ALIGN)
		n = SIZE_MAX - 2 * ARENA_ALIGN;		/* xmalloc exits */
	n = ((n == 0 ? 1 : n) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (n <= a->left) {
		p = a->next;
		a->next += n;
		a->left -= n;
		return p;
	}
	if (n > ARENA_BLOCK / 4) {
		b = arena_block_new(n);
		if (a->blocks == NULL) {
			b->next = NULL;
			a->blocks = b;
			a->left = 0;
		} else {
			b->next = a->blocks->next;
			a->blocks->next = b;
		}
		return b->data;
	}
	b = arena_block_new(a->blocks == NULL && n <= ARENA_FIRST ?
	    ARENA_FIRST : ARENA_BLOCK);
	b->next = a->blocks;
	a->blocks = b;
	a->next = b->data + n;
	a->left = b->size - n;
	return b->data;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	memset(p, 0, n);
	return p;
}

char *
arena_strn(struct arena *a, const char *p, size_t n)
{
	char *s = arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	p = arena_alloc(a, n < 0 ? 1 : (size_t)n + 1);
	p[0] = '\0';
	if (n > 0)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *b, *next, *keep = NULL;

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		if (keep == NULL && b->size == ARENA_FIRST)
			keep = b;
		else
			free(b);
	}
	*a = (struct arena){ 0 };
	if (keep != NULL) {
		keep->next = NULL;
		a->blocks = keep;
		a->next = keep->data;
		a->left = keep->size;
	}
}

void
arena_fini(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){ 0 };
}
