/* SPDX-License-Identifier: ISC */
/* Spans (borrowed bytes), growable buffers and a bump allocator. */
#ifndef LLMD_BASE_STR_H
#define LLMD_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Bytes that belong to somebody else; not NUL-terminated.  p == NULL means
 * "absent", which is different from n == 0.
 */
struct span {
	const char	*p;
	size_t		 n;
};

#define SPAN_LIT(s)	((struct span){ (s), sizeof(s) - 1 })
#define SPAN_NONE	((struct span){ NULL, 0 })

static inline struct span
span_z(const char *s)
{
	return (struct span){ s, s == NULL ? 0 : strlen(s) };
}

static inline bool
span_is(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* True if a equals the NUL-terminated lit. */
bool		 span_eq(struct span a, const char *lit);
/* As span_eq, ASCII letters compared without case. */
bool		 span_ieq(struct span a, const char *lit);
bool		 span_starts(struct span a, const char *lit);
/* Decimal digits only, no sign, at most 2^64-1; false otherwise. */
bool		 span_u64(struct span a, uint64_t *v);
/* Without spaces and tabs at both ends. */
struct span	 span_trim(struct span a);
/* New NUL-terminated copy; free() it. */
char		*span_dup(struct span a);

/*
 * A growable byte buffer.  { 0 } is a valid empty one.  Once p is not NULL
 * there are always at least BUF_PAD bytes of memory behind p + n; buf_pad()
 * makes them NUL: call it before the content is given to jscan or used as a
 * C string.
 */
#define BUF_PAD		64
struct buf {
	char	*p;
	size_t	 n;
	size_t	 cap;
};

/*
 * Makes room for k more bytes (plus BUF_PAD) and returns the place to write
 * them; the caller then adds to b->n and, if the content will be scanned,
 * calls buf_pad().  Never fails (exits when memory is out): callers cap k.
 */
char		*buf_grow(struct buf *b, size_t k);

static inline char *
buf_need(struct buf *b, size_t k)
{
	if (b->n + k + BUF_PAD <= b->cap)
		return b->p + b->n;
	return buf_grow(b, k);
}

static inline void
buf_add(struct buf *b, const void *d, size_t n)
{
	if (n != 0) {
		memcpy(buf_need(b, n), d, n);
		b->n += n;
	}
}

static inline void
buf_adds(struct buf *b, struct span s)
{
	buf_add(b, s.p, s.n);
}

#define buf_lit(b, s)	buf_add((b), (s), sizeof(s) - 1)

static inline struct span
buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->n };
}

void		 buf_addz(struct buf *b, const char *z);
void		 buf_addf(struct buf *b, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
/* Removes the first k bytes (k <= n). */
void		 buf_drain(struct buf *b, size_t k);
/* Makes the BUF_PAD bytes behind the content NUL, as jscan needs them. */
void		 buf_pad(struct buf *b);
/* Frees the memory and leaves an empty buffer. */
void		 buf_fini(struct buf *b);
/* As buf_fini if more than keep bytes are held, else only empties it. */
void		 buf_reset(struct buf *b, size_t keep);

/*
 * Bump allocator for what lives exactly as long as one request: everything
 * is freed at once.  { 0 } is a valid empty one.  Memory is not zeroed except
 * by arena_zalloc; alignment is 16.
 */
struct arena_block;
struct arena {
	struct arena_block	*blocks;
	size_t			 left;
	char			*next;
};

void		*arena_alloc(struct arena *a, size_t n);
void		*arena_zalloc(struct arena *a, size_t n);
/* NUL-terminated copy. */
char		*arena_strn(struct arena *a, const char *p, size_t n);
char		*arena_printf(struct arena *a, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
/* Frees everything but one block of ordinary size, for the next request. */
void		 arena_reset(struct arena *a);
void		 arena_fini(struct arena *a);

#endif
