/* SPDX-License-Identifier: ISC */
/* LINK: daemon/net/listen.c daemon/net/listen_holder.c */
/* LINK: daemon/net/resolve_addr.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c daemon/base/log.c daemon/base/clock.c */
/* LINK: proto/text.c proto/text_width.c */
/* Listening sockets on real ports; each test takes a port the kernel gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include "net/listen.h"

static const char *const local[] = { "localhost" };

/* Names without asking anybody: "two.test" has two addresses. */
int
getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	static union resolve_addr addr[2];
	static struct addrinfo ai[2];
	int i;

	(void)service;
	(void)hints;
	if (strcmp(host, "two.test") != 0)
		return EAI_NONAME;
	for (i = 0; i < 2; i++) {
		resolve_literal(i == 0 ? "127.0.0.2" : "127.0.0.3", 0,
		    &addr[i]);
		ai[i].ai_family = AF_INET;
		ai[i].ai_addr = &addr[i].sa;
		ai[i].ai_addrlen = sizeof addr[i].in;
		ai[i].ai_next = i == 0 ? &ai[1] : NULL;
	}
	*out = ai;
	return 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

static int
test_open(struct listen_set *s, const char *const *hosts, uint16_t port,
    unsigned workers, char **cause, char **hint)
{
	*cause = *hint = NULL;
	return listen_open(s, hosts, 1, port, workers,
	    "llmd --config config.yaml", cause, hint);
}

/* A foreign listener on ip; its port, or 0 if ip is not there. */
static uint16_t
test_foreign(const char *ip, uint16_t port, int *fd)
{
	union resolve_addr a;
	socklen_t len = sizeof a;

	assert_true(resolve_literal(ip, port, &a));
	*fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
	if (*fd < 0 || bind(*fd, &a.sa, resolve_addr_len(&a)) != 0 ||
	    listen(*fd, 1) != 0) {
		if (*fd >= 0)
			close(*fd);
		return 0;
	}
	assert_int_equal(getsockname(*fd, &a.sa, &len), 0);
	return ntohs(a.in.sin_port);	/* at the same place in both */
}

static int
test_connect(const char *ip, uint16_t port)
{
	union resolve_addr a;
	int fd;

	assert_true(resolve_literal(ip, port, &a));
	fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	if (connect(fd, &a.sa, resolve_addr_len(&a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
test_local(void **state)
{
	struct listen_set s;
	char *cause, *hint, text[64];
	int fd, on, peer = -1;
	socklen_t len = sizeof on;
	unsigned i;

	(void)state;
	assert_int_equal(test_open(&s, local, 0, 2, &cause, &hint), 0);
	assert_in_range(s.n, 1, 2);
	assert_int_not_equal(s.port, 0);
	assert_int_equal(s.workers, 2);
	for (i = 0; i < s.n * 2; i++) {
		fd = s.fds[i];
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN,
		    &on, &len), 0);
		assert_int_equal(on, 1);
	}
	for (i = 0; i < s.n; i++)
		assert_true(s.addrs[i].loopback);
	snprintf(text, sizeof text, "127.0.0.1:%u", s.port);
	assert_string_equal(resolve_addr_text(&s.addrs[0].addr.sa,
	    (char[64]){ 0 }), text);
	fd = test_connect("127.0.0.1", s.port);
	assert_true(fd >= 0);
	for (i = 0; i < 2 && peer < 0; i++)
		peer = accept(s.fds[i], NULL, NULL);
	assert_true(peer >= 0);
	close(peer);
	close(fd);
	if (s.n == 2) {
		fd = test_connect("::1", s.port);
		assert_true(fd >= 0);
		close(fd);
	}
	listen_close(&s);
	listen_close(&s);
}

/* The words of the message and what they say is true. */
static void
test_in_use_on(const char *ip, const char *shown)
{
	char *cause, *hint, want[256], comm[64] = { 0 };
	struct listen_set s;
	unsigned other;
	uint16_t port;
	FILE *f;
	int fd;

	if ((port = test_foreign(ip, 0, &fd)) == 0)
		return;		/* no such address here */
	f = fopen("/proc/self/comm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%63[^\n]", comm), 1);
	fclose(f);
	assert_int_equal(test_open(&s, local, port, 2, &cause, &hint), -1);
	snprintf(want, sizeof want, "cannot listen on %s:%u: Address already "
	    "in use (pid %d, %s)", shown, port, (int)getpid(), comm);
	assert_string_equal(cause, want);
	snprintf(want, sizeof want, "stop it (kill %d), or use another port: "
	    "llmd --config config.yaml --port ", (int)getpid());
	assert_memory_equal(hint, want, strlen(want));
	assert_int_equal(sscanf(hint + strlen(want), "%u", &other), 1);
	assert_int_not_equal(other, port);
	free(cause);
	free(hint);
	close(fd);
	assert_int_equal(test_open(&s, local, port, 1, &cause, &hint), 0);
	listen_close(&s);
}

static void
test_in_use(void **state)
{
	(void)state;
	test_in_use_on("127.0.0.1", "127.0.0.1");
	test_in_use_on("0.0.0.0", "127.0.0.1");
	test_in_use_on("::1", "[::1]");
	test_in_use_on("::", "127.0.0.1");
}

static void
test_twice(void **state)
{
	struct listen_set a, b;
	char *cause, *hint;
	int fd;

	(void)state;
	assert_int_equal(test_open(&a, local, 0, 2, &cause, &hint), 0);
	/* Both have SO_REUSEPORT, and yet: */
	assert_int_equal(test_open(&b, local, a.port, 2, &cause, &hint), -1);
	assert_non_null(strstr(cause, "Address already in use (pid "));
	free(cause);
	free(hint);
	fd = test_connect("127.0.0.1", a.port);
	assert_true(fd >= 0);
	close(fd);
	listen_close(&a);
}

/* Many at once: exactly one gets the port. */
static void
test_race(void **state)
{
	enum { MANY = 12 };
	int go[2], result[2], hold[2], i, won = 0, fd;
	struct listen_set s;
	char *cause, *hint, b;
	uint16_t port;

	(void)state;
	port = test_foreign("127.0.0.1", 0, &fd);
	close(fd);
	assert_int_equal(pipe(go) | pipe(result) | pipe(hold), 0);
	for (i = 0; i < MANY; i++) {
		if (fork() != 0)
			continue;
		close(go[1]);
		close(hold[1]);
		b = read(go[0], &b, 1) == 0 && test_open(&s, local, port, 2,
		    &cause, &hint) == 0 ? '1' : '0';
		if (write(result[1], &b, 1) != 1)
			_exit(1);
		_exit(read(hold[0], &b, 1) == 0 ? 0 : 1);
	}
	close(go[0]);
	close(go[1]);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(read(result[0], &b, 1), 1);
		won += b == '1';
	}
	close(hold[0]);
	close(hold[1]);
	close(result[0]);
	close(result[1]);
	for (i = 0; i < MANY; i++)
		wait(NULL);
	assert_int_equal(won, 1);
}

/* Our own closed connections do not keep us off our port. */
static void
test_time_wait(void **state)
{
	struct listen_set s;
	char *cause, *hint;
	int fd, peer;
	uint16_t port;

	(void)state;
	assert_int_equal(test_open(&s, local, 0, 1, &cause, &hint), 0);
	port = s.port;
	fd = test_connect("127.0.0.1", port);
	peer = accept(s.fds[0], NULL, NULL);
	assert_true(peer >= 0);
	close(peer);		/* closes first: TIME_WAIT is here */
	close(fd);
	listen_close(&s);
	assert_int_equal(test_open(&s, local, port, 1, &cause, &hint), 0);
	listen_close(&s);
}

static void
test_hosts(void **state)
{
	static const struct {
		const char	*host;
		const char	*first;
		unsigned	 min, max;
		bool		 loopback;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", 1, 2, true },
		{ "::1", "127.0.0.1", 1, 2, true },
		{ "[::1]", "127.0.0.1", 1, 2, true },
		{ "LocalHost", "127.0.0.1", 1, 2, true },
		{ "127.0.0.5", "127.0.0.5", 1, 1, true },
		{ "0.0.0.0", "0.0.0.0", 1, 1, false },
		{ "*", "0.0.0.0", 1, 2, false },
		{ "::", "0.0.0.0", 1, 2, false },
		{ "two.test", "127.0.0.2", 2, 2, true },
	};
	static const char *const again[] = { "localhost", "127.0.0.1", "::1" };
	char *cause, *hint, text[64], want[64];
	struct listen_set s;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(test_open(&s, &rows[i].host, 0, 1, &cause,
		    &hint), 0);
		assert_in_range(s.n, rows[i].min, rows[i].max);
		snprintf(want, sizeof want, "%s:%u", rows[i].first, s.port);
		assert_string_equal(resolve_addr_text(&s.addrs[0].addr.sa,
		    text), want);
		assert_int_equal(s.addrs[0].loopback, rows[i].loopback);
		listen_close(&s);
	}
	/* Named twice is bound once. */
	cause = hint = NULL;
	assert_int_equal(listen_open(&s, again, 3, 0, 1, "llmd", &cause,
	    &hint), 0);
	assert_in_range(s.n, 1, 2);
	listen_close(&s);
}

static void
test_bad_hosts(void **state)
{
	static const char *const gone[] = { "192.0.2.7" };
	static const char *const unknown[] = { "no-such-host.test" };
	char *cause, *hint, want[128];
	struct listen_set s;

	(void)state;
	assert_int_equal(test_open(&s, gone, 4000, 1, &cause, &hint), -1);
	assert_string_equal(cause, "cannot listen on 192.0.2.7:4000: "
	    "Cannot assign requested address");
	assert_non_null(strstr(hint, "ip address"));
	free(cause);
	free(hint);
	assert_int_equal(test_open(&s, unknown, 4000, 1, &cause, &hint), -1);
	snprintf(want, sizeof want, "cannot listen on no-such-host.test:4000: "
	    "%s", gai_strerror(EAI_NONAME));
	assert_string_equal(cause, want);
	assert_non_null(strstr(hint, "--host localhost"));
	free(cause);
	free(hint);
}

/* A port below 1024, as a child that is nobody. */
static void
test_privileged(void **state)
{
	char *cause, *hint;
	struct listen_set s;
	int status;

	(void)state;
	if (fork() == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
			_exit(0);
		if (test_open(&s, local, 81, 1, &cause, &hint) == 0)
			_exit(0);	/* this system allows it */
		_exit(strstr(cause, "127.0.0.1:81: Permission denied") !=
		    NULL && strstr(hint, "below 1024") != NULL ? 0 : 1);
	}
	wait(&status);
	assert_int_equal(status, 0);
}

/* In a child, as systemd would start it: descriptor 3 is fd. */
static int
test_passed_child(int fd, unsigned workers)
{
	char *cause, *hint, pid[16];
	struct listen_set s;
	int r = 1, status;

	if (fork() == 0) {
		if (fd != 3)
			dup2(fd, 3);
		snprintf(pid, sizeof pid, "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "1", 1);
		r = test_open(&s, local, 4000, workers, &cause, &hint);
		if (r != 0)
			_exit(strstr(cause, "LISTEN_FDS") != NULL &&
			    strstr(hint, "ListenStream=") != NULL ? 10 : 1);
		if (s.n != 1 || s.fds[0] != 3 || getenv("LISTEN_FDS") != NULL)
			_exit(2);
		if (workers == 2 && (s.fds[1] <= 3 || test_connect("127.0.0.1",
		    s.port) < 0 || accept(s.fds[1], NULL, NULL) < 0))
			_exit(3);
		_exit(fcntl(3, F_GETFL) & O_NONBLOCK ? 0 : 4);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_passed(void **state)
{
	int fd, pair[2];

	(void)state;
	test_foreign("127.0.0.1", 0, &fd);
	assert_int_equal(test_passed_child(fd, 1), 0);
	assert_int_equal(test_passed_child(fd, 2), 0);
	close(fd);
	/* Not a listener, not a socket. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(test_passed_child(pair[0], 1), 10);
	close(pair[0]);
	close(pair[1]);
	fd = open("/dev/null", O_RDONLY);
	assert_int_equal(test_passed_child(fd, 1), 10);
	close(fd);
	/* Meant for another process. */
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	test_local(state);
}

static void
test_holder(void **state)
{
	union resolve_addr a;
	char name[64];
	uint16_t port;
	int fd, pid = 0;

	(void)state;
	port = test_foreign("127.0.0.1", 0, &fd);
	resolve_literal("127.0.0.1", port, &a);
	assert_true(listen_holder(&a.sa, &pid, name));
	assert_int_equal(pid, getpid());
	resolve_literal("0.0.0.0", port, &a);
	assert_true(listen_holder(&a.sa, &pid, name));
	resolve_literal("::", port, &a);
	assert_true(listen_holder(&a.sa, &pid, name));
	/* Another address does not clash. */
	resolve_literal("127.0.0.9", port, &a);
	assert_false(listen_holder(&a.sa, &pid, name));
	resolve_literal("::1", port, &a);
	assert_false(listen_holder(&a.sa, &pid, name));
	close(fd);
	resolve_literal("127.0.0.1", port, &a);
	assert_false(listen_holder(&a.sa, &pid, name));
}

static void
test_addresses(void **state)
{
	union resolve_addr a;
	char text[64];

	(void)state;
	assert_true(resolve_literal("127.0.0.1", 80, &a));
	assert_string_equal(resolve_addr_text(&a.sa, text), "127.0.0.1:80");
	assert_true(resolve_is_loopback(&a.sa));
	assert_true(resolve_literal("[::1]", 4000, &a));
	assert_string_equal(resolve_addr_text(&a.sa, text), "[::1]:4000");
	assert_true(resolve_is_loopback(&a.sa));
	assert_true(resolve_literal("::ffff:127.1.2.3", 1, &a));
	assert_true(resolve_is_loopback(&a.sa));
	assert_true(resolve_literal("::ffff:10.0.0.1", 1, &a));
	assert_false(resolve_is_loopback(&a.sa));
	assert_true(resolve_literal("128.0.0.1", 1, &a));
	assert_false(resolve_is_loopback(&a.sa));
	assert_false(resolve_literal("localhost", 1, &a));
	assert_false(resolve_literal("[127.0.0.1]", 1, &a));
	assert_false(resolve_literal("127.0.0.1.", 1, &a));
	assert_false(resolve_literal("1.2.3", 1, &a));
	assert_false(resolve_literal("", 1, &a));
	assert_false(resolve_literal("[::1", 1, &a));
	assert_false(resolve_literal("0000:0000:0000:0000:0000:0000:0000:0000:"
	    "0000:0000:0000:0000:0000:0000:0000", 1, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_time_wait),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_bad_hosts),
		cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_passed),
		cmocka_unit_test(test_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
