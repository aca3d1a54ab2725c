/* SPDX-License-Identifier: ISC */
/*
 * A leaf on purpose: it must work when nothing else does, so it neither
 * allocates nor goes through the log's queue.
 */
#include "base/xmalloc.h"

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Says so on standard error, if that takes it without blocking, and exits. */
static void __attribute__((noreturn))
xmalloc_fail(size_t n)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[96];
	ssize_t r;
	int len;

	len = snprintf(line, sizeof(line),
	    "llmd: out of memory (%zu bytes wanted)\n", n);
	if (len > 0 && poll(&pfd, 1, 0) == 1) {
		r = write(STDERR_FILENO, line, (size_t)len);
		(void)r;
	}
	_exit(1);
}

void *
xmalloc(size_t n)
{
	void *p = malloc(n == 0 ? 1 : n);

	if (p == NULL)
		xmalloc_fail(n);
	return p;
}

void *
xcalloc(size_t k, size_t n)
{
	void *p;

	if (k == 0 || n == 0)
		k = n = 1;
	p = calloc(k, n);
	if (p == NULL)
		xmalloc_fail(n > SIZE_MAX / k ? SIZE_MAX : k * n);
	return p;
}

void *
xrealloc(void *p, size_t n)
{
	void *q = realloc(p, n == 0 ? 1 : n);

	if (q == NULL)
		xmalloc_fail(n);
	return q;
}

void *
xreallocarray(void *p, size_t k, size_t n)
{
	size_t all;

	if (__builtin_mul_overflow(k, n, &all))
		xmalloc_fail(SIZE_MAX);
	return xrealloc(p, all);
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t n)
{
	char *p;

	n = strnlen(s, n);
	p = xmalloc(n + 1);
	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

int
xasprintf(char **out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(out, fmt, ap);
	va_end(ap);
	if (n < 0)
		xmalloc_fail(0);
	return n;
}
