/* SPDX-License-Identifier: ISC */
/* LINK: daemon/access/limit.c */
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/limit.h"

#define WINDOW	60000u

static void
test_window_starts_at_first_take(void **state)
{
	struct meter m = { 0 };
	uint32_t wait = 0;

	(void)state;
	assert_true(meter_take(&m, 1000, WINDOW, 2, 1, &wait));
	assert_true(meter_take(&m, 30000, WINDOW, 2, 1, &wait));
	assert_false(meter_take(&m, 30001, WINDOW, 2, 1, &wait));
	assert_int_equal(wait, 1000 + 60000 - 30001);
	assert_int_equal(meter_used(&m, 30001, WINDOW), 2);
	/* The last ms of the window, then the first of the next one. */
	assert_false(meter_take(&m, 60999, WINDOW, 2, 1, &wait));
	assert_int_equal(wait, 1);
	assert_int_equal(meter_used(&m, 61000, WINDOW), 0);
	assert_true(meter_take(&m, 61000, WINDOW, 2, 1, &wait));
	assert_int_equal(meter_used(&m, 61000, WINDOW), 1);
}

static void
test_refused_take_counts_nothing(void **state)
{
	struct meter m = { 0 };
	uint32_t wait = 0;

	(void)state;
	assert_true(meter_take(&m, 5, WINDOW, 10, 8, &wait));
	assert_false(meter_take(&m, 6, WINDOW, 10, 3, &wait));
	assert_int_equal(meter_used(&m, 6, WINDOW), 8);
	assert_true(meter_take(&m, 6, WINDOW, 10, 2, &wait));
	/* More than the limit can never pass; the wait is a whole window. */
	m = (struct meter){ 0 };
	assert_false(meter_take(&m, 6, WINDOW, 10, 11, &wait));
	assert_int_equal(wait, WINDOW);
}

static void
test_unlimited(void **state)
{
	struct meter m = { 0 };
	uint32_t wait = 77;

	(void)state;
	assert_true(meter_take(&m, 5, WINDOW, 0, UINT32_MAX, &wait));
	assert_int_equal(meter_used(&m, 5, WINDOW), 0);
	assert_int_equal(wait, 77);
	assert_int_equal(meter_wait(&m, 5, WINDOW, 0, 1), 0);
}

static void
test_give(void **state)
{
	struct meter m = { 0 };
	uint32_t wait = 0;

	(void)state;
	assert_true(meter_take(&m, 100, WINDOW, 1, 1, &wait));
	meter_give(&m, 200, WINDOW, 1);
	assert_int_equal(meter_used(&m, 200, WINDOW), 0);
	assert_true(meter_take(&m, 300, WINDOW, 1, 1, &wait));
	/* Back after its window has ended: the new one is not touched. */
	assert_true(meter_take(&m, 300 + WINDOW, WINDOW, 1, 1, &wait));
	meter_give(&m, 300 + 2 * WINDOW, WINDOW, 1);
	assert_int_equal(meter_used(&m, 299 + 2 * WINDOW, WINDOW), 1);
	/* More than there is. */
	meter_give(&m, 301 + WINDOW, WINDOW, 9);
	assert_int_equal(meter_used(&m, 301 + WINDOW, WINDOW), 0);
}

static void
test_late_clock_does_not_open_a_window(void **state)
{
	struct meter m = { 0 };
	uint32_t wait = 0;

	(void)state;
	assert_true(meter_take(&m, 1000, WINDOW, 1, 1, &wait));
	/* Another thread read the clock 4 ms before. */
	assert_false(meter_take(&m, 996, WINDOW, 1, 1, &wait));
	assert_int_equal(wait, WINDOW);
}

static void
test_wrap_of_the_clock(void **state)
{
	struct meter m = { 0 };
	uint64_t end = UINT64_C(1) << 36;
	uint32_t wait = 0;

	(void)state;
	assert_true(meter_take(&m, end - 10, WINDOW, 1, 1, &wait));
	assert_false(meter_take(&m, end + 10, WINDOW, 1, 1, &wait));
	assert_int_equal(wait, WINDOW - 20);
	assert_true(meter_take(&m, end - 10 + WINDOW, WINDOW, 1, 1, &wait));
	/* Idle for more than a year. */
	assert_true(meter_take(&m, end + (UINT64_C(1) << 35) + 99999, WINDOW,
	    1, 1, &wait));
}

static void
test_wait_agrees_with_take(void **state)
{
	struct meter m = { 0 };
	uint32_t wait = 0;
	uint64_t now;

	(void)state;
	for (now = 0; now < 300000; now += 777) {
		uint32_t w = meter_wait(&m, now, WINDOW, 40, 1);
		bool ok = meter_take(&m, now, WINDOW, 40, 1, &wait);

		assert_int_equal(ok, w == 0);
		if (!ok)
			assert_int_equal(w, wait);
	}
}

#define THREADS	4
#define TAKES	250000

struct worker {
	struct meter	*m;
	uint32_t	 limit;
	uint64_t	 granted;
};

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	uint32_t wait;
	int i;

	for (i = 0; i < TAKES; i++)
		w->granted += meter_take(w->m, 1000 + (uint64_t)(i & 7),
		    WINDOW, w->limit, 1, &wait);
	return NULL;
}

static uint64_t
run_threads(struct meter *m, uint32_t limit)
{
	struct worker w[THREADS];
	pthread_t t[THREADS];
	uint64_t sum = 0;
	int i;

	for (i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ m, limit, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, worker_run,
		    &w[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		sum += w[i].granted;
	}
	return sum;
}

static void
test_exact_under_contention(void **state)
{
	struct meter m = { 0 };

	(void)state;
	assert_int_equal(run_threads(&m, 123457), 123457);
	m = (struct meter){ 0 };
	assert_int_equal(run_threads(&m, THREADS * TAKES + 1),
	    THREADS * TAKES);
	assert_int_equal(meter_used(&m, 1000, WINDOW), THREADS * TAKES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_starts_at_first_take),
		cmocka_unit_test(test_refused_take_counts_nothing),
		cmocka_unit_test(test_unlimited),
		cmocka_unit_test(test_give),
		cmocka_unit_test(test_late_clock_does_not_open_a_window),
		cmocka_unit_test(test_wrap_of_the_clock),
		cmocka_unit_test(test_wait_agrees_with_take),
		cmocka_unit_test(test_exact_under_contention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
