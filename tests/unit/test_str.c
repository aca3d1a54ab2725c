/* SPDX-License-Identifier: ISC */
/* LINK: daemon/base/str.c daemon/base/xmalloc.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/xmalloc.h"

static void
test_span_compare(void **state)
{
	(void)state;
	assert_true(span_is(SPAN_LIT("ab"), span_z("ab")));
	assert_false(span_is(SPAN_LIT("ab"), span_z("abc")));
	assert_false(span_is(SPAN_LIT("ab"), span_z("aB")));
	assert_true(span_is(SPAN_NONE, SPAN_LIT("")));
	assert_true(span_eq(SPAN_NONE, ""));
	assert_false(span_eq(SPAN_LIT("x"), ""));
	assert_true(span_ieq(SPAN_LIT("Content-TYPE"), "content-type"));
	assert_false(span_ieq(SPAN_LIT("content-typ"), "content-type"));
	/* '[' and '{' differ by the same bit as letters do. */
	assert_false(span_ieq(SPAN_LIT("["), "{"));
	assert_false(span_ieq(SPAN_LIT("@"), "`"));
	assert_true(span_starts(SPAN_LIT("Bearer x"), "Bearer "));
	assert_false(span_starts(SPAN_LIT("Bear"), "Bearer "));
	assert_true(span_starts(SPAN_NONE, ""));
}

static void
test_span_u64(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x10",
	    "1.0", "18446744073709551616", "99999999999999999999999", "1e3" };
	uint64_t v = 7;
	size_t i;

	(void)state;
	assert_true(span_u64(SPAN_LIT("0"), &v) && v == 0);
	assert_true(span_u64(SPAN_LIT("00012"), &v) && v == 12);
	assert_true(span_u64(SPAN_LIT("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	v = 7;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(span_u64(span_z(bad[i]), &v));
	assert_int_equal(v, 7);
}

static void
test_span_trim(void **state)
{
	char *s;

	(void)state;
	assert_true(span_eq(span_trim(SPAN_LIT(" \t a b\t ")), "a b"));
	assert_true(span_eq(span_trim(SPAN_LIT(" \t ")), ""));
	assert_true(span_eq(span_trim(SPAN_NONE), ""));
	assert_true(span_eq(span_trim(SPAN_LIT("\na\r")), "\na\r"));
	s = span_dup(SPAN_LIT("a\0b"));
	assert_memory_equal(s, "a\0b", 4);
	free(s);
	s = span_dup(SPAN_NONE);
	assert_string_equal(s, "");
	free(s);
}

static void
test_buf_grows(void **state)
{
	struct buf b = { 0 };
	size_t i, k;

	(void)state;
	for (i = 0; i < 100000; i++)
		buf_add(&b, "0123456789", 10);
	assert_int_equal(b.n, 1000000);
	for (i = 0; i < 100000; i += 997)
		assert_memory_equal(b.p + i * 10, "0123456789", 10);
	assert_true(b.cap >= b.n + BUF_PAD);
	memset(b.p + b.n, 'x', BUF_PAD);
	buf_pad(&b);
	for (k = 0; k < BUF_PAD; k++)
		assert_int_equal(b.p[b.n + k], 0);
	buf_reset(&b, 100);
	assert_null(b.p);
	buf_lit(&b, "abc");
	buf_reset(&b, 1000);
	assert_non_null(b.p);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
	assert_true(b.p == NULL && b.n == 0 && b.cap == 0);
}

static void
test_buf_pad_of_empty(void **state)
{
	struct buf b = { 0 };
	size_t i;

	(void)state;
	buf_pad(&b);
	assert_non_null(b.p);
	for (i = 0; i < BUF_PAD; i++)
		assert_int_equal(b.p[i], 0);
	buf_fini(&b);
	/* Filled to the last byte before the pad. */
	buf_need(&b, 1);
	i = b.cap - BUF_PAD;
	memset(buf_need(&b, i), 'x', i);
	b.n = i;
	buf_pad(&b);
	assert_int_equal(b.p[b.n + BUF_PAD - 1], 0);
	buf_lit(&b, "y");
	assert_true(b.cap >= b.n + BUF_PAD);
	buf_fini(&b);
}

static void
test_buf_text(void **state)
{
	struct buf b = { 0 };
	char big[1000];

	(void)state;
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	buf_addf(&b, "%d-%s", 12, "x");
	assert_true(span_eq(buf_span(&b), "12-x"));
	buf_addf(&b, "%s", big);
	assert_int_equal(b.n, 4 + 999);
	assert_memory_equal(b.p + 4, big, 999);
	buf_drain(&b, 3);
	assert_int_equal(b.n, 1000);
	assert_memory_equal(b.p, "xyyy", 4);
	buf_drain(&b, 1000);
	assert_int_equal(b.n, 0);
	buf_addz(&b, "z");
	buf_adds(&b, SPAN_NONE);
	buf_adds(&b, SPAN_LIT("a"));
	assert_true(span_eq(buf_span(&b), "za"));
	buf_fini(&b);
}

static void
test_arena(void **state)
{
	struct arena a = { 0 };
	char *keep[200], *big;
	size_t i, n;

	(void)state;
	for (i = 0; i < 200; i++) {
		n = i * 7;
		keep[i] = arena_alloc(&a, n + 1);
		assert_int_equal((uintptr_t)keep[i] % 16, 0);
		memset(keep[i], (int)i, n + 1);
	}
	for (i = 0; i < 200; i++)
		for (n = 0; n <= i * 7; n++)
			assert_int_equal((unsigned char)keep[i][n], i);
	big = arena_zalloc(&a, 100000);
	for (n = 0; n < 100000; n++)
		assert_int_equal(big[n], 0);
	assert_string_equal(arena_strn(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_strn(&a, NULL, 0), "");
	assert_string_equal(arena_printf(&a, "%s/%d", "x", 7), "x/7");
	arena_reset(&a);
	assert_true(a.left > 0);
	n = a.left;
	arena_alloc(&a, 16);
	assert_int_equal(a.left, n - 16);
	arena_fini(&a);
	/* The first thing is large; the next small ones must not overlap it. */
	big = arena_alloc(&a, 5000);
	memset(big, 'b', 5000);
	memset(arena_alloc(&a, 10), 'x', 10);
	for (n = 0; n < 5000; n++)
		assert_int_equal(big[n], 'b');
	assert_non_null(arena_alloc(&a, 0));
	arena_reset(&a);
	arena_reset(&a);
	arena_fini(&a);
	arena_fini(&a);
}

static void
test_xmalloc(void **state)
{
	char *s, *p;

	(void)state;
	p = xmalloc(0);
	assert_non_null(p);
	p = xrealloc(p, 0);
	assert_non_null(p);
	free(p);
	p = xcalloc(0, 5);
	assert_non_null(p);
	free(p);
	s = xstrndup("abc", 2);
	assert_string_equal(s, "ab");
	free(s);
	s = xstrndup("abc", 20);
	assert_string_equal(s, "abc");
	free(s);
	assert_int_equal(xasprintf(&s, "%05d", 42), 5);
	assert_string_equal(s, "00042");
	free(s);
}

/* Out of memory is one line and exit status 1, also for a size that
 * overflows. */
static void
test_out_of_memory(void **state)
{
	char said[200];
	int fds[2], status;
	pid_t pid;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		dup2(fds[1], STDERR_FILENO);
		free(xreallocarray(NULL, SIZE_MAX / 2, 3));
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], said, sizeof(said) - 1);
	assert_true(n > 0);
	said[n] = '\0';
	close(fds[0]);
	assert_non_null(strstr(said, "llmd: out of memory"));
	assert_int_equal(said[n - 1], '\n');
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_span_compare),
		cmocka_unit_test(test_span_u64),
		cmocka_unit_test(test_span_trim),
		cmocka_unit_test(test_buf_grows),
		cmocka_unit_test(test_buf_pad_of_empty),
		cmocka_unit_test(test_buf_text),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_xmalloc),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
