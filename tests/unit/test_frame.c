/* SPDX-License-Identifier: ISC */
/* LINK: proto/frame.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "proto/frame.h"

/*
 * Feeds src in pieces and writes what comes out: each line in brackets, '!'
 * for one that was too large.
 */
static void
run(const char *src, size_t len, size_t piece, size_t limit, char *out)
{
	struct evbuffer *in = evbuffer_new();
	struct frame f;
	enum frame_result res;
	char *line;
	size_t n, at;

	frame_init(&f, limit);
	*out = '\0';
	for (at = 0; at < len; at += piece) {
		n = len - at < piece ? len - at : piece;
		evbuffer_add(in, src + at, n);
		while ((res = frame_next(&f, in, &line, &n)) != FRAME_NONE) {
			if (res == FRAME_TOO_LARGE) {
				strcat(out, "!");
				continue;
			}
			assert_int_equal(line[n], '\0');
			strcat(strcat(strcat(out, "["), line), "]");
			free(line);
		}
		assert_true(evbuffer_get_length(in) <= limit + 1 + piece);
	}
	evbuffer_free(in);
}

static void
check(const char *src, size_t limit, const char *want)
{
	size_t piece, len = strlen(src);
	char out[512];

	for (piece = 1; piece <= len; piece++) {
		run(src, len, piece, limit, out);
		assert_string_equal(out, want);
	}
}

static void
test_lines(void **state)
{
	(void)state;
	check("one\ntwo\r\n\n\r\nthree\nrest", 100, "[one][two][three]");
	check("a\rb\n", 100, "[a\rb]");
	check("\n\n\n", 100, "");
}

static void
test_limit(void **state)
{
	(void)state;
	check("12345\n", 5, "[12345]");
	check("12345\r\n", 5, "[12345]");
	check("123456\nok\n", 5, "![ok]");
	check("1234567890123456789\nok\n12345678\n\nb\n", 5, "![ok]![b]");
	check("123456\r\nok\n", 5, "![ok]");
	check("12345678901234567890", 5, "!");
}

static void
test_nul(void **state)
{
	struct evbuffer *in = evbuffer_new();
	struct frame f;
	char *line;
	size_t n;

	(void)state;
	frame_init(&f, 10);
	evbuffer_add(in, "a\0b\n", 4);
	assert_int_equal(frame_next(&f, in, &line, &n), FRAME_LINE);
	assert_int_equal(n, 3);
	assert_memory_equal(line, "a\0b", 3);
	free(line);
	evbuffer_free(in);
}

/* A line without an end must not be searched again from its start. */
static void
test_long_stream(void **state)
{
	struct evbuffer *in = evbuffer_new();
	char block[4096], *line;
	struct frame f;
	size_t n, i;
	int large = 0;

	(void)state;
	memset(block, 'x', sizeof(block));
	frame_init(&f, 1024 * 1024);
	for (i = 0; i < 4096; i++) {
		evbuffer_add(in, block, sizeof(block));
		while (frame_next(&f, in, &line, &n) == FRAME_TOO_LARGE)
			large++;
		assert_true(evbuffer_get_length(in) <= 1024 * 1024 + 4097);
	}
	assert_int_equal(large, 1);
	evbuffer_add(in, "\nafter\n", 7);
	assert_int_equal(frame_next(&f, in, &line, &n), FRAME_LINE);
	assert_string_equal(line, "after");
	free(line);
	evbuffer_free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
