/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/log.c daemon/base/clock.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c proto/text.c proto/text_width.c */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "log_help.h"

static void
line_is(int fds[2], const char *want)
{
	struct buf b = { 0 };

	drain(fds[0], &b, "\n", 5000);
	assert_string_equal(b.p, want);
	buf_fini(&b);
}

static void
test_direct(void **state)
{
	int fds[2];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	log_info("hello %d", 7);
	line_is(fds, "llmd: hello 7\n");
	log_warnx("odd");
	line_is(fds, "llmd: warning: odd\n");
	errno = ENOENT;
	log_warn("open %s", "x");
	assert_int_equal(errno, ENOENT);
	line_is(fds, "llmd: warning: open x: No such file or directory\n");
	errno = EPERM;
	log_error("e");
	line_is(fds, "llmd: e: Operation not permitted\n");
	log_errorx("e");
	line_is(fds, "llmd: e\n");
	log_debug("not this");
	log_set_level(LOG_L_DEBUG);
	assert_int_equal(log_get_level(), LOG_L_DEBUG);
	log_debug("but this");
	line_is(fds, "llmd: debug: but this\n");
	log_set_level(LOG_L_ERROR);
	log_warnx("not this");
	log_info("not this");
	log_errorx("end");
	line_is(fds, "llmd: end\n");
	assert_string_equal(log_level_name(LOG_L_WARN), "warn");
	pipe_close(fds);
	/* A descriptor that is closed leaves errno alone, too. */
	log_init(fds[1], LOG_L_INFO, true);
	errno = ENOENT;
	log_info("nowhere");
	assert_int_equal(errno, ENOENT);
}

static void
test_time_stamp(void **state)
{
	struct buf b = { 0 };
	int fds[2];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, false);
	assert_int_equal(log_start(), 0);
	log_warnx("x");
	log_stop();
	drain(fds[0], &b, "\n", 1000);
	assert_int_equal(b.n, CLOCK_RFC3339_LEN + 8);
	assert_int_equal(b.p[CLOCK_RFC3339_LEN - 1], 'Z');
	assert_string_equal(b.p + CLOCK_RFC3339_LEN, " warn x\n");
	assert_memory_equal(b.p, "20", 2);
	buf_fini(&b);
	pipe_close(fds);
}

/* Row 66 of the faults: one call is one line, whatever a client sent. */
static void
test_injection(void **state)
{
	int fds[2];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	assert_int_equal(log_start(), 0);
	log_info("model '%s'", "a\r\nllmd: forged\x1b[2J\x7f\xc2\x9b" "31m"
	    "\xe2\x80\xae" "abc\xff\xc3");
	line_is(fds, "llmd: model 'a\\r\\nllmd: forged\\x1b[2J\\x7f\\x9b31m"
	    "\\u{202e}abc\\xff\\xc3'\n");
	log_info("%s", "%s%n%x");
	line_is(fds, "llmd: %s%n%x\n");
	log_info("%s", "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80");
	line_is(fds, "llmd: caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac "
	    "\xf0\x9f\x98\x80\n");
	log_stop();
	pipe_close(fds);
}

/* Row 67: cut with a mark, not inside a character; also if escaping makes
 * it long. */
static void
test_long_lines(void **state)
{
	static char big[10000];
	struct buf b = { 0 };
	size_t i, shift;
	int fds[2];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	for (shift = 0; shift < 3; shift++) {
		memset(big, 'x', shift);
		for (i = shift; i + 3 < sizeof(big); i += 3)
			memcpy(big + i, "\xe6\x97\xa5", 3);
		big[i] = '\0';
		b.n = 0;
		log_info("%s", big);
		drain(fds[0], &b, "\n", 1000);
		assert_true(b.n > LOG_LINE - 10 && b.n < LOG_LINE + 20);
		assert_string_equal(b.p + b.n - 7, "\xe6\x97\xa5...\n");
	}
	memset(big, '\x01', sizeof(big) - 1);
	b.n = 0;
	log_info("%s", big);
	drain(fds[0], &b, "\n", 1000);
	assert_true(b.n < 3 * LOG_LINE);
	assert_string_equal(b.p + b.n - 8, "\\x01...\n");
	buf_fini(&b);
	pipe_close(fds);
}

struct seen {
	pthread_mutex_t	 lock;
	struct buf	 b;
	uint64_t	 wall_ns;
	pthread_t	 thread;
};

static void
seen_tap(uint64_t wall_ns, enum log_level level, const char *text, size_t n,
    void *arg)
{
	struct seen *s = arg;

	pthread_mutex_lock(&s->lock);
	s->wall_ns = wall_ns;
	s->thread = pthread_self();
	buf_addf(&s->b, "%s:", log_level_name(level));
	buf_add(&s->b, text, n);
	buf_lit(&s->b, "|");
	pthread_mutex_unlock(&s->lock);
}

static void
test_tap(void **state)
{
	struct seen s = { .lock = PTHREAD_MUTEX_INITIALIZER };
	int fds[2];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, false);
	assert_int_equal(log_start(), 0);
	assert_int_equal(log_start(), 0);
	log_set_tap(seen_tap, &s);
	log_info("a\nb");
	log_errorx("c");
	log_debug("d");
	log_stop();
	log_set_tap(NULL, NULL);
	assert_int_equal(log_start(), 0);
	log_info("e");
	log_stop();
	buf_pad(&s.b);
	assert_string_equal(s.b.p, "info:a\\nb|error:c|");
	assert_false(pthread_equal(s.thread, pthread_self()));
	assert_true(s.wall_ns > 1700000000000000000u);
	buf_fini(&s.b);
	pipe_close(fds);
}

/* Adds up what the reports in s say. */
static uint64_t
reported(const char *s)
{
	static const char head[] = "llmd: warning: log: ";
	uint64_t n = 0;

	while ((s = strstr(s, head)) != NULL) {
		s += sizeof(head) - 1;
		n += strtoull(s, NULL, 10);
	}
	return n;
}

/*
 * Row 52: while standard error is blocked no caller waits, memory is bounded
 * and what was lost is told as one line when there is room again.
 */
static void
test_blocked(void **state)
{
	struct buf b = { 0 };
	uint64_t start, lost;
	size_t i;
	int fds[2];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	assert_int_equal(log_start(), 0);
	lost = log_dropped();
	start = clock_ns();
	for (i = 0; i < 60000; i++)
		log_info("line %06zu of quite a lot of lines", i);
	if (clock_ns() - start > 2000000000u)
		fail_msg("a caller was blocked");
	lost = log_dropped() - lost;
	assert_true(lost > 0 && lost < 60000);
	start = clock_ms();
	do
		drain(fds[0], &b, NULL, 50);
	while (reported(b.p) < lost && clock_ms() < start + 10000);
	assert_int_equal(reported(b.p), lost);
	/* Once, or twice if the thread came late to the first buffer. */
	i = count(b.p, "lines dropped");
	assert_true(i == 1 || i == 2);
	assert_int_equal(count(b.p, "llmd: line "), 60000 - lost);
	/* Whole lines, the first ones in order. */
	assert_memory_equal(b.p, "llmd: line 000000 of", 20);
	assert_int_equal(count(b.p, "\n"), 60000 - lost + i);
	b.n = 0;
	log_info("alive");
	drain(fds[0], &b, "llmd: alive\n", 5000);
	log_stop();
	buf_fini(&b);
	pipe_close(fds);
}

/* The same over a descriptor that does not block. */
static void
test_blocked_nonblocking(void **state)
{
	struct buf b = { 0 };
	size_t i;
	int fds[2];

	(void)state;
	pipe_open(fds);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	log_init(fds[1], LOG_L_INFO, true);
	assert_int_equal(log_start(), 0);
	for (i = 0; i < 5000; i++)
		log_info("line %06zu of quite a lot of lines", i);
	drain(fds[0], &b, "line 004999", 10000);
	drain(fds[0], &b, NULL, 50);
	assert_int_equal(count(b.p, "\n"), 5000);
	log_stop();
	buf_fini(&b);
	pipe_close(fds);
}

/* A reader that is gone is no reason to end, nor to spin. */
static void
test_reader_gone(void **state)
{
	uint64_t lost = log_dropped();
	clock_t cpu;
	int fds[2], i;

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	assert_int_equal(log_start(), 0);
	close(fds[0]);
	for (i = 0; i < 100; i++)
		log_info("line");
	cpu = clock();
	usleep(100000);
	assert_true(clock() - cpu < CLOCKS_PER_SEC / 20);
	log_stop();
	assert_int_equal(log_dropped() - lost, 100);
	log_info("directly");
	close(fds[1]);
}

/*
 * A reader that comes back (a FIFO) is told what it missed, and the line that
 * was cut when the other one left is ended first.
 */
static void
test_reader_returns(void **state)
{
	char *fifo = path_of("returns"), line[4091];
	struct buf b = { 0 };
	uint64_t lost = log_dropped(), end;
	int fd, wfd, i;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_true((fd = open(fifo, O_RDONLY | O_NONBLOCK)) >= 0);
	assert_true((wfd = open(fifo, O_WRONLY | O_NONBLOCK)) >= 0);
	fcntl(wfd, F_SETPIPE_SZ, 65536);
	log_init(wfd, LOG_L_INFO, true);
	assert_int_equal(log_start(), 0);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	/* More than PIPE_BUF each: the pipe is full in the middle of one. */
	for (i = 0; i < 200; i++)
		log_info("%s", line);
	usleep(50000);
	close(fd);
	for (i = 0; i < 5; i++) {
		log_info("missed");
		usleep(20000);
	}
	end = clock_ms() + 5000;
	while (log_dropped() - lost < 189 && clock_ms() < end)
		usleep(1000);
	assert_true((fd = open(fifo, O_RDONLY | O_NONBLOCK)) >= 0);
	drain(fd, &b, NULL, 50);
	log_info("first");
	drain(fd, &b, "llmd: first\n", 5000);
	assert_non_null(strstr(b.p, "\nllmd: first\n"));
	assert_int_equal(count(b.p, "missed"), 0);
	lost = log_dropped() - lost;
	for (i = 0; i < 50 && reported(b.p) < lost; i++) {
		log_info("more");
		drain(fd, &b, NULL, 20);
	}
	assert_int_equal(reported(b.p), lost);
	log_stop();
	close(fd);
	close(wfd);
	buf_fini(&b);
	free(fifo);
}

/* A stop does not wait longer than a second for a descriptor that nobody
 * reads. */
static void
test_stop_while_blocked(void **state)
{
	uint64_t start;
	pid_t pid;
	int fds[2], i, status;

	(void)state;
	pipe_open(fds);
	if ((pid = fork()) == 0) {
		log_init(fds[1], LOG_L_INFO, true);
		log_start();
		for (i = 0; i < 10000; i++)
			log_info("line %06d of quite a lot of lines", i);
		log_stop();
		log_info("not blocked either");
		_exit(7);
	}
	start = clock_ns();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_true(clock_ns() - start < 8000000000u);
	pipe_close(fds);
}

/* What a child says before it dies with fatal. */
static void
dies(void (*body)(int fd), const char *want)
{
	struct buf b = { 0 };
	int fds[2], status;
	pid_t pid;

	pipe_open(fds);
	if ((pid = fork()) == 0) {
		body(fds[1]);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	drain(fds[0], &b, "\n", 100);
	drain(fds[0], &b, NULL, 0);
	assert_string_equal(b.p, want);
	buf_fini(&b);
	close(fds[0]);
}

static void
die_early(int fd)
{
	log_init(fd, LOG_L_ERROR, true);
	errno = EMFILE;
	fatal("cannot %s", "start");
}

static void
die_late(int fd)
{
	log_init(fd, LOG_L_INFO, true);
	log_start();
	log_info("before");
	fatalx("a bug");
}

static void *
die_thread(void *arg)
{
	(void)arg;
	fatalx("in a thread");
	return NULL;
}

static void
die_in_thread(int fd)
{
	pthread_t t;

	log_init(fd, LOG_L_INFO, true);
	log_start();
	pthread_create(&t, NULL, die_thread, NULL);
	pthread_join(t, NULL);
}

static void
test_fatal(void **state)
{
	(void)state;
	dies(die_early, "llmd: cannot start: Too many open files\n");
	dies(die_late, "llmd: before\nllmd: a bug\n");
	dies(die_in_thread, "llmd: in a thread\n");
}

#define WRITERS	4
#define LINES	5000

static void *
writer(void *arg)
{
	int i;

	for (i = 0; i < LINES; i++) {
		log_info("writer %d line %d", *(int *)arg, i);
		if (i % 100 == 0)
			usleep(1000);
	}
	return NULL;
}

static void
test_many_writers(void **state)
{
	int fds[2], id[WRITERS], i;
	pthread_t t[WRITERS];
	uint64_t lost = log_dropped();
	struct buf b = { 0 };
	char last[64];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	assert_int_equal(log_start(), 0);
	for (i = 0; i < WRITERS; i++) {
		id[i] = i;
		pthread_create(&t[i], NULL, writer, &id[i]);
	}
	for (i = 0; i < WRITERS; i++) {
		snprintf(last, sizeof(last), "writer %d line %d\n", i,
		    LINES - 1);
		drain(fds[0], &b, last, 20000);
	}
	for (i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	log_stop();
	drain(fds[0], &b, NULL, 0);
	assert_int_equal(log_dropped(), lost);
	assert_int_equal(count(b.p, "\n"), WRITERS * LINES);
	assert_int_equal(count(b.p, "llmd: writer "), WRITERS * LINES);
	buf_fini(&b);
	pipe_close(fds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_time_stamp),
		cmocka_unit_test(test_injection),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_blocked_nonblocking),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_reader_returns),
		cmocka_unit_test(test_stop_while_blocked),
		cmocka_unit_test(test_fatal),
		cmocka_unit_test(test_many_writers),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
