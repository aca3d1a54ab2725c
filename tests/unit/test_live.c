/* SPDX-License-Identifier: ISC */
/* LINK: daemon/observe/live.c daemon/observe/row.c daemon/observe/stats.c */
/* LINK: daemon/observe/hist.c daemon/base/map.c daemon/base/hash.c */
/* LINK: daemon/base/xmalloc.c daemon/base/log.c daemon/base/clock.c */
/* LINK: daemon/base/str.c daemon/base/jout.c daemon/base/jscan.c */
/* LINK: daemon/base/jscan_explain.c proto/errors.c proto/text.c */
/* LINK: proto/text_width.c */
#include <json-c/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "observe/live.h"
#include "observe/row.h"
#include "observe/stats.h"
#include "proto/errors.h"

#define MS	1000000ull
#define WALL	1795437663000000000ll	/* of mono 0 */

static const char *
name_cb(uint16_t id, void *arg)
{
	static const char *const names[] = { "-", "chat", "qwen3:8b@gpu1",
	    "master", "code", "a@b@gpu2" };

	(void)arg;
	return id < 6 ? names[id] : NULL;
}

static bool gone;

static const char *
deploy_cb(uint16_t model, uint16_t label, void *arg)
{
	(void)arg;
	return !gone && model == 1 && label == 2 ? "dep-1" : NULL;
}

static const struct live_names names = { name_cb, deploy_cb, NULL };

/* What the listener saw. */
static struct {
	unsigned	 n;
	uint64_t	 seq[64];
	enum live_kind	 kind[64];
} seen;

static void
seen_cb(const struct live_event *ev, void *arg)
{
	(void)arg;
	if (seen.n < 64) {
		seen.seq[seen.n] = ev->seq;
		seen.kind[seen.n] = ev->kind;
	}
	seen.n++;
}

static struct live *
fresh(struct stats *s)
{
	struct live *l = live_new(&names, s);

	memset(&seen, 0, sizeof seen);
	gone = false;
	live_listen(l, seen_cb, NULL);
	return l;
}

static void
fold(struct live *l, uint64_t id, enum record_kind kind,
    enum record_phase phase, uint64_t t_ms)
{
	struct record r;

	memset(&r, 0, sizeof r);
	r.id = id;
	r.kind = (uint8_t)kind;
	r.phase = (uint8_t)phase;
	r.t_ns = t_ms * MS;
	r.start_ns = 1000 * MS;
	r.attempts = 1;
	r.model = 1;
	r.deploy = phase == PHASE_QUEUE ? 0 : 2;
	r.key = 3;
	r.flags = RECORD_STREAM;
	r.addr[10] = r.addr[11] = 0xff;
	r.addr[12] = 10;
	r.addr[15] = 7;
	if (t_ms > 1300)
		r.first_ns = 1300 * MS;
	if (kind == RECORD_PROGRESS)
		r.out = 10;
	if (kind == RECORD_END) {
		r.status = 200;
		r.in = 14;
		r.out = 20;
		r.finish = 1;
		r.flags |= RECORD_USAGE;
	}
	live_fold(l, &r, WALL);
}

static void
note(struct live *l, uint64_t id, enum record_note what, const char *text)
{
	struct record r;

	memset(&r, 0, sizeof r);
	r.id = id;
	r.kind = RECORD_NOTE;
	r.note = (uint8_t)what;
	r.len = (uint8_t)strlen(text);
	memcpy(r.text, text, r.len);
	live_fold(l, &r, WALL);
}

static struct json_object *
row(struct live *l, uint64_t id, uint64_t now_ms)
{
	struct json_object *o;
	struct buf b = { 0 };

	buf_lit(&b, "{");
	row_json(&b, l, live_find(l, id), now_ms * MS);
	buf_lit(&b, "}");
	buf_pad(&b);
	o = json_tokener_parse(b.p);
	assert_non_null(o);
	buf_fini(&b);
	return o;
}

static void
is(struct json_object *o, const char *key, const char *want)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	if (strcmp(json_object_to_json_string_ext(v,
	    JSON_C_TO_STRING_PLAIN), want) != 0)
		fail_msg("%s is %s, not %s", key,
		    json_object_to_json_string(v), want);
}

static void
test_life(void **state)
{
	struct stats *s = stats_new(1000 * MS);
	struct live *l = fresh(s);
	struct stats_view v;
	struct json_object *o;

	(void)state;
	fold(l, 0x7f00, RECORD_START, PHASE_QUEUE, 1000);
	assert_int_equal(live_count(l), 1);
	assert_int_equal(live_queued(l), 1);
	fold(l, 0x7f00, RECORD_PHASE, PHASE_CONNECT, 1100);
	assert_int_equal(live_queued(l), 0);
	fold(l, 0x7f00, RECORD_FIRST, PHASE_STREAM, 1300);
	fold(l, 0x7f00, RECORD_PROGRESS, PHASE_STREAM, 1800);
	o = row(l, 0x7f00, 2000);
	is(o, "id", "\"7f00\"");
	is(o, "model", "\"chat\"");
	is(o, "deployment", "\"dep-1\"");
	is(o, "upstream", "\"qwen3:8b\"");
	is(o, "backend", "\"gpu1\"");
	is(o, "key", "\"master\"");
	is(o, "client", "\"10.0.0.7\"");
	is(o, "phase", "\"stream\"");
	is(o, "status", "200");
	is(o, "ttft_ms", "300.000");
	is(o, "total_ms", "null");
	is(o, "age_ms", "1000.000");
	is(o, "queue_ms", "100.000");
	is(o, "tokens_in", "null");
	is(o, "tokens_out", "10");
	is(o, "tokens_estimated", "true");
	is(o, "tps", "20.0");
	is(o, "error", "null");
	json_object_put(o);
	fold(l, 0x7f00, RECORD_END, PHASE_DONE, 2300);
	assert_int_equal(live_count(l), 0);
	assert_null(live_first(l));
	assert_int_equal(live_done_first(l)->id, 0x7f00);
	o = row(l, 0x7f00, 9000);
	is(o, "phase", "\"done\"");
	is(o, "total_ms", "1300.000");
	is(o, "age_ms", "1300.000");
	is(o, "tokens_in", "14");
	is(o, "tokens_estimated", "false");
	is(o, "finish", "\"stop\"");
	json_object_put(o);
	stats_query(s, NULL, 300, 2400 * MS, &v);
	assert_int_equal(v.n, 1);
	assert_true(v.ttft_p50_ms > 290 && v.ttft_p50_ms < 310);
	assert_int_equal(live_total(l), 1);
	/* Order: start, phase, first, progress, end. */
	assert_int_equal(seen.n, 5);
	assert_int_equal(seen.kind[0], LIVE_START);
	assert_int_equal(seen.kind[1], LIVE_PHASE);
	assert_int_equal(seen.kind[4], LIVE_END);
	assert_int_equal(seen.seq[0], 1);
	assert_int_equal(seen.seq[4], 5);
	/* Nothing follows an end. */
	fold(l, 0x7f00, RECORD_PROGRESS, PHASE_STREAM, 2400);
	assert_int_equal(seen.n, 5);
	live_free(l);
	stats_free(s);
}

/* An end alone (a refusal), with its notes, raw bytes and all. */
static void
test_refusal(void **state)
{
	struct live *l = fresh(NULL);
	struct json_object *o, *e;
	struct record r;

	(void)state;
	note(l, 9, NOTE_MODEL, "no\x1b[2Jsuch\r\n");
	note(l, 9, NOTE_ERROR, "bad \xff\"");
	assert_null(live_done_first(l));
	memset(&r, 0, sizeof r);
	r.id = 9;
	r.kind = RECORD_END;
	r.t_ns = 1200 * MS;
	r.start_ns = 1199 * MS;
	r.status = 404;
	r.error = ERR_MODEL_NOT_FOUND;
	r.addr[15] = 1;
	live_fold(l, &r, WALL);
	o = row(l, 9, 1300);
	is(o, "model", "\"no\\u001b[2Jsuch\\r\\n\"");
	is(o, "client", "\"::1\"");
	is(o, "status", "404");
	is(o, "ttft_ms", "null");
	is(o, "tokens_out", "null");
	json_object_object_get_ex(o, "error", &e);
	is(e, "code", "\"model_not_found\"");
	is(e, "message", "\"bad \xef\xbf\xbd\\\"\"");
	json_object_put(o);
	assert_int_equal(seen.n, 1);
	live_free(l);
}

/* The id of a deployment stays known when a reload has taken it away. */
static void
test_memory_of_ids(void **state)
{
	struct live *l = fresh(NULL);
	struct json_object *o;

	(void)state;
	fold(l, 1, RECORD_START, PHASE_CONNECT, 1000);
	gone = true;
	fold(l, 1, RECORD_END, PHASE_DONE, 1400);
	o = row(l, 1, 1500);
	is(o, "deployment", "\"dep-1\"");
	json_object_put(o);
	live_free(l);
}

static void
test_replay(void **state)
{
	struct live *l = fresh(NULL);
	uint64_t cursor;
	unsigned i;

	(void)state;
	fold(l, 1, RECORD_START, PHASE_CONNECT, 1000);
	cursor = live_seq(l);
	fold(l, 1, RECORD_FIRST, PHASE_STREAM, 1300);
	fold(l, 1, RECORD_PROGRESS, PHASE_STREAM, 1400);
	live_note(l, 4, SPAN_LIT("\"a\":1"), true, 5);
	live_note(l, 5, SPAN_LIT("\"b\":1"), false, 6);
	fold(l, 1, RECORD_END, PHASE_DONE, 1500);
	memset(&seen, 0, sizeof seen);
	assert_true(live_replay(l, cursor, seen_cb, NULL));
	assert_int_equal(seen.n, 3);		/* first, note, end */
	assert_int_equal(seen.kind[0], LIVE_FIRST);
	assert_int_equal(seen.kind[1], LIVE_NOTE);
	assert_int_equal(seen.kind[2], LIVE_END);
	assert_int_equal(seen.seq[2], live_seq(l));
	assert_false(live_replay(l, live_seq(l) + 1, seen_cb, NULL));
	/* It is forgotten with its last event. */
	for (i = 0; i < LIVE_HISTORY; i++)
		live_note(l, 4, SPAN_LIT("x"), true, 7);
	assert_null(live_find(l, 1));
	assert_null(live_done_first(l));
	assert_false(live_replay(l, cursor, seen_cb, NULL));
	assert_true(live_replay(l, live_oldest(l), seen_cb, NULL));
	live_free(l);
}

/* Texts are bounded in bytes, not in number alone. */
static void
test_texts(void **state)
{
	struct live *l = fresh(NULL);
	char *big = calloc(1, 100001);
	unsigned i;

	(void)state;
	memset(big, 'x', 100000);
	for (i = 0; i < 50; i++)
		live_note(l, 4, (struct span){ big, 100000 }, true, i);
	memset(&seen, 0, sizeof seen);
	assert_false(live_replay(l, 0, seen_cb, NULL));
	assert_true(live_replay(l, live_oldest(l), seen_cb, NULL));
	assert_int_equal(seen.n, LIVE_TEXT_MAX / 100000);
	free(big);
	live_free(l);
}

static void
test_many(void **state)
{
	struct live *l = fresh(NULL);
	unsigned i;

	(void)state;
	for (i = 0; i < 20000; i++)
		fold(l, (uint64_t)(i + 1) << 8 | i % 2, RECORD_START,
		    PHASE_CONNECT, 1000);
	assert_int_equal(live_count(l), 20000);
	for (i = 0; i < 20000; i++)
		fold(l, (uint64_t)(i + 1) << 8 | i % 2, RECORD_END,
		    PHASE_DONE, 1400);
	assert_int_equal(live_count(l), 0);
	assert_int_equal(live_total(l), 20000);
	i = 0;
	for (const struct live_row *r = live_done_first(l); r != NULL;
	    r = live_next(r))
		i++;
	assert_in_range(i, 1, LIVE_HISTORY);
	live_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_memory_of_ids),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_many)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
