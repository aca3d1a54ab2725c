/* SPDX-License-Identifier: ISC */
/*
 * Allocation that does not fail: when memory is out, one line is logged and
 * the process exits 1 (the supervisor restarts it).  For small fixed sizes;
 * anything a peer can size is capped before it comes here.
 */
#ifndef LLMD_BASE_XMALLOC_H
#define LLMD_BASE_XMALLOC_H

#include <stddef.h>

void	*xmalloc(size_t n) __attribute__((malloc, alloc_size(1)));
void	*xcalloc(size_t k, size_t n) __attribute__((malloc, alloc_size(1, 2)));
void	*xrealloc(void *p, size_t n) __attribute__((alloc_size(2)));
/* As reallocarray(3): exits on overflow too. */
void	*xreallocarray(void *p, size_t k, size_t n);
char	*xstrdup(const char *s);
char	*xstrndup(const char *s, size_t n);
/* Allocates *out; returns its length. */
int	 xasprintf(char **out, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#endif
