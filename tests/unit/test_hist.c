/* SPDX-License-Identifier: ISC */
/* LINK: daemon/observe/hist.c daemon/observe/stats.c daemon/base/map.c */
/* LINK: daemon/base/hash.c daemon/base/xmalloc.c daemon/base/log.c */
/* LINK: daemon/base/clock.c daemon/base/str.c proto/text.c */
/* LINK: proto/text_width.c */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observe/hist.h"
#include "observe/stats.h"

#define S	1000000000ull

static void
near(double got, double want, double rel)
{
	if (fabs(got - want) > fabs(want) * rel)
		fail_msg("%f is not near %f", got, want);
}

/* Each value alone comes back within half a bucket, over the whole range. */
static void
test_range(void **state)
{
	static const uint32_t v[] = { 0, 1, 15, 16, 17, 31, 32, 33, 1000,
	    65535, 65536, 1u << 30, 3000000000u, UINT32_MAX };
	struct hist h;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof v[0]; i++) {
		memset(&h, 0, sizeof h);
		hist_add(&h, v[i]);
		near(hist_quantile(&h, 0.5), v[i], 1.0 / 32);
		near(hist_quantile(&h, 1), v[i], 1.0 / 32);
		assert_int_equal(h.n, 1);
	}
}

static void
test_quantiles(void **state)
{
	static struct hist a, b, all;
	uint32_t i;

	(void)state;
	assert_true(hist_quantile(&a, 0.5) < 0);
	for (i = 1; i <= 10000; i++) {
		hist_add(i % 2 ? &a : &b, i);
		hist_add(&all, i);
	}
	hist_merge(&a, &b);
	assert_memory_equal(&a, &all, sizeof a);
	near(hist_quantile(&a, 0.5), 5000, 0.035);
	near(hist_quantile(&a, 0.95), 9500, 0.035);
	near(hist_quantile(&a, 0), 1, 0.5);
}

static void
add(struct stats *s, uint16_t model, uint16_t deploy, bool failed,
    uint32_t ttft_ms, uint64_t at)
{
	struct stats_sample p = { model, deploy, failed, 100,
	    ttft_ms * 1000, 1000000, failed ? "it broke" : NULL };

	stats_add(s, &p, at);
}

static void
test_stats_window(void **state)
{
	struct stats *s = stats_new(1000 * S);
	struct stats_match m = { .model = 7 };
	struct stats_view v;
	unsigned i;

	(void)state;
	stats_query(s, NULL, 300, 1000 * S, &v);
	assert_int_equal(v.n, 0);
	assert_true(v.err_pct < 0 && v.ttft_p50_ms < 0);
	/* One a second for ten minutes. */
	for (i = 0; i < 600; i++)
		add(s, 7, 1, i % 10 == 0, 200, (1000 + i) * S);
	stats_query(s, &m, 300, 1600 * S, &v);
	near(v.rps, 1, 0.02);
	near(v.tok_s, 100, 0.02);
	near(v.err_pct, 10, 0.05);
	near(v.ttft_p50_ms, 200, 0.04);
	near(v.decode_p50_tps, 100, 0.04);
	assert_int_equal(v.day, 600);
	assert_int_equal(v.total, 600);
	assert_string_equal(v.error, "it broke");
	assert_int_equal(v.row, 0);
	stats_query(s, &m, 10, 1600 * S, &v);
	assert_in_range(v.n, 9, 15);
	near(v.rps, 1, 0.35);
	/* Five minutes later the window is empty, the day is not, and the
	 * latency is that of all. */
	stats_query(s, &m, 300, 1910 * S, &v);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.day, 600);
	near(v.ttft_p50_ms, 200, 0.04);
	stats_query(s, &m, 300, 1600 * S + 25 * 3600 * S, &v);
	assert_int_equal(v.day, 0);
	assert_int_equal(v.total, 600);
	stats_free(s);
}

static bool
accept_two(uint16_t deploy, const void *arg)
{
	(void)arg;
	return deploy == 2;
}

static void
test_stats_match(void **state)
{
	struct stats *s = stats_new(1 * S);
	struct stats_match m = { 0 };
	struct stats_view v;

	(void)state;
	add(s, 7, 1, false, 100, 2 * S);
	add(s, 7, 2, true, 0, 3 * S);
	add(s, 8, 2, true, 0, 4 * S);
	m.deploy = 2;
	stats_query(s, &m, 300, 5 * S, &v);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.failed, 2);
	m.model = 8;
	stats_query(s, &m, 300, 5 * S, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.row, 1);
	m = (struct stats_match){ .accept = accept_two };
	stats_query(s, &m, 300, 5 * S, &v);
	assert_int_equal(v.n, 2);
	assert_true(v.ttft_p50_ms < 0);
	stats_query(s, NULL, 300, 5 * S, &v);
	assert_int_equal(v.n, 3);
	stats_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_stats_window),
		cmocka_unit_test(test_stats_match)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
