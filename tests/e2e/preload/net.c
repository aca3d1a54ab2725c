/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into llmd by the tests: connect() and getaddrinfo() answer by
 * rules instead of by the network, so that no test needs an outside address.
 *
 * $LLMD_TEST_NET names a file that is read at each call; one rule a line:
 *
 *   connect ADDRESS ERRNO           that address fails with this errno
 *   connect ADDRESS to PORT         ... is 127.0.0.1:PORT in truth
 *   name HOST ADDRESS...            HOST has these addresses
 *   name HOST error CODE            getaddrinfo returns this EAI_ code
 *   name HOST wait MS ADDRESS...    ... after this time (ADDRESS may be
 *   name HOST wait MS error CODE    "error CODE")
 *
 * What no rule names goes to libc.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int (*net_connect_fn)(int, const struct sockaddr *, socklen_t);
typedef int (*net_getaddrinfo_fn)(const char *, const char *,
    const struct addrinfo *, struct addrinfo **);

#define NET_LINE	8192

/* Finds the rule "kind name ..."; the rest of its line is in line. */
static int
net_rule(const char *kind, const char *name, char *line, char **rest)
{
	const char *path = getenv("LLMD_TEST_NET");
	char *save, *k, *n;
	FILE *f;
	int found = 0;

	if (path == NULL || (f = fopen(path, "re")) == NULL)
		return 0;
	while (!found && fgets(line, NET_LINE, f) != NULL) {
		k = strtok_r(line, " \n", &save);
		n = k != NULL ? strtok_r(NULL, " \n", &save) : NULL;
		if (n == NULL || strcmp(k, kind) != 0 || strcmp(n, name) != 0)
			continue;
		*rest = save;
		found = 1;
	}
	fclose(f);
	return found;
}

static int
net_connect_to(net_connect_fn real, int fd, int family, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (family == AF_INET6) {
		v6.sin6_port = htons((unsigned short)port);
		v6.sin6_addr = in6addr_loopback;
		return real(fd, (struct sockaddr *)&v6, sizeof(v6));
	}
	v4.sin_port = htons((unsigned short)port);
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return real(fd, (struct sockaddr *)&v4, sizeof(v4));
}

int	connect(int, const struct sockaddr *, socklen_t);

int
connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	net_connect_fn real = (net_connect_fn)dlsym(RTLD_NEXT, "connect");
	char line[NET_LINE], text[INET6_ADDRSTRLEN] = "", *rest, *save, *w;
	const void *addr = NULL;

	if (sa->sa_family == AF_INET)
		addr = &((const struct sockaddr_in *)sa)->sin_addr;
	else if (sa->sa_family == AF_INET6)
		addr = &((const struct sockaddr_in6 *)sa)->sin6_addr;
	if (addr == NULL ||
	    inet_ntop(sa->sa_family, addr, text, sizeof(text)) == NULL ||
	    !net_rule("connect", text, line, &rest))
		return real(fd, sa, len);
	w = strtok_r(rest, " \n", &save);
	if (w != NULL && strcmp(w, "to") == 0) {
		w = strtok_r(NULL, " \n", &save);
		return net_connect_to(real, fd, sa->sa_family,
		    w != NULL ? atoi(w) : 0);
	}
	errno = w != NULL ? atoi(w) : ENETUNREACH;
	return -1;
}

/* One list node of libc's own making, so that freeaddrinfo can free it. */
static int
net_add(net_getaddrinfo_fn real, const char *addr, const char *service,
    const struct addrinfo *hints, struct addrinfo ***tail)
{
	struct addrinfo h = { 0 };
	int e;

	if (hints != NULL)
		h = *hints;
	h.ai_family = AF_UNSPEC;
	h.ai_flags = AI_NUMERICHOST;
	if ((e = real(addr, service, &h, *tail)) != 0)
		return e;
	while (**tail != NULL)
		*tail = &(**tail)->ai_next;
	return 0;
}

int	getaddrinfo(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
	net_getaddrinfo_fn real =
	    (net_getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo *list = NULL, **tail = &list;
	char line[NET_LINE], *rest, *save, *w;
	struct timespec ts;
	int e;

	if (node == NULL || !net_rule("name", node, line, &rest))
		return real(node, service, hints, res);
	for (w = strtok_r(rest, " \n", &save); w != NULL;
	    w = strtok_r(NULL, " \n", &save)) {
		if (strcmp(w, "wait") == 0) {
			w = strtok_r(NULL, " \n", &save);
			e = w != NULL ? atoi(w) : 0;
			ts = (struct timespec){ e / 1000,
			    e % 1000 * 1000000L };
			nanosleep(&ts, NULL);
		} else if (strcmp(w, "error") == 0) {
			w = strtok_r(NULL, " \n", &save);
			return w != NULL ? atoi(w) : EAI_FAIL;
		} else if ((e = net_add(real, w, service, hints, &tail)) != 0) {
			return e;
		}
	}
	*res = list;
	return list != NULL ? 0 : EAI_NONAME;
}
