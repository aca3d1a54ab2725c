/* SPDX-License-Identifier: ISC */
/*
 * From hosts to addresses, from addresses to one probe each, then to the
 * workers' sockets.  Between probe and listen nobody else may probe, or two
 * would share the port: a socket in the abstract namespace, gone when we are,
 * makes the llmds of one user that start on a port go one after the other.
 */
#include "net/listen.h"

#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/xmalloc.h"

#define LISTEN_BACKLOG	4096
#define LISTEN_FD	3	/* SD_LISTEN_FDS_START, sd_listen_fds(3) */
#define LISTEN_TRIES	16	/* to find a port that all addresses have */
#define LISTEN_LOCK_MS	2000
#define LISTEN_LOCK_NAP	20

struct listen_job {
	struct listen_set	*set;
	const char		*retry_cmd;
	char			**cause;
	char			**hint;
};

static void
listen_say(struct listen_job *j, char *cause, char *hint)
{
	*j->cause = cause;
	*j->hint = hint;
}

static bool
listen_is_any(const union resolve_addr *a)
{
	return a->sa.sa_family == AF_INET6 ?
	    IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr) :
	    a->in.sin_addr.s_addr == 0;
}

static void
listen_set_port(union resolve_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in.sin_port = htons(port);
}

static uint16_t
listen_get_port(const union resolve_addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->in6.sin6_port :
	    a->in.sin_port);
}

/*
 * Sockets.
 */

/* A bound socket; -1 with errno. */
static int
listen_bind(const union resolve_addr *a, bool shared)
{
	int fd, one = 1, e;

	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one,
	    sizeof one) == 0) &&
	    (a->sa.sa_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &one, sizeof one) == 0) &&
	    bind(fd, &a->sa, resolve_addr_len(a)) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

/* Binds alone, to see that nobody is there; puts the port into a if it was
 * 0.  0, or -1 with errno. */
static int
listen_probe(union resolve_addr *a)
{
	socklen_t len = sizeof *a;
	int fd, r;

	if ((fd = listen_bind(a, false)) < 0)
		return -1;
	r = getsockname(fd, &a->sa, &len);
	close(fd);
	return r;
}

/* What other port the same address has, near by, for the hint. */
static uint16_t
listen_other_port(const union resolve_addr *a)
{
	uint16_t port = listen_get_port(a), next = port;
	union resolve_addr b = *a;
	int i;

	for (i = 0; i < 50; i++) {
		next = next == UINT16_MAX || next < 1024 ? 4000 :
		    (uint16_t)(next + 1);
		if (next == port)
			continue;
		listen_set_port(&b, next);
		if (listen_probe(&b) == 0)
			return next;
	}
	return port == UINT16_MAX ? 4000 : (uint16_t)(port + 1);
}

/* Fills cause and hint for an address that could not be had. */
static int
listen_refused(struct listen_job *j, const union resolve_addr *a, int e)
{
	char text[64], name[64], *cause, *hint;
	unsigned port = listen_get_port(a), other = listen_other_port(a);
	int pid;

	resolve_addr_text(&a->sa, text);
	if (e == EADDRINUSE && listen_holder(&a->sa, &pid, name)) {
		xasprintf(&cause, "cannot listen on %s: %s (pid %d, %s)",
		    text, strerror(e), pid, name);
		xasprintf(&hint, "stop it (kill %d), or use another port: "
		    "%s --port %u", pid, j->retry_cmd, other);
		listen_say(j, cause, hint);
		return -1;
	}
	xasprintf(&cause, "cannot listen on %s: %s", text, strerror(e));
	if (e == EADDRINUSE)
		xasprintf(&hint, "another user or container has it (see: sudo "
		    "ss -ltnp 'sport = :%u'); use another port: %s --port %u",
		    port, j->retry_cmd, other);
	else if (e == EACCES && port < 1024)
		xasprintf(&hint, "ports below 1024 need a privilege "
		    "(CAP_NET_BIND_SERVICE); use a higher one: %s --port %u",
		    j->retry_cmd, other);
	else if (e == EADDRNOTAVAIL || e == EAFNOSUPPORT)
		xasprintf(&hint, "the address is not one of this machine's "
		    "(see: ip address); only this machine: --host localhost, "
		    "everybody: --host 0.0.0.0");
	else if (e == EMFILE || e == ENFILE)
		xasprintf(&hint, "too many files are open; raise the limit "
		    "(ulimit -n)");
	else
		xasprintf(&hint, "try another address or port: %s --port %u",
		    j->retry_cmd, other);
	listen_say(j, cause, hint);
	return -1;
}

/*
 * Addresses.
 */

static int
listen_add(struct listen_job *j, const union resolve_addr *a)
{
	struct listen_set *s = j->set;
	char *cause, *hint;
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (memcmp(&s->addrs[i].addr, a, sizeof *a) == 0)
			return 0;
	if (s->n == LISTEN_ADDRS) {
		xasprintf(&cause, "cannot listen on more than %d addresses",
		    LISTEN_ADDRS);
		xasprintf(&hint, "--host 0.0.0.0 is every address at once");
		listen_say(j, cause, hint);
		return -1;
	}
	s->addrs[s->n].addr = *a;
	s->addrs[s->n].loopback = resolve_is_loopback(&a->sa);
	s->n++;
	return 0;
}

static int
listen_add_pair(struct listen_job *j, const char *v4, const char *v6,
    uint16_t port)
{
	union resolve_addr a;

	resolve_literal(v4, port, &a);
	if (listen_add(j, &a) != 0)
		return -1;
	resolve_literal(v6, port, &a);
	return listen_add(j, &a);
}

static int
listen_add_name(struct listen_job *j, const char *host, uint16_t port)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE
	};
	struct addrinfo *list = NULL, *ai;
	union resolve_addr a;
	char *cause, *hint;
	int e, r = 0;

	e = getaddrinfo(host, NULL, &hints, &list);
	if (e != 0) {
		xasprintf(&cause, "cannot listen on %s:%u: %s", host, port,
		    e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
		xasprintf(&hint, "name this machine or one of its addresses "
		    "(see: ip address); only this machine: --host localhost");
		listen_say(j, cause, hint);
		return -1;
	}
	for (ai = list; ai != NULL && r == 0; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof a || (ai->ai_family != AF_INET &&
		    ai->ai_family != AF_INET6))
			continue;
		memset(&a, 0, sizeof a);
		memcpy(&a, ai->ai_addr, ai->ai_addrlen);
		listen_set_port(&a, port);
		r = listen_add(j, &a);
	}
	freeaddrinfo(list);
	return r;
}

static int
listen_add_host(struct listen_job *j, const char *host, uint16_t port)
{
	union resolve_addr a;

	if (strcasecmp(host, "localhost") == 0)
		return listen_add_pair(j, "127.0.0.1", "::1", port);
	if (strcmp(host, "*") == 0)
		return listen_add_pair(j, "0.0.0.0", "::", port);
	if (!resolve_literal(host, port, &a))
		return listen_add_name(j, host, port);
	if (a.sa.sa_family == AF_INET6 && listen_is_any(&a))
		return listen_add_pair(j, "0.0.0.0", "::", port);
	if (a.sa.sa_family == AF_INET6 ? resolve_is_loopback(&a.sa) :
	    a.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK))
		return listen_add_pair(j, "127.0.0.1", "::1", port);
	return listen_add(j, &a);
}

/* True if addrs[i] is one that a machine without IPv6 may lack. */
static bool
listen_may_lack(const struct listen_set *s, unsigned i, int e)
{
	const union resolve_addr *a = &s->addrs[i].addr;

	return s->n > 1 && a->sa.sa_family == AF_INET6 &&
	    (s->addrs[i].loopback || listen_is_any(a)) &&
	    (e == EADDRNOTAVAIL || e == EAFNOSUPPORT);
}

/*
 * Probes all addresses.  0; 1 if port 0 gave one that not all have; -1 with
 * cause and hint.
 */
static int
listen_probe_all(struct listen_job *j, uint16_t port)
{
	struct listen_set *s = j->set;
	unsigned i = 0;
	int e;

	s->port = port;
	while (i < s->n) {
		listen_set_port(&s->addrs[i].addr, s->port);
		if (listen_probe(&s->addrs[i].addr) == 0) {
			s->port = listen_get_port(&s->addrs[i].addr);
			i++;
			continue;
		}
		e = errno;
		if (listen_may_lack(s, i, e)) {
			s->n--;
			memmove(&s->addrs[i], &s->addrs[i + 1],
			    (s->n - i) * sizeof s->addrs[0]);
			continue;
		}
		if (port == 0 && e == EADDRINUSE && i > 0)
			return 1;
		return listen_refused(j, &s->addrs[i].addr, e);
	}
	return 0;
}

/* The workers' sockets. */
static int
listen_bind_all(struct listen_job *j)
{
	struct listen_set *s = j->set;
	unsigned i, w;
	int fd;

	for (i = 0; i < s->n; i++)
		for (w = 0; w < s->workers; w++) {
			fd = listen_bind(&s->addrs[i].addr, true);
			s->fds[i * s->workers + w] = fd;
			if (fd < 0 || listen(fd, LISTEN_BACKLOG) != 0)
				return listen_refused(j, &s->addrs[i].addr,
				    errno);
		}
	return 0;
}

/* Holds the name of the port until the result is closed; -1: without. */
static int
listen_lock(uint16_t port)
{
	const struct timespec nap = { 0, LISTEN_LOCK_NAP * 1000000L };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, n, tries = LISTEN_LOCK_MS / LISTEN_LOCK_NAP;

	n = snprintf(un.sun_path + 1, sizeof un.sun_path - 1,
	    "llmd-listen-%u-%u", (unsigned)geteuid(), port);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	while (bind(fd, (struct sockaddr *)&un, (socklen_t)
	    (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) != 0) {
		if (errno != EADDRINUSE || tries-- == 0)
			break;
		nanosleep(&nap, NULL);
	}
	return fd;
}

/*
 * Sockets from systemd.
 */

/* How many there are; sets the variables free, so that no child takes them
 * for its own. */
static unsigned
listen_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	unsigned n = 0;

	if (pid != NULL && fds != NULL &&
	    strtoul(pid, NULL, 10) == (unsigned long)getpid())
		n = (unsigned)strtoul(fds, NULL, 10);
	if (pid != NULL)
		unsetenv("LISTEN_PID");
	if (fds != NULL)
		unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return n;
}

static int
listen_take(struct listen_job *j, int fd)
{
	struct listen_set *s = j->set;
	union {
		struct sockaddr_storage	ss;
		union resolve_addr	a;
	} u = { 0 };
	int type = 0, listening = 0;
	socklen_t len = sizeof u, tlen = sizeof type, llen = sizeof listening;
	unsigned w, at = s->n * s->workers;
	char *cause, *hint;

	if (getsockname(fd, &u.a.sa, &len) != 0 ||
	    (u.ss.ss_family != AF_INET && u.ss.ss_family != AF_INET6) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &tlen) != 0 ||
	    type != SOCK_STREAM || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN,
	    &listening, &llen) != 0 || !listening || s->n == LISTEN_ADDRS) {
		xasprintf(&cause, "cannot listen on descriptor %d, which was "
		    "passed by LISTEN_FDS: it is not a listening TCP socket",
		    fd);
		xasprintf(&hint, "in the .socket unit: ListenStream="
		    "127.0.0.1:4000 and Accept=no, at most %d of them",
		    LISTEN_ADDRS);
		listen_say(j, cause, hint);
		return -1;
	}
	s->addrs[s->n].addr = u.a;
	s->addrs[s->n].loopback = resolve_is_loopback(&u.a.sa);
	s->n++;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	s->fds[at] = fd;
	for (w = 1; w < s->workers; w++) {
		s->fds[at + w] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (s->fds[at + w] < 0)
			return listen_refused(j, &u.a, errno);
	}
	return 0;
}

static int
listen_take_all(struct listen_job *j, unsigned passed)
{
	unsigned i;

	for (i = 0; i < passed; i++)
		if (listen_take(j, LISTEN_FD + (int)i) != 0)
			return -1;
	j->set->port = listen_get_port(&j->set->addrs[0].addr);
	return 0;
}

static int
listen_open_hosts(struct listen_job *j, const char *const *hosts,
    unsigned nhosts, uint16_t port)
{
	int lock = -1, r = 0, tries = LISTEN_TRIES;
	unsigned i;

	for (i = 0; i < nhosts; i++)
		if (listen_add_host(j, hosts[i], port) != 0)
			return -1;
	if (port != 0)
		lock = listen_lock(port);
	do
		r = listen_probe_all(j, port);
	while (r == 1 && --tries > 0);
	if (r == 1)
		r = listen_refused(j, &j->set->addrs[0].addr, EADDRINUSE);
	if (r == 0)
		r = listen_bind_all(j);
	if (lock >= 0)
		close(lock);
	return r;
}

int
listen_open(struct listen_set *s, const char *const *hosts, unsigned nhosts,
    uint16_t port, unsigned workers, const char *retry_cmd, char **cause,
    char **hint)
{
	struct listen_job j = { s, retry_cmd, cause, hint };
	unsigned i, passed;
	int r;

	memset(s, 0, sizeof *s);
	s->workers = workers == 0 ? 1 : workers;
	s->fds = xcalloc(LISTEN_ADDRS * (size_t)s->workers, sizeof *s->fds);
	for (i = 0; i < LISTEN_ADDRS * s->workers; i++)
		s->fds[i] = -1;
	passed = listen_passed();
	r = passed > 0 ? listen_take_all(&j, passed) :
	    listen_open_hosts(&j, hosts, nhosts, port);
	if (r != 0)
		listen_close(s);
	return r;
}

void
listen_close(struct listen_set *s)
{
	unsigned i;

	if (s->fds == NULL)
		return;
	for (i = 0; i < LISTEN_ADDRS * s->workers; i++)
		if (s->fds[i] >= 0)
			close(s->fds[i]);
	free(s->fds);
	memset(s, 0, sizeof *s);
}
