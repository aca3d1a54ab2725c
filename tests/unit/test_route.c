/* SPDX-License-Identifier: ISC */
/* LINK: daemon/route/table.c daemon/access/limit.c daemon/base/map.c */
/* LINK: daemon/base/hash.c daemon/base/str.c daemon/base/xmalloc.c */
/* LINK: daemon/base/log.c daemon/base/clock.c proto/text.c */
/* LINK: proto/text_width.c */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "route/table.h"

/* A cheap generator with a fixed seed: the test must not depend on luck. */
static uint64_t
test_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s * UINT64_C(0x2545f4914f6cdd1d);
}

static struct deploy_state states[8];

static struct deploy
test_deploy(unsigned i, const char *model, const char *upstream,
    double weight, int order)
{
	static char ids[8][8] = { "id-0", "id-1", "id-2", "id-3", "id-4",
	    "id-5", "id-6", "id-7" };

	memset(&states[i], 0, sizeof(states[i]));
	return (struct deploy){ .index = i, .id = ids[i],
	    .model = (char *)(uintptr_t)model,
	    .upstream = (char *)(uintptr_t)upstream, .provider = ids[i],
	    .weight = weight, .order = order, .state = &states[i] };
}

static const struct deploy *
test_pick(const struct route_table *t, const char *name, uint64_t rnd)
{
	bool limited;
	uint32_t wait;

	return route_pick(route_table_find(t, span_z(name)), NULL, 0, rnd,
	    1000, &limited, &wait);
}

static void
test_weights(void **state)
{
	struct route_table *t = route_table_new();
	struct deploy d[3];
	unsigned count[3] = { 0 }, i;
	uint64_t s = 42;

	(void)state;
	d[0] = test_deploy(0, "m", "a", 1, 0);
	d[1] = test_deploy(1, "m", "b", 3, 0);
	d[2] = test_deploy(2, "m", "c", 1e-9, 0);
	for (i = 0; i < 3; i++)
		route_table_add(t, &d[i]);
	route_table_seal(t);
	for (i = 0; i < 40000; i++)
		count[test_pick(t, "m", test_random(&s))->index]++;
	assert_in_range(count[0], 9500, 10500);
	assert_in_range(count[1], 29500, 30500);
	assert_int_equal(count[2], 0);
	/* The ends of the random numbers. */
	assert_ptr_equal(test_pick(t, "m", 0), &d[0]);
	assert_non_null(test_pick(t, "m", UINT64_MAX));
	route_table_free(t);
}

static void
test_tiers_and_tried(void **state)
{
	struct route_table *t = route_table_new();
	struct deploy d[4];
	const struct deploy *tried[4];
	const struct route *r;
	bool limited;
	uint32_t wait;
	unsigned i;

	(void)state;
	d[0] = test_deploy(0, "m", "late", 1, 2);
	d[1] = test_deploy(1, "m", "first", 1, -1);
	d[2] = test_deploy(2, "m", "dead", 1, -1);
	d[2].use = DEPLOY_NO_KEY;
	d[3] = test_deploy(3, "m", "late2", 1, 2);
	for (i = 0; i < 4; i++)
		route_table_add(t, &d[i]);
	route_table_seal(t);
	r = route_table_find(t, SPAN_LIT("m"));
	assert_int_equal(r->nall, 4);
	assert_int_equal(r->ntiers, 2);
	assert_int_equal(r->tiers[0].n, 1);
	assert_int_equal(r->tiers[1].n, 2);
	for (i = 0; i < 3; i++) {
		tried[i] = route_pick(r, tried, i, UINT64_MAX / 3, 5,
		    &limited, &wait);
		assert_non_null(tried[i]);
		assert_int_equal(tried[i]->order, i == 0 ? -1 : 2);
	}
	assert_ptr_not_equal(tried[1], tried[2]);
	assert_null(route_pick(r, tried, 3, 7, 5, &limited, &wait));
	assert_false(limited);
	assert_int_equal(wait, 0);
	route_table_free(t);
}

static void
test_limits(void **state)
{
	struct route_table *t = route_table_new();
	struct deploy d[3];
	const struct deploy *p;
	const struct route *r;
	unsigned i, count[3] = { 0 };
	uint64_t s = 7;
	bool limited;
	uint32_t wait;

	(void)state;
	d[0] = test_deploy(0, "m", "a", 1000, 0);
	d[0].rpm = 5;
	d[1] = test_deploy(1, "m", "b", 1, 0);
	d[1].rpm = 20;
	d[2] = test_deploy(2, "m", "c", 1, 1);
	d[2].rpm = 3;
	for (i = 0; i < 3; i++)
		route_table_add(t, &d[i]);
	route_table_seal(t);
	r = route_table_find(t, SPAN_LIT("m"));
	for (i = 0; i < 28; i++) {
		p = route_pick(r, NULL, 0, test_random(&s), 1000 + i,
		    &limited, &wait);
		assert_non_null(p);
		/* The next tier only when the first is used up. */
		if (p == &d[2])
			assert_int_equal(count[0] + count[1], 25);
		count[p->index]++;
	}
	assert_int_equal(count[0], 5);
	assert_int_equal(count[1], 20);
	assert_int_equal(count[2], 3);
	assert_null(route_pick(r, NULL, 0, 0, 2000, &limited, &wait));
	assert_true(limited);
	assert_in_range(wait, 59000, 59000 + 5);
	assert_ptr_equal(route_pick(r, NULL, 0, 0, 62000, &limited, &wait),
	    &d[0]);
	route_table_free(t);
}

static void
test_find_by_name_id_and_pattern(void **state)
{
	static const struct {
		const char	*name;
		const char	*model;		/* NULL: none */
	} cases[] = {
		{ "gpt", "gpt" }, { "id-1", "openai/*" },
		{ "openai/x", "openai/*" }, { "openai/gpt-4", "openai/gpt-*" },
		{ "openai/", "openai/*" }, { "zzz", "*" },
		{ "a/static/b", "*/static/*" },
		/* Eight letters beat seven. */
		{ "openai/static/", "*/static/*" },
		{ "openai", "*" }, { "", NULL },
	};
	struct route_table *t = route_table_new();
	const struct route *r;
	struct deploy d[6];
	char big[ROUTE_NAME_MAX + 1];
	unsigned i;

	(void)state;
	d[0] = test_deploy(0, "gpt", "a", 1, 0);
	d[1] = test_deploy(1, "openai/*", "*", 1, 0);
	d[2] = test_deploy(2, "*", "c", 1, 0);
	d[3] = test_deploy(3, "openai/gpt-*", "d", 1, 0);
	d[4] = test_deploy(4, "*/static/*", "e", 1, 0);
	d[5] = test_deploy(5, "id-0", "f", 1, 0);
	for (i = 0; i < 6; i++)
		route_table_add(t, &d[i]);
	route_table_seal(t);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = route_table_find(t, span_z(cases[i].name));
		if (cases[i].model == NULL)
			assert_null(r);
		else {
			assert_non_null(r);
			assert_string_equal(r->model, cases[i].model);
		}
	}
	/* A name goes before an id; an id leads to its deployment alone. */
	assert_ptr_equal(test_pick(t, "id-0", 0), &d[5]);
	assert_ptr_equal(test_pick(t, "id-3", 0), &d[3]);
	memset(big, 'a', sizeof(big));
	assert_non_null(route_table_find(t,
	    (struct span){ big, ROUTE_NAME_MAX }));
	assert_null(route_table_find(t,
	    (struct span){ big, ROUTE_NAME_MAX + 1 }));
	assert_null(route_table_find(t, SPAN_NONE));
	for (i = 0; i < 6; i++)
		assert_string_equal(route_table_at(t, i)->model, d[i].model);
	assert_null(route_table_at(t, 6));
	route_table_free(t);
}

static void
test_upstream(void **state)
{
	static const struct {
		const char	*model, *upstream, *name, *want;
	} cases[] = {
		{ "m", "llama3", "m", "llama3" },
		{ "openai/*", "*", "openai/gpt-4o", "gpt-4o" },
		{ "*", "*", "gpt/4", "gpt/4" },
		{ "google/*", "gemini-*", "google/pro", "gemini-pro" },
		{ "fo::*:static::*", "a-*/b-*", "fo::x:static::y", "a-x/b-y" },
		/* As (.*) does: the first star takes what it can. */
		{ "a*b*c", "*|*", "aXbYbZc", "XbY|Z" },
		{ "*", "fixed", "anything", "fixed" },
		{ "a*", "*-*", "ax", "x-x" },
		{ "m", "*", "m", "m" },
		{ "a*", "*", "a", "" },
	};
	struct arena a = { 0 };
	struct deploy d;
	struct route_table *t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t = route_table_new();
		d = test_deploy(0, cases[i].model, cases[i].upstream, 1, 0);
		route_table_add(t, &d);
		route_table_seal(t);
		assert_string_equal(route_upstream(route_table_find(t,
		    span_z(cases[i].name)), &d, span_z(cases[i].name), &a),
		    cases[i].want);
		route_table_free(t);
	}
	arena_fini(&a);
}

static void
test_similar(void **state)
{
	struct route_table *t = route_table_new();
	const char *out[3];
	struct deploy d[5];
	unsigned i;

	(void)state;
	d[0] = test_deploy(0, "task-api-modle", "a", 1, 0);
	d[1] = test_deploy(1, "task-api-model", "a", 1, 0);
	d[2] = test_deploy(2, "task-app-model", "a", 1, 0);
	d[3] = test_deploy(3, "task-api-model2", "a", 1, 0);
	d[4] = test_deploy(4, "something-else", "a", 1, 0);
	for (i = 0; i < 5; i++)
		route_table_add(t, &d[i]);
	route_table_seal(t);
	assert_int_equal(route_table_similar(t, SPAN_LIT("task-api-model"),
	    out), 3);
	assert_string_equal(out[0], "task-api-model");
	assert_int_equal(route_table_similar(t, SPAN_LIT("qqq"), out), 0);
	assert_int_equal(route_table_similar(t, SPAN_NONE, out), 0);
	route_table_free(t);
}

static uint16_t
test_number(void *arg, const char *model)
{
	assert_non_null(model);
	return ++*(uint16_t *)arg;
}

static void
test_override(void **state)
{
	struct route_table *t = route_table_new();
	const struct deploy *one[1], *two[2], **tiers[2] = { one, two };
	unsigned n[2] = { 1, 2 };
	uint16_t number = 0;
	struct deploy d[3];
	struct route *r;

	(void)state;
	d[0] = test_deploy(0, "m", "a", 1, 0);
	d[1] = test_deploy(1, "o", "b", 1, 0);
	d[2] = test_deploy(2, "o", "c", 1, 0);
	route_table_add(t, &d[0]);
	route_table_add(t, &d[1]);
	route_table_add(t, &d[2]);
	route_table_seal(t);
	route_table_number(t, test_number, &number);
	assert_null(route_table_get(t, "nope"));
	r = route_table_get(t, "m");
	assert_int_equal(r->name_id, 1);
	one[0] = &d[2];
	two[0] = &d[0];
	two[1] = &d[1];
	assert_false(r->runtime);
	route_table_override(t, r, tiers, n, 2);
	assert_true(r->runtime);
	assert_int_equal(r->ntiers, 2);
	assert_ptr_equal(test_pick(t, "m", UINT64_MAX), &d[2]);
	assert_ptr_equal(test_pick(t, "id-0", 0), &d[0]);
	route_table_override(t, r, tiers, n, 1);
	assert_int_equal(r->ntiers, 1);
	route_table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_tiers_and_tried),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_find_by_name_id_and_pattern),
		cmocka_unit_test(test_upstream),
		cmocka_unit_test(test_similar),
		cmocka_unit_test(test_override),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
