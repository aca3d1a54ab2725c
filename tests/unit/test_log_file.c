/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/log.c daemon/base/clock.c daemon/base/str.c */
/* LINK: daemon/base/xmalloc.c proto/text.c proto/text_width.c */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "log_help.h"

static void
slurp(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	b->n = 0;
	while ((n = read(fd, buf_need(b, 65536), 65536)) > 0)
		b->n += (size_t)n;
	buf_pad(b);
	close(fd);
}

static void
test_file(void **state)
{
	char *path = path_of("requests"), *moved = path_of("requests.1");
	struct buf b = { 0 };
	struct log_file *f;
	struct stat st;

	(void)state;
	f = log_file_open(path);
	assert_non_null(f);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(log_file_write(f, "one\ntwo\n", 8));
	log_file_close(f);
	slurp(path, &b);
	assert_string_equal(b.p, "one\ntwo\n");
	/* It appends, and goes on in a new file after a rotation. */
	f = log_file_open(path);
	log_file_write(f, "three\n", 6);
	log_file_close(f);
	f = log_file_open(path);
	assert_int_equal(rename(path, moved), 0);
	log_file_reopen(f);
	log_file_reopen(f);
	log_file_write(f, "four\n", 5);
	log_file_close(f);
	slurp(moved, &b);
	assert_string_equal(b.p, "one\ntwo\nthree\n");
	slurp(path, &b);
	assert_string_equal(b.p, "four\n");
	log_file_close(NULL);
	buf_fini(&b);
	free(path);
	free(moved);
}

static void
test_file_refused(void **state)
{
	char *path = path_of("target"), *link = path_of("link");
	char *none = path_of("no/such"), *fifo = path_of("fifo");

	(void)state;
	assert_int_equal(symlink(path, link), 0);
	assert_null(log_file_open(link));
	assert_int_equal(errno, ELOOP);
	assert_null(log_file_open(none));
	assert_int_equal(errno, ENOENT);
	assert_null(log_file_open(dir));
	assert_int_equal(errno, EISDIR);
	/* Without a reader: an error, not a hang. */
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_null(log_file_open(fifo));
	assert_int_equal(errno, ENXIO);
	free(path);
	free(link);
	free(none);
	free(fifo);
}

/* A rotation that fails keeps the old file, and says so. */
static void
test_file_reopen_fails(void **state)
{
	char *sub = path_of("sub"), *path = path_of("sub/log");
	char *moved = path_of("moved"), *inside = path_of("moved/log");
	struct buf b = { 0 };
	struct log_file *f;
	int fds[2];

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	assert_int_equal(mkdir(sub, 0700), 0);
	f = log_file_open(path);
	assert_non_null(f);
	assert_int_equal(rename(sub, moved), 0);
	log_file_reopen(f);
	log_file_write(f, "kept\n", 5);
	log_file_close(f);
	slurp(inside, &b);
	assert_string_equal(b.p, "kept\n");
	b.n = 0;
	drain(fds[0], &b, "cannot reopen", 1000);
	buf_fini(&b);
	pipe_close(fds);
	free(sub);
	free(path);
	free(moved);
	free(inside);
}

/* A slow reader (a FIFO): bounded, whole lines, counted and told. */
static void
test_file_slow(void **state)
{
	char *fifo = path_of("slow"), line[100];
	struct buf b = { 0 }, said = { 0 };
	struct log_file *f;
	size_t i, taken = 0;
	int fds[2], fd;

	(void)state;
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	assert_int_equal(log_start(), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_true((fd = open(fifo, O_RDONLY | O_NONBLOCK)) >= 0);
	f = log_file_open(fifo);
	assert_non_null(f);
	for (i = 0; i < 30000; i++) {
		snprintf(line, sizeof(line), "{\"line\":%06zu,\"of\":\"quite "
		    "a lot of lines\"}\n", i);
		taken += log_file_write(f, line, strlen(line));
	}
	assert_true(taken < 30000);
	assert_int_equal(log_file_dropped(f), 30000 - taken);
	while (count(b.n ? b.p : "", "\n") < taken)
		drain(fd, &b, NULL, 200);
	assert_int_equal(count(b.p, "{\"line\":"), taken);
	assert_int_equal(count(b.p, "lines\"}\n"), taken);
	drain(fds[0], &said, "lines dropped", 5000);
	assert_non_null(strstr(said.p, fifo));
	log_file_close(f);
	log_stop();
	buf_fini(&b);
	buf_fini(&said);
	close(fd);
	pipe_close(fds);
	free(fifo);
}

/* A full disk is waited for, and does not block the close for long. */
static void
test_file_full_disk(void **state)
{
	struct log_file *f;
	struct buf said = { 0 };
	uint64_t start;
	int fds[2];

	(void)state;
	if ((f = log_file_open("/dev/full")) == NULL)
		skip();
	pipe_open(fds);
	log_init(fds[1], LOG_L_INFO, true);
	log_file_write(f, "a\nb\n", 4);
	drain(fds[0], &said, "cannot write /dev/full: No space left", 5000);
	start = clock_ns();
	log_file_close(f);
	assert_true(clock_ns() - start < 1500000000u);
	buf_fini(&said);
	pipe_close(fds);
}

/* More than 20,000 lines a second, none lost. */
static void
test_file_rate(void **state)
{
	char *path = path_of("rate"), line[200];
	struct buf b = { 0 };
	struct log_file *f;
	uint64_t t;
	size_t i;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	f = log_file_open(path);
	assert_non_null(f);
	t = clock_ns();
	for (i = 0; i < 40000; i++)
		while (!log_file_write(f, line, sizeof(line)))
			usleep(100);
	log_file_close(f);
	t = clock_ns() - t;
	slurp(path, &b);
	assert_int_equal(b.n, 40000 * sizeof(line));
	if (t > 2000000000u)
		fail_msg("%llu ms", (unsigned long long)t / 1000000);
	buf_fini(&b);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_refused),
		cmocka_unit_test(test_file_reopen_fails),
		cmocka_unit_test(test_file_slow),
		cmocka_unit_test(test_file_full_disk),
		cmocka_unit_test(test_file_rate),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
