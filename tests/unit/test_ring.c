/* SPDX-License-Identifier: ISC */
/* LINK: daemon/observe/ring.c daemon/base/xmalloc.c daemon/base/log.c */
/* LINK: daemon/base/clock.c daemon/base/str.c proto/text.c */
/* LINK: proto/text_width.c */
#include <sys/eventfd.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "observe/ring.h"

static struct record
record_of(uint64_t id, enum record_kind kind)
{
	struct record r;

	memset(&r, 0, sizeof r);
	r.id = id;
	r.kind = (uint8_t)kind;
	r.t_ns = id * 3;
	return r;
}

static void
put(struct ring *r, uint64_t id, enum record_kind kind)
{
	struct record rec = record_of(id, kind);

	ring_put(r, &rec);
}

static void
test_order(void **state)
{
	struct ring *r = ring_new(-1);
	uint64_t i, next = 0;

	(void)state;
	assert_null(ring_peek(r));
	for (i = 0; i < 3 * RING_LEN; i++) {
		put(r, i, RECORD_START);
		if (i % 3 == 0) {
			assert_int_equal(ring_peek(r)->id, next++);
			ring_pop(r);
		}
	}
	for (; next < 3 * RING_LEN; next++) {
		assert_non_null(ring_peek(r));
		assert_int_equal(ring_peek(r)->id, next);
		ring_pop(r);
	}
	assert_null(ring_peek(r));
	assert_int_equal(ring_dropped(r), 0);
	ring_free(r);
}

/* Progress goes when it is full, starts and ends stay; the order holds across
 * the spill, also when the ring is used again meanwhile. */
static void
test_full(void **state)
{
	struct ring *r = ring_new(-1);
	uint64_t i, last = 0, n = 0;

	(void)state;
	for (i = 1; i <= RING_LEN; i++)
		put(r, i, RECORD_PROGRESS);
	for (; i <= RING_LEN + 100; i++)
		put(r, i, i % 2 == 0 ? RECORD_END : RECORD_PROGRESS);
	assert_int_equal(ring_dropped(r), 50);
	/* Room in the ring, but the spill comes first. */
	ring_peek(r);
	ring_pop(r);
	put(r, i++, RECORD_END);
	while (ring_peek(r) != NULL) {
		assert_true(ring_peek(r)->id > last);
		last = ring_peek(r)->id;
		assert_int_equal(ring_peek(r)->t_ns, last * 3);
		ring_pop(r);
		n++;
		if (n == RING_LEN + 20)
			put(r, i++, RECORD_END);
	}
	assert_int_equal(last, RING_LEN + 102);
	assert_int_equal(n, RING_LEN - 1 + 50 + 2);
	ring_free(r);
}

static void
test_wake(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct ring *r = ring_new(fd);
	uint64_t v;
	unsigned i, round;

	(void)state;
	for (round = 0; round < 3; round++) {
		for (i = 0; i < RING_LEN / 2 - 1; i++)
			put(r, i, RECORD_START);
		assert_int_equal(read(fd, &v, sizeof v), -1);
		for (i = 0; i < 100; i++)
			put(r, i, RECORD_START);
		assert_int_equal(read(fd, &v, sizeof v), sizeof v);
		assert_int_equal(v, 1);
		while (ring_peek(r) != NULL)
			ring_pop(r);
	}
	ring_want_progress(r, 100);
	assert_int_equal(ring_progress_ms(r), 100);
	ring_free(r);
	close(fd);
}

static void
test_free_full(void **state)
{
	struct ring *r = ring_new(-1);
	unsigned i;

	(void)state;
	for (i = 0; i < RING_LEN + 50; i++)
		put(r, i, RECORD_END);
	for (i = 0; i < RING_LEN + 10; i++) {
		ring_peek(r);
		ring_pop(r);
	}
	put(r, i, RECORD_END);
	ring_free(r);		/* LeakSanitizer is the judge */
}

#define MANY	400000

static void *
produce(void *arg)
{
	struct ring *r = arg;
	uint64_t i;

	for (i = 1; i <= MANY; i++)
		put(r, i, i % 4 == 0 ? RECORD_PROGRESS : RECORD_END);
	return NULL;
}

/* Nothing that counts is lost or comes out of order. */
static void
test_thread(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct ring *r = ring_new(fd);
	const struct record *rec;
	uint64_t last = 0, ends = 0, progress = 0;
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, produce, r), 0);
	while (last < MANY - 1) {
		rec = ring_peek(r);
		if (rec == NULL)
			continue;
		assert_true(rec->id > last);
		assert_int_equal(rec->t_ns, rec->id * 3);
		last = rec->id;
		if (rec->kind == RECORD_PROGRESS)
			progress++;
		else
			ends++;
		ring_pop(r);
	}
	pthread_join(t, NULL);
	while (ring_peek(r) != NULL) {
		progress++;
		ring_pop(r);
	}
	assert_int_equal(ends, MANY / 4 * 3);
	assert_int_equal(progress + ring_dropped(r), MANY / 4);
	ring_free(r);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_free_full),
		cmocka_unit_test(test_thread)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
