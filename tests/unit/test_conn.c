/* SPDX-License-Identifier: ISC */
/* LINK: daemon/net/conn.c daemon/net/conn_tls.c daemon/net/tls.c */
/* LINK: daemon/net/resolve_addr.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: daemon/base/log.c daemon/base/clock.c */
/* LINK: proto/text.c proto/text_width.c */
/* Plain conns over real sockets (TLS: test_conn_tls.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sys/un.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "net/resolve.h"

#include "conn_help.h"

static struct event_base *base;

static int
test_setup(void **state)
{
	(void)state;
	base = help_base();
	return 0;
}

static int
test_teardown(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

/* Two ends, both non-blocking; only a is a conn. */
static int
test_pair(struct peer *a)
{
	int fd[2];

	memset(a, 0, sizeof *a);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	memset(&a->c, 0xa5, sizeof a->c);	/* it starts from nothing */
	conn_accepted(&a->c, base, fd[0], peer_cb, a);
	return fd[1];
}

static void
test_read(void **state)
{
	struct peer a;
	int fd = test_pair(&a);
	char b;

	(void)state;
	assert_int_equal(conn_read(&a.c, &b, 1), -1);
	assert_int_equal(errno, EAGAIN);
	/* Off until it is wanted. */
	assert_int_equal(write(fd, "hello", 5), 5);
	help_run_for(base, 20);
	assert_int_equal(a.calls, 0);
	a.step = 2;
	conn_want(&a.c, true, false);
	RUN_UNTIL(base, a.n == 5);
	assert_memory_equal(a.in, "hello", 5);
	assert_int_equal(a.calls, 3);
	/* And off again. */
	conn_want(&a.c, false, false);
	assert_int_equal(write(fd, "x", 1), 1);
	help_run_for(base, 20);
	assert_int_equal(a.calls, 3);
	conn_want(&a.c, true, false);
	RUN_UNTIL(base, a.n == 6);
	close(fd);
	RUN_UNTIL(base, a.eof);
	peer_fini(&a);
}

static void
test_write(void **state)
{
	struct peer a;
	int fd = test_pair(&a), i;
	struct iovec v[100];
	char buf[65536], digits[] = "0123456789";
	ssize_t r, sent = 0, got = 0;

	(void)state;
	for (i = 0; i < 100; i++)
		v[i] = (struct iovec){ &digits[i % 10], 1 };
	/* At most 64 pieces. */
	assert_int_equal(conn_writev(&a.c, v, 100), 64);
	assert_int_equal(read(fd, buf, sizeof buf), 64);
	assert_memory_equal(buf + 60, "0123", 4);
	/* Until it is full, then until there is room. */
	memset(buf, 'x', sizeof buf);
	v[0] = (struct iovec){ buf, sizeof buf };
	while ((r = conn_writev(&a.c, v, 1)) > 0)
		sent += r;
	assert_int_equal(errno, EAGAIN);
	conn_want(&a.c, false, true);
	help_run_for(base, 20);
	assert_false(a.room);
	while ((r = read(fd, buf, sizeof buf)) > 0)
		got += r;
	assert_int_equal(sent, got);
	RUN_UNTIL(base, a.room);
	/* FIN, and still reading. */
	conn_want(&a.c, true, false);
	conn_shutdown(&a.c);
	assert_int_equal(read(fd, buf, 1), 0);
	assert_int_equal(write(fd, "z", 1), 1);
	RUN_UNTIL(base, a.n == 1);
	/* No SIGPIPE. */
	close(fd);
	v[0] = (struct iovec){ buf, 1 };
	assert_int_equal(conn_writev(&a.c, v, 1), -1);
	assert_int_equal(errno, EPIPE);
	peer_fini(&a);
}

static void
test_evbuffer(void **state)
{
	struct evbuffer *b = evbuffer_new();
	static char want[1000 * 7], got[1000 * 7];
	static char big[4 << 20];
	struct peer a;
	int fd = test_pair(&a), i;
	size_t n = 0;
	ssize_t r;

	(void)state;
	assert_int_equal(conn_write_evbuffer(&a.c, b), 0);
	/* Many pieces, more than one sendmsg takes. */
	for (i = 0; i < 1000; i++) {
		memset(want + i * 7, 'a' + i % 26, 7);
		evbuffer_add_reference(b, want + i * 7, 7, NULL, NULL);
	}
	while (evbuffer_get_length(b) > 0) {
		r = conn_write_evbuffer(&a.c, b);
		assert_true(r > 0 || errno == EAGAIN);
		while ((r = read(fd, got + n, sizeof got - n)) > 0)
			n += (size_t)r;
	}
	assert_int_equal(n, sizeof got);
	assert_memory_equal(got, want, sizeof got);
	/* A part, then EAGAIN with the rest still there. */
	evbuffer_add(b, big, sizeof big);
	r = conn_write_evbuffer(&a.c, b);
	assert_true(r > 0);
	assert_int_equal(evbuffer_get_length(b), sizeof big - (size_t)r);
	assert_int_equal(conn_write_evbuffer(&a.c, b), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	assert_int_equal(conn_write_evbuffer(&a.c, b), -1);
	assert_int_equal(errno, EPIPE);
	evbuffer_free(b);
	peer_fini(&a);
}

static void
test_close_in_callback(void **state)
{
	struct peer a;
	int fd = test_pair(&a);

	(void)state;
	a.shut = true;
	/* Both events are due in one turn. */
	assert_int_equal(write(fd, "x", 1), 1);
	conn_want(&a.c, true, true);
	RUN_UNTIL(base, a.calls > 0);
	help_run_for(base, 20);
	assert_int_equal(a.calls, 1);
	close(fd);
	/* Twice, and never opened. */
	fd = test_pair(&a);
	conn_close(&a.c);
	conn_close(&a.c);
	assert_int_equal(a.c.fd, -1);
	memset(&a, 0, sizeof a);
	a.c.fd = -1;
	conn_close(&a.c);
	conn_shutdown(&a.c);
	close(fd);
}

/* A listener on 127.0.0.1 and its address. */
static int
test_listener(union resolve_addr *a)
{
	socklen_t len = sizeof a->in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	resolve_literal("127.0.0.1", 0, a);
	assert_int_equal(bind(fd, &a->sa, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, &a->sa, &len), 0);
	return fd;
}

static void
test_connect(void **state)
{
	struct peer a = { .n = 0 };
	union resolve_addr addr;
	int lfd = test_listener(&addr), fd, one = 0;
	socklen_t len = sizeof one;

	(void)state;
	/* Wanted before it is there. */
	conn_connect(&a.c, base, &addr.sa, resolve_addr_len(&addr), peer_cb,
	    &a);
	conn_want(&a.c, true, false);
	assert_int_equal(a.calls, 0);
	assert_int_equal(conn_writev(&a.c, &(struct iovec){ &one, 1 }, 1), -1);
	assert_int_equal(errno, EAGAIN);
	RUN_UNTIL(base, a.ready);
	assert_int_equal(a.calls, 1);
	assert_true(fcntl(a.c.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(a.c.fd, F_GETFD), FD_CLOEXEC);
	getsockopt(a.c.fd, IPPROTO_TCP, TCP_NODELAY, &one, &len);
	assert_int_equal(one, 1);
	fd = accept(lfd, NULL, NULL);
	assert_int_equal(write(fd, "hi", 2), 2);
	RUN_UNTIL(base, a.n == 2);
	/* A reset is an error, not an end. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	    sizeof(struct linger));
	close(fd);
	RUN_UNTIL(base, a.err != 0);
	assert_int_equal(a.err, ECONNRESET);
	peer_fini(&a);
	/* Refused. */
	close(lfd);
	conn_connect(&a.c, base, &addr.sa, resolve_addr_len(&addr), peer_cb,
	    &a);
	assert_int_equal(a.calls, 0);
	RUN_UNTIL(base, a.failed);
	assert_int_equal(a.c.err, ECONNREFUSED);
	assert_string_equal(conn_error(&a.c), "Connection refused");
	help_run_for(base, 20);
	assert_int_equal(a.calls, 1);
	/* Closed while it is under way, or already failed. */
	peer_fini(&a);
	conn_connect(&a.c, base, &addr.sa, resolve_addr_len(&addr), peer_cb,
	    &a);
	conn_close(&a.c);
	help_run_for(base, 20);
	assert_int_equal(a.calls, 0);
	/* And in the callback. */
	conn_connect(&a.c, base, &addr.sa, resolve_addr_len(&addr), peer_cb,
	    &a);
	a.shut = true;
	RUN_UNTIL(base, a.failed);
}

/* What connect(2) or socket(2) refuses at once is told from the loop. */
static void
test_connect_at_once(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX,
	    .sun_path = "/no-such-directory/socket" };
	struct sockaddr odd = { .sa_family = 12345 };
	struct peer a = { .n = 0 };

	(void)state;
	conn_connect(&a.c, base, (struct sockaddr *)&un, sizeof un, peer_cb,
	    &a);
	assert_int_equal(a.calls, 0);
	RUN_UNTIL(base, a.failed);
	assert_string_equal(conn_error(&a.c), "No such file or directory");
	peer_fini(&a);
	conn_connect(&a.c, base, &odd, sizeof odd, peer_cb, &a);
	assert_int_equal(a.c.fd, -1);
	assert_int_equal(a.calls, 0);
	RUN_UNTIL(base, a.failed);
	assert_int_equal(a.c.err, EAFNOSUPPORT);
	peer_fini(&a);
	/* Closed before it could be told. */
	conn_connect(&a.c, base, &odd, sizeof odd, peer_cb, &a);
	conn_close(&a.c);
	help_run_for(base, 20);
	assert_int_equal(a.calls, 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_write),
		TEST(test_evbuffer),
		TEST(test_close_in_callback),
		TEST(test_connect),
		TEST(test_connect_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
