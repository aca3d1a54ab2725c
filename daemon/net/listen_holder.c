/* SPDX-License-Identifier: ISC */
/*
 * Who listens: /proc/net/tcp and tcp6 (proc(5)) have the inode of each
 * socket, the links in /proc/PID/fd tell whose it is.
 */
#include "net/listen.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLDER_INODES	64	/* a listener may have several sockets */
#define HOLDER_LISTEN	0x0a	/* TCP_LISTEN in the table */

struct listen_inodes {
	unsigned	n;
	char		link[HOLDER_INODES][32];	/* "socket:[123]" */
};

/* The four or sixteen bytes of an address, in words as the kernel prints. */
static unsigned
holder_words(const struct sockaddr *sa, uint32_t words[4], unsigned *port)
{
	union resolve_addr a;

	if (sa->sa_family == AF_INET) {
		memcpy(&a.in, sa, sizeof a.in);
		memcpy(words, &a.in.sin_addr, 4);
		*port = ntohs(a.in.sin_port);
		return 1;
	}
	memcpy(&a.in6, sa, sizeof a.in6);
	memcpy(words, &a.in6.sin6_addr, 16);
	*port = ntohs(a.in6.sin6_port);
	return 4;
}

static bool
holder_any(const uint32_t *words, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (words[i] != 0)
			return false;
	return true;
}

/* True if who has (n words) keeps others off want (m words). */
static bool
holder_clash(const uint32_t *has, unsigned n, const uint32_t *want,
    unsigned m)
{
	if (n == m)
		return holder_any(has, n) || holder_any(want, m) ||
		    memcmp(has, want, n * sizeof *has) == 0;
	/* IPv4 is wanted; "::" may be for both, or it is a mapped address. */
	if (n == 4 && m == 1)
		return holder_any(has, 4) || (has[0] == 0 && has[1] == 0 &&
		    has[2] == htonl(0xffff) && has[3] == want[0]);
	/* IPv6 is wanted: only "::" (for both) clashes with IPv4. */
	return holder_any(want, m);
}

/* Adds the inodes of the listening sockets in path that clash with sa. */
static void
holder_scan(const char *path, const struct sockaddr *sa,
    struct listen_inodes *found)
{
	uint32_t want[4], has[4];
	unsigned port, hasport, state, m, n;
	unsigned long long inode;
	char line[512], hex[40];
	FILE *f;

	m = holder_words(sa, want, &port);
	if ((f = fopen(path, "re")) == NULL)
		return;
	while (found->n < HOLDER_INODES && fgets(line, sizeof line, f)) {
		if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x "
		    "%*s %*s %*s %*u %*u %llu", hex, &hasport, &state,
		    &inode) != 4 || state != HOLDER_LISTEN || hasport != port)
			continue;
		for (n = 0; n < strlen(hex) / 8; n++)
			if (sscanf(hex + n * 8, "%8x", &has[n]) != 1)
				break;
		if (n > 0 && holder_clash(has, n, want, m))
			snprintf(found->link[found->n++],
			    sizeof found->link[0], "socket:[%llu]", inode);
	}
	fclose(f);
}

static bool
holder_has(int dirfd, const char *pid, const struct listen_inodes *found)
{
	char path[300], link[32];
	struct dirent *e;
	bool yes = false;
	ssize_t n;
	unsigned i;
	DIR *d;
	int fd;

	snprintf(path, sizeof path, "%s/fd", pid);
	if ((fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return false;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return false;
	}
	while (!yes && (e = readdir(d)) != NULL) {
		n = readlinkat(fd, e->d_name, link, sizeof link - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		for (i = 0; i < found->n && !yes; i++)
			yes = strcmp(link, found->link[i]) == 0;
	}
	closedir(d);
	return yes;
}

static void
holder_name(int dirfd, const char *pid, char name[64])
{
	char path[300];
	ssize_t n = 0, i;
	int fd;

	snprintf(path, sizeof path, "%s/comm", pid);
	if ((fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC)) >= 0) {
		n = read(fd, name, 63);
		close(fd);
	}
	if (n > 0 && name[n - 1] == '\n')
		n--;
	if (n <= 0) {
		snprintf(name, 64, "unknown");
		return;
	}
	name[n] = '\0';
	for (i = 0; i < n; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			name[i] = '?';
}

bool
listen_holder(const struct sockaddr *sa, int *pid, char name[64])
{
	struct listen_inodes found = { 0 };
	struct dirent *e;
	bool yes = false;
	DIR *d;

	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return false;
	holder_scan("/proc/net/tcp", sa, &found);
	holder_scan("/proc/net/tcp6", sa, &found);
	if (found.n == 0 || (d = opendir("/proc")) == NULL)
		return false;
	while (!yes && (e = readdir(d)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !holder_has(dirfd(d), e->d_name, &found))
			continue;
		yes = true;
		*pid = atoi(e->d_name);
		holder_name(dirfd(d), e->d_name, name);
	}
	closedir(d);
	return yes;
}
