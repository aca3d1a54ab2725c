/* SPDX-License-Identifier: ISC */
/* What the tests of log and of log_file share: a folder of their own, and
 * pipes that are read with a deadline. */
#ifndef LLMD_LOG_HELP_H
#define LLMD_LOG_HELP_H

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"

static char dir[] = "/tmp/llmd-test-log-XXXXXX";

static inline char *
path_of(const char *name)
{
	char *p;

	xasprintf(&p, "%s/%s", dir, name);
	return p;
}

static inline void
pipe_open(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
}

static inline void
pipe_close(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* Reads what comes within ms, until `until` is in it (if not NULL). */
static inline void
drain(int fd, struct buf *b, const char *until, int ms)
{
	uint64_t end = clock_ms() + (uint64_t)ms;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	buf_pad(b);
	if (until != NULL && strstr(b->p, until) != NULL)
		return;
	for (;;) {
		n = read(fd, buf_need(b, 65536), 65536);
		if (n > 0) {
			b->n += (size_t)n;
			buf_pad(b);
			if (until != NULL && strstr(b->p, until) != NULL)
				return;
			continue;
		}
		if (n == 0 || clock_ms() >= end)
			break;
		poll(&p, 1, 20);
	}
	buf_pad(b);
	if (until != NULL)
		fail_msg("\"%s\" did not come", until);
}

static inline size_t
count(const char *s, const char *what)
{
	size_t n = 0;

	for (; (s = strstr(s, what)) != NULL; s += strlen(what))
		n++;
	return n;
}

static inline int
files_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static inline int
files_teardown(void **state)
{
	char *cmd;
	int r;

	(void)state;
	xasprintf(&cmd, "rm -rf '%s'", dir);
	r = system(cmd);
	free(cmd);
	return r;
}

#endif
