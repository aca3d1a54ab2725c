/* SPDX-License-Identifier: ISC */
/* LINK: tui/model.c tui/row.c tui/field.c */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "tui/field.h"
#include "tui/model.h"

/*
 * Folds tests/fixtures/tui/session.jsonl, a line at a time: what llmd said to
 * one llmtop, a gap and a restart included.
 */
#define FIXTURE	"tests/fixtures/tui/session.jsonl"
#define T0	1795579200.0		/* 2026-11-25T04:00:00Z */

static void
feed(struct model *m, struct json_object *line)
{
	double now = T0 + 10;

	if (field_has(line, "connected"))
		model_connected(m, field_str(line, "connected"), now);
	else if (field_has(line, "subscribed"))
		model_subscribed(m, field_get(line, "subscribed"), now);
	else if (field_has(line, "page"))
		model_page(m, field_get(line, "page"), now);
	else if (field_has(line, "gap"))
		model_gap(m, field_get(line, "gap"));
	else
		model_event(m, field_get(line, "event"));
}

/* Folds the first n lines (0: all). */
static struct model *
play(int n)
{
	struct model *m = malloc(sizeof(*m));
	struct json_object *o;
	FILE *f = fopen(FIXTURE, "r");
	char *line = NULL;
	size_t cap = 0;
	int i;

	assert_non_null(m);
	assert_non_null(f);
	model_init(m);
	for (i = 0; (n == 0 || i < n) && getline(&line, &cap, f) > 0; i++) {
		o = json_tokener_parse(line);
		assert_non_null(o);
		feed(m, o);
		json_object_put(o);
	}
	free(line);
	fclose(f);
	return m;
}

static void
done(struct model *m)
{
	model_fini(m);
	free(m);
}

static const struct row *
at(const struct row_list *list, int i)
{
	const struct row *r = TAILQ_FIRST(list);

	while (r != NULL && i-- > 0)
		r = TAILQ_NEXT(r, entry);
	return r;
}

static void
assert_state(const struct row *r, const char *want)
{
	char buf[64];

	assert_non_null(r);
	assert_string_equal(row_state(r, buf, sizeof(buf)), want);
}

static void
test_snapshot(void **state)
{
	struct model *m = play(3);
	const struct row *r;

	(void)state;
	assert_int_equal(m->nlive, 2);
	assert_int_equal(m->ndone, 3);
	assert_string_equal(m->cursor, "aaaa.100");
	assert_int_equal(m->now.rev, 3);
	assert_true(isnan(m->now.err_pct));
	/* Live ones newest first. */
	assert_string_equal(at(&m->live, 0)->name, "20a");
	assert_state(at(&m->live, 0), "stream");
	assert_state(at(&m->live, 1), "queue #2");
	/* Ended ones, newest end first, with a word where it went wrong. */
	assert_string_equal(at(&m->done, 0)->name, "1fe");
	assert_state(at(&m->done, 1), "429 !");
	assert_state(at(&m->done, 2), "499 gone");
	r = at(&m->done, 1);
	assert_string_equal(r->code, "rate_limit_exceeded");
	assert_int_equal(row_badness(r), 2);
	assert_int_equal(row_badness(at(&m->done, 2)), 1);
	done(m);
}

static void
test_request_life(void **state)
{
	struct model *m = play(5);
	const struct row *r = model_find(m, m->gen, 0x300);
	char buf[128];

	(void)state;
	assert_state(r, "queue #1");
	assert_ptr_equal(at(&m->live, 0), r);
	assert_string_equal(row_target(r, buf, sizeof(buf)), "");
	done(m);

	m = play(8);
	r = model_find(m, m->gen, 0x300);
	assert_state(r, "stream");
	assert_string_equal(row_target(r, buf, sizeof(buf)),
	    "coder:14b@gpu2");
	assert_int_equal(r->tokens_out, 8);
	assert_int_equal(r->attempts, 2);
	assert_float_equal(r->ttft_ms, 800, 0);
	assert_float_equal((r->at[ROW_QUEUE] - T0), 1.1, 1e-3);
	assert_float_equal((r->at[ROW_PREFILL] - T0), 1.3, 1e-3);
	assert_true(isnan(r->at[ROW_CONNECT]));
	assert_float_equal(row_age_ms(r, T0 + 2.5), 1500, 1);
	assert_int_equal(m->nlive, 3);
	done(m);

	m = play(9);
	r = model_find(m, m->gen, 0x300);
	assert_state(r, "200 r1");
	assert_ptr_equal(at(&m->done, 0), r);
	assert_int_equal(m->nlive, 2);
	assert_int_equal(m->ndone, 4);
	assert_float_equal(row_age_ms(r, T0 + 5), 2000, 1);
	done(m);
}

static void
test_metrics_logs_gap(void **state)
{
	struct model *m = play(12);
	const struct model_log *l;

	(void)state;
	assert_float_equal(m->now.tok_s, 120, 0);
	assert_float_equal(model_past_get(m, 0)->tok_s, 120, 0);
	assert_float_equal(model_past_get(m, 1)->tok_s, 80, 0);
	assert_null(model_past_get(m, 2));
	assert_int_equal(m->dropped, 7);
	assert_int_equal(model_log_count(m), 1);
	l = model_log_get(m, 0);
	assert_string_equal(l->level, "warn");
	assert_string_equal(l->msg, "gpu2: 502 bad gateway");
	assert_null(model_log_get(m, 1));
	done(m);
}

/* An end whose start was dropped is a row like any other. */
static void
test_end_alone(void **state)
{
	struct model *m = play(13);
	const struct row *r = at(&m->done, 0);

	(void)state;
	assert_string_equal(r->name, "301");
	assert_state(r, "200 cut");
	assert_int_equal(row_badness(r), 1);
	done(m);
}

static void
test_state_event(void **state)
{
	struct model *m = play(14);

	(void)state;
	assert_int_equal(m->now.rev, 4);
	assert_true(m->stale_routes);
	assert_true(m->stale_models);
	done(m);
}

/* A restart loses what ran, and its ids begin anew. */
static void
test_restart(void **state)
{
	struct model *m = play(15);
	unsigned old = m->gen;
	const struct row *r;

	(void)state;
	assert_int_equal(m->nlive, 1);
	done(m);
	m = play(0);
	assert_int_equal(m->gen, old + 1);
	assert_state(model_find(m, old, 0x1ff), "lost");
	assert_state(model_find(m, old, 0x300), "200 r1");
	r = model_find(m, m->gen, 0x300);
	assert_state(r, "waiting");
	assert_true(r->test);
	assert_null(r->key);
	assert_int_equal(m->nlive, 1);
	assert_string_equal(m->cursor, "bbbb.2");
	done(m);
}

/* The same instance again: nothing is lost. */
static void
test_same_instance(void **state)
{
	struct model *m = play(9);

	(void)state;
	assert_int_equal(model_connected(m, "aaaa", T0), 0);
	assert_int_equal(m->nlive, 2);
	assert_int_equal(model_connected(m, "cccc", T0), 1);
	assert_int_equal(m->nlive, 0);
	assert_string_equal(m->cursor, "");
	done(m);
}

/* A lost row of a snapshot that missed it comes right with its page. */
static void
test_lost_then_found(void **state)
{
	struct model *m = play(2);
	struct json_object *snap = json_tokener_parse("{\"cursor\":\"aaaa.9\","
	    "\"snapshot\":{\"requests\":[],\"requests_total\":0}}");
	struct json_object *page = json_tokener_parse("{\"requests\":[{"
	    "\"id\":\"1ff\",\"phase\":\"done\",\"status\":200,"
	    "\"started\":\"2026-11-25T04:00:00.000Z\",\"total_ms\":1000}],"
	    "\"next_offset\":null}");

	(void)state;
	model_subscribed(m, snap, T0 + 5);
	assert_int_equal(m->nlive, 0);
	assert_state(model_find(m, m->gen, 0x1ff), "lost");
	assert_int_equal(model_page(m, page, T0 + 6), -1);
	assert_state(model_find(m, m->gen, 0x1ff), "200");
	assert_float_equal((model_find(m, m->gen, 0x1ff)->ended - T0), 1,
	    1e-3);
	assert_int_equal(m->ndone, 2);
	json_object_put(snap);
	json_object_put(page);
	done(m);
}

static void
test_rubbish(void **state)
{
	static const char *const lines[] = { "null", "[]", "7", "{}",
	    "{\"ev\":\"request.start\",\"t\":1}",
	    "{\"ev\":\"request.start\",\"t\":1,\"id\":\"XYZ\"}",
	    "{\"ev\":\"request.start\",\"t\":1,\"id\":\"\"}",
	    "{\"ev\":\"request.start\",\"t\":1,\"id\":\"11112222333344445\"}",
	    "{\"ev\":\"request.start\",\"t\":\"x\",\"id\":\"7f\"}",
	    "{\"ev\":\"nothing\",\"t\":1}", "{\"ev\":5,\"t\":1}" };
	struct model *m = play(3);
	struct json_object *o;
	size_t i, live = m->nlive, ended = m->ndone;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		o = json_tokener_parse(lines[i]);
		model_event(m, o);
		model_gap(m, o);
		model_subscribed(m, o, T0);
		assert_int_equal(model_page(m, o, T0), -1);
		model_take_routes(m, o);
		model_take_models(m, o);
		model_take_status(m, o, T0);
		json_object_put(o);
	}
	assert_int_equal(m->nlive, live);
	assert_int_equal(m->ndone, ended);
	assert_int_equal(m->dropped, 0);
	/* Wrong types inside are as if unknown. */
	o = json_tokener_parse("{\"ev\":\"request.start\",\"t\":1,\"id\":"
	    "\"7f\",\"model\":[1],\"status\":99999999999,\"tokens_out\":\"x\","
	    "\"phase\":\"dance\",\"error\":7}");
	model_event(m, o);
	json_object_put(o);
	assert_null(model_find(m, m->gen, 0x7f)->model);
	assert_int_equal(model_find(m, m->gen, 0x7f)->status, -1);
	assert_int_equal(model_find(m, m->gen, 0x7f)->tokens_out, -1);
	done(m);
}

/* However many come, MODEL_ROWS stay, and those are the newest. */
static void
test_bounds(void **state)
{
	struct model *m = play(1);
	struct json_object *o;
	char text[512];
	int i;

	(void)state;
	for (i = 1; i <= MODEL_ROWS + 500; i++) {
		snprintf(text, sizeof(text), "{\"ev\":\"request.end\",\"t\":"
		    "%.3f,\"id\":\"%x\",\"model\":\"%0300d\",\"phase\":"
		    "\"done\",\"status\":200,\"total_ms\":5}", T0 + i, i, i);
		o = json_tokener_parse(text);
		model_event(m, o);
		json_object_put(o);
		snprintf(text, sizeof(text), "{\"ev\":\"log\",\"t\":1,"
		    "\"level\":\"info\",\"module\":\"m\",\"msg\":\"%d\"}", i);
		o = json_tokener_parse(text);
		model_event(m, o);
		json_object_put(o);
	}
	assert_int_equal(m->nlive + m->ndone, MODEL_ROWS);
	assert_null(model_find(m, m->gen, 500));
	assert_non_null(model_find(m, m->gen, 501));
	assert_int_equal(at(&m->done, 0)->id, MODEL_ROWS + 500);
	assert_int_equal(model_log_count(m), MODEL_LOGS);
	assert_string_equal(model_log_get(m, 0)->msg, "5500");
	/* Live ones alone are bounded, too. */
	for (i = 1; i <= MODEL_ROWS + 5; i++) {
		snprintf(text, sizeof(text), "{\"ev\":\"request.start\","
		    "\"t\":%.3f,\"id\":\"%x\"}", T0 + i, 0x100000 + i);
		o = json_tokener_parse(text);
		model_event(m, o);
		json_object_put(o);
	}
	assert_int_equal(m->nlive, MODEL_ROWS);
	assert_int_equal(m->ndone, 0);
	assert_null(model_find(m, m->gen, 0x100001));
	done(m);
}

static void
test_search(void **state)
{
	struct model *m = play(9);
	const struct row *r = model_find(m, m->gen, 0x300);

	(void)state;
	assert_true(row_matches(r, "CODER"));
	assert_true(row_matches(r, "14b@gpu"));
	assert_true(row_matches(r, "200 r1"));
	assert_true(row_matches(r, "300"));
	assert_false(row_matches(r, "qwen"));
	done(m);
}

/* What is equal changes nothing: nothing is drawn. */
static void
test_changes(void **state)
{
	struct model *m = play(9);
	struct json_object *o = json_tokener_parse("{\"ev\":\"metrics\","
	    "\"t\":1,\"rps\":1,\"tok_s\":2,\"in_flight\":0,\"queued\":0,"
	    "\"err_pct\":null,\"ttft_p50_ms\":null,\"ttft_p95_ms\":null,"
	    "\"rev\":1,\"overrides\":0,\"requests_total\":5}");
	unsigned before;

	(void)state;
	model_event(m, o);
	before = m->changes;
	model_event(m, o);
	assert_int_equal(m->changes, before);
	json_object_put(o);
	done(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_request_life),
		cmocka_unit_test(test_metrics_logs_gap),
		cmocka_unit_test(test_end_alone),
		cmocka_unit_test(test_state_event),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_same_instance),
		cmocka_unit_test(test_lost_then_found),
		cmocka_unit_test(test_rubbish),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
